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
mod course;
mod denied;
mod event;
mod facts;
mod observation;
mod past;
mod policy;
mod rebootstrap;
mod recall;
mod reduced;
mod rhythm;
mod schedule;
mod shape;
mod sight;
mod signer;
mod standing;
mod step;
mod trust;
#[cfg(test)]
mod work;

pub use authority::{AuthorityRecord, Leaf, Phase};
pub use budget::{
    Budget, DaySpent, Reserve, SightingBudget, SightingsSpent, Unrecorded, UnrecordedKeys,
};
pub use course::foreign_uri;
pub use course::{
    Course, Earlier, Gaps, HandOver, Lead, LifeChange, Line, LineKind, Missed, Mistaken, Opened,
    Pruned, Rhythm, Unpaired, spire_life,
};
pub use denied::DeniedSigner;
pub use event::Event;
pub use facts::{
    Confirmed, EndpointShift, Facts, FailureRun, Kept, Leap, LeapKind, Ledger, Rank, Regression,
    Settled, Sighting, Subject,
};
pub use observation::{
    Answer, ConsumerRefusal, Failure, FailureReason, Observation, PathKey, Poll, Presented,
    PresentedCertificate, Source,
};
pub use past::{AddressView, Glimpse, PastState, StepBack};
pub use policy::{BaselinePolicy, Policy, PollInterval};
pub use rebootstrap::{OnlyDenied, Rebootstrap};
pub use recall::Recall;
pub use rhythm::{IssuerMode, IssuerModel, JudgementPolicy, spire};
pub use schedule::interval;
pub use sight::{
    DeniedSighting, Flips, OlderLeaf, Passing, Pending, SeenLeaf, Shape, Sight, Unlisted,
};
pub use standing::{Contradiction, Standing};
pub use step::{DomainState, Step, record, step};
pub use trust::{Trust, TrustOrigin};
