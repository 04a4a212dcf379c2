//! A denied key authenticates nothing: trust, whatever it comes from, and answers.

use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::{Authority, AuthorityId, Fingerprint, SvidType};
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::watch::{
    Budget, Event, Facts, Failure, FailureReason, JudgementPolicy, LatestAnswer, Policy,
    Rebootstrap, Standing, Trust, TrustOrigin,
};

use crate::timeline::{Timeline, authority, jwt, trust_domain, x509};

/// What authenticates, by name.
#[track_caller]
fn authenticates(trust: Option<&Trust>, origin: TrustOrigin, names: &[&str]) {
    let trust = trust.expect("there is trust");
    let mut ids: Vec<_> = trust.authorities.iter().map(|authority| authority.id).collect();
    let mut expected: Vec<_> = names.iter().map(|name| authority(name).id).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!((trust.origin, ids), (origin, expected));
}

/// Another certificate for the key of this authority.
fn other_certificate(of: &Authority) -> Authority {
    let fingerprint = Fingerprint::of(b"another certificate");
    let id = AuthorityId { svid_type: SvidType::X509, fingerprint };
    Authority { id, ..of.clone() }
}

fn denied_signer(name: &str) -> Failure {
    let denied = vec![x509(name).id.fingerprint];
    let failure = Failure::new(FailureReason::DeniedSigner, "as the story has it");
    Failure { denied, address: Some([192, 0, 2, 9].into()), ..failure }
}

fn approve(authority: &Authority) -> DecisionAction {
    DecisionAction::Approve { fingerprint: authority.id.fingerprint }
}

#[test]
fn the_latest_bundle_authenticates_without_what_is_denied_under_every_policy() {
    for judgement in [
        JudgementPolicy::Observe,
        JudgementPolicy::Lenient,
        JudgementPolicy::Scheduled,
        JudgementPolicy::Pinned,
    ] {
        let story = Timeline::start()
            .under(Policy { judgement, ..Policy::default() })
            .publishes(1, &["x:a", "x:rogue"]);
        authenticates(story.trust().as_ref(), TrustOrigin::Latest, &["x:a", "x:rogue"]);
        let story = story.denies(&x509("rogue"));
        authenticates(story.trust().as_ref(), TrustOrigin::Latest, &["x:a"]);
        // While an answer steps back, the last confirmed bundle counts.
        let story = story.publishes(2, &["x:a", "x:rogue", "j:b"]).publishes(1, &["x:a"]);
        authenticates(story.trust().as_ref(), TrustOrigin::LastConfirmed, &["x:a"]);
        // A replay of the journal gives the same, as a restart does.
        let facts = Facts::replay(story.journal());
        assert_eq!(facts.trust(&trust_domain(), LatestAnswer::StepsBack, &[]), story.trust());
        // A later approval with a reason overrides it.
        let story = story.decides(approve(&x509("rogue")));
        authenticates(story.trust().as_ref(), TrustOrigin::LastConfirmed, &["x:a", "x:rogue"]);
    }
}

#[test]
fn a_denial_of_another_certificate_for_the_key_binds() {
    let story = Timeline::start().publishes(1, &["x:a", "x:rogue"]);
    let story = story.denies(&other_certificate(&x509("rogue")));
    authenticates(story.trust().as_ref(), TrustOrigin::Latest, &["x:a"]);
    let story = story.decides(approve(&x509("rogue")));
    authenticates(story.trust().as_ref(), TrustOrigin::Latest, &["x:a", "x:rogue"]);
}

#[test]
fn a_key_that_was_denied_before_anyone_saw_it_is_bound_once_it_shows() {
    let unseen = Authority { public_key: None, ..x509("rogue") };
    let story = Timeline::start().publishes(1, &["x:a"]).denies(&unseen);
    let other = Arc::new(other_certificate(&x509("rogue")));
    // Its own bootstrap file tells the key, too.
    let bootstrap = [Arc::new(x509("rogue")), Arc::clone(&other)];
    let fresh = Timeline::start().denies(&unseen);
    let trust = fresh.facts().trust(&trust_domain(), LatestAnswer::Confirmed, &bootstrap).unwrap();
    assert!(trust.authorities.is_empty(), "{trust:?}");
    let story = story.publishes(2, &["x:a", "x:rogue"]);
    assert!(story.facts().decisions.denial(&other).is_some());
}

