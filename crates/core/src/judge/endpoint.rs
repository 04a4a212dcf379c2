//! The endpoint itself: who it is, and whether it and its bundle belong together.

use super::Case;
use super::draft::Draft;
use super::words::span;
use crate::finding::{FindingKind, Severity, SubjectId};
use crate::time::Timestamp;
use crate::watch::IssuerMode;

/// `endpoint_changed`, `endpoint_bundle_mismatch`
pub(super) fn events(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    for shift in &case.facts().endpoint.shifts {
        drafts.push(
            Draft::new(FindingKind::EndpointChanged, Severity::Warning, shift.at)
                .because_all(shift.what.iter().map(ToString::to_string))
                .because(if shift.with_keys {
                    "keys changed in the same poll: a taken-over name looks so, and a planned move"
                } else {
                    "no key changed in that poll"
                }),
        );
    }
    drafts.extend(mismatch(case, at));
    drafts.extend(stale_leaf(case));
}

/// The served bundle lacks the authority that its own endpoint's chain ends in.
fn mismatch(case: &Case<'_>, at: Timestamp) -> Option<Draft> {
    let unlisted = case.poll_state().unlisted.as_ref()?;
    let lasting = at.since(unlisted.since)?;
    if lasting <= case.policy.replica_lag {
        return None;
    }
    let draft = Draft::new(FindingKind::EndpointBundleMismatch, Severity::Warning, unlisted.since)
        .subject(&unlisted.authority)
        .because(format!(
            "for {} the endpoint has proved itself with an authority that its own bundle does not list: {}",
            span(lasting),
            unlisted.authority
        ))
        .because("a poller that has only this bundle could not come back; two servers on two datastores look so");
    Some(draft)
}

/// The endpoint presents a leaf older than its authority's last by more than half its life.
fn stale_leaf(case: &Case<'_>) -> Option<Draft> {
    if case.facts().rotation.mode == IssuerMode::Upstream
        && case.facts().endpoint.intermediate.is_none()
    {
        return None;
    }
    let back = case.poll_state().older_leaf.as_ref()?;
    let draft = Draft::new(FindingKind::EndpointBundleMismatch, Severity::Warning, back.seen_at)
        .names(SubjectId::Fingerprint(back.authority))
        .because(format!(
            "the endpoint presented a certificate made at {}, after one made at {} by the same authority: an old certificate is in use again",
            back.older, back.newer
        ));
    Some(draft)
}
