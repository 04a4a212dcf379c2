//! When event findings end.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::collections::HashMap;
use std::time::Duration;

use super::Case;
use crate::bundle::AuthorityId;
use crate::finding::{Ending, Finding, FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, Event, FirstDateFit, LineageKind, Standing};

/// A warning that nobody looked at ends after this long (docs/judgement.md#how-findings-end).
const UNREVIEWED: Duration = Duration::from_hours(30 * 24);

/// The event findings that end at `at`.
pub(super) fn endings(case: &Case<'_>, at: Timestamp) -> Vec<Event> {
    let open = &case.facts().ledger.open;
    let subjects = Subjects::of(case, open.iter());
    let ended = open.iter().filter_map(|finding| {
        let ending = ending(case, finding, subjects.record(finding), at)?;
        Some(Event::FindingEnded { finding: finding.id, kind: finding.kind, ending })
    });
    ended.collect()
}

fn ending(
    case: &Case<'_>,
    finding: &Finding,
    record: Option<&AuthorityRecord>,
    at: Timestamp,
) -> Option<Ending> {
    if case.facts().decisions.acks.contains(&finding.id) {
        let standing = record.is_some_and(|record| {
            record.removed.is_none() && record.standing == Some(Standing::Denied)
        });
        // A denied key that stands is not done with, whatever anyone says
        // (docs/judgement.md#denials).
        let open = standing && finding.kind == FindingKind::UnexpectedAuthority;
        return (!open).then(|| Ending::Decision { reason: "acknowledged".into() });
    }
    if let Some(reason) = explained(case, finding, record) {
        return Some(Ending::Explanation { reason: reason.into() });
    }
    // A warning that became critical waits for somebody.
    let doubted = record.is_some_and(|record| {
        matches!(
            record.standing,
            Some(Standing::Unscheduled { first: FirstDateFit::Contested { .. }, .. })
        )
    });
    if doubted && finding.kind == FindingKind::UnexpectedAuthority {
        return None;
    }
    let old = at.since(finding.since).is_some_and(|age| UNREVIEWED <= age);
    (old && finding.severity <= Severity::Warning).then_some(Ending::Unreviewed)
}

/// The authorities that some findings are about. There can be hundreds of either.
pub(super) struct Subjects<'a>(HashMap<AuthorityId, &'a AuthorityRecord>);

impl<'a> Subjects<'a> {
    pub(super) fn of<'f>(case: &Case<'a>, findings: impl Iterator<Item = &'f Finding>) -> Self {
        let facts = case.facts();
        let about = findings.filter_map(Finding::authority);
        Self(about.filter_map(|id| Some((id, facts.record(id)?))).collect())
    }

    /// The authority that a finding is about, where it is about one that is on record.
    pub(super) fn record(&self, finding: &Finding) -> Option<&'a AuthorityRecord> {
        self.0.get(&finding.authority()?).copied()
    }
}

fn explained(
    case: &Case<'_>,
    finding: &Finding,
    record: Option<&AuthorityRecord>,
) -> Option<&'static str> {
    let standing = record.and_then(|record| record.standing.as_ref());
    let approved = || is_approved(case, finding, record).then_some("the authority was approved");
    match finding.kind {
        FindingKind::UnexpectedAuthority => approved().or_else(|| match standing? {
            Standing::Announced => Some("an announcement explains the authority"),
            Standing::Unscheduled { first, branch, .. } if first.is_undecided() => {
                let line = case.facts().rotation.lineage(*branch)?;
                let replaces = matches!(line.kind, LineageKind::Branch { covers: Some(_) })
                    && *first == FirstDateFit::Drift;
                let goes_on = line.kind == LineageKind::Established;
                (goes_on || replaces)
                    .then_some("its lineage is one that the baseline knew only loosely")
            }
            Standing::Baseline if case.facts().decisions.baseline => Some("it is the baseline"),
            _ => None,
        }),
        FindingKind::KeyRebound
        | FindingKind::AuthorityResurrected
        | FindingKind::ForeignAuthority => approved(),
        FindingKind::AuthorityShared => {
            is_shared_key_approved(case, finding).then_some("the authority was approved")
        }
        FindingKind::FindingsFlood => {
            super::flood::is_over(case).then_some("all findings that were left out are listed")
        }
        FindingKind::IssuerUnlearned => {
            super::rhythm::is_learned(case).then_some("the issuer's rhythm is learned")
        }
        _ => None,
    }
}

/// Whether an operator approved of the authority that a finding is about. It may be one that only an
/// answer beside the state showed, or one that went long ago.
fn is_approved(case: &Case<'_>, finding: &Finding, record: Option<&AuthorityRecord>) -> bool {
    let decisions = &case.facts().decisions;
    match record {
        Some(record) if record.standing == Some(Standing::Denied) => false,
        Some(record) => {
            record.standing == Some(Standing::Approved)
                || decisions.approval(&record.authority).is_some()
        }
        None => decisions.approvals.iter().any(|approval| finding.names(approval.fingerprint)),
    }
}

/// Whether an operator approved of an authority of the public key that a finding is about.
fn is_shared_key_approved(case: &Case<'_>, finding: &Finding) -> bool {
    let Some(key) = finding.public_key() else { return false };
    let of_the_key = |record: &&AuthorityRecord| record.authority.public_key == Some(key);
    let mut records = case.facts().authorities.records.iter().filter(of_the_key);
    records.any(|record| is_approved(case, finding, Some(record)))
}
