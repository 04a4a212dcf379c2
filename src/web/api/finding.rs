//! What the API says of a finding.

use serde::{Deserialize, Serialize};

use anchorwatch_core::bundle::{Fingerprint, SvidType};
use anchorwatch_core::finding::evidence::StatedEvidence;
use anchorwatch_core::finding::{
    Finding, FindingId, FindingKind, FindingScope, IncidentId, Severity,
};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::WatchView;
use anchorwatch_core::watch::Facts;

/// A finding as a report has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReportedFinding {
    /// What it is known by.
    pub id: FindingId,
    /// The findings of one poll share it.
    pub incident: IncidentId,
    /// What it is about.
    pub kind: FindingKind,
    /// How urgent it is.
    pub severity: Severity,
    /// The use that it is about, where it is about one.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// What exactly it is about.
    #[serde(default, skip_serializing_if = "UntrustedText::is_empty")]
    pub subject: UntrustedText,
    /// Since when it has been true.
    pub since: Timestamp,
    /// What it rests on.
    pub evidence: Vec<StatedEvidence>,
}

impl From<&Finding> for ReportedFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            id: finding.id,
            incident: finding.incident,
            kind: finding.kind,
            severity: finding.severity,
            svid_type: finding.svid_type,
            subject: finding.subject.clone(),
            since: finding.since,
            evidence: stated(finding),
        }
    }
}

/// A finding that is open, with what a decision about it needs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OpenFinding {
    /// Of which trust domain; absent where it is about a key that several publish, or about
    /// anchorwatch itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<TrustDomain>,
    /// The trust domain whose journal has it; absent where it is about anchorwatch itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<TrustDomain>,
    /// What it is known by.
    pub id: FindingId,
    /// The findings of one poll share it.
    pub incident: IncidentId,
    /// Its kind.
    pub kind: String,
    /// How urgent it is.
    pub severity: Severity,
    /// The use that it is about.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// What exactly it is about.
    pub subject: UntrustedText,
    /// The whole fingerprint of the authority that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Since when.
    pub since: Timestamp,
    /// What it rests on.
    pub evidence: Vec<StatedEvidence>,
    /// What ends it.
    pub ends: String,
}

impl OpenFinding {
    /// The findings about anchorwatch itself.
    pub fn of_the_watch(watch: &WatchView) -> Vec<Self> {
        let open = watch.findings.iter().map(|finding| Self {
            trust_domain: None,
            recorded_by: None,
            id: finding.id,
            incident: finding.incident,
            kind: finding.kind.label().to_owned(),
            severity: finding.severity,
            svid_type: finding.svid_type,
            subject: finding.subject.clone(),
            fingerprint: None,
            since: finding.since,
            evidence: stated(finding),
            ends: finding.kind.clears().to_owned(),
        });
        open.collect()
    }

    /// The findings of a state.
    pub fn of(trust_domain: &TrustDomain, findings: &[Finding], facts: &Facts) -> Vec<Self> {
        let known = |finding: &Finding| {
            let shared = || {
                let records = facts.authorities.records.iter().map(|record| &record.authority);
                let unconfirmed = facts
                    .authorities
                    .unconfirmed
                    .iter()
                    .map(|unconfirmed_authority| &unconfirmed_authority.authority);
                let about =
                    records.chain(unconfirmed).find(|authority| finding.concerns(authority));
                about.map(|authority| authority.id)
            };
            let about = if finding.kind == FindingKind::AuthorityShared {
                shared()
            } else {
                facts.subject(finding).map(|subject| subject.id)
            };
            about.map(|id| id.fingerprint)
        };
        let open = findings.iter().map(|finding| Self {
            trust_domain: (finding.kind.scope() == FindingScope::TrustDomain)
                .then(|| trust_domain.clone()),
            recorded_by: Some(trust_domain.clone()),
            id: finding.id,
            incident: finding.incident,
            kind: finding.kind.label().to_owned(),
            severity: finding.severity,
            svid_type: finding.svid_type,
            subject: finding.subject.clone(),
            fingerprint: known(finding),
            since: finding.since,
            evidence: stated(finding),
            ends: finding.kind.clears().to_owned(),
        });
        open.collect()
    }
}

/// The evidence as data, with its sentences.
fn stated(finding: &Finding) -> Vec<StatedEvidence> {
    finding.evidence.iter().map(StatedEvidence::from).collect()
}
