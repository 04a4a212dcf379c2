//! An endpoint that cannot prove who it is.

use super::Case;
use super::draft::Draft;
use crate::bundle::Fingerprint;
use crate::finding::evidence::{Denied, EndpointEvidence, OutageEvidence};
use crate::finding::{Evidence, FindingKind, Severity};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::{DeniedSigner, FailureReason, FailureRun, Presented, PresentedCertificate};

/// One handshake may meet a replica that was started a moment ago; two polls running do not.
const UNAUTHENTICATED_POLLS: u32 = 2;
/// How many certificates beside the leaf the evidence shows.
const CHAIN: usize = 2;

/// Drafts `endpoint_unauthenticated`.
pub(super) fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    drafts.extend(
        case.facts().endpoint.denied_signers.iter().filter_map(|one| denied_signer(case, one)),
    );
    let Some(run) = &case.facts().endpoint.failure else { return };
    drafts.extend(if run.reason == FailureReason::TrustDenied {
        Some(trust_denied(case, run))
    } else {
        unauthenticated(case, run, at)
    });
}

/// An answer rests on a denied key: from the first poll on, and beside good answers too.
fn denied_signer(case: &Case<'_>, signer: &DeniedSigner) -> Option<Draft> {
    let DeniedSigner { authority, since, address, presented } = signer;
    let run = case.facts().endpoint.failure.as_ref();
    let fails = run.is_some_and(|run| run.reason == FailureReason::DeniedSigner);
    let denial = decision(case, authority.fingerprint);
    // Overridden since, or judged again without decisions.
    if denial.is_none() && !fails {
        return None;
    }
    let mut draft = Draft::new(FindingKind::EndpointUnauthenticated, Severity::Critical, *since)
        .about(*authority)
        .because(EndpointEvidence::DeniedSigner {
            authority: *authority,
            since: *since,
            address: *address,
        });
    if denial.is_some() {
        let fingerprint = authority.fingerprint;
        draft = draft.because(EndpointEvidence::AuthorityDenied { fingerprint, decision: denial });
    }
    if let Some(presented) = presented {
        draft = draft.because_all(shown(presented));
    }
    let meaning = match &case.facts().endpoint.failure {
        Some(_) if fails => EndpointEvidence::DeniedEverywhere,
        None => EndpointEvidence::DeniedSometimes,
        Some(_) => EndpointEvidence::NoGoodPollSince,
    };
    Some(draft.because(meaning))
}

/// Every authority that could authenticate the endpoint is denied.
fn trust_denied(case: &Case<'_>, run: &FailureRun) -> Draft {
    let server = case.endpoint.served_by().unwrap_or(&case.endpoint.trust_domain);
    let all_denied =
        EndpointEvidence::AllTrustDenied { server: server.clone(), url: case.endpoint.url.clone() };
    let denied = run.denied.iter().map(|fingerprint| EndpointEvidence::AuthorityDenied {
        fingerprint: *fingerprint,
        decision: decision(case, *fingerprint),
    });
    Draft::new(FindingKind::EndpointUnauthenticated, Severity::Critical, run.since)
        .because(all_denied)
        .because_all(denied)
        .because(EndpointEvidence::RebootstrapNeeded { server: server.clone() })
}

fn unauthenticated(case: &Case<'_>, run: &FailureRun, at: Timestamp) -> Option<Draft> {
    // An outage before it is no word about who answers.
    let polls = case.poll_state().unauthenticated;
    let is_denied = run.reason == FailureReason::DeniedSigner;
    let least = if is_denied { 1 } else { UNAUTHENTICATED_POLLS };
    let named = is_denied && !case.facts().endpoint.denied_signers.is_empty();
    if !run.reason.is_authentication() || polls < least || named {
        return None;
    }
    // While what is held could have authenticated it, the endpoint could have proved who it is.
    // After that nobody could, with what is held.
    let lockout = case.lockout();
    let limit = lockout.soft.or(lockout.hard);
    let passed = !is_denied && limit.is_some_and(|limit| limit < at);
    let severity = if passed { Severity::Warning } else { Severity::Critical };
    let draft = Draft::new(FindingKind::EndpointUnauthenticated, severity, run.since)
        .because(polls_failed(polls, run))
        .because_all(limit.map(|until| {
            if passed {
                OutageEvidence::CannotAuthenticate { until }
            } else {
                OutageEvidence::CouldAuthenticate { until }
            }
        }));
    Some(draft)
}

/// How many polls failed in a row, and why.
pub(super) fn polls_failed(polls: u32, run: &FailureRun) -> OutageEvidence {
    let (reason, detail) = (run.reason.label().into(), run.detail.clone());
    OutageEvidence::PollsFailed { polls, reason, detail }
}

/// When this authority was denied, by whom and why; `None` where the denial was overridden.
fn decision(case: &Case<'_>, fingerprint: Fingerprint) -> Option<Denied> {
    let mut denials = case.facts().decisions.denials.iter();
    let denial = denials.find(|denial| denial.fingerprint == fingerprint)?;
    Some(Denied { at: denial.at, words: denial.words.clone() })
}

/// What was presented, the leaf first.
fn shown(presented: &Presented) -> Vec<Evidence> {
    let above = presented.chain.iter().take(CHAIN).map(|one| certificate(false, one));
    let mut shown = vec![certificate(true, &presented.leaf)];
    shown.extend(above);
    let more = presented.chain.len().saturating_sub(CHAIN);
    if let Some(count) = u64::try_from(more).ok().filter(|more| 0 < *more) {
        shown.push(EndpointEvidence::MoreCertificates { count }.into());
    }
    shown
}

fn certificate(leaf: bool, presented: &PresentedCertificate) -> Evidence {
    /// How many URI names of a certificate are shown.
    const NAMES: usize = 2;
    /// How much of a name is kept, in bytes.
    const NAME: usize = 64;
    let PresentedCertificate { fingerprint, validity, subject, issuer, uri_sans, .. } = presented;
    let name = |text: &UntrustedText| text.truncated(NAME);
    EndpointEvidence::CertificatePresented {
        leaf,
        fingerprint: *fingerprint,
        subject: subject.as_ref().map(name),
        issuer: issuer.as_ref().map(name),
        uri_names: uri_sans.iter().take(NAMES).map(name).collect(),
        validity: *validity,
    }
    .into()
}
