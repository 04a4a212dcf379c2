//! A journal judged again: under its own rules it says what was said, under others what they say.

#![cfg(test)]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for what it names")]

#[path = "support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::store::{Batch, Store, StoreOptions};
use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource};
use anchorwatch_core::finding::{FindingId, FindingKind, Nature};
use anchorwatch_core::journal::Entry;
use anchorwatch_core::judge::{self, JudgedPoll, PublicKeyIndex};
use anchorwatch_core::replay::{
    Change, JournalReplay, RecordedDecisions, ReplayReport, Rules, Summary,
};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Facts, JudgementPolicy, Policy, Recall};
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::simulate::{Incident, Scenario, Skip, World};
use clock::ManualClock;

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
    scenario.lasts = 8 * 24 * HOUR;
    scenario.observer.skip = Some(Skip { sparse: HOUR, lone_failures: false });
    match incident {
        Some(incident) => scenario.with(4 * 24 * HOUR, incident),
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
        let (mut keys, mut recall) = (PublicKeyIndex::default(), Recall::default());
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
            let mut shared = |facts: &Facts, change| keys.answer(&name, facts, change);
            let judged = judge::judge_poll(state, poll, turn.at, policy, 0.5, &mut shared);
            let JudgedPoll { events, .. } = judged;
            state = judged.state;
            recall.note(&state.facts);
            watched.end = turn.at;
            watched.note(&name, turn.at, events, &state);
        }
        watched
    }

    fn note(&mut self, name: &TrustDomain, at: Timestamp, events: Vec<Event>, state: &DomainState) {
        if events.is_empty() {
            return;
        }
        // Only the last checkpoint counts.
        if let Some(last) = self.batches.last_mut() {
            last.facts = Arc::default();
        }
        let (facts, poll_state) = (Arc::clone(&state.facts), state.poll_state.clone());
        let (trust_domain, bodies) = (name.clone(), Vec::new());
        self.batches.push(Batch { trust_domain, at, events, bodies, facts, poll_state });
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.batches.iter().flat_map(|batch| {
            let (at, trust_domain) = (batch.at, batch.trust_domain.clone());
            let entry = move |event: &Event| Entry {
                at,
                trust_domain: trust_domain.clone(),
                event: event.clone(),
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

    fn again(&self, policy: &Policy, decisions: RecordedDecisions) -> (Vec<ReplayReport>, Summary) {
        let policy = Arc::new(policy.clone());
        let rules = |name: &TrustDomain| {
            let (policy, decisions) = (Arc::clone(&policy), Vec::new());
            Some(Rules { policy, endpoint: endpoint(name), decisions })
        };
        let mut replay = JournalReplay::new(rules, decisions);
        let mut reports: Vec<ReplayReport> =
            self.entries().flat_map(|entry| replay.judge_entry(entry)).collect();
        let name = self.batches[0].trust_domain.clone();
        let (last, summary) = replay.finish(&BTreeMap::from([(name, self.end)]));
        reports.extend(last);
        (reports, summary)
    }
}

/// The event findings that were raised.
fn raised(reports: &[ReplayReport]) -> BTreeMap<FindingId, FindingKind> {
    let raised = reports.iter().filter_map(|report| match report {
        ReplayReport::Finding { id, finding, change: Change::Raised, .. } => Some((*id, *finding)),
        _ => None,
    });
    raised.filter(|(_, kind)| kind.nature() == Nature::Event).collect()
}

#[test]
fn under_its_own_rules_a_journal_says_what_was_said() {
    let incidents = [
        None,
        Some(Incident::RestartKeysLost),
        Some(Incident::StallOfOne),
        Some(Incident::ForcedRotation),
        Some(Incident::EarlyRevoke),
        Some(Incident::InjectedPair),
        Some(Incident::InjectedRoot),
        Some(Incident::CaTtlTenfold),
        Some(Incident::ReboundKid),
        Some(Incident::LongMonitorOutage),
        Some(Incident::EndpointOutage),
        Some(Incident::DatabaseRestore),
        Some(Incident::Rollback),
    ];
    let mut differing = Vec::new();
    for incident in incidents {
        let scenario = scenario(incident);
        let policy = scenario.policy();
        let watched = Watched::of(&scenario, &policy);
        let (reports, _) = watched.again(&policy, RecordedDecisions::Keep);
        let (was, is) = (watched.raised(), raised(&reports));
        if was != is {
            let lost: Vec<_> = was.iter().filter(|(id, _)| !is.contains_key(id)).collect();
            let new: Vec<_> = is.iter().filter(|(id, _)| !was.contains_key(id)).collect();
            differing.push(format!("{incident:?}: lost {lost:?}, new {new:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn under_stricter_rules_more_is_said_and_under_observe_no_key_is_unexpected() {
    let scenario = scenario(Some(Incident::RestartKeysLost));
    let policy = scenario.policy();
    let watched = Watched::of(&scenario, &policy);
    let under = |judgement| {
        let (reports, summary) =
            watched.again(&Policy { judgement, ..policy.clone() }, RecordedDecisions::Keep);
        let unexpected = raised(&reports);
        let unexpected =
            unexpected.values().filter(|kind| **kind == FindingKind::UnexpectedAuthority).count();
        (unexpected, summary.domains.values().map(|totals| totals.pages).sum::<u64>())
    };
    let (scheduled, pages) = under(JudgementPolicy::Scheduled);
    assert!(0 < scheduled && 0 < pages);
    let (pinned, more) = under(JudgementPolicy::Pinned);
    assert!(scheduled < pinned, "every rotation is unexpected: {pinned} and {scheduled}");
    assert!(pages < more);
    assert_eq!(under(JudgementPolicy::Observe).0, 0);
}

#[test]
fn decisions_count_unless_they_are_left_out() {
    let scenario = scenario(Some(Incident::InjectedPair));
    let policy = scenario.policy();
    let mut watched = Watched::of(&scenario, &policy);
    let said = |watched: &Watched, decisions| {
        let (_, summary) = watched.again(&policy, decisions);
        let unexpected = FindingKind::UnexpectedAuthority.label();
        let open = summary.domains.into_values().flat_map(|totals| totals.open);
        open.filter(|open| *open == unexpected).count()
    };
    let before = said(&watched, RecordedDecisions::Keep);
    assert!(0 < before);
    let name = scenario.trust_domain.clone();
    for batch in std::mem::take(&mut watched.batches) {
        let decisions = batch.events.iter().filter_map(|event| match event {
            Event::AuthorityIntroduced { authority, .. } => {
                let action = DecisionAction::Approve { fingerprint: authority.id.fingerprint };
                let (by, reason) = ("j.doe".into(), "CHG-1".into());
                let decision =
                    Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
                Some(Event::Decided { decision })
            }
            _ => None,
        });
        let decisions = decisions.collect();
        let later = batch.at.saturating_add(Duration::from_secs(1));
        watched.batches.push(batch);
        watched.note(&name, later, decisions, &DomainState::default());
    }
    assert_eq!(said(&watched, RecordedDecisions::Keep), 0, "all of them were approved");
    assert_eq!(said(&watched, RecordedDecisions::LeaveOut), before);
}

async fn stored(watched: &Watched, path: &Path) -> Store {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
    let (store, _) = Store::open(path, StoreOptions::new(clock)).unwrap();
    for batch in &watched.batches {
        store.append(batch.clone()).await;
    }
    store
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anchorwatch"))
        .args(arguments)
        .env_remove("ANCHORWATCH_CONFIG_FILE")
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

#[tokio::test]
async fn the_command_reads_a_store_that_is_in_use() {
    let scenario = scenario(Some(Incident::InjectedPair));
    let watched = Watched::of(&scenario, &scenario.policy());
    let directory = tempfile::tempdir().unwrap();
    let store = stored(&watched, directory.path()).await;
    let path = directory.path().to_str().unwrap();
    let (code, text) = run(&["replay", "--store", path, "--max-jwt-svid-ttl", "5m"]);
    assert_eq!(code, Some(0), "{text}");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "summary");
    let raised = &last["trust_domains"]["domain-b.example"]["raised"];
    assert!(raised["unexpected_authority"].as_u64() >= Some(1), "{last}");
    let table = ["replay", "--store", path, "--output", "table", "--policy", "observe"];
    let (code, text) = run(&table);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("would have paged") && !text.contains("unexpected_authority"), "{text}");
    store.close().await.unwrap();
}

/// What an entry of the pack must be chained by, made here once more.
fn rehashed(entry: &serde_json::Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let digits = text("previous").strip_prefix("sha256:").unwrap().to_owned();
    let bytes = (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    let mut hashed: Vec<u8> = bytes.collect();
    let name = text("trust_domain");
    hashed.extend(entry["number"].as_u64().unwrap().to_be_bytes());
    hashed.extend(entry["at_micros"].as_i64().unwrap().to_be_bytes());
    hashed.extend(u64::try_from(name.len()).unwrap().to_be_bytes());
    hashed.extend(name.as_bytes());
    hashed.extend(text("payload").as_bytes());
    anchorwatch_core::bundle::Digest::of(&hashed).to_string()
}

#[tokio::test]
async fn a_pack_proves_itself_and_nothing_is_overwritten() {
    let scenario = scenario(None);
    let mut watched = Watched::of(&scenario, &scenario.policy());
    // A document of which the digest is true.
    let document: Arc<[u8]> = br#"{"keys": []}"#.as_slice().into();
    let digest = anchorwatch_core::bundle::Digest::of(&document);
    let bodies = watched.batches.iter_mut().filter_map(|batch| {
        let Event::BundleChanged { body, .. } =
            batch.events.iter_mut().find(|event| event.body().is_some())?
        else {
            return None;
        };
        *body = digest;
        Some(&mut batch.bodies)
    });
    bodies.for_each(|bodies| bodies.push((digest, Arc::clone(&document))));
    let directory = tempfile::tempdir().unwrap();
    let store = stored(&watched, &directory.path().join("store")).await;
    let path = directory.path().join("store");
    let folder = directory.path().join("pack");
    let folder = folder.to_str().unwrap();
    let export = ["export", folder, "--store", path.to_str().unwrap()];
    let (code, text) = run(&export);
    assert_eq!(code, Some(0), "{text}");

    let checked = Command::new("sha256sum")
        .args(["--strict", "-c", "MANIFEST.sha256"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let kept =
        std::fs::read(format!("{folder}/bundles/{}.json", &digest.to_string()[7..])).unwrap();
    assert_eq!(kept, *document);
    let events = std::fs::read_to_string(format!("{folder}/events.jsonl")).unwrap();
    let mut last = String::new();
    for line in events.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(rehashed(&entry), entry["hash"], "{entry}");
        assert!(last.is_empty() || entry["previous"] == *last);
        last = entry["hash"].as_str().unwrap().to_owned();
    }
    let manifest = std::fs::read_to_string(format!("{folder}/MANIFEST.sha256")).unwrap();
    assert!(manifest.lines().next().unwrap().ends_with(&last), "{manifest}");

    let (code, text) = run(&export);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("exists"), "{text}");
    assert_eq!(std::fs::read_to_string(format!("{folder}/MANIFEST.sha256")).unwrap(), manifest);
    store.close().await.unwrap();
}
