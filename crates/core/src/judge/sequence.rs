//! What sequence numbers say: rollback, equivocation, hidden changes.

use super::Case;
use super::draft::Draft;
use crate::finding::evidence::SequenceEvidence;
use crate::finding::{FindingKind, Severity};
use crate::watch::{Facts, IssuerModel, Regression, SequenceAnomaly, SequenceAnomalyKind};

/// Drafts `equivocation`, `hidden_change`, `rollback`.
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
                .because(SequenceEvidence::TwoKeySets { sequence, one, other })
                .because(SequenceEvidence::EquivocationCauses),
        ),
        // Others may count in timestamps.
        SequenceAnomalyKind::Hidden { from, to, seen } => {
            let IssuerModel::Spire { .. } = case.policy.issuer else { return None };
            Some(
                Draft::new(FindingKind::HiddenChange, Severity::Warning, anomaly.when.until)
                    .subject(&format!("sequence {to}"))
                    .because(SequenceEvidence::HiddenChanges { from, to, seen: seen.into() })
                    .because(SequenceEvidence::HiddenChangeCauses)
                    .because(SequenceEvidence::BetweenPolls { polls: anomaly.when }),
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
    Some(
        Draft::new(FindingKind::Rollback, Severity::Critical, *at)
            .because(SequenceEvidence::SequenceDecreased {
                from: *from,
                to: *to,
                since: *since,
                confirmed: *at,
            })
            .because(SequenceEvidence::KeySetAfterDecrease { known: *was_there })
            .because(SequenceEvidence::HighWaterMark { mark: facts.bundle.high_water }),
    )
}
