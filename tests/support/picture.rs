//! One fixed view with something of everything, and what the daemon says of itself beside it.
//!
//! `clean1.lab.example` is in order; `failing.example` was, and fails; `new.example` was never
//! polled, and `clean1.lab.example` serves its bundle; `odd.example` publishes foreign text.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch::metrics::{DeliveryFacts, SelfFacts};
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Digest, Fingerprint, Irregularity, IrregularityKind, KeyType,
    ParseLimits, StatedNumber, SvidType, parse,
};
use anchorwatch_core::finding::evidence::{DocumentEvidence, Evidence, OutageEvidence};
use anchorwatch_core::finding::{Dropped, Finding, FindingId, FindingKind, IncidentId, Severity};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::{Bracket, Timestamp, Window};
use anchorwatch_core::view::{DomainView, Ended, PollCounts, View};
use anchorwatch_core::watch::{
    AuthorityRecord, BundleState, Confirmed, DomainState, EndpointState, Facts, FailureReason,
    FailureRun, HandOver, Leaf, Lineage, LineageKind, Policy, PollState, Standing,
};

/// The moment of the view: 2026-11-22T22:00:00Z, within the life of SPIRE's certificate.
const NOW: i64 = 1_795_384_800;
/// A bundle as SPIRE served it.
const BUNDLE: &[u8] = include_bytes!("../data/configs/files/clean1.lab.example.bundle.json");
/// What a foreign document may say, and where it would hurt.
pub(crate) const FOREIGN: &str =
    "a\"b\\c\nd}'<script>alert(1)</script>\u{202e} ☂ # HELP x\r e 0 12345678901234567890";

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(NOW + seconds)
}

pub(crate) fn view() -> View {
    let domains = [clean(), failing(), new(), odd()];
    View {
        at: at(0),
        trust_domain: Some("watcher.example".parse().unwrap()),
        domains: domains.into_iter().map(Arc::new).collect(),
        ..View::default()
    }
}

pub(crate) fn self_facts() -> SelfFacts {
    SelfFacts {
        config_reload_successful: true,
        config_reloaded_at: at(-86_400),
        config_hash: u32::MAX,
        store_created_at: at(-31_536_000),
        last_persisted_at: Some(at(-12)),
        write_failures: 2,
        backlog: 1,
        events_lost: 0,
        store_faults: 0,
        store_verified_at: Some(at(-3_600)),
        journal_size: 1_048_576,
        journal_entries: 4_321,
        ticked_at: Timestamp::from_unix_micros((NOW - 1) * 1_000_000 + 250_000),
        deliveries: vec![DeliveryFacts {
            alertmanager: "http://alertmanager-0.example:9093/".to_owned(),
            sent: 12,
            failed: 2,
            dropped: 0,
            waiting: 1,
        }],
    }
}

/// The authorities of SPIRE's bundle, X.509 first.
pub(crate) fn authorities() -> Vec<Arc<Authority>> {
    parse(BUNDLE, &ParseLimits::default()).unwrap().bundle.authorities().to_vec()
}

pub(crate) fn record(authority: Authority, seen: i64) -> AuthorityRecord {
    AuthorityRecord::new(Arc::new(authority), Bracket::new(None, at(seen)))
}

/// The domain of this name with these authorities, read well ten seconds ago.
pub(crate) fn domain(name: &str, url: &str, records: Vec<AuthorityRecord>) -> DomainView {
    let endpoint = BundleEndpoint {
        trust_domain: name.parse().unwrap(),
        url: url.parse().unwrap(),
        profile: EndpointProfile::HttpsWeb,
    };
    let facts = Facts {
        endpoint: EndpointState {
            configured: Some(endpoint.clone()),
            first_contact: Some(at(-7_200)),
            ..EndpointState::default()
        },
        bundle: BundleState {
            confirmed: Some(Confirmed {
                content: Digest::of(name.as_bytes()),
                body: Digest::of(b"body"),
                sequence: StatedNumber::Given(1),
                refresh_hint: StatedNumber::Given(300),
                since: Bracket::new(Some(at(-3_660)), at(-3_600)),
            }),
            ..BundleState::default()
        },
        authorities: records.into_iter().collect(),
        ..Facts::default()
    };
    let poll_state = PollState {
        last_poll: Some(at(-10)),
        last_success: Some(at(-10)),
        length: 1_280,
        ..PollState::default()
    };
    DomainView {
        endpoint: Arc::new(endpoint),
        policy: Arc::new(Policy::default()),
        state: DomainState { facts: Arc::new(facts), poll_state },
        findings: Arc::new([]),
        ended: Arc::new([]),
        counts: Arc::new(PollCounts { polls: 42, ..PollCounts::default() }),
        stopped: None,
        dropped: Arc::new([]),
        unrecorded: false,
    }
}

