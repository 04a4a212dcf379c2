//! What judgements and decisions say, in words for people.

use super::phrase::words;
use crate::decision::{Decision, DecisionAction};
use crate::finding::{Ending, Room, Severity};
use crate::time::span;
use crate::watch::{ConsumerRefusal, IssuerMode, IssuerModel, Policy, Standing};

/// How much of an operator's words is shown, in bytes.
const WORDS: usize = 300;

/// By what rules a domain is judged from now on.
pub(super) fn policy(policy: &Policy) -> String {
    let issuer = match policy.issuer {
        IssuerModel::Spire { ca_ttl, mode, .. } => {
            let ca_ttl =
                ca_ttl.map(|lifetime| format!(", ca_ttl {}", span(lifetime))).unwrap_or_default();
            let mode = mode.map(IssuerMode::label).map(|mode| format!(", mode {mode}"));
            format!("spire{ca_ttl}{}", mode.unwrap_or_default())
        }
        IssuerModel::Declared { interval, .. } => format!("declared, every {}", span(interval)),
        IssuerModel::Learned => "learned".to_owned(),
    };
    format!("judged from now on by policy {}, issuer {issuer}", policy.judgement.label())
}

/// Whether an authority is explained.
pub(super) fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Baseline => "part of the baseline".to_owned(),
        Standing::Denied => "denied".to_owned(),
        Standing::Approved => "approved".to_owned(),
        Standing::OnTime { lineage: 0 } => {
            "explained: it fits the rhythm that was learned".to_owned()
        }
        Standing::OnTime { lineage } => format!("explained: on the date of lineage {lineage}"),
        Standing::Late { lineage } => format!("explained: late, the next of lineage {lineage}"),
        Standing::Announced => "explained: announced".to_owned(),
        Standing::Learned => "taken while the issuer's rhythm is learned".to_owned(),
        Standing::Returned => "one that was removed before".to_owned(),
        Standing::Unscheduled { .. } => "unscheduled: it fits no date".to_owned(),
        Standing::Contradicted { by } => {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            format!("contradicted: {}", words(&by.join(" ")))
        }
    }
}

/// Who would refuse the document.
pub(super) fn refusals(refusals: &[ConsumerRefusal]) -> String {
    if refusals.is_empty() {
        return "no known consumer would refuse the document any more".to_owned();
    }
    let refused = refusals.iter().map(|one| format!("{} ({})", one.consumer, one.why));
    let refused: Vec<String> = refused.collect();
    format!("the document would be refused by {}", words(&refused.join(", ")))
}

/// What an operator decided.
pub(super) fn decision(decision: &Decision) -> String {
    let what = match &decision.action {
        DecisionAction::Announce { announcement }
        | DecisionAction::WithdrawAnnouncement { announcement } => format!(
            "{} {} from {} to {}",
            announcement.count,
            announcement.svid_type.label(),
            announcement.not_before,
            announcement.not_after
        ),
        DecisionAction::AnnounceOutage { outage } | DecisionAction::WithdrawOutage { outage } => {
            format!("from {} to {}", outage.not_before, outage.not_after)
        }
        DecisionAction::Approve { fingerprint }
        | DecisionAction::Deny { fingerprint, .. }
        | DecisionAction::WithdrawApproval { fingerprint } => fingerprint.to_string(),
        DecisionAction::Ack { finding } => finding.to_string(),
        DecisionAction::Baseline => "the first bundle".to_owned(),
        DecisionAction::RetireLineage { lineage } => format!("lineage {lineage}"),
    };
    let by = match &decision.by {
        by if by.is_empty() => "the configuration".to_owned(),
        by => by.shortened(WORDS),
    };
    format!("{} {what}, by {by}: {}", decision.action.name(), decision.reason.shortened(WORDS))
}

/// How many findings found no room.
pub(super) fn left_out(room: Room, severity: Severity, count: u64, waiting: u64) -> String {
    let svid_type = room.svid_type.map(|svid_type| format!(" {}", svid_type.label()));
    format!(
        "{count} further {} findings{}, up to {severity}, were counted and not raised: {waiting} wait for room",
        room.kind,
        svid_type.unwrap_or_default()
    )
}

/// How a finding ended.
pub(super) fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Decision { reason } | Ending::Explanation { reason } => reason.shortened(WORDS),
        Ending::Unreviewed => "nobody looked at it for 30 days".to_owned(),
    }
}
