//! What is recorded of a poll once the day's budget is spent: the most urgent first, and the rest as
//! a number.
//!
//! Invariant: the facts stay the fold of the events. A key that is not recorded is no fact; it is
//! taken in as new once the next day's budget pays for it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::rotation::{Forms, departs};
use super::spent::BudgetAccount;
use super::stepper::Stepper;
use super::{Budget, Event, Reserve, SkippedKeys, UnrecordedKeys};
use crate::bundle::{Authority, AuthorityId, BundleDiff, Irregularity, IrregularityKind, SvidType};
use crate::finding::FindingKind;
use crate::time::Bracket;
use crate::untrusted::UntrustedText;

/// How urgent it is to record a new key, the most urgent last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Urgency {
    Consistent,
    /// It contradicts what is known, or takes the key ID of another key.
    Contradicted,
    /// An operator approved or denied it.
    Decided,
}

impl Urgency {
    fn reserve(self, svid_type: SvidType) -> Budget {
        match (svid_type, self) {
            (SvidType::X509, Self::Decided) => Reserve::DECIDED_X509,
            (SvidType::X509, Self::Contradicted) => Reserve::CONTRADICTED_X509,
            (SvidType::X509, Self::Consistent) => Reserve::CONSISTENT_X509,
            (SvidType::Jwt | SvidType::Wit, Self::Consistent) => Reserve::KEYS,
            (SvidType::Jwt | SvidType::Wit, Self::Contradicted | Self::Decided) => Reserve::OTHER,
        }
    }
}

/// What a change brings, as far as it is recorded one by one.
pub(super) struct RecordedChange {
    pub(super) difference: BundleDiff,
    /// The rest of it, where the daily budget is spent.
    pub(super) unrecorded: Option<UnrecordedKeys>,
}

