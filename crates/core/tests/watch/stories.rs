//! Stories of one trust domain, told poll by poll on the pure core.

use std::net::IpAddr;
use std::time::Duration;

use crate::timeline::{Timeline, jwt, x509};
use anchorwatch_core::bundle::StatedNumber;
use anchorwatch_core::watch::{
    Event, Facts, FailureReason, LatestAnswer, Phase, Policy, PollInterval, TrustOrigin,
};

#[test]
fn the_first_bundle_is_the_baseline_and_every_key_in_it_is_on_record() {
    let story = Timeline::start().publishes(7, &["x:a", "j:b"]);
    story.expect(&[
        "first_contact",
        "authority_introduced",
        "authority_introduced",
        "bundle_changed",
    ]);
    let record = story.record(&x509("a"));
    assert_eq!(record.published.after, None, "it may have been published at any time");
    assert_eq!(record.published.until, story.now());
    assert_eq!(record.seen_phase(story.now()), Phase::Published);
}

#[test]
fn an_unchanged_poll_records_nothing_whatever_the_order_of_the_keys() {
    Timeline::start()
        .publishes(7, &["x:a", "j:b", "j:c"])
        .forget_events()
        .publishes(7, &["j:c", "x:a", "j:b"])
        .publishes(7, &["j:b", "j:c", "x:a"])
        .expect(&[]);
}

#[test]
fn publication_and_removal_lie_between_the_poll_before_and_the_poll_that_shows_them() {
    let story = Timeline::start().publishes(1, &["x:a"]).publishes(1, &["x:a"]);
    let before = story.now();
    let story = story.publishes(2, &["x:a", "j:b"]);
    let published = story.record(&jwt("b")).published;
    assert_eq!((published.after, published.until), (Some(before), story.now()));

    let last_with = story.now();
    let story = story.publishes(3, &["x:a"]);
    let removed = story.record(&jwt("b")).removed.unwrap();
    assert_eq!((removed.after, removed.until), (Some(last_with), story.now()));
    assert_eq!(story.record(&jwt("b")).seen_phase(story.now()), Phase::Removed);
}

#[test]
fn an_outage_neither_hides_nor_invents_a_change() {
    let story = Timeline::start().publishes(1, &["x:a"]).forget_events();
    let first_failure = story.now().saturating_add(story.wait());
    let story = story
        .fails(FailureReason::Connect)
        .fails(FailureReason::Connect)
        .fails(FailureReason::Timeout)
        .publishes(1, &["x:a"]);
    story.expect(&["failure_began", "failure_began", "recovered"]);
    let Event::Recovered { failures, since } = story.events().last().unwrap() else { panic!() };
    assert_eq!(*failures, 3);
    assert_eq!(*since, first_failure);

    // A change under cover of an outage has a bracket over the whole of it.
    let last_good = story.now();
    let story = story.fails(FailureReason::Dns).publishes(2, &["x:b"]);
    assert_eq!(story.record(&x509("b")).published.after, Some(last_good));
}

#[test]
fn a_key_that_returns_says_when_it_had_been_removed() {
    let story = Timeline::start()
        .publishes(1, &["x:a", "j:b"])
        .publishes(2, &["x:a"])
        .publishes(3, &["x:a", "j:b"]);
    let record = story.record(&jwt("b"));
    assert!(record.removed.is_none());
    assert!(record.returned_after.is_some());
}

#[test]
fn a_key_laid_aside_is_recalled_when_it_returns() {
    let story = Timeline::start().publishes(1, &["x:a", "j:old"]).publishes(2, &["x:a"]);
    let old = story.record(&jwt("old")).clone();
    // Enough removals and days go by for the facts to lay it aside.
    let mut story = story.skip(Duration::from_hours(48));
    for sequence in 3..40 {
        let name = format!("j:{sequence}");
        story = story.publishes(sequence, &["x:a", &name]);
    }
    assert!(story.facts().record(jwt("old").id).is_none(), "laid aside");
    let story = story.recalls(old).publishes(99, &["x:a", "j:old"]);
    assert!(story.record(&jwt("old")).returned_after.is_some());
}

