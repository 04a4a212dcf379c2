//! One trust domain through time, on the pure core.

#![cfg(test)]

mod budget;
mod denial;
mod findings;
mod replay;
mod stories;
mod timeline;
