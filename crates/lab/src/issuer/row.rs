//! The bundle in the datastore: one row, which all replicas share.

use std::collections::BTreeMap;

use super::{IssuedKey, KeyNumber};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// What is published, and under which sequence number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BundleRow {
    keys: BTreeMap<KeyNumber, IssuedKey>,
    sequence: Option<u64>,
}

impl BundleRow {
    /// The keys, in the order of their publication.
    pub fn keys(&self) -> impl Iterator<Item = &IssuedKey> {
        self.keys.values()
    }

    /// The key of this number, where it is published.
    pub fn key(&self, number: KeyNumber) -> Option<&IssuedKey> {
        self.keys.get(&number)
    }

    /// The sequence number; 0 before the first key too.
    pub fn sequence(&self) -> u64 {
        self.sequence.unwrap_or(0)
    }

    /// One transaction. The one that makes the row leaves it at 0, and a first server's JWT key
    /// then makes it 1: so it stands in every recording.
    pub(super) fn write(&mut self) -> u64 {
        let sequence = self.sequence.map_or(0, |sequence| sequence.saturating_add(1));
        self.sequence = Some(sequence);
        sequence
    }

    pub(super) fn insert(&mut self, key: IssuedKey) {
        self.keys.insert(key.number, key);
    }

    pub(super) fn remove(&mut self, number: KeyNumber) -> Option<IssuedKey> {
        self.keys.remove(&number)
    }

    /// The keys that ended at `expiration` or before and that a prune takes, or none of any kind
    /// where it would leave a use without keys (`bundleutil.PruneBundle`).
    pub(super) fn prunable(&self, expiration: Timestamp) -> Vec<KeyNumber> {
        // SPIRE keeps the end of a JWT key in whole seconds.
        let ended =
            |key: &IssuedKey| Timestamp::from_unix(key.validity.not_after.as_unix()) <= expiration;
        let would_empty = |svid_type: SvidType| {
            let mut keys = self.keys().filter(|key| key.svid_type == svid_type).peekable();
            keys.peek().is_some() && keys.all(ended)
        };
        if SvidType::ALL.into_iter().any(would_empty) {
            return Vec::new();
        }
        self.keys().filter(|key| ended(key)).map(|key| key.number).collect()
    }
}
