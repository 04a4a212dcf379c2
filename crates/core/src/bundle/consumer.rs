//! Who uses a bundle, and how soon a consumer holds a key that was published.
//!
//! What a consumer would do with the bytes of a document is in the crate `anchorwatch-consumers`,
//! which reads as each of them reads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::StatedNumber;
use crate::time::duration_text;

/// SPIRE never polls faster than its least refresh hint allows: one minute
/// (`bundleutil.MinimumRefreshHint`).
const LEAST_HINT: Duration = Duration::from_mins(1);
/// SPIRE tries four times within a refresh hint.
const SPIRE_ATTEMPTS: u32 = 4;
/// Without a hint, SPIRE takes a tenth of the shortest X.509 lifetime for one.
const SPIRE_LIFETIME_PART: u32 = 10;
/// From the server of a consumer to the last of its agents, proxies and workloads.
const DISSEMINATION: Duration = Duration::from_secs(90);
/// Istio asks every 30 minutes (`RemoteDefaultPollPeriod`).
const ISTIO_INTERVAL: Duration = Duration::from_mins(30);
/// What go-spiffe's callers wait at most: Teleport's bound, a day.
const GO_SPIFFE_MOST: Duration = Duration::from_hours(24);
/// Federation, 4.1: five minutes where there is no hint.
const NO_HINT: Duration = Duration::from_mins(5);

/// A consumer of the bundle: how soon it sees a new key, and what it refuses.
///
/// Its text form is `spire`, `spire@1.15.3`, `go-spiffe`, `istio` or `cache:10m`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Consumer {
    /// SPIRE of any version: the strictest of each rule.
    Spire,
    /// SPIRE of one version.
    SpireAt(Version),
    /// A program that polls with go-spiffe.
    GoSpiffe,
    /// Istio, which asks every 30 minutes, whatever the refresh hint.
    Istio,
    /// Anything that holds a copy for a time. What it refuses is not known: it is read as
    /// go-spiffe, the library that such programs are made with.
    Cache(Duration),
}

impl Consumer {
    /// Who is meant where nobody is named: the consumer that the watch is for.
    pub const DEFAULT: &'static [Self] = &[Self::Spire];
    /// The profiles that differ in what they take.
    pub const KNOWN: &'static [Self] = &[
        Self::SpireAt(Version { major: 1, minor: 15, patch: 2 }),
        Self::SpireAt(Version::WITH_WIT),
        Self::GoSpiffe,
        Self::Istio,
    ];
    /// The words that name a consumer.
    pub const WORDS: &'static [&'static str] = &["spire", "go-spiffe", "istio"];

    /// How long this consumer waits between two polls, where the document that it holds states
    /// this hint and its X.509 authority of the shortest life lives so long.
    ///
    /// SPIRE asks four times within the hint, which counts as a minute at least; without a hint
    /// (or with one that is not above 0) it takes a tenth of the shortest X.509 lifetime.
    /// go-spiffe leaves it to its caller: taken here is what Teleport does, the hint within a
    /// minute and a day, and five minutes without one (Federation, 4.1).
    pub fn poll_interval(
        &self,
        refresh_hint: &StatedNumber,
        shortest_x509_lifetime: Option<Duration>,
    ) -> Duration {
        let hint = refresh_hint.given().and_then(|hint| i64::try_from(hint).ok());
        self.poll_interval_for_seconds(hint, shortest_x509_lifetime)
    }

    /// The same for a hint in seconds as a program in Go holds it, which may be less than nothing.
    pub fn poll_interval_for_seconds(
        &self,
        hint: Option<i64>,
        shortest_x509_lifetime: Option<Duration>,
    ) -> Duration {
        // Go counts in nanoseconds of 64 bits, and lets them overflow.
        let hint = hint.map(|hint| hint.wrapping_mul(1_000_000_000)).filter(|hint| *hint != 0);
        match self {
            Self::Spire | Self::SpireAt(_) => {
                let hint = hint.and_then(|hint| u64::try_from(hint).ok()).map(Duration::from_nanos);
                let by_lifetime =
                    || shortest_x509_lifetime.unwrap_or_default() / SPIRE_LIFETIME_PART;
                hint.unwrap_or_else(by_lifetime).max(LEAST_HINT) / SPIRE_ATTEMPTS
            }
            Self::GoSpiffe => match hint {
                None => NO_HINT,
                Some(hint) => {
                    let hint = Duration::from_nanos(u64::try_from(hint).unwrap_or_default());
                    hint.clamp(LEAST_HINT, GO_SPIFFE_MOST)
                }
            },
            Self::Istio => ISTIO_INTERVAL,
            Self::Cache(held) => *held,
        }
    }

    /// The time after which a key that was published is held wherever this consumer needs it: the
    /// D of the two laws.
    ///
    /// Federation, 6.2: a consumer may miss a poll, so what polls is given two intervals. SPIRE
    /// and Istio hand on what they fetched, for which 90 s are added; a program with go-spiffe is
    /// itself who verifies. A cache is told how long it holds, and nothing is added.
    pub fn delay(
        &self,
        refresh_hint: &StatedNumber,
        shortest_x509_lifetime: Option<Duration>,
    ) -> Duration {
        let polls = self.poll_interval(refresh_hint, shortest_x509_lifetime).saturating_mul(2);
        match self {
            Self::Spire | Self::SpireAt(_) | Self::Istio => polls.saturating_add(DISSEMINATION),
            Self::GoSpiffe => polls,
            Self::Cache(held) => *held,
        }
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spire => f.write_str("spire"),
            Self::SpireAt(version) => write!(f, "spire@{version}"),
            Self::GoSpiffe => f.write_str("go-spiffe"),
            Self::Istio => f.write_str("istio"),
            Self::Cache(held) => write!(f, "cache:{}", duration_text(*held)),
        }
    }
}