impl Stepper<'_> {
    /// Finds out whether the day's budget is spent.
    pub(super) fn look_at_the_budget(&mut self) {
        let day = self.facts.spent.on(self.at);
        self.reduced = day.exceeded || day.spent.exceeds(self.policy.daily_budget);
        if self.reduced && !day.exceeded {
            let Budget { events, bytes } = day.spent;
            self.emit(Event::BudgetExceeded { events, bytes });
        }
    }

    /// Reports a state: once the budget is spent, each kind of them at most once in
    /// [`Reserve::COUNTED_EVERY`], in brief. Whether it was reported; one that was not is counted,
    /// and is reported by a later poll that finds it still there.
    pub(super) fn emit_if_due(&mut self, event: Event) -> bool {
        if !self.reduced {
            self.emit(event);
            return true;
        }
        let due = self.facts.spent.on(self.at).is_due(&event, self.at);
        if due {
            self.emit(event.in_brief());
        } else {
            self.pass_over(1);
        }
        due
    }

    /// Whether a change that brings no key of its own is recorded again, so long after the last.
    pub(super) fn counts_again(&self) -> bool {
        let last =
            self.facts.bundle.confirmed.as_ref().and_then(|known| self.at.since(known.since.until));
        last.is_none_or(|ago| Reserve::COUNTED_EVERY <= ago)
    }

    pub(super) fn pass_over(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.poll_state.unrecorded = self.poll_state.unrecorded.saturating_add(count);
    }

    /// What of a change is recorded one by one; `None` where nothing of it is, and the count can
    /// wait.
    pub(super) fn within_budget(
        &mut self,
        difference: BundleDiff,
        when: Bracket,
    ) -> Option<RecordedChange> {
        let first = self.facts.endpoint.first_contact == Some(self.at);
        if !self.reduced || first {
            return Some(RecordedChange { difference, unrecorded: None });
        }
        let BundleDiff { introduced, removed, relabelled } = difference;
        let mut day = self.facts.spent.on(self.at);
        let mut pays = |account: BudgetAccount, reserve: Budget, cost: Budget| {
            let pays = day.affords(account, reserve, cost);
            if pays {
                day.spend(account, cost);
            }
            pays
        };
        let (mut recorded, mut listed) = (Vec::new(), Vec::new());
        let mut came = self.poll_state.passing.came;
        let mut keys = UnrecordedKeys::default();
        for (urgency, authority) in self.most_urgent_first(introduced, when) {
            let id = authority.id;
            let event =
                Event::AuthorityIntroduced { authority, published: when, returned_after: None };
            let paid = pays(event.budget_account(), urgency.reserve(id.svid_type), event.cost());
            let Event::AuthorityIntroduced { authority, .. } = event else { continue };
            if paid {
                recorded.push(authority);
                continue;
            }
            let of = keys.of_mut(id.svid_type);
            of.listed = of.listed.saturating_add(1);
            if !self.poll_state.passing.lists(id) {
                let came = came.of_mut(id.svid_type);
                came.came = came.came.saturating_add(1);
            }
            listed.push(SkippedKeys::mark(id));
        }
        listed.sort_unstable();
        recorded.sort_unstable_by_key(|authority| authority.id);
        let total = relabelled.len();
        let cost = Budget { events: 1, bytes: 1 << 10 };
        let relabelled: Vec<_> = relabelled
            .into_iter()
            .take_while(|_| pays(BudgetAccount::Polls, Reserve::OTHER, cost))
            .collect();
        let passed = listed.len().saturating_add(total.saturating_sub(relabelled.len()));
        self.pass_over(passed);
        self.poll_state.passing.listed = listed;
        let difference = BundleDiff { introduced: recorded, removed, relabelled };
        if difference.is_empty() && !self.counts_again() {
            self.poll_state.passing.came = came;
            return None;
        }
        self.poll_state.passing.came = UnrecordedKeys::default();
        for svid_type in SvidType::ALL {
            keys.of_mut(svid_type).came = came.of(svid_type).came;
        }
        Some(RecordedChange { difference, unrecorded: Some(keys) })
    }

    /// Keys that the last days' budget passed over stand in the bundle since then.
    pub(super) fn published(&self, id: AuthorityId, when: Bracket) -> Bracket {
        match self.facts.authorities.unrecorded {
            Some((_, after)) if self.poll_state.passing.lists(id) => {
                Bracket::new(after, when.until)
            }
            Some(_) | None => when,
        }
    }

    /// New keys of an answer beside the state, as far as they are recorded one by one.
    pub(super) fn unconfirmed_within_budget(
        &mut self,
        introduced: Vec<Arc<Authority>>,
        seen: Bracket,
    ) -> Vec<Arc<Authority>> {
        if !self.reduced {
            return introduced;
        }
        let mut day = self.facts.spent.on(self.at);
        let total = introduced.len();
        let urgent = self.most_urgent_first(introduced, seen);
        let paid = urgent.into_iter().filter_map(|(urgency, authority)| {
            let reserve = urgency.reserve(authority.id.svid_type);
            let event = Event::UnconfirmedAuthoritySeen { authority, seen };
            let pays = day.affords(event.budget_account(), reserve, event.cost());
            let (account, cost) = (event.budget_account(), event.cost());
            let Event::UnconfirmedAuthoritySeen { authority, .. } = event else { return None };
            if pays {
                day.spend(account, cost);
            }
            pays.then_some(authority)
        });
        let paid: Vec<_> = paid.collect();
        self.pass_over(total.saturating_sub(paid.len()));
        paid
    }

    /// New keys, those first that must not be missed.
    fn most_urgent_first(
        &self,
        introduced: Vec<Arc<Authority>>,
        when: Bracket,
    ) -> Vec<(Urgency, Arc<Authority>)> {
        let facts = &self.facts;
        let explained = Forms::of(facts.published().filter(|record| record.is_explained()));
        let known: HashSet<&UntrustedText> =
            facts.published().filter_map(|record| record.authority.kid.as_ref()).collect();
        let mut named: HashMap<&UntrustedText, usize> = HashMap::new();
        for kid in introduced.iter().filter_map(|authority| authority.kid.as_ref()) {
            *named.entry(kid).or_default() += 1;
        }
        let urgency = |authority: &Authority| {
            let decisions = &facts.decisions;
            let decided =
                decisions.denial(authority).is_some() || decisions.approval(authority).is_some();
            let rebinds = authority.id.svid_type != SvidType::X509
                && authority.kid.as_ref().is_some_and(|kid| {
                    known.contains(kid) || named.get(kid).is_some_and(|count| 1 < *count)
                });
            if decided {
                Urgency::Decided
            } else if rebinds
                || departs(authority, when, &explained, facts.trust_domain(), self.policy)
            {
                Urgency::Contradicted
            } else {
                Urgency::Consistent
            }
        };
        let urgencies: Vec<_> = introduced.iter().map(|authority| urgency(authority)).collect();
        let mut all: Vec<_> = urgencies.into_iter().zip(introduced).collect();
        all.sort_by_key(|(urgency, authority)| (Reverse(*urgency), authority.id));
        all
    }

    /// What of the document's irregularities is recorded: a published private key always is, until
    /// its finding is open.
    pub(super) fn irregularities_within_budget(&mut self, seen: Vec<Irregularity>) {
        let event = Event::IrregularitiesChanged { irregularities: seen.clone() };
        if self.emit_if_due(event) {
            return;
        }
        let secrets: Vec<_> = seen.into_iter().filter(is_secret).collect();
        let mut open = self.facts.ledger.open.iter();
        let told = open.any(|finding| finding.kind == FindingKind::PrivateKeyPublished)
            || self.facts.document.irregularities.iter().any(is_secret);
        if !secrets.is_empty() && !told {
            self.emit(Event::IrregularitiesChanged { irregularities: secrets });
        }
    }
}

/// Whether a private key, or a symmetric one, stands in the document.
pub(super) fn is_secret(irregularity: &Irregularity) -> bool {
    matches!(
        irregularity.kind,
        IrregularityKind::PrivateMembers { .. } | IrregularityKind::SymmetricKey
    )
}
