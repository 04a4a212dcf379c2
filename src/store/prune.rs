//! Retention: raw bodies go after a while, events never.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::column::moment;
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::time::Timestamp;

/// How often bodies are looked through.
const ROUND: Duration = Duration::from_hours(24);
/// How many are looked at in one transaction: a few milliseconds' work, so that no poll waits.
const PORTION: usize = 64;
const PORTION_ROWS: i64 = 64;

const OLD: &str = "SELECT rowid, stored_at, digest FROM bodies
    WHERE (?1, ?2) < (stored_at, rowid) AND stored_at < ?3 ORDER BY stored_at, rowid LIMIT ?4";

/// Where a round stands.
#[derive(Debug)]
pub(super) struct Pruner {
    round: Round,
}

#[derive(Debug)]
enum Round {
    /// Nothing to do until then.
    Rests { until: Instant },
    /// Everything up to this row was looked at.
    Goes { stored_at: i64, row: i64 },
}

impl Pruner {
    pub(super) fn new() -> Self {
        Self { round: Round::Goes { stored_at: i64::MIN, row: i64::MIN } }
    }

    /// Whether there is something to do now.
    pub(super) fn is_due(&self) -> bool {
        match self.round {
            Round::Rests { until } => until <= Instant::now(),
            Round::Goes { .. } => true,
        }
    }

    /// Removes a portion of the bodies that were stored before `before` and that no confirmed
    /// state is read from.
    pub(super) fn portion(
        &mut self,
        connection: &mut Connection,
        before: Timestamp,
        confirmed: impl FnOnce() -> HashSet<Digest>,
    ) -> rusqlite::Result<()> {
        let (stored_at, row) = match self.round {
            Round::Rests { .. } => (i64::MIN, i64::MIN),
            Round::Goes { stored_at, row } => (stored_at, row),
        };
        // Whatever comes of this portion: a failure is tried again tomorrow.
        self.round = Round::Rests { until: Instant::now() + ROUND };
        let old: Vec<(i64, i64, [u8; 32])> = connection
            .prepare_cached(OLD)?
            .query_map(params![stored_at, row, moment(before), PORTION_ROWS], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        let Some(&(last, last_stored_at, _)) = old.last() else { return Ok(()) };
        let confirmed = confirmed();
        let transaction = connection.transaction()?;
        for (row, _, digest) in &old {
            if !confirmed.contains(&Digest::from_bytes(*digest)) {
                transaction
                    .prepare_cached("DELETE FROM bodies WHERE rowid = ?1")?
                    .execute([row])?;
            }
        }
        transaction.commit()?;
        if PORTION <= old.len() {
            self.round = Round::Goes { stored_at: last_stored_at, row: last };
        }
        Ok(())
    }
}
