//! One entry of the journal.

use serde::{Deserialize, Serialize};

use crate::bundle::Digest;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::Event;

/// What happened, to whom and when.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// The poll's time. Entries of one poll share it.
    pub at: Timestamp,
    /// The trust domain that it happened to.
    pub trust_domain: TrustDomain,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// An entry with its place in the journal, as readers get it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RecordedEntry {
    /// Its number, counted from 1 without a gap.
    pub number: u64,
    /// The digest that chains it to all before it.
    pub hash: Digest,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}
