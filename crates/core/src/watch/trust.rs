//! What authenticates an `https_spiffe` endpoint.

use std::fmt;
use std::sync::Arc;

use crate::bundle::{Authority, Fingerprint, PublicKeyId};
use crate::decision::{Denial, Denials};
use crate::spiffe::TrustDomain;

/// How the latest answer stands to the confirmed state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LatestAnswer {
    /// It is the confirmed state.
    Confirmed,
    /// It steps back, and is not confirmed.
    StepsBack,
}

/// The X.509 authorities that authenticate an endpoint, where they come from, and what is denied.
///
/// Invariant: no authority that is denied stands in `authorities`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trust {
    /// Whose authorities they are: the endpoint ID's own trust domain (Federation, 5.2.2.4).
    pub trust_domain: TrustDomain,
    /// Where they come from.
    pub origin: TrustOrigin,
    /// X.509 authorities only, each with its certificate. Not filtered by validity: that is for
    /// the moment of the handshake.
    pub authorities: Arc<[Arc<Authority>]>,
    /// Denied X.509 authorities that are known, one a public key, at most [`Trust::DENIED`]. They
    /// authenticate nothing; they only tell who signed what was refused.
    pub denied: Arc<[Arc<Authority>]>,
    /// By whose decisions no certificate may rest on which keys: the serving trust domain's and
    /// the watched one's, which may be the same.
    pub denials: Arc<[Denials]>,
}

impl Trust {
    /// How many denied authorities are told apart.
    pub const DENIED: usize = 64;

    /// Trust in these authorities, with nothing denied.
    pub fn new(
        trust_domain: TrustDomain,
        origin: TrustOrigin,
        authorities: Arc<[Arc<Authority>]>,
    ) -> Self {
        let (denied, denials) = (Arc::default(), Arc::default());
        Self { trust_domain, origin, authorities, denied, denials }
    }

    /// The same, without what these decisions deny too.
    #[must_use]
    pub fn without(mut self, denials: Denials) -> Self {
        if denials.is_empty() || self.denials.contains(&denials) {
            return self;
        }
        let (refused, kept): (Vec<_>, Vec<_>) =
            self.authorities.iter().cloned().partition(|one| denials.of(one).is_some());
        let mut denied = self.denied.to_vec();
        denied.extend(refused);
        denied.truncate(Self::DENIED);
        (self.authorities, self.denied) = (kept.into(), denied.into());
        self.denials = self.denials.iter().cloned().chain([denials]).collect();
        self
    }

    /// The denial that binds a certificate of this fingerprint, or its public key.
    pub fn denial(
        &self,
        fingerprint: Fingerprint,
        public_key: Option<PublicKeyId>,
    ) -> Option<&Denial> {
        self.denials.iter().find_map(|denials| denials.binding(fingerprint, public_key))
    }

    /// Whether there are authorities that could authenticate the endpoint, and all are denied.
    pub fn is_denied(&self) -> bool {
        self.authorities.is_empty() && !self.denied.is_empty()
    }
}

closed_set! {
    /// Which bundle authenticates.
    pub enum TrustOrigin {
        /// The latest stored bundle (Federation, 5.2.2.4).
        Latest => "latest",
        /// The last confirmed bundle with an X.509 authority, where the latest is empty or pending.
        LastConfirmed => "last_confirmed",
        /// The bootstrap file: nothing was ever stored.
        Bootstrap => "bootstrap",
        /// The file of an operator's `rebootstrap`, until a bundle that it authenticated is the state.
        Rebootstrap => "rebootstrap",
    }
}

impl fmt::Display for TrustOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
