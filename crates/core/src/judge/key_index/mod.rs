//! Which public keys are published by which trust domains.
//!
//! One corporate root under hundreds of trust domains is normal. So nothing here looks at pairs of
//! trust domains: an update costs what the updated trust domain's own bundle holds, and so does a
//! question, with a bounded sample of others for each key.
//!
//! A key that several trust domains publish is one finding, in the journal of one of them. The
//! index knows which: the one whose change made the key shared claims it, and everyone else is
//! silent about it while that finding is open or was settled.

mod declared;
mod holders;
mod question;
mod reports;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::bundle::PublicKeyId;
use crate::decision::SharedAuthority;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{Facts, Ledger};
use declared::Declared;
use holders::{Holders, KeyHolder};
pub use question::{KeySetChange, KeySetTwin, SharedKey, SharedKeys, SharedKeysFor, TwoUses};
use reports::Reports;

/// A public key, by the first half of its identifier. Nobody can make two keys of one half.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key([u8; 16]);

impl Key {
    fn of(id: PublicKeyId) -> Self {
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(id.as_bytes()) {
            *to = *from;
        }
        Self(half)
    }
}

/// A trust domain, by its place in the list of names.
type Number = u32;

/// Which public keys are published by which trust domains, and which of those that several publish
/// are reported.
#[derive(Debug, Default)]
pub struct PublicKeyIndex {
    names: Vec<TrustDomain>,
    numbers: HashMap<TrustDomain, Number>,
    /// The keys of each trust domain, sorted, with the time of publication.
    held: Vec<Box<[(Key, Timestamp)]>>,
    holders: HashMap<Key, Holders>,
    reports: Reports,
    declared: Declared,
    work: u64,
}

impl PublicKeyIndex {
    /// Declares which authorities are shared on purpose, in place of what was declared before.
    pub fn declare(&mut self, shared: &[SharedAuthority]) {
        self.declared.replace(shared);
    }

    /// Takes in the keys that a trust domain publishes now.
    pub fn update(&mut self, trust_domain: &TrustDomain, facts: &Facts) {
        let number = self.number(trust_domain);
        let mut published: BTreeMap<Key, Timestamp> = BTreeMap::new();
        for record in facts.published() {
            let Some(id) = record.authority.public_key else { continue };
            let since = published.entry(Key::of(id)).or_insert(record.published.until);
            *since = record.published.until.min(*since);
        }
        self.hold(number, &published.into_iter().collect::<Vec<_>>());
        self.link(facts);
    }

    /// Takes in which shared keys a trust domain's journal reports, and drops its claims: what it
    /// claimed is in its ledger by now, or another may report it.
    pub fn take_reports(&mut self, trust_domain: &TrustDomain, ledger: &Ledger) {
        let number = self.number(trust_domain);
        self.reports.replace(number, ledger, &ledger.open);
    }

    /// A trust domain is no longer watched. What was settled in its journal stays settled; what is
    /// open there is for another to report.
    pub fn remove(&mut self, trust_domain: &TrustDomain, ledger: &Ledger) {
        let number = self.number(trust_domain);
        self.hold(number, &[]);
        self.reports.replace(number, ledger, &[]);
    }

    /// How many keys and holders were looked at so far: what a test holds the growth by.
    pub fn work(&self) -> u64 {
        self.work
    }

    fn number(&mut self, trust_domain: &TrustDomain) -> Number {
        if let Some(number) = self.numbers.get(trust_domain) {
            return *number;
        }
        let number = Number::try_from(self.names.len()).unwrap_or(Number::MAX);
        self.names.push(trust_domain.clone());
        self.held.push(Box::default());
        self.numbers.insert(trust_domain.clone(), number);
        number
    }

    fn name(&self, holder: KeyHolder) -> Option<&TrustDomain> {
        self.names.get(place(holder.number))
    }

    fn hold(&mut self, number: Number, now: &[(Key, Timestamp)]) {
        let Some(held) = self.held.get_mut(place(number)) else { return };
        let before = std::mem::replace(held, now.into());
        self.work = self.work.saturating_add(count(before.len().saturating_add(now.len())));
        for (key, published) in before.iter().filter(|one| now.binary_search(one).is_err()) {
            self.drop_holder(*key, KeyHolder { published: *published, number });
        }
        for (key, published) in now.iter().filter(|one| before.binary_search(one).is_err()) {
            self.add_holder(*key, KeyHolder { published: *published, number });
        }
    }

    fn add_holder(&mut self, key: Key, holder: KeyHolder) {
        self.work = self.work.saturating_add(1);
        match self.holders.get_mut(&key) {
            Some(holders) => holders.add(holder),
            None => drop(self.holders.insert(key, Holders::One(holder))),
        }
        if let Some(name) = self.names.get(place(holder.number)) {
            self.declared.add(key, holder, name);
        }
    }

    fn drop_holder(&mut self, key: Key, holder: KeyHolder) {
        self.work = self.work.saturating_add(1);
        if let Some(holders) = self.holders.get_mut(&key)
            && holders.remove(holder)
        {
            self.holders.remove(&key);
        }
        self.declared.remove(key, holder);
    }

    /// Finds out which public keys the declared fingerprints stand for. Each is looked up once.
    fn link(&mut self, facts: &Facts) {
        if self.declared.is_linked() {
            return;
        }
        for record in facts.published() {
            let Some(id) = record.authority.public_key else { continue };
            let Some(shared) = self.declared.unlinked(record.id().fingerprint) else { continue };
            let (key, shared) = (Key::of(id), Arc::clone(shared));
            let holders = self.holders.get(&key).into_iter().flat_map(Holders::iter);
            let outside = holders.filter(|holder| {
                self.names.get(place(holder.number)).is_some_and(|name| !shared.covers(name))
            });
            let outside = outside.collect();
            self.work =
                self.work.saturating_add(self.holders.get(&key).map_or(0, |all| count(all.len())));
            self.declared.link(record.id().fingerprint, key, shared, outside);
        }
    }
}

fn place(number: Number) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
