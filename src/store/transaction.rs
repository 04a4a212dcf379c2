//! One transaction of the writer: batches, the checkpoints that are due by them, and poll states.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior, params};

use super::batch::{self, Prepared};
use super::medium::WriteError;
use super::progress::{CheckpointProgress, Moved};
use super::seal;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::PollState;

/// What a transaction that is durable changed.
pub(super) struct WrittenBatches {
    /// The head of the journal after it.
    pub(super) chain: Chain,
    /// How far the trust domains' checkpoints lag behind now.
    pub(super) moved: Moved,
    /// The size of the database in bytes.
    pub(super) size: u64,
    /// The head of the journal after each batch.
    pub(super) after: Vec<Chain>,
}

/// Writes all of this, chained to the entries up to `chain`, or nothing of it.
pub(super) fn write<'a>(
    connection: &mut Connection,
    mut chain: Chain,
    progress: &CheckpointProgress,
    checkpoint_every: usize,
    batches: impl Iterator<Item = &'a Prepared>,
    poll_states: &BTreeMap<TrustDomain, PollState>,
) -> Result<WrittenBatches, WriteError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut moved, mut after) = (Moved::default(), Vec::new());
    for batch in batches {
        chain = batch::write(&transaction, chain, batch)?;
        progress.wrote(&mut moved, batch, chain);
        after.push(chain);
    }
    progress.checkpoint_due(&mut moved, &transaction, checkpoint_every)?;
    for (trust_domain, poll_state) in poll_states {
        // The last success that is recorded must not lie after a change that is not.
        if !progress.has_diverged(trust_domain) {
            write_poll_state(&transaction, trust_domain, poll_state)?;
        }
    }
    let size = size(&transaction)?;
    transaction.commit()?;
    Ok(WrittenBatches { chain, moved, size, after })
}

/// The size of the database in bytes.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    Ok(super::column::from_number(number("page_count")?.saturating_mul(number("page_size")?)))
}

fn write_poll_state(
    connection: &Connection,
    trust_domain: &TrustDomain,
    poll_state: &PollState,
) -> rusqlite::Result<()> {
    let Ok(text) = serde_json::to_string(poll_state) else {
        tracing::error!(%trust_domain, "cannot write out what the last polls saw");
        return Ok(());
    };
    let write = "INSERT INTO poll_states (trust_domain, poll_state, digest) VALUES (?1, ?2, ?3)
        ON CONFLICT (trust_domain) DO UPDATE SET poll_state = ?2, digest = ?3";
    let digest = seal::poll_state(trust_domain, &text);
    let row = params![trust_domain.as_str(), text, digest.as_bytes()];
    connection.prepare_cached(write)?.execute(row).map(drop)
}
