//! One trust domain through time.
//!
//! [`step()`] moves it by one poll: what was known and what a poll brought in, what is known and
//! what happened out. [`Facts`] are the fold of the [`Event`]s, so that a start from the journal
//! gives what was there before; [`Sight`] is what every poll renews, and no event speaks of.
//!
//! Invariant: no judgement is stored here. Whether a key is rogue or a rotation late is derived
//! from the facts by `finding`, every time anew.

mod authority;
mod budget;
mod change;
mod event;
mod facts;
mod observation;
mod past;
mod policy;
mod schedule;
mod sight;
mod signer;
mod step;
mod trust;

pub use authority::{AuthorityRecord, Leaf, Phase};
pub use budget::{Budget, DaySpent};
pub use event::Event;
pub use facts::{Confirmed, Facts, FailureRun};
pub use observation::{
    Answer, Failure, FailureReason, Observation, Poll, Presented, PresentedCertificate, Source,
};
pub use past::{AddressView, Glimpse, PastState, StepBack};
pub use policy::{BaselinePolicy, Policy, PollInterval};
pub use schedule::interval;
pub use sight::{Pending, SeenLeaf, Sight};
pub use step::{DomainState, Step, record, step};
pub use trust::{Trust, TrustOrigin};
