//! A finding in the making.

use super::Case;
use crate::bundle::{AuthorityId, SvidType};
use crate::finding::{
    Evidence, Finding, FindingId, FindingKind, FindingScope, IncidentId, Severity, SubjectId,
};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// A finding in the making: what is not known yet is its name.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    kind: FindingKind,
    severity: Severity,
    svid_type: Option<SvidType>,
    subject: UntrustedText,
    subject_id: Option<SubjectId>,
    since: Timestamp,
    evidence: Vec<Evidence>,
}

impl Draft {
    pub(super) fn new(kind: FindingKind, severity: Severity, since: Timestamp) -> Self {
        let (svid_type, subject, subject_id) = (None, UntrustedText::default(), None);
        Self { kind, severity, svid_type, subject, subject_id, since, evidence: Vec::new() }
    }

    /// It is about one use.
    pub(super) fn of(mut self, svid_type: SvidType) -> Self {
        self.svid_type = Some(svid_type);
        self
    }

    /// It is about one authority.
    pub(super) fn about(self, id: AuthorityId) -> Self {
        self.of(id.svid_type).names(SubjectId::Fingerprint(id.fingerprint))
    }

    /// It is about one authority or public key, of whatever use.
    pub(super) fn names(mut self, id: SubjectId) -> Self {
        self.subject_id = Some(id);
        self.subject(&id.short())
    }

    /// It is about this.
    pub(super) fn subject(mut self, subject: &str) -> Self {
        self.subject = UntrustedText::new(subject, Finding::SUBJECT);
        self
    }

    /// It rests on this.
    pub(super) fn because(mut self, evidence: impl Into<Evidence>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// It rests on all of these.
    pub(super) fn because_all(
        mut self,
        evidence: impl IntoIterator<Item = impl Into<Evidence>>,
    ) -> Self {
        self.evidence.extend(evidence.into_iter().map(Into::into));
        self
    }

    /// Whether a finding about the same thing is open.
    pub(super) fn is_open(&self, case: &Case<'_>) -> bool {
        let about = (self.kind, self.svid_type, &self.subject, self.subject_id);
        let mut open = case.facts().ledger.open.iter();
        open.any(|open| (open.kind, open.svid_type, &open.subject, open.subject_id) == about)
    }

    pub(super) fn finish(self, case: &Case<'_>) -> Finding {
        let Self { kind, severity, svid_type, subject, subject_id, since, evidence } = self;
        let trust_domain = &case.endpoint.trust_domain;
        // What is no single trust domain's has the same name wherever it is reported.
        let of = match kind.scope() {
            FindingScope::TrustDomain => Some(trust_domain),
            FindingScope::Federation | FindingScope::Watch => None,
        };
        let whole = subject_id.map(|id| id.to_string());
        let whole = whole.as_deref().unwrap_or(subject.as_received());
        Finding {
            id: FindingId::new(of, kind, svid_type, whole, since),
            incident: IncidentId::new(Some(trust_domain), since),
            kind,
            severity,
            svid_type,
            subject,
            subject_id,
            since,
            evidence,
        }
    }
}