/// Why a text names no consumer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConsumerError {
    /// No such consumer is known.
    #[error("no known consumer: write spire, spire@1.15.3, go-spiffe, istio or cache:10m")]
    Unknown,
    /// What follows the `@` is no version, or the consumer is one profile for all versions.
    #[error("no version of this consumer: write for example spire@1.15.3")]
    Version,
    /// What follows `cache:` is no duration.
    #[error("no duration: write for example cache:10m")]
    Duration,
}

impl FromStr for Consumer {
    type Err = ConsumerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(held) = text.strip_prefix("cache:") {
            // Longer than any sum of units that means something.
            let held = held.trim_start();
            let held = Some(held).filter(|held| held.len() <= 64);
            let held = held.and_then(|held| humantime::parse_duration(held).ok());
            return held.map(Self::Cache).ok_or(ConsumerError::Duration);
        }
        match text.split_once('@') {
            None => match text {
                "spire" => Ok(Self::Spire),
                "go-spiffe" => Ok(Self::GoSpiffe),
                "istio" => Ok(Self::Istio),
                _ => Err(ConsumerError::Unknown),
            },
            Some(("spire", version)) => {
                version.parse().map(Self::SpireAt).map_err(|VersionError| ConsumerError::Version)
            }
            Some(("go-spiffe" | "istio", _)) => Err(ConsumerError::Version),
            Some(_) => Err(ConsumerError::Unknown),
        }
    }
}

serde_as_text!(Consumer);

/// A version of SPIRE.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

