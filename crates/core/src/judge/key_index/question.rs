//! What a trust domain is to know of its shared keys when it is judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::holders::{Holders, KeyHolder};
use super::{Key, Number, PublicKeyIndex, count};
use crate::bundle::{PublicKeyId, SvidType};
use crate::decision::SharedAuthority;
use crate::finding::evidence::TrustDomains;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{Event, Facts};

/// How many trust domains are named where many publish a key.
const SAMPLE: usize = 5;
/// A key that more trust domains than this publish identifies none of them: it is a common root.
const IDENTIFYING: usize = 8;

/// What a trust domain is to know of its shared keys when it is judged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SharedKeys {
    /// The keys that several trust domains publish and this one is to report.
    pub keys: Vec<SharedKey>,
    /// The keys that stand here under two uses and this one is to report.
    pub two_uses: Vec<TwoUses>,
    /// The other trust domain whose key set is served here.
    pub twin: Option<KeySetTwin>,
}

/// Whether a trust domain publishes other keys than before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeySetChange {
    /// It does.
    Changed,
    /// It publishes the same keys.
    Unchanged,
}

impl KeySetChange {
    /// What these events say.
    pub fn of(events: &[Event]) -> Self {
        let changes = |event: &Event| {
            matches!(event, Event::AuthorityIntroduced { .. } | Event::AuthorityRemoved { .. })
        };
        if events.iter().any(changes) { Self::Changed } else { Self::Unchanged }
    }
}

/// Says of a trust domain with these facts which shared keys it is to report.
pub type SharedKeysFor<'a> = dyn FnMut(&Facts, KeySetChange) -> SharedKeys + 'a;

impl SharedKeys {
    /// Whether this trust domain is to report any.
    pub fn is_reporter(&self) -> bool {
        !self.keys.is_empty() || !self.two_uses.is_empty()
    }
}

/// A key that several trust domains publish.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SharedKey {
    /// The public key.
    pub key: PublicKeyId,
    /// Since when it is so, or since when a trust domain publishes it that is not declared to.
    pub since: Timestamp,
    /// The trust domains that publish it, this one among them.
    pub publishers: TrustDomains,
    /// The declaration that it is shared on purpose.
    pub declared: Option<Arc<SharedAuthority>>,
    /// The trust domains that publish it and are not declared to. Empty without a declaration.
    pub undeclared: TrustDomains,
}

/// A key that one trust domain publishes under two uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TwoUses {
    /// The public key.
    pub key: PublicKeyId,
    /// The use that it was published under first.
    pub first: SvidType,
    /// The use that came later.
    pub second: SvidType,
    /// When that came.
    pub since: Timestamp,
}

/// Another trust domain that publishes more than half of the keys of this one, and published them
/// before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySetTwin {
    /// The other trust domain.
    pub trust_domain: TrustDomain,
    /// How many keys both publish.
    pub common: u64,
    /// How many keys this trust domain publishes, without those that are declared to be shared.
    pub total: u64,
    /// When this trust domain first published one of the common keys.
    pub since: Timestamp,
    /// Whether its first bundle had them already, so that nothing tells which of the two is served
    /// under the wrong name.
    pub from_the_first: bool,
}

/// The uses of one key of a trust domain.
struct Uses {
    id: PublicKeyId,
    is_jwt: bool,
    /// When it was published first, and under what use.
    first: (Timestamp, SvidType),
    /// The first publication under another use.
    second: Option<(Timestamp, SvidType)>,
}

/// How much of a key set another trust domain has.
#[derive(Default)]
struct Tally {
    common: usize,
    has_jwt: bool,
    /// How many of them this trust domain published later than the other did.
    later: usize,
    since: Option<Timestamp>,
}

/// The keys that a trust domain publishes, without those that are declared to be shared.
#[derive(Clone, Copy, Default)]
struct OwnKeys {
    total: usize,
    any_jwt: bool,
}

impl PublicKeyIndex {
    /// [`PublicKeyIndex::update`] where the keys changed, and [`PublicKeyIndex::ask`].
    pub fn answer(
        &mut self,
        trust_domain: &TrustDomain,
        facts: &Facts,
        change: KeySetChange,
    ) -> SharedKeys {
        if change == KeySetChange::Changed {
            self.update(trust_domain, facts);
        }
        self.ask(trust_domain, facts)
    }

    /// What a trust domain is to know when it is judged. It reports what stands in the answer:
    /// nobody else does until [`PublicKeyIndex::take_reports`] has read its ledger.
    pub fn ask(&mut self, trust_domain: &TrustDomain, facts: &Facts) -> SharedKeys {
        self.link(facts);
        let number = self.number(trust_domain);
        let mut shared = SharedKeys::default();
        let mut tallies: BTreeMap<Number, Tally> = BTreeMap::new();
        let mut own = OwnKeys::default();
        for (key, uses) in uses(facts) {
            self.work = self.work.saturating_add(1);
            shared.two_uses.extend(self.two_uses(number, &uses));
            if self.declared.get(key).is_none() {
                own.total = own.total.saturating_add(1);
                own.any_jwt |= uses.is_jwt;
            }
            let several = self.holders.get(&key).filter(|holders| 1 < holders.len());
            if let Some(holders) = several {
                if holders.len() <= IDENTIFYING && self.declared.get(key).is_none() {
                    self.work = self.work.saturating_add(count(holders.len()));
                    tally(&mut tallies, holders, number, &uses);
                }
                shared.keys.extend(self.shared_key(number, uses.id));
            }
        }
        shared.twin = self.twin(&tallies, own, facts);
        shared
    }

