//! SPIFFE federations in virtual time, and how well anchorwatch judges them.
//!
//! [`issuer`] models a SPIRE-like issuer, [`simulate`] puts it into a world with faults, attackers
//! and a monitor that polls, and [`score`] compares the judgement with the truth of such worlds.
//!
//! Invariant: [`simulate`] may not name `judge`: nothing of a world's truth reaches the judgement.
//! Only [`score`] sees both.

pub mod issuer;

pub mod simulate;

pub mod score;
