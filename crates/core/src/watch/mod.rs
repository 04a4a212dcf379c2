//! One trust domain through time.
//!
//! [`step()`] moves it by one poll: what was known and what a poll brought in, what is known and
//! what happened out. [`Facts`] are the fold of the [`Event`]s, so that a start from the journal
//! gives what was there before; [`PollState`] is what every poll renews, and no event speaks of.
//!
//! What a new authority was found to be when it came (its `Standing`) is part of the facts: it
//! depends on the dates and decisions of that moment. Findings are made of the facts by `judge`;
//! those about events are journaled, and the facts hold the ones that are open.

mod authority;
mod budget;
mod change;
mod denied;
mod event;
mod facts;
mod interval;
mod issuer_model;
mod observation;
mod past;
mod policy;
mod poll_state;
mod rebootstrap;
mod recall;
mod reduced;
mod rotation;
mod schedule;
mod shape;
mod sighting;
mod signer;
mod spent;
mod standing;
mod step;
mod stepper;
mod trust;
mod unrecorded;
#[cfg(test)]
mod work;

pub use authority::{AuthorityRecord, Leaf, Phase, Predecessor};
pub use budget::{Budget, Reserve, SightingBudget};
pub use event::Event;
pub use facts::{
    Authorities, BundleState, Confirmed, DeniedSigner, DocumentState, EndpointShift, EndpointState,
    Facts, FailureRun, Ledger, Rank, Regression, SequenceAnomaly, SequenceAnomalyKind, Settled,
    Sightings, Subject,
};
pub use interval::interval;
pub use issuer_model::{IssuerMode, IssuerModel, JudgementPolicy, spire};
pub use observation::{
    Answer, ConsumerRefusal, Failure, FailureReason, Observation, PathKey, Poll, Presented,
    PresentedCertificate, Source,
};
pub use past::{AddressView, PastState, StepBack, UnconfirmedAuthority};
pub use policy::{BaselinePolicy, Policy, PollInterval};
pub use poll_state::{
    DeniedSighting, Flips, OlderLeaf, Pending, PollState, SeenLeaf, Shape, SkippedKeys, Unlisted,
};
pub use rebootstrap::{OnlyDenied, Rebootstrap};
pub use recall::Recall;
pub use rotation::foreign_uri;
pub use rotation::{
    AlternativeDate, EarlierAuthority, FirstDate, FirstDates, FirstPublication, HandOver,
    IntervalStatistics, Lead, LearnedInterval, LifetimeChange, Lineage, LineageKind, MissedDate,
    Opened, Pruned, RotationModel, Unpaired, spire_lifetime,
};
pub(crate) use shape::network_name;
pub use sighting::Sighting;
pub use spent::{DaySpent, SightingsSpent};
pub use standing::{FirstDateFit, Standing};
pub use step::{DomainState, Step, record, step};
pub use trust::{LatestAnswer, Trust, TrustOrigin};
pub use unrecorded::{Unrecorded, UnrecordedKeys};
