//! The story of one trust domain, told poll by poll.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Bundle, Digest, Fingerprint, Irregularity, IrregularityKind, KeyType,
    PublicKeyId, StatedNumber, SvidType, Validity,
};
use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    self, AuthorityRecord, ConsumerRefusal, DomainState, Event, Facts, Failure, FailureReason,
    Observation, Policy, Poll, Presented, PresentedCertificate, Source, Trust,
};

/// Half-way through [0, 1): no jitter.
const NO_JITTER: f64 = 0.5;

#[derive(Clone)]
pub(crate) struct Timeline {
    state: DomainState,
    now: Timestamp,
    started: bool,
    wait: Duration,
    policy: Policy,
    events: Vec<Event>,
    journal: Vec<(Timestamp, Event)>,
    signer: Option<(Fingerprint, i64)>,
    recalled: Vec<AuthorityRecord>,
    irregularities: Vec<Irregularity>,
    refusals: Option<Vec<ConsumerRefusal>>,
}

/// The X.509 authority of this name.
pub(crate) fn x509(name: &str) -> Authority {
    authority(&format!("x:{name}"))
}

/// The JWT authority of this name.
pub(crate) fn jwt(name: &str) -> Authority {
    authority(&format!("j:{name}"))
}

pub(crate) fn trust_domain() -> TrustDomain {
    "story.example".parse().unwrap()
}

/// `x:NAME` or `j:NAME`, perhaps with `=KID`.
pub(crate) fn authority(text: &str) -> Authority {
    let (name, kid) = text.split_once('=').unwrap_or((text, &text[2..]));
    let svid_type = if name.starts_with("x:") { SvidType::X509 } else { SvidType::Jwt };
    Authority {
        id: AuthorityId { svid_type, fingerprint: Fingerprint::of(name.as_bytes()) },
        public_key: Some(PublicKeyId::of(name.as_bytes())),
        key_type: KeyType::EcP256,
        kid: (svid_type == SvidType::Jwt).then(|| kid.into()),
        certificate: None,
    }
}

impl Timeline {
    pub(crate) fn start() -> Self {
        Self {
            state: DomainState::default(),
            now: Timestamp::from_unix(1_800_000_000),
            started: false,
            wait: Duration::ZERO,
            policy: Policy::default(),
            events: Vec::new(),
            journal: Vec::new(),
            signer: None,
            recalled: Vec::new(),
            irregularities: Vec::new(),
            refusals: None,
        }
    }

    /// The next document is one that these consumers refuse. Those after it say nothing of
    /// consumers, as a poll does whose document was read before.
    pub(crate) fn refused_by(mut self, consumers: &[Consumer]) -> Self {
        let refusal = |consumer: &Consumer| ConsumerRefusal {
            consumer: *consumer,
            why: "as the story has it".into(),
        };
        self.refusals = Some(consumers.iter().map(refusal).collect());
        self
    }

    /// What the parser says of every document from now on.
    pub(crate) fn irregular(mut self, kinds: &[IrregularityKind]) -> Self {
        let irregularity =
            |kind: &IrregularityKind| Irregularity { entry: Some(0), kind: kind.clone() };
        self.irregularities = kinds.iter().map(irregularity).collect();
        self
    }

