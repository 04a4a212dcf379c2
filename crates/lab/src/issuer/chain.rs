//! The slots of one chain: what one replica signs one type of SVID with, now and next.

use super::{InterventionRefused, IssuedKey, IssuerSettings, KeyNumber, KeyStore};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// One replica's keys of one use. X.509 and JWT keys are two chains, each on its own clock.
#[derive(Clone, Debug)]
pub(super) struct IssuerChain {
    pub(super) svid_type: SvidType,
    /// The key that signs.
    pub(super) current: Option<IssuedKey>,
    next: Next,
    /// Until when preparations fail.
    failing_until: Option<Timestamp>,
    /// The number of the first tick that the chain has not looked at.
    pub(super) next_tick: u64,
}

/// SPIRE's other slot. A key that has signed stays there until the next one is prepared, and can
/// only be tainted so long.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Empty,
    Prepared(IssuedKey),
    Old { key: IssuedKey, tainted: bool },
}

/// What a look finds due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Due {
    /// There is no key at all: one is prepared and signs at once.
    First,
    /// The next key is due.
    Preparation { after: Timestamp },
    /// The prepared key is due to sign.
    Activation { after: Timestamp },
}

impl Due {
    /// The moment that a look must be later than; `None` where any will do.
    pub(super) fn after(self) -> Option<Timestamp> {
        match self {
            Self::First => None,
            Self::Preparation { after } | Self::Activation { after } => Some(after),
        }
    }
}

/// A key that signs now, and the one that signed before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SigningHandOver {
    pub(super) retired: KeyNumber,
    pub(super) activated: KeyNumber,
}

impl IssuerChain {
    pub(super) fn new(svid_type: SvidType) -> Self {
        Self { svid_type, current: None, next: Next::Empty, failing_until: None, next_tick: 0 }
    }

    /// What the chain waits for.
    pub(super) fn due(&self, settings: &IssuerSettings) -> Due {
        let Some(current) = &self.current else {
            return Due::First;
        };
        match self.next {
            Next::Prepared(_) => Due::Activation { after: settings.activates_after(current) },
            Next::Empty | Next::Old { .. } => {
                // A preparation that fails is tried again at every tick, and comes before the
                // swap: until it succeeds, the current key signs on.
                let after = settings.prepares_after(current);
                Due::Preparation { after: self.failing_until.map_or(after, |f| f.max(after)) }
            }
        }
    }

    /// The first key: it signs at once.
    pub(super) fn begin(&mut self, key: IssuedKey) {
        self.current = Some(key);
    }

    /// Takes a new key as the next one. The key that was prepared before, where there was one, is
    /// dropped.
    pub(super) fn prepare(&mut self, key: IssuedKey) -> Option<KeyNumber> {
        let dropped = match self.next {
            Next::Prepared(orphan) => Some(orphan.number),
            Next::Empty | Next::Old { .. } => None,
        };
        self.next = Next::Prepared(key);
        dropped
    }

    /// Lets the prepared key sign.
    pub(super) fn activate(&mut self) -> Result<SigningHandOver, InterventionRefused> {
        let (Next::Prepared(next), Some(current)) = (self.next, self.current) else {
            return Err(InterventionRefused::NoSuchKey);
        };
        self.current = Some(next);
        self.next = Next::Old { key: current, tainted: false };
        Ok(SigningHandOver { retired: current.number, activated: next.number })
    }

    pub(super) fn taint(&mut self) -> Result<KeyNumber, InterventionRefused> {
        match &mut self.next {
            Next::Old { key, tainted: tainted @ false } => {
                *tainted = true;
                Ok(key.number)
            }
            Next::Empty | Next::Prepared(_) | Next::Old { .. } => {
                Err(InterventionRefused::NoSuchKey)
            }
        }
    }

    pub(super) fn revoke(&mut self) -> Result<KeyNumber, InterventionRefused> {
        match self.next {
            Next::Old { key, tainted: true } => {
                self.next = Next::Empty;
                Ok(key.number)
            }
            Next::Empty | Next::Prepared(_) | Next::Old { .. } => {
                Err(InterventionRefused::NoSuchKey)
            }
        }
    }

    /// When the next publication is due: at the first look after it. `None` before the first key.
    pub(super) fn publishes_after(&self, settings: &IssuerSettings) -> Option<Timestamp> {
        let newest = match self.next {
            Next::Prepared(key) => key,
            Next::Empty | Next::Old { .. } => self.current?,
        };
        Some(settings.prepares_after(&newest))
    }

    /// What a server makes of a datastore that was replaced: a journal entry whose key the bundle
    /// does not have is dropped (`slot.go`).
    pub(super) fn forget(&mut self, usable: impl Fn(&IssuedKey) -> bool) {
        if self.current.is_some_and(|key| !usable(&key)) {
            self.current = None;
            self.next = Next::Empty;
        }
        if let Next::Prepared(key) | Next::Old { key, .. } = self.next
            && !usable(&key)
        {
            self.next = Next::Empty;
        }
    }

    pub(super) fn fail_until(&mut self, until: Timestamp) {
        self.failing_until = Some(until);
    }

    /// What a starting server finds again. A key that has ended, or that the bundle no longer
    /// has, is of no use (`slot.go`).
    pub(super) fn restart(&mut self, keys: KeyStore, usable: impl Fn(&IssuedKey) -> bool) {
        self.next_tick = 0;
        let kept = |key: &IssuedKey| keys == KeyStore::Kept && usable(key);
        self.current = self.current.filter(kept);
        self.next = match self.next {
            Next::Prepared(key) | Next::Old { key, .. } if kept(&key) => self.next,
            Next::Empty | Next::Prepared(_) | Next::Old { .. } => Next::Empty,
        };
    }
}
