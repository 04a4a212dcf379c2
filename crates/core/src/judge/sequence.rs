//! What sequence numbers say: rollback, equivocation, hidden changes.

use super::Case;
use super::draft::Draft;
use super::words::span;
use crate::finding::{FindingKind, Severity};
use crate::watch::{Facts, IssuerModel, Regression, SequenceAnomaly, SequenceAnomalyKind};

/// `equivocation`, `hidden_change`, `rollback`
pub(super) fn events(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let facts = case.facts();
    let equivocal =
        |anomaly: &SequenceAnomaly| matches!(anomaly.kind, SequenceAnomalyKind::Equivocal { .. });
    let open = facts.ledger.open.iter().any(|one| one.kind == FindingKind::Equivocation);
    // A publisher that never counts would page at each rotation: one that is open says it all.
    let last = facts.bundle.sequence_anomalies.iter().rposition(equivocal);
    for (place, anomaly) in facts.bundle.sequence_anomalies.iter().enumerate() {
        if !equivocal(anomaly) || (!open && Some(place) == last) {
            drafts.extend(anomalous(case, anomaly));
        }
    }
    drafts.extend(rollback(facts));
}

fn anomalous(case: &Case<'_>, anomaly: &SequenceAnomaly) -> Option<Draft> {
    match anomaly.kind {
        SequenceAnomalyKind::Equivocal { sequence, one, other } => Some(
            Draft::new(FindingKind::Equivocation, Severity::Critical, anomaly.when.until)
                .subject(&format!("sequence {sequence}"))
                .because(format!("two key sets stand under sequence number {sequence}"))
                .because(format!("their digests: {one} and {other}"))
                .because("two servers that share a name but no datastore look so, a publisher that never counts, and an endpoint that answers some clients otherwise"),
        ),
        // Others may count in timestamps.
        SequenceAnomalyKind::Hidden { from, to, seen } => {
            let IssuerModel::Spire { .. } = case.policy.issuer else { return None };
            let hidden = to.saturating_sub(from).saturating_sub(u64::from(seen));
            Some(
                Draft::new(FindingKind::HiddenChange, Severity::Warning, anomaly.when.until)
                    .subject(&format!("sequence {to}"))
                    .because(format!(
                        "the sequence number moved from {from} to {to}, and what was seen accounts for {seen} of it: {hidden} unseen"
                    ))
                    .because("SPIRE's taint looks so, and so does a key that came and went between two polls")
                    .because(match anomaly.when.after {
                        Some(after) => format!(
                            "between the polls of {after} and {}, {} apart",
                            anomaly.when.until,
                            span(anomaly.when.until.since(after).unwrap_or_default())
                        ),
                        None => format!("seen at {}", anomaly.when.until),
                    }),
            )
        }
    }
}

/// It stays open once, however often the state steps back while it is
/// (docs/rotation-model.md#steps-back).
fn rollback(facts: &Facts) -> Option<Draft> {
    let open = |kind: FindingKind| facts.ledger.open.iter().any(|finding| finding.kind == kind);
    if open(FindingKind::Rollback) {
        return None;
    }
    let Regression { at, since, from, to, was_there } = facts.bundle.regressions.last()?;
    let number = |number: &Option<u64>| {
        number.map_or_else(|| "none".to_owned(), |number| number.to_string())
    };
    Some(
        Draft::new(FindingKind::Rollback, Severity::Critical, *at)
            .because(format!(
                "the sequence number fell from {} to {}, first at {since}, and a poll at {at} agrees",
                number(from),
                number(to)
            ))
            .because(if *was_there {
                "the key set is one that was the state before: an old answer is served again, by a stale replica, a restored datastore or an attacker"
            } else {
                "the key set never was the state before: a restored or a new datastore, or an attacker's own set"
            })
            .because(match facts.bundle.high_water {
                Some(mark) => format!("the high-water mark stays at {mark} until this is acknowledged"),
                None => "no high-water mark is known".to_owned(),
            }),
    )
}