impl Version {
    /// The first SPIRE that reads a `wit-svid` element; earlier ones refuse the document for it.
    pub const WITH_WIT: Self = Self { major: 1, minor: 15, patch: 3 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Why a text is no version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no version: three numbers with dots between them are wanted")]
pub struct VersionError;

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(|number| {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| number.parse().ok()).flatten().ok_or(VersionError)
        });
        let mut next = || numbers.next().unwrap_or(Err(VersionError));
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        if numbers.next().is_none() { Ok(version) } else { Err(VersionError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    fn seconds(consumer: Consumer, hint: &StatedNumber, lifetime: Option<u64>) -> (u64, u64) {
        let lifetime = lifetime.map(Duration::from_secs);
        let interval = consumer.poll_interval(hint, lifetime);
        (interval.as_secs(), consumer.delay(hint, lifetime).as_secs())
    }

    #[test]
    fn a_consumer_is_read_as_it_is_written() {
        for text in ["spire", "spire@1.15.3", "go-spiffe", "istio", "cache:10m", "cache:1h30m"] {
            let consumer: Consumer = text.parse().unwrap();
            assert_eq!(consumer.to_string(), text);
            let json = serde_json::to_string(&consumer).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Consumer>(&json).unwrap(), consumer);
        }
        for (text, error) in [
            ("", ConsumerError::Unknown),
            ("Spire", ConsumerError::Unknown),
            ("teleport@1.2.3", ConsumerError::Unknown),
            ("spire@", ConsumerError::Version),
            ("spire@1.15", ConsumerError::Version),
            ("spire@1.15.3.4", ConsumerError::Version),
            ("spire@1.15.+3", ConsumerError::Version),
            ("spire@1.15.70000", ConsumerError::Version),
            ("istio@1.2.3", ConsumerError::Version),
            ("cache:10", ConsumerError::Duration),
            ("cache:", ConsumerError::Duration),
        ] {
            assert_eq!(text.parse::<Consumer>(), Err(error), "{text}");
        }
    }

    #[test]
    fn spire_asks_four_times_within_a_hint_and_a_hint_is_a_minute_at_least() {
        for (hint, interval) in [(300, 75), (60, 15), (1, 15), (8_641, 2_160)] {
            let told = seconds(Consumer::Spire, &StatedNumber::Given(hint), Some(24 * HOUR));
            assert_eq!(told, (interval, Duration::from_millis(hint.max(60) * 500).as_secs() + 90));
        }
    }

    #[test]
    fn without_a_hint_spire_asks_by_the_shortest_x509_lifetime() {
        for hint in
            [StatedNumber::Absent, StatedNumber::Given(0), StatedNumber::Unusable("-5".into())]
        {
            assert_eq!(seconds(Consumer::Spire, &hint, Some(24 * HOUR)), (2_160, 4_410));
            assert_eq!(seconds(Consumer::Spire, &hint, Some(60)), (15, 120));
            assert_eq!(seconds(Consumer::Spire, &hint, None), (15, 120));
        }
    }

    #[test]
    fn a_hint_that_go_cannot_count_in_nanoseconds_counts_as_what_is_left_of_it() {
        // 10^12 s overflow 64 bits to 3,875,820,019 s and a fraction.
        let told = seconds(Consumer::Spire, &StatedNumber::Given(1_000_000_000_000), None);
        assert_eq!(told.0, 3_875_820_019 / 4);
        // 10^10 s overflow to less than nothing, which counts as no hint.
        let told = seconds(Consumer::Spire, &StatedNumber::Given(10_000_000_000), Some(24 * HOUR));
        assert_eq!(told.0, 2_160);
    }

    #[test]
    fn the_others_wait_as_they_are_known_to() {
        let hint = StatedNumber::Given(300);
        assert_eq!(seconds(Consumer::GoSpiffe, &hint, None), (300, 600));
        assert_eq!(seconds(Consumer::GoSpiffe, &StatedNumber::Given(1), None), (60, 120));
        assert_eq!(seconds(Consumer::GoSpiffe, &StatedNumber::Given(1 << 30), None).0, 24 * HOUR);
        assert_eq!(seconds(Consumer::GoSpiffe, &StatedNumber::Absent, Some(HOUR)), (300, 600));
        assert_eq!(seconds(Consumer::Istio, &hint, None), (1_800, 3_690));
        let cache = Consumer::Cache(Duration::from_secs(30));
        assert_eq!(seconds(cache, &hint, None), (30, 30));
    }
}
