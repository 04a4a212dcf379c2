//! Connections to the database, and the versions of its schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use url::Url;

use super::StoreError;
use super::directory::{beside, database_in};

/// The earliest version that can be read and brought up to date: nothing before it was released.
const FIRST: i64 = 3;

/// The first makes the schema of version [`FIRST`] in an empty database; each further one brings it from
/// the version before to its own. What was released is never edited: a change is a new entry.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// `anch` in ASCII: marks the file as ours (`PRAGMA application_id`).
const APPLICATION: i64 = 0x616e_6368;

/// How long another process may hold the database before a action on it counts as failed: an
/// operator's own look into the file takes less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens the database for writing and brings its schema up to date. `directory` has no links in its
/// path: SQLite refuses to follow any.
pub(super) fn open_writer(directory: &Path) -> Result<Connection, StoreError> {
    let path = database_in(directory);
    untouched(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let failed = || StoreError::database("open the store");
    let mut connection = Connection::open_with_flags(&path, flags).map_err(failed())?;
    connection.busy_timeout(PATIENCE).map_err(failed())?;
    check(&connection, &path)?;
    connection
        .execute_batch(
            // An entry is durable once its transaction is: the log is synced at each commit.
            // The log goes into the database when there is time, at the latest at 32 MiB.
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 8192;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -8192;
             PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(failed())?;
    migrate(&mut connection, MIGRATIONS)?;
    Ok(connection)
}

/// A store in memory: what stands in for one that cannot be made yet.
pub(super) fn open_in_memory() -> Result<Connection, StoreError> {
    let opened = Connection::open_in_memory();
    let mut connection = opened.map_err(StoreError::database("open a store in memory"))?;
    migrate(&mut connection, MIGRATIONS)?;
    Ok(connection)
}

/// The statements that made the schema of this version: type, name, table and text of each.
pub(super) fn declared(connection: &Connection) -> rusqlite::Result<Vec<[Option<String>; 4]>> {
    let all = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let mut statement = connection.prepare(all)?;
    let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
    statement.query_map([], read)?.collect()
}

/// Refuses a store of another version by the header of its file alone: SQLite would move its log into
/// the database, and nothing in it is to be touched.
fn untouched(path: &Path) -> Result<(), StoreError> {
    /// Where the header of SQLite's file format has the version of the schema, and whose it is.
    const VERSION: std::ops::Range<usize> = 60..64;
    const OWNER: std::ops::Range<usize> = 68..72;
    let mut header = [0; 100];
    // No connection is open yet: closing this file gives up no lock of SQLite's.
    let read = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header));
    let number = |place: std::ops::Range<usize>| {
        let bytes = header.get(place)?.try_into().ok()?;
        Some(i64::from(i32::from_be_bytes(bytes)))
    };
    // A new file is shorter, and its header may still stand in the log.
    if read.is_err() || number(OWNER) != Some(APPLICATION) {
        return Ok(());
    }
    match number(VERSION) {
        Some(found) if found != 0 => known(found),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a version that cannot be read.
fn known(found: i64) -> Result<(), StoreError> {
    let known = latest(MIGRATIONS);
    if found < FIRST {
        return Err(StoreError::UnreleasedSchema { found, first: FIRST });
    }
    if known < found {
        return Err(StoreError::NewerSchema { found, known });
    }
    Ok(())
}

/// Opens the database for reading, beside a writer or without one.
pub(super) fn open_reader(directory: &Path) -> Result<Connection, StoreError> {
    let path = database_in(directory);
    if !path.is_file() {
        return Err(StoreError::Missing { path: directory.into() });
    }
    let connection = match read_only(&path, path.as_os_str().to_owned().into()) {
        // Evidence on a medium that cannot be written: SQLite wants to put its shared memory
        // there, unless it is told that nobody writes.
        Err(StoreError::Database { source, .. })
            if matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure)
            ) && !holds_anything(&beside(&path, "-wal")) =>
        {
            let mut uri = Url::from_file_path(path.canonicalize().unwrap_or_default())
                .map_err(|()| StoreError::Missing { path: directory.into() })?;
            uri.set_query(Some("immutable=1"));
            read_only(&path, uri.as_str().into())?
        }
        connection => connection?,
    };
    match (version(&connection)?, latest(MIGRATIONS)) {
        (0, _) => Err(StoreError::Missing { path: directory.into() }),
        (found, known) if found < known => Err(StoreError::OlderSchema { found, known }),
        _ => Ok(connection),
    }
}

