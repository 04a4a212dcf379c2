//! What is to be said of a trust domain, and how it is published.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::error;

use super::WatchedDomain;
use super::recorded::ReportChange;
use crate::daemon::log;
use crate::daemon::poll_context::PollContext;
use anchorwatch_core::finding::{Finding, Nature};
use anchorwatch_core::judge::{self, Assessment, Case, KeySetChange, SharedKeys};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{DomainView, Ended};
use anchorwatch_core::watch::{self, FailureReason};

impl WatchedDomain {
    /// Judges anew, since time alone changes what is to be said, and publishes what differs.
    pub(in crate::daemon) async fn tick(&mut self, shared: &PollContext) {
        let at = shared.clock.now();
        self.review(shared, at).await;
        let known = self.slot.load_full();
        let forgotten = known.ended.iter().any(|ended| !ended.is_shown(at));
        let differs = self
            .assess(shared, at)
            .is_some_and(|now| now.findings != *known.findings || now.dropped != *known.dropped);
        if forgotten || differs {
            self.publish(shared, at);
        }
    }

    /// Journals the event findings that time or other trust domains bring, and publishes them.
    pub(in crate::daemon) async fn review(&mut self, shared: &PollContext, at: Timestamp) {
        if self.quarantined.is_some() || self.state.facts.endpoint.configured.is_none() {
            return;
        }
        let (name, unchanged) = (self.trust_domain(), KeySetChange::Unchanged);
        self.shared_keys = Some(shared.shared_keys(name, &self.state.facts, unchanged));
        let reviewed = catch_unwind(AssertUnwindSafe(|| {
            let events = judge::review(&self.case(), at);
            let mut state = self.state.clone();
            for event in &events {
                watch::record(&mut state, at, event);
            }
            (state, events)
        }));
        match reviewed {
            Err(_) => self.quarantine(shared, "review"),
            Ok((_, events)) if events.is_empty() => {
                self.settle_reports(shared, ReportChange::NoneEnded);
                return;
            }
            Ok((state, events)) => {
                log::events(self.trust_domain(), &events);
                self.record(shared, at, state, events, Vec::new()).await;
            }
        }
        self.publish(shared, at);
    }

