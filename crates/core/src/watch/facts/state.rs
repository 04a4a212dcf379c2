//! What polls agree on, and what they fail with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::bundle::{AuthorityPool, Digest, Fingerprint, StatedNumber};
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;
use crate::watch::FailureReason;

/// The state of a bundle that polls agree on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Confirmed {
    /// The digest of the key set.
    pub content: Digest,
    /// The digest of the document as stored.
    pub body: Digest,
    /// The sequence number that it states.
    pub sequence: StatedNumber,
    /// The refresh hint that it states, in seconds.
    pub refresh_hint: StatedNumber,
    /// When it became so.
    pub since: Bracket,
}

/// A run of failed polls.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FailureRun {
    /// The poll that failed first.
    pub since: Timestamp,
    /// Why the polls fail now.
    pub reason: FailureReason,
    /// What goes wrong, in words.
    pub detail: UntrustedText,
    /// The denied authorities that the reason is about, as they were denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Fingerprint>,
}

impl Facts {
    /// Holds no authority once more that is held elsewhere.
    pub fn intern(&mut self, pool: &AuthorityPool) {
        for record in &mut self.authorities {
            record.authority = pool.intern(Arc::clone(&record.authority));
        }
    }
}
