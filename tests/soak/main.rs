//! What only many repetitions show: kills at random instants, corrupted stores, floods of keys.
//!
//! `make soak` runs each in full, ten minutes in all; `make test` runs the same in small. Nothing
//! here asserts how long anything takes, everything stays on loopback, and only processes that were
//! started here are ended.

#![cfg(test)]
#![cfg(feature = "demo")]

#[path = "../support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;

mod corruptions;
mod decisions;
mod flood;
mod issuer;
mod kills;

/// How often a test repeats what it does: `full` under `make soak`, else `small`.
fn repetitions(full: usize, small: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "the only setting of a test")]
    let soak = std::env::var("SOAK").is_ok_and(|soak| soak == "full");
    if soak { full } else { small }
}
