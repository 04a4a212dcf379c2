//! The part of the fold that moves the rotation: publications, removals, dates.

use std::sync::Arc;
use std::time::Duration;

use super::Facts;
use super::handover::at_latest;
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::finding::{FindingKind, Grade, Room};
use crate::spiffe::TrustDomain;
use crate::time::{Bracket, Timestamp};
use crate::watch::rotation::{Outcome, Publications, lifetime};
use crate::watch::{
    AuthorityRecord, Event, FirstDateFit, JudgementPolicy, Policy, Predecessor, Standing,
    UnconfirmedAuthority, interval, spire,
};

/// Whether what a new key is was known before the change that publishes it.
enum Known {
    New,
    Judged,
}

impl Facts {
    /// How many unconfirmed authorities of each use are kept.
    const UNCONFIRMED: usize = 64;

    /// By what rules the domain is judged.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.clone().unwrap_or_default()
    }

    /// The poll interval under this policy and the hint of the confirmed state, without jitter.
    pub fn interval(&self, policy: &Policy) -> Duration {
        interval(self.bundle.refresh_hint(), policy)
    }

    /// The watched trust domain, where the configuration's word of it is on record.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        self.endpoint.configured.as_ref().map(|endpoint| &endpoint.trust_domain)
    }

    pub(super) fn apply_policy(&mut self, at: Timestamp, policy: &Policy) {
        let before = self.rotation.judgement_modes(&self.policy());
        self.policy = Some(Arc::new(policy.clone()));
        self.read_lifetimes();
        if self.rotation.baseline.is_some() && self.rotation.judgement_modes(policy) != before {
            self.read_baseline(at);
        }
        self.recompute_next_deadline();
    }

    /// What stands explained is what the issuer's rhythm is read from: in the first bundle, and under
    /// another model of the issuer.
    fn read_baseline(&mut self, at: Timestamp) {
        let policy = self.policy();
        let intermediate = self.intermediate_life();
        let mut rotation = std::mem::take(&mut self.rotation);
        let records: Vec<_> = self.published().filter(|record| record.is_explained()).collect();
        rotation.reset();
        rotation.begin(at, &policy, &records, intermediate);
        self.rotation = rotation;
        self.name_lineages();
    }

    fn recompute_next_deadline(&mut self) {
        let policy = self.policy();
        let interval = self.interval(&policy);
        self.rotation.recompute_next_deadline(&policy, interval);
    }

    fn read_lifetimes(&mut self) {
        let policy = self.policy();
        let intermediate = self.intermediate_life();
        let published = self.authorities.records.iter().filter(|record| record.removed.is_none());
        self.rotation.read_lifetimes(&mut published.into_iter(), intermediate, &policy);
    }

    fn intermediate_life(&self) -> Option<Duration> {
        let validity = self.endpoint.intermediate?;
        let whole = validity.not_after.since(validity.not_before)?;
        Some(whole.saturating_sub(spire::NOT_BEFORE_CUSHION))
    }

    /// A good poll that showed no publication since the last one, by itself or before a change.
    pub(super) fn pass_dates(&mut self, event: &Event) {
        if let Event::DatesPassed { good } | Event::BundleChanged { after: Some(good), .. } = event
        {
            self.pass(*good);
        }
    }

    /// A good poll at `good` showed no publication since the last one.
    fn pass(&mut self, good: Timestamp) {
        let policy = self.policy();
        let interval = self.interval(&policy);
        for (authority, branch) in self.rotation.pass(good, &policy, interval) {
            let record = self.record(authority);
            let approval = record.and_then(|record| self.decisions.approval(&record.authority));
            let standing = if approval.is_some() {
                Standing::Approved
            } else {
                Standing::Unscheduled { branch, among: 1, first: FirstDateFit::None }
            };
            if let Some(record) = self.authorities.record_mut(authority) {
                // What was decided of it meanwhile stands.
                if matches!(record.standing, Some(Standing::Late { .. })) {
                    record.standing = Some(standing);
                }
                record.lineage = Some(branch);
            }
        }
    }

    /// Takes over what an answer beside the state has shown of a new key. Returns whether what it is
    /// was known before: from that answer, or since it returns.
    fn adopt_unconfirmed(&mut self, id: AuthorityId) -> Known {
        let unconfirmed =
            self.authorities.unconfirmed.iter().position(|one| one.authority.id == id);
        let unconfirmed = unconfirmed.map(|place| self.authorities.unconfirmed.remove(place));
        let record = self.record(id);
        let denied = record.is_some_and(|one| self.decisions.denial(&one.authority).is_some());
        let mut predecessor = None;
        let known = match self.authorities.record_mut(id) {
            Some(record) => {
                if let Some(UnconfirmedAuthority {
                    standing, lineage, predecessor: before, ..
                }) = unconfirmed
                {
                    record.standing = record.standing.take().or(standing);
                    record.lineage = record.lineage.or(lineage);
                    predecessor = before;
                }
                // A denied key is denied when it returns, too (docs/judgement.md#denials).
                if record.returned_after.is_some() && record.standing.is_none() {
                    record.standing =
                        Some(if denied { Standing::Denied } else { Standing::Returned });
                }
                if record.standing.is_some() { Known::Judged } else { Known::New }
            }
            None => Known::New,
        };
        self.follows(id, predecessor);
        known
    }

    /// A decision may change whose life counts.
    pub(super) fn settle_decision(&mut self) {
        self.read_lifetimes();
        self.recompute_next_deadline();
    }

    /// Judges the publications of one change, which are on record. `unchanged_sequence` is the number
    /// that is the same as before them.
    pub(super) fn settle(
        &mut self,
        at: Timestamp,
        introduced: &[AuthorityId],
        unchanged_sequence: Option<u64>,
    ) {
        if introduced.is_empty() {
            return;
        }
        let mut new = Vec::new();
        for id in introduced {
            let known = self.adopt_unconfirmed(*id);
            let Some(record) = self.record(*id) else { continue };
            let publication = (Arc::clone(&record.authority), record.published);
            match known {
                Known::New => new.push(publication),
                Known::Judged if record.lifetime.is_none() => self.record_lifetimes(&[publication]),
                Known::Judged => (),
            }
        }
        if self.rotation.baseline.is_none() {
            self.judge_baseline(at, &new);
        } else if !new.is_empty() {
            let outcomes = self.judge(at, &new, unchanged_sequence);
            for outcome in outcomes {
                self.apply_outcome(outcome);
            }
        }
        self.settle_decision();
        self.record_lifetimes(&new);
        self.widen_lifetimes(introduced);
    }

    /// A key lives as long as the rhythm was when it was published, whatever it is later.
    fn record_lifetimes(&mut self, new: &[(Arc<Authority>, Bracket)]) {
        let rhythm = self
            .rotation
            .possible_lifetimes
            .first()
            .copied()
            .zip(self.rotation.possible_lifetimes.last().copied());
        for (authority, _) in new {
            let own = match authority.id.svid_type {
                SvidType::X509 => lifetime(authority).map(|lifetime| (lifetime, lifetime)),
                SvidType::Jwt | SvidType::Wit => rhythm,
            };
            if let Some(record) = self.authorities.record_mut(authority.id) {
                record.lifetime = own;
            }
        }
    }

    fn judge_baseline(&mut self, at: Timestamp, new: &[(Arc<Authority>, Bracket)]) {
        for (authority, _) in new {
            // A denied key is one wherever it turns up first (docs/judgement.md#denials).
            let denied = self.decisions.denial(authority).is_some();
            let standing = if denied { Standing::Denied } else { Standing::Baseline };
            if let Some(record) = self.authorities.record_mut(authority.id) {
                record.standing = Some(standing);
            }
        }
        self.read_baseline(at);
    }

    /// The newest authority of each line belongs to it.
    fn name_lineages(&mut self) {
        let live = self.rotation.lineages.iter().filter(|line| line.is_active());
        let lines: Vec<_> = live.filter_map(|line| Some((line.newest?, line.number))).collect();
        for (authority, number) in lines {
            if let Some(record) = self.authorities.record_mut(authority) {
                record.lineage = Some(number);
            }
        }
    }

    fn judge(
        &mut self,
        at: Timestamp,
        new: &[(Arc<Authority>, Bracket)],
        unchanged_sequence: Option<u64>,
    ) -> Vec<Outcome> {
        let policy = self.policy();
        let forms = self.authorities.forms();
        let mut rotation = std::mem::take(&mut self.rotation);
        let mut decisions = std::mem::take(&mut self.decisions);
        let publications = Publications {
            new,
            at,
            known: &forms,
            trust_domain: self.trust_domain(),
            policy: &policy,
            interval: self.interval(&policy),
            unchanged_sequence,
        };
        let outcomes = rotation.judge(&publications, &mut decisions);
        (self.rotation, self.decisions) = (rotation, decisions);
        outcomes
    }

    fn apply_outcome(&mut self, outcome: Outcome) {
        let Outcome { authority, standing, lineage, predecessor, contests } = outcome;
        // One that was judged before is doubted since another came. What was decided of it meanwhile
        // stands.
        let judged = self.record(authority).and_then(|record| record.standing.as_ref());
        if judged.is_some_and(|judged| !judged.may_be_doubted()) {
            return;
        }
        self.contest(&contests);
        if let Some(record) = self.authorities.record_mut(authority) {
            record.standing = Some(standing);
            record.lineage = lineage;
        }
        self.follows(authority, predecessor);
    }

    /// An authority follows another one in its lineage.
    fn follows(&mut self, authority: AuthorityId, predecessor: Option<AuthorityId>) {
        let Some(before) = predecessor.and_then(|before| self.authorities.record_mut(before))
        else {
            return;
        };
        before.successor = Some(authority);
        let predecessor = Predecessor {
            authority: before.id(),
            published: at_latest(before),
            lifetime: before.lifetime,
        };
        if let Some(record) = self.authorities.record_mut(authority) {
            record.predecessor = Some(predecessor);
        }
    }

    /// Another publication could have met the dates that these authorities met.
    fn contest(&mut self, authorities: &[AuthorityId]) {
        for id in authorities {
            if let Some(record) = self.authorities.record_mut(*id) {
                record.is_contested = true;
            }
        }
    }

    /// A key never seen before stands in an answer that is not the state: it is judged at once.
    pub(super) fn unconfirmed_authority(
        &mut self,
        at: Timestamp,
        authority: &Arc<Authority>,
        seen: Bracket,
    ) {
        let new = [(Arc::clone(authority), seen)];
        let outcome = self.judge(at, &new, None).pop();
        let mut unconfirmed_authority = UnconfirmedAuthority {
            authority: Arc::clone(authority),
            seen,
            standing: None,
            lineage: None,
            predecessor: None,
        };
        if let Some(Outcome { standing, lineage, predecessor, contests, .. }) = outcome {
            self.contest(&contests);
            unconfirmed_authority = UnconfirmedAuthority {
                standing: Some(standing),
                lineage,
                predecessor,
                ..unconfirmed_authority
            };
        }
        self.keep_unconfirmed_authority(at, unconfirmed_authority);
        self.recompute_next_deadline();
    }

    /// Keeps so many unconfirmed authorities of each use, and so many bytes of large ones: the most urgent ones, and
    /// of those the newest.
    fn keep_unconfirmed_authority(
        &mut self,
        at: Timestamp,
        unconfirmed_authority: UnconfirmedAuthority,
    ) {
        let svid_type = unconfirmed_authority.authority.id.svid_type;
        self.authorities.unconfirmed.push(unconfirmed_authority);
        let of_use = |one: &UnconfirmedAuthority| one.authority.id.svid_type == svid_type;
        let large =
            |one: &UnconfirmedAuthority| Self::large(&one.authority).filter(|_| of_use(one));
        if Self::UNCONFIRMED < self.authorities.unconfirmed.iter().filter(|one| of_use(one)).count()
        {
            self.drop_unconfirmed(at, of_use);
        }
        while Self::LARGE_BYTES < self.authorities.unconfirmed.iter().filter_map(large).sum() {
            self.drop_unconfirmed(at, |one| large(one).is_some());
        }
    }

    /// Drops the least urgent of these unconfirmed authorities, and of those the oldest. It was not looked at: it
    /// counts as a finding that is left out.
    fn drop_unconfirmed(&mut self, at: Timestamp, of: impl Fn(&UnconfirmedAuthority) -> bool) {
        let grade = |one: &UnconfirmedAuthority| {
            one.standing.as_ref().map(Standing::grade).unwrap_or_default()
        };
        let of = self.authorities.unconfirmed.iter().enumerate().filter(|(_, one)| of(one));
        let Some((place, _)) = of.min_by_key(|(_, one)| grade(one)) else { return };
        let gone = self.authorities.unconfirmed.remove(place);
        let grade = grade(&gone);
        let AuthorityId { svid_type, .. } = gone.authority.id;
        let listed = self.ledger.open.iter().any(|open| open.is_about(gone.authority.id));
        if !listed && grade != Grade::Plain && self.policy().judgement != JudgementPolicy::Observe {
            let kind = FindingKind::UnexpectedAuthority;
            let room = Room { kind, svid_type: Some(svid_type), grade };
            self.ledger.leave_out(room, at, kind.severity(), 1);
        }
    }

    /// The life of an authority: its own, or the one of its trust domain's rhythm.
    pub fn lifetime_of(&self, record: &AuthorityRecord) -> Option<Duration> {
        match record.id().svid_type {
            SvidType::X509 => lifetime(&record.authority),
            SvidType::Jwt | SvidType::Wit => record.lifetime.map(|(_, most)| most).or(self
                .rotation
                .possible_lifetimes
                .last()
                .copied()),
        }
    }
}
