//! Why the store could not do what was asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
        source: std::io::Error,
    },
    /// A file in the directory cannot be opened or made.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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
        holder: Holder,
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
    #[error("cannot {deed}")]
    Database {
        /// What was being done.
        deed: &'static str,
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
    pub(super) fn database(deed: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { deed, source }
    }

    /// Something stored that makes no sense.
    pub(super) fn damaged(what: impl Into<Box<str>>, detail: impl fmt::Display) -> Self {
        Self::Damaged { what: what.into(), detail: detail.to_string().into() }
    }
}

/// Who holds the lock, as far as the lock file tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Holder(pub Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}
