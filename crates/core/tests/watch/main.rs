//! One trust domain through time, on the pure core.

#![cfg(test)]

mod alike;
mod budget;
mod denial;
mod findings;
mod large_keys;
mod replay;
mod stories;
mod timeline;
