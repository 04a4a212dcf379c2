//! What identifies a key, a certificate or a body: digests, and the key identifiers of X.509.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PREFIX: &str = "sha256:";

/// Why a text is no SHA-256 digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a digest: `sha256:` and 64 lower-case hex digits are wanted")]
pub struct FingerprintError;

macro_rules! sha256_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The digest of these bytes.
            pub fn of(bytes: &[u8]) -> Self {
                let mut value = [0; 32];
                for (to, from) in value.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
                    *to = *from;
                }
                Self(value)
            }

            /// A digest that was computed before.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first 16 hex digits: for people to read, never to decide on.
            pub fn short(&self) -> String {
                hex(self.0.get(..8).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{PREFIX}{}", hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $name {
            type Err = FingerprintError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.strip_prefix(PREFIX).ok_or(FingerprintError)?;
                let mut value = [0; 32];
                unhex_into(digits, &mut value).map(|()| Self(value)).ok_or(FingerprintError)
            }
        }

        serde_as_text!($name);
    };
}

sha256_newtype! {
    /// What an authority is known by, for every use: X.509 over the DER, JWT and WIT over the RFC
    /// 7638 canonical form. `kid` is an attribute, never an identity.
    Fingerprint
}

sha256_newtype! {
    /// The SHA-256 of a SubjectPublicKeyInfo: how one key under two certificates, two uses or in
    /// two trust domains is found, and what a denial binds.
    PublicKeyId
}

sha256_newtype! {
    /// The SHA-256 of a body, a key set or a journal entry.
    Digest
}

/// A subject or authority key identifier (RFC 5280, 4.2.1.1 and 4.2.1.2): hex digits in text.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(Box<[u8]>);

impl KeyId {
    /// The longest identifier that is kept, in bytes. SHA-1 gives 20 and SHA-256 32.
    pub const MAX_LENGTH: usize = 64;

    /// The identifier of these bytes, cut to [`Self::MAX_LENGTH`].
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.get(..Self::MAX_LENGTH).unwrap_or(bytes).into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = unhex(&text).ok_or_else(|| serde::de::Error::custom("not hex digits"))?;
        Ok(Self::new(&bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble)).unwrap_or(&b'?'));
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    unhex_into(text, &mut bytes).map(|()| bytes)
}

/// Reads as many bytes as there is room for, from as many digits. A start reads hundreds of
/// thousands of them, so nothing is allocated here.
fn unhex_into(text: &str, bytes: &mut [u8]) -> Option<()> {
    // Lower case only, so that a fingerprint has one spelling.
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_one_spelling() {
        let fingerprint = Fingerprint::of(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(fingerprint.short(), "e3b0c44298fc1c14");
        for wrong in [&text[7..], &text[..70], &text.to_uppercase(), &format!("{text}0")] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
        }
    }
}
