//! Evidence about tokens that relying parties saw.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// What is known of a sighted token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TokenEvidence {
    /// No bundle listed the token's key ID in time.
    KeyIdNeverListed {
        /// The key ID.
        kid: UntrustedText,
        /// The trust domain.
        trust_domain: TrustDomain,
        /// How long its bundle was watched for it.
        waited: Duration,
    },
    /// The token's key ID was removed from the bundle before the token was issued.
    KeyIdRemoved {
        /// The key ID.
        kid: UntrustedText,
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The poll that showed the removal.
        removed: Timestamp,
    },
    /// When the token was issued.
    TokenIssued {
        /// Its `iat`.
        at: Timestamp,
    },
    /// A token's lifetime is longer than `max_jwt_svid_ttl`.
    LifetimeExceeded {
        /// The longest lifetime that was sighted.
        sighted: Duration,
        /// The declared longest lifetime.
        declared: Duration,
    },
}
