//! A journal judged again: under its own rules it says what was said, under others what they say.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::decision::{Decision, Deed, Door};
use anchorwatch::finding::{FindingId, FindingKind, Nature};
use anchorwatch::issuer::IssuerSettings;
use anchorwatch::journal::Entry;
use anchorwatch::judge::{self, Commons};
use anchorwatch::replay::{Change, JournalReplay, Report, Rules, Summary};
use anchorwatch::simulate::{Incident, Scenario, World};
use anchorwatch::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch::store::{Batch, Store, StoreOptions};
use anchorwatch::time::{Clock, Timestamp};
use anchorwatch::watch::{DomainState, Event, JudgementPolicy, Policy, Recall, Step};

const HOUR: Duration = Duration::from_hours(1);

fn endpoint(trust_domain: &TrustDomain) -> BundleEndpoint {
    let id = format!("spiffe://{trust_domain}/spire/server").parse().unwrap();
    BundleEndpoint {
        trust_domain: trust_domain.clone(),
        url: format!("https://{trust_domain}").parse().unwrap(),
        profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id },
    }
}

fn scenario(incident: Option<Incident>) -> Scenario {
    let name: TrustDomain = "domain-b.example".parse().unwrap();
    let mut scenario = Scenario::clean(name, 2, IssuerSettings::spire(24 * HOUR));
    scenario.lasts = 12 * 24 * HOUR;
    match incident {
        Some(incident) => scenario.with(5 * 24 * HOUR, incident),
        None => scenario,
    }
}

/// What a daemon would have journaled, batch by batch.
struct Watched {
    batches: Vec<Batch>,
    end: Timestamp,
}

impl Watched {
    fn of(scenario: &Scenario, policy: &Policy) -> Self {
        let name = scenario.trust_domain.clone();
        let (mut commons, mut recall) = (Commons::default(), Recall::default());
        let mut state = DomainState::default();
        let endpoint = endpoint(&name);
        let configured = Event::EndpointConfigured { endpoint, previous: None };
        let mut watched = Self { batches: Vec::new(), end: scenario.begins };
        let events = judge::record(&mut state, scenario.begins, configured, policy);
        watched.note(&name, scenario.begins, events, &state);
        for turn in World::new(scenario, 7) {
            turn.catch_up(&mut state);
            let mut poll = turn.poll();
            recall.bring_back(&mut poll, &state.facts);
            let step = judge::step(state, poll, turn.at, policy, 0.5);
            let Step { mut events, .. } = step;
            state = step.state;
            recall.note(&state.facts);
            commons.update(&name, &state.facts);
            let shared = commons.shared(&name, &state.facts);
            events.extend(judge::review_state(&mut state, policy, &shared, turn.at));
            watched.end = turn.at;
            watched.note(&name, turn.at, events, &state);
        }
        watched
    }

    fn note(&mut self, name: &TrustDomain, at: Timestamp, events: Vec<Event>, state: &DomainState) {
        if events.is_empty() {
            return;
        }
        let (facts, sight) = (Arc::clone(&state.facts), state.sight.clone());
        let (trust_domain, bodies) = (name.clone(), Vec::new());
        self.batches.push(Batch { trust_domain, at, events, bodies, facts, sight });
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.batches.iter().flat_map(|batch| {
            let (at, trust_domain) = (batch.at, batch.trust_domain.clone());
            let entry = move |event: &Event| {
                Entry { at, trust_domain: trust_domain.clone(), event: event.clone() }
            };
            batch.events.iter().map(entry)
        })
    }

    fn raised(&self) -> BTreeMap<FindingId, FindingKind> {
        let raised = self.batches.iter().flat_map(|batch| &batch.events);
        let raised = raised.filter_map(|event| match event {
            Event::FindingRaised { finding } => Some((finding.id, finding.kind)),
            _ => None,
        });
        raised.collect()
    }

    fn again(&self, policy: &Policy, keeps_decisions: bool) -> (Vec<Report>, Summary) {
        let policy = Arc::new(policy.clone());
        let rules = |name: &TrustDomain| {
            let (policy, decisions) = (Arc::clone(&policy), Vec::new());
            Some(Rules { policy, endpoint: endpoint(name), decisions })
        };
        let mut replay = JournalReplay::new(rules, keeps_decisions);
        let mut reports: Vec<Report> =
            self.entries().flat_map(|entry| replay.take(entry)).collect();
        let name = self.batches[0].trust_domain.clone();
        let (last, summary) = replay.finish(&BTreeMap::from([(name, self.end)]));
        reports.extend(last);
        (reports, summary)
    }
}

/// The event findings that were raised.
fn raised(reports: &[Report]) -> BTreeMap<FindingId, FindingKind> {
    let raised = reports.iter().filter_map(|report| match report {
        Report::Finding { id, finding, change: Change::Raised, .. } => Some((*id, *finding)),
        _ => None,
    });
    raised.filter(|(_, kind)| kind.nature() == Nature::Event).collect()
}

fn kinds(reports: &[Report]) -> BTreeSet<&'static str> {
    let kinds = reports.iter().filter_map(|report| match report {
        Report::Finding { finding, change: Change::Raised, .. } => Some(finding.label()),
        _ => None,
    });
    kinds.collect()
}

#[test]
fn under_its_own_rules_a_journal_says_what_was_said() {
    let incidents: Vec<Option<Incident>> =
        [None].into_iter().chain(Incident::ALL.iter().copied().map(Some)).collect();
    let mut differing = Vec::new();
    for incident in incidents {
        let scenario = scenario(incident);
        let policy = scenario.policy();
        let watched = Watched::of(&scenario, &policy);
        let (reports, _) = watched.again(&policy, true);
        let (was, is) = (watched.raised(), raised(&reports));
        if was != is {
            let lost: Vec<_> = was.iter().filter(|(id, _)| !is.contains_key(id)).collect();
            let new: Vec<_> = is.iter().filter(|(id, _)| !was.contains_key(id)).collect();
            differing.push(format!("{incident:?}: lost {lost:?}, new {new:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
