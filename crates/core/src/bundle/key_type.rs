//! What a key is made of.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::untrusted::UntrustedText;

/// What a key is made of, in SPIRE's words.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyType {
    /// ECDSA over P-256.
    EcP256,
    /// ECDSA over P-384.
    EcP384,
    /// ECDSA over P-521.
    EcP521,
    /// Ed25519 (RFC 8037). No JWT-SVID algorithm uses it, and still SPIRE and go-spiffe keep such a
    /// key.
    Ed25519,
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
    /// Whether some consumer keeps such a key.
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
            Self::Ed25519 => f.write_str("ed25519"),
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
            Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Ed25519 | Self::Rsa { .. } => {
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
            "ed25519" => Self::Ed25519,
            other => match other.strip_prefix("rsa-").and_then(|bits| bits.parse().ok()) {
                Some(bits) => Self::Rsa { bits },
                None => Self::Unknown(other.strip_prefix("unknown:").unwrap_or(other).into()),
            },
        })
    }
}
