//! A model of a SPIRE-like issuer: *when* keys are published, sign and go. It mints nothing; the
//! demo and the tests make a real key of each [`KeyNumber`].
//!
//! Everything that could be chance is an argument: a [`Plan`](Issuer::plan) of interventions and
//! the rotator's [delays](IssuerSettings::delays). [`Issuer::advance`] is the only thing that moves
//! its time.
//!
//! Invariant: what it does is what was measured on real SPIRE servers
//! (docs/rotation-model.md#measured-behaviour), where that differs from
//! what one would expect: X.509 and JWT keys are two chains that drift apart, a publication of both is
//! two transactions, and a key that was prepared in vain stays published.

mod chain;
mod event;
mod model;
mod replica;
mod row;
mod settings;

pub use event::{
    Intervention, InterventionRefused, IssuedKey, IssuerEvent, KeyNumber, KeyStore, RemovalCause,
};
pub use event::{IssuerAction, KeyCreationCause, ReplicaNumber};
pub use model::Issuer;
pub use row::BundleRow;
pub use settings::{IssuerSettings, NOT_BEFORE_CUSHION, Topology};
