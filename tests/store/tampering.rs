//! Whatever is done to a store behind its back, `verify` finds.

use std::path::Path;

use anchorwatch::store::VerifyFault;
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::watch::FailureReason;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::story::{Story, authority, open, verify};

/// A store with a year in small, and its head before the last poll.
async fn store() -> (TempDir, Digest) {
    let directory = tempfile::tempdir().unwrap();
    let (store, loaded) = open(directory.path());
    let mut a = Story::of("a.example", &store, &loaded);
    let mut b = Story::of("b.example", &store, &loaded);
    for sequence in 1..8 {
        a.publishes(sequence, &["x1", &format!("j{sequence}")]).await;
        b.publishes(sequence, &["x2"]).await;
    }
    b.fails(FailureReason::Timeout).await;
    let noted = store.status().head.head;
    a.publishes(9, &["x1", "j9"]).await;
    store.close().await.unwrap();
    (directory, noted)
}

/// As someone would who knows SQLite and not the chain, and leaves the schema as it was.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path.join("anchorwatch.sqlite")).unwrap();
    let triggers = "SELECT group_concat(sql, ';') FROM sqlite_schema WHERE type = 'trigger'";
    let triggers: String = connection.query_row(triggers, [], |row| row.get(0)).unwrap();
    connection
        .execute_batch("DROP TRIGGER events_are_not_edited; DROP TRIGGER events_are_not_deleted")
        .unwrap();
    connection.execute_batch(sql).unwrap();
    connection.execute_batch(&triggers).unwrap();
}

async fn found_in(sql: &str) -> VerifyFault {
    let (directory, _) = store().await;
    verify(directory.path(), None).unwrap();
    tamper(directory.path(), sql);
    verify(directory.path(), None).unwrap_err()
}

#[tokio::test]
async fn a_store_in_order_says_how_much_was_looked_at() {
    let (directory, noted) = store().await;
    let verified = verify(directory.path(), Some(noted)).unwrap();
    assert_eq!(verified.trust_domains, 2);
    assert_eq!(verified.checkpoints, 2);
    assert_eq!(verified.authorities, 10);
    assert_eq!(verified.bodies, 15);
    assert_eq!(verified.followed_by(), Some(4));
    assert_eq!(verified.noted.unwrap() + 4, verified.head.number);
}

#[tokio::test]
async fn a_schema_that_was_changed_is_found() {
    let fault = found_in("DROP INDEX events_of_kind").await;
    assert!(matches!(fault, VerifyFault::Schema { .. }), "{fault}");
    let fault = found_in("CREATE TABLE other (x)").await;
    assert!(matches!(fault, VerifyFault::Schema { .. }), "{fault}");
}

#[tokio::test]
async fn an_edited_entry_is_found_by_its_number() {
    for edit in [
        "payload = replace(payload, '\"sequence\":{\"given\":1}', '\"sequence\":{\"given\":7}')",
        "payload = payload || ' '",
        "at = at + 1",
        "trust_domain = 'b.example'",
        "hash = zeroblob(32)",
    ] {
        let fault = found_in(&format!("UPDATE events SET {edit} WHERE number = 5")).await;
        assert!(matches!(fault, VerifyFault::Hash { number: 5, .. }), "{edit}: {fault}");
    }
}

#[tokio::test]
async fn a_column_that_says_something_else_than_the_payload_is_found() {
    for (edit, name) in [
        ("kind = 'recovered'", "kind"),
        ("authority = zeroblob(32)", "authority"),
        ("authority = NULL", "authority"),
    ] {
        let fault = found_in(&format!("UPDATE events SET {edit} WHERE number = 4")).await;
        assert!(
            matches!(fault, VerifyFault::Column { number: 4, column, .. } if column == name),
            "{edit}: {fault}"
        );
    }
}

#[tokio::test]
async fn a_gap_and_another_order_are_found() {
    let fault = found_in("DELETE FROM events WHERE number = 5").await;
    assert!(matches!(fault, VerifyFault::Gap { expected: 5, found: 6 }), "{fault}");
    // The gap closed again.
    let close = "DELETE FROM events WHERE number = 5;
        UPDATE events SET number = -number + 1 WHERE 5 < number;
        UPDATE events SET number = -number WHERE number < 0";
    let fault = found_in(close).await;
    assert!(matches!(fault, VerifyFault::Hash { number: 5, .. }), "{fault}");
    let swap = "UPDATE events SET number = 1000 WHERE number = 3;
        UPDATE events SET number = 3 WHERE number = 4;
        UPDATE events SET number = 4 WHERE number = 1000";
    let fault = found_in(swap).await;
    assert!(matches!(fault, VerifyFault::Hash { number: 3, .. }), "{fault}");
}

#[tokio::test]
async fn what_is_derived_and_does_not_follow_is_found() {
    let fault = found_in("UPDATE checkpoints SET facts = replace(facts, 'j', 'k')").await;
    assert!(matches!(fault, VerifyFault::Checkpoint { .. }), "{fault}");
    let fault = found_in("UPDATE checkpoints SET number = number - 1").await;
    assert!(matches!(fault, VerifyFault::Checkpoint { .. }), "{fault}");
    for edit in [
        "UPDATE authorities SET removed_until = NULL, removed_after = NULL",
        "UPDATE authorities SET published_until = published_until - 1",
        "UPDATE authorities SET public_key = zeroblob(32)",
        "UPDATE authorities SET source = 4",
    ] {
        let fault = found_in(edit).await;
        assert!(matches!(fault, VerifyFault::Authority { .. }), "{edit}: {fault}");
    }
    let forget = "DELETE FROM authorities WHERE trust_domain = 'b.example'";
    let fault = found_in(forget).await;
    assert!(matches!(fault, VerifyFault::Unindexed { number: 8 }), "{fault}");
}

