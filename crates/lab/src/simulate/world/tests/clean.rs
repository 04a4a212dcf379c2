//! A world to which nothing happens is what was measured on real servers
//! (docs/rotation-model.md#measured-behaviour).

use std::sync::Arc;

use super::*;

/// The dates of the publications of each chain, in true time.
fn chains(watched: &Watched) -> BTreeMap<(SvidType, u16), Vec<Timestamp>> {
    let mut chains: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (at, authority, replica) in watched.publications(PublicationCause::Scheduled) {
        chains.entry((authority.svid_type, replica.unwrap())).or_default().push(at);
    }
    chains
}

#[test]
fn chains_keep_their_periods_and_drift_as_measured() {
    let (mut jwt, mut x509) = ((0, 0), (0, 0));
    for seed in 0..4 {
        let watched = Watched::new(&clean(3, hours(24), 60), seed);
        let chains = chains(&watched);
        assert_eq!(chains.len(), 6);
        for ((svid_type, _), publications) in chains {
            assert!((118..=121).contains(&publications.len()), "{}", publications.len());
            for pair in publications.windows(2) {
                let over = pair[1]
                    .since(pair[0])
                    .unwrap()
                    .checked_sub(hours(12).saturating_sub(Duration::from_millis(1500)));
                let slipped = usize::from(Duration::from_secs(8) < over.unwrap());
                assert!(over.unwrap() < Duration::from_secs(13), "{over:?}");
                let count = if svid_type == SvidType::Jwt { &mut jwt } else { &mut x509 };
                *count = (count.0 + slipped, count.1 + 1);
            }
        }
    }
    // docs/rotation-model.md#measured-behaviour: 98 of 142 and 1 of 144.
    let (share, all) = jwt;
    assert!((all * 64 / 100..all * 74 / 100).contains(&share), "{jwt:?}");
    assert!((1..x509.1 / 50).contains(&x509.0), "{x509:?}");
}

#[test]
fn a_clean_watch_sees_rotation_and_nothing_else() {
    let watched = Watched::new(&clean(3, hours(24), 30), 1);
    for (_, event) in &watched.events {
        assert!(
            matches!(
                event.name(),
                "first_contact"
                    | "bundle_changed"
                    | "authority_introduced"
                    | "authority_removed"
                    | "authority_signed"
                    | "authority_judged"
                    | "policy_changed"
                    | "networks_found"
            ),
            "{event:?}"
        );
    }
    // The endpoint stays where it was at first.
    assert_eq!(watched.named("networks_found").len(), 1);
    // Three servers, two uses, two publications a day: and as many removals.
    let introduced = watched.named("authority_introduced").len();
    assert!((360..=400).contains(&introduced), "{introduced}");
    // docs/rotation-model.md#schedule: 4 to 5 keys a lineage on the wire.
    let published = watched.state.facts.published().count();
    assert!((24..=30).contains(&published), "{published}");
    // Every X.509 authority that was published for a lead and half an SVID's life was seen to sign.
    assert!(170 <= watched.named("authority_signed").len());
    assert!(watched.turns < 1_500, "{}", watched.turns);
}

