//! The part of the fold that a removal moves: what handed over to what.

use super::Facts;
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Bracket, Timestamp, Window};
use crate::watch::rotation::{lifetime, published};
use crate::watch::{AuthorityRecord, HandOver, IssuerModel, Policy, Standing, spire};

impl Facts {
    /// Takes down what the removal of an authority ends.
    pub(super) fn hand_over(&mut self, id: AuthorityId, removed: Bracket) {
        let had_ended = self.count_ended(id, removed);
        let Some(record) = self.record(id) else { return };
        let new = record.successor.or_else(|| self.replacement(record));
        let new = new.and_then(|new| self.record(new));
        let policy = self.policy();
        let of_use = self.published().filter(|other| other.id().svid_type == id.svid_type);
        let was_only = of_use.take(2).count() == 1;
        let handover = HandOver {
            svid_type: id.svid_type,
            old: id.fingerprint,
            old_kid: record.authority.kid.clone(),
            published_old: at_latest(record),
            lifetime_range: record.lifetime,
            removed,
            new: new.map(|new| new.id().fingerprint),
            new_kid: new.and_then(|new| new.authority.kid.clone()),
            published_new: new.map(|new| published(&new.authority, new.published)),
            lead: new.and_then(|new| self.lead(new, &policy)),
            activated_by: new
                .and_then(|new| new.signed)
                .map(|leaf| leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION)),
            signed_at: record
                .signed
                .map(|leaf| leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION)),
            had_signed: self.had_signed(record, removed, &policy),
            was_only,
            had_ended,
            covered_by_other_finding: is_covered_by_other_finding(record),
        };
        self.rotation.hand_over(handover);
    }

    /// Whether an authority of the baseline had come to its end: an X.509 one by its own word, a JWT
    /// one by count.
    fn count_ended(&mut self, id: AuthorityId, removed: Bracket) -> bool {
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

    /// Whether an authority is sure to have come to its activation before it was removed.
    fn had_signed(&self, record: &AuthorityRecord, removed: Bracket, policy: &Policy) -> bool {
        if record.signed.is_some() {
            return true;
        }
        let Some(last) = removed.after else { return false };
        let lead = match policy.issuer {
            IssuerModel::Spire { lead: Some(lead), .. }
            | IssuerModel::Declared { lead: Some(lead), .. } => Some(lead),
            IssuerModel::Spire { .. } => self.lifetime_of(record).map(spire::lead),
            IssuerModel::Declared { lead: None, .. } | IssuerModel::Learned => None,
        };
        let published = published(&record.authority, record.published);
        record.is_explained()
            && lead.is_some_and(|lead| published.until.saturating_add(lead) <= last)
    }
}

/// When an authority was published. Of a JWT key that was there before the watch began, only the
/// latest moment is known.
fn at_latest(record: &AuthorityRecord) -> Window {
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
