//! A flipped bit is reported, at the start or by the check of the whole store, or it changed nothing.

use std::path::Path;

use anchorwatch::store::{Loaded, Store, StoreOptions, StoreReader};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::FailureReason;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use crate::options;
use crate::story::{START, Story, open};

/// How many bits are flipped at random places.
const FLIPS: usize = 80;

/// A store with something in every table and column.
async fn store() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (store, loaded) = open(directory.path());
    let mut a = Story::of("a.example", &store, &loaded);
    let mut b = Story::of("b.example", &store, &loaded);
    for sequence in 1..12 {
        a.publishes(sequence, &["x1", &format!("j{sequence}")]).await;
        b.publishes(sequence, &["x2", &format!("k{}", sequence / 4)]).await;
    }
    b.fails(FailureReason::Timeout).await;
    b.state.poll_state.last_success = Some(Timestamp::from_unix(START + 9_999));
    store.record_poll_states(vec![(b.name.clone(), b.state.poll_state.clone())]);
    store.close().await.unwrap();
    // As after a crash: some events are in no checkpoint.
    let without = Connection::open(directory.path().join("anchorwatch.sqlite")).unwrap();
    without.execute("DELETE FROM checkpoints WHERE trust_domain = 'b.example'", []).unwrap();
    directory
}

/// All that the tables hold, but for when the store was opened last.
fn content(path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open(path.join("anchorwatch.sqlite"))?;
    let mut rows = Vec::new();
    for table in ["meta", "events", "bodies", "authorities", "checkpoints", "poll_states"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = statement.column_count();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let values: Result<Vec<Value>, _> = (0..columns).map(|place| row.get(place)).collect();
            let row = format!("{table} {:?}", values?);
            if !row.starts_with("meta [Text(\"opened\")") {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn copy(from: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, directory.path().join(file.file_name().unwrap())).unwrap();
    }
    directory
}

/// What came of a flipped bit.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// It was refused, or reported at the start.
    AtStart,
    /// The check of the whole store reported it.
    ByTheCheck,
    /// Nothing says a word.
    Silent,
}

async fn outcome(path: &Path) -> (Outcome, Option<Loaded>) {
    let quiet = StoreOptions { check_every: None, ..options() };
    let Ok((store, loaded)) = Store::open(path, quiet) else { return (Outcome::AtStart, None) };
    let reported = 0 < store.health().count() || !store.status().writable;
    // It may not even be possible to close it.
    drop(store.close().await);
    if reported {
        return (Outcome::AtStart, Some(loaded));
    }
    let verified = StoreReader::open(path).map(|reader| reader.verify(None, &mut |_, _| ()));
    let outcome = match verified {
        Ok(Ok(_)) => Outcome::Silent,
        Ok(Err(_)) | Err(_) => Outcome::ByTheCheck,
    };
    (outcome, Some(loaded))
}

/// Flips a bit and says what came of it. One of which nothing says a word must have changed nothing.
async fn flip(pristine: &Path, place: usize, bit: u32, known: &Loaded) -> Outcome {
    let directory = copy(pristine);
    let file = directory.path().join("anchorwatch.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[place] ^= 1 << bit;
    std::fs::write(&file, bytes).unwrap();
    let before = content(pristine).unwrap();
    let after = content(directory.path());
    let (outcome, loaded) = outcome(directory.path()).await;
    if outcome == Outcome::Silent {
        // Not printed: it is long.
        assert!(after.unwrap() == before, "byte {place}, bit {bit}: the content differs");
        let domains = loaded.unwrap().domains;
        assert!(domains == known.domains, "byte {place}, bit {bit}: the state differs");
    }
    outcome
}

fn known(pristine: &Path) -> Loaded {
    let directory = copy(pristine);
    let (store, loaded) = open(directory.path());
    assert_eq!(store.health().count(), 0, "{:?}", store.health());
    loaded
}

#[tokio::test]
async fn a_bit_that_flips_anywhere_is_reported_or_changes_nothing() {
    let pristine = store().await;
    let known = known(pristine.path());
    let length = std::fs::metadata(pristine.path().join("anchorwatch.sqlite")).unwrap().len();
    let mut outcomes = [0; 3];
    // xorshift64: the same places in each run.
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    for _ in 0..FLIPS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let place = usize::try_from(seed % length).unwrap();
        let bit = u32::try_from((seed >> 40) % 8).unwrap();
        match flip(pristine.path(), place, bit, &known).await {
            Outcome::AtStart => outcomes[0] += 1,
            Outcome::ByTheCheck => outcomes[1] += 1,
            Outcome::Silent => outcomes[2] += 1,
        }
    }
    println!(
        "at the start {}, by the check {}, without effect {}",
        outcomes[0], outcomes[1], outcomes[2]
    );
    assert!(0 < outcomes[0] && 0 < outcomes[1], "{outcomes:?}");
}

