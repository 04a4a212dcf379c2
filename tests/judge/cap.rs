//! How much is said of one trust domain, and what gives way to what.

use std::time::Duration;

use anchorwatch::bundle::SvidType;
use anchorwatch::finding::{
    Finding, FindingId, FindingKind, FindingKind as F, IncidentId, Severities, Severity::*,
};
use anchorwatch::judge::{self, Assessment, Case, MOST, NO_SHARED_KEYS};
use anchorwatch::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch::time::Timestamp;
use anchorwatch::watch::{DomainState, Event, Ledger, Policy, Sighting};
use serde_json::json;

use crate::story::{HOUR, Story, policy};

/// A trust domain of which so much is open as it is told.
struct Crowd {
    state: DomainState,
    policy: Policy,
    endpoint: BundleEndpoint,
    at: Timestamp,
}

impl Crowd {
    fn new(policy: Policy) -> Self {
        let endpoint_spiffe_id = "spiffe://b.example/spire/server".parse().unwrap();
        let endpoint = BundleEndpoint {
            trust_domain: "b.example".parse().unwrap(),
            url: "https://b.example".parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id },
        };
        let at = Timestamp::from_unix(1_800_000_000);
        let mut state = DomainState::default();
        let configured = Event::EndpointConfigured { endpoint: endpoint.clone(), previous: None };
        judge::record(&mut state, at, configured, &policy);
        Self { state, policy, endpoint, at }
    }

    /// So many of a kind are raised, each a second after the one before.
    fn raised(&mut self, kind: FindingKind, count: usize) {
        let name = self.endpoint.trust_domain.clone();
        for number in 0..count {
            self.at = self.at.saturating_add(Duration::from_secs(1));
            let (svid_type, subject) = (Some(SvidType::Jwt), format!("{kind} {number}"));
            let finding = Finding {
                id: FindingId::new(Some(&name), kind, svid_type, &subject, self.at),
                incident: IncidentId::new(Some(&name), self.at),
                kind,
                severity: kind.severity(),
                svid_type,
                subject: subject.into(),
                since: self.at,
                evidence: Vec::new(),
            };
            judge::record(&mut self.state, self.at, Event::FindingRaised { finding }, &self.policy);
        }
    }

    fn said(&self) -> Assessment {
        let (endpoint, state, policy) = (&self.endpoint, &self.state, &self.policy);
        let case = Case { endpoint, state, policy, bootstrap_fault: None, shared: &NO_SHARED_KEYS };
        judge::assess(&case, self.at)
    }

    fn shown(&self, kind: FindingKind) -> Vec<String> {
        let said = self.said().findings.into_iter();
        said.filter(|one| one.kind == kind).map(|one| one.subject.to_string()).collect()
    }
}

#[test]
fn as_many_as_a_person_can_look_through_are_shown_and_none_is_dropped() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::HiddenChange, MOST);
    assert_eq!((crowd.said().findings.len(), crowd.said().dropped), (MOST, 0));
    crowd.raised(F::HiddenChange, 1);
    assert_eq!((crowd.said().findings.len(), crowd.said().dropped), (MOST, 1));
}

#[test]
fn the_least_urgent_give_way_first_and_of_those_the_newest() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::ObservationGap, 10);
    crowd.raised(F::HiddenChange, 50);
    crowd.raised(F::Equivocation, 10);
    // Six too many: of the ten that are worth knowing, the four oldest stay.
    assert_eq!(crowd.said().dropped, 6);
    let oldest: Vec<String> = (0..4).map(|number| format!("observation_gap {number}")).collect();
    assert_eq!(crowd.shown(F::ObservationGap), oldest);
    assert_eq!(crowd.shown(F::HiddenChange).len(), 50);
    assert_eq!(crowd.shown(F::Equivocation).len(), 10);
}

#[test]
fn the_severity_that_an_operator_chose_decides_who_gives_way() {
    let mut severity = Severities::default();
    severity.set(F::Equivocation, Info);
    let mut crowd = Crowd::new(Policy { severity, ..policy() });
    crowd.raised(F::Equivocation, 10);
    crowd.raised(F::HiddenChange, MOST);
    assert!(crowd.shown(F::Equivocation).is_empty());
    assert_eq!(crowd.said().dropped, 10);
}

