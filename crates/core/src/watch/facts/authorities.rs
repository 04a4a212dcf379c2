//! The authorities that are on record, and those that only an answer beside the state has shown.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bundle::{Authority, AuthorityId, AuthorityPool};
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;
use crate::watch::rotation::Forms;
use crate::watch::{AuthorityRecord, Event, Leaf, Sighting, UnconfirmedAuthority, UnrecordedKeys};

/// The authorities of one trust domain.
///
/// Invariants: `records` is sorted by id and has one record for each. A record without a standing
/// is not judged yet: the [`Event::BundleChanged`] that names it judges it. How many removed and
/// unconfirmed ones are kept is bounded (`removed.rs`, `rotation.rs`).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Authorities {
    /// The authorities that are published, and those removed of late; sorted by their id.
    pub records: Vec<AuthorityRecord>,
    /// Authorities that only an answer beside the state has shown so far.
    pub unconfirmed: Vec<UnconfirmedAuthority>,
    /// Keys of the bundle that the daily budget kept from being recorded, and the last good poll
    /// before the first of them.
    pub unrecorded: Option<(UnrecordedKeys, Option<Timestamp>)>,
    /// What follows from the records, while none of them changes.
    #[serde(skip)]
    derived: Derived,
}

/// What follows from the authorities on record. An endpoint or a reporter decides how many keys one
/// batch of events brings: what is compared with each of them is made once for all of them. It is
/// made where it is asked for, and facts are the same whether they hold it or not.
#[derive(Clone, Debug, Default)]
struct Derived {
    forms: Option<Arc<Forms>>,
    kids: Option<Arc<HashSet<UntrustedText>>>,
}

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl FromIterator<AuthorityRecord> for Authorities {
    fn from_iter<I: IntoIterator<Item = AuthorityRecord>>(records: I) -> Self {
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_by_key(AuthorityRecord::id);
        Self { records, ..Self::default() }
    }
}

impl Authorities {
    /// Takes in an event. What a change of the bundle makes of them is for the rotation to say.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a new event is about no authority alone")]
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::AuthorityIntroduced { authority, published, returned_after } => {
                self.introduce(authority, *published, *returned_after);
            }
            Event::AuthorityRemoved { authority, removed } => self.remove(*authority, *removed),
            Event::AuthorityRelabelled { authority, .. } => {
                if let Some(record) = self.record_mut(authority.id) {
                    record.authority = Arc::clone(authority);
                }
            }
            Event::AuthoritySigned { authority, leaf } => {
                if let Some(record) = self.record_mut(*authority) {
                    record.signed = Some(earliest(record.signed, *leaf));
                }
            }
            _ => (),
        }
    }

    fn introduce(
        &mut self,
        authority: &Arc<Authority>,
        published: Bracket,
        returned_after: Option<Bracket>,
    ) {
        let authority = Arc::clone(authority);
        let id = authority.id;
        match self.records.binary_search_by_key(&id, AuthorityRecord::id) {
            Ok(place) => {
                if let Some(record) = self.records.get_mut(place) {
                    record.authority = authority;
                    record.published = published;
                    record.removed = None;
                    record.returned_after = returned_after;
                }
            }
            Err(place) => {
                let record = AuthorityRecord::new(authority, published);
                self.records.insert(place, AuthorityRecord { returned_after, ..record });
            }
        }
    }

    pub(super) fn remove(&mut self, id: AuthorityId, removed: Bracket) {
        if let Some(record) = self.record_mut(id) {
            record.removed = Some(removed);
        }
    }

    /// The record of an authority, published or removed of late.
    pub(super) fn record(&self, id: AuthorityId) -> Option<&AuthorityRecord> {
        let place = self.records.binary_search_by_key(&id, AuthorityRecord::id).ok()?;
        self.records.get(place)
    }

    pub(super) fn record_mut(&mut self, id: AuthorityId) -> Option<&mut AuthorityRecord> {
        let place = self.records.binary_search_by_key(&id, AuthorityRecord::id).ok()?;
        self.records.get_mut(place)
    }

    /// The records of the authorities that are published.
    pub(super) fn published(&self) -> impl Iterator<Item = &AuthorityRecord> {
        self.records.iter().filter(|record| record.removed.is_none())
    }

    /// Holds no authority once more that is held elsewhere.
    pub(super) fn intern(&mut self, pool: &AuthorityPool) {
        for record in &mut self.records {
            record.authority = pool.intern(Arc::clone(&record.authority));
        }
    }

    /// Drops what was derived, before and after an event that may change an authority.
    pub(super) fn drop_derived(&mut self, event: &Event) {
        let changes_none =
            matches!(event, Event::UnconfirmedAuthoritySeen { .. } | Event::KidSighted { .. });
        if !changes_none {
            self.derived = Derived::default();
        }
    }

    /// What the explained authorities look like that are published.
    pub(super) fn forms(&mut self) -> Arc<Forms> {
        if let Some(forms) = &self.derived.forms {
            return Arc::clone(forms);
        }
        let explained = self.published().filter(|record| record.is_explained());
        let forms = Arc::new(Forms::of(explained));
        self.derived.forms = Some(Arc::clone(&forms));
        forms
    }

    /// The key IDs of all authorities on record, as sightings hold them.
    pub(super) fn carried_kids(&mut self) -> Arc<HashSet<UntrustedText>> {
        if let Some(kids) = &self.derived.kids {
            return Arc::clone(kids);
        }
        #[cfg(test)]
        crate::watch::work::CARRIED.add();
        let kids = self.records.iter().filter_map(|record| record.authority.kid.as_ref());
        let kids = kids.map(|kid| Sighting::cut(kid.as_received())).collect();
        let kids = Arc::new(kids);
        self.derived.kids = Some(Arc::clone(&kids));
        kids
    }
}

