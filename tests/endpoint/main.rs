//! Polls of real endpoints over real TLS on loopback: the good, the broken and the hostile. Each
//! failure ends in its own reason, within the deadline, with what evidence there was.

#![cfg(test)]
#![cfg(feature = "demo")]

mod addresses;
mod bodies;
mod denied;
mod identity;
mod paths;
mod redirects;
#[path = "../support/mod.rs"]
mod support;
mod transport;
mod web;
