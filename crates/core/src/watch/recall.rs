//! Authorities that the facts laid aside: what the daemon asks its store for.

use std::collections::BTreeMap;

use super::{AuthorityRecord, Facts, Poll};
use crate::bundle::AuthorityId;

/// Authorities that were removed, kept beyond the time for which facts keep them. A replay and a
/// simulation have no store that could recall them.
#[derive(Clone, Debug, Default)]
pub struct Recall {
    removed: BTreeMap<AuthorityId, AuthorityRecord>,
}

impl Recall {
    /// Keeps what was removed.
    pub fn note(&mut self, facts: &Facts) {
        for record in facts.authorities.records.iter().filter(|record| record.removed.is_some()) {
            self.removed.insert(record.id(), record.clone());
        }
    }

    /// Brings back what a poll shows and the facts no longer hold.
    pub fn bring_back(&self, poll: &mut Poll, facts: &Facts) {
        if self.removed.is_empty() {
            return;
        }
        let shown = poll.answers.iter().flatten().flat_map(|answer| answer.bundle.authorities());
        let unknown = shown.filter(|authority| facts.record(authority.id).is_none());
        let recalled = unknown.filter_map(|authority| self.removed.get(&authority.id).cloned());
        poll.recalled = recalled.collect();
    }
}
