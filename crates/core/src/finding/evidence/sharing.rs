//! Evidence about keys that several trust domains or uses share.

use serde::{Deserialize, Serialize};

use crate::bundle::{AuthorityId, PublicKeyId, SvidType};
use crate::spiffe::TrustDomain;
use crate::untrusted::UntrustedText;

/// What is known of a key that stands in more than one place.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SharingEvidence {
    /// A certificate names another trust domain.
    NamesOtherTrustDomain {
        /// The name, cut to 128 bytes.
        name: UntrustedText,
    },
    /// The authority that the finding is about.
    SharedAuthority(AuthorityId),
    /// Several trust domains publish one public key.
    KeyPublishedBy {
        /// The public key.
        key: PublicKeyId,
        /// The trust domains.
        publishers: TrustDomains,
        /// Whether this is so now, in contrast to when the finding was raised.
        now: bool,
    },
    /// What a key of several trust domains makes possible.
    SharedKeyRisk,
    /// The sharing is not declared, and what it may come from.
    SharingUndeclared,
    /// The sharing is declared in the configuration.
    SharingDeclared {
        /// Who declared it; absent where the configuration does not state it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UntrustedText>,
        /// Why.
        reason: UntrustedText,
    },
    /// Trust domains that the declaration does not cover publish the key too.
    NotCovered {
        /// The trust domains.
        publishers: TrustDomains,
    },
    /// A trust domain publishes one public key under two uses.
    KeyUnderTwoUses {
        /// The public key.
        key: PublicKeyId,
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The use that it was published under first.
        first: SvidType,
        /// The use that followed.
        second: SvidType,
    },
    /// What a key under two uses makes possible.
    TwoUsesRisk,
    /// Most keys that are served here were published by another trust domain before.
    KeySetOfAnother {
        /// The number of common keys.
        common: u64,
        /// The number of keys served here.
        total: u64,
        /// The other trust domain.
        trust_domain: TrustDomain,
    },
    /// What the key set of another trust domain may come from.
    KeySetOfAnotherCauses,
    /// The first bundle that was seen here had the common keys already.
    SinceFirstBundle {
        /// The other trust domain.
        trust_domain: TrustDomain,
    },
}

/// Trust domains: how many, and the names of a few.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrustDomains {
    /// The number of trust domains.
    pub count: u64,
    /// The first that published, at most five.
    pub names: Vec<TrustDomain>,
}
