//! What time is to the core: a value that is handed in.
//!
//! Invariant: nothing here, and nothing above it in the core, asks what time it is. The shell has
//! one [`Clock`] and passes what it says down as a [`Timestamp`].

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A moment, in microseconds since the Unix epoch, in UTC.
///
/// Microseconds, because recorded polls carry them and a rotation may be scaled to seconds.
/// Arithmetic saturates: a certificate may be valid until the year 9999, and no sum of such dates
/// may panic.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that lies this many whole seconds after the epoch.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// The moment that lies this many microseconds after the epoch.
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn as_unix(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Microseconds since the epoch.
    pub fn as_unix_micros(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch as a metric's value, exact to the microsecond until 2255.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "2^53 microseconds reach to the year 2255"
    )]
    pub fn as_unix_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The moment this much later.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This second, or the next one where it has begun: for an end that is no sooner.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self::from_unix(self.saturating_add(Duration::from_micros(999_999)).as_unix())
    }

    /// The moment this much earlier.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// The time that has passed since `earlier`, or `None` where `earlier` is later: a clock that
    /// was stepped back is a case that someone must handle.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        u64::try_from(self.0.checked_sub(earlier.0)?).ok().map(Duration::from_micros)
    }

    /// Microseconds from `earlier` to this, negative where `earlier` is later.
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second where the moment is a whole one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            // Outside the years 0 to 9999 there is no RFC 3339.
            None => write!(f, "@{}us", self.0),
        }
    }
}

/// Why a text is no moment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an RFC 3339 date and time, such as 2026-12-01T00:00:00Z")]
pub struct TimestampError;

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(micros) = text.strip_prefix('@').and_then(|rest| rest.strip_suffix("us")) {
            return micros.parse().map(Self).map_err(|_| TimestampError);
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError)?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000).map(Self).map_err(|_| TimestampError)
    }
}

serde_as_text!(Timestamp);

/// When something happened that only polls can show: after the last poll without it, and at the
/// latest at the first poll with it: `(after, until]`.
///
/// Invariant: `after <= until`. A clock that was stepped back between the two polls gives a
/// bracket without width rather than one that is upside down.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Bracket {
    /// The last good poll before; `None` where there was none: it may have happened at any time.
    pub after: Option<Timestamp>,
    /// The poll that showed it.
    pub until: Timestamp,
}

impl Bracket {
    /// The bracket between two polls.
    pub fn new(after: Option<Timestamp>, until: Timestamp) -> Self {
        Self { after: after.map(|after| after.min(until)), until }
    }
}

/// A stretch of time, both ends included: when something happened, or is expected to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Window {
    /// The earliest moment.
    pub from: Timestamp,
    /// The latest.
    pub until: Timestamp,
}

impl Window {
    /// From one moment to another.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from: from.min(until), until }
    }

    /// One moment.
    pub fn point(at: Timestamp) -> Self {
        Self { from: at, until: at }
    }

    /// The same stretch this much later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { from: self.from.saturating_add(by), until: self.until.saturating_add(by) }
    }

    /// The stretch that begins and ends this much sooner and later.
    #[must_use]
    pub fn widened(self, sooner: Duration, later: Duration) -> Self {
        Self { from: self.from.saturating_sub(sooner), until: self.until.saturating_add(later) }
    }

    /// Whether the two have a moment in common.
    pub fn meets(self, other: Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    /// What the two have in common.
    pub fn common(self, other: Self) -> Option<Self> {
        self.meets(other)
            .then(|| Self { from: self.from.max(other.from), until: self.until.min(other.until) })
    }

    /// The later of both, end by end: something that waits for both.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.max(other.until) }
    }
}

/// What asks the time. The daemon has the one implementation; tests have a hand-wound one.
pub trait Clock: Send + Sync {
    /// The wall time now.
    fn now(&self) -> Timestamp;
}

/// A duration in the notation of the configuration, which its parser reads back: `90s` is `1m30s`,
/// whole days from two on are `2d`. Sentences have [`span`].
pub fn duration_text(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 && DAY < seconds && seconds % DAY == 0 {
        return format!("{}d", seconds / DAY);
    }
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(nanos / 1_000_000), "ms"),
        (u64::from(nanos / 1_000 % 1_000), "us"),
        (u64::from(nanos % 1_000), "ns"),
    ];
    let mut text = String::new();
    for (count, unit) in parts {
        if 0 < count {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A duration as sentences have it, in its two largest units: `1 min 35 s`, `9 years 11 months`. To
/// the second, and below one second to the millisecond.
pub fn span(duration: Duration) -> String {
    let whole = match duration.as_secs() {
        0 => Duration::from_millis(duration.subsec_millis().into()),
        seconds => Duration::from_secs(seconds),
    };
    let text = humantime::format_duration(whole).to_string();
    let units: Vec<String> = text.split(' ').take(2).map(with_unit).collect();
    units.join(" ")
}

/// `5h` as `5 h`, and `9years` as `9 years`.
fn with_unit(part: &str) -> String {
    let number = part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    match part.strip_prefix(number) {
        Some("m") => format!("{number} min"),
        Some(unit) => format!("{number} {unit}"),
        None => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_moment_are_one() {
        for text in ["2026-11-22T22:00:08.660252Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"]
        {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(moment.to_string(), text);
        }
        let far = Timestamp::from_unix_micros(i64::MAX);
        assert_eq!(far.to_string().parse(), Ok(far));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(TimestampError));
    }

    #[test]
    fn a_clock_that_stepped_back_gives_no_duration() {
        let (early, late) = (Timestamp::from_unix(10), Timestamp::from_unix(20));
        assert_eq!(late.since(early), Some(Duration::from_secs(10)));
        assert_eq!(early.since(late), None);
        assert_eq!(early.micros_since(late), -10_000_000);
    }

    #[test]
    fn a_bracket_is_never_upside_down() {
        let bracket = Bracket::new(Some(Timestamp::from_unix(20)), Timestamp::from_unix(10));
        assert_eq!(bracket.after, Some(Timestamp::from_unix(10)));
    }

    #[test]
    fn sums_saturate() {
        let far = Timestamp::from_unix_micros(i64::MAX - 1);
        assert_eq!(far.saturating_add(Duration::MAX).as_unix_micros(), i64::MAX);
        assert_eq!(Timestamp::from_unix(i64::MAX).as_unix_micros(), i64::MAX);
    }

    #[test]
    fn a_span_has_its_two_largest_units_and_long_ones_stand_apart() {
        let day = 86_400;
        for (seconds, said) in [
            (0, "0 s"),
            (7, "7 s"),
            (18_720, "5 h 12 min"),
            (2 * day + 3 * 3600 + 4, "2 days 3 h"),
            (day, "1 day"),
            (3652 * day, "9 years 11 months"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), said);
        }
        assert_eq!(span(Duration::from_micros(234_567)), "234 ms");
        assert_eq!(span(Duration::from_millis(61_900)), "1 min 1 s");
    }
}
