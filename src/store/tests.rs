//! A store that cannot be written: every fault of the writer's own connection.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use super::*;
use anchorwatch_core::bundle::{AuthorityId, Digest};
use anchorwatch_core::time::Clock;
use anchorwatch_core::watch::{Event, Facts};

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A clock that goes on by a second at each look.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn options() -> StoreOptions {
    // Tried again at each batch, and never by itself.
    let retry_interval = Duration::from_hours(1);
    let clock = Arc::new(Still(Timestamp::from_unix(1_000)));
    let (checkpoint_every, check_every) = (3, None);
    StoreOptions { retry_interval, checkpoint_every, check_every, ..StoreOptions::new(clock) }
}

/// One trust domain, to which something happens now and then.
struct Story {
    store: Store,
    name: TrustDomain,
    facts: Facts,
    at: i64,
}

impl Story {
    fn new(store: &Store, name: &str) -> Self {
        Self { store: store.clone(), name: name.parse().unwrap(), facts: Facts::default(), at: 0 }
    }

    async fn goes_on(&mut self) -> Durability {
        self.goes_on_with(Vec::new()).await
    }

    async fn goes_on_with(&mut self, bodies: Vec<(Digest, Arc<[u8]>)>) -> Durability {
        self.at += 60;
        let at = Timestamp::from_unix(self.at);
        let away = Duration::from_mins(1);
        let event = Event::WatchGap { after: at.saturating_sub(away), away };
        self.facts.apply(at, &event);
        let batch = Batch {
            trust_domain: self.name.clone(),
            at,
            events: vec![event],
            bodies,
            facts: Arc::new(self.facts.clone()),
            poll_state: PollState { last_poll: Some(at), ..PollState::default() },
        };
        self.store.append(batch).await
    }

    /// What happens next, not recorded yet.
    fn next(&self) -> Batch {
        let at = Timestamp::from_unix(self.at + 60);
        let away = Duration::from_mins(1);
        let event = Event::WatchGap { after: at.saturating_sub(away), away };
        let mut facts = self.facts.clone();
        facts.apply(at, &event);
        let poll_state = PollState { last_poll: Some(at), ..PollState::default() };
        // A full disk has room for a little more in its last page.
        let bodies = vec![body(100_000, u8::try_from(self.at / 60).unwrap())];
        let trust_domain = self.name.clone();
        Batch { trust_domain, at, events: vec![event], bodies, facts: Arc::new(facts), poll_state }
    }

    fn took(&mut self, batch: &Batch) {
        self.at += 60;
        self.facts = Facts::clone(&batch.facts);
    }
}

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

/// A clock that takes the database away as soon as the journal has so many entries: after a commit,
/// and before the writer looks whether its files still stand under their paths.
struct TakesAway {
    directory: PathBuf,
    at_entry: AtomicI64,
}

impl Clock for TakesAway {
    fn now(&self) -> Timestamp {
        let database = directory::database_in(&self.directory);
        let at_entry = self.at_entry.load(Ordering::Relaxed);
        if 0 < at_entry && database.exists() {
            let connection = rusqlite::Connection::open(&database).unwrap();
            let entries: i64 =
                connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
            if at_entry <= entries {
                self.at_entry.store(0, Ordering::Relaxed);
                std::fs::rename(&database, self.directory.join("aside")).unwrap();
            }
        }
        Timestamp::from_unix(1_000)
    }
}

/// What was committed is in the journal, and is never reported as refused.
#[tokio::test]
async fn what_was_committed_is_not_refused_where_its_files_were_touched_since() {
    let directory = tempfile::tempdir().unwrap();
    let at_entry = AtomicI64::new(0);
    let clock = Arc::new(TakesAway { directory: directory.path().into(), at_entry });
    let options = StoreOptions { clock: clock.clone(), ..options() };
    let (store, _) = Store::open(directory.path(), options.clone()).unwrap();
    let (mut a, mut b) = (Story::new(&store, "a"), Story::new(&store, "b"));
    assert_eq!(a.goes_on().await, Durability::Durable);
    clock.at_entry.store(3, Ordering::Relaxed);
    let batches = vec![a.next(), b.next()];
    let durability = store.append_together(batches.clone()).await;
    assert_eq!(durability, Durability::Committed, "it is in the journal, and its file is gone");
    assert!(!store.status().writable);
    // What comes now is refused, and is in no journal.
    let refused = store.append_together(vec![b.next()]).await;
    assert_eq!(refused, Durability::Unrecorded);
    let database = directory::database_in(directory.path());
    std::fs::rename(directory.path().join("aside"), &database).unwrap();
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

fn body(bytes: usize, seed: u8) -> (Digest, Arc<[u8]>) {
    let body: Arc<[u8]> = vec![seed; bytes].into();
    (Digest::of(&body), body)
}

fn reopened(path: &Path) -> (Store, Loaded) {
    Store::open(path, options()).unwrap()
}

fn verified(path: &Path) -> Verified {
    StoreReader::open(path).unwrap().verify(None, &mut |_, _| ()).unwrap()
}

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
    let clock = Arc::new(Ticking(AtomicI64::new(1_000)));
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
    let options = StoreOptions { clock: Arc::new(Still(now)), ..options() };
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
