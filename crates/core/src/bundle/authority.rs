//! One key of a bundle, with its use.

use serde::{Deserialize, Serialize};

use super::{AuthorityId, Certificate, KeyType, PublicKeyId};
use crate::untrusted::UntrustedText;

/// One key of a bundle with its use: an X.509 CA certificate, or a JWT or WIT signing key. Public
/// material only.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Authority {
    /// What it is known by.
    #[serde(flatten)]
    pub id: AuthorityId,
    /// The public key, whatever carries it; `None` where the key is of an unknown kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKeyId>,
    /// What the key is made of.
    pub key_type: KeyType,
    /// The key ID that the document gives it, cut to 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<UntrustedText>,
    /// The certificate of an X.509 authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

impl Authority {
    /// How many bytes its certificate takes in the store, where it has one: Base64 makes four
    /// characters of three bytes. The rest of an authority is short.
    pub fn stored_length(&self) -> u64 {
        let der = self.certificate.as_ref().map_or(0, |certificate| certificate.der().len());
        u64::try_from(der).unwrap_or(u64::MAX).saturating_mul(4) / 3
    }
}
