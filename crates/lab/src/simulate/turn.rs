//! One poll of a world, and the polls before it that changed nothing.

use std::net::IpAddr;
use std::sync::Arc;

use super::version::BundleVersion;
use anchorwatch_core::bundle::{AuthorityId, SvidType};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    Answer, DomainState, Failure, FailureReason, Observation, Policy, Poll, Presented, SeenLeaf,
    Source, Step, TrustOrigin, step,
};

/// One poll, as the monitor's clock has it.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When, by the monitor's clock.
    pub at: Timestamp,
    /// The polls since the last turn that were left out; `None` where there were none.
    pub skipped: Option<Skipped>,
    pub(super) answers: Vec<Answered>,
}

/// What one address answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) address: IpAddr,
    pub(super) presented: Option<Presented>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Served { version: Arc<BundleVersion>, authenticated_by: Option<TrustOrigin> },
    Failed { reason: FailureReason, detail: &'static str },
}

/// Polls in a row that showed what the one before them had shown.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// How many.
    pub polls: u32,
    /// When the last of them was.
    pub last: Timestamp,
    pub(super) seen: SkippedContent,
}

/// What polls that were left out had to show.
#[derive(Clone, Debug)]
pub(super) enum SkippedContent {
    /// The state, and under which SVIDs: the last one of each authority, newest sighting last.
    State { leaves: Vec<SeenLeaf>, address: IpAddr, tls_not_after: Option<Timestamp> },
    /// The failure that lasts.
    Failure,
}

impl Turn {
    /// What the poll brought. The bundle's body is not written: its digest stands for it.
    pub fn poll(&self) -> Poll {
        Poll { answers: self.answers.iter().map(Answered::answer).collect(), recalled: Vec::new() }
    }

    /// Moves a trust domain by this turn: by the polls that were left out, and by the one that was
    /// not. What comes out is what every poll one by one would have given, so long as the policy's
    /// daily budget is not spent and its replica lag is the observer's.
    pub fn apply_to(&self, mut state: DomainState, policy: &Policy, jitter: f64) -> Step {
        self.catch_up(&mut state);
        step(state, self.poll(), self.at, policy, jitter)
    }

    /// Does what the polls that were left out would have done: they renew what is seen, and change
    /// no fact.
    pub fn catch_up(&self, state: &mut DomainState) {
        let Some(skipped) = &self.skipped else { return };
        let poll_state = &mut state.poll_state;
        poll_state.last_poll = Some(skipped.last);
        match &skipped.seen {
            SkippedContent::Failure => {
                poll_state.failures = poll_state.failures.saturating_add(skipped.polls);
                // What lasts is the failure of the last poll.
                if 0 < poll_state.unauthenticated {
                    poll_state.unauthenticated =
                        poll_state.unauthenticated.saturating_add(skipped.polls);
                }
            }
            SkippedContent::State { leaves, address, tls_not_after } => {
                poll_state.last_success = Some(skipped.last);
                poll_state.failures = 0;
                poll_state.unauthenticated = 0;
                poll_state.address = Some(*address);
                poll_state.tls_not_after = *tls_not_after;
                for leaf in leaves {
                    poll_state.leaves.retain(|seen| seen.authority != leaf.authority);
                    poll_state.leaves.push(*leaf);
                }
                let over = poll_state.leaves.len().saturating_sub(LEAVES);
                poll_state.leaves.drain(..over);
            }
        }
    }
}

/// How many leaves [`anchorwatch_core::watch::PollState`] keeps.
const LEAVES: usize = 64;

impl Answered {
    fn answer(&self) -> Answer {
        match &self.outcome {
            Outcome::Failed { reason, detail } => Err(Failure {
                address: Some(self.address),
                presented: self.presented.clone(),
                ..Failure::new(*reason, *detail)
            }),
            Outcome::Served { version, authenticated_by } => {
                let svid_type = SvidType::X509;
                let id = |fingerprint: &_| AuthorityId { svid_type, fingerprint: *fingerprint };
                let bootstrap = match authenticated_by {
                    Some(TrustOrigin::Bootstrap) => version.anchors.iter().map(id).collect(),
                    _ => Vec::new(),
                };
                Ok(Observation {
                    bundle: version.bundle.clone(),
                    irregularities: version.irregularities.clone(),
                    body: version.body(),
                    length: version.length(),
                    refusals: None,
                    source: Source {
                        address: Some(self.address),
                        presented: self.presented.clone(),
                        authenticated_by: *authenticated_by,
                        bootstrap,
                        ..Source::default()
                    },
                })
            }
        }
    }
}
