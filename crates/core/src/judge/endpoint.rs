//! The endpoint itself: who it is, and whether it and its bundle belong together.

use super::Case;
use super::draft::Draft;
use crate::finding::evidence::EndpointEvidence;
use crate::finding::{FindingKind, Severity, SubjectId};
use crate::time::Timestamp;
use crate::watch::{IssuerMode, IssuerModel};

/// Drafts `endpoint_changed`, `endpoint_bundle_mismatch`.
pub(super) fn events(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    for shift in &case.facts().endpoint.shifts {
        drafts.push(
            Draft::new(FindingKind::EndpointChanged, Severity::Warning, shift.at)
                .because_all(shift.what.iter().cloned().map(EndpointEvidence::Differs))
                .because(EndpointEvidence::KeysInSamePoll { changed: shift.with_keys }),
        );
    }
    // Below an upstream authority each replica has an intermediate of its own: of a certificate
    // without its chain nobody can say which authority it rests on.
    if !is_chain_unknown(case) {
        drafts.extend(mismatch(case, at));
        drafts.extend(stale_leaf(case));
    }
}

/// Whether the issuer has an upstream authority, declared or guessed, and the endpoint did not
/// present the intermediate beside its certificate.
fn is_chain_unknown(case: &Case<'_>) -> bool {
    let facts = case.facts();
    let declared = match case.policy.issuer {
        IssuerModel::Spire { mode, .. } => mode,
        IssuerModel::Declared { .. } | IssuerModel::Learned => None,
    };
    declared.unwrap_or(facts.rotation.mode) == IssuerMode::Upstream
        && facts.endpoint.intermediate.is_none()
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
        .because(EndpointEvidence::UnlistedAuthority {
            authority: unlisted.authority.clone(),
            lasting,
        })
        .because(EndpointEvidence::UnlistedAuthorityRisk);
    Some(draft)
}

/// The endpoint presents a leaf older than its authority's last by more than half its life.
fn stale_leaf(case: &Case<'_>) -> Option<Draft> {
    let back = case.poll_state().older_leaf.as_ref()?;
    let draft = Draft::new(FindingKind::EndpointBundleMismatch, Severity::Warning, back.seen_at)
        .names(SubjectId::Fingerprint(back.authority))
        .because(EndpointEvidence::OlderCertificate {
            authority: back.authority,
            older: back.older,
            newer: back.newer,
        });
    Some(draft)
}