/// The leaf with the earlier `notBefore`: the bound on when the authority began to sign.
fn earliest(known: Option<Leaf>, seen: Leaf) -> Leaf {
    match known {
        Some(known) if known.validity.not_before <= seen.validity.not_before => known,
        Some(_) | None => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Fingerprint, KeyType, SvidType, Validity};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn id(name: &str) -> AuthorityId {
        AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::of(name.as_bytes()) }
    }

    fn introduced(name: &str, until: i64, returned_after: Option<Bracket>) -> Event {
        let authority = Authority {
            id: id(name),
            public_key: None,
            key_type: KeyType::EcP256,
            kid: Some(name.into()),
            certificate: None,
        };
        let published = Bracket::new(None, at(until));
        Event::AuthorityIntroduced { authority: Arc::new(authority), published, returned_after }
    }

    fn signed(name: &str, not_before: i64) -> Event {
        let validity = Validity { not_before: at(not_before), not_after: at(10_000) };
        Event::AuthoritySigned { authority: id(name), leaf: Leaf { seen_at: at(50), validity } }
    }

    #[test]
    fn each_authority_has_one_record_in_the_order_of_ids() {
        let mut all = Authorities::default();
        for name in ["c", "a", "b", "a"] {
            all.apply(&introduced(name, 1, None));
        }
        assert_eq!(all.records.len(), 3);
        assert!(all.records.is_sorted_by_key(AuthorityRecord::id));
    }

    #[test]
    fn an_authority_that_returns_is_published_again_and_keeps_its_first_signature() {
        let mut all = Authorities::default();
        let removed = Bracket::new(Some(at(2)), at(3));
        all.apply(&introduced("a", 1, None));
        all.apply(&signed("a", 20));
        all.apply(&signed("a", 10));
        all.apply(&signed("a", 30));
        all.apply(&Event::AuthorityRemoved { authority: id("a"), removed });
        assert_eq!(all.published().count(), 0);
        all.apply(&introduced("a", 9, Some(removed)));
        let record = all.record(id("a")).unwrap();
        assert_eq!((record.removed, record.returned_after), (None, Some(removed)));
        assert_eq!(record.signed.unwrap().validity.not_before, at(10));
    }

    #[test]
    fn what_follows_from_the_records_is_dropped_with_any_of_them() {
        let mut all = Authorities::default();
        all.apply(&introduced("a", 1, None));
        assert_eq!(all.carried_kids().len(), 1);
        let next = introduced("b", 2, None);
        all.drop_derived(&next);
        all.apply(&next);
        assert_eq!(all.carried_kids().len(), 2);
    }
}
