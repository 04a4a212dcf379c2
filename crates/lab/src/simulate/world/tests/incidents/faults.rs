//! Faults, and what operators do.

use super::*;

#[test]
fn a_restart_with_its_keys_shows_nothing_at_all() {
    let watched = befallen(Incident::RestartKeysKept, 5);
    assert_eq!(watched.publications(PublicationCause::Restart), []);
    assert_eq!(watched.count(Incident::RestartKeysKept, "failure_began"), 0, "two others answer");
}

#[test]
fn a_restart_without_its_keys_shows_a_pair_that_signs_at_once() {
    let watched = befallen(Incident::RestartKeysLost, 5);
    let publications = watched.publications(PublicationCause::Restart);
    assert_eq!(publications.len(), 2, "{publications:?}");
    for (at, id, _) in publications {
        let (seen, _) = watched.introduced(id);
        assert!(seen.since(at).unwrap() < Duration::from_mins(3));
        let activation = Truth { at, what: WorldEvent::Activation { authority: id } };
        assert!(watched.world.truth().contains(&activation));
        let record = watched.state.facts.record(id).unwrap();
        assert_eq!(record.signed.is_some(), id.svid_type == SvidType::X509);
    }
}

#[test]
fn a_lone_server_that_lost_its_keys_locks_everyone_out() {
    let scenario = clean(1, hours(24), 6).with(THIRD_DAY, Incident::RestartKeysLost);
    let watched = Watched::new(&scenario, 1);
    let failure = watched.state.facts.endpoint.failure.as_ref().unwrap();
    assert_eq!(failure.reason, FailureReason::UntrustedChain);
    // And whoever trusts anew sees the new pair.
    let mut world = World::new(&scenario, 1);
    let (mut state, policy) = (DomainState::default(), policy(&scenario));
    let last = scenario.begins.saturating_add(DAY * 4);
    while let Some(turn) = world.next() {
        state = turn.apply_to(state, &policy, 0.5).state;
        if last < turn.at && state.facts.endpoint.failure.is_some() {
            world.trust_anew();
        }
    }
    assert_eq!(state.facts.endpoint.failure, None);
}

#[test]
fn a_scaled_out_server_adds_a_lineage_a_use_and_one_that_leaves_takes_its_own() {
    let more = befallen(Incident::ScaleOut, 9);
    assert_eq!(more.publications(PublicationCause::ScaleOut).len(), 2);
    // Four to five keys a lineage, eight lineages; and four.
    assert!((32..=40).contains(&more.state.facts.published().count()));
    let fewer = befallen(Incident::ScaleIn, 9);
    assert!((16..=20).contains(&fewer.state.facts.published().count()));
}

#[test]
fn a_stall_misses_the_dates_that_the_truth_foretold() {
    for (incident, chains) in [
        (Incident::StallOfOne, 2),
        (Incident::StallOfAll, 6),
        (Incident::StallOfX509, 1),
        (Incident::StallOfJwt, 1),
    ] {
        let watched = befallen(incident, 6);
        let mut stalls = 0;
        let began = watched.began(incident).unwrap();
        for truth in watched.world.truth() {
            let WorldEvent::Stall { svid_type, replica, due } = truth.what else { continue };
            stalls += 1;
            assert!(due.since(began).unwrap() < hours(12) + Duration::from_secs(20));
            let publications = watched.publications(PublicationCause::Scheduled);
            let own = publications
                .iter()
                .filter(|(_, id, by)| id.svid_type == svid_type && *by == Some(replica));
            let last = own.map(|(at, _, _)| *at).max().unwrap();
            assert!(last < began && due.since(last).unwrap() < hours(12) + Duration::from_secs(1));
        }
        assert_eq!(stalls, chains, "{incident}");
    }
}

#[test]
fn a_preparation_that_is_retried_comes_minutes_late() {
    let watched = befallen(Incident::PreparationRetried, 5);
    let ended = watched.ended(Incident::PreparationRetried).unwrap();
    let publications = watched.publications(PublicationCause::Scheduled);
    assert!(publications.iter().any(|(at, id, _)| {
        id.svid_type == SvidType::Jwt
            && at.since(ended).is_some_and(|late| late < Duration::from_secs(20))
    }));
}

#[test]
fn a_forced_rotation_is_a_birth_out_of_turn_a_hidden_step_and_a_removal() {
    for (incident, ttl) in [
        (Incident::ForcedRotation, Duration::from_mins(5)),
        (Incident::ForcedRotationX509, hours(1)),
    ] {
        let watched = befallen(incident, 4);
        let publications = watched.publications(PublicationCause::Forced);
        let [(_, forced, _)] = publications[..] else { panic!("{incident}: {publications:?}") };
        assert_eq!(forced.svid_type == SvidType::X509, incident == Incident::ForcedRotationX509);
        let (tainted_at, old) = watched.taint().unwrap();
        let [(revoked_at, revoked)] = watched.removals(RemovalKind::Revoked)[..] else { panic!() };
        assert_eq!(old, revoked);
        assert!(ttl + Duration::from_mins(2) < revoked_at.since(tainted_at).unwrap());
        assert!(watched.changes(incident).contains(&(1, 0, 0)), "a taint shows no key");
    }
}