fn read_only(path: &Path, name: PathBuf) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let failed = || StoreError::database("open the store for reading");
    let connection = Connection::open_with_flags(name, flags).map_err(failed())?;
    connection.busy_timeout(PATIENCE).map_err(failed())?;
    check(&connection, path)?;
    Ok(connection)
}

fn holds_anything(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| 0 < file.len())
}

/// Refuses what is not ours, and what a later version wrote.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let application: i64 = match number("application_id") {
        Ok(application) => application,
        Err(rusqlite::Error::SqliteFailure(failure, _))
            if failure.code == ErrorCode::NotADatabase =>
        {
            return Err(StoreError::Foreign { path: path.into() });
        }
        Err(source) => return Err(StoreError::Database { action: "open the store", source }),
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(StoreError::database("open the store"))?;
    if application != APPLICATION && 0 < tables {
        return Err(StoreError::Foreign { path: path.into() });
    }
    match version(connection)? {
        0 => Ok(()),
        found => known(found),
    }
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(StoreError::database("read the store's schema version"))
}

fn latest(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).map_or(i64::MAX, |count| count.saturating_add(FIRST - 1))
}

/// Brings the schema up to date, one version a transaction: a crash leaves one version or the
/// next, never something between.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let failed = || StoreError::database("bring the store's schema up to date");
    let found = version(connection)?;
    for (place, migration) in (FIRST..).zip(migrations) {
        if place <= found {
            continue;
        }
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed())?;
        transaction.execute_batch(migration).map_err(failed())?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed())?;
        transaction.pragma_update(None, "user_version", place).map_err(failed())?;
        transaction.commit().map_err(failed())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "INSERT INTO events VALUES (1, 2, 'a', 'recovered', NULL, x'00', '{}')";

    #[test]
    fn an_older_schema_is_brought_up_to_date_and_keeps_its_entries() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        connection.execute(ENTRY, []).unwrap();
        let next = "ALTER TABLE bodies ADD COLUMN note TEXT";
        let later: Vec<&str> = MIGRATIONS.iter().copied().chain([next]).collect();
        migrate(&mut connection, &later).unwrap();
        assert_eq!(version(&connection).unwrap(), latest(&later));
        connection.query_row("SELECT note FROM bodies", [], |_| Ok(())).unwrap_err();
        let entries: i64 =
            connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
        assert_eq!(entries, 1);
        // Once more changes nothing.
        migrate(&mut connection, &later).unwrap();
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = [MIGRATIONS[0], "CREATE TABLE extra (x); SELECT * FROM nothing"];
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), FIRST);
        assert!(connection.prepare("SELECT * FROM extra").is_err());
    }

    #[test]
    fn entries_are_neither_edited_nor_deleted() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        connection.execute(ENTRY, []).unwrap();
        for action in ["UPDATE events SET at = 3", "DELETE FROM events"] {
            let error = connection.execute(action, []).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{error}");
        }
    }

    #[test]
    fn a_newer_schema_and_a_foreign_database_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = database_in(directory.path());
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = DELETE; CREATE TABLE other (x)").unwrap();
        let refused = open_writer(directory.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
        connection.pragma_update(None, "application_id", APPLICATION).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        for refused in [open_writer(directory.path()), open_reader(directory.path())] {
            let refused = refused.unwrap_err();
            assert!(
                matches!(refused, StoreError::NewerSchema { found: 99, known: FIRST }),
                "{refused}"
            );
        }
        std::fs::write(&path, "this is text and not a database at all, of some length").unwrap();
        let refused = open_writer(directory.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    }
}
