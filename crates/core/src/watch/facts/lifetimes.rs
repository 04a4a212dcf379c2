//! How long JWT keys may live, which do not say so: by the X.509 authorities beside them.

use std::time::Duration;

use super::Facts;
use crate::bundle::{AuthorityId, SvidType};
use crate::time::Timestamp;

impl Facts {
    /// A JWT key may be the first to live by a changed `ca_ttl`, which the next X.509 authority of its
    /// server shows: those that were published since the one before that may have either lifetime.
    pub(super) fn widen_lifetimes(&mut self, introduced: &[AuthorityId]) {
        let changes = self.rotation.lifetime_changes.iter();
        let changes: Vec<_> =
            changes.filter(|change| introduced.contains(&change.authority)).copied().collect();
        for change in changes {
            let before = self.record(change.authority).and_then(|record| record.predecessor);
            let before = before.and_then(|before| self.record(before.authority));
            let since = before.map_or(Timestamp::default(), |before| before.published.until);
            let jwt = self.authorities.records.iter_mut().filter(|record| {
                record.id().svid_type == SvidType::Jwt && since <= record.published.until
            });
            let mut widened = Vec::new();
            for record in jwt {
                let Some((least, most)) = record.lifetime else { continue };
                let lifetime = (least.min(change.to), most.max(change.to));
                record.lifetime = Some(lifetime);
                widened.push((record.id(), lifetime));
            }
            self.update_successors(&widened);
        }
    }

    fn update_successors(&mut self, widened: &[(AuthorityId, (Duration, Duration))]) {
        for (id, lifetime) in widened {
            let successor = self.record(*id).and_then(|record| record.successor);
            let successor = successor.and_then(|id| self.authorities.record_mut(id));
            if let Some(predecessor) = successor.and_then(|record| record.predecessor.as_mut()) {
                predecessor.lifetime = Some(*lifetime);
            }
        }
    }
}
