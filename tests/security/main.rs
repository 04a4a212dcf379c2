//! What a hostile partner, a hostile network and a careless operator must not be able to do.
//!
//! `SECURITY.md` has the threat model; each of its promises names a test of these files.

#![cfg(test)]
#![cfg(feature = "demo")]

#[path = "../support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;

#[path = "../support/alertmanager.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod alertmanager;

#[path = "../support/scene.rs"]
mod scene;

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod support;

mod denial;
mod flood;
mod operations;
mod readers;
mod resolver;
mod shared_keys;
mod store_damage;
mod untrusted_text;
