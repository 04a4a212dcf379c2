//! One trust domain of a replay.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::report::{Change, Report, Totals};
use super::{LineError, Rules, Seen};
use crate::decision::Decision;
use crate::finding::{Finding, FindingId, Severity};
use crate::judge::{self, Case, Shared, Verdict};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{DomainState, Event, Facts, HandOver, Observation, Poll, Recall, Step};

/// One trust domain of a replay.
pub(super) struct Watched {
    rules: Rules,
    state: DomainState,
    last: Option<Observation>,
    recall: Recall,
    shared: Vec<Shared>,
    open: BTreeMap<FindingId, Finding>,
    told: usize,
    totals: Totals,
    /// What was assessed last: facts that did not change, within a tick, say nothing new.
    stale: bool,
}

impl Watched {
    pub(super) fn new(rules: Rules, at: Timestamp) -> Self {
        let mut state = DomainState::default();
        let endpoint = rules.endpoint.clone();
        let configured = Event::EndpointConfigured { endpoint, previous: None };
        judge::record(&mut state, at, configured, &rules.policy);
        for decision in &rules.decisions {
            let event = Event::Decided { decision: decision.clone() };
            judge::record(&mut state, at, event, &rules.policy);
        }
        Self {
            rules,
            state,
            last: None,
            recall: Recall::default(),
            shared: Vec::new(),
            open: BTreeMap::new(),
            told: 0,
            totals: Totals::default(),
            stale: true,
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.state.facts
    }

    pub(super) fn poll(&mut self, at: Timestamp, seen: Seen) -> Result<(), LineError> {
        let answer = match seen {
            Seen::Document(observation) => {
                self.last = Some((*observation).clone());
                Ok(*observation)
            }
            Seen::Unchanged(source) => {
                let last = self.last.as_mut().ok_or(LineError::NothingBefore)?;
                // A line that says nothing of the endpoint's certificate says that it is the same.
                if source.presented.is_some() {
                    last.source.presented = source.presented;
                }
                last.source.address = source.address.or(last.source.address);
                Ok(last.clone())
            }
            Seen::Failure(failure) => Err(*failure),
            Seen::Decision(_) => return Ok(()),
        };
        self.totals.polls = self.totals.polls.saturating_add(1);
        let policy = Arc::clone(&self.rules.policy);
        let state = std::mem::take(&mut self.state);
        let mut poll = Poll::of(answer);
        self.recall.bring_back(&mut poll, &state.facts);
        let Step { state, .. } = judge::step(state, poll, at, &policy, 0.5);
        self.recall.note(&state.facts);
        self.state = state;
        self.review(at);
        Ok(())
    }

    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        let event = Event::Decided { decision: decision.clone() };
        let policy = Arc::clone(&self.rules.policy);
        judge::record(&mut self.state, at, event, &policy);
        self.stale = true;
    }

    pub(super) fn compare(&mut self, shared: Vec<Shared>, at: Timestamp) {
        if shared != self.shared {
            self.shared = shared;
            self.review(at);
        }
    }

    /// Time alone raises findings too.
    pub(super) fn review(&mut self, at: Timestamp) {
        let policy = Arc::clone(&self.rules.policy);
        judge::review_state(&mut self.state, &policy, &self.shared, at);
        self.stale = true;
    }

    fn case(&self) -> Case<'_> {
        Case {
            endpoint: &self.rules.endpoint,
            state: &self.state,
            policy: &self.rules.policy,
            bootstrap_fault: None,
            shared: &self.shared,
        }
    }

    /// Tells what is to be said now and was not before.
    pub(super) fn report(&mut self, name: &TrustDomain, at: Timestamp, reports: &mut Vec<Report>) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let findings = judge::assess(&self.case(), at).findings;
        let now: BTreeMap<FindingId, Finding> =
            findings.into_iter().map(|finding| (finding.id, finding)).collect();
        let mut tell = |finding: &Finding, change: Change| {
            reports.push(Report::finding(name, at, finding, change));
        };
        for (id, finding) in &self.open {
            if !now.contains_key(id) {
                tell(finding, Change::Cleared);
            }
        }
        for (id, finding) in &now {
            match self.open.get(id).map(|known| known.severity) {
                None => {
                    self.totals.raised(finding);
                    tell(finding, Change::Raised);
                }
                Some(severity) if severity != finding.severity => {
                    if finding.severity == Severity::Critical {
                        self.totals.pages = self.totals.pages.saturating_add(1);
                    }
                    tell(finding, Change::Severity);
                }
                Some(_) => (),
            }
        }
        self.open = now;
        self.report_verdicts(name, at, reports);
    }

    fn report_verdicts(&mut self, name: &TrustDomain, at: Timestamp, reports: &mut Vec<Report>) {
        let finished = self.state.facts.course.finished;
        let new = usize::try_from(finished).unwrap_or(usize::MAX).saturating_sub(self.told);
        self.told = self.told.saturating_add(new);
        let handovers = &self.state.facts.course.handovers;
        let first = handovers.len().saturating_sub(new);
        let case = self.case();
        let verdicts: Vec<(HandOver, Verdict)> = handovers
            .iter()
            .skip(first)
            .filter(|handover| !handover.told_elsewhere)
            .filter_map(|handover| Some((handover.clone(), case.verdict(handover)?)))
            .collect();
        for (handover, verdict) in verdicts {
            self.totals.judged(verdict.kind);
            reports.push(Report::verdict(name, at, &handover, &verdict));
        }
    }

    pub(super) fn totals(self) -> Totals {
        let open = self.open.into_values().map(|finding| finding.kind.label()).collect();
        Totals { open, ..self.totals }
    }
}
