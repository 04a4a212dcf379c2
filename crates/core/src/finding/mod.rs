//! What an operator should know: the catalogue of findings, and the form of one.
//!
//! An *event finding* is a fact that someone must look at: it is journaled when it is raised, and
//! stays open until a decision, or an explanation that arrives. A *condition finding* is true now
//! and ends by itself. Who raises them is [`judge`](crate::judge).
//!
//! Invariant: a finding carries its evidence, and its id is the same in every assessment.

mod ended;
pub mod evidence;
mod id;
mod kind;
mod room;
mod severities;
mod severity;

pub use ended::Ended;
pub use evidence::Evidence;
pub use id::{FindingId, FindingIdError, IncidentId};
pub use kind::{FindingKind, FindingScope, Nature};
pub use room::{Dropped, Grade, LeftOut, Room, grouped};
pub use severities::Severities;
pub use severity::Severity;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bundle::{Authority, AuthorityId, Fingerprint, PublicKeyId, SvidType};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// A judgement for the operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What it is known by, in a decision and in every output.
    pub id: FindingId,
    /// The findings that one poll raised together share it.
    pub incident: IncidentId,
    /// What it is about.
    pub kind: FindingKind,
    /// How urgent it is.
    pub severity: Severity,
    /// The use that it is about, where it is about one.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// What exactly it is about, at most 64 bytes: a fingerprint's first 16 digits, an
    /// address, a consumer, a cut key ID; empty where the domain itself is meant.
    #[serde(default, skip_serializing_if = "UntrustedText::is_empty")]
    pub subject: UntrustedText,
    /// The whole identifier that the subject is the first digits of: whoever makes keys finds two
    /// whose first digits agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<SubjectId>,
    /// Since when it has been true.
    pub since: Timestamp,
    /// What it rests on, the weightiest first.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// The most bytes of a subject.
    pub const SUBJECT: usize = 64;

    /// What it rests on, in sentences. Foreign text in them is escaped.
    pub fn sentences(&self) -> Vec<String> {
        self.evidence.iter().map(ToString::to_string).collect()
    }

    /// The weightiest sentence of what it rests on; empty where there is none.
    pub fn first_sentence(&self) -> String {
        self.evidence.first().map(ToString::to_string).unwrap_or_default()
    }

    /// The authority that it is about, where it is about one.
    pub fn authority(&self) -> Option<AuthorityId> {
        let svid_type = self.svid_type?;
        self.fingerprint().map(|fingerprint| AuthorityId { svid_type, fingerprint })
    }

    /// The fingerprint of the authority that it is about, of whatever use.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self.subject_id? {
            SubjectId::Fingerprint(fingerprint) => Some(fingerprint),
            SubjectId::PublicKey(_) => None,
        }
    }

    /// The public key that it is about, whatever authorities carry it.
    pub fn public_key(&self) -> Option<PublicKeyId> {
        match self.subject_id? {
            SubjectId::PublicKey(public_key) => Some(public_key),
            SubjectId::Fingerprint(_) => None,
        }
    }

    /// Whether it is about this authority.
    pub fn is_about(&self, id: AuthorityId) -> bool {
        self.authority() == Some(id)
    }

    /// Whether it is about this authority, or about its public key.
    pub fn concerns(&self, authority: &Authority) -> bool {
        let key = self.public_key();
        self.is_about(authority.id) || (key.is_some() && key == authority.public_key)
    }

    /// Whether it is about an authority of this fingerprint.
    pub fn names(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint() == Some(fingerprint)
    }

    /// The `trust_domain` label of a finding of this trust domain's journal: empty where it is a
    /// matter of several.
    pub fn trust_domain_label<'a>(&self, recorded_by: &'a TrustDomain) -> &'a str {
        self.kind.trust_domain_label(recorded_by)
    }
}

/// What a finding is about as a whole, where its subject tells only the first 16 digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectId {
    /// An authority's fingerprint.
    Fingerprint(Fingerprint),
    /// A public key, under whatever authorities.
    PublicKey(PublicKeyId),
}

impl SubjectId {
    /// The first 16 digits, as [`Finding::subject`] has them.
    pub fn short(self) -> String {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.short(),
            Self::PublicKey(public_key) => public_key.short(),
        }
    }
}

/// The whole digest in text.
impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::PublicKey(public_key) => public_key.fmt(f),
        }
    }
}

/// How an event finding ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Ending {
    /// An operator decided.
    Decision {
        /// Who and why.
        reason: UntrustedText,
    },
    /// An explanation arrived: an announcement, a lineage that went on, a model that was learned.
    Explanation {
        /// Which.
        reason: UntrustedText,
    },
    /// Nobody looked at it for 30 days, and it was a warning at most.
    Unreviewed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_that_looks_like_a_fingerprint_names_no_authority() {
        let fingerprint = Fingerprint::of(b"an honest key");
        let id = AuthorityId { svid_type: SvidType::Jwt, fingerprint };
        let about = |subject_id| {
            let kind = FindingKind::UnlistedSigner;
            let (since, subject) = (Timestamp::from_unix(0), fingerprint.short());
            let finding = Finding {
                id: FindingId::new(None, kind, Some(SvidType::Jwt), &subject, since),
                incident: IncidentId::new(None, since),
                kind,
                severity: kind.severity(),
                svid_type: Some(SvidType::Jwt),
                subject: subject.into(),
                subject_id,
                since,
                evidence: Vec::new(),
            };
            finding.is_about(id)
        };
        assert!(about(Some(SubjectId::Fingerprint(fingerprint))));
        assert!(!about(None));
        assert!(!about(Some(SubjectId::PublicKey(PublicKeyId::from_bytes(
            *fingerprint.as_bytes()
        )))));
    }
}
