//! What a bundle says: bytes in, authorities and irregularities out.
//!
//! Invariant: parsing is lenient as the standard asks (an odd element never hides the others) and
//! tells all (every departure is an [`Irregularity`] with its clause). What a consumer would do
//! with the same bytes is another question, and answered in [`consumer`] by its own rules.

mod authority;
mod authority_id;
mod certificate;
pub mod consumer;
mod diff;
mod element;
mod fingerprint;
mod fold;
mod irregularity;
mod json;
mod jwk;
mod key_type;
mod memory;
mod parse;
mod pool;
mod redact;
mod spki;

pub use authority::Authority;
pub use authority_id::{AuthorityId, SvidType};
pub use certificate::key_type;
pub use certificate::{Certificate, CertificateError, Validity};
pub use diff::{BundleDiff, diff};
pub use fingerprint::{Digest, Fingerprint, FingerprintError, KeyId, PublicKeyId};
pub use fold::folded;
pub use irregularity::{ElementKey, Irregularity, IrregularityKind};
pub use jwk::strip_leading_zeros;
pub use key_type::KeyType;
pub use memory::Memory;
pub use parse::{ParseError, ParseLimits, ParsedBundle, parse, parse_with};
pub use pool::AuthorityPool;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::untrusted::UntrustedText;

/// What a document says of a number that it should carry.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatedNumber {
    /// Nothing. SPIRE omits a sequence of 0, so absence and 0 differ.
    #[default]
    Absent,
    /// A whole number that 64 bits hold.
    Given(u64),
    /// Something that is no such number, as it stands in the document, cut to 64 bytes.
    Unusable(UntrustedText),
}

impl StatedNumber {
    /// The number, where one is given.
    pub fn given(&self) -> Option<u64> {
        match self {
            Self::Given(number) => Some(*number),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

/// The key set of one trust domain as one document states it. It does not name its trust domain
/// (Bundle, 3) and so never travels alone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bundle {
    authorities: Vec<Arc<Authority>>,
    /// `spiffe_sequence` (Bundle, 4.1.1).
    pub sequence: StatedNumber,
    /// `spiffe_refresh_hint` in seconds (Bundle, 4.1.2).
    pub refresh_hint: StatedNumber,
}

impl Bundle {
    /// A bundle of these authorities, in whatever order: SPIRE shuffles its keys in every answer,
    /// so a bundle is a set. One authority twice is one.
    pub fn new(
        mut authorities: Vec<Arc<Authority>>,
        sequence: StatedNumber,
        refresh_hint: StatedNumber,
    ) -> Self {
        authorities.sort_by(|a, b| (a.id, &a.kid).cmp(&(b.id, &b.kid)));
        authorities.dedup_by_key(|authority| authority.id);
        Self { authorities, sequence, refresh_hint }
    }

    /// The authorities, sorted by use and fingerprint, each once.
    pub fn authorities(&self) -> &[Arc<Authority>] {
        &self.authorities
    }

    /// The authority of this use and fingerprint.
    pub fn authority(&self, id: AuthorityId) -> Option<&Arc<Authority>> {
        let place = self.authorities.binary_search_by_key(&id, |authority| authority.id).ok()?;
        self.authorities.get(place)
    }

    /// Whether no authority is usable: to a workload an effectively empty bundle is an empty one
    /// (Bundle, 4.1.3).
    pub fn is_effectively_empty(&self) -> bool {
        !self.authorities.iter().any(|authority| authority.key_type.is_known())
    }

    /// The digest of what the key set is: uses, fingerprints and key IDs, whatever their order on
    /// the wire, without sequence and hint.
    pub fn content(&self) -> Digest {
        let mut text = Vec::with_capacity(self.authorities.len() * 96);
        for authority in &self.authorities {
            text.extend_from_slice(authority.id.svid_type.label().as_bytes());
            text.push(0);
            text.extend_from_slice(authority.id.fingerprint.as_bytes());
            // A key ID is arbitrary text, so its length goes before it.
            let kid = authority.kid.as_ref().map_or("", UntrustedText::as_received);
            text.extend_from_slice(&u64::try_from(kid.len()).unwrap_or(u64::MAX).to_be_bytes());
            text.extend_from_slice(kid.as_bytes());
        }
        Digest::of(&text)
    }
}
