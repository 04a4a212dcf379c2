//! What every poll renews. No event speaks of it, so an unchanged poll writes nothing; the store
//! takes it down once a minute, and a crash costs at most that minute.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Leaf;
use crate::bundle::{Digest, Fingerprint, Stated};
use crate::time::Timestamp;

/// What the last polls saw.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Sight {
    /// The last poll, whatever came of it.
    pub last_poll: Option<Timestamp>,
    /// The last poll that gave an authenticated bundle.
    pub last_success: Option<Timestamp>,
    /// Failed polls in a row.
    pub failures: u32,
    /// The interval until the next poll, without jitter.
    pub interval: Duration,
    /// The address that last answered well.
    pub address: Option<IpAddr>,
    /// The length of the last good document in bytes.
    pub length: u64,
    /// The last endpoint SVID that each authority signed, newest sighting last, at most 64:
    /// replicas alternate, one authority each.
    pub leaves: Vec<SeenLeaf>,
    /// Until when the certificate is valid that the endpoint presented last.
    pub tls_not_after: Option<Timestamp>,
    /// The answer that steps back and is not confirmed yet.
    pub pending: Option<Pending>,
    /// Changes that were seen and not recorded, since the daily budget was spent.
    pub unrecorded: u64,
}

/// The last endpoint SVID of one authority.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenLeaf {
    /// The X.509 authority that signed it.
    pub authority: Fingerprint,
    /// The SVID; `seen_at` is its last sighting.
    pub leaf: Leaf,
}

/// An answer that steps back, waiting for a second poll that agrees.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pending {
    /// The digest of its key set.
    pub content: Digest,
    /// Its sequence number.
    pub sequence: Stated,
    /// The poll that first showed it, with none between that showed the state.
    pub since: Timestamp,
    /// The last good poll before that: the step back lies after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
}
