//! The scale of a time line: which stretch it shows, where a moment lies, where its ticks are.

use std::time::Duration;

use super::life::Life;
use anchorwatch_core::time::{Timestamp, Window};

/// How many lifetimes of a key are shown before now, at most: those of the keys that went last, and
/// of the ones before them. After now it is one, in which all that is known to come lies.
const PAST: u32 = 2;
/// The stretch where nothing says how long keys live: SPIRE's `ca_ttl`.
const DAY: Duration = Duration::from_hours(24);
/// How many ticks there are at most: eight characters each fit in 360 px.
const TICKS: u64 = 5;
/// What ticks may be apart, in seconds.
const STEPS: [u64; 20] = [
    1, 5, 10, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/// A stretch of time, laid on a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: Timestamp,
    until: Timestamp,
}

impl Scale {
    /// The stretch that shows these lives and dates around `now`, no wider than a few lifetimes.
    pub(super) fn new(
        lives: &[Life],
        dates: impl Iterator<Item = Window>,
        life: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        let life = life.unwrap_or(DAY).max(Duration::from_secs(10));
        let earliest = now.saturating_sub(life.saturating_mul(PAST));
        let latest = now.saturating_add(life);
        let begins = lives.iter().map(Life::begins).min().unwrap_or(now);
        let ends = lives.iter().filter_map(Life::ends).max();
        let due = dates.map(|date| date.until).max();
        let from = begins.clamp(earliest, now.saturating_sub(life / 8));
        let until = ends.max(due).unwrap_or(now);
        let until = until.clamp(now.saturating_add(life / 8), latest);
        // Room beside what comes first and last.
        let room = until.since(from).unwrap_or_default() / 50;
        Self { from: from.saturating_sub(room), until: until.saturating_add(room) }
    }

    /// Where a moment lies, in percent; what lies outside is at the edge.
    pub(super) fn place(self, at: Timestamp) -> f64 {
        let whole = self.until.as_unix_seconds() - self.from.as_unix_seconds();
        let part = at.as_unix_seconds() - self.from.as_unix_seconds();
        (100.0 * part / whole.max(1e-3)).clamp(0.0, 100.0)
    }

    /// Whether a moment lies on the line.
    pub(super) fn shows(self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }

    /// Round moments, with what is written at each.
    pub(super) fn ticks(self) -> Vec<(Timestamp, String)> {
        let whole = self.until.since(self.from).unwrap_or_default().as_secs();
        let fits = |step: &u64| whole / step <= TICKS;
        let step = STEPS.into_iter().find(fits).unwrap_or(whole / TICKS).max(1);
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let first = self.from.as_unix().div_euclid(step).saturating_add(1).saturating_mul(step);
        let mut ticks = Vec::new();
        let mut at = Timestamp::from_unix(first);
        while self.shows(at) && ticks.len() <= 2 * usize::try_from(TICKS).unwrap_or(usize::MAX) {
            ticks.push((at, label(at, step)));
            at = Timestamp::from_unix(at.as_unix().saturating_add(step));
        }
        ticks
    }
}

/// `22:15:30`, `22:15`, `11-22` or `2026-11`, as fine as the step.
fn label(at: Timestamp, step: i64) -> String {
    let text = at.to_string();
    let part = match step {
        ..60 => text.get(11..19),
        60..86_400 => text.get(11..16),
        86_400..2_592_000 => text.get(5..10),
        _ => text.get(..7),
    };
    part.unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_384_800 + seconds)
    }

    #[test]
    fn ticks_are_few_and_round() {
        for seconds in [20_i64, 90, 600, 5_000, 86_400, 700_000, 40_000_000, 2_000_000_000] {
            let scale = Scale { from: at(-seconds / 2), until: at(seconds / 2) };
            let ticks = scale.ticks();
            assert!((1..=6).contains(&ticks.len()), "{seconds}: {ticks:?}");
            let labels: std::collections::BTreeSet<_> = ticks.iter().map(|tick| &tick.1).collect();
            assert_eq!(labels.len(), ticks.len(), "{seconds}: {ticks:?}");
        }
    }

    #[test]
    fn now_is_always_on_the_line_and_a_far_date_does_not_squeeze_it() {
        let century = Window::point(at(3_000_000_000));
        let scale = Scale::new(&[], [century].into_iter(), Some(DAY), at(0));
        assert!(scale.shows(at(0)) && scale.shows(at(86_400)) && !scale.shows(century.from));
        assert!((5.0..60.0).contains(&scale.place(at(0))), "{scale:?}");
        assert!((scale.place(century.from) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_moment_is_written_as_fine_as_the_step() {
        assert_eq!(label(at(5), 5), "22:00:05");
        assert_eq!(label(at(0), 900), "22:00");
        assert_eq!(label(at(0), 86_400), "11-22");
        assert_eq!(label(at(0), 31_536_000), "2026-11");
    }
}
