//! The store: what it gives back after a restart, a crash and a full disk, and whether it notices
//! what was done to it.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test's helpers are part of the test"
)]

#[path = "../support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;
mod crash;
mod flips;
mod replay;
mod story;
mod tampering;

use std::path::Path;
use std::time::Duration;

use anchorwatch::store::{
    AuthorityQuery, Durability, EventQuery, Presence, Store, StoreError, StoreReader,
};
use anchorwatch_core::bundle::{Bundle, Digest, StatedNumber};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, Observation, Poll, Source};
use story::{START, Story, authority, open, options};

#[tokio::test]
async fn a_restart_gives_back_what_was_known() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let (store, loaded) = open(&path);
    assert!(loaded.fresh);
    assert_eq!(loaded.head.number, 0);
    let mut a = Story::of("a.example", &store, &loaded);
    let mut b = Story::of("b.example", &store, &loaded);
    assert_eq!(a.publishes(1, &["x1", "j1"]).await, Durability::Durable);
    b.publishes(1, &["x2"]).await;
    for sequence in 2..9 {
        a.publishes(sequence, &["x1", &format!("j{sequence}")]).await;
    }
    a.fails(FailureReason::Connect).await;
    let head = store.status().head;
    assert_eq!(head.number, u64::try_from(a.events.len() + b.events.len()).unwrap());
    store.close().await.unwrap();

    let (store, loaded) = open(&path);
    assert!(!loaded.fresh);
    assert_eq!(loaded.created, Timestamp::from_unix(START));
    assert_eq!(loaded.head, head);
    assert_eq!(loaded.domains.len(), 2);
    assert_eq!(loaded.domains[&a.name], a.state);
    assert_eq!(loaded.domains[&b.name], b.state);
    // What every poll renews is taken down without an event.
    b.state.poll_state.last_success = Some(Timestamp::from_unix(START + 9_999));
    store.record_poll_states(vec![(b.name.clone(), b.state.poll_state.clone())]);
    store.close().await.unwrap();
    let (_store, loaded) = open(&path);
    assert_eq!(loaded.domains[&b.name], b.state);
    assert_eq!(loaded.head, head);
}

#[tokio::test]
async fn the_journal_is_found_by_domain_time_kind_and_authority() {
    let directory = tempfile::tempdir().unwrap();
    let (store, loaded) = open(directory.path());
    let mut a = Story::of("a.example", &store, &loaded);
    let mut b = Story::of("b.example", &store, &loaded);
    a.publishes(1, &["x1", "j1"]).await;
    b.publishes(1, &["x1"]).await;
    let later = a.now;
    a.publishes(2, &["x1"]).await;
    let find = async |query: EventQuery| store.events(query).await.unwrap();
    let all = find(EventQuery::default()).await;
    let numbers: Vec<u64> = all.iter().map(|recorded| recorded.number).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<u64>>());
    assert_eq!(all.last().unwrap().hash, store.status().head.head);
    let of_b = EventQuery { trust_domain: Some(b.name.clone()), ..EventQuery::default() };
    let of_b = find(of_b).await;
    let told: Vec<_> = of_b.iter().map(|r| (r.entry.at, r.entry.event.clone())).collect();
    assert_eq!(told, b.events);
    let kind = Some("authority_introduced".into());
    assert_eq!(find(EventQuery { kind, ..EventQuery::default() }).await.len(), 3);
    let x1 = Some(authority("x1").id.fingerprint);
    assert_eq!(find(EventQuery { authority: x1, ..EventQuery::default() }).await.len(), 2);
    let since = EventQuery { since: Some(later), ..EventQuery::default() };
    assert_eq!(find(since).await.len(), 2);
    let until = EventQuery { until: Some(later), ..EventQuery::default() };
    assert_eq!(find(until).await.len(), 9);
    // The latest, the newest last.
    let latest = find(EventQuery { limit: 2, ..EventQuery::default() }).await;
    assert_eq!([latest[0].number, latest[1].number], [10, 11]);
    assert_eq!(find(EventQuery { after: Some(10), ..EventQuery::default() }).await.len(), 1);
}

