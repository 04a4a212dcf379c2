//! What the log says: changes, not states. A quiet domain writes nothing.

use tracing::{debug, error, info, warn};

use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::{Finding, Severity};
use anchorwatch_core::journal::describe;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Event;

/// Writes what happened.
pub(super) fn events(trust_domain: &TrustDomain, events: &[Event]) {
    let trust_domain = trust_domain.as_str();
    for event in events {
        let (name, text) = (event.name(), describe(event));
        match event {
            Event::FailureBegan { reason, .. } => {
                warn!(trust_domain, event = name, reason = reason.label(), detail = %text, "poll failed");
            }
            Event::DeniedSignerSeen { .. }
            | Event::SteppedBack { .. }
            | Event::StepBackConfirmed { .. }
            | Event::AddressDiffers { .. }
            | Event::UnconfirmedAuthoritySeen { .. }
            | Event::WatchGap { .. }
            | Event::ClockSteppedBack { .. }
            | Event::IrregularitiesChanged { .. }
            | Event::BudgetExceeded { .. }
            | Event::FindingsLeftOut { .. }
            | Event::EndpointShifted { .. }
            | Event::ConsumersChanged { .. }
            | Event::Decided { .. }
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
            | Event::AuthorityJudged { .. }
            | Event::DatesPassed { .. }
            | Event::IntermediateSeen { .. }
            | Event::NetworksFound { .. }
            | Event::PolicyChanged { .. }
            | Event::DeniedSignerGone { .. }
            | Event::Recovered { .. } => {
                info!(trust_domain, event = name, detail = %text, "watch noted");
            }
            // The findings themselves are logged when they open and end.
            Event::FindingRaised { .. } | Event::FindingEnded { .. } | Event::KidSighted { .. } => {
                debug!(trust_domain, event = name, detail = %text, "watch noted");
            }
        }
    }
    if events.is_empty() {
        debug!(trust_domain, "poll changed nothing");
    }
}

/// Writes which findings about anchorwatch itself opened and which ended.
pub(super) fn watch_findings(before: &[Finding], now: &[Finding]) {
    let among = |finding: &Finding, list: &[Finding]| list.iter().any(|one| one.id == finding.id);
    for finding in now.iter().filter(|finding| !among(finding, before)) {
        let (kind, id, evidence) =
            (finding.kind.label(), finding.id, finding.sentences().join(" "));
        error!(finding = kind, %id, evidence, "finding about anchorwatch itself opened");
    }
    for finding in before.iter().filter(|finding| !among(finding, now)) {
        let (kind, id) = (finding.kind.label(), finding.id);
        info!(finding = kind, %id, "finding about anchorwatch itself ended");
    }
}

/// Writes which findings opened and which ended since `before`, the findings that were published
/// last. Nothing was after a start: what is open then was so before.
pub(super) fn findings(trust_domain: &TrustDomain, before: Option<&[Finding]>, now: &[Finding]) {
    let trust_domain = trust_domain.as_str();
    let among = |finding: &Finding, list: &[Finding]| list.iter().any(|one| one.id == finding.id);
    let what = if before.is_some() { "finding opened" } else { "finding is open" };
    let before = before.unwrap_or_default();
    for finding in now.iter().filter(|finding| !among(finding, before)) {
        let Finding { id, incident, severity, subject, .. } = finding;
        let svid_type = finding.svid_type.map(SvidType::label).unwrap_or_default();
        let (kind, evidence) = (finding.kind.label(), finding.sentences().join(" "));
        match severity {
            Severity::Critical => {
                error!(trust_domain, finding = kind, %id, %incident, r#use = svid_type, %subject, evidence, "{what}");
            }
            Severity::Warning => {
                warn!(trust_domain, finding = kind, %id, %incident, r#use = svid_type, %subject, evidence, "{what}");
            }
            Severity::Info => {
                info!(trust_domain, finding = kind, %id, %incident, r#use = svid_type, %subject, evidence, "{what}");
            }
        }
    }
    for finding in before.iter().filter(|finding| !among(finding, now)) {
        let (kind, id) = (finding.kind.label(), finding.id);
        info!(trust_domain, finding = kind, %id, "finding ended");
    }
    for finding in now {
        let was = before.iter().find(|one| one.id == finding.id).map(|one| one.severity);
        if let Some(was) = was.filter(|was| *was != finding.severity) {
            let (kind, id, severity) = (finding.kind.label(), finding.id, finding.severity);
            warn!(trust_domain, finding = kind, %id, %was, %severity, "finding changed severity");
        }
    }
}