fn served_by(domain: &mut DomainView, endpoint_id: &str) {
    let endpoint_spiffe_id = endpoint_id.parse().unwrap();
    let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id };
    domain.endpoint =
        Arc::new(BundleEndpoint { profile, ..BundleEndpoint::clone(&domain.endpoint) });
}

fn clean() -> DomainView {
    let mut records: Vec<_> =
        authorities().iter().map(|one| record(Authority::clone(one), -7_200)).collect();
    let validity = records[0].authority.certificate.as_ref().unwrap().validity;
    records[0].signed = Some(Leaf { seen_at: at(-600), validity });
    let mut gone = record(key("gone", None), -7_200);
    gone.removed = Some(Bracket::new(Some(at(-3_660)), at(-3_600)));
    records.push(gone);

    for record in &mut records {
        record.standing = Some(Standing::Baseline);
    }

    let mut domain = domain("clean1.lab.example", "https://spire.clean1.lab.example:8443", records);
    served_by(&mut domain, "spiffe://clean1.lab.example/spire/server");
    rotating(&mut domain);
    domain.state.poll_state.tls_not_after = Some(at(1_800));
    let mut counts = PollCounts { polls: 4_242, ..PollCounts::default() };
    counts.findings.add(FindingKind::SourceStale);
    counts.decisions[1] = 1;
    counts.rotations[1] = [1, 1, 0];
    counts.events[2] = 5;
    counts.events[3] = 4;
    counts.events[4] = 1;
    domain.counts = Arc::new(counts);
    let dropped = |kind, svid_type, count| Dropped { kind, svid_type, count };
    domain.dropped = Arc::new([
        dropped(FindingKind::UnexpectedAuthority, Some(SvidType::Jwt), 1_900),
        dropped(FindingKind::HiddenChange, None, 3),
    ]);
    let stale = finding(FindingKind::SourceStale, Severity::Warning, silent());
    domain.ended = Arc::new([Ended::new(&stale, at(-50_000))]);
    domain
}

/// Two lineages with a date to come, a hand-over that was safe and one that killed tokens.
fn rotating(domain: &mut DomainView) {
    let facts = Arc::make_mut(&mut domain.state.facts);
    let newest = |svid_type| {
        let of_use =
            facts.published().map(AuthorityRecord::id).find(|id| id.svid_type == svid_type);
        of_use.unwrap()
    };
    let line = |number, svid_type| Lineage {
        number,
        svid_type,
        kind: LineageKind::Established,
        newest: Some(newest(svid_type)),
        published: Window::new(at(-3_660), at(-3_600)),
        issued_at: None,
        lifetime: Some(Duration::from_hours(24)),
        possible_lifetimes: Vec::new(),
        earlier: None,
        alternative_dates: Vec::new(),
        met: None,
        missed: None,
        deadline_extension: None,
    };
    let lines = vec![line(1, SvidType::X509), line(2, SvidType::Jwt)];
    let handover = |old: &str, removed: i64| HandOver {
        svid_type: SvidType::Jwt,
        old: Fingerprint::of(old.as_bytes()),
        old_kid: None,
        published_old: Window::point(at(-90_000)),
        lifetime_range: Some((Duration::from_hours(24), Duration::from_hours(24))),
        not_after: None,
        removed: Bracket::new(Some(at(removed - 60)), at(removed)),
        new: Some(Fingerprint::of(b"new")),
        new_kid: None,
        published_new: Some(Window::point(at(-43_000))),
        is_contested: false,
        first_after: Some(Window::point(at(-43_000))),
        first_candidate: Some(Window::point(at(-43_000))),
        lead: None,
        activation: None,
        activated_by: None,
        signed_at: None,
        had_signed: true,
        was_only: false,
        had_ended: false,
        is_scheduled: true,
        covered_by_other_finding: false,
    };
    let quick = HandOver {
        published_new: Some(Window::point(at(-1_500))),
        published_old: Window::point(at(-50_000)),
        ..handover("killed", -1_200)
    };
    facts.rotation.lineages = lines;
    facts.rotation.handovers = vec![handover("gone", -3_600), quick];
}

