//! Sentences about sighted tokens.

use std::fmt;

use super::KEY_ID;
use crate::finding::evidence::TokenEvidence;
use crate::time::span;

impl fmt::Display for TokenEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyIdNeverListed { kid, trust_domain, waited } => write!(
                f,
                "A token under the key ID {} was sighted, and no bundle of {trust_domain} listed it within {}.",
                kid.quoted(KEY_ID),
                span(*waited)
            ),
            Self::KeyIdRemoved { kid, trust_domain, removed } => write!(
                f,
                "A token under the key ID {} was sighted, and the bundle of {trust_domain} lists it no more since {removed}.",
                kid.quoted(KEY_ID)
            ),
            Self::TokenIssued { at } => write!(f, "The token was issued at {at}."),
            Self::LifetimeExceeded { sighted, declared } => write!(
                f,
                "A sighted token has a lifetime of {}; `max_jwt_svid_ttl` is {} (declared). Verdicts use the longer one.",
                span(*sighted),
                span(*declared)
            ),
        }
    }
}
