//! One key of a bundle, with its use.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Certificate, Fingerprint, PublicKeyId};
use crate::untrusted::UntrustedText;

/// What an authority's key signs: the `use` of its JWK (Bundle, 4.2.2; WIT-SVID, 6.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum SvidType {
    /// X509-SVIDs.
    #[serde(rename = "x509-svid")]
    X509,
    /// JWT-SVIDs.
    #[serde(rename = "jwt-svid")]
    Jwt,
    /// WIT-SVIDs (incubating).
    #[serde(rename = "wit-svid")]
    Wit,
}

impl SvidType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X509, Self::Jwt, Self::Wit];

    /// The `use` on the wire and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::X509 => "x509-svid",
            Self::Jwt => "jwt-svid",
            Self::Wit => "wit-svid",
        }
    }

    /// The type that a `use` names; case counts (Bundle, 4.2.2).
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|svid_type| svid_type.label() == label)
    }
}

/// What a key is made of, in SPIRE's words.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyType {
    /// ECDSA over P-256.
    EcP256,
    /// ECDSA over P-384.
    EcP384,
    /// ECDSA over P-521.
    EcP521,
    /// RSA with a modulus of this many bits.
    Rsa {
        /// The length of the modulus.
        bits: u32,
    },
    /// A kind that anchorwatch does not know, by the name that the document gives it, cut to 64
    /// bytes. A consumer must ignore the element (Bundle, 4.2.1); a monitor remembers it.
    Unknown(UntrustedText),
}

impl KeyType {
    /// Whether an SVID signed by such a key could be verified.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// Whether the key is one that consumers refuse for its size: RSA outside of 2,048 to 8,192
    /// bits.
    pub fn is_weak(&self) -> bool {
        matches!(self, Self::Rsa { bits } if !(2048..=8192).contains(bits))
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("ec-p256"),
            Self::EcP384 => f.write_str("ec-p384"),
            Self::EcP521 => f.write_str("ec-p521"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
            Self::Unknown(name) => write!(f, "unknown:{name}"),
        }
    }
}

impl Serialize for KeyType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(name) => {
                serializer.collect_str(&format_args!("unknown:{}", name.as_received()))
            }
            Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Rsa { .. } => {
                serializer.collect_str(self)
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeyType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(match &*text {
            "ec-p256" => Self::EcP256,
            "ec-p384" => Self::EcP384,
            "ec-p521" => Self::EcP521,
            other => match other.strip_prefix("rsa-").and_then(|bits| bits.parse().ok()) {
                Some(bits) => Self::Rsa { bits },
                None => Self::Unknown(other.strip_prefix("unknown:").unwrap_or(other).into()),
            },
        })
    }
}

/// What an authority is: its use and its fingerprint. One key under two uses is two authorities
/// (Bundle, 4.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AuthorityId {
    /// What it signs.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What its key or certificate hashes to.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.svid_type.label(), self.fingerprint)
    }
}

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
