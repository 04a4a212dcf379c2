//! What authenticates an `https_spiffe` endpoint.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bundle::Authority;
use crate::spiffe::TrustDomain;

/// The X.509 authorities that authenticate an endpoint, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Trust {
    /// Whose authorities they are: the endpoint ID's own trust domain (Federation, 5.2.2.4).
    pub trust_domain: TrustDomain,
    /// Where they come from.
    pub origin: TrustOrigin,
    /// X.509 authorities only, each with its certificate. Not filtered by validity: that is for
    /// the moment of the handshake.
    pub authorities: Arc<[Arc<Authority>]>,
}

/// Which bundle authenticates.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustOrigin {
    /// The latest stored bundle (Federation, 5.2.2.4).
    Latest,
    /// The last confirmed bundle with an X.509 authority, where the latest is empty or pending.
    LastConfirmed,
    /// The bootstrap file: nothing was ever stored.
    Bootstrap,
    /// The file of an operator's `rebootstrap`, until a bundle that it authenticated is the state.
    Rebootstrap,
}

impl TrustOrigin {
    /// The word in journal and output.
    pub fn label(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::LastConfirmed => "last_confirmed",
            Self::Bootstrap => "bootstrap",
            Self::Rebootstrap => "rebootstrap",
        }
    }
}

impl fmt::Display for TrustOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
