//! Which shared keys are shared on purpose, and who publishes them besides.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Key;
use super::holders::KeyHolder;
use crate::bundle::Fingerprint;
use crate::decision::SharedAuthority;
use crate::spiffe::TrustDomain;

/// A declared key.
#[derive(Debug)]
pub(super) struct DeclaredKey {
    /// What was declared.
    pub(super) shared: Arc<SharedAuthority>,
    /// The trust domains that publish it and are not named.
    pub(super) outside: BTreeSet<KeyHolder>,
}

/// What was declared. A declaration names a fingerprint; its public key is known once a watched
/// trust domain publishes it.
#[derive(Debug, Default)]
pub(super) struct Declared {
    all: Vec<SharedAuthority>,
    unlinked: HashMap<Fingerprint, Arc<SharedAuthority>>,
    keys: HashMap<Key, DeclaredKey>,
}

impl Declared {
    pub(super) fn replace(&mut self, shared: &[SharedAuthority]) {
        if self.all == shared {
            return;
        }
        let named = shared.iter().map(|one| (one.fingerprint, Arc::new(one.clone())));
        self.unlinked = named.collect();
        self.keys.clear();
        self.all = shared.to_vec();
    }

    /// Whether nothing waits for its public key.
    pub(super) fn is_linked(&self) -> bool {
        self.unlinked.is_empty()
    }

    pub(super) fn unlinked(&self, fingerprint: Fingerprint) -> Option<&Arc<SharedAuthority>> {
        self.unlinked.get(&fingerprint)
    }

    pub(super) fn link(
        &mut self,
        fingerprint: Fingerprint,
        key: Key,
        shared: Arc<SharedAuthority>,
        outside: BTreeSet<KeyHolder>,
    ) {
        self.unlinked.remove(&fingerprint);
        self.keys.insert(key, DeclaredKey { shared, outside });
    }

    pub(super) fn get(&self, key: Key) -> Option<&DeclaredKey> {
        self.keys.get(&key)
    }

    pub(super) fn add(&mut self, key: Key, holder: KeyHolder, name: &TrustDomain) {
        if let Some(declared) = self.keys.get_mut(&key)
            && !declared.shared.covers(name)
        {
            declared.outside.insert(holder);
        }
    }

    pub(super) fn remove(&mut self, key: Key, holder: KeyHolder) {
        if let Some(declared) = self.keys.get_mut(&key) {
            declared.outside.remove(&holder);
        }
    }
}
