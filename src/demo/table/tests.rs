use std::sync::Arc;

use super::*;
use anchorwatch_core::bundle::{Authority, Digest, Fingerprint, KeyType, StatedNumber, Validity};
use anchorwatch_core::finding::{Ended, Finding, FindingId, FindingKind, IncidentId, Severity};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Bracket;
use anchorwatch_core::watch::{
    DomainState, Facts, Failure, FailureReason, Leaf, Policy, PollState,
};

fn at(seconds: i64) -> Timestamp {
    // 08:00:00 UTC.
    Timestamp::from_unix(1_800_000_000 + seconds)
}

fn id(svid_type: SvidType, byte: u8) -> AuthorityId {
    AuthorityId { svid_type, fingerprint: Fingerprint::from_bytes([byte; 32]) }
}

fn introduced(svid_type: SvidType, byte: u8, after: Option<Timestamp>, until: i64) -> Event {
    let authority = Authority {
        id: id(svid_type, byte),
        public_key: None,
        key_type: KeyType::EcP256,
        kid: Some("k\u{1b}[2J".into()),
        certificate: None,
    };
    let published = Bracket::new(after, at(until));
    Event::AuthorityIntroduced { authority: Arc::new(authority), published, returned_after: None }
}

fn removed(svid_type: SvidType, byte: u8, until: i64) -> Event {
    let removed = Bracket::new(Some(at(until - 1)), at(until));
    Event::AuthorityRemoved { authority: id(svid_type, byte), removed }
}

fn changed(introduced: usize) -> Event {
    Event::BundleChanged {
        content: Digest::of(b""),
        body: Digest::of(b""),
        length: 0,
        sequence: StatedNumber::Given(7),
        refresh_hint: StatedNumber::Given(5),
        after: None,
        address: None,
        first_shown: at(1),
        introduced: vec![id(SvidType::X509, 1); introduced],
        removed: Vec::new(),
        unrecorded: None,
    }
}

fn recorded(seconds: i64, event: Event) -> Entry {
    let trust_domain = "careless.demo.example".parse().unwrap();
    Entry { at: at(seconds), trust_domain, event }
}

/// A domain whose bundle has two authorities and was polled ten times, once in vain.
fn domain(name: &str) -> DomainView {
    let mut facts = Facts::default();
    let events = [
        Event::FirstContact { authenticated_by: None, bootstrap: Vec::new() },
        changed(2),
        introduced(SvidType::X509, 1, None, 0),
        introduced(SvidType::Jwt, 2, None, 0),
        Event::AuthoritySigned {
            authority: id(SvidType::X509, 1),
            leaf: Leaf {
                seen_at: at(0),
                validity: Validity { not_before: at(-10), not_after: at(60) },
            },
        },
    ];
    for event in &events {
        facts.apply(at(0), event);
    }
    let mut counts = PollCounts { polls: 10, ..PollCounts::default() };
    counts.failures[0] = 1;
    counts.events[3] = 2;
    let interval = Duration::from_secs(1);
    let poll_state = PollState { last_poll: Some(at(9)), interval, ..PollState::default() };
    DomainView {
        endpoint: Arc::new(BundleEndpoint {
            trust_domain: name.parse().unwrap(),
            url: "https://127.0.0.1:1/".parse().unwrap(),
            profile: EndpointProfile::HttpsWeb,
        }),
        policy: Arc::new(Policy::default()),
        state: DomainState { facts: Arc::new(facts), poll_state },
        findings: Arc::from([]),
        counts: Arc::new(counts),
        stopped: None,
        ended: Arc::new([]),
        dropped: Arc::new([]),
        unrecorded: false,
    }
}

fn view(domains: Vec<DomainView>) -> View {
    View { at: at(10), domains: domains.into_iter().map(Arc::new).collect(), ..View::default() }
}