#[tokio::test]
async fn an_edited_document_is_found_and_a_missing_one_is_retentions() {
    let fault = found_in("UPDATE bodies SET body = zeroblob(9)").await;
    assert!(matches!(fault, VerifyFault::Body { .. }), "{fault}");
    let (directory, _) = store().await;
    tamper(directory.path(), "DELETE FROM bodies");
    assert_eq!(verify(directory.path(), None).unwrap().bodies, 0);
}

#[tokio::test]
async fn a_cut_tail_is_found_by_a_head_that_was_noted() {
    let (directory, noted) = store().await;
    let path = directory.path();
    // Someone careful, who cuts what is derived as well.
    tamper(
        path,
        "DELETE FROM events WHERE number >= (SELECT min(number) FROM events
             WHERE kind = 'failure_began');
         DELETE FROM checkpoints;
         DELETE FROM authorities WHERE source NOT IN (SELECT number FROM events);
         UPDATE authorities SET removed_after = NULL, removed_until = NULL
             WHERE source = (SELECT max(source) FROM authorities)",
    );
    // The lock file knows the head as well.
    let fault = verify(path, None).unwrap_err();
    assert!(matches!(fault, VerifyFault::Cut { .. }), "{fault}");
    let (store, _) = open(path);
    assert!(store.health().faults[0].detail.contains("cut"), "{:?}", store.health());
    drop(store);
    std::fs::write(path.join("anchorwatch.lock"), "").unwrap();
    verify(path, None).unwrap();
    let fault = verify(path, Some(noted)).unwrap_err();
    assert!(matches!(fault, VerifyFault::Cut { .. }), "{fault}");
    assert!(fault.to_string().contains(&noted.to_string()), "{fault}");
    // Someone careless leaves traces.
    let fault = found_in("DELETE FROM events WHERE 20 < number").await;
    assert!(matches!(fault, VerifyFault::Checkpoint { .. }), "{fault}");
}

#[tokio::test]
async fn a_damaged_checkpoint_costs_a_replay_and_nothing_else() {
    let (directory, _) = store().await;
    tamper(
        directory.path(),
        "UPDATE checkpoints SET facts = '{'; UPDATE poll_states SET poll_state = '{'",
    );
    let (store, loaded) = open(directory.path());
    let a = Story::of("a.example", &store, &loaded);
    assert!(a.state.facts.record(authority("j9").id).is_some());
    assert_eq!(a.state.facts.bundle.high_water, Some(9));
    let health = store.health();
    for what in ["the checkpoint of a.example", "what the last polls of b.example saw"] {
        assert!(health.faults.iter().any(|fault| fault.detail.contains(what)), "{health:?}");
    }
    // It was made anew.
    store.close().await.unwrap();
    let (store, again) = open(directory.path());
    assert_eq!(again.domains, loaded.domains);
    assert_eq!(store.health().count(), 0, "{:?}", store.health());
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_named() {
    let (directory, _) = store().await;
    let edit = "DELETE FROM checkpoints; UPDATE events SET payload = '{}' WHERE number = 4";
    tamper(directory.path(), edit);
    // What verifies is used all the same: no trust domain goes unwatched.
    let (store, loaded) = open(directory.path());
    assert!(store.health().faults.iter().any(|fault| fault.detail.contains("entry 4 ")));
    assert_eq!(Story::of("a.example", &store, &loaded).state.facts.bundle.high_water, Some(9));
    assert_eq!(Story::of("b.example", &store, &loaded).state.facts.bundle.high_water, Some(7));
}

/// How many checkpoints this trust domain has.
fn checkpoints(path: &Path, name: &str) -> i64 {
    let connection = Connection::open(path.join("anchorwatch.sqlite")).unwrap();
    let count = "SELECT count(*) FROM checkpoints WHERE trust_domain = ?1";
    connection.query_row(count, [name], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_a_damaged_entry_hides_gets_no_checkpoint() {
    let (directory, _) = store().await;
    let path = directory.path();
    let edit = "DELETE FROM checkpoints; UPDATE events SET payload = '{}' WHERE number = 4;
        UPDATE poll_states SET poll_state = '{' WHERE trust_domain = 'b.example'";
    tamper(path, edit);
    for sequence in [20, 30] {
        let (store, loaded) = open(path);
        let faults = store.health();
        let damaged = faults.faults.iter().any(|fault| fault.detail.contains("entry 4 "));
        assert!(damaged, "each start says so: {faults:?}");
        let mut a = Story::of("a.example", &store, &loaded);
        let mut b = Story::of("b.example", &store, &loaded);
        for sequence in sequence..sequence + 4 {
            a.publishes(sequence, &["x1", &format!("j{sequence}")]).await;
            b.publishes(sequence, &["x2", &format!("k{sequence}")]).await;
        }
        store.close().await.unwrap();
        assert_eq!(checkpoints(path, "a.example"), 0, "it would hide entry 4 for good");
        // All entries of the other one verify: what the last polls saw is in no checkpoint.
        assert_eq!(checkpoints(path, "b.example"), 1);
        let (store, again) = open(path);
        assert_eq!(again.domains[&a.name].facts, a.state.facts);
        assert_eq!(
            again.domains[&a.name].poll_state, a.state.poll_state,
            "what was seen since is kept"
        );
        assert_eq!(again.domains[&b.name].facts, b.state.facts);
        store.close().await.unwrap();
    }
}
