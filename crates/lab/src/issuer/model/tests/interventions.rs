//! What is done to an issuer, and what comes of it.

use super::*;

#[test]
fn a_forced_rotation_leaves_an_orphan_and_shifts_its_chain_for_good() {
    // The operator's actions as in the recording: 60 s after a scheduled preparation.
    let (replica, svid_type) = (A, SvidType::Jwt);
    let story = Story::starts(recorded()).until(seconds(550));
    assert_eq!(story.sequence(), 7);
    let story =
        story.at(seconds(600), Intervention::Prepare { replica, svid_type }).until(seconds(601));
    assert_eq!(story.sequence(), 8);
    let jwt = story.published(SvidType::Jwt);
    let [_, _, old, scheduled, forced] = jwt[..] else { panic!("{} JWT keys", jwt.len()) };
    assert_eq!(
        story.events.last().unwrap().action,
        IssuerAction::Orphaned { key: scheduled.number }
    );

    let story =
        story.at(seconds(641), Intervention::Activate { replica, svid_type }).until(seconds(642));
    assert_eq!(story.sequence(), 8, "an activation is invisible");
    assert_eq!(story.issuer.signing(A, SvidType::Jwt), Some(&forced));
    assert_eq!(story.retired(&old), Some(seconds(641)));

    let story =
        story.at(seconds(651), Intervention::Taint { replica, svid_type }).until(seconds(652));
    assert_eq!((story.sequence(), story.removed(&old)), (9, None), "a taint shows no key");
    let story =
        story.at(seconds(666), Intervention::Revoke { replica, svid_type }).until(seconds(667));
    assert_eq!((story.sequence(), story.removed(&old)), (10, Some(seconds(666))));

    let story = story.until(seconds(2000));
    let next = story.publications(SvidType::Jwt)[5];
    came(Some(next), seconds(600 + 180), seconds(2));
    for publication in story.publications(SvidType::X509) {
        assert_eq!(publication.as_secs() % 180, 0, "the other chain keeps its dates");
    }
    assert_eq!(story.activated(&scheduled), None);
    let end = story.after(scheduled.validity.not_after);
    came(story.removed(&scheduled), end + seconds(360), seconds(90));
}

#[test]
fn a_command_that_finds_no_such_key_changes_nothing() {
    let (replica, svid_type) = (A, SvidType::Jwt);
    let unknown = KeyNumber(99);
    for (intervention, refusal) in [
        (Intervention::Activate { replica, svid_type }, InterventionRefused::NoSuchKey),
        (Intervention::Taint { replica, svid_type }, InterventionRefused::NoSuchKey),
        (Intervention::Revoke { replica, svid_type }, InterventionRefused::NoSuchKey),
        (
            Intervention::Prepare { replica, svid_type: SvidType::Wit },
            InterventionRefused::NoSuchChain,
        ),
        (Intervention::Prepare { replica: B, svid_type }, InterventionRefused::NotRunning),
        (Intervention::Start { replica, keys: KeyStore::Lost }, InterventionRefused::Running),
        (Intervention::Withdraw { key: unknown }, InterventionRefused::NotPublished),
    ] {
        let story = Story::starts(recorded()).until(seconds(1));
        let before = story.issuer.bundle().clone();
        let story = story.at(seconds(1), intervention).until(seconds(2));
        let refused = IssuerAction::Refused { intervention, refusal };
        assert_eq!(story.events.last().map(|event| event.action), Some(refused));
        assert_eq!(*story.issuer.bundle(), before);
    }
}

#[test]
fn a_restart_with_its_keys_shows_nothing() {
    let story = Story::starts(recorded()).until(seconds(250));
    let (before, signing) =
        (story.issuer.bundle().clone(), story.issuer.signing(A, SvidType::X509).copied());
    let story = story
        .at(seconds(250), Intervention::Stop { replica: A })
        .at(seconds(253), Intervention::Start { replica: A, keys: KeyStore::Kept })
        .until(seconds(255));
    assert_eq!(*story.issuer.bundle(), before);
    assert_eq!(story.issuer.signing(A, SvidType::X509), signing.as_ref());
    let story = story.until(seconds(400));
    came(story.publications(SvidType::X509).last().copied(), seconds(360), seconds(2));
}

