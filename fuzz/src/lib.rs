//! What each fuzz target asserts, whatever bytes it is given. `tests/fuzz_smoke.rs` replays the
//! corpus through the same functions, without a fuzzer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::config::import::{self, Origin};
use anchorwatch::config::{Config, WebConfig, bootstrap};
use anchorwatch::daemon::read_sighting;
use anchorwatch::web::{DecisionRequest, RebootstrapRequest};
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Bundle, Digest, Fingerprint, KeyType, ParseLimits, ParsedBundle,
    StatedNumber, SvidType, diff as difference, parse,
};
use anchorwatch_core::decision::{Decision, DecisionSource};
use anchorwatch_core::replay::{RecordedLine, Replay, Rules};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, EndpointUrl, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::{
    DomainState, Facts, Failure, FailureReason, Observation, Policy, Poll, Source, step as stepped,
};

/// The fewest bytes of one poll in [`step`].
const POLL: usize = 6;

/// The parser and the consumers' profiles end, and what may be stored reads as what was served.
pub fn parse_bundle(data: &[u8]) {
    for consumer in [&[Consumer::Spire], Consumer::KNOWN].concat() {
        let told = anchorwatch_consumers::read_document(consumer, data)
            .refusal()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(told.len() < 1024, "foreign text is cut: {told}");
    }
    let limits = ParseLimits::default();
    let Ok(parsed) = parse(data, &limits) else { return };
    let ParsedBundle { bundle, irregularities, redacted } = &parsed;
    assert!(bundle.authorities().is_sorted_by(|a, b| a.id < b.id), "a bundle is a set");
    assert!(bundle.authorities().len() <= limits.keys, "the limit holds");
    for irregularity in irregularities {
        assert!(irregularity.to_string().len() < 1024, "foreign text is cut: {irregularity}");
    }
    let stored = redacted.as_deref().unwrap_or(data);
    let again = parse(stored, &limits);
    assert!(
        again.is_ok_and(|again| again.bundle == *bundle && again.redacted.is_none()),
        "what is stored is no longer what was served"
    );
}

/// The difference is that of two sets, and brings one to the other.
pub fn diff(data: &[u8]) {
    let (one, two) = data.split_at(data.len() / 2);
    let (one, two) = (bundle(one), bundle(two));
    let (before, after) = (labels(&one), labels(&two));
    let changes = difference(&one, &two);
    let introduced: Vec<AuthorityId> = changes.introduced.iter().map(|a| a.id).collect();
    let removed: Vec<AuthorityId> = changes.removed.iter().map(|a| a.id).collect();
    let relabelled: Vec<AuthorityId> = changes.relabelled.iter().map(|(old, _)| old.id).collect();
    let lacking = |from: &Labels, other: &Labels| -> Vec<AuthorityId> {
        from.keys().filter(|id| !other.contains_key(id)).copied().collect()
    };
    assert_eq!(introduced, lacking(&after, &before), "introduced");
    assert_eq!(removed, lacking(&before, &after), "removed");
    let moved = before.iter().filter(|(id, kid)| after.get(id).is_some_and(|new| new != *kid));
    assert_eq!(relabelled, moved.map(|(id, _)| *id).collect::<Vec<_>>(), "relabelled");
    assert_eq!(changes.is_empty(), one.content() == two.content(), "the digest tells the same");
    let back = difference(&two, &one);
    assert_eq!((&back.introduced, &back.removed), (&changes.removed, &changes.introduced));
}

