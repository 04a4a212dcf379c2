//! Recordings of real SPIRE servers, each with what a good judge says of it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{ParseLimits, SvidType};
use anchorwatch_core::judge::VerdictKind;
use anchorwatch_core::replay::{Change, Replay, ReplayReport, Rules};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch_core::watch::{BaselinePolicy, Policy, PollInterval};

/// What was said, a line each: when, what became of which finding, its use, its subject's first
/// digits and how urgent it is; and the verdicts: safe, violated and undecidable.
struct Judged {
    said: Vec<String>,
    x509: [usize; 3],
    jwt: [usize; 3],
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
    let mut replay = Replay::new(rules, anchorwatch_consumers::refusals, ParseLimits::default());
    let mut judged =
        Judged { said: Vec::new(), x509: [0; 3], jwt: [0; 3], evidence: String::new() };
    let path = format!("../../tests/data/spire/{name}.observations.jsonl");
    for line in fs::read_to_string(path).unwrap().lines() {
        for report in replay.judge_line(line).unwrap() {
            match report {
                ReplayReport::Finding {
                    at,
                    finding,
                    svid_type,
                    subject,
                    severity,
                    change,
                    evidence,
                    ..
                } => {
                    let change = match change {
                        Change::Raised => "+",
                        Change::Cleared => "-",
                        Change::Severity => "=",
                    };
                    let time = &at.to_string()[11..19];
                    let of = svid_type.map_or("-", SvidType::label);
                    let about: String = subject.as_received().chars().take(10).collect();
                    judged.said.push(format!("{time} {change}{finding} {of} {about} {severity}"));
                    judged.evidence.extend(evidence.into_iter().map(|one| one.text));
                }
                ReplayReport::Verdict { svid_type, verdict, .. } => {
                    let tally = if svid_type == SvidType::X509 {
                        &mut judged.x509
                    } else {
                        &mut judged.jwt
                    };
                    let place = VerdictKind::LABELS.iter().position(|one| *one == verdict).unwrap();
                    tally[place] += 1;
                }
            }
        }
    }
    judged
}

#[test]
fn a_server_that_rotates_is_quiet_and_every_hand_over_is_safe() {
    let one = judged("clean1", Duration::from_secs(30));
    assert_eq!(one.said, [""; 0]);
    assert_eq!((one.x509, one.jwt), ([11, 0, 0], [11, 0, 0]));
}

#[test]
fn three_replicas_that_rotate_are_quiet() {
    let three = judged("clean3", Duration::from_secs(30));
    assert_eq!(three.said, [""; 0]);
    // Which key followed each of the three that were there at first is not known.
    assert_eq!((three.x509, three.jwt), ([33, 0, 0], [30, 0, 3]));
}

/// The prepared key that was thrown away is an orphan, and its lineage is not overdue. The risk
/// ends with the key's own life, before the five-minute token would.
#[test]
fn a_forced_rotation_and_its_hasty_revocation_are_told_and_nothing_is_overdue() {
    let forced = judged("forced", Duration::from_mins(5));
    let said = [
        // Prepared at 22:10:03, tainted at 22:10:54, revoked at 22:11:09.
        "22:10:04 +unexpected_authority jwt-svid 8475e40509 critical",
        "22:10:56 +hidden_change - sequence 9 warning",
        "22:11:11 +in_flight_risk jwt-svid ea47bc4e8f critical",
        "22:11:11 +early_removal jwt-svid ea47bc4e8f warning",
        "22:11:11 +rotation_violated jwt-svid ea47bc4e8f warning",
        "22:12:14 -in_flight_risk jwt-svid ea47bc4e8f critical",
    ];
    assert_eq!(forced.said, said);
    assert_eq!((forced.x509, forced.jwt), ([4, 0, 0], [3, 1, 1]));
    assert!(forced.evidence.contains("Possible causes are a forced rotation"));
    assert!(forced.evidence.contains("57 % to 99 %"), "{}", forced.evidence);
}

#[test]
fn planted_keys_are_told_at_their_polls() {
    let rogue = judged("rogue", Duration::from_secs(30));
    let said = [
        // Appended at 22:10:47 and 22:15:47.
        "22:10:49 +unexpected_authority jwt-svid 924978c71b critical",
        "22:15:49 +unexpected_authority x509-svid bdee50ddeb critical",
    ];
    assert_eq!(rogue.said, said);
    assert_eq!((rogue.x509, rogue.jwt), ([5, 0, 0], [5, 0, 0]));
    assert!(
        rogue.evidence.contains("the longest of this trust domain's other authorities"),
        "{}",
        rogue.evidence
    );
}

/// Nothing is overdue. That the new keys are the only ones with a life ahead, and that the new root
/// signed at once, is true and told beside them.
#[test]
fn servers_that_lost_their_keys_are_told_as_restarts() {
    let lost = judged("lost_keys", Duration::from_secs(30));
    let said = [
        // Started again at 22:08:12 and 22:15:17.
        "22:08:14 +unexpected_authority x509-svid 32903123be critical",
        "22:08:14 +unexpected_authority jwt-svid 6e91f92a62 critical",
        "22:10:36 +authority_lifetime x509-svid 0f080796ae warning",
        "22:11:15 -authority_lifetime x509-svid 0f080796ae warning",
        "22:15:18 +unexpected_authority jwt-svid f62d9e2ac2 critical",
        "22:15:18 +unexpected_authority x509-svid 835bed32e9 critical",
        "22:18:18 +rotation_violated x509-svid 0f080796ae warning",
    ];
    assert_eq!(lost.said, said);
    assert_eq!((lost.x509, lost.jwt), ([3, 1, 0], [3, 0, 1]));
    assert_eq!(
        lost.evidence
            .matches("Possible causes are a server that restarted without its keys")
            .count(),
        4
    );
}
