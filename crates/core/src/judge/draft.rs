//! A finding in the making.

use super::Case;
use crate::bundle::{AuthorityId, Fingerprint, PublicKeyId, SvidType};
use crate::finding::{Finding, FindingId, FindingKind, IncidentId, Scope, Severity};
use crate::time::Timestamp;
use crate::untrusted::{UntrustedText, escape_line};

/// How much of a fingerprint is shown where it is not decided on.
const SHORT: usize = 16;

/// A finding in the making: what is not known yet is its name.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    kind: FindingKind,
    severity: Severity,
    svid_type: Option<SvidType>,
    subject: UntrustedText,
    since: Timestamp,
    evidence: Vec<String>,
}

impl Draft {
    pub(super) fn new(kind: FindingKind, severity: Severity, since: Timestamp) -> Self {
        let (svid_type, subject, evidence) = (None, UntrustedText::default(), Vec::new());
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

    /// It is about this.
    pub(super) fn subject(mut self, subject: &str) -> Self {
        self.subject = UntrustedText::new(subject, Finding::SUBJECT);
        self
    }

    /// What it rests on, in a sentence of ours: foreign text stands in it as it is shown.
    pub(super) fn because(mut self, sentence: impl AsRef<str>) -> Self {
        self.evidence.push(escape_line(sentence.as_ref()).into_owned());
        self
    }

    /// The same in several sentences.
    pub(super) fn because_all(self, sentences: impl IntoIterator<Item = String>) -> Self {
        sentences.into_iter().fold(self, Self::because)
    }

    /// Whether a finding about the same thing is open.
    pub(super) fn is_open(&self, case: &Case<'_>) -> bool {
        case.is_open(self.kind, self.svid_type, self.subject.as_received())
    }

    pub(super) fn finish(self, case: &Case<'_>) -> Finding {
        let Self { kind, severity, svid_type, subject, since, evidence } = self;
        let trust_domain = &case.endpoint.trust_domain;
        // What is no single trust domain's has the same name wherever it is reported.
        let of = match kind.scope() {
            Scope::TrustDomain => Some(trust_domain),
            Scope::Federation | Scope::Watch => None,
        };
        Finding {
            id: FindingId::new(of, kind, svid_type, subject.as_received(), since),
            incident: IncidentId::new(Some(trust_domain), since),
            kind,
            severity,
            svid_type,
            subject,
            since,
            evidence,
        }
    }
}

/// The first 16 digits of an authority's fingerprint.
pub(super) fn short(id: AuthorityId) -> String {
    digits(&id.fingerprint.to_string())
}

/// What a finding's subject tells of an authority: the first bytes of its fingerprint.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Prefix([u8; SHORT / 2]);

impl Prefix {
    /// Reads a subject that [`short`] wrote; `None` for any other.
    pub(super) fn of(subject: &str) -> Option<Self> {
        let mut digits = subject.chars().map(|digit| digit.to_digit(16));
        let mut bytes = [0; SHORT / 2];
        for byte in &mut bytes {
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        digits.next().is_none().then_some(Self(bytes))
    }

    /// What [`short`] would tell of this authority.
    pub(super) fn from_id(id: AuthorityId) -> Option<Self> {
        Self::from_fingerprint(id.fingerprint)
    }

    /// The same of a public key, as findings about shared keys name it.
    pub(super) fn from_public_key(id: PublicKeyId) -> Option<Self> {
        id.as_bytes().first_chunk().copied().map(Self)
    }

    /// The same of a fingerprint, of whatever use.
    pub(super) fn from_fingerprint(fingerprint: Fingerprint) -> Option<Self> {
        fingerprint.as_bytes().first_chunk().copied().map(Self)
    }
}

/// The first 16 digits of a fingerprint's text.
pub(super) fn digits(fingerprint: &str) -> String {
    let digits = fingerprint.split_once(':').map_or(fingerprint, |(_, digits)| digits);
    digits.chars().take(SHORT).collect()
}
