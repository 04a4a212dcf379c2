//! Authorities whose fingerprints begin with the same 16 digits: whoever makes certificates finds two
//! within hours.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::{
    Authority, AuthorityId, Bundle, Digest, Fingerprint, KeyType, PublicKeyId, StatedNumber,
    SvidType,
};
use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource};
use anchorwatch_core::finding::{Finding, FindingKind};
use anchorwatch_core::judge::{self, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Facts, Observation, Policy, Poll, Source};

use crate::timeline::trust_domain;

/// An X.509 authority whose fingerprint begins with 16 digits of one kind and ends with another.
fn x509(first: u8, last: u8) -> Arc<Authority> {
    let mut bytes = [last; 32];
    bytes[..8].fill(first);
    Arc::new(Authority {
        id: AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::from_bytes(bytes) },
        public_key: Some(PublicKeyId::of(&bytes)),
        key_type: KeyType::EcP256,
        kid: None,
        certificate: None,
    })
}

struct Domain {
    state: DomainState,
    policy: Policy,
    now: Timestamp,
    sequence: u64,
}

impl Domain {
    fn new() -> Self {
        let endpoint = BundleEndpoint {
            trust_domain: trust_domain(),
            url: "https://story.example:8443".parse().unwrap(),
            profile: EndpointProfile::HttpsWeb,
        };
        let (state, policy) = (DomainState::default(), Policy::default());
        let mut domain =
            Self { state, policy, now: Timestamp::from_unix(1_800_000_000), sequence: 0 };
        domain.record(Event::EndpointConfigured { endpoint, previous: None });
        domain
    }

    fn record(&mut self, event: Event) {
        self.now = self.now.saturating_add(Duration::from_secs(1));
        judge::record(&mut self.state, self.now, event, &self.policy);
    }

    fn decides(&mut self, action: DecisionAction) {
        let (by, reason, source) = ("j.doe".into(), "CHG-1".into(), DecisionSource::Operator);
        self.record(Event::Decided {
            decision: Decision { action, by, reason, uid: None, source },
        });
    }

    fn publishes(&mut self, authorities: &[&Arc<Authority>]) {
        self.now = self.now.saturating_add(Duration::from_mins(5));
        self.sequence += 1;
        let authorities = authorities.iter().copied().cloned().collect();
        let (sequence, hint) = (StatedNumber::Given(self.sequence), StatedNumber::Given(300));
        let observation = Observation {
            bundle: Bundle::new(authorities, sequence, hint),
            irregularities: Vec::new(),
            body: Digest::of(b"body"),
            length: 4,
            refusals: None,
            source: Source::default(),
        };
        let state = std::mem::take(&mut self.state);
        let poll = Poll::of(Ok(observation));
        // No other trust domain is watched.
        let alone = &mut |_: &Facts, _| SharedKeys::default();
        self.state = judge::judge_poll(state, poll, self.now, &self.policy, 0.5, alone).state;
    }

    fn open(&self, kind: FindingKind) -> Vec<&Finding> {
        self.state.facts.ledger.open.iter().filter(|open| open.kind == kind).collect()
    }

    /// The authorities that open findings of this kind are about.
    fn about(&self, kind: FindingKind) -> Vec<AuthorityId> {
        let open = self.open(kind);
        let mut about: Vec<_> = open
            .into_iter()
            .map(|open| self.state.facts.subject(open).expect("it is on record").id)
            .collect();
        about.sort_unstable();
        about
    }
}

#[test]
fn each_of_two_authorities_that_begin_alike_is_decided_on() {
    let (known, one, other) = (x509(9, 9), x509(1, 1), x509(1, 2));
    let mut domain = Domain::new();
    domain.publishes(&[&known]);
    domain.publishes(&[&known, &one, &other]);
    let kind = FindingKind::UnexpectedAuthority;
    assert_eq!(domain.about(kind), [one.id, other.id]);
    let open = domain.open(kind);
    assert_ne!(open[0].id, open[1].id);
    assert!(open.iter().all(|open| open.subject == *one.id.fingerprint.short()));
    domain.decides(DecisionAction::Approve { fingerprint: one.id.fingerprint });
    assert_eq!(domain.about(kind), [other.id]);
    // It stays open, and what is said of it is said of it alone.
    domain.publishes(&[&known, &one, &other]);
    assert_eq!(domain.about(kind), [other.id]);
    domain.decides(DecisionAction::Approve { fingerprint: other.id.fingerprint });
    assert!(domain.open(kind).is_empty());
}

/// What was settled of the one says nothing of the other, whichever came first.
#[test]
fn what_was_looked_at_of_one_authority_is_news_of_another_that_begins_alike() {
    let (known, one, other) = (x509(9, 9), x509(1, 2), x509(1, 1));
    let mut domain = Domain::new();
    domain.publishes(&[&known]);
    domain.publishes(&[&known, &one]);
    domain.publishes(&[&known]);
    domain.publishes(&[&known, &one, &other]);
    let kind = FindingKind::AuthorityResurrected;
    assert_eq!(domain.about(kind), [one.id]);
    let finding = domain.open(kind)[0].id;
    domain.publishes(&[&known]);
    domain.publishes(&[&known, &one, &other]);
    assert_eq!(domain.about(kind), [other.id, one.id]);
    domain.decides(DecisionAction::Ack { finding });
    assert_eq!(domain.about(kind), [other.id]);
}
