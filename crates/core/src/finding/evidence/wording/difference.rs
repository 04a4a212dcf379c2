//! Sentences about an endpoint that is another than before.

use std::fmt;

use super::or_none;
use crate::finding::evidence::EndpointDifference;

impl fmt::Display for EndpointDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertificateKey { before, now } => write!(
                f,
                "The key type of the endpoint's certificate is {}; it was {} before.",
                or_none(now.as_ref()),
                or_none(before.as_ref())
            ),
            Self::CertificateIssuer { before, now } => write!(
                f,
                "The issuer of the endpoint's certificate is {}; it was {} before.",
                or_none(now.as_ref()),
                or_none(before.as_ref())
            ),
            Self::RedirectTarget { before, now } => write!(
                f,
                "The target of the endpoint's redirect is {}; it was {} before.",
                or_none(now.as_ref()),
                or_none(before.as_ref())
            ),
            Self::Network { network } => write!(
                f,
                "The endpoint answers from network {network}; its name had no address there before."
            ),
        }
    }
}