#[test]
fn where_all_of_a_bundle_is_denied_the_last_one_before_it_authenticates() {
    // An impostor became the state before anyone had denied its key.
    let story = Timeline::start().publishes(1, &["x:a"]).publishes(2, &["x:rogue"]);
    let story = story.denies(&x509("rogue"));
    authenticates(story.trust().as_ref(), TrustOrigin::LastConfirmed, &["x:a"]);
    // The rogue bundle that was emptied since is no better.
    let story = Timeline::start()
        .publishes(1, &["x:a"])
        .publishes(2, &["x:rogue"])
        .publishes(3, &["j:b"])
        .denies(&x509("rogue"));
    authenticates(story.trust().as_ref(), TrustOrigin::LastConfirmed, &["x:a"]);
}

#[test]
fn where_everything_is_denied_nothing_authenticates_and_the_trust_says_so() {
    let story = Timeline::start().publishes(1, &["x:a"]).denies(&x509("a"));
    let trust = story.trust_with(&["x:a", "x:boot"]).unwrap();
    assert!(trust.is_denied(), "the bootstrap file counts only before the first contact");
    let denied: Vec<_> = trust.denied.iter().map(|authority| authority.id).collect();
    assert_eq!(denied, [x509("a").id]);
    let story = story.fails(FailureReason::TrustDenied);
    assert_eq!(story.facts().endpoint.failure.as_ref().unwrap().reason, FailureReason::TrustDenied);
}

#[test]
fn a_bootstrap_file_authenticates_without_what_is_denied() {
    let story = Timeline::start().denies(&x509("rogue"));
    let trust = story.trust_with(&["x:rogue", "x:boot"]);
    authenticates(trust.as_ref(), TrustOrigin::Bootstrap, &["x:boot"]);
    assert!(story.trust_with(&["x:rogue"]).unwrap().is_denied());
    assert!(story.trust_with(&[]).is_none());
}

#[test]
fn an_operators_file_authenticates_without_what_is_denied() {
    let story = Timeline::start()
        .publishes(1, &["x:a"])
        .denies(&x509("rogue"))
        .fails(FailureReason::UntrustedChain)
        .rebootstraps(&["x:rogue", "x:new"]);
    authenticates(story.trust().as_ref(), TrustOrigin::Rebootstrap, &["x:new"]);
    // A denial after the file has no less effect.
    let story = story.denies(&x509("new"));
    authenticates(story.trust().as_ref(), TrustOrigin::Latest, &["x:a"]);
}

#[test]
fn a_rebootstrap_approves_what_its_file_lists_and_nobody_denied() {
    let story = Timeline::start().publishes(1, &["x:a"]).denies(&x509("rogue"));
    let file = |names: &[&str]| names.iter().map(|name| Arc::new(authority(name))).collect();
    let other = Arc::new(other_certificate(&x509("rogue")));
    let mut listed: Vec<_> = file(&["x:new", "x:rogue", "j:b"]);
    listed.push(Arc::clone(&other));
    let plan =
        Rebootstrap::plan(story.facts(), listed, &"j.doe".into(), &"CHG-1".into(), None).unwrap();
    assert_eq!(plan.denied, [x509("rogue").id, other.id]);
    assert_eq!(plan.authorities, 1);
    let decided = |event: &Event| {
        let Event::Decided { decision } = event else { panic!("{event:?} is no decision") };
        decision.action.clone()
    };
    let approved: Vec<_> = plan.events[1..].iter().map(decided).collect();
    assert_eq!(approved, [approve(&x509("new")), approve(&authority("j:b"))]);
    let refused = Rebootstrap::plan(
        story.facts(),
        file(&["x:rogue", "j:b"]),
        &"j.doe".into(),
        &"".into(),
        None,
    );
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&x509("rogue").id.fingerprint.to_string()), "{refused}");
}

