//! Authorities that are not published any more: how many of them the facts keep, and which.

use std::collections::HashSet;
use std::time::Duration;

use super::Facts;
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::time::{Bracket, Timestamp};
use crate::watch::Standing;
use crate::watch::rotation::RotationModel;

/// A removed authority, as far as it decides whether it is kept.
struct Removed {
    until: Timestamp,
    id: AuthorityId,
    /// The length of a large one.
    large: Option<u64>,
    denied: bool,
}

impl Facts {
    /// How many removed authorities are kept whatever their age.
    const REMOVED: usize = 8;
    /// How long removed authorities are kept beyond that: the longest that the judgement of a
    /// rotation looks back. The store keeps them all.
    const REMOVED_FOR: Duration = Duration::from_hours(24);
    /// How many removed authorities are kept at most.
    const REMOVED_MOST: usize = 512;
    /// A longer authority is a large one, in bytes: SPIRE's take about 1 KiB. Of others, their number
    /// bounds the bytes.
    const LARGE: u64 = 8 << 10;
    /// How many bytes the large ones of one kind take together: those that were removed, those that
    /// were removed and are denied, those that an answer beside the state showed. One that takes all
    /// of a document fits.
    pub(super) const LARGE_BYTES: u64 = 4 << 20;

    /// The length of a large authority; `None` of an ordinary one.
    pub(super) fn large(authority: &Authority) -> Option<u64> {
        Some(authority.stored_length()).filter(|length| Self::LARGE < *length)
    }

    /// Takes in the removals of one change.
    pub(super) fn remove(&mut self, at: Timestamp, ids: &[AuthorityId], removed: Bracket) {
        // Of thousands, those that are kept: each is compared with all others of its use.
        let forgotten = ids.len().saturating_sub(RotationModel::HANDOVERS);
        for (place, id) in ids.iter().enumerate() {
            if place < forgotten {
                self.count_ended(*id, removed);
                self.rotation.count_hand_over();
            } else {
                self.hand_over(*id, removed);
            }
            self.authorities.remove(*id, removed);
        }
        // All authorities are looked at, and one poll can remove thousands: once a change.
        if !ids.is_empty() {
            self.lay_aside(at);
        }
    }

    /// Drops removed authorities that are neither among the latest nor recent, and large ones beyond
    /// what is kept of those.
    fn lay_aside(&mut self, at: Timestamp) {
        #[cfg(test)]
        crate::watch::work::LAID_ASIDE.add();
        let removed = self.removed();
        let too_large = beyond_the_bytes(&removed);
        if removed.len() <= Self::REMOVED && too_large.is_empty() {
            return;
        }
        // While the bundle has no X.509 authority, the last ones that it had authenticate.
        let retained = [
            self.last_x509_removal(|_| true),
            self.last_x509_removal(|record| record.standing != Some(Standing::Denied)),
        ];
        let recent = at.saturating_sub(Self::REMOVED_FOR);
        let most = removed.len().saturating_sub(Self::REMOVED);
        let least = removed.len().saturating_sub(Self::REMOVED_MOST);
        let mut laid_aside = HashSet::new();
        for (place, Removed { until, id, denied, .. }) in removed.into_iter().enumerate() {
            let x509 = id.svid_type == SvidType::X509;
            let retains = x509 && retained.contains(&Some(until));
            // A denied key tells who signed what is refused, however long ago it went.
            let old = place < most && until < recent && !(x509 && denied);
            if !retains && (place < least || old || too_large.contains(&id)) {
                if let Some(kid) = self.record(id).and_then(|one| one.authority.kid.clone()) {
                    self.sightings.withdraw(&kid, until);
                }
                laid_aside.insert(id);
            }
        }
        if !laid_aside.is_empty() {
            self.authorities.records.retain(|record| !laid_aside.contains(&record.id()));
        }
    }

    /// The removed authorities, oldest first.
    fn removed(&self) -> Vec<Removed> {
        let removed = self.authorities.records.iter().filter_map(|record| {
            Some(Removed {
                until: record.removed?.until,
                id: record.id(),
                large: Self::large(&record.authority),
                denied: record.standing == Some(Standing::Denied),
            })
        });
        let mut removed: Vec<_> = removed.collect();
        removed.sort_unstable_by_key(|one| (one.until, one.id));
        removed
    }
}

/// The large ones that find no place in the bytes, which the newest take first. Denied ones have
/// bytes of their own: of many certificates for a denied key, one is enough to know it by.
fn beyond_the_bytes(removed: &[Removed]) -> HashSet<AuthorityId> {
    let (mut left, mut left_to_denied) = (Facts::LARGE_BYTES, Facts::LARGE_BYTES);
    let mut beyond = HashSet::new();
    for one in removed.iter().rev() {
        let Some(length) = one.large else { continue };
        let left = if one.denied { &mut left_to_denied } else { &mut left };
        match left.checked_sub(length) {
            Some(rest) => *left = rest,
            None => drop(beyond.insert(one.id)),
        }
    }
    beyond
}
