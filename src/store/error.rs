//! Why the store could not do what was asked.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ErrorCode;

/// Why the store could not be opened, read or closed. That it cannot be *written* is no error but
/// a state, see [`super::StoreStatus`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is not there and cannot be made.
    #[error("cannot create the store's directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in the directory cannot be opened or made.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else stands in the place of a file of the store.
    #[error(
        "{} is a link or no file: the store's files are opened without following links, so put the \
         file itself there, or name the directory that it is in",
        path.display()
    )]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(
        "the store {} is in use by {holder}: one anchorwatch at a time may write it",
        path.display()
    )]
    Locked {
        /// The store's directory.
        path: PathBuf,
        /// Who holds it.
        holder: LockHolder,
    },
    /// There is no store to read.
    #[error("there is no store in {}: `anchorwatch run` creates it", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("{} is not a store of anchorwatch", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of anchorwatch wrote it.
    #[error(
        "the store has schema version {found}, and this anchorwatch knows versions up to {known}: \
         a later one has written it"
    )]
    NewerSchema {
        /// Its version.
        found: i64,
        /// The latest version that is known here.
        known: i64,
    },
    /// A version of anchorwatch from before its first release wrote it.
    #[error(
        "the store has schema version {found}, of before the first release, and versions from {first} on \
         are read: nothing in it was touched; move it away, and `anchorwatch run` begins a new one"
    )]
    UnreleasedSchema {
        /// Its version.
        found: i64,
        /// The first version that can be read.
        first: i64,
    },
    /// An earlier version of anchorwatch wrote it, and a reader does not change it.
    #[error(
        "the store has schema version {found} and version {known} is wanted: `anchorwatch run` \
         brings it up to date"
    )]
    OlderSchema {
        /// Its version.
        found: i64,
        /// The version that is wanted.
        known: i64,
    },
    /// Something that is stored cannot be understood.
    #[error("{what} cannot be read: {detail}; `anchorwatch store verify` tells more")]
    Damaged {
        /// What.
        what: Box<str>,
        /// Why.
        detail: Box<str>,
    },
    /// The database failed.
    #[error("cannot {action}")]
    Database {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// Reading took too long and was broken off.
    #[error("reading the store took longer than {limit:?}: ask for less")]
    Deadline {
        /// The longest that a reader may take.
        limit: Duration,
    },
    /// The writer has ended already, or did not end in time.
    #[error("the store is closed, or did not close in time")]
    Closed,
    /// The store was closed while it could not be written.
    #[error("{batches} batches could not be recorded before the store was closed")]
    Unrecorded {
        /// How many polls' events are lost.
        batches: usize,
    },
}

impl StoreError {
    /// Names what was being done.
    pub(super) fn database(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    /// Whether it says that what is stored is damaged, and not that it cannot be looked at now.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Database { source, .. } => is_damage(source),
            _ => false,
        }
    }

    /// Whether it says that the medium cannot be written, for now or at all.
    pub(super) fn is_unwritable(&self) -> bool {
        match self {
            Self::File { source, .. } => is_unwritable(source),
            Self::Database { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(
                    ErrorCode::ReadOnly
                        | ErrorCode::CannotOpen
                        | ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::PermissionDenied
                )
            ),
            _ => false,
        }
    }

    /// Something stored that makes no sense.
    pub(super) fn damaged(what: impl Into<Box<str>>, detail: impl fmt::Display) -> Self {
        Self::Damaged { what: what.into(), detail: detail.to_string().into() }
    }
}

/// Whether SQLite met something that it did not write, or a value that is none of its column's.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure
        ),
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// Whether this says that the medium cannot be written, for now or at all.
pub(super) fn is_unwritable(error: &io::Error) -> bool {
    let denied =
        matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    denied || is_full(error)
}

/// Whether this says that the medium is full: it has room again some time.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// Who holds the lock, as far as the lock file tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LockHolder(pub Option<u32>);

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}
