use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::bundle::{Authority, AuthorityId, Fingerprint, KeyType, SvidType};
use crate::decision::{Decision, DecisionAction, DecisionSource};
use crate::finding::{Finding, FindingKind, Severity};
use crate::judge::{self, Case};
use crate::spiffe::{BundleEndpoint, EndpointProfile};
use crate::time::Bracket;
use crate::watch::{AuthorityRecord, DomainState, Event, Policy};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000).saturating_add(Duration::from_secs(seconds))
}

fn authority(svid_type: SvidType, key: &str) -> Authority {
    let fingerprint = Fingerprint::of(format!("{} {key}", svid_type.label()).as_bytes());
    Authority {
        id: AuthorityId { svid_type, fingerprint },
        public_key: Some(PublicKeyId::of(key.as_bytes())),
        key_type: KeyType::EcP256,
        kid: None,
        certificate: None,
    }
}

fn x509(key: &str) -> Authority {
    authority(SvidType::X509, key)
}

fn jwt(key: &str) -> Authority {
    authority(SvidType::Jwt, key)
}

/// Trust domains under watch, judged as a daemon judges them.
#[derive(Default)]
struct Federation {
    index: PublicKeyIndex,
    states: Vec<(TrustDomain, DomainState)>,
    policy: Policy,
    /// Bytes of evidence that were journaled or shown.
    written: usize,
    now: u64,
}

/// How many bytes of the journal the evidence takes.
fn bytes(finding: &Finding) -> usize {
    serde_json::to_string(&finding.evidence).unwrap().len()
}

impl Federation {
    /// A trust domain comes under watch, and its first poll brings these keys.
    fn watches(&mut self, name: &str, authorities: &[Authority]) -> usize {
        let trust_domain: TrustDomain = name.parse().unwrap();
        let mut state = DomainState::default();
        let facts = Arc::make_mut(&mut state.facts);
        facts.endpoint.configured = Some(BundleEndpoint {
            trust_domain: trust_domain.clone(),
            url: format!("https://{name}").parse().unwrap(),
            profile: EndpointProfile::HttpsWeb,
        });
        facts.endpoint.first_contact = Some(at(self.now));
        self.states.push((trust_domain, state));
        let place = self.states.len() - 1;
        self.publishes(place, authorities);
        place
    }

    /// A poll brings these keys in place of those before.
    fn publishes(&mut self, place: usize, authorities: &[Authority]) {
        let (_, state) = &mut self.states[place];
        let facts = Arc::make_mut(&mut state.facts);
        facts
            .authorities
            .records
            .retain(|record| authorities.iter().any(|one| one.id == record.id()));
        for one in authorities {
            if facts.authorities.records.iter().all(|record| record.id() != one.id) {
                let seen = Bracket::new(None, at(self.now));
                facts.authorities.records.push(AuthorityRecord::new(Arc::new(one.clone()), seen));
            }
        }
        facts.authorities.records.sort_by_key(AuthorityRecord::id);
        let (name, state) = &self.states[place];
        self.index.update(name, &state.facts);
        self.judge(place);
    }

    /// A poll that brings nothing new.
    fn judge(&mut self, place: usize) -> Vec<Finding> {
        self.now += 1;
        let (name, state) = &mut self.states[place];
        let shared = self.index.ask(name, &state.facts);
        let events = judge::review_state(state, &self.policy, Some(&shared), at(self.now));
        for event in &events {
            if let Event::FindingRaised { finding } = event {
                self.written += bytes(finding);
            }
        }
        self.index.take_reports(name, &state.facts.ledger);
        let endpoint = state.facts.endpoint.configured.clone().unwrap();
        let policy = &self.policy;
        let case = Case {
            endpoint: &endpoint,
            state,
            policy,
            bootstrap_fault: None,
            shared: Some(&shared),
        };
        let mut findings = judge::assess(&case, at(self.now)).findings;
        findings.retain(|one| {
            matches!(one.kind, FindingKind::AuthorityShared | FindingKind::ForeignAuthority)
        });
        self.written += findings.iter().map(bytes).sum::<usize>();
        findings
    }

    /// What every trust domain says of shared keys after another poll.
    fn all(&mut self) -> Vec<(usize, Finding)> {
        let places = 0..self.states.len();
        let judged = places.map(|place| (place, self.judge(place))).collect::<Vec<_>>();
        judged
            .into_iter()
            .flat_map(|(place, all)| all.into_iter().map(move |one| (place, one)))
            .collect()
    }

