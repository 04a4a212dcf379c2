//! States that are not the state: those before it, and what answers beside it show.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Standing;
use crate::bundle::{Authority, AuthorityId, Digest, StatedNumber};
use crate::time::{Bracket, Timestamp};

/// A state that was confirmed before.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PastState {
    /// The digest of the key set.
    pub content: Digest,
    /// The sequence number that it stated.
    pub sequence: StatedNumber,
    /// When it became the state.
    pub since: Bracket,
}

/// An answer that stepped back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StepBack {
    /// The digest of its key set.
    pub content: Digest,
    /// Its sequence number.
    pub sequence: StatedNumber,
    /// The poll that first showed it.
    pub at: Timestamp,
}

/// What another address answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AddressView {
    /// The address.
    pub address: IpAddr,
    /// The digest of its key set.
    pub content: Digest,
    /// Its sequence number.
    pub sequence: StatedNumber,
    /// The poll that first showed it.
    pub at: Timestamp,
}

/// An authority that only an answer beside the state has shown.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct UnconfirmedAuthority {
    /// The key.
    pub authority: Arc<Authority>,
    /// When that answer first held it.
    pub seen: Bracket,
    /// Whether it is explained, and by what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The line that it belongs to, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<u32>,
    /// The authority before it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<AuthorityId>,
}