#[test]
fn an_early_revocation_leaves_tokens_without_their_key_and_a_late_one_does_not() {
    let since_retirement = |incident| {
        let watched = befallen(incident, 5);
        let [(removed, id)] = watched.removals(RemovalKind::Revoked)[..] else { panic!() };
        let retired = WorldEvent::Retirement { authority: id };
        let retired = watched.world.truth().iter().find(|truth| truth.what == retired).unwrap().at;
        removed.since(retired).unwrap()
    };
    assert!(since_retirement(Incident::EarlyRevoke) < Duration::from_mins(5));
    assert!(hours(1) < since_retirement(Incident::RevokeAfterExpiry));
}

#[test]
fn a_held_prune_lets_keys_pile_up_and_then_takes_them_all() {
    let watched = befallen(Incident::LatePrune, 7);
    let ended = watched.ended(Incident::LatePrune).unwrap();
    let began = watched.began(Incident::LatePrune).unwrap();
    let pruned = watched.removals(RemovalKind::Pruned);
    assert!(!pruned.iter().any(|(at, _)| began <= *at && *at < ended));
    let first = pruned.iter().map(|(at, _)| *at).find(|at| ended <= *at).unwrap();
    assert!(8 <= pruned.iter().filter(|(at, _)| *at == first).count());
}

#[test]
fn a_restored_datastore_steps_back_loses_keys_and_brings_others_back() {
    for incident in [Incident::DatabaseRestore, Incident::DatabaseRestoreRecent] {
        let watched = befallen(incident, 7);
        assert_eq!(watched.count(incident, "step_back_confirmed"), 1, "{incident}");
        assert!(watched.changes(incident).iter().any(|(moved, ..)| *moved < 0), "{incident}");
        assert!(!watched.removals(RemovalKind::Restored).is_empty(), "{incident}");
        assert!(!watched.publications(PublicationCause::Restore).is_empty(), "{incident}");
        let returned = |truth: &&Truth| matches!(truth.what, WorldEvent::Return { .. });
        assert!(watched.world.truth().iter().any(|truth| returned(&truth)), "{incident}");
    }
    // All three servers make a pair, and sign with it at once.
    let old = befallen(Incident::DatabaseRestore, 7);
    assert_eq!(old.publications(PublicationCause::Restore).len(), 6);
}

#[test]
fn two_datastores_under_one_name_alternate() {
    let split = befallen(Incident::SplitBrain, 4);
    assert!(
        100 < split.count(Incident::SplitBrain, "stepped_back")
            + split.count(Incident::SplitBrain, "step_back_confirmed")
    );
    assert!(20 < split.publications(PublicationCause::OtherStore).len());
    // After a fork, one sequence number may stand for two key sets.
    let fork = befallen(Incident::ForkedDatabase, 5);
    assert!(
        fork.since(Incident::ForkedDatabase)
            .iter()
            .any(|(_, event)| event.name() == "stepped_back")
    );
}

#[test]
fn an_emptied_bundle_has_no_key_and_a_constant_sequence_does_not_move() {
    let emptied = befallen(Incident::EmptiedBundle, 4);
    let changes = emptied.changes(Incident::EmptiedBundle);
    assert!(matches!(changes[..], [(1, 0, 24..)]), "{changes:?}");
    assert_eq!(emptied.state.facts.published().count(), 0);
    let constant = befallen(Incident::ConstantSequence, 4);
    let changes = constant.changes(Incident::ConstantSequence);
    assert!(5 < changes.len() && changes.iter().all(|(moved, ..)| *moved == 0), "{changes:?}");
}

#[test]
fn a_key_comes_back_and_a_key_id_under_another_key() {
    let again = befallen(Incident::ReAppend, 4);
    let [(_, id, None)] = again.publications(PublicationCause::Appended)[..] else { panic!() };
    assert_eq!(again.returned(Incident::ReAppend), [id]);
    let reused = befallen(Incident::ReusedKid, 4);
    let [(_, id, None)] = reused.publications(PublicationCause::Appended)[..] else { panic!() };
    let (_, key) = reused.introduced(id);
    let twins = reused.keys().into_iter().filter(|(_, other)| other.kid == key.kid);
    assert_eq!(twins.count(), 2);
}

#[test]
fn a_swapped_endpoint_serves_keys_of_another_name() {
    let watched = befallen(Incident::SwappedUrl, 4);
    let keys = watched.keys().into_iter();
    let names = keys.filter_map(|(_, key)| Some(&key.certificate.as_ref()?.uri_sans));
    let foreign = names.filter(|names| ***names == ["spiffe://neighbour.example"]);
    assert!(10 < foreign.count());
}