    /// The trust domain as it is judged.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            endpoint: &self.relationship.endpoint,
            state: &self.state,
            policy: &self.relationship.settings.policy,
            bootstrap_fault: self.bootstrap_fault(),
            shared: self.shared_keys.as_ref(),
        }
    }

    /// Others may report the shared keys that this trust domain does not, now that it was judged.
    pub(super) fn settle_reports(&self, shared: &PollContext, change: ReportChange) {
        if change == ReportChange::Ended
            || self.shared_keys.as_ref().is_some_and(SharedKeys::is_reporter)
        {
            shared.take_reports(self.trust_domain(), &self.state.facts.ledger);
        }
    }

    /// What is to be said; `None` after a panic, which ends the watch over this domain.
    fn assess(&mut self, shared: &PollContext, at: Timestamp) -> Option<Assessment> {
        let assessed = catch_unwind(AssertUnwindSafe(|| judge::assess(&self.case(), at)));
        if assessed.is_err() {
            self.quarantine(shared, "assessment");
        }
        assessed.ok()
    }

    /// Ends the watch over this domain: a panic is a bug of ours.
    pub(super) fn quarantine(&mut self, shared: &PollContext, place: &str) {
        let trust_domain = self.trust_domain().as_str();
        error!(trust_domain, place, "domain quarantined after a panic");
        let why = format!(
            "a panic in its {place}: the domain is not watched until a restart or a reload"
        );
        self.quarantined = Some(why.into());
        shared.take_reports(self.trust_domain(), &self.state.facts.ledger);
        self.count_failure(FailureReason::Internal);
        shared.registered.panicked();
    }

    /// Shows that nobody owns the domain any more, with the state that was recorded last: the next
    /// owner begins from what is shown here, and goes on with the journal. Nothing is judged here: this
    /// runs in a panic.
    pub(in crate::daemon) fn lose(&mut self, shared: &PollContext) {
        self.quarantine(shared, "owner");
        let view = DomainView::clone(&self.slot.load());
        let (counts, stopped) = (Arc::new(self.counts.clone()), self.quarantined.clone());
        let (state, unrecorded) = (self.state.clone(), self.unrecorded);
        self.slot.store(Arc::new(DomainView { state, unrecorded, counts, stopped, ..view }));
    }

    /// Shows what is known and what is to be said of it.
    pub(super) fn publish(&mut self, shared: &PollContext, at: Timestamp) {
        let before = self.slot.load_full();
        let assessed = self.assess(shared, at);
        let (findings, dropped) = match assessed {
            Some(Assessment { findings, dropped }) if *findings == *before.findings => {
                (Arc::clone(&before.findings), dropped.into())
            }
            Some(Assessment { findings, dropped }) => (findings.into(), dropped.into()),
            None => (Arc::clone(&before.findings), Arc::clone(&before.dropped)),
        };
        self.count_findings(&before, &findings);
        let published = self.shown.then_some(&before.findings[..]);
        log::findings(self.trust_domain(), published, &findings);
        self.shown = true;
        // A condition is judged once a poll was made: before that, its end is not known either.
        let pending_resolution = match self.counts.polls {
            0 => Vec::new(),
            _ => mem::take(&mut self.pending_resolution),
        };
        let ended = ended(&before, &pending_resolution, &findings, at);
        let changed = !Arc::ptr_eq(&findings, &before.findings);
        self.state.poll_state.reported = reported(&findings, &ended, &self.pending_resolution, at);
        self.slot.store(Arc::new(DomainView {
            endpoint: Arc::clone(&self.endpoint),
            policy: Arc::clone(&self.policy),
            state: self.state.clone(),
            findings,
            dropped,
            ended,
            counts: Arc::new(self.counts.clone()),
            stopped: self.stopped(),
            unrecorded: self.unrecorded,
        }));
        if changed {
            shared.changed.send_replace(());
        }
    }

    /// Event findings are counted as they are journaled, so that a restart does not count them
    /// again.
    fn count_findings(&mut self, before: &DomainView, now: &[Finding]) {
        let known = |finding: &Finding| before.findings.iter().any(|one| one.id == finding.id);
        let conditions = now.iter().filter(|one| one.kind.nature() == Nature::Condition);
        for finding in conditions.filter(|finding| !known(finding)) {
            self.counts.findings.add(finding.kind);
        }
    }
}

/// The findings that ended within the last 25 hours. `pending_resolution` were shown by the process before.
pub(in crate::daemon) fn ended(
    before: &DomainView,
    pending_resolution: &[Ended],
    now: &[Finding],
    at: Timestamp,
) -> Arc<[Ended]> {
    if pending_resolution.is_empty() && before.ended.is_empty() && *now == *before.findings {
        return Arc::clone(&before.ended);
    }
    let just = before.findings.iter().map(|finding| Ended::new(finding, at));
    let earlier =
        before.ended.iter().chain(pending_resolution).filter(|ended| ended.is_shown(at)).cloned();
    let mut ended: Vec<Ended> = Vec::new();
    for one in just.chain(earlier) {
        let open = now.iter().any(|finding| {
            (finding.kind, finding.svid_type, &finding.subject, finding.severity) == one.key()
        });
        if !open && !ended.iter().any(|known| known.key() == one.key()) {
            ended.push(one);
        }
    }
    ended.truncate(MOST_ENDED);
    ended.into()
}

/// What the process after this one must say of, should it end: all that is shown, and what is still
/// to be said.
fn reported(
    now: &[Finding],
    ended: &[Ended],
    pending_resolution: &[Ended],
    at: Timestamp,
) -> Vec<Ended> {
    let open = now.iter().map(|finding| Ended::new(finding, at));
    let mut told: Vec<Ended> = open.chain(ended.iter().cloned()).collect();
    for one in pending_resolution {
        if !told.iter().any(|known| known.key() == one.key()) {
            told.push(one.clone());
        }
    }
    told
}

/// How many ended findings are shown, newest first: subjects are foreign, and may be many. A flood
/// may end in one poll, and a rule holds the last word that it heard of each.
const MOST_ENDED: usize = 1024;
