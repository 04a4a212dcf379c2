//! What is refused is in no journal, and what was committed is never reported as refused.

use super::*;
use crate::clock::TakesAway;

/// Batches of several trust domains are recorded together, after what waits, or never.
async fn is_refused_and_forgotten(fault: &'static str, repair: &'static str) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    let batches = vec![a.next(), b.next()];
    assert_eq!(store.append_together(batches.clone()).await, Durability::Durable);
    a.took(&batches[0]);
    b.took(&batches[1]);
    store.execute(fault).await;
    // With nothing that waits, and with something.
    for _ in 0..2 {
        let refused = store.append_together(vec![a.next(), b.next()]).await;
        assert_eq!(refused, Durability::Unrecorded);
        assert!(!store.status().writable && store.status().failure.is_some());
        let waits = a.goes_on_with(vec![body(100_000, 99)]).await;
        assert_eq!(waits, Durability::Unrecorded);
    }
    assert_eq!(store.status().backlog.batches, 2, "what was refused does not wait");
    store.execute(repair).await;
    let batches = vec![b.next(), a.next()];
    assert_eq!(store.append_together(batches.clone()).await, Durability::Durable);
    b.took(&batches[0]);
    a.took(&batches[1]);
    assert!(store.status().writable);
    assert_eq!(store.status().backlog, Backlogged::default());
    let told = store.events(EventQuery::default()).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|r| (r.entry.trust_domain.as_str(), r.entry.at.as_unix())).collect();
    let expected = [("a", 60), ("b", 60), ("a", 120), ("a", 180), ("b", 120), ("a", 240)];
    assert_eq!(told, expected, "what waited comes first");
    store.close().await.unwrap();
    verified(directory.path());
    let (_store, loaded) = reopened(directory.path());
    assert_eq!(*loaded.domains[&a.name].facts, a.facts);
    assert_eq!(*loaded.domains[&b.name].facts, b.facts);
    assert_eq!(loaded.domains[&b.name].poll_state.last_poll, Some(Timestamp::from_unix(120)));
}

#[tokio::test]
async fn what_a_full_disk_refuses_is_never_written_later() {
    let fault = "PRAGMA max_page_count = 1";
    is_refused_and_forgotten(fault, "PRAGMA max_page_count = 1000000").await;
}

#[tokio::test]
async fn what_a_read_only_disk_refuses_is_never_written_later() {
    is_refused_and_forgotten("PRAGMA query_only = 1", "PRAGMA query_only = 0").await;
}

/// What was committed is in the journal, and is never reported as refused.
#[tokio::test]
async fn what_was_committed_is_not_refused_where_its_files_were_touched_since() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_unix(1_000));
    let clock = Arc::new(TakesAway::new(directory.path().into(), clock));
    let options = StoreOptions { clock: clock.clone(), ..options() };
    let (store, _) = Store::open(directory.path(), options.clone()).unwrap();
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    assert_eq!(a.goes_on().await, Durability::Durable);
    clock.at_entry(3);
    let batches = vec![a.next(), b.next()];
    let durability = store.append_together(batches.clone()).await;
    assert_eq!(durability, Durability::Committed, "it is in the journal, and its file is gone");
    assert!(!store.status().writable);
    // What comes now is refused, and is in no journal.
    let refused = store.append_together(vec![b.next()]).await;
    assert_eq!(refused, Durability::Unrecorded);
    clock.brings_back();
    a.took(&batches[0]);
    b.took(&batches[1]);
    assert_eq!(a.goes_on().await, Durability::Durable);
    let entries = store.events(EventQuery::default()).await.unwrap();
    assert_eq!(entries.len(), 4, "{entries:?}");
    store.close().await.unwrap();
    verified(directory.path());
    let (_store, loaded) = Store::open(directory.path(), options).unwrap();
    assert_eq!(*loaded.domains[&a.name].facts, a.facts);
    assert_eq!(*loaded.domains[&b.name].facts, b.facts);
}