    fn of(&mut self, kind: FindingKind) -> Vec<(usize, Finding)> {
        let mut all = self.all();
        all.retain(|(_, one)| one.kind == kind);
        all
    }

    fn ack(&mut self, place: usize, finding: &Finding) {
        self.now += 1;
        let (by, reason) = ("j.doe".into(), "CHG-1".into());
        let action = DecisionAction::Ack { finding: finding.id };
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        let (name, state) = &mut self.states[place];
        judge::record(state, at(self.now), Event::Decided { decision }, &self.policy);
        self.index.take_reports(name, &state.facts.ledger);
        self.now += 1;
    }

    /// The process ends, and another one reads what is on record.
    fn restart(&mut self) {
        self.index = PublicKeyIndex::default();
        for (name, state) in &self.states {
            self.index.update(name, &state.facts);
            self.index.take_reports(name, &state.facts.ledger);
        }
    }

    fn leaves(&mut self, place: usize) {
        let (name, state) = self.states.remove(place);
        self.index.remove(&name, &state.facts.ledger);
    }
}

/// So many trust domains with two roots in common and a JWT key of their own.
fn fleet(count: usize) -> Federation {
    let mut federation = Federation::default();
    for place in 0..count {
        let own = jwt(&format!("own {place}"));
        federation.watches(&format!("d{place}.example"), &[x509("root"), x509("next root"), own]);
    }
    federation
}

#[test]
fn what_shared_keys_cost_is_linear_in_the_trust_domains_that_share_them() {
    let figures: Vec<(u64, usize)> = [100, 200, 400, 800]
        .into_iter()
        .map(|count| {
            let mut federation = fleet(count);
            assert_eq!(federation.of(FindingKind::AuthorityShared).len(), 2);
            assert!(federation.of(FindingKind::ForeignAuthority).is_empty());
            // What one more poll costs does not depend on how many there are.
            let before = federation.index.work();
            federation.judge(count - 1);
            let unchanged = federation.index.work() - before;
            assert!(
                unchanged <= 64,
                "{count} trust domains, an unchanged poll looks at {unchanged}"
            );
            let before = federation.index.work();
            federation.publishes(count - 1, &[x509("root"), jwt("another")]);
            let changed = federation.index.work() - before;
            assert!(changed <= 64, "{count} trust domains, a changed poll looks at {changed}");
            (federation.index.work(), federation.written)
        })
        .collect();
    for (few, many) in figures.iter().zip(figures.iter().skip(1)) {
        assert!(many.0 <= few.0 * 9 / 4, "twice as many cost {} after {}", many.0, few.0);
        assert!(many.1 <= few.1 * 9 / 4, "evidence of {} bytes after {}", many.1, few.1);
    }
}

#[test]
fn a_shared_key_is_reported_once_by_the_trust_domain_whose_change_made_it_shared() {
    let mut federation = Federation::default();
    federation.watches("a.example", &[x509("root"), jwt("a")]);
    federation.watches("b.example", &[x509("root"), jwt("b")]);
    federation.watches("c.example", &[x509("root"), jwt("c")]);
    let found = federation.of(FindingKind::AuthorityShared);
    let [(place, finding)] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((*place, finding.severity), (1, Severity::Warning));
    assert_eq!(finding.subject, *PublicKeyId::of(b"root").short());
    assert!(finding.evidence[0].to_string().contains("by 2 trust domains: a.example, b.example."));
    assert!(
        finding.evidence[1].to_string().contains("by 3 trust domains"),
        "{:#?}",
        finding.evidence
    );
}

/// Whoever makes keys finds two whose first 16 digits agree.
#[test]
fn two_shared_keys_that_begin_alike_are_two_findings() {
    let key = |last: u8| {
        let mut bytes = [last; 32];
        bytes[..8].fill(1);
        Authority { public_key: Some(PublicKeyId::from_bytes(bytes)), ..x509(&last.to_string()) }
    };
    let mut federation = Federation::default();
    federation.watches("a.example", &[key(1), key(2), jwt("a")]);
    federation.watches("b.example", &[key(1), key(2), jwt("b")]);
    let found = federation.of(FindingKind::AuthorityShared);
    let [(place, one), (_, other)] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(one.subject, other.subject);
    assert_ne!(one.id, other.id);
    federation.ack(*place, one);
    federation.restart();
    let left = federation.of(FindingKind::AuthorityShared);
    assert_eq!(left.iter().map(|(_, one)| one.id).collect::<Vec<_>>(), [other.id]);
}

