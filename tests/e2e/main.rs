//! From a published key to a person: real Prometheus, a cluster of two real Alertmanagers, the
//! daemon, scripted endpoints and a webhook.
//!
//! Rules, routes and inhibitions are those of `alerts/`; scrapes and evaluations come each second.

#![cfg(test)]
#![cfg(feature = "demo")]
#![allow(clippy::print_stdout, reason = "what was measured is for whoever runs it")]

#[path = "../support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;
mod programs;
mod stack;
mod webhook;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority};
use anchorwatch_core::alerts::alerts;
use process::{Partner, document};
use stack::Stack;
use webhook::Alert;

/// How often the issuers of the last story publish a key.
const INTERVAL: Duration = Duration::from_secs(10);
const UNEXPECTED: &str = "AnchorwatchUnexpectedAuthority";

fn unexpected(trust_domain: &'static str) -> Alert {
    Alert { name: UNEXPECTED, trust_domain }
}

fn key() -> JwtAuthority {
    JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap()
}

/// Publishes a JWT key beside the one that is there, out of turn.
fn plant(stack: &Stack, place: usize) -> Instant {
    let partner = &stack.partners[place];
    let bundle = document(&[&partner.authority], &[&partner.key, &key()], 2);
    let published = Instant::now();
    partner.endpoint.serve(bundle);
    published
}