#[test]
fn a_sequence_that_moves_alone_is_a_change_without_keys() {
    let story = Timeline::start().publishes(1, &["x:a"]).forget_events().publishes(2, &["x:a"]);
    story.expect(&["bundle_changed"]);
    let Event::BundleChanged { introduced, removed, sequence, .. } = &story.events()[0] else {
        panic!("{:?}", story.events())
    };
    assert!(introduced.is_empty() && removed.is_empty(), "{introduced:?} {removed:?}");
    assert_eq!(*sequence, StatedNumber::Given(2));
    assert_eq!(story.facts().bundle.high_water, Some(2));
}

#[test]
fn an_answer_that_steps_back_is_pending_until_two_polls_a_lag_apart_agree() {
    let story = Timeline::start().publishes(5, &["x:a", "j:b"]).forget_events();
    let story = story.publishes(4, &["x:a"]);
    story.expect(&["stepped_back"]);
    assert!(story.record(&jwt("b")).removed.is_none(), "the state stays as it was");
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::LastConfirmed);
    assert!(story.wait() >= story.policy().replica_lag, "polled again after the lag");

    let since = story.now();
    let story = story.publishes(4, &["x:a"]);
    story.expect(&["stepped_back", "step_back_confirmed", "bundle_changed", "authority_removed"]);
    assert_eq!(
        story.record(&jwt("b")).removed.unwrap().until,
        since,
        "it went at the first of them"
    );
    assert_eq!(story.facts().bundle.high_water, Some(5), "only a decision moves the mark");
    assert_eq!(story.facts().bundle.epoch, 1);
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::Latest);
}

#[test]
fn polls_closer_than_the_lag_do_not_confirm_a_step_back() {
    let story = Timeline::start().publishes(5, &["x:a", "j:b"]).publishes(4, &["x:a"]);
    let story = story.after(Duration::from_secs(1)).publishes(4, &["x:a"]);
    assert!(story.record(&jwt("b")).removed.is_none());
    assert_eq!(story.facts().bundle.epoch, 0);
}

#[test]
fn two_states_that_alternate_change_nothing_and_are_recorded_once() {
    let mut story = Timeline::start().publishes(5, &["x:a", "j:b"]).forget_events();
    for _ in 0..20 {
        story = story.publishes(4, &["x:a"]).publishes(5, &["x:a", "j:b"]);
    }
    story.expect(&["stepped_back"]);
    assert_eq!(story.facts().bundle.epoch, 0);
}

#[test]
fn a_key_never_seen_before_is_news_even_in_an_answer_that_steps_back() {
    let story = Timeline::start().publishes(5, &["x:a"]).forget_events();
    let before = story.now();
    let story = story.publishes(4, &["x:a", "j:rogue"]);
    story.expect(&["stepped_back", "unconfirmed_authority_seen"]);
    let seen_at = story.now();
    let story = story.publishes(6, &["x:a", "j:rogue"]);
    let published = story.record(&jwt("rogue")).published;
    assert_eq!((published.after, published.until), (Some(before), seen_at));
}

#[test]
fn without_a_sequence_an_older_state_is_a_step_back_and_a_new_one_is_not() {
    let story = Timeline::start()
        .publishes_unnumbered(&["x:a"])
        .publishes_unnumbered(&["x:a", "j:b"])
        .forget_events();
    story.clone().publishes_unnumbered(&["x:a"]).expect(&["stepped_back"]);
    story.publishes_unnumbered(&["x:a", "j:c"]).expect(&[
        "authority_introduced",
        "bundle_changed",
        "authority_removed",
    ]);
}

#[test]
fn an_absent_sequence_is_never_a_contradiction() {
    Timeline::start()
        .publishes(5, &["x:a"])
        .forget_events()
        .publishes_unnumbered(&["x:a", "j:b"])
        .expect(&["authority_introduced", "bundle_changed"]);
}

