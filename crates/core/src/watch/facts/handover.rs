//! The part of the fold that a removal moves: what handed over to what.

use super::Facts;
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Bracket, Timestamp, Window};
use crate::watch::rotation::{MAX_LIFETIME_RATIO, lifetime, published};
use crate::watch::{
    AuthorityRecord, HandOver, IssuerMode, IssuerModel, Policy, Standing, spire, spire_lifetime,
};

impl Facts {
    /// Takes down what the removal of an authority ends.
    pub(super) fn hand_over(&mut self, id: AuthorityId, removed: Bracket) {
        let had_ended = self.count_ended(id, removed);
        let Some(record) = self.record(id) else { return };
        let new = record.successor.or_else(|| self.replacement(record));
        let new = new.or_else(|| self.only_follower(record)).and_then(|new| self.record(new));
        let policy = self.policy();
        let of_use = self.published().filter(|other| other.id().svid_type == id.svid_type);
        let was_only = of_use.take(2).count() == 1;
        let first = |after: &dyn Fn(&AuthorityRecord) -> bool| {
            let after = self.followers(record).filter(|other| after(other));
            after.map(at_latest).min_by_key(|seen| (seen.from, seen.until))
        };
        let certain = new.filter(|new| !new.is_contested);
        let handover = HandOver {
            svid_type: id.svid_type,
            old: id.fingerprint,
            old_kid: record.authority.kid.clone(),
            published_old: at_latest(record),
            lifetime_range: record.lifetime,
            not_after: record.authority.certificate.as_ref().map(|own| own.validity.not_after),
            removed,
            new: new.map(|new| new.id().fingerprint),
            new_kid: new.and_then(|new| new.authority.kid.clone()),
            published_new: new.map(|new| published(&new.authority, new.published)),
            is_contested: new.is_some() && certain.is_none(),
            first_after: first(&|_| true),
            first_candidate: first(&|other| may_follow(other, record)),
            lead: certain.and_then(|new| self.lead(new, &policy)),
            activation: certain.and_then(|new| self.activation(new, &policy)),
            activated_by: new
                .and_then(|new| new.signed)
                .map(|leaf| leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION)),
            signed_at: record
                .signed
                .map(|leaf| leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION)),
            had_signed: self.had_signed(record, removed, &policy),
            was_only,
            had_ended,
            is_scheduled: !self.is_root(record, &policy),
            covered_by_other_finding: is_covered_by_other_finding(record),
        };
        self.rotation.hand_over(handover);
    }

    /// Whether an authority of the baseline had come to its end: an X.509 one by its own word, a JWT
    /// one by count.
    pub(super) fn count_ended(&mut self, id: AuthorityId, removed: Bracket) -> bool {
        let Some(record) = self.record(id) else { return false };
        let Some(last) = removed.after else { return false };
        if record.standing != Some(Standing::Baseline) {
            return false;
        }
        let expired = |record: &AuthorityRecord| {
            let certificate = record.authority.certificate.as_ref();
            certificate.is_some_and(|c| c.validity.not_after <= last)
        };
        if id.svid_type == SvidType::X509 {
            let ended = expired(record);
            self.rotation.pruned.x509 += usize::from(ended);
            return ended;
        }
        if id.svid_type != SvidType::Jwt {
            return false;
        }
        // SPIRE prunes both uses by one rule, but a JWT chain may have drifted ahead of its X.509 one
        // by up to a period.
        let due = |record: &AuthorityRecord| {
            let drift = lifetime(&record.authority).map(spire::period).unwrap_or_default();
            let stays = spire::PRUNE_SAFETY.saturating_sub(drift);
            let certificate = record.authority.certificate.as_ref();
            certificate.is_some_and(|c| c.validity.not_after.saturating_add(stays) <= last)
        };
        // They are sorted by their use.
        let x509 =
            self.authorities.records.iter().take_while(|one| one.id().svid_type == SvidType::X509);
        let standing = x509.filter(|one| {
            one.removed.is_none() && one.standing == Some(Standing::Baseline) && due(one)
        });
        let ended = self.rotation.pruned.x509.saturating_add(standing.count());
        let ends = self.rotation.pruned.jwt < ended;
        self.rotation.pruned.jwt += usize::from(ends);
        ends
    }

    /// The authority that founded what its lineage was replaced by.
    fn replacement(&self, record: &AuthorityRecord) -> Option<AuthorityId> {
        let line = self.rotation.lineage(record.lineage?)?;
        if line.newest != Some(record.id()) {
            return None;
        }
        let by = line.missed?.replaced_by?;
        let branch = self.authorities.records.iter().filter(|other| other.lineage == Some(by));
        branch.min_by_key(|other| other.published.until).map(AuthorityRecord::id)
    }

    /// The other authorities of its use that may have been published after it, those that are gone
    /// again too.
    fn followers<'a>(
        &'a self,
        record: &'a AuthorityRecord,
    ) -> impl Iterator<Item = &'a AuthorityRecord> + 'a {
        let published = at_latest(record).from;
        self.authorities.records.iter().filter(move |other| {
            other.id() != record.id()
                && other.id().svid_type == record.id().svid_type
                && published < at_latest(other).until
        })
    }

    /// With one authority before and one after, it is certain which followed.
    fn only_follower(&self, record: &AuthorityRecord) -> Option<AuthorityId> {
        let published = at_latest(record).until;
        let mut followers = self.followers(record);
        let only = followers.next().filter(|_| followers.next().is_none())?;
        let is_other = |other: &&AuthorityRecord| {
            other.id().svid_type == record.id().svid_type && other.id() != record.id()
        };
        let remains = self.published().filter(is_other).map(AuthorityRecord::id).eq([only.id()]);
        (remains && record.was_alone && published <= at_latest(only).from).then(|| only.id())
    }

    /// Takes down which authority of a use stands alone.
    pub(super) fn note_alone(&mut self) {
        for svid_type in SvidType::ALL {
            let of_use = self.published().filter(|record| record.id().svid_type == svid_type);
            let mut of_use = of_use.map(AuthorityRecord::id);
            let (Some(alone), None) = (of_use.next(), of_use.next()) else { continue };
            drop(of_use);
            if let Some(record) = self.authorities.record_mut(alone) {
                record.was_alone = true;
            }
        }
    }

    /// Whether this is a root, whose removal no schedule dates: one of an upstream authority, or one
    /// that lives beside authorities that rotate.
    fn is_root(&self, record: &AuthorityRecord, policy: &Policy) -> bool {
        let IssuerModel::Spire { mode, .. } = policy.issuer else { return false };
        let upstream = mode.unwrap_or(self.rotation.mode) == IssuerMode::Upstream;
        let shortest = self.rotation.possible_lifetimes.first();
        let rotates = |lifetime| {
            shortest.is_none_or(|shortest| lifetime <= shortest.saturating_mul(MAX_LIFETIME_RATIO))
        };
        record.id().svid_type == SvidType::X509
            && (upstream || !spire_lifetime(record).is_some_and(rotates))
    }

    /// Whether an authority is sure to have come to its activation before it was removed.
    fn had_signed(&self, record: &AuthorityRecord, removed: Bracket, policy: &Policy) -> bool {
        if record.signed.is_some() || record.was_alone {
            return true;
        }
        let Some(last) = removed.after else { return false };
        let activated = self.activated_at_latest(record, policy);
        record.is_explained()
            && !self.is_root(record, policy)
            && activated.is_some_and(|activated| activated <= last)
    }
}

