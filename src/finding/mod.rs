//! What the operator should know: facts, time and policy in, findings out.
//!
//! Invariant: a finding is derived, every time anew, and carries its evidence. Nothing here is
//! stored, and nothing here asks what time it is.

mod condition;
mod kind;

pub use condition::{Case, assess};
pub use kind::{Finding, FindingKind, Severity};