fn failing() -> DomainView {
    let records = vec![record(key("failing", Some("k1")), -7_200)];
    let mut domain = domain("failing.example", "https://[2001:db8::1]/bundle.json", records);
    let facts = Arc::make_mut(&mut domain.state.facts);
    let failure = FailureRun {
        since: at(-3_000),
        reason: FailureReason::Connect,
        detail: "connection refused".into(),
        denied: Vec::new(),
    };
    facts.endpoint.failure = Some(failure);
    facts.bundle.confirmed.as_mut().unwrap().sequence = StatedNumber::Absent;
    facts.document.irregularities =
        vec![Irregularity { entry: None, kind: IrregularityKind::MissingSequence }];
    let poll_state = &mut domain.state.poll_state;
    (poll_state.last_success, poll_state.failures) = (Some(at(-3_060)), 50);
    let irregular = DocumentEvidence::Irregular(facts.document.irregularities[0].clone());
    domain.findings = Arc::new([
        finding(FindingKind::SourceStale, Severity::Warning, silent()),
        finding(FindingKind::IrregularDocument, Severity::Info, irregular),
    ]);
    let mut counts = PollCounts { polls: 50, ..PollCounts::default() };
    counts.failures[place(FailureReason::Connect)] = 50;
    domain.counts = Arc::new(counts);
    domain
}

fn new() -> DomainView {
    let mut domain = domain("new.example", "https://spire.clean1.lab.example:8443/new", Vec::new());
    served_by(&mut domain, "spiffe://clean1.lab.example/spire/server");
    domain.state = DomainState::default();
    domain.counts = Arc::new(PollCounts::default());
    domain
}

fn odd() -> DomainView {
    let mut wit = key("odd", Some(FOREIGN));
    wit.id.svid_type = SvidType::Wit;
    wit.key_type = KeyType::Unknown("ML-DSA \"65\"\n<b>".into());
    let mut x509 = Authority::clone(&authorities()[0]);
    x509.id.fingerprint = Fingerprint::of(b"odd x509");
    let certificate = x509.certificate.as_mut().unwrap();
    certificate.validity.not_after = at(-1);
    certificate.subject = FOREIGN.into();
    certificate.uri_sans = Box::new([FOREIGN.into()]);

    let mut domain =
        domain("odd.example", "https://odd.example", vec![record(wit, -60), record(x509, -120)]);
    let facts = Arc::make_mut(&mut domain.state.facts);
    facts.bundle.confirmed.as_mut().unwrap().sequence = StatedNumber::Given(u64::MAX);
    facts.endpoint.failure = Some(FailureRun {
        since: at(-5),
        reason: FailureReason::NotABundle,
        detail: FOREIGN.into(),
        denied: Vec::new(),
    });
    domain.state.poll_state.failures = 1;
    domain.state.poll_state.unrecorded = 7;
    let foreign = DocumentEvidence::UnusableRefreshHint { value: FOREIGN.into() };
    domain.findings = Arc::new([finding(FindingKind::BundleEmpty, Severity::Critical, foreign)]);
    domain.stopped = Some(FOREIGN.into());
    domain
}

/// A JWT authority; `name` makes its fingerprint.
pub(crate) fn key(name: &str, kid: Option<&str>) -> Authority {
    Authority {
        id: AuthorityId { svid_type: SvidType::Jwt, fingerprint: Fingerprint::of(name.as_bytes()) },
        public_key: None,
        key_type: KeyType::EcP256,
        kid: kid.map(Into::into),
        certificate: None,
    }
}

fn silent() -> OutageEvidence {
    let interval = Duration::from_mins(5);
    OutageEvidence::NoGoodPoll { lasting: Duration::from_mins(51), interval }
}

fn finding(kind: FindingKind, severity: Severity, evidence: impl Into<Evidence>) -> Finding {
    Finding {
        id: FindingId::new(None, kind, None, "", at(-3_000)),
        incident: IncidentId::new(None, at(-3_000)),
        kind,
        severity,
        svid_type: None,
        subject: "".into(),
        subject_id: None,
        since: at(-3_000),
        evidence: vec![evidence.into()],
    }
}

fn place(reason: FailureReason) -> usize {
    FailureReason::ALL.iter().position(|other| *other == reason).unwrap()
}
