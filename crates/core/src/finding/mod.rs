//! What an operator should know: the catalogue of findings, and the form of one.
//!
//! An *event finding* is a fact that someone must look at: it is journaled when it is raised, and
//! stays open until a decision, or an explanation that arrives. A *condition finding* is true now
//! and ends by itself. Who raises them is [`judge`](crate::judge).
//!
//! Invariant: a finding carries its evidence, and its id is the same in every assessment.

mod ended;
mod id;
mod kind;
mod room;
mod severity;

pub use ended::Ended;
pub use id::{FindingId, FindingIdError, IncidentId};
pub use kind::{FindingKind, Nature, Scope};
pub use room::{Dropped, Grade, LeftOut, Room, grouped};
pub use severity::{Severities, Severity};

use serde::{Deserialize, Serialize};

use crate::bundle::{Authority, AuthorityId, Fingerprint, SvidType};
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
    /// Since when it has been true.
    pub since: Timestamp,
    /// What it rests on, in sentences that can be read at 03:00. Foreign text in them is escaped.
    pub evidence: Vec<String>,
}

impl Finding {
    /// The most bytes of a subject.
    pub const SUBJECT: usize = 64;

    /// Whether it is about this authority.
    pub fn is_about(&self, id: AuthorityId) -> bool {
        self.svid_type == Some(id.svid_type) && self.names(id.fingerprint)
    }

    /// Whether it is about this authority, or about its public key.
    pub fn concerns(&self, authority: &Authority) -> bool {
        let key = authority.public_key.filter(|_| self.kind == FindingKind::AuthorityShared);
        self.is_about(authority.id) || key.is_some_and(|key| self.subject == *key.short())
    }

    /// Whether its subject is this fingerprint's. A token's key ID is foreign text, and may look like
    /// one; a shared key is named by its public key.
    pub fn names(&self, fingerprint: Fingerprint) -> bool {
        self.names_by_fingerprint() && self.subject == *fingerprint.short()
    }

    fn names_by_fingerprint(&self) -> bool {
        !matches!(
            self.kind,
            FindingKind::UnlistedSigner | FindingKind::TokenLifetime | FindingKind::AuthorityShared
        )
    }

    /// The `trust_domain` label of a finding of this trust domain's journal: empty where it is a
    /// matter of several.
    pub fn trust_domain_label<'a>(&self, recorded_by: &'a TrustDomain) -> &'a str {
        self.kind.trust_domain_label(recorded_by)
    }

    /// The use and the first bytes of the fingerprint of the authority that it is about; `None` where
    /// it is about something else.
    pub fn prefix(&self) -> Option<(SvidType, [u8; 8])> {
        let svid_type = self.svid_type.filter(|_| self.names_by_fingerprint())?;
        let mut digits = self.subject.as_received().chars().map(|digit| digit.to_digit(16));
        let mut bytes = [0; 8];
        for byte in &mut bytes {
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        digits.next().is_none().then_some((svid_type, bytes))
    }

    /// What tells it from every other finding of its domain that is open.
    pub fn key(&self) -> (FindingKind, Option<SvidType>, &UntrustedText) {
        (self.kind, self.svid_type, &self.subject)
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
        let about = |kind: FindingKind, subject: &str| {
            let since = Timestamp::from_unix(0);
            let finding = Finding {
                id: FindingId::new(None, kind, Some(SvidType::Jwt), subject, since),
                incident: IncidentId::new(None, since),
                kind,
                severity: kind.severity(),
                svid_type: Some(SvidType::Jwt),
                subject: subject.into(),
                since,
                evidence: Vec::new(),
            };
            finding.is_about(id)
        };
        let short = fingerprint.short();
        assert!(about(FindingKind::UnexpectedAuthority, &short));
        assert!(!about(FindingKind::UnexpectedAuthority, &short[..2]));
        assert!(!about(FindingKind::UnlistedSigner, &short));
        assert!(!about(FindingKind::TokenLifetime, &short));
    }
}
