//! What is recorded of a trust domain: durable before it is visible.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::sync::Arc;

use hyper::body::Bytes;

use super::WatchedDomain;
use crate::daemon::log;
use crate::daemon::poll_context::PollContext;
use crate::store::{Batch, Durability};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::judge;
use anchorwatch_core::judge::VerdictKind;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::PollCounts;
use anchorwatch_core::watch::{DomainState, Event, Sighting};

/// What became of sightings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::daemon) struct Sighted {
    /// How many were news and are recorded.
    pub(in crate::daemon) recorded: u64,
    /// The key IDs of those that the reporter's budget did not pay for.
    pub(in crate::daemon) refused: Vec<UntrustedText>,
}

impl WatchedDomain {
    /// Records events that no poll brought and nobody decided, with the findings that begin and end
    /// with them.
    pub(super) async fn note(&mut self, shared: &PollContext, events: Vec<Event>) {
        let at = shared.clock.now();
        let mut state = self.state.clone();
        let policy = &self.relationship.settings.policy;
        let events = judge::record_all(&mut state, at, events, policy);
        log::events(self.trust_domain(), &events);
        self.record(shared, at, state, events, Vec::new()).await;
        self.publish(shared, at);
    }

    /// Takes in what a reporter sighted of tokens. Only news is recorded, as far as the reporter's
    /// budget for this trust domain pays for it.
    pub(in crate::daemon) async fn sighted(
        &mut self,
        shared: &PollContext,
        reporter: &str,
        sightings: Vec<Sighting>,
    ) -> Sighted {
        let facts = &self.state.facts;
        let left = facts.spent.on(shared.clock.now()).sightings.left(reporter);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let news =
            sightings.into_iter().filter_map(|seen| match facts.token_sighting(Some(&seen.kid)) {
                Some(known) => known.gains_from(&seen).then(|| known.merged(&seen)),
                None => Some(seen),
            });
        let mut news: Vec<Sighting> = news.collect();
        let refused = news.split_off(left.min(news.len()));
        let reporter: Box<str> = reporter.into();
        let event = |sighting| Event::KidSighted { sighting, reporter: reporter.clone() };
        let events: Vec<_> = news.into_iter().map(event).collect();
        let recorded = u64::try_from(events.len()).unwrap_or(u64::MAX);
        if !events.is_empty() {
            self.note(shared, events).await;
        }
        Sighted { recorded, refused: refused.into_iter().map(|one| one.kid).collect() }
    }

    /// Durable before visible: the events are in the store before anyone sees the state.
    pub(super) async fn record(
        &mut self,
        shared: &PollContext,
        at: Timestamp,
        state: DomainState,
        events: Vec<Event>,
        bodies: Vec<(Digest, Bytes)>,
    ) {
        self.count_events(&events);
        let report_change = report_change(&events);
        let mut happened = None;
        if !events.is_empty() {
            let trust_domain = self.trust_domain().clone();
            let (facts, poll_state) = (Arc::clone(&state.facts), state.poll_state.clone());
            let bodies = named(&events, bodies);
            let batch = Batch { trust_domain, at, events, bodies, facts, poll_state };
            happened = Some((batch.trust_domain.clone(), batch.events.clone()));
            self.unrecorded = match shared.store.append(batch).await {
                Durability::Durable => false,
                Durability::Committed | Durability::Unrecorded => true,
            };
        }
        let before = Arc::clone(&self.state.facts);
        // Before anything that may panic: the journal has it, see [`Self::lose`].
        self.state = state;
        if let Some((trust_domain, events)) = happened {
            shared.tell(at, &trust_domain, events);
        }
        self.learn_denied_keys(&before.decisions);
        self.settle_reports(shared, report_change);
        self.count_rotations(before.rotation.finished);
    }

    pub(super) fn count_events(&mut self, events: &[Event]) {
        for event in events {
            count(&mut self.counts.events, &Event::NAMES, event.name());
            match event {
                Event::Decided { decision } => {
                    count(
                        &mut self.counts.decisions,
                        &DecisionAction::NAMES,
                        decision.action.name(),
                    );
                }
                Event::FindingRaised { finding } => self.counts.findings.add(finding.kind),
                _ => (),
            }
        }
    }

    /// Counts the verdicts on the hand-overs that finished since so many had.
    pub(super) fn count_rotations(&mut self, finished: u64) {
        let rotation = &self.state.facts.rotation;
        let new = rotation.finished.saturating_sub(finished);
        let Some(new) = usize::try_from(new).ok().filter(|new| 0 < *new) else { return };
        let case = self.case();
        let handovers = rotation.handovers.iter().rev().take(new);
        let verdicts = handovers.filter_map(|one| Some((one.svid_type, case.verdict(one)?.kind)));
        for (svid_type, verdict) in verdicts.collect::<Vec<_>>() {
            let place = PollCounts::USES.iter().position(|one| *one == svid_type);
            if let Some(counts) = place.and_then(|place| self.counts.rotations.get_mut(place)) {
                count(counts, &VerdictKind::LABELS, verdict.label());
            }
        }
    }
}

/// What becomes of the shared keys that a trust domain reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ReportChange {
    /// It reports one no longer.
    Ended,
    /// None of its reports ended.
    NoneEnded,
}

/// Whether what this trust domain reported of a shared key ends.
pub(super) fn report_change(events: &[Event]) -> ReportChange {
    let ends = |event: &Event| {
        matches!(event, Event::FindingEnded { kind: FindingKind::AuthorityShared, .. })
    };
    if events.iter().any(ends) { ReportChange::Ended } else { ReportChange::NoneEnded }
}

/// One more under this name.
fn count(counts: &mut [u64], names: &[&str], name: &str) {
    let place = names.iter().position(|one| *one == name);
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count = count.saturating_add(1);
    }
}

/// The documents that these events name: an unchanged one is not stored again.
fn named(events: &[Event], bodies: Vec<(Digest, Bytes)>) -> Vec<(Digest, Arc<[u8]>)> {
    let names = |digest: &Digest| events.iter().any(|event| event.body() == Some(*digest));
    let kept = bodies.into_iter().filter(|(digest, _)| names(digest));
    kept.map(|(digest, body)| (digest, Arc::from(&body[..]))).collect()
}
