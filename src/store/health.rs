//! What is known to be wrong with the store.
//!
//! Three find faults: the start, the writer, which watches the files, and the background check. Each
//! tells here, and whoever shows the daemon's state reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// The same by the monotonic clock: how long ago it was must not depend on a wall clock that is
    /// stepped.
    last: Instant,
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
    pub fn unsettled(&self, now: Instant) -> Option<&StoreFault> {
        let recent = |fault: &&StoreFault| {
            fault.kind == FaultKind::File
                && now.saturating_duration_since(fault.last) < UNSETTLED_FOR
        };
        self.faults.iter().rfind(recent)
    }

    fn note(&mut self, kind: FaultKind, detail: &str, at: Timestamp, now: Instant) {
        if let Some(known) = self.faults.iter_mut().find(|known| &*known.detail == detail) {
            (known.seen, known.last) = (at, now);
        } else if self.faults.len() < MOST {
            let detail = detail.into();
            self.faults.push(StoreFault { kind, detail, since: at, seen: at, last: now });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn checked(&mut self, faults: &[String], more: u64, at: Timestamp, now: Instant) {
        for fault in faults {
            self.note(FaultKind::Content, fault, at, now);
        }
        self.more = more;
        self.faults.retain(|known| now.saturating_duration_since(known.last) < REPORTED_FOR);
        if faults.is_empty() {
            self.verified_at = Some(at);
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
        self.log_where_new(detail);
        let now = Instant::now();
        self.0.rcu(|health| {
            let mut health = StoreHealth::clone(health);
            health.note(kind, detail, at, now);
            health
        });
    }

    fn log_where_new(&self, detail: &str) {
        if !self.load().faults.iter().any(|known| &*known.detail == detail) {
            tracing::error!(fault = detail, "the store is damaged");
        }
    }

    /// Takes in what a check of the whole store found, which ended now: `more` faults beside those
    /// that are listed.
    pub(super) fn checked(&self, faults: &[String], more: u64, at: Timestamp) {
        for fault in faults {
            self.log_where_new(fault);
        }
        let now = Instant::now();
        self.0.rcu(|health| {
            let mut health = StoreHealth::clone(health);
            health.checked(faults, more, at, now);
            health
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDITED: &str = "entry 4 was changed";

    /// A wall clock and a monotonic one, which go on together but for steps of the former.
    struct Clocks {
        wall: Timestamp,
        monotonic: Instant,
    }

    impl Clocks {
        fn new() -> Self {
            Self { wall: Timestamp::from_unix(1_800_000_000), monotonic: Instant::now() }
        }

        fn after(&self, minutes: u64) -> (Timestamp, Instant) {
            let later = Duration::from_mins(minutes);
            (self.wall.saturating_add(later), self.monotonic + later)
        }
    }

    #[test]
    fn a_fault_ends_with_a_clean_check_an_hour_after_it_was_seen() {
        let (clocks, mut health) = (Clocks::new(), StoreHealth::default());
        let check = |health: &mut StoreHealth, faults: &[String], more, minutes| {
            let (at, now) = clocks.after(minutes);
            health.checked(faults, more, at, now);
        };
        let (at, now) = clocks.after(0);
        health.note(FaultKind::Content, EDITED, at, now);
        check(&mut health, &[], 0, 1);
        assert_eq!(health.count(), 1, "nobody may have read it yet");
        check(&mut health, &[EDITED.to_owned()], 3, 59);
        assert_eq!(health.count(), 4);
        assert_eq!(health.verified_at, Some(clocks.after(1).0));
        check(&mut health, &[], 0, 61);
        assert_eq!(health.faults[0].since, at);
        check(&mut health, &[], 0, 119);
        assert_eq!(health.count(), 0);
    }

    #[test]
    fn a_file_that_was_touched_leaves_the_store_unsettled_for_a_while() {
        let (clocks, mut health) = (Clocks::new(), StoreHealth::default());
        let (at, now) = clocks.after(0);
        health.note(FaultKind::Content, EDITED, at, now);
        assert_eq!(health.unsettled(now), None);
        health.note(FaultKind::File, "the log was removed", at, now);
        assert!(health.unsettled(clocks.after(4).1).is_some());
        assert_eq!(health.unsettled(clocks.after(5).1), None);
    }

    #[test]
    fn a_wall_clock_that_is_stepped_moves_no_end() {
        const DAY: u64 = 24 * 60;
        let clocks = Clocks::new();
        // The wall clock at which the fault is seen and the one of the check: stepped back, and forward.
        for (seen, checked) in [(DAY, 0), (0, DAY)] {
            let mut health = StoreHealth::default();
            let (at, now) = (clocks.after(seen).0, clocks.after(0).1);
            health.note(FaultKind::File, "the log was removed", at, now);
            assert!(health.unsettled(clocks.after(4).1).is_some());
            assert_eq!(health.unsettled(clocks.after(6).1), None);
            health.checked(&[], 0, clocks.after(checked).0, clocks.after(59).1);
            assert_eq!(health.count(), 1);
            health.checked(&[], 0, clocks.after(checked).0, clocks.after(61).1);
            assert_eq!(health.count(), 0);
        }
    }

    #[test]
    fn a_flood_of_faults_is_counted() {
        let health = Health::default();
        for number in 0..100 {
            let detail = format!("entry {number} was changed");
            health.note(FaultKind::Content, &detail, Clocks::new().wall);
        }
        assert_eq!(health.load().faults.len(), MOST);
        assert_eq!(health.load().count(), 100);
    }
}
