//! An endpoint that cannot prove who it is.

use super::Case;
use super::draft::Draft;
use crate::bundle::Fingerprint;
use crate::finding::{FindingKind, Severity};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::{DeniedSigner, FailureReason, FailureRun, Presented, PresentedCertificate};

/// One handshake may meet a replica that was started a moment ago; two polls running do not.
const UNAUTHENTICATED_POLLS: u32 = 2;
/// How many certificates beside the leaf the evidence shows.
const CHAIN: usize = 2;

/// `endpoint_unauthenticated`
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
    let denial = denial(case, authority.fingerprint);
    // Overridden since, or judged again without decisions.
    if denial.is_none() && !fails {
        return None;
    }
    let from = address.map(|address| format!(" at address {address}")).unwrap_or_default();
    let mut draft =
        Draft::new(FindingKind::EndpointUnauthenticated, Severity::Critical, *since)
            .about(*authority)
            .because(format!(
                "at {since} the endpoint{from} presented a certificate that rests on the denied key of {authority}: a denied key authenticates nothing, so no part of the answer was taken, and the state stays as it was"
            ));
    draft = draft.because_all(denial);
    if let Some(presented) = presented {
        draft = draft.because_all(shown(presented));
    }
    let meaning = match &case.facts().endpoint.failure {
        Some(_) if fails => {
            "no answer rests on an undenied authority now: someone with the denied key answers in place of the endpoint, or the endpoint itself uses that key"
        }
        None => {
            "other answers rest on undenied authorities: someone with the denied key answers on some connections, or at one of the addresses"
        }
        Some(_) => "no poll has succeeded since, for another reason",
    };
    Some(draft.because(meaning))
}

/// Every authority that could authenticate the endpoint is denied.
fn trust_denied(case: &Case<'_>, run: &FailureRun) -> Draft {
    let server = case.endpoint.served_by().unwrap_or(&case.endpoint.trust_domain);
    let mut draft =
        Draft::new(FindingKind::EndpointUnauthenticated, Severity::Critical, run.since).because(
            format!(
                "no undenied X.509 authority of {server} is left that could authenticate {}: every one on record or in the bootstrap file is denied, so the endpoint is not asked",
                case.endpoint.url
            ),
        );
    for fingerprint in &run.denied {
        let why = denial(case, *fingerprint);
        draft = draft.because(why.unwrap_or_else(|| format!("{fingerprint} is denied")));
    }
    draft.because(way_out(server))
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
        .because(format!("{polls} polls running failed: {}: {}", run.reason, run.detail))
        .because_all(limit.map(|limit| {
            if passed {
                format!("what is held could authenticate it until {limit}: only a new bootstrap file helps now (anchorwatch rebootstrap)")
            } else {
                format!("what is held should authenticate it until {limit}: a server that lost its keys looks so, and someone in between does")
            }
        }));
    Some(draft)
}

/// Who denied this authority, when and why; `None` where the denial was overridden.
fn denial(case: &Case<'_>, fingerprint: Fingerprint) -> Option<String> {
    let mut denials = case.facts().decisions.denials.iter();
    let denial = denials.find(|denial| denial.fingerprint == fingerprint)?;
    let words = &denial.words;
    Some(format!("{fingerprint} was denied at {}, {words}", denial.at))
}

fn way_out(server: &TrustDomain) -> String {
    format!(
        "get the bundle of {server} out of band, compare its fingerprints with the partner, and run `anchorwatch rebootstrap {server} FILE --by YOUR-NAME --reason 'WHY'`; where a denial was a mistake, `anchorwatch approve FINGERPRINT` overrides it"
    )
}

/// What was presented, the leaf first.
fn shown(presented: &Presented) -> Vec<String> {
    let above = presented.chain.iter().take(CHAIN).map(|one| certificate("beside it", one));
    let mut shown = vec![certificate("it presented", &presented.leaf)];
    shown.extend(above);
    let more = presented.chain.len().saturating_sub(CHAIN);
    if 0 < more {
        shown.push(format!("and {more} more certificates"));
    }
    shown
}

fn certificate(place: &str, presented: &PresentedCertificate) -> String {
    /// How many URI names of a certificate are shown.
    const NAMES: usize = 2;
    /// How much of a name is shown, in bytes.
    const SHOWN: usize = 64;
    let PresentedCertificate { fingerprint, validity, subject, issuer, uri_sans, .. } = presented;
    let name = |text: &Option<UntrustedText>| match text {
        Some(text) => text.shortened(SHOWN),
        None => "unknown".to_owned(),
    };
    let fingerprint = fingerprint.map_or_else(|| "unknown".to_owned(), |one| one.to_string());
    let uris: Vec<String> = uri_sans.iter().take(NAMES).map(|uri| uri.shortened(SHOWN)).collect();
    let uris = if uris.is_empty() { "none".to_owned() } else { uris.join(", ") };
    format!(
        "{place}: certificate {fingerprint}, subject {}, issuer {}, URI names {uris}, valid from {} to {}",
        name(subject),
        name(issuer),
        validity.not_before,
        validity.not_after
    )
}