/// Whatever polls bring, the journal gives the facts, and the next poll is due within a day.
pub fn step(data: &[u8]) {
    let policy = Policy::default();
    let mut state = DomainState::default();
    let mut journal = Vec::new();
    let mut now = Timestamp::from_unix(1_800_000_000);
    for turn in data.chunks(POLL + 4).take(200) {
        let Some((&[how, sequence, hint, wait, reason, jitter], keys)) = turn.split_first_chunk()
        else {
            break;
        };
        let seconds = Duration::from_secs(u64::from(wait) * u64::from(wait));
        now = if how & 0xf == 0xf { before(now, seconds) } else { now.saturating_add(seconds) };
        let answer = |sequence: u8| match how & 3 {
            0 => Err(failure(reason)),
            _ => Ok(observation(keys, sequence, hint)),
        };
        let mut poll = Poll::of(answer(sequence));
        if how & 0x10 != 0 {
            poll.answers.push(answer(sequence.wrapping_add(1)));
        }
        let step = stepped(state, poll, now, &policy, f64::from(jitter) / 256.0);
        state = step.state;
        journal.extend(step.events.into_iter().map(|event| (now, event)));
        assert!(!step.next_poll.is_zero() && step.next_poll < Duration::from_hours(24));
        assert_eq!(state.poll_state.last_poll, Some(now));
        let records = &state.facts.authorities.records;
        assert!(records.is_sorted_by(|a, b| a.id() < b.id()), "records are a set");
    }
    let replayed = Facts::replay(journal.iter().map(|(at, event)| (*at, event)));
    assert_eq!(replayed, *state.facts, "the journal gives the facts");
}

/// What is taken for an endpoint is one, and is written as it is read. What it redirects to is no
/// less.
pub fn endpoint_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let target = |location: &str| {
        let base: Result<EndpointUrl, _> = "https://spire.example:8443/bundle".parse();
        base.and_then(|base| base.join(location))
    };
    for url in [text.parse(), target(text)].into_iter().flatten() {
        let url: EndpointUrl = url;
        assert!(url.as_str().starts_with("https://"), "{url}");
        assert!(!url.host().is_empty(), "{url}");
        let rest = url.as_str().trim_start_matches("https://");
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(!authority.contains('@'), "{url}");
        assert_ne!(url.host(), "", "{url}");
        assert_eq!(url.to_string().parse().as_ref(), Ok(&url), "it is read as it is written");
    }
}

type Labels = BTreeMap<AuthorityId, Option<UntrustedText>>;

fn labels(bundle: &Bundle) -> Labels {
    bundle.authorities().iter().map(|a| (a.id, a.kid.clone())).collect()
}

/// A bundle of few keys that often meet: one byte is one authority.
fn bundle(bytes: &[u8]) -> Bundle {
    let authorities = bytes.iter().take(64).map(|byte| {
        let svid_type = if byte & 1 == 0 { SvidType::X509 } else { SvidType::Jwt };
        let kid = (byte & 0xc0 != 0).then(|| (byte >> 6).to_string().into());
        Arc::new(Authority {
            id: AuthorityId { svid_type, fingerprint: Fingerprint::of(&[byte & 0x1f]) },
            public_key: None,
            key_type: KeyType::EcP256,
            kid,
            certificate: None,
        })
    });
    Bundle::new(authorities.collect(), StatedNumber::Absent, StatedNumber::Absent)
}

fn observation(keys: &[u8], sequence: u8, hint: u8) -> Observation {
    let stated = |byte: u8| match byte {
        0 => StatedNumber::Absent,
        0xff => StatedNumber::Unusable("x".into()),
        byte => StatedNumber::Given(u64::from(byte >> 2)),
    };
    let mut bundle = bundle(keys);
    bundle.sequence = stated(sequence);
    bundle.refresh_hint = stated(hint);
    Observation {
        body: Digest::of(&[keys, &[sequence, hint]].concat()),
        length: 1,
        bundle,
        irregularities: Vec::new(),
        refusals: None,
        source: Source::default(),
    }
}

fn failure(reason: u8) -> Failure {
    let reasons = FailureReason::ALL;
    let reason = reasons.get(usize::from(reason) % reasons.len()).copied();
    Failure::new(reason.unwrap_or(FailureReason::Internal), "fuzz")
}

