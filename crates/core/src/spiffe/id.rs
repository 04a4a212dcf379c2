//! A SPIFFE ID.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{TrustDomain, TrustDomainError};

const SCHEME: &str = "spiffe://";

/// A SPIFFE ID: `spiffe://` and a trust domain, and perhaps a path (SPIFFE-ID, 2).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    text: Arc<str>,
    trust_domain: TrustDomain,
}

impl SpiffeId {
    /// The longest ID, in bytes (SPIFFE-ID, 2.3).
    pub const MAX_LENGTH: usize = 2048;

    /// The ID as it stands in a certificate, such as `spiffe://example.org/spire/server`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain that the ID belongs to.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What follows the trust domain: empty, or from the first `/` on.
    pub fn path(&self) -> &str {
        self.text.get(SCHEME.len() + self.trust_domain.as_str().len()..).unwrap_or_default()
    }
}

/// Why a text is no SPIFFE ID.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SpiffeIdError {
    /// A path segment is empty, `.` or `..`, or the path ends in `/`.
    #[error("a path segment is not empty, '.' or '..', and the path does not end in '/'")]
    BadSegment,
    /// The path holds a byte that a path may not hold.
    #[error("a path is made of a-z, A-Z, 0-9, '.', '-', '_' and '/'")]
    ForbiddenByte,
    /// It does not begin with `spiffe://`, in lower case.
    #[error("a SPIFFE ID begins with spiffe:// in lower case")]
    Scheme,
    /// The ID is longer than 2,048 bytes.
    #[error("a SPIFFE ID has at most 2048 bytes, and this one has {length}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// What follows the scheme is no trust domain.
    #[error(transparent)]
    TrustDomain(#[from] TrustDomainError),
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if Self::MAX_LENGTH < text.len() {
            return Err(SpiffeIdError::TooLong { length: text.len() });
        }
        // SPIFFE-ID, 2: go-spiffe, too, refuses a scheme in upper case rather than folding it.
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        let (name, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let trust_domain = name.parse()?;
        for segment in path.split('/').skip(1) {
            // SPIFFE-ID, 2.2: no empty or relative segments, no trailing slash.
            if matches!(segment, "" | "." | "..") {
                return Err(SpiffeIdError::BadSegment);
            }
            let allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if !segment.bytes().all(allowed) {
                return Err(SpiffeIdError::ForbiddenByte);
            }
        }
        Ok(Self { text: text.into(), trust_domain })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_as_text!(SpiffeId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_trust_domain_and_path() {
        let id: SpiffeId = "spiffe://example.org/spire/server".parse().unwrap();
        assert_eq!(id.trust_domain().as_str(), "example.org");
        assert_eq!(id.path(), "/spire/server");
        assert_eq!("spiffe://example.org".parse::<SpiffeId>().unwrap().path(), "");
    }

    #[test]
    fn an_id_is_refused_for_what_is_wrong_with_it() {
        use SpiffeIdError as E;
        for (text, error) in [
            ("SPIFFE://example.org/a", E::Scheme),
            ("https://example.org/a", E::Scheme),
            (
                "spiffe://Example.org/a",
                E::TrustDomain(TrustDomainError::ForbiddenByte { offset: 0 }),
            ),
            ("spiffe:///a", E::TrustDomain(TrustDomainError::Empty)),
            ("spiffe://example.org/", E::BadSegment),
            ("spiffe://example.org/a//b", E::BadSegment),
            ("spiffe://example.org/a/../b", E::BadSegment),
            ("spiffe://example.org/a\0", E::ForbiddenByte),
            ("spiffe://example.org/a%20", E::ForbiddenByte),
        ] {
            assert_eq!(text.parse::<SpiffeId>(), Err(error), "{text:?}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(2048));
        assert_eq!(long.parse::<SpiffeId>(), Err(E::TooLong { length: long.len() }));
    }
}