/// Where a value of each kind of column stands in the file.
fn places(path: &Path, sql: &str) -> Vec<usize> {
    let connection = Connection::open(path.join("anchorwatch.sqlite")).unwrap();
    let value: Value = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    let needle = match value {
        Value::Text(text) => text.into_bytes(),
        Value::Blob(bytes) => bytes,
        // The shortest form that SQLite has for a time: six bytes or eight.
        Value::Integer(number) => number.to_be_bytes()[2..].to_vec(),
        Value::Null | Value::Real(_) => unreachable!("{sql}: {value:?}"),
    };
    // A long value continues on other pages.
    let needle = &needle[..needle.len().min(48)];
    let bytes = std::fs::read(path.join("anchorwatch.sqlite")).unwrap();
    let found = bytes.windows(needle.len()).enumerate().filter(|(_, part)| *part == needle);
    found.map(|(place, _)| place + needle.len() / 2).collect()
}

#[tokio::test]
async fn a_bit_that_flips_in_any_column_is_reported() {
    let pristine = store().await;
    let path = pristine.path();
    let known = known(path);
    let columns = [
        "SELECT value FROM meta WHERE name = 'created'",
        "SELECT name FROM meta WHERE name = 'created'",
        "SELECT digest FROM meta WHERE name = 'created'",
        "SELECT at FROM events WHERE number = 3",
        "SELECT trust_domain || kind FROM events WHERE number = 4",
        "SELECT authority FROM events WHERE authority IS NOT NULL LIMIT 1",
        "SELECT hash FROM events WHERE number = 5",
        "SELECT payload FROM events WHERE number = 6",
        "SELECT hash FROM events ORDER BY number DESC LIMIT 1",
        "SELECT payload FROM events ORDER BY number DESC LIMIT 1",
        "SELECT digest FROM bodies LIMIT 1",
        "SELECT stored_at FROM bodies LIMIT 1",
        "SELECT body FROM bodies LIMIT 1",
        "SELECT trust_domain || svid_type FROM authorities LIMIT 1",
        "SELECT fingerprint FROM authorities LIMIT 1",
        "SELECT public_key FROM authorities WHERE public_key IS NOT NULL LIMIT 1",
        "SELECT published_until FROM authorities LIMIT 1",
        "SELECT removed_until FROM authorities WHERE removed_until IS NOT NULL LIMIT 1",
        "SELECT head FROM checkpoints LIMIT 1",
        "SELECT facts FROM checkpoints LIMIT 1",
        "SELECT digest FROM checkpoints LIMIT 1",
        "SELECT poll_state FROM poll_states LIMIT 1",
        "SELECT digest FROM poll_states LIMIT 1",
        "SELECT sql FROM sqlite_schema WHERE name = 'events_are_not_edited'",
    ];
    let mut flipped = 0;
    for sql in columns {
        let mut reported = 0;
        for place in places(path, sql) {
            flipped += 1;
            // Where nothing says a word, a page that was split left the value there: nothing changed.
            reported += usize::from(flip(path, place, 1, &known).await != Outcome::Silent);
            if reported == 2 {
                break;
            }
        }
        assert!(0 < reported, "{sql}");
    }
    println!("{flipped} bits in {} columns", columns.len());
    assert!(40 <= flipped, "{flipped}");
}

/// The entry that holds it is damaged: what follows it is used all the same, and what the entry said is
/// not, so that it is decided again.
#[tokio::test]
async fn what_verifies_is_used() {
    let pristine = store().await;
    let directory = copy(pristine.path());
    let connection = Connection::open(directory.path().join("anchorwatch.sqlite")).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER events_are_not_edited;
             DELETE FROM checkpoints;
             UPDATE events SET hash = zeroblob(32) WHERE number = 7;",
        )
        .unwrap();
    drop(connection);
    let (store, loaded) = open(directory.path());
    // The hash alone was damaged: no fact is lost.
    assert_eq!(loaded.domains, known(pristine.path()).domains);
    assert!(store.health().faults.iter().any(|fault| fault.detail.contains("entry 7 ")));
}