fn approve(stack: &Stack, of: &Alert) {
    let finding = stack.finding(of, "unexpected_authority").unwrap();
    let key = finding["fingerprint"].as_str().unwrap();
    let output = stack.run(&["approve", key, "--by=j.doe", "--reason=CHG-1", "--yes"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until nothing is left of an alert, which paged once and was resolved.
fn ends(stack: &Stack, of: &Alert) {
    stack.told(of, "resolved");
    stack.until("it is over", |all| all.is_over(of));
    stack.paged_once(of);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rogue_key_pages_once_by_push_mutes_the_rules_twin_and_ends_by_an_approval() {
    let stack = Stack::start(&[("b.example", "")], true).await;
    let rogue = unexpected("b.example");
    let published = plant(&stack, 0);
    let page = stack.told(&rogue, "firing");
    let [alert] = page.alerts(&rogue, "firing")[..] else { panic!("{page:#?}") };
    assert_eq!(alert["labels"]["source"], "push", "{page:#?}");
    assert_eq!(page.receiver, "pager");
    println!("publish to webhook by push: {:.1?}", page.at.duration_since(published));
    stack.until("the twin is muted", |all| all.twin_is_muted(&rogue));
    stack.paged_once(&rogue);

    every_metric_of_a_rule_is_scraped(&stack);
    both_formats_store_the_same_series(&stack);

    approve(&stack, &rogue);
    ends(&stack, &rogue);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rogue_key_pages_once_by_rule_where_nothing_is_pushed() {
    let stack = Stack::start(&[("b.example", "")], false).await;
    let rogue = unexpected("b.example");
    let published = plant(&stack, 0);
    let page = stack.told(&rogue, "firing");
    let [alert] = page.alerts(&rogue, "firing")[..] else { panic!("{page:#?}") };
    assert_eq!(alert["labels"]["job"], "anchorwatch", "{page:#?}");
    assert_eq!(page.receiver, "pager");
    println!("publish to webhook by rule: {:.1?}", page.at.duration_since(published));
    approve(&stack, &rogue);
    ends(&stack, &rogue);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_paged_is_not_paged_again_when_everything_is_killed_and_comes_back() {
    let mut stack = Stack::start(&[("b.example", ""), ("c.example", "")], true).await;
    let (rogue, second) = (unexpected("b.example"), unexpected("c.example"));
    plant(&stack, 0);
    stack.told(&rogue, "firing");
    stack.until("the twin is muted", |all| all.twin_is_muted(&rogue));

    // An Alertmanager comes back without any alert, and hears of the rule's before it hears of the
    // pushed one, or after.
    stack.alertmanagers[0].kill();
    stack.alertmanagers[0].start_again();
    stack.until("an Alertmanager is up again", Stack::is_up);
    stack.until("the twin is muted by it again", |all| all.twin_is_muted(&rogue));

    // The other one, and all else, at once.
    drop(stack.daemon.take());
    stack.prometheus.kill();
    stack.alertmanagers[1].kill();
    stack.alertmanagers[1].start_again();
    stack.prometheus.start_again();
    stack.start_daemon();
    stack.until("all is up again", Stack::is_up);
    stack.until("the twin is muted again", |all| all.twin_is_muted(&rogue));

    // What comes now comes through.
    plant(&stack, 1);
    stack.told(&second, "firing");
    stack.until("the twin is muted", |all| all.twin_is_muted(&second));
    stack.paged_once(&rogue);
    stack.paged_once(&second);
    for one in [&rogue, &second] {
        approve(&stack, one);
    }
    for one in [&rogue, &second] {
        ends(&stack, one);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_removal_pages_and_ends_by_itself_and_so_does_a_stall_page() {
    let issuer = "max_jwt_svid_ttl: 20s\n    issuer: {declared: {interval: 10s, lead: 1s}}";
    let stack =
        Stack::start(&[("careless.example", issuer), ("stalled.example", issuer)], true).await;
    let [careless, stalled] = &stack.partners[..] else { panic!("two partners") };
    let serve = |partner: &Partner, keys: &[&JwtAuthority], sequence: u64| {
        let keys = [&[&partner.key], keys].concat();
        partner.endpoint.serve(document(&[&partner.authority], &keys, sequence));
    };
    let [first, second] = [key(), key()];
    let began = tokio::time::Instant::now();
    serve(careless, &[&first], 2);
    serve(stalled, &[&key()], 2);
    tokio::time::sleep_until(began + INTERVAL).await;
    serve(careless, &[&first, &second], 3);
    stack.until("the next key is seen", |all| {
        all.daemon.as_ref().unwrap().domain("careless.example")["sequence"] == 3
    });

    // Its tokens of up to 20 s die with it.
    let risk = Alert { name: "AnchorwatchInFlightRisk", trust_domain: "careless.example" };
    serve(careless, &[&second], 4);
    let page = stack.told(&risk, "firing");
    assert_eq!(page.alerts(&risk, "firing")[0]["labels"]["severity"], "critical");
    assert_eq!(page.receiver, "pager");

    // Nothing came on the other's date.
    let overdue = Alert { name: "AnchorwatchRotationOverdue", trust_domain: "stalled.example" };
    let page = stack.told(&overdue, "firing");
    assert_eq!(page.alerts(&overdue, "firing")[0]["labels"]["severity"], "critical");
    assert_eq!(page.receiver, "pager");

    ends(&stack, &risk);
}

fn every_metric_of_a_rule_is_scraped(stack: &Stack) {
    let text: String = alerts().into_iter().map(|alert| alert.expr).collect();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| word.starts_with("anchorwatch_") || word.starts_with("process_");
    let named: BTreeSet<&str> = words.filter(ours).collect();
    assert!(10 < named.len(), "{named:?}");
    // A gauge that stands only while something is left out, which the rule's own tests write.
    for name in named.into_iter().filter(|name| *name != "anchorwatch_findings_dropped") {
        let selector = format!("{name}{{job=\"anchorwatch\"}}");
        stack.until(name, |all| !all.series(&selector).is_empty());
    }
}

fn both_formats_store_the_same_series(stack: &Stack) {
    let of = |all: &Stack, job: &str| -> BTreeSet<String> {
        let series = all.series(&format!("{{job=\"{job}\",__name__!=\"\"}}"));
        let label = format!("\"job\":\"{job}\"");
        series.into_iter().map(|one| one.replace(&label, "\"job\":\"\"")).collect()
    };
    // A new series may come between two scrapes.
    stack.until("the formats store the same", |all| {
        let (open, classic) = (of(all, "anchorwatch"), of(all, "classic"));
        let rule = |one: &&String| one.contains("\"ALERTS");
        let open: BTreeSet<_> = open.iter().filter(|one| !rule(one)).cloned().collect();
        100 < open.len() && open == classic
    });
    println!("{} series, the same in both formats", of(stack, "classic").len());
}