    fn two_uses(&mut self, number: Number, uses: &Uses) -> Option<TwoUses> {
        let (since, second) = uses.second?;
        let about = (Key::of(uses.id), Some(second));
        let first = uses.first.1;
        let claimed = self.reports.claim(about, number, since, |_| true);
        claimed.then_some(TwoUses { key: uses.id, first, second, since })
    }

    fn shared_key(&mut self, number: Number, id: PublicKeyId) -> Option<SharedKey> {
        let key = Key::of(id);
        let holders = self.holders.get(&key)?;
        let declared = self.declared.get(key);
        // The second to publish made it shared; a stranger to the declaration, undeclared.
        let shared = holders.iter().nth(1)?.published;
        let stranger = declared.and_then(|declared| declared.outside.first());
        let since = stranger.map_or(shared, |stranger| stranger.published.max(shared));
        // Whoever reports the key sees a stranger come while it publishes the key itself.
        let held = &self.held;
        let sees = |other: Number| {
            let keys = held.get(super::place(other));
            stranger.is_none()
                || keys.is_some_and(|keys| keys.binary_search_by_key(&key, |one| one.0).is_ok())
        };
        if !self.reports.claim((key, None), number, since, sees) {
            return None;
        }
        let publishers = self.sample(holders.len(), &mut holders.iter());
        let undeclared = declared.map(|declared| {
            self.sample(declared.outside.len(), &mut declared.outside.iter().copied())
        });
        let declared = declared.map(|declared| Arc::clone(&declared.shared));
        self.work = self.work.saturating_add(count(publishers.names.len()));
        let undeclared = undeclared.unwrap_or_default();
        Some(SharedKey { key: id, since, publishers, declared, undeclared })
    }

    fn sample(&self, number: usize, holders: &mut dyn Iterator<Item = KeyHolder>) -> TrustDomains {
        let names = holders.take(SAMPLE).filter_map(|holder| self.name(holder).cloned());
        TrustDomains { count: count(number), names: names.collect() }
    }

    /// The one other trust domain that more than half of the key set was published by before.
    fn twin(
        &self,
        tallies: &BTreeMap<Number, Tally>,
        OwnKeys { total, any_jwt }: OwnKeys,
        facts: &Facts,
    ) -> Option<KeySetTwin> {
        let is_more_than_half = |part: usize, whole: usize| whole < part.saturating_mul(2);
        let is_twin = |tally: &Tally| {
            1 < total
                && is_more_than_half(tally.common, total)
                && is_more_than_half(tally.later, tally.common)
                && (tally.has_jwt || !any_jwt)
        };
        let twins = tallies.iter().filter(|(_, tally)| is_twin(tally));
        // Of several the first that came under watch.
        let (number, tally) = twins.rev().max_by_key(|(_, tally)| tally.common)?;
        let since = tally.since?;
        Some(KeySetTwin {
            trust_domain: self.names.get(super::place(*number))?.clone(),
            common: count(tally.common),
            total: count(total),
            since,
            from_the_first: facts.endpoint.first_contact.is_some_and(|first| since <= first),
        })
    }
}

/// Counts a key for each other trust domain that publishes it.
fn tally(tallies: &mut BTreeMap<Number, Tally>, holders: &Holders, number: Number, uses: &Uses) {
    let Some(own) = holders.iter().find(|holder| holder.number == number) else { return };
    for other in holders.iter().filter(|holder| holder.number != number) {
        let tally = tallies.entry(other.number).or_default();
        tally.common = tally.common.saturating_add(1);
        tally.has_jwt |= uses.is_jwt;
        if other < own {
            tally.later = tally.later.saturating_add(1);
        }
        tally.since = Some(tally.since.map_or(own.published, |since| since.min(own.published)));
    }
}

/// The keys of a trust domain, with the uses that they are published under.
fn uses(facts: &Facts) -> BTreeMap<Key, Uses> {
    let mut keys: BTreeMap<Key, Uses> = BTreeMap::new();
    for record in facts.published() {
        let Some(id) = record.authority.public_key else { continue };
        let svid_type = record.id().svid_type;
        let one = (record.published.until, svid_type);
        let is_jwt = svid_type == SvidType::Jwt;
        let uses = keys.entry(Key::of(id)).or_insert(Uses { id, is_jwt, first: one, second: None });
        uses.is_jwt |= is_jwt;
        if uses.first.1 == svid_type {
            uses.first = uses.first.min(one);
        } else if uses.second.is_none_or(|known| one < known) {
            uses.second = Some(one);
        }
    }
    for uses in keys.values_mut() {
        if let Some(second) = &mut uses.second
            && *second < uses.first
        {
            std::mem::swap(second, &mut uses.first);
        }
    }
    keys
}