/// Lines of recorded polls are read and judged, or refused with a bounded message.
pub fn replay_lines(data: &[u8]) {
    /// Time between two lines is judged minute by minute: what would only be waiting is left out.
    const LONGEST_WAIT: Duration = Duration::from_hours(2);
    let rules = Rules {
        policy: Arc::new(Policy::default()),
        endpoint: BundleEndpoint {
            trust_domain: "fuzz.example".parse().expect("a trust domain"),
            url: "https://fuzz.example/".parse().expect("a URL"),
            profile: EndpointProfile::HttpsWeb,
        },
        decisions: Vec::new(),
    };
    let limits = ParseLimits::default();
    let find = |_: &TrustDomain| Some(rules.clone());
    let mut replay = Replay::new(find, anchorwatch_consumers::refusals, limits);
    let mut last: Option<Timestamp> = None;
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let Ok(text) = std::str::from_utf8(line) else { continue };
        match RecordedLine::parse(text, anchorwatch_consumers::refusals, &limits) {
            Err(why) => assert!(why.to_string().len() < 1024, "foreign text is cut: {why}"),
            Ok(line) => {
                let waited = last.and_then(|last| line.at.since(last)).unwrap_or_default();
                if waited <= LONGEST_WAIT && replay.judge_line(text).is_ok() {
                    last = Some(line.at);
                }
            }
        }
    }
    let _ = replay.finish();
}

/// The bodies of requests on the admin socket are read, or refused with a bounded message.
pub fn admin_request(data: &[u8]) {
    let now = Timestamp::from_unix(1_800_000_000);
    if let Ok(request) = serde_json::from_slice::<DecisionRequest>(data) {
        // What is journaled must read as what was decided.
        for action in request.decisions {
            let (by, reason) = (request.by.clone(), request.reason.clone());
            let decision =
                Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
            let written = serde_json::to_vec(&decision).expect("a decision is JSON");
            let again: Decision = serde_json::from_slice(&written).expect("a decision reads back");
            assert_eq!(again, decision, "what is journaled is not what was decided");
        }
    }
    if let Ok(request) = serde_json::from_slice::<RebootstrapRequest>(data) {
        let read = bootstrap::parse_bytes(request.bundle.as_bytes(), &request.trust_domain);
        if let Err(why) = read {
            assert!(why.to_string().len() < 2048, "foreign text is cut: {why}");
        }
    }
    for line in data.split(|byte| *byte == b'\n').take(64) {
        if let Err(why) = read_sighting(line, now) {
            assert!(why.to_string().len() < 256, "nothing of a refused line is shown: {why}");
        }
    }
}

/// Whatever is imported becomes a configuration that can be read, or a bounded message.
pub fn config_import(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let detected = import::detect(text);
    for origin in [detected, Origin::ServerConf, Origin::FederationList, Origin::Kubernetes] {
        match import::parse(text, origin) {
            Err(why) => assert!(why.to_string().len() < 4096, "foreign text is cut: {why}"),
            Ok(imported) => {
                let written = imported.yaml(&BTreeMap::new());
                let read = Config::from_text(Path::new("/fuzz/anchorwatch.yaml"), &written);
                if let Err(faults) = read {
                    let of_syntax = faults.as_slice().iter().any(|fault| fault.path.is_empty());
                    assert!(!of_syntax, "what is written is not YAML: {faults}\n{written}");
                }
            }
        }
    }
}

/// A web configuration is read, or refused with a fault that has a place.
pub fn web_config(data: &[u8]) {
    // Files that it names are read: none that is a device of the machine.
    if data.windows(2).any(|pair| pair == b"/d" || pair == b"/p" || pair == b"..") {
        return;
    }
    match WebConfig::from_bytes(Path::new("/nonexistent/web.yaml"), data) {
        Ok(config) => assert!(config.users.len() <= 10_000, "the limit holds"),
        Err(faults) => {
            for fault in faults.as_slice() {
                assert!(0 < fault.line, "a fault without a place: {faults}");
                assert!(fault.message.len() < 4096, "foreign text is cut: {faults}");
            }
        }
    }
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.as_unix_micros().saturating_sub(micros))
}