#[test]
fn a_trust_domain_that_serves_another_ones_endpoint_trusts_by_both_domains_denials() {
    let server = Timeline::start().publishes(1, &["x:a", "x:rogue"]);
    let other_domain = Timeline::start().denies(&x509("rogue"));
    let trust = server.trust().unwrap().without(other_domain.facts().decisions.denials());
    authenticates(Some(&trust), TrustOrigin::Latest, &["x:a"]);
    assert_eq!(trust.denied.len(), 1);
    let rogue = x509("rogue");
    assert!(trust.denial(rogue.id.fingerprint, rogue.public_key).is_some());
    let other = other_certificate(&rogue);
    assert!(trust.denial(other.id.fingerprint, other.public_key).is_some());
}

/// A poll may be on its way while an operator decides: its answer was verified by what held then.
#[test]
fn an_answer_that_rests_on_a_key_denied_meanwhile_is_a_failed_poll() {
    let story =
        Timeline::start().publishes(1, &["x:a", "x:rogue"]).denies(&x509("rogue")).forget_events();
    let before = story.facts().clone();
    let story = story.signed_by("rogue", 1_800_000_000).publishes(2, &["x:rogue", "j:rogue"]);
    story.expect(&["denied_signer_seen", "failure_began"]);
    assert_eq!(story.facts().bundle.confirmed, before.bundle.confirmed);
    assert_eq!(story.facts().authorities.records, before.authorities.records);
    let run = story.facts().endpoint.failure.as_ref().unwrap();
    assert_eq!(run.reason, FailureReason::DeniedSigner);
    assert_eq!(run.denied, [x509("rogue").id.fingerprint]);
    assert_eq!(story.facts().endpoint.denied_signers[0].authority, x509("rogue").id);
    let story = story.forget_events().signed_by("a", 1_800_000_000).publishes(2, &["x:a"]);
    story.expect(&["recovered", "bundle_changed", "authority_removed", "authority_signed"]);
}

#[test]
fn a_denied_key_is_noted_once_beside_good_answers_and_until_it_is_quiet() {
    let story = Timeline::start()
        .publishes(1, &["x:a", "x:rogue"])
        .denies(&x509("rogue"))
        .forget_events()
        .answers_beside(1, &["x:a", "x:rogue"], [denied_signer("rogue")])
        .answers_beside(1, &["x:a", "x:rogue"], [denied_signer("rogue")]);
    story.expect(&["denied_signer_seen", "networks_found"]);
    assert!(story.facts().endpoint.failure.is_none(), "the other address answers well");
    assert_eq!(story.facts().endpoint.denied_signers[0].address, Some([192, 0, 2, 9].into()));
    let replayed = Facts::replay(story.journal());
    assert_eq!(replayed.endpoint.denied_signers, story.facts().endpoint.denied_signers);
    let quiet = story.interval() * 10;
    let began = story.now();
    let mut story = story.forget_events().publishes(1, &["x:a", "x:rogue"]);
    while story.events().is_empty() {
        assert!(story.now().since(began).unwrap() <= quiet + story.interval(), "it never ends");
        story = story.publishes(1, &["x:a", "x:rogue"]);
    }
    story.expect(&["denied_signer_gone"]);
    assert!(quiet <= story.now().since(began).unwrap());
    assert!(story.facts().endpoint.denied_signers.is_empty());
}

#[test]
fn a_denied_key_that_was_the_last_to_answer_stays_noted() {
    let mut story = Timeline::start()
        .publishes(1, &["x:a", "x:rogue"])
        .denies(&x509("rogue"))
        .fails_with(denied_signer("rogue"));
    for _ in 0..30 {
        story = story.after(Duration::from_mins(5)).fails(FailureReason::Connect);
    }
    assert_eq!(story.facts().endpoint.denied_signers.len(), 1);
    let story = story.decides(approve(&x509("rogue")));
    assert!(story.facts().endpoint.denied_signers.is_empty(), "an approval overrides the denial");
}