#[test]
fn an_acknowledgement_holds_over_other_holders_and_over_a_restart() {
    let mut federation = fleet(5);
    for (place, finding) in federation.of(FindingKind::AuthorityShared) {
        federation.ack(place, &finding);
    }
    assert!(federation.of(FindingKind::AuthorityShared).is_empty());
    federation.restart();
    federation.watches("new.example", &[x509("root"), x509("next root"), jwt("new")]);
    assert!(federation.of(FindingKind::AuthorityShared).is_empty());
    // What was acknowledged is acknowledged, whoever had it in its journal.
    federation.leaves(1);
    assert!(federation.of(FindingKind::AuthorityShared).is_empty());
}

#[test]
fn an_open_finding_stays_alone_over_a_restart_and_moves_when_its_reporter_leaves() {
    let mut federation = fleet(5);
    let before = federation.of(FindingKind::AuthorityShared);
    federation.restart();
    assert_eq!(federation.of(FindingKind::AuthorityShared), before);
    assert_eq!(before[0].0, 1);
    federation.leaves(1);
    let after = federation.of(FindingKind::AuthorityShared);
    assert_eq!(after.len(), 2, "{after:#?}");
    assert_eq!(after[0].0, 0, "the first that was judged since reports it");
}

#[test]
fn a_key_that_was_shared_and_acknowledged_long_ago_is_reported_when_it_is_shared_anew() {
    let mut federation = fleet(2);
    for (place, finding) in federation.of(FindingKind::AuthorityShared) {
        federation.ack(place, &finding);
    }
    federation.publishes(1, &[jwt("own 1")]);
    federation.watches("thief.example", &[x509("root"), jwt("thief")]);
    let found = federation.of(FindingKind::AuthorityShared);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].0, 2);
}

fn declared(names: &[&str]) -> SharedAuthority {
    SharedAuthority {
        fingerprint: x509("root").id.fingerprint,
        trust_domains: Some(names.iter().map(|name| name.parse().unwrap()).collect()),
        reason: "corporate root".into(),
        by: Some("j.doe".into()),
    }
}

#[test]
fn a_declared_root_is_information_until_a_stranger_publishes_it() {
    let mut federation = Federation::default();
    let shared = declared(&["a.example", "b.example"]);
    federation.index.declare(std::slice::from_ref(&shared));
    federation.watches("a.example", &[x509("root"), jwt("a")]);
    federation.watches("b.example", &[x509("root"), jwt("b")]);
    let found = federation.of(FindingKind::AuthorityShared);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.severity, Severity::Info);
    assert!(found[0].1.sentences().concat().contains("by j.doe: corporate root"));
    federation.watches("thief.example", &[x509("root"), jwt("thief")]);
    let found = federation.of(FindingKind::AuthorityShared);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].1.severity, Severity::Warning);
    assert!(
        found[0].1.sentences().concat().contains("not covered by that declaration: thief.example")
    );
    // Without the declaration it is what it was.
    federation.index.declare(&[]);
    assert_eq!(federation.of(FindingKind::AuthorityShared)[0].1.severity, Severity::Warning);
    let any = SharedAuthority { trust_domains: None, ..shared };
    federation.index.declare(&[any]);
    assert_eq!(federation.of(FindingKind::AuthorityShared)[0].1.severity, Severity::Info);
}

#[test]
fn a_stranger_is_a_warning_though_the_declared_sharing_was_acknowledged() {
    let mut federation = Federation::default();
    federation.index.declare(&[declared(&["a.example", "b.example"])]);
    federation.watches("a.example", &[x509("root"), jwt("a")]);
    federation.watches("b.example", &[x509("root"), jwt("b")]);
    for (place, finding) in federation.of(FindingKind::AuthorityShared) {
        federation.ack(place, &finding);
    }
    federation.watches("thief.example", &[x509("root"), jwt("thief")]);
    let found = federation.of(FindingKind::AuthorityShared);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].0, found[0].1.severity), (2, Severity::Warning));
}

#[test]
fn a_stranger_is_a_warning_though_the_reporter_of_the_declared_sharing_gave_the_key_up() {
    let mut federation = Federation::default();
    federation.index.declare(&[declared(&["a.example", "b.example", "c.example"])]);
    for name in ["a", "b", "c"] {
        federation.watches(&format!("{name}.example"), &[x509("root"), jwt(name)]);
    }
    federation.publishes(1, &[jwt("b")]);
    federation.watches("thief.example", &[x509("root"), jwt("thief")]);
    let found = federation.of(FindingKind::AuthorityShared);
    let warnings: Vec<_> =
        found.iter().filter(|(_, one)| one.severity == Severity::Warning).collect();
    assert_eq!(warnings.len(), 1, "{found:#?}");
}

