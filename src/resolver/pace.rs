//! Whether someone was slow of late.

use std::sync::atomic::{AtomicU8, Ordering};

/// How many fast turns in a row it takes until a slow one is forgotten. One would do for somebody
/// who is slow every second time.
const FAST_TURNS: u8 = 3;

/// How long one turn took, against what is usual.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TurnSpeed {
    /// Within the usual time.
    Fast,
    /// Longer, or without an end.
    Slow,
}

/// Whether the last turns of a name, an endpoint or a document were slow.
#[derive(Debug, Default)]
pub struct Pace(AtomicU8);

impl Pace {
    /// Takes down one turn: a slow one marks, and only as many fast ones in a row take the mark
    /// away.
    pub fn record(&self, speed: TurnSpeed) {
        if speed == TurnSpeed::Slow {
            self.0.store(FAST_TURNS, Ordering::Relaxed);
        } else {
            let less = |left: u8| Some(left.saturating_sub(1));
            // It never fails: the function gives a value each time.
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Whether a slow turn is not forgotten yet.
    pub fn is_slow(&self) -> bool {
        0 < self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fast_turn_among_slow_ones_takes_no_mark_away() {
        let pace = Pace::default();
        assert!(!pace.is_slow());
        for _ in 0..10 {
            pace.record(TurnSpeed::Slow);
            pace.record(TurnSpeed::Fast);
            assert!(pace.is_slow());
        }
        pace.record(TurnSpeed::Fast);
        pace.record(TurnSpeed::Fast);
        assert!(!pace.is_slow());
    }
}