#[test]
fn a_restart_without_its_keys_shows_a_new_pair_at_once_and_passes_the_old_dates() {
    let story = Story::starts(recorded())
        .at(seconds(250), Intervention::Stop { replica: A })
        .at(seconds(252), Intervention::Start { replica: A, keys: KeyStore::Lost })
        .until(seconds(2000));
    for svid_type in [SvidType::X509, SvidType::Jwt] {
        let keys = story.published(svid_type);
        let publications = story.publications(svid_type);
        came(Some(publications[2]), seconds(252), seconds(1));
        came(story.activated(&keys[2]), seconds(252), seconds(1));
        came(Some(publications[3]), seconds(252 + 180), seconds(3));
        // The key that was prepared in vain stays until the prune, and never signs.
        assert_eq!(story.activated(&keys[1]), None);
        let end = story.after(keys[1].validity.not_after);
        came(story.removed(&keys[1]), end + seconds(360), seconds(91));
    }
}

#[test]
fn a_server_that_was_away_past_every_date_prepares_and_signs_at_once() {
    let story = Story::starts(recorded())
        .at(seconds(200), Intervention::Stop { replica: A })
        .at(seconds(2000), Intervention::Start { replica: A, keys: KeyStore::Kept })
        .until(seconds(2005));
    for svid_type in [SvidType::X509, SvidType::Jwt] {
        let keys = story.published(svid_type);
        assert_eq!(keys.len(), 3, "one new key");
        came(story.activated(&keys[2]), seconds(2000), seconds(1));
        assert_eq!(story.removed(&keys[0]), None, "nobody pruned while it was away");
    }
    let story = story.until(seconds(2100));
    assert_eq!(story.on_the_wire(), 2);
}

#[test]
fn while_preparations_fail_the_old_key_signs_on() {
    let (replica, svid_type) = (A, SvidType::X509);
    let story = Story::starts(recorded())
        .at(
            seconds(100),
            Intervention::FailPreparations { replica, svid_type, lasting: seconds(240) },
        )
        .until(seconds(330));
    let first = story.published(svid_type)[0];
    assert_eq!(story.issuer.signing(A, svid_type), Some(&first), "past its activation");
    assert_eq!(story.publications(SvidType::Jwt).len(), 2, "the other chain goes on");
    let story = story.until(seconds(345));
    let second = story.published(svid_type)[1];
    came(Some(story.after(second.issued_at)), seconds(340), seconds(2));
    assert_eq!(
        story.activated(&second),
        story.publications(svid_type).last().copied(),
        "in one tick"
    );
}

#[test]
fn a_prune_takes_nothing_where_it_would_leave_a_use_without_keys() {
    let story = Story::starts(recorded())
        .at(
            seconds(10),
            Intervention::FailPreparations {
                replica: A,
                svid_type: SvidType::Jwt,
                lasting: hours(1),
            },
        )
        .until(seconds(1800));
    let x509 = story.published(SvidType::X509);
    assert_eq!(story.removed(&x509[0]), None, "X.509 keys stay too, for want of a JWT key");
}

#[test]
fn a_key_from_outside_is_published_and_never_signs() {
    let validity = Validity {
        not_before: Timestamp::from_unix(1_800_000_000),
        not_after: Timestamp::from_unix(1_800_000_700),
    };
    let story = Story::starts(recorded()).until(seconds(100));
    let before = story.sequence();
    let story = story
        .at(seconds(100), Intervention::Append { svid_type: SvidType::Jwt, validity })
        .until(seconds(101));
    assert_eq!(story.sequence(), before + 1);
    let rogue = *story.published(SvidType::Jwt).last().unwrap();
    assert_eq!((rogue.replica, rogue.validity), (None, validity));
    let story = story.at(seconds(120), Intervention::Withdraw { key: rogue.number });
    let story = story.until(seconds(700));
    assert_eq!(story.activated(&rogue), None);
    assert_eq!(story.removed(&rogue), Some(seconds(120)));
}

