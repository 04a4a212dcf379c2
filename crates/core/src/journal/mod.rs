//! The journal's entries: what is appended, how each is chained to the one before, what each says
//! in words, and what an authority's record is after all of them.
//!
//! Invariant: an entry's payload is hashed as the text that is stored, so that a later version,
//! which may write an event otherwise, can still verify what an earlier one wrote.

mod chain;
mod entry;
mod index;
mod judged;
mod phrase;
pub mod text;

pub use chain::{Chain, GENESIS};
pub use entry::{Entry, RecordedEntry};
pub use index::{AuthorityEntry, record_after};
pub use text::describe;
