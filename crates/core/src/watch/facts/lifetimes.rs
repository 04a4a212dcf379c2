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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bundle::{Authority, Fingerprint, KeyType};
    use crate::time::{Bracket, Window};
    use crate::watch::{AuthorityRecord, LifetimeChange, Predecessor};

    const HOUR: Duration = Duration::from_hours(1);

    fn id(svid_type: SvidType, name: &str) -> AuthorityId {
        AuthorityId { svid_type, fingerprint: Fingerprint::of(name.as_bytes()) }
    }

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000).saturating_add(HOUR * u32::try_from(hours).unwrap())
    }

    fn record(svid_type: SvidType, name: &str, hours: u64) -> AuthorityRecord {
        let authority = Authority {
            id: id(svid_type, name),
            public_key: None,
            key_type: KeyType::EcP256,
            kid: None,
            certificate: None,
        };
        let published = Bracket::new(Some(at(hours)), at(hours));
        let lifetime = Some((24 * HOUR, 24 * HOUR));
        AuthorityRecord { lifetime, ..AuthorityRecord::new(Arc::new(authority), published) }
    }

    fn follows(record: AuthorityRecord, before: &AuthorityRecord) -> AuthorityRecord {
        let (authority, published) = (before.id(), Window::point(before.published.until));
        let predecessor = Predecessor { authority, published, lifetime: before.lifetime };
        AuthorityRecord { predecessor: Some(predecessor), ..record }
    }

    /// The JWT key of 14 h may live by the `ca_ttl` that the X.509 authority of 12 h does not show yet
    /// and that of 24 h does. The one of 2 h cannot.
    #[test]
    fn keys_between_two_authorities_of_different_lifetimes_may_have_either() {
        let before = record(SvidType::X509, "before", 12);
        let shows = follows(record(SvidType::X509, "shows", 24), &before);
        let old = record(SvidType::Jwt, "old", 2);
        let between = record(SvidType::Jwt, "between", 14);
        let next = follows(record(SvidType::Jwt, "next", 20), &between);
        let between = AuthorityRecord { successor: Some(next.id()), ..between };
        let change =
            LifetimeChange { authority: shows.id(), at: at(24), from: 24 * HOUR, to: 12 * HOUR };
        let mut facts = Facts {
            authorities: [before, shows, old, between, next].into_iter().collect(),
            ..Facts::default()
        };
        facts.rotation.lifetime_changes.push(change);
        facts.widen_lifetimes(&[change.authority]);
        let lifetime = |name| facts.record(id(SvidType::Jwt, name)).unwrap().lifetime;
        assert_eq!(lifetime("old"), Some((24 * HOUR, 24 * HOUR)));
        assert_eq!(lifetime("between"), Some((12 * HOUR, 24 * HOUR)));
        let next = facts.record(id(SvidType::Jwt, "next")).unwrap();
        assert_eq!(next.predecessor.unwrap().lifetime, Some((12 * HOUR, 24 * HOUR)));
    }
}
