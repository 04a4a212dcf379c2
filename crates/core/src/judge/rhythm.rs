//! Rotation that is late, issuers that changed, and what is not learned yet.

use super::Case;
use super::draft::{Draft, short};
use super::words::span;
use crate::bundle::SvidType;
use crate::finding::{FindingKind, Severity};
use crate::time::{Timestamp, Window};
use crate::watch::{IssuerMode, IssuerModel, Lineage, Standing};

/// `rotation_overdue`
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    let rotation = &case.facts().rotation;
    let overdue = rotation.lineages.iter().filter(|line| line.is_overdue());
    drafts.extend(overdue.filter_map(|line| late(case, line, at)));
    for gaps in &rotation.gaps {
        let (Some(rhythm), Some(last)) = (gaps.rhythm(), gaps.publications.last()) else {
            continue;
        };
        let due = last.saturating_add(rhythm.overdue_after());
        if case.poll_state().last_success.is_some_and(|good| due < good) && due <= at {
            drafts.push(
                Draft::new(FindingKind::RotationOverdue, Severity::Warning, due)
                    .of(gaps.svid_type)
                    .because(format!(
                        "the last authority came at {last}, and the next was expected within {}",
                        span(rhythm.overdue_after())
                    ))
                    .because(format!(
                        "learned from {} gaps: median {}, longest {}",
                        rhythm.gaps,
                        span(rhythm.median),
                        span(rhythm.longest)
                    )),
            );
        }
    }
}

fn late(case: &Case<'_>, line: &Lineage, at: Timestamp) -> Option<Draft> {
    let missed = line.missed?;
    let facts = case.facts();
    // With its last authority a lineage ends: there is nothing left that could rotate.
    let lifetime = line.lifetime.or_else(|| facts.rotation.possible_lifetimes.last().copied());
    let end = lifetime.map(|lifetime| line.published.until.saturating_add(lifetime));
    if end.is_some_and(|end| end < at) {
        return None;
    }
    let alone = !facts.rotation.has_lineage_on_time(line.svid_type);
    let activation = newest_activation(case, line.svid_type);
    let severe = alone && activation.is_none_or(|activation| activation.until < at);
    let severity = if severe { Severity::Critical } else { Severity::Warning };
    let newest = line.newest.map_or_else(
        || "the lineage was there when the watch began".to_owned(),
        |newest| format!("its newest authority {} came at {}", short(newest), line.published.until),
    );
    let rest =
        facts.rotation.established(line.svid_type).filter(|line| line.missed.is_none()).count();
    let mut draft = Draft::new(FindingKind::RotationOverdue, severity, missed.deadline)
        .of(line.svid_type)
        .subject(&format!("lineage {}", line.number))
        .because(format!(
            "lineage {} was due {}, on time until {}, and a good poll after that shows no new authority",
            line.number,
            window(missed.date),
            missed.deadline
        ))
        .because(newest)
        .because(match rest {
            0 => "no other lineage of its use is on time".to_owned(),
            1 => "one other lineage of its use is on time".to_owned(),
            count => format!("{count} other lineages of its use are on time"),
        });
    if let Some(end) = end {
        draft = draft.because(format!("its newest authority runs out at {end}"));
    }
    Some(draft)
}

fn window(date: Window) -> String {
    if date.until.since(date.from).is_some_and(|width| width.as_secs() < 60) {
        format!("at {}", date.from)
    } else {
        format!("between {} and {}", date.from, date.until)
    }
}

/// When the newest explained authority of a use begins to sign.
fn newest_activation(case: &Case<'_>, svid_type: SvidType) -> Option<Window> {
    let facts = case.facts();
    let of = facts.published().filter(|r| r.id().svid_type == svid_type && r.is_explained());
    let newest = of.max_by_key(|record| record.published.until)?;
    match newest.standing {
        // It signs, or did: it was there before the watch began.
        Some(Standing::Baseline) => facts.lifetime_of(newest).map(|lifetime| {
            Window::point(
                newest.published.until.saturating_add(crate::watch::spire::lead(lifetime)),
            )
        }),
        _ => facts.activation(newest, case.policy),
    }
}

/// `issuer_changed`, `issuer_unlearned`, `observation_gap`
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    for change in &facts.rotation.lifetime_changes {
        drafts.push(
            Draft::new(FindingKind::IssuerChanged, Severity::Warning, change.at)
                .about(change.authority)
                .because(format!(
                    "on its lineage's date came an authority that lives {}, and the one before lived {}",
                    span(change.to),
                    span(change.from)
                ))
                .because("ca_ttl was changed, or another server signs under this name"),
        );
    }
    let learned =
        facts.authorities.records.iter().filter(|r| r.standing == Some(Standing::Learned));
    if let Some(first) = learned.clone().map(|record| record.published.until).min()
        && !is_learned(case)
        && !facts.ledger.open.iter().any(|f| f.kind == FindingKind::IssuerUnlearned)
    {
        let names: Vec<String> = learned.map(|record| short(record.id())).collect();
        drafts.push(
            Draft::new(FindingKind::IssuerUnlearned, Severity::Warning, first)
                .because(mode(case))
                .because(format!("taken as they came: {}", names.join(", "))),
        );
    }
    if let Some(gap) = facts.endpoint.last_gap {
        let away = gap.after.and_then(|after| gap.until.since(after)).unwrap_or_default();
        drafts.push(
            Draft::new(FindingKind::ObservationGap, Severity::Info, gap.until)
                .because(format!("the monitor did not poll for {}", span(away)))
                .because("what came and went within that time alone was not seen"),
        );
    }
}

fn mode(case: &Case<'_>) -> String {
    match case.policy.issuer {
        IssuerModel::Learned => {
            "the issuer's rhythm is learned from the gaps between publications".into()
        }
        IssuerModel::Declared { interval, .. } => {
            format!("lineages are learned in the first interval of {}", span(interval))
        }
        IssuerModel::Spire { mode, .. } => {
            let found = mode.unwrap_or(case.facts().rotation.mode);
            let how = if mode.is_some() { "configured" } else { "guessed from the first bundle" };
            match found {
                IssuerMode::SelfSigned => "SPIRE, self-signed".to_owned(),
                IssuerMode::Upstream | IssuerMode::Nested => format!(
                    "SPIRE in mode {} ({how}): its JWT lineages are learned in the first period; set issuer.spire.ca_ttl and mode where they are known",
                    found.label()
                ),
            }
        }
    }
}

/// Whether the rhythm that authorities were taken without is known now.
pub(super) fn is_learned(case: &Case<'_>) -> bool {
    let rotation = &case.facts().rotation;
    if rotation.gaps.iter().any(|gaps| gaps.rhythm().is_none() && 1 < gaps.publications.len()) {
        return false;
    }
    let interval = case.facts().interval(case.policy);
    let over = rotation.first_period_over(case.policy, interval, case.poll_state().last_success);
    over || rotation.gaps.iter().any(|gaps| gaps.rhythm().is_some())
}