#[test]
fn a_restored_datastore_steps_back_and_servers_make_what_it_lacks() {
    let story =
        Story::starts(recorded()).at(seconds(700), Intervention::Backup).until(seconds(701));
    let (sequence, kept) = (story.sequence(), story.issuer.bundle().clone());
    let story = story.until(seconds(1300));
    let (fallen, between_ticks) = (story.sequence(), Duration::from_millis(1_300_500));
    assert!(sequence + 4 < fallen);
    let story = story.at(between_ticks, Intervention::Restore).until(between_ticks);
    assert_eq!(*story.issuer.bundle(), kept, "keys that were pruned are back, and later ones gone");
    let by = RemovalCause::Restored;
    assert!(
        story
            .events
            .iter()
            .any(|event| matches!(event.action, IssuerAction::Removed { by: b, .. } if b == by))
    );
    assert!(story.events.iter().any(|event| matches!(event.action, IssuerAction::Returned { .. })));
    let story = story.until(seconds(1303));
    for svid_type in [SvidType::X509, SvidType::Jwt] {
        let newest = *story.published(svid_type).last().unwrap();
        assert_eq!(newest.occasion, KeyCreationCause::First);
        came(Some(story.after(newest.issued_at)), seconds(1300), seconds(2));
        assert_eq!(story.issuer.signing(A, svid_type), Some(&newest), "it signs at once");
    }
    let story = story.until(seconds(2600));
    assert!(fallen < story.sequence(), "the sequence passes its old height");
}

#[test]
fn held_prunes_come_with_the_first_tick_after() {
    let story = Story::starts(recorded())
        .at(seconds(10), Intervention::HoldPrunes { lasting: seconds(1490) })
        .until(seconds(3000));
    let first = story.when(|action| matches!(action, IssuerAction::Removed { .. }));
    assert_eq!(first, Some(seconds(1530)), "the seventeenth tick of 90 s");
}

#[test]
fn another_ca_ttl_counts_from_the_next_key_on() {
    let story = Story::starts(recorded())
        .at(seconds(200), Intervention::ChangeCaTtl { ca_ttl: seconds(720) })
        .until(seconds(1200));
    let publications: Vec<_> =
        story.publications(SvidType::X509).into_iter().map(|at| at.as_secs()).collect();
    assert_eq!(publications, [0, 180, 360, 720, 1080]);
}

#[test]
fn under_an_upstream_authority_only_roots_and_jwt_keys_are_published() {
    let topology = Topology::Upstream { root_life: hours(1000) };
    let story = Story::starts(IssuerSettings { topology, ..recorded() })
        .at(seconds(500), Intervention::RotateRoot)
        .until(seconds(500));
    let [root] = story.published(SvidType::X509)[..] else { panic!("one root") };
    assert_eq!((root.occasion, root.replica), (KeyCreationCause::Root, None));
    assert_eq!(story.publications(SvidType::Jwt).len(), 3);
    let signing = *story.issuer.signing(A, SvidType::X509).unwrap();
    assert_eq!(signing.parent, Some(root.number));
    assert!(
        story.issuer.bundle().key(signing.number).is_none(),
        "an intermediate is not published"
    );
    let story = story.until(seconds(900));
    let [_, new] = story.published(SvidType::X509)[..] else { panic!("two roots") };
    came(Some(story.after(new.issued_at)), seconds(540), seconds(2));
    assert_eq!(story.issuer.signing(A, SvidType::X509).unwrap().parent, Some(new.number));
    let without =
        Story::starts(recorded()).at(seconds(1), Intervention::RotateRoot).until(seconds(2));
    let (intervention, refusal) = (Intervention::RotateRoot, InterventionRefused::NoUpstream);
    assert_eq!(
        without.events.last().unwrap().action,
        IssuerAction::Refused { intervention, refusal }
    );
}

#[test]
fn nested_servers_publish_jwt_keys_alone() {
    let start = |replica| Intervention::Start { replica, keys: KeyStore::Kept };
    let topology = Topology::Nested { top: 1 };
    let story = Story::of(IssuerSettings { topology, ..recorded() })
        .at(seconds(0), start(A))
        .at(seconds(20), start(B))
        .at(seconds(40), start(C))
        .until(seconds(1000));
    assert!(story.published(SvidType::X509).iter().all(|key| key.replica == Some(A)));
    for replica in [A, B, C] {
        let jwt = story.published(SvidType::Jwt).into_iter();
        assert_eq!(jwt.filter(|key| key.replica == Some(replica)).count(), 6, "{replica:?}");
    }
}
