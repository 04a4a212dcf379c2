//! What was committed and may stand in SQLite's log alone.
//!
//! Where the log is removed or truncated under the daemon, these batches are appended again, with the
//! numbers and hashes that they had.

use std::collections::VecDeque;

use super::batch::Prepared;
use anchorwatch_core::journal::Chain;

/// How many bytes are kept: the log is moved into the database before it holds more.
const MOST: usize = 16 << 20;

/// The batches that were committed since the log was last moved into the database, oldest first.
#[derive(Debug)]
pub(super) struct Retained {
    /// The head of the journal before the first.
    base: Chain,
    /// Each with the head of the journal after it.
    batches: VecDeque<(Prepared, Chain)>,
    bytes: usize,
}

impl Retained {
    pub(super) fn new(base: Chain) -> Self {
        Self { base, batches: VecDeque::new(), bytes: 0 }
    }

    /// Takes in a batch that was committed, and the head after it.
    pub(super) fn push(&mut self, mut batch: Prepared, after: Chain) {
        // Checkpoints hold the facts, and are written again when they are due.
        batch.facts = None;
        self.bytes = self.bytes.saturating_add(batch.weight());
        self.batches.push_back((batch, after));
    }

    /// Whether the log should be moved into the database now.
    pub(super) fn is_full(&self) -> bool {
        MOST < self.bytes
    }

    /// All of it stands in the database.
    pub(super) fn clear(&mut self) {
        if let Some((_, after)) = self.batches.back() {
            self.base = *after;
        }
        self.batches.clear();
        self.bytes = 0;
    }

    /// Somebody reads so long that the log cannot be moved: memory is bounded all the same.
    pub(super) fn shed(&mut self) {
        while self.is_full() {
            let Some((batch, after)) = self.batches.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(batch.weight());
            self.base = after;
        }
    }

    /// The batches that a journal with this head lacks; `None` where it is not an earlier state of this
    /// one, or a batch that it lacks is kept no more.
    pub(super) fn lacking(&self, head: Chain) -> Option<impl Iterator<Item = &(Prepared, Chain)>> {
        let known = head == self.base || self.batches.iter().any(|(_, after)| *after == head);
        known.then(|| self.batches.iter().filter(move |(_, after)| head.number < after.number))
    }
}