/// Whether an authority may be the one that followed another that went without a known successor. One
/// that came on the date of another lineage followed the authority before it there, and a denied one is
/// nobody's successor.
fn may_follow(other: &AuthorityRecord, removed: &AuthorityRecord) -> bool {
    let follows_another = other.predecessor.is_some_and(|before| before.authority != removed.id());
    let on_other_date = removed.lineage.is_some() && other.lineage != removed.lineage;
    match &other.standing {
        Some(Standing::Denied) => false,
        Some(standing) if standing.is_scheduled() && !other.is_contested => {
            !follows_another && !on_other_date
        }
        _ => true,
    }
}

/// When an authority was published. Of a JWT key that was there before the watch began, only the
/// latest moment is known.
pub(super) fn at_latest(record: &AuthorityRecord) -> Window {
    let seen = published(&record.authority, record.published);
    let unknown = record.published.after.is_none() && record.authority.certificate.is_none();
    if unknown { Window::new(Timestamp::default(), seen.until) } else { seen }
}

/// Whether another finding tells of the removal of this authority: nobody explained it, and
/// nothing went on from it.
fn is_covered_by_other_finding(record: &AuthorityRecord) -> bool {
    match record.standing {
        Some(Standing::Denied) => true,
        Some(Standing::Unscheduled { .. } | Standing::Contradicted { .. }) => {
            record.successor.is_none()
        }
        _ => false,
    }
}