#[test]
fn the_sequence_moves_by_one_a_transaction() {
    let watched = Watched::new(&clean(1, hours(24), 20), 3);
    let mut last = None;
    for (_, event) in watched.named("bundle_changed") {
        let Event::BundleChanged { sequence, introduced, removed, .. } = event else { continue };
        let sequence = sequence.given().unwrap();
        if let Some(last) = last {
            // A prune may fall on a publication, and then both are seen at once.
            let count = |keys: usize| u64::try_from(keys).unwrap();
            let (added, gone) = (count(introduced.len()), count(removed.len()));
            assert!((1..=added + gone.min(1)).contains(&(sequence - last)), "{event:?}");
        }
        last = Some(sequence);
    }
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_one_another() {
    let scenario = clean(2, hours(24), 5);
    let told = |seed| {
        let watched = Watched::new(&scenario, seed);
        (watched.events, watched.world.truth().to_vec())
    };
    let (one, other) = (told(1), told(2));
    assert_eq!(one, told(1));
    assert_ne!(one.0, other.0);
}

#[test]
fn polls_that_are_left_out_change_nothing() {
    for (seed, replicas) in [(1, 1), (2, 3)] {
        let mut scenario = clean(replicas, hours(24), 4);
        scenario.observer.failures_per_million = 10_000;
        let policy = policy(&scenario);
        let skipping = World::new(&scenario, seed);
        scenario.observer.skip = None;
        let mut every = World::new(&scenario, seed);
        let (mut one, mut other) = (DomainState::default(), DomainState::default());
        let (mut few, mut many) = (0, 0);
        for turn in skipping {
            few += 1;
            // Every poll up to the same moment: what is known then is the same, poll state and all.
            for all in every.by_ref() {
                many += 1;
                other = all.apply_to(other, &policy, 0.5).state;
                if all.at == turn.at {
                    break;
                }
            }
            one = turn.apply_to(one, &policy, 0.5).state;
            // When a date was found missed depends on the poll that found it, and what that cost.
            Arc::make_mut(&mut other.facts).spent = one.facts.spent.clone();
            assert_eq!(one.poll_state, other.poll_state, "at {}", turn.at);
            assert_eq!(one.facts, other.facts, "at {}", turn.at);
        }
        assert!(few * 8 < many, "{few} of {many}");
    }
}

#[test]
fn a_poll_that_fails_alone_may_be_left_out_too() {
    let mut scenario = clean(2, hours(24), 6);
    scenario.observer.failures_per_million = 10_000;
    let with = Watched::new(&scenario, 4);
    scenario.observer.skip = Some(Skip { lone_failures: true, ..SKIP });
    let without = Watched::new(&scenario, 4);
    assert!(without.turns + 60 < with.turns, "{} of {}", without.turns, with.turns);
    let but_failures = |watched: &Watched| {
        let mut events = watched.events.clone();
        events.retain(|(_, event)| !matches!(event.name(), "failure_began" | "recovered"));
        events
    };
    assert_eq!(but_failures(&without), but_failures(&with));
}

#[test]
fn every_ca_ttl_has_the_figures_of_the_table() {
    let days = |days: u64| hours(24 * days);
    // docs/rotation-model.md#schedule: lead, period, removal after publication (earliest and
    // latest), keys a lineage.
    for (ca_ttl, lead, period, removed, keys, lasts) in [
        (
            hours(1),
            Duration::from_mins(20),
            Duration::from_mins(30),
            (hours(25), hours(31)),
            50..=63,
            4,
        ),
        (hours(6), hours(2), hours(3), (hours(30), hours(36)), 10..=13, 8),
        (hours(24), hours(8), hours(12), (hours(48), hours(54)), 4..=5, 12),
        (days(7), hours(56), hours(84), (days(8), hours(198)), 2..=3, 40),
        (days(90), days(23), days(60), (days(91), days(91) + hours(6)), 1..=2, 400),
    ] {
        let watched = Watched::new(&clean(1, ca_ttl, lasts), 6);
        let late = Duration::from_secs(22);
        let near = |span: Duration, wanted: Duration| {
            wanted <= span + Duration::from_secs(2) && span <= wanted + late
        };
        let happened = |what| {
            let truth = watched.world.truth().iter().find(|truth| truth.what == what);
            truth.map(|truth| truth.at)
        };
        for publications in chains(&watched).into_values() {
            assert!(3 <= publications.len());
            assert!(
                publications.windows(2).all(|pair| near(pair[1].since(pair[0]).unwrap(), period)),
                "{ca_ttl:?}"
            );
        }
        let mut handed_over = 0;
        for (at, authority, _) in watched.publications(PublicationCause::Scheduled) {
            let Some(activated) = happened(WorldEvent::Activation { authority }) else { continue };
            // Its predecessor's clock says when, and this one may have come a tick late.
            assert!(near(activated.since(at).unwrap() + late / 2, lead), "{ca_ttl:?}");
            let why = RemovalKind::Pruned;
            let Some(gone) = happened(WorldEvent::Removal { authority, why }) else { continue };
            let lived = gone.since(at).unwrap();
            assert!(
                removed.0 <= lived + Duration::from_secs(1) && lived <= removed.1 + late,
                "{ca_ttl:?}: {lived:?}"
            );
            handed_over += 1;
        }
        assert!(2 <= handed_over, "{ca_ttl:?}");
        for svid_type in [SvidType::X509, SvidType::Jwt] {
            let published = watched.state.facts.published();
            let count = published.filter(|record| record.id().svid_type == svid_type).count();
            assert!(keys.contains(&count), "{ca_ttl:?}: {count}");
        }
    }
}

#[test]
fn a_poll_may_fall_between_the_two_transactions_of_a_birth() {
    let mut scenario = clean(1, Duration::from_mins(10), 2);
    scenario.observer.interval = Duration::from_secs(3);
    scenario.observer.auto = false;
    let watched = Watched::new(&scenario, 1);
    // The chains are together at first, and apart by a tick or more before long.
    let one = watched
        .named("bundle_changed")
        .into_iter()
        .filter(|(_, event)| {
            matches!(event, Event::BundleChanged { introduced, .. } if introduced.len() == 1)
        });
    assert!(100 < one.count());
}

#[test]
fn the_endpoint_signs_with_an_authority_from_its_activation_on() {
    let watched = Watched::new(&clean(1, hours(24), 12), 8);
    let mut compared = 0;
    for (_, authority, _) in watched.publications(PublicationCause::Scheduled) {
        let activation = WorldEvent::Activation { authority };
        let activated = watched.world.truth().iter().find(|truth| truth.what == activation);
        let (Some(activated), SvidType::X509) = (activated, authority.svid_type) else { continue };
        let Some(signed) = watched.state.facts.record(authority).and_then(|record| record.signed)
        else {
            continue;
        };
        // docs/rotation-model.md#measured-behaviour: the SVID is renewed at half of its life, some
        // seconds early.
        let signed_at = signed.validity.not_before.saturating_add(Duration::from_secs(11));
        assert!(signed_at.since(activated.at).unwrap() < Duration::from_mins(31));
        assert_eq!(
            signed.validity.not_after.since(signed.validity.not_before),
            Some(Duration::from_secs(3610))
        );
        compared += 1;
    }
    assert!(4 < compared, "{compared}");
}
