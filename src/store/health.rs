//! What is known to be wrong with the store.
//!
//! Three find faults: the start, the writer, which watches the files, and the background check. Each
//! tells here, and whoever shows the daemon's state reads it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use anchorwatch_core::time::Timestamp;

/// A fault stays reported for at least this long after it was last seen, so that one that mended
/// itself is still read by somebody.
pub(super) const REPORTED_FOR: Duration = Duration::from_hours(1);
/// The store counts as settled this long after its files were last touched behind its back: whoever
/// removed one may do so again.
const UNSETTLED_FOR: Duration = Duration::from_mins(5);
/// How many faults are kept; more are counted.
const MOST: usize = 32;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// A file of the store was removed, replaced or truncated under the daemon.
    File,
    /// Something stored is not as it was written.
    Content,
}

/// A fault of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreFault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// What is wrong, as a sentence. Nothing in it is foreign text.
    pub detail: Box<str>,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last seen.
    pub seen: Timestamp,
}

/// What is known to be wrong with the store, and when all of it was last found in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreHealth {
    /// The faults, oldest first, at most 32.
    pub faults: Vec<StoreFault>,
    /// How many more were found at the last look than are listed.
    pub more: u64,
    /// When a check of the whole store last ended without a fault.
    pub verified_at: Option<Timestamp>,
}

impl StoreHealth {
    /// How many faults are known.
    pub fn count(&self) -> u64 {
        u64::try_from(self.faults.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }

    /// Why what is written now may not last: a file of the store was touched a moment ago.
    pub fn unsettled(&self, at: Timestamp) -> Option<&StoreFault> {
        let recent = |fault: &&StoreFault| {
            fault.kind == FaultKind::File
                && at.since(fault.seen).is_none_or(|age| age < UNSETTLED_FOR)
        };
        self.faults.iter().rfind(recent)
    }

    fn note(&mut self, kind: FaultKind, detail: Box<str>, at: Timestamp) {
        if let Some(known) = self.faults.iter_mut().find(|known| known.detail == detail) {
            known.seen = at;
        } else if self.faults.len() < MOST {
            self.faults.push(StoreFault { kind, detail, since: at, seen: at });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// The health of an open store, which several threads tell of.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<ArcSwap<StoreHealth>>);

impl Health {
    pub(super) fn load(&self) -> Arc<StoreHealth> {
        self.0.load_full()
    }

    /// Takes in a fault that was seen now.
    pub(super) fn note(&self, kind: FaultKind, detail: &str, at: Timestamp) {
        if !self.load().faults.iter().any(|known| &*known.detail == detail) {
            tracing::error!(fault = detail, "the store is damaged");
        }
        self.0.rcu(|health| {
            let mut health = StoreHealth::clone(health);
            health.note(kind, detail.into(), at);
            health
        });
    }

    /// Takes in what a check of the whole store found, which ended now: `more` faults beside those
    /// that are listed.
    pub(super) fn checked(&self, faults: &[String], more: u64, at: Timestamp) {
        for fault in faults {
            self.note(FaultKind::Content, fault, at);
        }
        self.0.rcu(|health| {
            let mut health = StoreHealth::clone(health);
            health.more = more;
            health.faults.retain(|known| at.since(known.seen).is_none_or(|age| age < REPORTED_FOR));
            if faults.is_empty() {
                health.verified_at = Some(at);
            }
            health
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000).saturating_add(Duration::from_mins(minutes))
    }

    #[test]
    fn a_fault_ends_with_a_clean_check_an_hour_after_it_was_seen() {
        let health = Health::default();
        health.note(FaultKind::Content, "entry 4 was changed", at(0));
        health.checked(&[], 0, at(1));
        assert_eq!(health.load().count(), 1, "nobody may have read it yet");
        health.checked(&["entry 4 was changed".to_owned()], 3, at(59));
        assert_eq!(health.load().count(), 4);
        assert_eq!(health.load().verified_at, Some(at(1)));
        health.checked(&[], 0, at(61));
        assert_eq!(health.load().faults[0].since, at(0));
        health.checked(&[], 0, at(119));
        assert_eq!(health.load().count(), 0);
    }

    #[test]
    fn a_file_that_was_touched_leaves_the_store_unsettled_for_a_while() {
        let health = Health::default();
        health.note(FaultKind::Content, "entry 4 was changed", at(0));
        assert_eq!(health.load().unsettled(at(0)), None);
        health.note(FaultKind::File, "the log was removed", at(0));
        assert!(health.load().unsettled(at(4)).is_some());
        assert_eq!(health.load().unsettled(at(5)), None);
    }

    #[test]
    fn a_flood_of_faults_is_counted() {
        let health = Health::default();
        for number in 0..100 {
            health.note(FaultKind::Content, &format!("entry {number} was changed"), at(0));
        }
        assert_eq!(health.load().faults.len(), MOST);
        assert_eq!(health.load().count(), 100);
    }
}