/// What a terminal would show of a frame.
fn visible(frame: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = frame;
    while let Some((before, after)) = rest.split_once('\x1b') {
        text.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_frame_shows_every_domain_and_the_address_of_the_page() {
    let mut table = DemoTable::new(TableOutput::Terminal, 120).with_page("http://127.0.0.1:10464/");
    let frame = table.frame(&view(vec![domain("a.example"), domain("longer.example")]));
    assert_eq!(
        visible(&frame),
        [
            "anchorwatch  08:00:10 UTC  http://127.0.0.1:10464/",
            "",
            "TRUST DOMAIN    STATE  SEQ  X.509         JWT  CHANGED  POLLS  FAILED  NEXT",
            "a.example       ok     7    1 (1 active)  1    10s ago  10     1       0s",
            "longer.example  ok     7    1 (1 active)  1    10s ago  10     1       0s",
            "",
        ]
    );
}

#[test]
fn a_frame_takes_the_place_of_the_one_before() {
    let mut table = DemoTable::new(TableOutput::Terminal, 80);
    let view = view(vec![domain("a.example")]);
    let first = table.frame(&view);
    assert!(first.contains(HIDE_CURSOR) && !first.contains("A\r"));
    let lines = first.matches('\n').count();
    assert_eq!(table.line(&recorded(10, removed(SvidType::Jwt, 2, 10))), None, "frames show it");
    let second = table.frame(&view);
    assert!(second.contains(&format!("\r\x1b[{lines}A")) && !second.contains(HIDE_CURSOR));
    assert_eq!(second.matches('\n').count(), lines + 1);
    assert!(table.summary(&view).starts_with(SHOW_CURSOR));
}

#[test]
fn no_line_is_as_wide_as_the_terminal() {
    for width in [0, 1, 2, 20, 79, 80] {
        let mut table =
            DemoTable::new(TableOutput::Terminal, width).with_page("http://127.0.0.1:10464/");
        for second in 0..100 {
            table.line(&recorded(second, introduced(SvidType::Jwt, 3, Some(at(0)), 1)));
        }
        let frame = table.frame(&view(vec![domain("a.example"); 50]));
        let lines = visible(&frame);
        assert!(lines.len() < 24, "{} lines", lines.len());
        for line in lines {
            assert!(columns(&line) < usize::from(width).max(1), "{width}: {line:?}");
        }
    }
}

#[test]
fn elsewhere_each_change_is_a_line() {
    let mut table = DemoTable::new(TableOutput::Lines, 80).with_page("http://127.0.0.1:10464/");
    assert_eq!(table.heading(), "page: http://127.0.0.1:10464/\n");
    let mut line = |seconds, event| table.line(&recorded(seconds, event));
    assert_eq!(line(0, introduced(SvidType::X509, 1, None, 0)), None, "the baseline's keys");
    assert_eq!(line(3, changed(1)), None, "its key is the news");
    assert_eq!(
        line(3, introduced(SvidType::Jwt, 0x3f, Some(at(2)), 3)).unwrap(),
        "08:00:03 careless.demo.example  JWT key 3f3f3f3f3f3f3f3f introduced (ec-p256, key ID \
         \"k\\u{1b}[2J\")"
    );
    assert_eq!(
        line(15, removed(SvidType::Jwt, 0x3f, 15)).unwrap(),
        "08:00:15 careless.demo.example  JWT key 3f3f3f3f3f3f3f3f removed (published 12 s)"
    );
    assert_eq!(
        line(20, removed(SvidType::X509, 1, 20)).unwrap(),
        "08:00:20 careless.demo.example  X.509 authority 0101010101010101 removed (seen for 20 s)"
    );
    assert!(line(21, changed(0)).is_some(), "a sequence that moved alone is news");
    assert_eq!(table.frame(&view(Vec::new())), "");
}

#[test]
fn a_summary_says_what_each_domain_came_to() {
    let mut table = DemoTable::new(TableOutput::Lines, 80);
    table.line(&recorded(-50, changed(2)));
    let summary = table.summary(&view(vec![domain("a.example"), domain("bc.example")]));
    assert_eq!(
        summary,
        "after 1 min:\n  a.example   10 polls, 1 failed; 2 keys seen, 0 removed; ok\n  bc.example  10 \
         polls, 1 failed; 2 keys seen, 0 removed; ok\n"
    );
}

fn finding(kind: FindingKind, severity: Severity) -> Finding {
    Finding {
        id: FindingId::new(None, kind, None, "", at(0)),
        incident: IncidentId::new(None, at(0)),
        kind,
        severity,
        svid_type: None,
        subject: "".into(),
        subject_id: None,
        since: at(0),
        evidence: Vec::new(),
    }
}

#[test]
fn a_summary_names_all_that_was_found_and_what_of_it_is_over() {
    let early = finding(FindingKind::EarlyRemoval, Severity::Warning);
    let tokens = finding(FindingKind::InFlightRisk, Severity::Critical);
    let told = |open: Vec<Finding>, over: &[&Finding]| {
        let mut view = domain("a.example");
        view.findings = open.into();
        view.ended = over.iter().map(|one| Ended::new(one, at(9))).collect();
        outcome(&view)
    };
    let both = "critical: in_flight_risk, warning: early_removal";
    assert_eq!(told(vec![early.clone(), early.clone(), tokens.clone()], &[]), both);
    let over = "warning: early_removal, critical: in_flight_risk (over)";
    assert_eq!(told(vec![early.clone()], &[&tokens, &early]), over);
    assert_eq!(told(Vec::new(), &[]), "ok");
}

#[test]
fn the_state_is_the_worst_that_is_known() {
    let name = "a.example";
    let failing = |view: &mut DomainView| {
        let Failure { reason, detail, .. } = Failure::new(FailureReason::Tls, "no");
        let event = Event::FailureBegan {
            reason,
            detail,
            address: None,
            presented: None,
            denied: Vec::new(),
        };
        Arc::make_mut(&mut view.state.facts).apply(at(5), &event);
    };
    let mut view = domain(name);
    assert_eq!(state(&view), "ok");
    view.unrecorded = true;
    assert_eq!(state(&view), "unrecorded");
    failing(&mut view);
    assert_eq!(state(&view), "failing: tls");
    view.findings = Arc::from([
        finding(FindingKind::SourceStale, Severity::Warning),
        finding(FindingKind::EndpointUnauthenticated, Severity::Critical),
    ]);
    assert_eq!(state(&view), "critical: endpoint_unauthenticated");
    view.stopped = Some("bad\u{1b}[31m file".into());
    assert_eq!(state(&view), "stopped: bad\\u{1b}[31m file");
    let mut fresh = domain(name);
    fresh.state = DomainState::default();
    assert_eq!(state(&fresh), "no bundle yet");
    let row = cells(&fresh, at(0));
    assert_eq!(row.map(|cell| cell == "-")[2..], [true, false, false, true, false, false, true]);
}

#[test]
fn an_age_has_one_unit() {
    for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (90_000, "1d")] {
        assert_eq!(age(Duration::from_secs(seconds)), text);
    }
}
