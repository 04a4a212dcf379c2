//! When event findings end.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::time::Duration;

use super::Case;
use super::draft::is_subject;
use crate::finding::{Ending, Finding, FindingKind, Severity};
use crate::time::Timestamp;
use crate::watch::{AuthorityRecord, Event, LineKind, Standing};

/// A warning that nobody looked at ends after this long (design, 6).
const UNREVIEWED: Duration = Duration::from_hours(30 * 24);

/// The event findings that end at `at`.
pub(super) fn endings(case: &Case<'_>, at: Timestamp) -> Vec<Event> {
    let open = case.facts().ledger.open.iter();
    let ended = open.filter_map(|finding| Some((finding, ending(case, finding, at)?)));
    ended
        .map(|(finding, ending)| Event::FindingEnded {
            finding: finding.id,
            kind: finding.kind,
            ending,
        })
        .collect()
}

fn ending(case: &Case<'_>, finding: &Finding, at: Timestamp) -> Option<Ending> {
    let record = record(case, finding);
    if case.facts().decisions.acks.contains(&finding.id) {
        let standing = record.is_some_and(|record| {
            record.removed.is_none() && record.standing == Some(Standing::Denied)
        });
        // A denied key that stands is not done with, whatever anyone says (design, 7).
        let open = standing && finding.kind == FindingKind::UnexpectedAuthority;
        return (!open).then(|| Ending::Decision { reason: "acknowledged".into() });
    }
    if let Some(reason) = explained(case, finding, record) {
        return Some(Ending::Explanation { reason: reason.into() });
    }
    let old = at.since(finding.since).is_some_and(|age| UNREVIEWED <= age);
    (old && finding.severity <= Severity::Warning).then_some(Ending::Unreviewed)
}

/// The authority that a finding is about.
pub(super) fn record<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a AuthorityRecord> {
    let svid_type = finding.svid_type?;
    case.facts().authorities.iter().find(|record| {
        record.id().svid_type == svid_type && is_subject(record.id(), &finding.subject)
    })
}

fn explained(
    case: &Case<'_>,
    finding: &Finding,
    record: Option<&AuthorityRecord>,
) -> Option<&'static str> {
    let standing = record.and_then(|record| record.standing.as_ref());
    match finding.kind {
        FindingKind::UnexpectedAuthority => match standing? {
            Standing::Approved => Some("the authority was approved"),
            Standing::Announced => Some("an announcement explains the authority"),
            Standing::Unscheduled { loose: true, branch, .. } => {
                let line = case.facts().course.line(*branch)?;
                let replaced =
                    matches!(line.kind, LineKind::Branch { covers: Some(_) } | LineKind::Lineage);
                replaced.then_some("its lineage is one that the baseline knew only loosely")
            }
            Standing::Baseline if case.facts().decisions.baseline => Some("it is the baseline"),
            _ => None,
        },
        FindingKind::KeyRebound
        | FindingKind::AuthorityResurrected
        | FindingKind::ForeignAuthority
        | FindingKind::AuthorityShared => {
            (standing? == &Standing::Approved).then_some("the authority was approved")
        }
        FindingKind::IssuerUnlearned => {
            super::rhythm::is_learned(case).then_some("the issuer's rhythm is learned")
        }
        _ => None,
    }
}

/// Whether a full cap may not drop this one: a denied, rebound or foreign key (design, 6).
pub(super) fn is_never_dropped(case: &Case<'_>, finding: &Finding) -> bool {
    finding.kind.is_never_dropped()
        || (finding.kind == FindingKind::UnexpectedAuthority
            && record(case, finding).is_some_and(|r| r.standing == Some(Standing::Denied)))
}
