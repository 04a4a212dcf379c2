//! Rotation that is late, issuers that changed, and what is not learned yet.

use super::Case;
use super::draft::Draft;
use super::lockout::MISSED;
use crate::bundle::SvidType;
use crate::finding::evidence::ScheduleEvidence;
use crate::finding::{FindingKind, Severity};
use crate::time::{Timestamp, Window};
use crate::watch::{IssuerMode, IssuerModel, Lineage, Standing};

/// How many authorities are named that were accepted while the schedule was not known.
const LISTED: usize = 64;

/// Drafts `rotation_overdue`.
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
                    .because(ScheduleEvidence::IntervalExceeded {
                        last: *last,
                        expected_within: rhythm.overdue_after(),
                    })
                    .because(ScheduleEvidence::LearnedInterval {
                        count: u64::try_from(rhythm.gaps).unwrap_or(u64::MAX),
                        median: rhythm.median,
                        longest: rhythm.longest,
                    }),
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
    let newest = match line.newest {
        Some(id) => ScheduleEvidence::NewestAuthority { id, published: line.published.until },
        None => ScheduleEvidence::NewestUnknown,
    };
    let rest =
        facts.rotation.established(line.svid_type).filter(|line| line.missed.is_none()).count();
    let mut draft = Draft::new(FindingKind::RotationOverdue, severity, missed.deadline)
        .of(line.svid_type)
        .subject(&format!("lineage {}", line.number))
        .because(ScheduleEvidence::LineageOverdue {
            lineage: line.number,
            due: missed.date,
            deadline: missed.deadline,
        })
        .because(newest)
        .because(ScheduleEvidence::OthersOnTime { count: u64::try_from(rest).unwrap_or(u64::MAX) });
    if let Some(at) = end {
        draft = draft.because(ScheduleEvidence::NewestExpires { at });
    }
    Some(draft)
}

/// Whether a lineage of this use is on time, and its next authority is due before `end`: the
/// issuer's schedule has an answer to an authority that runs out.
pub(super) fn successor_is_due(
    case: &Case<'_>,
    svid_type: SvidType,
    end: Timestamp,
    at: Timestamp,
) -> bool {
    let rotation = &case.facts().rotation;
    let interval = case.facts().interval(case.policy);
    // A good poll after its deadline finds a date missed. Without one it stays open, and then it
    // counts for as long as the endpoint is not stale.
    let patience = interval * MISSED;
    rotation.established(svid_type).filter(|lineage| lineage.missed.is_none()).any(|lineage| {
        let due = rotation.due(lineage, case.policy, interval);
        due.is_some_and(|(_, deadline)| deadline < end && at <= deadline.saturating_add(patience))
    })
}

/// Until when the authority of this use that was missed last would have been on time.
pub(super) fn last_missed(case: &Case<'_>, svid_type: SvidType) -> Option<Timestamp> {
    let lineages = case.facts().rotation.established(svid_type);
    lineages.filter_map(|lineage| Some(lineage.missed?.deadline)).max()
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

/// Drafts `issuer_changed`, `issuer_unlearned`, `observation_gap`.
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    for change in &facts.rotation.lifetime_changes {
        drafts.push(
            Draft::new(FindingKind::IssuerChanged, Severity::Warning, change.at)
                .about(change.authority)
                .because(ScheduleEvidence::LifetimeChanged { from: change.from, to: change.to })
                .because(ScheduleEvidence::LifetimeChangeCauses),
        );
    }
    let learned =
        facts.authorities.records.iter().filter(|r| r.standing == Some(Standing::Learned));
    if let Some(first) = learned.clone().map(|record| record.published.until).min()
        && !is_learned(case)
        && !facts.ledger.open.iter().any(|f| f.kind == FindingKind::IssuerUnlearned)
    {
        let count = u64::try_from(learned.clone().count()).unwrap_or(u64::MAX);
        let authorities = learned.take(LISTED).map(|record| record.id().fingerprint).collect();
        drafts.push(
            Draft::new(FindingKind::IssuerUnlearned, Severity::Warning, first)
                .because(mode(case))
                .because(ScheduleEvidence::AcceptedUnlearned { count, authorities }),
        );
    }
    if let Some(gap) = facts.endpoint.last_gap {
        let lasting = gap.after.and_then(|after| gap.until.since(after)).unwrap_or_default();
        drafts.push(
            Draft::new(FindingKind::ObservationGap, Severity::Info, gap.until)
                .because(ScheduleEvidence::PollingInterrupted { lasting })
                .because(ScheduleEvidence::UnseenChanges),
        );
    }
}

fn mode(case: &Case<'_>) -> ScheduleEvidence {
    match case.policy.issuer {
        IssuerModel::Learned => ScheduleEvidence::LearnedFromPublications,
        IssuerModel::Declared { interval, .. } => {
            ScheduleEvidence::LearnedInFirstInterval { interval }
        }
        IssuerModel::Spire { mode, .. } => match mode.unwrap_or(case.facts().rotation.mode) {
            IssuerMode::SelfSigned => ScheduleEvidence::SelfSignedIssuer,
            found @ (IssuerMode::Upstream | IssuerMode::Nested) => {
                ScheduleEvidence::LearnedInFirstPeriod {
                    mode: found.label().into(),
                    configured: mode.is_some(),
                }
            }
        },
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