#[test]
fn a_spent_budget_hides_no_denied_key() {
    let daily_budget = Budget { events: 1, bytes: 1 };
    let story = Timeline::start()
        .under(Policy { daily_budget, ..Policy::default() })
        .publishes(1, &["x:a", "x:rogue"])
        .denies(&x509("rogue"))
        .publishes(2, &["x:a"])
        .forget_events()
        .fails_with(denied_signer("rogue"));
    assert!(story.facts().spent.exceeded);
    assert_eq!(story.events()[0].name(), "denied_signer_seen", "{:?}", story.events());
    assert_eq!(story.facts().endpoint.denied_signers.len(), 1);
}

#[test]
fn what_an_endpoint_makes_up_is_bounded() {
    let mut story = Timeline::start().publishes(1, &["x:a"]);
    let names: Vec<String> = (0..40).map(|number| format!("r{number}")).collect();
    for name in &names {
        story = story.denies(&x509(name));
    }
    let story = story.answers_beside(1, &["x:a"], names.iter().map(|name| denied_signer(name)));
    assert_eq!(story.facts().endpoint.denied_signers.len(), 16);
    assert_eq!(story.state().poll_state.denied_signers.len(), 16);
    let story = story.forget_events();
    let story = story.answers_beside(1, &["x:a"], names.iter().map(|name| denied_signer(name)));
    story.expect(&[]);
}

/// Who signed is told by the key, so its certificate is kept for as long as the denial holds.
#[test]
fn a_denied_authority_is_not_laid_aside() {
    let mut story = Timeline::start()
        .publishes(1, &["x:a", "x:rogue"])
        .denies(&x509("rogue"))
        .publishes(2, &["x:a"]);
    for sequence in 3..30 {
        let name = format!("x:n{sequence}");
        story = story.after(Duration::from_hours(24)).publishes(sequence, &["x:a", &name]);
    }
    assert!(story.facts().record(x509("n3").id).is_none(), "others are");
    assert!(story.facts().record(x509("rogue").id).is_some());
    let trust = story.trust().unwrap();
    assert!(trust.denied.iter().any(|authority| authority.id == x509("rogue").id));
}

/// Whether its removal is still among the facts or only in the archive.
#[test]
fn a_denied_key_that_returns_is_denied() {
    let old = jwt("old");
    let story = Timeline::start().publishes(1, &["x:a", "j:old"]).denies(&old);
    let mut story = story.publishes(2, &["x:a"]);
    let laid_aside = story.record(&old).clone();
    story = story.skip(Duration::from_hours(48));
    for sequence in 3..40 {
        let name = format!("j:{sequence}");
        story = story.publishes(sequence, &["x:a", &name]);
    }
    if story.facts().record(old.id).is_none() {
        story = story.recalls(laid_aside);
    }
    let story = story.publishes(99, &["x:a", "j:old"]);
    assert!(story.record(&old).returned_after.is_some());
    assert_eq!(story.record(&old).standing, Some(Standing::Denied));
}

/// One that was denied while nothing but the archive knew it, too.
#[test]
fn a_key_that_was_denied_after_it_had_gone_is_denied_when_it_returns() {
    let old = jwt("old");
    let story = Timeline::start().publishes(1, &["x:a", "j:old"]).publishes(2, &["x:a"]);
    let laid_aside = story.record(&old).clone();
    let mut story = story.skip(Duration::from_hours(48));
    for sequence in 3..40 {
        let name = format!("j:{sequence}");
        story = story.publishes(sequence, &["x:a", &name]);
    }
    assert!(story.facts().record(old.id).is_none(), "laid aside");
    let story = story.denies(&old).recalls(laid_aside).publishes(99, &["x:a", "j:old"]);
    assert_eq!(story.record(&old).standing, Some(Standing::Denied));
}
