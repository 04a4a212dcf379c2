//! anchorwatch keeps the anchor watch over SPIFFE federation.
//!
//! When two trust domains federate, each fetches the other's *bundle*: the keys whose holders may
//! mint identities that it will accept. Every consumer fetches and overwrites. anchorwatch fetches
//! the same way, and remembers: which key came and went when, between which two polls, under which
//! sequence number, and what the endpoint proved itself with.
//!
//! # Reading guide
//!
//! A functional core and an imperative shell. The core turns values into values: it opens nothing,
//! asks no clock, draws no random number. Begin with [`bundle`] (bytes become a key set and its
//! irregularities), then [`watch`]: [`watch::step`] moves one trust domain by one poll, and
//! [`watch::Facts`] are the fold of the [`watch::Event`]s that it makes. [`finding`] says what an
//! operator should know of the facts, [`view`] is the picture that every reader gets, [`journal`]
//! is how events are chained and worded, [`issuer`] models a SPIRE-like issuer in virtual time, and
//! [`simulate`] puts it into a world with faults, attackers and someone who polls.
//!
//! The shell does what the core says: [`resolver`] finds their addresses, [`fetch`] talks to endpoints, [`store`] makes events durable
//! before anyone sees them, [`metrics`] and [`web`] show the view, [`config`] says what to watch,
//! and [`daemon`] schedules it all. `demo` is the real thing in small.
//!
//! `ARCHITECTURE.md` has the invariants; a test holds the layers.

// The core, lowest layer first.
pub mod untrusted;

pub mod time;

pub mod spiffe;

pub mod bundle;

pub mod finding;

pub mod alerts;

pub mod decision;

pub mod watch;

pub mod journal;

pub mod issuer;

pub mod judge;

pub mod replay;

pub mod simulate;

pub mod score;

pub mod view;

// The shell.
pub mod config;

pub mod resolver;

pub mod fetch;

pub mod notify;

pub mod store;

pub mod metrics;

pub mod web;

pub mod daemon;

#[cfg(feature = "demo")]
pub mod demo;

pub mod cli;
