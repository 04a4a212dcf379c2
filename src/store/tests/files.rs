//! What befalls the files of an open store, and files that are none of its own.

use std::path::PathBuf;
use std::time::Instant;

use super::*;

#[tokio::test]
async fn a_store_that_was_removed_is_not_written_into_the_void() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let mut a = Story::new(&store, "a");
    assert_eq!(a.goes_on().await, Durability::Durable);
    let database = directory::database_in(directory.path());
    let aside = directory.path().join("aside");
    std::fs::rename(&database, &aside).unwrap();
    assert_eq!(a.goes_on().await, Durability::Unrecorded);
    let failure = store.status().failure.clone().unwrap();
    assert!(failure.contains("was removed"), "{failure}");
    assert_eq!(store.health().faults[0].kind, FaultKind::File);
    std::fs::rename(&aside, &database).unwrap();
    assert_eq!(a.goes_on().await, Durability::Durable);
    assert_eq!(store.status().head.number, 3);
}

/// What is committed is found after a start, whatever befell the log while the store was open.
async fn survives(befalls: impl Fn(&Path)) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = reopened(directory.path());
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    for seed in 0..4 {
        assert_eq!(a.goes_on_with(vec![body(1_000, seed)]).await, Durability::Durable);
    }
    let head = store.status().head;
    befalls(directory.path());
    assert_eq!(b.goes_on().await, Durability::Durable);
    assert_eq!(a.goes_on().await, Durability::Durable);
    let health = store.health();
    assert!(health.faults.iter().any(|fault| fault.kind == FaultKind::File), "{health:?}");
    assert!(health.unsettled(Instant::now()).is_some());
    assert!(store.status().writable);
    let events = store.events(EventQuery::default()).await.unwrap();
    assert_eq!(events.len(), 6, "a reader sees all of it too");
    // As after a kill: what another process finds under the paths.
    let after = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, after.path().join(file.file_name().unwrap())).unwrap();
    }
    let (killed, loaded) = reopened(after.path());
    assert_eq!(loaded.head.number, head.number + 2);
    assert_eq!(loaded.head, store.status().head);
    assert_eq!(*loaded.domains[&a.name].facts, a.facts);
    assert_eq!(*loaded.domains[&b.name].facts, b.facts);
    assert_eq!(killed.health().count(), 0, "{:?}", killed.health());
    killed.close().await.unwrap();
    assert_eq!(verified(after.path()).bodies, 4);
    store.close().await.unwrap();
    verified(directory.path());
}

fn log_in(directory: &Path) -> PathBuf {
    directory::beside(&directory::database_in(directory), "-wal")
}

#[tokio::test]
async fn a_log_that_is_removed_costs_nothing() {
    survives(|directory| std::fs::remove_file(log_in(directory)).unwrap()).await;
}

#[tokio::test]
async fn a_log_that_is_replaced_costs_nothing() {
    survives(|directory| {
        std::fs::remove_file(log_in(directory)).unwrap();
        std::fs::write(log_in(directory), [7; 5_000]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_truncated_costs_nothing() {
    survives(|directory| std::fs::write(log_in(directory), "").unwrap()).await;
}

#[tokio::test]
async fn shared_memory_that_is_removed_costs_nothing() {
    survives(|directory| {
        std::fs::remove_file(directory::beside(&directory::database_in(directory), "-shm"))
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_removed_is_taken_again() {
    survives(|directory| std::fs::remove_file(directory.join("anchorwatch.lock")).unwrap()).await;
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_is_refused_and_its_target_left_alone() {
    for name in ["anchorwatch.lock", "anchorwatch.sqlite", "anchorwatch.sqlite-wal"] {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("precious");
        std::fs::write(&target, "precious").unwrap();
        let path = directory.path().join("store");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(&target, path.join(name)).unwrap();
        let refused = Store::open(&path, options()).unwrap_err();
        assert!(matches!(refused, StoreError::NotAFile { .. }), "{name}: {refused:?}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    }
}

#[tokio::test]
async fn a_store_of_before_the_first_release_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory::database_in(directory.path());
    let old = rusqlite::Connection::open(&database).unwrap();
    old.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA application_id = 1634624360; PRAGMA user_version = 1;
         CREATE TABLE events (number INTEGER PRIMARY KEY)",
    )
    .unwrap();
    drop(old);
    let before = std::fs::read(&database).unwrap();
    let refused = Store::open(directory.path(), options()).unwrap_err();
    assert!(matches!(refused, StoreError::UnreleasedSchema { found: 1, .. }), "{refused:?}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}