#[test]
fn an_empty_bundle_is_a_statement_and_the_last_keys_still_authenticate() {
    let story = Timeline::start().publishes(1, &["x:a", "x:b", "j:c"]).publishes(2, &[]);
    assert_eq!(story.facts().published().count(), 0);
    let trust = story.trust().unwrap();
    assert_eq!(trust.origin, TrustOrigin::LastConfirmed);
    assert_eq!(trust.authorities.len(), 2);
    // And it is the set of the last bundle that had one, not one that went long before.
    let story = story.publishes(3, &["x:d"]).publishes(4, &[]);
    let trust = story.trust().unwrap();
    let names: Vec<_> = trust.authorities.iter().map(|authority| authority.id).collect();
    assert_eq!(names, [x509("d").id]);
}

#[test]
fn a_bootstrap_file_counts_only_where_nothing_was_ever_stored() {
    let story = Timeline::start();
    assert!(story.trust().is_none());
    let domain = crate::timeline::trust_domain();
    let bootstrap = [std::sync::Arc::new(x509("boot"))];
    let trust = story.facts().trust(&domain, LatestAnswer::Confirmed, &bootstrap).unwrap();
    assert_eq!(trust.origin, TrustOrigin::Bootstrap);
    let story = story.publishes(1, &["x:a"]);
    let trust = story.facts().trust(&domain, LatestAnswer::Confirmed, &bootstrap).unwrap();
    assert_eq!((trust.origin, trust.authorities[0].id), (TrustOrigin::Latest, x509("a").id));
}

#[test]
fn an_operators_file_authenticates_until_the_next_good_poll() {
    let story = Timeline::start()
        .publishes(1, &["x:a"])
        .fails(FailureReason::UntrustedChain)
        .rebootstraps(&["x:new"]);
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::Rebootstrap);
    let story = story.publishes(2, &["x:new"]);
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::Latest);
    assert!(story.record(&x509("a")).removed.is_some(), "records stay: it is no new baseline");
}

/// A datastore that was restored brings a lower sequence: what the file authenticates steps back,
/// and is asked for again before it counts.
#[test]
fn an_operators_file_authenticates_while_what_it_authenticated_steps_back() {
    let story = Timeline::start()
        .publishes(7, &["x:a"])
        .fails(FailureReason::UntrustedChain)
        .rebootstraps(&["x:new"])
        .publishes(3, &["x:a", "x:new"]);
    assert!(story.state().poll_state.pending.is_some());
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::Rebootstrap);
    let story = story.after(Duration::from_mins(1)).publishes(3, &["x:a", "x:new"]);
    assert!(story.state().poll_state.pending.is_none());
    assert_eq!(story.trust().unwrap().origin, TrustOrigin::Latest);
}

#[test]
fn a_monitor_that_was_away_says_so_and_invents_nothing() {
    let story = Timeline::start().publishes(1, &["x:a"]).forget_events();
    let left = story.now();
    let story = story.after(Duration::from_hours(2)).publishes(1, &["x:a"]);
    story.expect(&["watch_gap"]);
    assert_eq!(story.facts().endpoint.last_gap.unwrap().after, Some(left));
    // Three intervals and a poll's own time are no gap.
    let just = story.interval() * 3;
    story.forget_events().after(just).publishes(1, &["x:a"]).expect(&[]);
}

#[test]
fn a_clock_that_is_stepped_invents_no_change() {
    let story = Timeline::start().publishes(1, &["x:a", "j:b"]).forget_events();
    let story = story.back(Duration::from_hours(1)).publishes(1, &["x:a", "j:b"]);
    story.expect(&["clock_stepped_back"]);
    let story = story.forget_events().publishes(2, &["x:a"]);
    let removed = story.record(&jwt("b")).removed.unwrap();
    assert!(removed.after <= Some(removed.until));
}

#[test]
fn replicas_that_alternate_each_activate_their_own_authority() {
    let story = Timeline::start()
        .publishes(1, &["x:a", "x:b"])
        .forget_events()
        .signed_by("a", 100)
        .publishes(1, &["x:a", "x:b"])
        .signed_by("b", 110)
        .publishes(1, &["x:a", "x:b"])
        .signed_by("a", 100)
        .publishes(1, &["x:a", "x:b"])
        .signed_by("a", 200)
        .publishes(1, &["x:a", "x:b"]);
    story.expect(&["authority_signed", "authority_signed"]);
    assert_eq!(story.state().poll_state.leaves.len(), 2);
    // The least notBefore bounds the activation; the latest leaf is what each poll renews.
    let signed = story.record(&x509("a")).signed.unwrap();
    assert_eq!(signed.validity.not_before.as_unix(), 100);
    story.signed_by("a", 90).publishes(1, &["x:a", "x:b"]).expect_last("authority_signed");
}

