//! The name of a trust domain.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a trust domain (SPIFFE-ID, 2.1).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// The longest name, in bytes (SPIFFE-ID, 2.3).
    pub const MAX_LENGTH: usize = 255;

    /// The bare name, such as `example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text names no trust domain.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustDomainError {
    /// There is no name.
    #[error("a trust domain name is not empty")]
    Empty,
    /// The name holds a byte that a name may not hold.
    #[error(
        "a trust domain name is made of a-z, 0-9, '.', '-' and '_', in lower case: byte {offset} is none of these"
    )]
    ForbiddenByte {
        /// Where it stands, counted from 0.
        offset: usize,
    },
    /// The name is longer than 255 bytes.
    #[error("a trust domain name has at most 255 bytes, and this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl FromStr for TrustDomain {
    type Err = TrustDomainError;

    /// Takes the bare name. A `spiffe://` before it is the caller's to strip.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.is_empty() {
            return Err(TrustDomainError::Empty);
        }
        if Self::MAX_LENGTH < name.len() {
            return Err(TrustDomainError::TooLong { length: name.len() });
        }
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        match name.bytes().position(|byte| !allowed(byte)) {
            Some(offset) => Err(TrustDomainError::ForbiddenByte { offset }),
            None => Ok(Self(name.into())),
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for TrustDomain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

serde_as_text!(TrustDomain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_it_is_wrong() {
        assert_eq!("a.b-c_1".parse::<TrustDomain>().unwrap().as_str(), "a.b-c_1");
        assert_eq!("".parse::<TrustDomain>(), Err(TrustDomainError::Empty));
        // SPIFFE-ID, 2.1: lower case; no port, no userinfo, no percent encoding.
        for (name, offset) in
            [("Example.org", 0), ("a:8443", 1), ("u@a", 1), ("a%2e", 1), ("a/b", 1)]
        {
            assert_eq!(
                name.parse::<TrustDomain>(),
                Err(TrustDomainError::ForbiddenByte { offset }),
                "{name}"
            );
        }
    }

    #[test]
    fn the_255th_byte_still_counts() {
        assert!("a".repeat(255).parse::<TrustDomain>().is_ok());
        assert_eq!(
            "a".repeat(256).parse::<TrustDomain>(),
            Err(TrustDomainError::TooLong { length: 256 })
        );
    }
}
