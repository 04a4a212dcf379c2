//! What relying parties reported of tokens, as far as it is kept.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::{Event, Sighting};

/// What was sighted of tokens, by key ID.
///
/// Invariant: one entry for each key ID, at most `KIDS` of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sightings(Vec<Sighting>);

impl Sightings {
    /// How many key IDs are kept.
    const KIDS: usize = 256;

    /// All of them, the one that was reported first at the beginning.
    pub fn all(&self) -> &[Sighting] {
        &self.0
    }

    /// What was sighted under a key ID.
    pub fn of(&self, kid: Option<&UntrustedText>) -> Option<&Sighting> {
        let kid = Sighting::cut(kid?.as_received());
        self.0.iter().find(|sighting| sighting.kid == kid)
    }

    /// Takes in an event. `carried` gives the key IDs of all authorities on record.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        carried: impl FnOnce() -> Arc<HashSet<UntrustedText>>,
    ) {
        let Event::KidSighted { sighting, .. } = event else { return };
        if let Some(known) = self.0.iter_mut().find(|known| known.kid == sighting.kid) {
            *known = known.merged(sighting);
            return;
        }
        if Self::KIDS <= self.0.len() {
            self.forget_one(&carried());
        }
        self.0.push(sighting.clone());
    }

    /// A removed authority goes out of the facts: what was sighted under its key ID keeps when it
    /// went.
    pub(super) fn withdraw(&mut self, kid: &UntrustedText, removed: Timestamp) {
        let kid = Sighting::cut(kid.as_received());
        if let Some(sighting) = self.0.iter_mut().find(|sighting| sighting.kid == kid) {
            sighting.withdrawn = sighting.withdrawn.max(Some(removed));
        }
    }

    /// Makes room for another key ID. Anyone may invent some: those that no key on record carries go
    /// first, and of them the oldest.
    fn forget_one(&mut self, carried: &HashSet<UntrustedText>) {
        let known =
            |sighting: &Sighting| sighting.withdrawn.is_some() || carried.contains(&sighting.kid);
        let place = self.0.iter().position(|sighting| !known(sighting));
        if !self.0.is_empty() {
            self.0.remove(place.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn sighted(kid: &str, iat: i64) -> Event {
        let sighting = Sighting::of_token(kid, at(iat), at(iat), at(iat + 300));
        Event::KidSighted { sighting, reporter: "file".into() }
    }

    #[test]
    fn the_bounds_of_one_key_id_are_merged() {
        let mut all = Sightings::default();
        for iat in [20, 10, 30] {
            all.apply(&sighted("a", iat), Arc::default);
        }
        let [one] = all.all() else { panic!("{all:?}") };
        assert_eq!((one.first_iat, one.last_iat, one.last_exp), (at(10), at(30), at(330)));
    }

    #[test]
    fn invented_key_ids_push_out_no_key_id_that_an_authority_carries() {
        let mut all = Sightings::default();
        let carried = Arc::new(HashSet::from([Sighting::cut("real")]));
        all.apply(&sighted("real", 0), Arc::default);
        all.apply(&sighted("gone", 0), Arc::default);
        all.withdraw(&"gone".into(), at(5));
        for number in 0..1_000 {
            all.apply(&sighted(&format!("invented {number}"), 1), || Arc::clone(&carried));
        }
        assert_eq!(all.all().len(), Sightings::KIDS);
        assert!(all.of(Some(&"real".into())).is_some());
        assert_eq!(all.of(Some(&"gone".into())).unwrap().withdrawn, Some(at(5)));
        assert!(all.of(Some(&"invented 0".into())).is_none());
    }
}
