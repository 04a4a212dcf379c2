//! How often an endpoint is polled.

use std::time::Duration;

use super::{Policy, PollInterval};
use crate::bundle::StatedNumber;

/// SPIRE divides the refresh hint by four (`bundle/client`), so that a missed poll costs little.
const POLLS_PER_HINT: u32 = 4;
/// SPIRE's own shortest interval: a hint of 60 s divided by four.
const MIN_INTERVAL: Duration = Duration::from_secs(15);
/// No hint may make the watch slower than the interval that the standard recommends where there
/// is none (Federation, 4.1).
const MAX_INTERVAL: Duration = Duration::from_mins(5);
/// Federation, 4.1: five minutes where no hint is given.
const DEFAULT_HINT: Duration = Duration::from_mins(5);

/// The interval at which a domain with this refresh hint is polled, without jitter.
pub fn interval(hint: &StatedNumber, policy: &Policy) -> Duration {
    match policy.poll_interval {
        PollInterval::Every(interval) => interval,
        PollInterval::Auto => {
            // Off-spec: Federation, 4.1, says to poll once per refresh hint. A monitor that did
            // so could miss an authority that was published for less than one.
            let hint = match hint.given() {
                None | Some(0) => DEFAULT_HINT,
                Some(seconds) => Duration::from_secs(seconds),
            };
            (hint / POLLS_PER_HINT).clamp(MIN_INTERVAL, MAX_INTERVAL)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_hint_within_bounds() {
        let policy = Policy::default();
        for (hint, seconds) in [
            (StatedNumber::Given(300), 75),
            (StatedNumber::Given(60), 15),
            (StatedNumber::Given(1), 15),
            (StatedNumber::Given(1200), 300),
            (StatedNumber::Given(u64::MAX), 300),
            (StatedNumber::Given(0), 75),
            (StatedNumber::Absent, 75),
            (StatedNumber::Unusable("-5".into()), 75),
        ] {
            assert_eq!(interval(&hint, &policy), Duration::from_secs(seconds), "{hint:?}");
        }
    }

    #[test]
    fn an_explicit_interval_is_taken_as_it_is() {
        let every = Duration::from_secs(1);
        let policy = Policy { poll_interval: PollInterval::Every(every), ..Policy::default() };
        assert_eq!(interval(&StatedNumber::Given(300), &policy), every);
    }
}
