//! When to poll next.

use std::time::Duration;

use super::{Facts, FailureReason, Policy, PollInterval, PollState};
use crate::time::Timestamp;

/// How long after a change polls come faster: one refresh hint as the standard recommends it, in
/// which SPIRE's second transaction of a publication, a prune or a hidden change follows.
const BURST: Duration = Duration::from_mins(5);
/// How much faster.
const BURST_FACTOR: u32 = 5;
/// Never faster than SPIRE's own fastest consumer.
const BURST_INTERVAL: Duration = Duration::from_secs(15);
/// Without trust nothing is asked of the network, so looking again soon hammers nobody: an endpoint
/// that another trust domain serves is polled as soon as that one's bundle is there.
const NO_TRUST_INTERVAL: Duration = Duration::from_secs(2);

/// How long to wait after a poll made at `at`, of which facts and poll state are the outcome.
pub(super) fn next_poll(
    facts: &Facts,
    poll_state: &PollState,
    at: Timestamp,
    policy: &Policy,
    jitter: f64,
) -> Duration {
    match policy.poll_interval {
        _ if poll_state.pending.is_some() => {
            // Two polls at least `replica_lag` apart must agree, so never earlier.
            policy.replica_lag.max(Duration::from_secs(1)).mul_f64(1.0 + 0.1 * jitter)
        }
        _ if facts
            .endpoint
            .failure
            .as_ref()
            .is_some_and(|run| run.reason == FailureReason::NoTrust) =>
        {
            poll_state.interval.min(NO_TRUST_INTERVAL)
        }
        PollInterval::Every(interval) => interval,
        PollInterval::Auto => {
            let changed = facts.bundle.confirmed.as_ref().map(|confirmed| confirmed.since.until);
            let age = changed.and_then(|changed| at.since(changed));
            // Federation, 6.2: after a failure the next interval, and no hammering.
            let burst = poll_state.failures == 0 && age.is_some_and(|age| age < BURST);
            let fast =
                (poll_state.interval / BURST_FACTOR).max(BURST_INTERVAL).min(poll_state.interval);
            jittered(if burst { fast } else { poll_state.interval }, jitter)
        }
    }
}

/// The interval spread by ±10 %, so that many domains do not poll in step.
///
/// `jitter` lies in [0, 1).
fn jittered(interval: Duration, jitter: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 0.0), Duration::from_millis(900));
        assert_eq!(jittered(second, 0.5), second);
        assert!(jittered(second, 0.999) < Duration::from_millis(1100));
    }
}
