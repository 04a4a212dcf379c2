//! How many findings of one kind are open, and what gives way to what.

use std::time::Duration;

use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::{
    Dropped, Finding, FindingId, FindingKind, FindingKind as F, IncidentId, Room, Severities,
    Severity::*,
};
use anchorwatch_core::judge::{self, Assessment, Case};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Policy, Sighting};
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
                subject_id: None,
                since: self.at,
                evidence: Vec::new(),
            };
            judge::record(&mut self.state, self.at, Event::FindingRaised { finding }, &self.policy);
        }
    }

    fn said(&self) -> Assessment {
        let (endpoint, state, policy) = (&self.endpoint, &self.state, &self.policy);
        let case = Case { endpoint, state, policy, bootstrap_fault: None, shared: None };
        judge::assess(&case, self.at)
    }

    fn shown(&self, kind: FindingKind) -> Vec<String> {
        let said = self.said().findings.into_iter();
        said.filter(|one| one.kind == kind).map(|one| one.subject.to_string()).collect()
    }
}

const PLACES: usize = Room::PLACES;

impl Crowd {
    /// How many findings of this kind are not listed.
    fn dropped(&self, kind: FindingKind) -> u64 {
        let dropped = self.said().dropped;
        dropped.iter().filter(|one| one.kind == kind).map(|one| one.count).sum()
    }

    /// The domain is looked at.
    fn reviewed(&mut self) -> Vec<Event> {
        judge::review_state(&mut self.state, &self.policy, None, self.at)
    }
}

#[test]
fn a_room_holds_as_many_as_a_person_looks_through_and_the_rest_is_counted() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::HiddenChange, PLACES);
    assert_eq!((crowd.said().findings.len(), crowd.said().dropped.len()), (PLACES, 0));
    crowd.raised(F::HiddenChange, 3);
    let counted = vec![Dropped { kind: F::HiddenChange, svid_type: Some(SvidType::Jwt), count: 3 }];
    assert_eq!(crowd.said().dropped, counted);
    assert_eq!(crowd.shown(F::HiddenChange).len(), PLACES);
    let stands_for_them = crowd.shown(F::FindingsFlood);
    assert_eq!(stands_for_them.len(), 1);
}

#[test]
fn no_kind_takes_the_room_of_another() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::Equivocation, 1_024);
    crowd.raised(F::HiddenChange, 1_024);
    crowd.raised(F::ObservationGap, 1);
    assert_eq!(crowd.shown(F::ObservationGap).len(), 1);
    // The one that is only derived, and was never raised with 1,024 open.
    let exceeded = Event::BudgetExceeded { events: 20_001, bytes: 7 };
    judge::record(&mut crowd.state, crowd.at, exceeded, &crowd.policy);
    assert_eq!(crowd.shown(F::Churn).len(), 1);
    let open = crowd.state.facts.ledger.open.len();
    assert_eq!(
        open,
        2 * PLACES + 1 + 1 + 1,
        "two floods, a gap, the churn, and one for the floods"
    );
}

/// What was left out first is no more urgent than what came first: the oldest stay.
#[test]
fn of_equals_the_oldest_keep_their_places() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::ObservationGap, PLACES + 6);
    let oldest: Vec<String> =
        (0..PLACES).map(|number| format!("observation_gap {number}")).collect();
    let mut shown = crowd.shown(F::ObservationGap);
    shown.sort_by_key(|text| text.split(' ').next_back().unwrap().parse::<usize>().unwrap());
    assert_eq!(shown, oldest);
    assert_eq!(crowd.dropped(F::ObservationGap), 6);
}

/// A flood of what is worth knowing pages nobody; one that may hide something does.
#[test]
fn a_flood_pages_where_it_may_hide_something() {
    let flood = |kind: FindingKind| {
        let mut crowd = Crowd::new(policy());
        crowd.raised(kind, PLACES + 1);
        let said = crowd.said().findings;
        said.iter().find(|one| one.kind == F::FindingsFlood).unwrap().severity
    };
    assert_eq!(flood(F::ObservationGap), Info);
    assert_eq!(flood(F::HiddenChange), Critical);
    assert_eq!(flood(F::Equivocation), Critical);
}

#[test]
fn the_severity_that_an_operator_chose_is_that_of_the_flood_too() {
    let mut severity = Severities::default();
    severity.set(F::Equivocation, Info);
    let mut crowd = Crowd::new(Policy { severity, ..policy() });
    crowd.raised(F::Equivocation, PLACES + 10);
    let said = crowd.said().findings;
    assert!(said.iter().all(|one| one.severity == Info), "{said:#?}");
}

/// Someone else's key is trusted: those have more room, and a flood of them is bounded as well.
#[test]
fn rebound_and_foreign_keys_have_more_room() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::Equivocation, 1_024);
    crowd.raised(F::KeyRebound, 4_096);
    crowd.raised(F::ForeignAuthority, 100);
    assert_eq!(crowd.shown(F::KeyRebound).len(), Room::PLACES_OF_STRANGERS);
    assert_eq!(crowd.shown(F::ForeignAuthority).len(), 100);
    let left_out = u64::try_from(4_096 - Room::PLACES_OF_STRANGERS).unwrap();
    assert_eq!(crowd.dropped(F::KeyRebound), left_out);
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
    assert_eq!(story.opened(F::UnexpectedAuthority).len(), PLACES + 1);
}

/// What finds no room is not raised at every look, and is raised once there is some.
#[test]
fn a_full_room_raises_nothing_at_every_look() {
    let mut crowd = Crowd::new(policy());
    crowd.raised(F::TokenLifetime, PLACES);
    let exp = crowd.at.saturating_add(HOUR);
    let sighting = Sighting::of_token("long", crowd.at, crowd.at, exp);
    let sighted = Event::KidSighted { sighting, reporter: "file".into() };
    let events = judge::record(&mut crowd.state, crowd.at, sighted, &crowd.policy);
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["kid_sighted", "findings_left_out", "finding_raised"]);
    assert!(crowd.reviewed().is_empty());
    assert_eq!(crowd.dropped(F::TokenLifetime), 1);
    let finding = crowd.state.facts.ledger.open[0].id;
    let decision = json!({"decision": "ack", "finding": finding, "by": "j.doe", "reason": "seen"});
    let decision = serde_json::from_value(decision).unwrap();
    judge::record(&mut crowd.state, crowd.at, Event::Decided { decision }, &crowd.policy);
    crowd.reviewed();
    let long = crowd.shown(F::TokenLifetime).into_iter().filter(|subject| subject == "long");
    assert_eq!(long.count(), 1);
    assert_eq!(crowd.dropped(F::TokenLifetime), 0);
    crowd.reviewed();
    assert!(crowd.shown(F::FindingsFlood).is_empty(), "all of it is listed");
}

/// A flood of JWT keys does not hide the one key that was denied.
#[test]
fn a_denied_key_finds_a_place_in_a_flood() {
    let mut story = Story::calm();
    let denied = story.jwt(story.now);
    story.decides("deny", &[("fingerprint", json!(denied.fingerprint))]);
    for _ in 0..300 {
        let key = story.jwt(story.now);
        story.publish([key]);
    }
    story.next();
    story.publish([denied.clone()]);
    story.next();
    let open = story.opened(F::UnexpectedAuthority);
    assert!(open.iter().any(|open| open.subject == denied.short), "the denied one was dropped");
}
