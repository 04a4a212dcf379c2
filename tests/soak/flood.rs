//! A partner that publishes hundreds of new keys with every poll, and a rogue X.509 authority among
//! them: the rogue one is raised under its own name, the daemon's memory stays flat, and an impostor
//! that answers once the daily budget is spent is found.

use std::time::Duration;

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca};
use anchorwatch_core::bundle::{Fingerprint, Validity};
use anchorwatch_core::time::Clock as _;
use serde_json::Value;

use crate::process::{Partner, Process, anchorwatch, configure, document, hour, id};
use crate::repetitions;

/// New keys with each change of the bundle.
const KEYS: usize = 500;
/// How long the rogue authority is published: its poll is due each second.
const ROGUE_FOR: usize = 4;
/// What the daemon may take beyond what it took once the flood was under way, in KiB.
const MORE_MEMORY: u64 = 96 << 10;

#[test]
fn a_rogue_authority_in_a_flood_of_keys_is_raised_under_its_own_name() {
    let rounds = repetitions(120, 8);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let flooded = runtime.block_on(Partner::start("flood.example"));
    let calm = runtime.block_on(Partner::start("calm.example"));
    let relationships = [&flooded, &calm].map(|partner| partner.relationship(folder.path()));
    let config = configure(folder.path(), &relationships);
    // The daily budget is the default in full, and as much less where there are fewer rounds.
    let limits = format!("limits: {{daily_events: {}}}\n", rounds * KEYS / 3);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, limits + &text).unwrap();
    let daemon = Process::start(&config);
    for name in ["flood.example", "calm.example"] {
        daemon.until("up", |daemon| daemon.domain(name)["up"] == true);
    }

    let domain = "flood.example".parse().unwrap();
    let rogue = X509Ca::mint(&domain, ten_years(), DemoKeyAlgorithm::EcP256).unwrap();
    let appears = rounds / 2;
    let (mut sequence, mut published, mut memory) = (1, 0, None);
    for round in 0..rounds {
        let junk: Vec<JwtAuthority> =
            (0..KEYS).map(|_| JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap()).collect();
        let keys: Vec<&JwtAuthority> = junk.iter().chain([&flooded.key]).collect();
        let mut authorities = vec![&flooded.authority];
        if (appears..appears + ROGUE_FOR).contains(&round) {
            authorities.push(&rogue);
        }
        sequence += 1;
        flooded.endpoint.serve(document(&authorities, &keys, sequence));
        published += KEYS;
        let asked = flooded.endpoint.requests();
        daemon.until("polled", |_| asked + 1 < flooded.endpoint.requests());
        if round == rounds / 4 {
            memory = Some(daemon.resident_kib());
        }
    }
    let subject = Fingerprint::of(rogue.certificate()).short();
    let raised = journaled_finding(&config, &subject);
    assert_eq!(raised["severity"], "critical", "{raised:#}");
    let open: Vec<Value> = daemon.findings();
    let of_rogue = open.iter().find(|one| one["subject"] == subject.as_str());
    assert!(of_rogue.is_some(), "the rogue authority is not among the open findings");
    let label = format!("subject=\"{subject}\"");
    let metrics = daemon.try_text("/metrics").unwrap();
    assert!(
        metrics.lines().any(|line| line.contains(&label) && line.ends_with(" 1")),
        "no series is about the rogue authority"
    );
    assert_eq!(daemon.domain("calm.example")["up"], true);
    let impostor = X509Ca::mint(&domain, ten_years(), DemoKeyAlgorithm::EcP256).unwrap();
    flooded.endpoint.present(&impostor.svid(&id("flood.example"), hour()).unwrap());
    for kind in ["churn", "endpoint_unauthenticated", "source_stale"] {
        daemon.until(kind, |daemon| daemon.findings().iter().any(|one| one["kind"] == kind));
    }
    let (before, after) = (memory.unwrap(), daemon.resident_kib());
    assert!(after < before + MORE_MEMORY, "{before} KiB, later {after} KiB");
    drop(daemon);
    let verify = anchorwatch(&config, &["store", "verify"]).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    println!(
        "{published} new keys and a rogue authority among them, which was raised; memory {} MiB in \
         the first quarter, {} MiB at the end",
        before >> 10,
        after >> 10
    );
}

fn ten_years() -> Validity {
    let now = SystemClock.now();
    Validity {
        not_before: now.saturating_sub(Duration::from_secs(10)),
        not_after: now.saturating_add(Duration::from_hours(10 * 365 * 24)),
    }
}

/// The finding about this subject, as it was journaled when it was raised.
fn journaled_finding(config: &std::path::Path, subject: &str) -> Value {
    let arguments = ["events", "--kind", "finding_raised", "--limit", "10000", "--output", "json"];
    let output = anchorwatch(config, &arguments).output().unwrap();
    let events: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    let about = |event: &&Value| event["finding"]["subject"] == subject;
    let raised = events.iter().find(about).map(|event| event["finding"].clone());
    raised.unwrap_or_else(|| panic!("no finding about {subject} among {} raised", events.len()))
}