#[test]
fn a_rebound_and_a_foreign_key_give_way_to_nothing() {
    // The newest of all, and of the least urgent.
    let mut severity = Severities::default();
    severity.set(F::KeyRebound, Info);
    severity.set(F::ForeignAuthority, Info);
    let mut crowd = Crowd::new(Policy { severity, ..policy() });
    crowd.raised(F::Equivocation, MOST);
    crowd.raised(F::KeyRebound, 1);
    crowd.raised(F::ForeignAuthority, 1);
    assert_eq!(crowd.shown(F::KeyRebound).len(), 1);
    assert_eq!(crowd.shown(F::ForeignAuthority).len(), 1);
    assert_eq!(crowd.said().dropped, 2);
}

/// A denied key that comes last, after a hundred others that page as it does.
#[test]
fn a_denied_key_gives_way_to_nothing() {
    let mut story = Story::calm();
    for _ in 0..100 {
        let key = story.jwt(story.now);
        story.publish([key]);
    }
    story.next();
    let last = story.jwt(story.now);
    story.publish([last.clone()]);
    story.next();
    let shown = |story: &Story| {
        story.opened(F::UnexpectedAuthority).iter().any(|open| open.subject == last.short)
    };
    assert!(!shown(&story), "it is the newest of a hundred and one");
    story.decides("deny", &[("fingerprint", json!(last.fingerprint))]);
    assert!(shown(&story), "it was denied");
    assert_eq!(story.open.len(), MOST);
}

/// The ledger is bounded. What finds no place in it is not raised: it would be at every poll.
#[test]
fn a_full_ledger_raises_nothing_at_every_look() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::HiddenChange, Ledger::MOST);
    let exp = crowd.at.saturating_add(HOUR);
    let sighting = Sighting::of_token("long", crowd.at, crowd.at, exp);
    let sighted = Event::KidSighted { sighting };
    let events = judge::record(&mut crowd.state, crowd.at, sighted, &crowd.policy);
    assert_eq!(events.len(), 1, "{events:?}");
    let looked = judge::review_state(&mut crowd.state, &crowd.policy, &NO_SHARED_KEYS, crowd.at);
    assert!(looked.is_empty(), "{looked:?}");
    // Once there is room, it is said.
    let finding = crowd.state.facts.ledger.open[0].id;
    let decision = json!({"decision": "ack", "finding": finding, "by": "j.doe", "reason": "seen"});
    let decision = serde_json::from_value(decision).unwrap();
    judge::record(&mut crowd.state, crowd.at, Event::Decided { decision }, &crowd.policy);
    judge::review_state(&mut crowd.state, &crowd.policy, &NO_SHARED_KEYS, crowd.at);
    let open = &crowd.state.facts.ledger.open;
    assert_eq!(open.last().map(|one| one.kind), Some(F::TokenLifetime));
}

/// Warnings that nobody looked at must not hide a page.
#[test]
fn in_a_full_ledger_what_pages_takes_the_place_of_what_does_not() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::HiddenChange, Ledger::MOST);
    crowd.raised(F::Equivocation, 3);
    let kinds = |crowd: &Crowd, kind| {
        crowd.state.facts.ledger.open.iter().filter(|open| open.kind == kind).count()
    };
    assert_eq!(kinds(&crowd, F::Equivocation), 3);
    assert_eq!(kinds(&crowd, F::HiddenChange), Ledger::MOST - 3);
    assert_eq!(crowd.shown(F::Equivocation).len(), 3);
}

/// A flood that fills the ledger with pages does not hide the one key that was denied.
#[test]
fn a_denied_key_finds_a_place_in_a_full_ledger() {
    let mut story = Story::calm();
    let denied = story.jwt(story.now);
    story.decides("deny", &[("fingerprint", json!(denied.fingerprint))]);
    for _ in 0..Ledger::MOST + 10 {
        let key = story.jwt(story.now);
        story.publish([key]);
    }
    story.next();
    story.publish([denied.clone()]);
    story.next();
    let open = story.opened(F::UnexpectedAuthority);
    assert!(open.iter().any(|open| open.subject == denied.short), "the denied one was dropped");
}

#[test]
fn a_rebound_key_finds_a_place_in_a_full_ledger() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::Equivocation, Ledger::MOST);
    crowd.raised(F::KeyRebound, 1);
    assert_eq!(crowd.state.facts.ledger.open.len(), Ledger::MOST);
    assert_eq!(crowd.shown(F::KeyRebound), ["key_rebound 0"]);
    // It took the place of the newest.
    crowd.raised(F::Equivocation, 1);
    assert_eq!(crowd.state.facts.ledger.open.len(), Ledger::MOST);
    crowd.raised(F::KeyRebound, Ledger::MOST);
    assert_eq!(crowd.state.facts.ledger.open.len(), Ledger::MOST);
}