#[test]
fn under_an_upstream_authority_the_root_stands_and_intermediates_come_in_the_chain() {
    let scenario = clean(2, hours(24), 6).with(THIRD_DAY, Incident::RootChange);
    let watched = Watched::new(&scenario, 2);
    let x509 = watched
        .named("authority_introduced")
        .into_iter()
        .filter(|(_, event)| event.authority().unwrap().svid_type == SvidType::X509);
    assert_eq!(x509.count(), 2, "the root, and the new one");
    assert_eq!(watched.publications(PublicationCause::Root).len(), 1);
    assert!(20 < watched.publications(PublicationCause::Scheduled).len(), "JWT keys go on");
    let mut intermediates = std::collections::BTreeSet::new();
    for turn in World::new(&scenario, 2) {
        for answer in turn.poll().answers {
            let presented = answer.unwrap().source.presented.unwrap();
            let [intermediate] = &presented.chain[..] else { panic!("{presented:?}") };
            intermediates.insert(intermediate.fingerprint);
            assert_ne!(presented.leaf.authority_key_id, intermediate.authority_key_id);
        }
    }
    assert!(15 < intermediates.len(), "{}", intermediates.len());
}

#[test]
fn a_nested_deployment_has_many_jwt_keys_and_few_roots() {
    let scenario = clean(2, hours(24), 4).with(DAY, Incident::Nested);
    let watched = Watched::new(&scenario, 2);
    let published = |svid_type| {
        watched.state.facts.published().filter(|record| record.id().svid_type == svid_type).count()
    };
    assert!((8..=10).contains(&published(SvidType::X509)));
    assert!((40..=50).contains(&published(SvidType::Jwt)));
}

#[test]
fn a_changed_ca_ttl_shows_in_the_next_keys_and_in_no_other_way() {
    for (incident, life) in [
        (Incident::CaTtlHalved, hours(12)),
        (Incident::CaTtlDoubled, hours(48)),
        (Incident::CaTtlFourfold, hours(96)),
        (Incident::CaTtlTenfold, hours(240)),
    ] {
        let watched = befallen(incident, 5);
        let began = watched.began(incident).unwrap();
        for (at, id, _) in watched.publications(PublicationCause::Scheduled) {
            let (_, authority) = watched.introduced(id);
            let Some(certificate) = &authority.certificate else { continue };
            let validity = certificate.validity;
            let own = validity.not_after.since(validity.not_before).unwrap();
            let expected = if at < began { hours(24) } else { life };
            assert_eq!(own, expected + Duration::from_secs(10), "{incident}");
        }
    }
}

#[test]
fn an_issuer_whose_clock_is_off_dates_its_certificates_so() {
    for (incident, offset) in [(Incident::IssuerClockAhead, 50), (Incident::IssuerClockBehind, -50)]
    {
        let watched = befallen(incident, 3);
        for (at, id, _) in watched.publications(PublicationCause::Scheduled) {
            let (_, authority) = watched.introduced(id);
            if let Some(certificate) = &authority.certificate {
                let ahead = certificate.validity.not_before.as_unix() + 10 - at.as_unix();
                assert!((offset - 1..=offset + 1).contains(&ahead), "{incident}: {ahead}");
            }
        }
    }
}

#[test]
fn a_lagging_view_steps_back_now_and_then() {
    let within = befallen(Incident::LagWithin, 5);
    assert_eq!(within.count(Incident::LagWithin, "step_back_confirmed"), 0);
    let beyond = befallen(Incident::LagBeyond, 5);
    assert!(0 < beyond.count(Incident::LagBeyond, "stepped_back"));
    let cdn = befallen(Incident::CdnLag, 5);
    assert!(cdn.count(Incident::CdnLag, "stepped_back") <= 1, "once, when the cache comes in");
}

#[test]
fn an_outage_is_a_run_of_failures_and_an_absence_a_gap() {
    let missed = befallen(Incident::MissedPolls, 4);
    assert_eq!(missed.count(Incident::MissedPolls, "failure_began"), 1);
    let outage = befallen(Incident::EndpointOutage, 5);
    let lasted = outage
        .ended(Incident::EndpointOutage)
        .unwrap()
        .since(outage.began(Incident::EndpointOutage).unwrap());
    assert!(lasted.unwrap() < hours(20));
    assert_eq!(outage.state.facts.endpoint.failure, None);
    let away = befallen(Incident::MonitorOutage, 5);
    assert_eq!(away.count(Incident::MonitorOutage, "watch_gap"), 1);
    for incident in [Incident::LongEndpointOutage, Incident::LongMonitorOutage] {
        let locked_out = befallen(incident, 6);
        let failure = locked_out.state.facts.endpoint.failure.as_ref().unwrap();
        assert_eq!(failure.reason, FailureReason::UntrustedChain, "{incident}");
    }
}

#[test]
fn a_clock_that_jumps_is_a_step_back_once_and_a_gap_once() {
    for incident in [Incident::ClockStepAhead, Incident::ClockStepBack] {
        let watched = befallen(incident, 4);
        assert_eq!(watched.named("clock_stepped_back").len(), 1, "{incident}");
        assert_eq!(watched.named("watch_gap").len(), 1, "{incident}");
    }
}
