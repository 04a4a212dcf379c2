//! What the store does beside writing: it answers readers, prunes and checks itself.

use super::*;

/// Whoever reads the journal over the web keeps no operator waiting.
#[tokio::test]
async fn readers_of_the_web_hold_up_no_operation() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let _reads = Arc::clone(&store.slots.web).lock_owned().await;
    let known = store.public_key(Fingerprint::of(b"k"));
    let known = tokio::time::timeout(READING / 2, known).await.expect("it waits for a reader");
    assert_eq!(known.unwrap(), None);
}

#[tokio::test]
async fn retention_spares_what_a_confirmed_state_is_read_from() {
    use anchorwatch_core::bundle::StatedNumber;
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let (kept, gone, young) = (body(10, 1), body(10, 2), body(10, 3));
    let at = Timestamp::from_unix(60);
    let change = |body: Digest| Event::BundleChanged {
        content: body,
        body,
        length: 10,
        sequence: StatedNumber::Absent,
        refresh_hint: StatedNumber::Absent,
        after: None,
        address: None,
        first_shown: at,
        introduced: Vec::new(),
        removed: Vec::new(),
        unrecorded: None,
    };
    let events = vec![change(gone.0), change(kept.0)];
    let facts = Arc::new(Facts::replay(events.iter().map(|event| (at, event))));
    let digests = [kept.0, gone.0, young.0];
    let batch = Batch {
        trust_domain: "a".parse().unwrap(),
        at,
        events,
        bodies: vec![kept, gone],
        facts,
        poll_state: PollState::default(),
    };
    store.append(batch.clone()).await;
    let late = Timestamp::from_unix(500_000);
    store.append(Batch { at: late, events: Vec::new(), bodies: vec![young], ..batch }).await;
    store.close().await.unwrap();
    // A day after the first two were due.
    let now = Timestamp::from_unix(60).saturating_add(StoreOptions::BODY_RETENTION);
    let now = now.saturating_add(Duration::from_hours(24));
    let options = StoreOptions { clock: Arc::new(ManualClock::at(now)), ..options() };
    let (_store, _) = Store::open(directory.path(), options).unwrap();
    let reader = StoreReader::open(directory.path()).unwrap();
    let stored = |digest: Digest| reader.body(digest).unwrap().is_some();
    while stored(digests[1]) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(stored(digests[0]), "the confirmed state's");
    assert!(stored(digests[2]), "not old enough");
    // That a body is gone is no fault of the journal's.
    assert_eq!(verified(directory.path()).bodies, 2);
}

#[tokio::test]
async fn the_check_in_the_background_finds_what_a_start_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let mut a = Story::new(&store, "a");
    a.goes_on_with(vec![body(1_000, 1)]).await;
    store.close().await.unwrap();
    let checked = || StoreOptions { check_every: Some(Duration::from_hours(1)), ..options() };
    let (store, _) = Store::open(directory.path(), checked()).unwrap();
    while store.health().verified_at.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(store.health().count(), 0);
    store.execute("UPDATE bodies SET body = zeroblob(9)").await;
    store.close().await.unwrap();
    let (store, _) = Store::open(directory.path(), checked()).unwrap();
    while store.health().count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(store.health().faults[0].detail.contains("the document"), "{:?}", store.health());
    assert_eq!(store.health().verified_at, None);
}
