//! The journal of a store judged again, under other rules.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};

use super::chronicle::{Chronicle, Moment, RecordedDecisions};
use super::report::{ReplayReport, Summary};
use super::{Rules, Totals};
use crate::journal::Entry;
use crate::judge::PublicKeyIndex;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;

#[expect(missing_debug_implementations, reason = "it holds a function")]
/// A journal judged again, under other rules.
///
/// What the journal tells is kept where it is a fact; what the old rules made of it is made anew.
/// Reports of one trust domain come in the order of time; those of several alternate.
pub struct JournalReplay<F> {
    rules: F,
    decisions: RecordedDecisions,
    domains: BTreeMap<TrustDomain, Chronicle>,
    left_out: BTreeSet<TrustDomain>,
    keys: PublicKeyIndex,
    /// What one poll or decision brought stands in entries of its own: all of them count at once.
    moment: Option<(TrustDomain, Moment)>,
    last: Option<Timestamp>,
    entries: u64,
}

impl<F: Fn(&TrustDomain) -> Option<Rules>> JournalReplay<F> {
    /// A replay under these rules. `decisions` says whether what operators decided counts.
    /// Trust domains that there are no rules for are left out.
    pub fn new(rules: F, decisions: RecordedDecisions) -> Self {
        Self {
            rules,
            decisions,
            domains: BTreeMap::new(),
            left_out: BTreeSet::new(),
            keys: PublicKeyIndex::default(),
            moment: None,
            last: None,
            entries: 0,
        }
    }

    /// Judges the next entry. Entries come in the order of their numbers.
    pub fn judge_entry(&mut self, entry: Entry) -> Vec<ReplayReport> {
        let Entry { at, trust_domain, event } = entry;
        self.entries = self.entries.saturating_add(1);
        if let Some((name, moment)) = &mut self.moment
            && moment.at == at
            && *name == trust_domain
        {
            moment.events.push(event);
            return Vec::new();
        }
        let reports = self.settle();
        self.moment = Some((trust_domain, Moment { at, events: vec![event] }));
        reports
    }

    /// Takes in the moment that is complete.
    fn settle(&mut self) -> Vec<ReplayReport> {
        let mut reports = Vec::new();
        let Some((name, moment)) = self.moment.take() else { return reports };
        let at = moment.at;
        self.last = self.last.max(Some(at));
        let chronicle = match self.domains.entry(name.clone()) {
            Place::Occupied(known) => known.into_mut(),
            Place::Vacant(_) if self.left_out.contains(&name) => return reports,
            Place::Vacant(new) => {
                let Some(rules) = (self.rules)(&name) else {
                    self.left_out.insert(name);
                    return reports;
                };
                new.insert(Chronicle::new(name.clone(), rules, self.decisions, at))
            }
        };
        chronicle.apply_moment(moment, &mut self.keys, &mut reports);
        self.keys.take_reports(&name, &chronicle.facts().ledger);
        reports
    }

    /// Lets time pass until the last poll of each trust domain, as far as `ends` says, and tells
    /// what is to be said at the end.
    pub fn finish(
        mut self,
        ends: &BTreeMap<TrustDomain, Timestamp>,
    ) -> (Vec<ReplayReport>, Summary) {
        let mut reports = self.settle();
        let mut at = self.last;
        let mut totals: BTreeMap<TrustDomain, Totals> = BTreeMap::new();
        for (name, mut chronicle) in self.domains {
            if let Some(end) = ends.get(&name) {
                chronicle.pass(*end, *end, &mut reports);
                at = at.max(Some(*end));
            }
            totals.insert(name, chronicle.totals());
        }
        (reports, Summary { at, lines: self.entries, domains: totals })
    }

    /// The trust domains that there are no rules for.
    pub fn left_out(&self) -> &BTreeSet<TrustDomain> {
        &self.left_out
    }
}
