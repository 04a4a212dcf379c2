//! anchorwatch keeps the anchor watch over SPIFFE federation.
//!
//! When two trust domains federate, each fetches the other's *bundle*: the keys whose holders may
//! mint identities that it will accept. Every consumer fetches and overwrites. anchorwatch fetches
//! the same way, and remembers: which key came and went when, between which two polls, under which
//! sequence number, and what the endpoint proved itself with.
//!
//! # Reading guide
//!
//! A functional core and an imperative shell. The core is the crate [`anchorwatch_core`]: it turns
//! values into values, and its documentation says where to begin. This crate is the shell, which
//! does what the core says: [`config`] says what to watch, [`daemon`] schedules it, [`resolver`]
//! finds addresses, [`fetch`] talks to endpoints, [`store`] makes events durable before anyone sees
//! them, [`metrics`] and [`web`] show the view, [`notify`] pushes alerts. `demo` is the real thing
//! in small.
//!
//! Beside them: `anchorwatch_consumers` reads a document as SPIRE, go-spiffe and Istio do, and
//! `anchorwatch_lab` simulates federations and scores the judgement.
//!
//! `ARCHITECTURE.md` has the invariants; the manifests and a test hold the layers.

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

#[cfg(test)]
#[path = "../tests/support/alertmanager.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod alertmanager;

#[cfg(test)]
#[path = "../tests/support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;
