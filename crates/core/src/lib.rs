//! The core of anchorwatch: what bundles say, how they change, and what that means.
//!
//! Values in, values out: nothing here opens a file or a socket, asks a clock, draws a random
//! number or waits. The manifest has no crate that could, and `clippy.toml` refuses the standard
//! library's ways.
//!
//! # Reading guide
//!
//! [`bundle`] turns a document's bytes into a key set and its irregularities. [`watch`] moves one
//! trust domain forward by one poll: [`judge::judge_poll`] is the entry, its [`watch::Event`]s are the
//! facts to be stored, and [`watch::Facts`] is the state that they fold into. [`judge`] derives
//! findings and verdicts from the facts, [`finding`] is the catalogue of what can be found,
//! [`journal`] chains and words the events, [`replay`] judges recordings again, and [`view`] is the
//! immutable picture that every reader gets.

#![forbid(unsafe_code)]

#[macro_use]
mod macros;

pub mod untrusted;

pub mod time;

pub mod spiffe;

pub mod bundle;

pub mod finding;

pub mod alerts;

pub mod decision;

pub mod watch;

pub mod journal;

pub mod judge;

pub mod replay;

pub mod view;