#[test]
fn the_highest_sequence_of_all_addresses_is_the_state_and_the_others_are_views() {
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let there: IpAddr = "127.0.0.2".parse().unwrap();
    let story = Timeline::start().publishes(1, &["x:a"]).forget_events();
    let story = story.answers(&[(here, 1, &["x:a"]), (there, 2, &["x:a", "j:b"])]);
    let told = ["authority_introduced", "bundle_changed", "networks_found", "address_differs"];
    story.expect(&told);
    let Event::AddressDiffers { address, .. } = story.events().last().unwrap() else { panic!() };
    assert_eq!(*address, here, "the one that lags is the view");
    // The same disagreement again is not news.
    story.forget_events().answers(&[(there, 2, &["x:a", "j:b"]), (here, 1, &["x:a"])]).expect(&[]);
}

/// A flood in an answer beside the state leaves the X.509 authority in it.
#[test]
fn unconfirmed_keys_of_one_use_do_not_push_out_those_of_another() {
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let there: IpAddr = "127.0.0.2".parse().unwrap();
    let story = Timeline::start().publishes(2, &["x:a"]);
    let mut names = vec!["x:rogue".to_owned(), "x:a".to_owned()];
    names.extend((0..200).map(|key| format!("j:{key}")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let story = story.answers(&[(here, 2, &["x:a"]), (there, 1, &names)]);
    let unconfirmed =
        |id| story.facts().authorities.unconfirmed.iter().any(|one| one.authority.id == id);
    assert!(unconfirmed(x509("rogue").id));
    assert_eq!(story.facts().authorities.unconfirmed.len(), 64 + 1);
    // A flood of its own use is counted.
    let names: Vec<String> = (0..100).map(|key| format!("x:{key}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let story = story.answers(&[(here, 2, &["x:a"]), (there, 1, &names)]);
    assert_eq!(story.facts().authorities.unconfirmed.len(), 64 + 64);
    let left_out: u64 = story.facts().ledger.left_out.iter().map(|left| left.count).sum();
    assert_eq!(left_out, 101 - 64);
}

#[test]
fn a_key_that_is_relabelled_is_the_same_key() {
    let story = Timeline::start().publishes(1, &["j:b"]).forget_events();
    let story = story.publishes(2, &["j:b=other-kid"]);
    story.expect(&["bundle_changed", "authority_relabelled"]);
    assert_eq!(story.record(&jwt("b")).authority.kid, Some("other-kid".into()));
}

#[test]
fn polls_come_faster_for_a_while_after_a_change_and_not_after_a_failure() {
    let story = Timeline::start().publishes(1, &["x:a"]);
    assert_eq!(story.wait().as_secs(), 15);
    let story = story.fails(FailureReason::Connect);
    assert_eq!(story.wait(), story.interval(), "Federation, 6.2: the next interval");
    let story = story.after(Duration::from_mins(6)).publishes(1, &["x:a"]);
    assert_eq!(story.wait(), Duration::from_secs(75));
    let every = Duration::from_secs(3);
    let policy = Policy { poll_interval: PollInterval::Every(every), ..Policy::default() };
    assert_eq!(story.under(policy).publishes(2, &["x:b"]).wait(), every);
}

#[test]
fn all_events_replayed_give_the_facts() {
    let story = Timeline::start()
        .publishes(1, &["x:a", "j:b"])
        .signed_by("a", 100)
        .publishes(2, &["x:a", "j:b", "j:c"])
        .fails(FailureReason::Status)
        .publishes(1, &["x:a"])
        .publishes(1, &["x:a"])
        .publishes(9, &[]);
    assert_eq!(Facts::replay(story.journal()), **story.facts());
}
