//! A finding in the making.

use super::Case;
use crate::bundle::{AuthorityId, SvidType};
use crate::finding::{Finding, FindingId, FindingKind, IncidentId, Severity};
use crate::time::Timestamp;

/// How much of a fingerprint is shown where it is not decided on.
const SHORT: usize = 16;

/// A finding in the making: what is not known yet is its name.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    kind: FindingKind,
    severity: Severity,
    svid_type: Option<SvidType>,
    subject: String,
    since: Timestamp,
    evidence: Vec<String>,
}

impl Draft {
    pub(super) fn new(kind: FindingKind, severity: Severity, since: Timestamp) -> Self {
        let (svid_type, subject, evidence) = (None, String::new(), Vec::new());
        Self { kind, severity, svid_type, subject, since, evidence }
    }

    /// It is about one use.
    pub(super) fn of(mut self, svid_type: SvidType) -> Self {
        self.svid_type = Some(svid_type);
        self
    }

    /// It is about one authority.
    pub(super) fn about(self, id: AuthorityId) -> Self {
        self.of(id.svid_type).subject(&short(id))
    }

    /// It is about this: foreign text is cut, and escaped where it is shown.
    pub(super) fn subject(mut self, subject: &str) -> Self {
        self.subject = subject.chars().take(Finding::SUBJECT).collect();
        self
    }

    /// What it rests on.
    pub(super) fn because(mut self, sentence: impl Into<String>) -> Self {
        self.evidence.push(sentence.into());
        self
    }

    /// What it rests on.
    pub(super) fn because_all(mut self, sentences: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(sentences);
        self
    }

    pub(super) fn finish(self, case: &Case<'_>) -> Finding {
        let Self { kind, severity, svid_type, subject, since, evidence } = self;
        let trust_domain = Some(&case.endpoint.trust_domain);
        Finding {
            id: FindingId::new(trust_domain, kind, svid_type, &subject, since),
            incident: IncidentId::new(trust_domain, since),
            kind,
            severity,
            svid_type,
            subject: subject.into(),
            since,
            evidence,
        }
    }
}

/// The first 16 digits of an authority's fingerprint.
pub(super) fn short(id: AuthorityId) -> String {
    digits(&id.fingerprint.to_string())
}

/// Whether a finding's subject is this authority, without writing its digits out.
pub(super) fn is_subject(id: AuthorityId, subject: &str) -> bool {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    let bytes = id.fingerprint.as_bytes().iter().take(SHORT / 2);
    let digits = bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.eq(subject.chars().map(Some))
}

/// The first 16 digits of a fingerprint's text.
pub(super) fn digits(fingerprint: &str) -> String {
    let digits = fingerprint.split_once(':').map_or(fingerprint, |(_, digits)| digits);
    digits.chars().take(SHORT).collect()
}
