//! What a start knows of one trust domain.

use super::VerifyFault;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::watch::DomainState;

/// What is known of one trust domain, and how much of it the checkpoint lacks.
#[derive(Debug)]
pub(super) struct LoadedDomain {
    pub(super) state: DomainState,
    /// Its last event: its number and hash; [`Chain::genesis`] where there is none.
    pub(super) last: Chain,
    /// How many events came after the checkpoint.
    pub(super) tail: usize,
    /// What is to be done about its checkpoint.
    pub(super) checkpoint: CheckpointPlan,
    /// What is not as it was written.
    pub(super) faults: Vec<VerifyFault>,
}

/// What is to be done about the checkpoint of a trust domain that was loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CheckpointPlan {
    /// It is as it was written: the next one is written when it is due.
    Keep,
    /// It is damaged, and all entries verify: it is written anew at once.
    Rewrite,
    /// An entry after it does not verify. None is written until a start at which all of them do: it
    /// would differ from what the entries give, and the next start would not look at them any more.
    Withhold,
}