#[test]
fn one_key_under_two_uses_is_one_finding_of_its_own() {
    let mut federation = Federation::default();
    federation.watches("a.example", &[x509("key"), jwt("key")]);
    federation.watches("b.example", &[x509("key"), jwt("key"), jwt("b")]);
    let found = federation.of(FindingKind::AuthorityShared);
    let uses: Vec<_> = found.iter().map(|(place, one)| (*place, one.svid_type)).collect();
    assert_eq!(uses, [(0, Some(SvidType::Jwt)), (1, None)], "{found:#?}");
}

/// The incident that it is about: a URL that was swapped, or someone in between.
#[test]
fn the_trust_domain_that_serves_another_ones_key_set_is_accused_and_the_other_is_not() {
    let mut federation = Federation::default();
    let keys = [x509("root"), x509("next root"), jwt("key"), jwt("next key")];
    federation.watches("a.example", &keys);
    let swapped = federation.watches("b.example", &[x509("b"), jwt("b")]);
    assert!(federation.of(FindingKind::ForeignAuthority).is_empty());
    federation.publishes(swapped, &keys);
    let found = federation.of(FindingKind::ForeignAuthority);
    let [(place, finding)] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((*place, finding.severity), (swapped, Severity::Critical));
    assert!(finding.first_sentence().contains("a.example"), "{:#?}", finding.evidence);
    assert_eq!(finding.evidence.len(), 2, "it is known who was first: {:#?}", finding.evidence);
}

#[test]
fn at_first_contact_with_both_the_later_one_is_accused_and_both_are_named() {
    let mut federation = Federation::default();
    let keys = [x509("root"), jwt("key")];
    federation.watches("a.example", &keys);
    federation.watches("b.example", &keys);
    let found = federation.of(FindingKind::ForeignAuthority);
    let [(place, finding)] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(*place, 1);
    assert!(finding.sentences()[2].contains("the URL of a.example may be the wrong one"));
}

/// One upstream root and a JWT key of one's own is the plainest bundle of a nested SPIRE.
#[test]
fn a_common_root_is_nobodys_key_set() {
    let mut federation = Federation::default();
    let roots = |own: &str| [x509("root"), x509("next root"), jwt(own)];
    federation.watches("a.example", &roots("a"));
    federation.watches("b.example", &roots("b"));
    assert!(federation.of(FindingKind::ForeignAuthority).is_empty());
    // A key of many identifies none of them, and a declared one nobody.
    let mut federation = Federation::default();
    for name in 0..9 {
        federation.watches(&format!("d{name}.example"), &[x509("root"), x509("next root")]);
    }
    let late = federation.of(FindingKind::ForeignAuthority).len();
    federation.watches("d9.example", &[x509("root"), x509("next root")]);
    assert_eq!(federation.of(FindingKind::ForeignAuthority).len(), late);
    let mut federation = Federation::default();
    federation.index.declare(&[declared(&["a.example", "b.example"])]);
    federation.watches("a.example", &[x509("root"), x509("a")]);
    federation.watches("b.example", &[x509("root"), x509("b")]);
    assert!(federation.of(FindingKind::ForeignAuthority).is_empty());
}

/// What found no room is taken back once nothing is shared any more: an answer without keys is an
/// answer, and no key is looked at without one.
#[test]
fn a_full_room_of_shared_keys_empties_when_none_is_shared_any_more() {
    let mut federation = Federation::default();
    let keys: Vec<Authority> = (0..400).map(|key| jwt(&key.to_string())).collect();
    federation.watches("a.example", &keys);
    let second = federation.watches("b.example", &keys);
    federation.all();
    let waiting = |federation: &Federation| {
        let left_out = |(_, state): &(TrustDomain, DomainState)| {
            let left = state.facts.ledger.left_out.clone();
            let shared = left.iter().filter(|one| one.room.kind == FindingKind::AuthorityShared);
            shared.map(|one| one.waiting).sum::<u64>()
        };
        federation.states.iter().map(left_out).sum::<u64>()
    };
    assert!(0 < waiting(&federation));
    federation.publishes(second, &[jwt("another")]);
    federation.all();
    assert_eq!(waiting(&federation), 0);
}
