//! What waits while the store cannot be written.

use super::*;

/// What waits while the store cannot be written is written first, in its order, once it can be.
async fn waits_and_recovers(fault: &'static str, repair: &'static str) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    assert_eq!(a.goes_on().await, Durability::Durable);
    let before = store.status();
    assert!(before.writable);
    store.execute(fault).await;
    for seed in 0..3 {
        let durability = a.goes_on_with(vec![body(100_000, seed)]).await;
        assert_eq!(durability, Durability::Unrecorded);
    }
    assert_eq!(b.goes_on().await, Durability::Unrecorded);
    let status = store.status();
    assert!(!status.writable);
    assert_eq!(status.write_failures, 4);
    assert_eq!(status.backlog.batches, 4);
    assert_eq!(status.head, before.head);
    assert!(status.failure.is_some());
    store.execute(repair).await;
    assert_eq!(a.goes_on().await, Durability::Durable);
    let status = store.status();
    assert!(status.writable && status.failure.is_none());
    assert_eq!(status.backlog, Backlogged::default());
    assert_eq!(status.dropped, LostEvents::default());
    let told = store.events(EventQuery::default()).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|r| (r.entry.trust_domain.as_str(), r.entry.at.as_unix())).collect();
    assert_eq!(told, [("a", 60), ("a", 120), ("a", 180), ("a", 240), ("b", 60), ("a", 300)]);
    store.close().await.unwrap();
    assert_eq!(verified(directory.path()).bodies, 3);
    let (_store, loaded) = reopened(directory.path());
    assert_eq!(*loaded.domains[&a.name].facts, a.facts);
    assert_eq!(*loaded.domains[&b.name].facts, b.facts);
}

#[tokio::test]
async fn a_full_disk_is_waited_out() {
    // SQLite raises a lower limit to the size that the database has.
    let fault = "PRAGMA max_page_count = 1";
    waits_and_recovers(fault, "PRAGMA max_page_count = 1000000").await;
}

#[tokio::test]
async fn a_read_only_disk_is_waited_out() {
    waits_and_recovers("PRAGMA query_only = 1", "PRAGMA query_only = 0").await;
}

#[tokio::test]
async fn the_writer_tries_again_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions { retry_interval: Duration::from_millis(1), ..options() };
    let (store, _) = Store::open(directory.path(), options).unwrap();
    let mut a = Story::new(&store, "a");
    store.execute("PRAGMA query_only = 1").await;
    assert_eq!(a.goes_on().await, Durability::Unrecorded);
    store.execute("PRAGMA query_only = 0").await;
    while !store.status().writable {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(store.status().head.number, 1);
}

/// A daemon that watches nobody writes nothing: its store is as good as new, and no reason to page.
#[tokio::test]
async fn where_nothing_happens_everything_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::ticking(Timestamp::from_unix(1_000), Duration::from_secs(1)));
    let retry_interval = Duration::from_millis(1);
    let options = StoreOptions { retry_interval, ..StoreOptions::new(clock) };
    let (store, _) = Store::open(directory.path(), options).unwrap();
    let first = store.status().last_persist_success.unwrap();
    while store.status().last_persist_success.unwrap() <= first {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // One that cannot be written is not.
    let mut a = Story::new(&store, "a");
    store.execute("PRAGMA query_only = 1").await;
    assert_eq!(a.goes_on().await, Durability::Unrecorded);
    let last = store.status().last_persist_success;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(store.status().last_persist_success, last);
}

#[tokio::test]
async fn too_much_that_waits_is_dropped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let backlog = Backlogged { batches: 3, bytes: 100_000 };
    let limited = StoreOptions { backlog, ..options() };
    let (store, _) = Store::open(directory.path(), limited).unwrap();
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    a.goes_on().await;
    store.execute("PRAGMA query_only = 1").await;
    a.goes_on_with(vec![body(60_000, 1)]).await;
    let recorded = a.facts.clone();
    b.goes_on_with(vec![body(60_000, 2)]).await;
    assert_eq!(store.status().dropped, LostEvents { batches: 0, events: 0, bodies: 1 });
    b.goes_on().await;
    // The beginning is kept: now it is the latest that goes.
    a.goes_on().await;
    assert_eq!(store.status().dropped, LostEvents { batches: 1, events: 1, bodies: 1 });
    assert_eq!(store.status().backlog.batches, 3);
    store.execute("PRAGMA query_only = 0").await;
    for _ in 0..4 {
        assert_eq!(b.goes_on().await, Durability::Durable);
    }
    store.close().await.unwrap();
    // No checkpoint and no last success of what the journal does not tell.
    verified(directory.path());
    let (_store, loaded) = reopened(directory.path());
    assert_eq!(*loaded.domains[&b.name].facts, b.facts);
    assert_eq!(*loaded.domains[&a.name].facts, recorded);
    assert_eq!(loaded.domains[&a.name].poll_state.last_poll, Some(Timestamp::from_unix(60)));
}

#[tokio::test]
async fn a_store_closed_while_it_cannot_be_written_says_what_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    store.execute("PRAGMA query_only = 1").await;
    Story::new(&store, "a").goes_on().await;
    let lost = store.close().await.unwrap_err();
    assert!(matches!(lost, StoreError::Unrecorded { batches: 1 }), "{lost:?}");
}

#[tokio::test]
async fn recall_knows_what_waits() {
    use anchorwatch_core::bundle::{Authority, Fingerprint, KeyType, SvidType};
    use anchorwatch_core::time::Bracket;
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    store.execute("PRAGMA query_only = 1").await;
    let id = AuthorityId { svid_type: SvidType::Jwt, fingerprint: Fingerprint::of(b"k") };
    let key_type = KeyType::EcP256;
    let authority =
        Arc::new(Authority { id, public_key: None, key_type, kid: None, certificate: None });
    let at = Timestamp::from_unix(5);
    let published = Bracket::new(None, at);
    let event = Event::AuthorityIntroduced { authority, published, returned_after: None };
    let facts = Arc::new(Facts::replay([(at, &event)]));
    let trust_domain: TrustDomain = "a".parse().unwrap();
    let batch = Batch {
        trust_domain: trust_domain.clone(),
        at,
        events: vec![event],
        bodies: Vec::new(),
        facts: Arc::clone(&facts),
        poll_state: PollState::default(),
    };
    assert_eq!(store.append(batch).await, Durability::Unrecorded);
    let seen: Vec<_> = facts.authorities.records.iter().map(AuthorityRecord::unjudged).collect();
    assert_eq!(store.recall(&trust_domain, vec![id]).await, seen);
}