    pub(crate) fn under(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    pub(crate) fn publishes(self, sequence: u64, names: &[&str]) -> Self {
        let observation = self.observation(StatedNumber::Given(sequence), names, None);
        self.poll(Poll::of(Ok(observation)))
    }

    /// The bundle lists these authorities.
    pub(crate) fn lists(self, sequence: u64, authorities: Vec<Arc<Authority>>) -> Self {
        let mut observation = self.observation(StatedNumber::Given(sequence), &[], None);
        let hint = observation.bundle.refresh_hint.clone();
        observation.bundle = Bundle::new(authorities, StatedNumber::Given(sequence), hint);
        self.poll(Poll::of(Ok(observation)))
    }

    pub(crate) fn publishes_unnumbered(self, names: &[&str]) -> Self {
        let observation = self.observation(StatedNumber::Absent, names, None);
        self.poll(Poll::of(Ok(observation)))
    }

    pub(crate) fn answers(self, answers: &[(IpAddr, u64, &[&str])]) -> Self {
        let answers = answers.iter().map(|(address, sequence, names)| {
            Ok(self.observation(StatedNumber::Given(*sequence), names, Some(*address)))
        });
        let answers = answers.collect();
        self.poll(Poll { answers, recalled: Vec::new() })
    }

    pub(crate) fn fails(self, reason: FailureReason) -> Self {
        self.poll(Poll::of(Err(Failure::new(reason, "as the story has it"))))
    }

    /// One address answers with this bundle, and others fail.
    pub(crate) fn answers_beside(
        self,
        sequence: u64,
        names: &[&str],
        failures: impl IntoIterator<Item = Failure>,
    ) -> Self {
        let good =
            self.observation(StatedNumber::Given(sequence), names, Some([192, 0, 2, 1].into()));
        let answers = failures.into_iter().map(Err).chain([Ok(good)]).collect();
        self.poll(Poll { answers, recalled: Vec::new() })
    }

    /// Every address fails so.
    pub(crate) fn fails_with(self, failure: Failure) -> Self {
        self.poll(Poll::of(Err(failure)))
    }

    /// An operator decides.
    pub(crate) fn decides(self, action: DecisionAction) -> Self {
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        let mut story = self.records(Event::Decided { decision });
        story.now = story.now.saturating_add(Duration::from_secs(1));
        story
    }

    /// An operator denies this authority.
    pub(crate) fn denies(self, authority: &Authority) -> Self {
        let (fingerprint, public_key) = (authority.id.fingerprint, authority.public_key);
        self.decides(DecisionAction::Deny {
            fingerprint,
            public_key,
            everywhere: false,
            denied_at: None,
        })
    }

    /// What authenticates, where a bootstrap file lists these authorities.
    pub(crate) fn trust_with(&self, bootstrap: &[&str]) -> Option<Trust> {
        let bootstrap: Vec<_> = bootstrap.iter().map(|name| Arc::new(authority(name))).collect();
        let answer = self.state.poll_state.latest_answer();
        self.state.facts.trust(&trust_domain(), answer, &bootstrap)
    }

    /// From now on the endpoint presents an SVID signed by this X.509 authority.
    pub(crate) fn signed_by(mut self, name: &str, not_before: i64) -> Self {
        self.signer = Some((x509(name).id.fingerprint, not_before));
        self
    }

    pub(crate) fn recalls(mut self, record: AuthorityRecord) -> Self {
        self.recalled.push(record);
        self
    }

    /// The document departs from the standard in these ways from now on.
    pub(crate) fn strays(self, kinds: &[IrregularityKind]) -> Self {
        let irregularity =
            |kind: &IrregularityKind| Irregularity { entry: Some(0), kind: kind.clone() };
        let irregularities = kinds.iter().map(irregularity).collect();
        self.records(Event::IrregularitiesChanged { irregularities })
    }

    pub(crate) fn rebootstraps(self, names: &[&str]) -> Self {
        self.records(Event::Rebootstrapped {
            by: "j.doe".into(),
            uid: Some(1000),
            reason: "CHG-1".into(),
            authorities: names.iter().map(|name| Arc::new(authority(name))).collect(),
        })
    }

    /// Something happens that no poll brings.
    pub(crate) fn records(mut self, event: Event) -> Self {
        watch::record(&mut self.state, self.now, &event);
        self.journal.push((self.now, event));
        self
    }

    /// The next poll comes this long after the last one.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Time passes without the monitor noticing.
    pub(crate) fn skip(mut self, time: Duration) -> Self {
        self.now = self.now.saturating_add(time);
        self.state.poll_state.last_poll = Some(self.now);
        self
    }

    /// The wall clock is stepped back.
    pub(crate) fn back(mut self, time: Duration) -> Self {
        self.now = self.now.saturating_sub(time);
        self.wait = Duration::ZERO;
        self
    }

    fn observation(
        &self,
        sequence: StatedNumber,
        names: &[&str],
        address: Option<IpAddr>,
    ) -> Observation {
        let authorities = names.iter().map(|name| Arc::new(authority(name))).collect();
        let presented = self.signer.map(|(anchor, not_before)| Presented {
            leaf: PresentedCertificate {
                fingerprint: None,
                authority_key_id: None,
                validity: Validity {
                    not_before: Timestamp::from_unix(not_before),
                    not_after: Timestamp::from_unix(not_before + 3600),
                },
                key_type: None,
                subject: None,
                issuer: None,
                uri_sans: Vec::new(),
            },
            chain: Vec::new(),
            anchor: Some(anchor),
            path: Arc::default(),
        });
        Observation {
            bundle: Bundle::new(authorities, sequence, StatedNumber::Given(300)),
            irregularities: self.irregularities.clone(),
            body: Digest::of(b"body"),
            length: 4,
            refusals: self.refusals.clone(),
            source: Source { address, presented, ..Source::default() },
        }
    }

    fn poll(mut self, mut poll: Poll) -> Self {
        if self.started {
            self.now = self.now.saturating_add(self.wait);
        }
        self.started = true;
        poll.recalled = std::mem::take(&mut self.recalled);
        self.refusals = None;
        let step = watch::step(self.state, poll, self.now, &self.policy, NO_JITTER);
        self.state = step.state;
        self.wait = step.next_poll;
        self.journal.extend(step.events.iter().map(|event| (self.now, event.clone())));
        // What a judgement makes of it is told elsewhere.
        let judged = ["policy_changed", "authority_judged", "dates_passed"];
        let told = step.events.into_iter().filter(|event| !judged.contains(&event.name()));
        self.events.extend(told);
        self
    }

    pub(crate) fn forget_events(mut self) -> Self {
        self.events.clear();
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    pub(crate) fn interval(&self) -> Duration {
        self.state.poll_state.interval
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn state(&self) -> &DomainState {
        &self.state
    }

    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.state.facts
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn journal(&self) -> impl Iterator<Item = (Timestamp, &Event)> {
        self.journal.iter().map(|(at, event)| (*at, event))
    }

    pub(crate) fn trust(&self) -> Option<Trust> {
        let answer = self.state.poll_state.latest_answer();
        self.state.facts.trust(&trust_domain(), answer, &[])
    }

    #[track_caller]
    pub(crate) fn record(&self, authority: &Authority) -> &AuthorityRecord {
        self.state.facts.record(authority.id).expect("the authority is on record")
    }

    #[track_caller]
    pub(crate) fn expect(&self, names: &[&str]) {
        let events: Vec<_> = self.events.iter().map(Event::name).collect();
        assert_eq!(events, names, "{:#?}", self.events);
    }

    #[track_caller]
    pub(crate) fn expect_last(&self, name: &str) {
        assert_eq!(self.events.last().map(Event::name), Some(name), "{:#?}", self.events);
    }
}
