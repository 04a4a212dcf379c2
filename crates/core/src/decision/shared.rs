//! Authorities that several trust domains are declared to share.

use std::collections::BTreeSet;

use crate::bundle::Fingerprint;
use crate::spiffe::TrustDomain;
use crate::untrusted::UntrustedText;

/// An X.509 authority that an operator declares to stand under several trust domains: the upstream
/// root of one organisation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SharedAuthority {
    /// The authority's fingerprint. What is shared is its public key, under whatever certificate.
    pub fingerprint: Fingerprint,
    /// The trust domains that may publish it; `None` where any may.
    pub trust_domains: Option<BTreeSet<TrustDomain>>,
    /// Why, at most 1,024 bytes.
    pub reason: UntrustedText,
    /// Who declared it; `None` where the configuration does not say.
    pub by: Option<UntrustedText>,
}

impl SharedAuthority {
    /// Whether this trust domain may publish it.
    pub fn covers(&self, trust_domain: &TrustDomain) -> bool {
        self.trust_domains.as_ref().is_none_or(|names| names.contains(trust_domain))
    }
}
