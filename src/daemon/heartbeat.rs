//! Whether the scheduler turns, on the monotonic clock: a wall clock that is stepped must neither
//! make a daemon unwell nor hide that it stands still.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When something last showed that it is alive.
#[derive(Debug)]
pub(super) struct Heartbeat {
    started: Instant,
    /// The last beat, in milliseconds since the start.
    last: AtomicU64,
}

impl Heartbeat {
    /// One that beats for the first time at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, last: AtomicU64::new(0) }
    }

    /// It is alive at `now`.
    pub(super) fn beat(&self, now: Instant) {
        let passed = now.saturating_duration_since(self.started).as_millis();
        self.last.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A number that differs from one beat to the next.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// How long it has been silent at `now`.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        now.saturating_duration_since(self.started).saturating_sub(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_from_the_last_beat() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let heartbeat = Heartbeat::new(start);
        assert_eq!(heartbeat.silence(start), Duration::ZERO);
        assert_eq!(heartbeat.silence(at(16)), Duration::from_secs(16));
        heartbeat.beat(at(10));
        assert_eq!(heartbeat.silence(at(10)), Duration::ZERO);
        assert_eq!(heartbeat.silence(at(26)), Duration::from_secs(16));
    }
}
