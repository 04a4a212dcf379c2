//! How values stand in columns.

use rusqlite::Row;

use super::StoreError;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Bracket, Timestamp};

/// SQLite's whole numbers have 63 bits and a sign: more entries than will ever be written.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number that stands in a column. A negative one is nobody's and reads as 0.
pub(super) fn from_number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn moment(at: Timestamp) -> i64 {
    at.as_unix_micros()
}

pub(super) fn bracket(after: Option<i64>, until: i64) -> Bracket {
    // As it was written: a bracket is never upside down, and one that is would be tampering.
    Bracket {
        after: after.map(Timestamp::from_unix_micros),
        until: Timestamp::from_unix_micros(until),
    }
}

/// The trust domain that a column names.
pub(super) fn trust_domain(row: &Row<'_>, column: usize) -> Result<TrustDomain, StoreError> {
    let failed = StoreError::database("read a trust domain's name");
    let name: String = row.get(column).map_err(failed)?;
    name.parse().map_err(|error| StoreError::damaged("a trust domain's name", error))
}