#[tokio::test]
async fn an_authority_is_recalled_long_after_the_facts_laid_it_aside() {
    let directory = tempfile::tempdir().unwrap();
    let (store, loaded) = open(directory.path());
    let mut a = Story::of("a.example", &store, &loaded);
    let mut b = Story::of("b.example", &store, &loaded);
    b.publishes(1, &["x", "j0"]).await;
    for sequence in 0..20 {
        a.publishes(sequence, &["x", &format!("j{sequence}")]).await;
        a.now = a.now.saturating_add(Duration::from_hours(30));
    }
    let first = authority("j0").id;
    assert!(a.state.facts.record(first).is_none(), "the facts have laid it aside");
    let recalled = store.recall(&a.name, vec![first, authority("never").id]).await;
    assert_eq!(recalled.len(), 1);
    assert_eq!(*recalled[0].authority, *authority("j0"));
    let removed = recalled[0].removed.unwrap();
    assert_eq!(removed.after, Some(Timestamp::from_unix(START)));
    // It comes back, and the journal says so.
    let bundle = Bundle::new(vec![authority("j0")], StatedNumber::Given(99), StatedNumber::Absent);
    let observation = Observation {
        body: bundle.content(),
        bundle,
        irregularities: Vec::new(),
        length: 1,
        refusals: None,
        source: Source::default(),
    };
    a.poll(Poll { answers: vec![Ok(observation)], recalled }, Vec::new()).await;
    let everywhere = store.authority(first.fingerprint).await.unwrap();
    let domains: Vec<_> = everywhere.iter().map(|entry| entry.trust_domain.as_str()).collect();
    assert_eq!(domains, ["a.example", "b.example"]);
    assert_eq!(everywhere[0].record.returned_after, Some(removed));
    assert_eq!(everywhere[0].record.removed, None);
    // One public key in two trust domains.
    let public_key = authority("x").public_key;
    let query = AuthorityQuery { public_key, ..AuthorityQuery::default() };
    assert_eq!(store.authorities(query).await.unwrap().len(), 2);
    let query = AuthorityQuery {
        trust_domain: Some(a.name.clone()),
        presence: Some(Presence::Removed),
        ..AuthorityQuery::default()
    };
    assert_eq!(store.authorities(query).await.unwrap().len(), 20);
    // What the table holds is what the facts hold, for as long as they do.
    for record in &a.state.facts.authorities.records {
        let recalled = store.recall(&a.name, vec![record.id()]).await;
        assert_eq!(recalled.first(), Some(&record.unjudged()));
    }
}

#[tokio::test]
async fn a_store_in_use_is_refused_and_names_its_holder() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let refused = Store::open(directory.path(), options()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
    let message = refused.to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    // A reader is welcome.
    StoreReader::open(directory.path()).unwrap();
    store.close().await.unwrap();
    open(directory.path());
}

#[tokio::test]
async fn only_its_owner_may_look_into_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/here");
    let (store, loaded) = open(&path);
    Story::of("a.example", &store, &loaded).publishes(1, &["x1"]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in std::fs::read_dir(&path).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_reader_needs_no_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let missing = StoreReader::open(directory.path()).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");
    let (store, loaded) = open(directory.path());
    let mut a = Story::of("a.example", &store, &loaded);
    let beside = StoreReader::open(directory.path()).unwrap();
    a.publishes(1, &["x1", "j1"]).await;
    let head = store.status().head;
    assert_eq!(beside.head().unwrap(), head);
    drop(beside);
    store.close().await.unwrap();
    let reader = StoreReader::open(directory.path()).unwrap();
    assert_eq!(reader.head().unwrap(), head);
    assert_eq!(reader.created().unwrap(), Timestamp::from_unix(START));
    assert_eq!(reader.domains().unwrap()[&a.name], a.state);
    assert_eq!(reader.events(&EventQuery::default()).unwrap().len(), a.events.len());
    let confirmed = a.state.facts.bundle.confirmed.as_ref().unwrap();
    let body = reader.body(confirmed.body).unwrap().unwrap();
    assert_eq!(Digest::of(&body), confirmed.body);
}
