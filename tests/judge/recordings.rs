//! Recordings of real SPIRE servers, each with what a good judge says of it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::bundle::consumer::Consumer;
use anchorwatch::finding::{FindingKind as F, Severity, Severity::*};
use anchorwatch::replay::{Change, Replay, Report, Rules};
use anchorwatch::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch::watch::{BaselinePolicy, Policy, PollInterval};

/// What was raised, with its severity, and the verdicts: safe, violated and undecidable.
struct Judged {
    raised: Vec<(F, Severity)>,
    verdicts: [usize; 3],
    /// The evidence of all of it.
    evidence: String,
}

/// The servers had a `ca_ttl` of six minutes, and a day was six minutes too: the policy is scaled
/// to match.
fn judged(name: &str, longest_token: Duration) -> Judged {
    let seconds = Duration::from_secs;
    let policy = Arc::new(Policy {
        poll_interval: PollInterval::Every(seconds(3)),
        max_jwt_svid_ttl: Some(longest_token),
        max_x509_svid_ttl: Some(seconds(60)),
        clock_skew: seconds(5),
        validator_leeway: Duration::ZERO,
        replica_lag: seconds(10),
        consumers: vec![Consumer::Cache(seconds(30))],
        baseline: BaselinePolicy::TrustOnFirstUse,
        ..Policy::default()
    });
    let rules = move |name: &TrustDomain| {
        let endpoint_spiffe_id = format!("spiffe://{name}/spire/server").parse().ok()?;
        let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id };
        let url = format!("https://{name}").parse().ok()?;
        let endpoint = BundleEndpoint { trust_domain: name.clone(), url, profile };
        Some(Rules { policy: Arc::clone(&policy), endpoint, decisions: Vec::new() })
    };
    let mut replay = Replay::new(rules);
    let mut judged = Judged { raised: Vec::new(), verdicts: [0; 3], evidence: String::new() };
    let path = format!("tests/data/spire/{name}.observations.jsonl");
    for line in fs::read_to_string(path).unwrap().lines() {
        for report in replay.take(line).unwrap() {
            match report {
                Report::Finding { finding, severity, evidence, change: Change::Raised, .. } => {
                    judged.evidence.extend(evidence);
                    judged.raised.push((finding, severity));
                }
                Report::Finding { .. } => (),
                Report::Verdict { verdict, .. } => {
                    let labels = ["safe", "violated", "undecidable"];
                    judged.verdicts[labels.iter().position(|one| *one == verdict).unwrap()] += 1;
                }
            }
        }
    }
    judged
}

#[test]
fn a_server_that_rotates_is_quiet_and_every_hand_over_is_safe() {
    let one = judged("clean1", Duration::from_secs(30));
    assert_eq!((&*one.raised, one.verdicts), (&[][..], [22, 0, 0]));
}

#[test]
fn three_replicas_that_rotate_are_quiet() {
    let three = judged("clean3", Duration::from_secs(30));
    assert_eq!((&*three.raised, three.verdicts), (&[][..], [63, 0, 0]));
}

/// The prepared key that was thrown away is an orphan, and its lineage is not overdue.
#[test]
fn a_forced_rotation_and_its_hasty_revocation_are_told_and_nothing_is_overdue() {
    let forced = judged("forced", Duration::from_mins(5));
    let said = [
        (F::UnexpectedAuthority, Critical),
        (F::HiddenChange, Warning),
        (F::RotationViolated, Warning),
        (F::InFlightRisk, Critical),
        (F::EarlyRemoval, Warning),
    ];
    assert_eq!((&*forced.raised, forced.verdicts), (&said[..], [7, 1, 1]));
    assert!(forced.evidence.contains("reads like a forced rotation"));
}

#[test]
fn planted_keys_are_told_at_their_polls() {
    let rogue = judged("rogue", Duration::from_secs(30));
    let said = [(F::UnexpectedAuthority, Critical); 2];
    assert_eq!((&*rogue.raised, rogue.verdicts), (&said[..], [10, 0, 0]));
    assert!(rogue.evidence.contains("the longest-lived of its siblings"), "{}", rogue.evidence);
}

/// Nothing is overdue. That the new keys are the only ones with a life ahead, and that the new root
/// signed at once, is true and told beside them.
#[test]
fn servers_that_lost_their_keys_are_told_as_restarts() {
    let lost = judged("lost_keys", Duration::from_secs(30));
    let said = [
        (F::UnexpectedAuthority, Critical),
        (F::UnexpectedAuthority, Critical),
        (F::AuthorityLifetime, Warning),
        (F::UnexpectedAuthority, Critical),
        (F::UnexpectedAuthority, Critical),
        (F::RotationViolated, Warning),
    ];
    assert_eq!((&*lost.raised, lost.verdicts), (&said[..], [6, 1, 1]));
    assert!(lost.evidence.contains("reads like a restart with lost keys"));
}
