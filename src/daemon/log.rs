//! What the log says: changes, not states. A quiet domain writes nothing.

use tracing::{debug, error, info, warn};

use crate::finding::{Finding, Severity};
use crate::journal::describe;
use crate::spiffe::TrustDomain;
use crate::watch::Event;

/// Writes what happened.
pub(super) fn events(trust_domain: &TrustDomain, events: &[Event]) {
    let trust_domain = trust_domain.as_str();
    for event in events {
        let (name, text) = (event.name(), describe(event));
        match event {
            Event::FailureBegan { reason, .. } => {
                warn!(trust_domain, event = name, reason = reason.label(), detail = %text, "poll failed");
            }
            Event::SteppedBack { .. }
            | Event::StepBackConfirmed { .. }
            | Event::AddressDiffers { .. }
            | Event::AuthorityGlimpsed { .. }
            | Event::WatchGap { .. }
            | Event::ClockSteppedBack { .. }
            | Event::IrregularitiesChanged { .. }
            | Event::BudgetExceeded { .. }
            | Event::Rebootstrapped { .. } => {
                warn!(trust_domain, event = name, detail = %text, "watch noted");
            }
            Event::EndpointConfigured { .. }
            | Event::FirstContact { .. }
            | Event::BundleChanged { .. }
            | Event::AuthorityIntroduced { .. }
            | Event::AuthorityRemoved { .. }
            | Event::AuthorityRelabelled { .. }
            | Event::AuthoritySigned { .. }
            | Event::Recovered { .. } => {
                info!(trust_domain, event = name, detail = %text, "watch noted");
            }
        }
    }
    if events.is_empty() {
        debug!(trust_domain, "poll changed nothing");
    }
}

/// Writes which findings opened and which ended.
pub(super) fn findings(trust_domain: &TrustDomain, before: &[Finding], now: &[Finding]) {
    let trust_domain = trust_domain.as_str();
    let among =
        |finding: &Finding, list: &[Finding]| list.iter().any(|one| one.kind == finding.kind);
    for finding in now.iter().filter(|finding| !among(finding, before)) {
        let (kind, evidence) = (finding.kind.label(), finding.evidence.join("; "));
        match finding.severity {
            Severity::Critical => error!(trust_domain, finding = kind, evidence, "finding opened"),
            Severity::Warning => warn!(trust_domain, finding = kind, evidence, "finding opened"),
            Severity::Info => info!(trust_domain, finding = kind, evidence, "finding opened"),
        }
    }
    for finding in before.iter().filter(|finding| !among(finding, now)) {
        info!(trust_domain, finding = finding.kind.label(), "finding ended");
    }
}
