//! One step in the making: what its parts share.

use std::sync::Arc;
use std::time::Duration;

use super::{Event, Facts, Policy, PollState, interval};
use crate::time::Timestamp;

/// One step in the making.
pub(super) struct Stepper<'a> {
    pub(super) facts: Arc<Facts>,
    pub(super) poll_state: PollState,
    pub(super) events: Vec<Event>,
    pub(super) at: Timestamp,
    pub(super) policy: &'a Policy,
    /// The last good poll before this one.
    pub(super) last_good: Option<Timestamp>,
    /// Whether the day's budget is spent, and only the most urgent is recorded.
    pub(super) reduced: bool,
    /// Whether what differs at the endpoint finds its minute taken.
    pub(super) is_shift_deferred: bool,
}

impl Stepper<'_> {
    /// Brings the facts forward by an event, and reports it.
    pub(super) fn emit(&mut self, event: Event) {
        Arc::make_mut(&mut self.facts).apply(self.at, &event);
        self.events.push(event);
    }

    /// The poll interval under the policy of this step, without jitter.
    pub(super) fn base_interval(&self) -> Duration {
        interval(self.facts.bundle.refresh_hint(), self.policy)
    }
}
