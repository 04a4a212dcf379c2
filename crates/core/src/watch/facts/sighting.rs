//! What relying parties saw of tokens: key IDs and times, never a token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Confirmed, Facts};
use crate::bundle::AuthorityId;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::ConsumerRefusal;

/// The bounds of what was sighted under one key ID.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sighting {
    /// The key ID, cut to 64 bytes.
    pub kid: UntrustedText,
    /// When it was first reported.
    pub heard: Timestamp,
    /// The least `iat`.
    pub first_iat: Timestamp,
    /// The greatest `iat`.
    pub last_iat: Timestamp,
    /// The greatest `exp`.
    pub last_exp: Timestamp,
    /// The longest `exp − iat`.
    pub longest: Duration,
    /// When the key of this ID was last removed, of those that the facts have laid aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
}

impl Sighting {
    /// The longest key ID that is kept, in bytes.
    pub const KID: usize = 64;

    /// What one token says, reported at `heard`. Foreign text is cut.
    pub fn of_token(kid: &str, heard: Timestamp, iat: Timestamp, exp: Timestamp) -> Self {
        Self {
            kid: Self::cut(kid),
            heard,
            first_iat: iat,
            last_iat: iat,
            last_exp: exp,
            longest: exp.since(iat).unwrap_or_default(),
            withdrawn: None,
        }
    }

    /// Both taken together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            kid: self.kid.clone(),
            heard: self.heard.min(other.heard),
            first_iat: self.first_iat.min(other.first_iat),
            last_iat: self.last_iat.max(other.last_iat),
            last_exp: self.last_exp.max(other.last_exp),
            longest: self.longest.max(other.longest),
            withdrawn: self.withdrawn.max(other.withdrawn),
        }
    }

    /// A key ID as it is kept.
    pub fn cut(kid: &str) -> UntrustedText {
        UntrustedText::new(kid, Self::KID)
    }

    /// Whether `other` says something new enough to be recorded: bounds move by a minute at least,
    /// so that a busy relying party does not fill the journal.
    pub fn gains_from(&self, other: &Self) -> bool {
        const NEWS: Duration = Duration::from_mins(1);
        let merged = self.merged(other);
        let moved = |later: Timestamp, earlier: Timestamp| {
            later.since(earlier).is_some_and(|by| NEWS <= by)
        };
        moved(self.first_iat, merged.first_iat)
            || moved(merged.last_iat, self.last_iat)
            || moved(merged.last_exp, self.last_exp)
            || self.longest < merged.longest
    }
}

/// What differs at the endpoint.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct EndpointShift {
    /// The poll that showed it.
    pub at: Timestamp,
    /// What, in words. Foreign text in them is escaped.
    pub what: Vec<Box<str>>,
    /// Whether keys changed in the same poll.
    pub with_keys: bool,
}

impl Facts {
    /// How many key IDs are kept.
    const KIDS: usize = 256;

    /// What was sighted under a key ID.
    pub fn token_sighting(&self, kid: Option<&UntrustedText>) -> Option<&Sighting> {
        let kid = Sighting::cut(kid?.as_received());
        self.sightings.iter().find(|sighting| sighting.kid == kid)
    }

    /// A removed authority goes out of the facts: what was sighted under its key ID keeps when it
    /// went.
    pub(super) fn outlive(&mut self, id: AuthorityId) {
        let Some(record) = self.record(id) else { return };
        let (Some(kid), Some(removed)) = (&record.authority.kid, record.removed) else { return };
        let kid = Sighting::cut(kid.as_received());
        if let Some(sighting) = self.sightings.iter_mut().find(|sighting| sighting.kid == kid) {
            sighting.withdrawn = sighting.withdrawn.max(Some(removed.until));
        }
    }

    pub(super) fn record_token_sighting(&mut self, sighting: &Sighting) {
        if let Some(known) = self.sightings.iter_mut().find(|known| known.kid == sighting.kid) {
            *known = known.merged(sighting);
        } else {
            if Self::KIDS <= self.sightings.len() {
                self.forget_a_sighting();
            }
            self.sightings.push(sighting.clone());
        }
    }

    /// Makes room for another key ID. Anyone may invent some: those that no key on record carries go
    /// first, and of them the oldest.
    fn forget_a_sighting(&mut self) {
        let carried = self.carried_kids();
        let known =
            |sighting: &Sighting| sighting.withdrawn.is_some() || carried.contains(&sighting.kid);
        let place = self.sightings.iter().position(|sighting| !known(sighting));
        if !self.sightings.is_empty() {
            self.sightings.remove(place.unwrap_or_default());
        }
    }

    /// Other consumers than before refuse the document, or for other reasons.
    pub(super) fn refuse(&mut self, at: Timestamp, refusals: &[ConsumerRefusal]) {
        let known = self.refusals.iter().zip(&self.refused_since);
        let since = refusals.iter().map(|refusal| {
            let mut known = known.clone();
            known.find(|(one, _)| one.consumer == refusal.consumer).map_or(at, |(_, since)| *since)
        });
        self.refused_since = since.collect();
        self.refusals = refusals.to_vec();
    }

    /// A hint that was raised a lot may hide a revocation from those who follow it.
    pub(super) fn raise_hint(&mut self, next: &Confirmed) {
        if self.confirmed.as_ref().is_none_or(|known| known.refresh_hint != next.refresh_hint) {
            self.hint_since = Some(next.since.until);
        }
        let before = self.confirmed.as_ref().and_then(|known| known.refresh_hint.given());
        // A hint of 0 is none: nobody followed it.
        let before = before.filter(|before| 0 < *before);
        match (before, next.refresh_hint.given(), self.hint_before) {
            (Some(before), Some(now), None) if before < now => self.hint_before = Some(before),
            (_, Some(now), Some(usual)) if now <= usual => self.hint_before = None,
            _ => (),
        }
    }
}
