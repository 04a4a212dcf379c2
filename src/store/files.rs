//! Whether the files that are open are still those that their paths name.
//!
//! The kernel lets a process write on into a file that was removed, and what is written there is gone
//! with the process. So the paths are looked at before each transaction, after it, and every second in
//! between: six calls of `lstat`, which cost microseconds beside the sync of a commit.

use std::fmt;
use std::path::{Path, PathBuf};

use super::directory::{BESIDE, FileIdentity, beside, database_in};

/// SQLite cuts its log back to this length by itself, see `journal_size_limit` in
/// [`super::schema::open_writer`].
pub(super) const LOG_CUT_TO: u64 = 64 << 20;

/// The files of the database, as they were when it was opened.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// `None` where it was not there yet.
    identity: Option<FileIdentity>,
    /// How long it was at the last look: no file of the database shrinks but for the log, which SQLite
    /// cuts back to [`LOG_CUT_TO`].
    length: u64,
    is_database: bool,
}

/// What befell a file of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Touched {
    pub(super) path: PathBuf,
    pub(super) how: How,
    /// Whether it is the database itself, which nothing can be saved into.
    pub(super) is_database: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Removed,
    Replaced,
    Truncated,
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Removed => "was removed",
            How::Replaced => "was replaced by another file",
            How::Truncated => "was truncated",
        };
        write!(f, "{} {how} while the store was open", self.path.display())
    }
}

impl Files {
    /// The files of the database in this directory, which was just opened.
    pub(super) fn of(directory: &Path) -> Self {
        let database = database_in(directory);
        let files = BESIDE.iter().map(|ending| (beside(&database, ending), false));
        let watched = |(path, is_database): (PathBuf, bool)| {
            let found = FileIdentity::of(&path).ok();
            let (identity, length) = (found.map(|(identity, _)| identity), found.map(|(_, n)| n));
            Watched { path, identity, length: length.unwrap_or(0), is_database }
        };
        Self {
            files: std::iter::once((database.clone(), true)).chain(files).map(watched).collect(),
        }
    }

    /// The first file that is not the one that was opened.
    pub(super) fn touched(&mut self) -> Option<Touched> {
        self.files.iter_mut().find_map(|file| {
            let how = file.look()?;
            Some(Touched { path: file.path.clone(), how, is_database: file.is_database })
        })
    }
}

impl Watched {
    fn look(&mut self) -> Option<How> {
        match (self.identity, FileIdentity::of(&self.path)) {
            (_, Ok((found, length))) if self.identity.is_none_or(|known| known == found) => {
                let least =
                    if self.is_database { self.length } else { self.length.min(LOG_CUT_TO) };
                self.identity = Some(found);
                if length < least {
                    return Some(How::Truncated);
                }
                self.length = length;
                None
            }
            (None, Ok(_) | Err(_)) => None,
            (Some(_), Ok(_)) => Some(How::Replaced),
            (Some(_), Err(_)) => Some(How::Removed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_missed_and_its_length_is_watched() {
        let directory = tempfile::tempdir().unwrap();
        let database = database_in(directory.path());
        let log = beside(&database, "-wal");
        std::fs::write(&database, [0; 4096]).unwrap();
        std::fs::write(&log, [0; 64]).unwrap();
        let mut files = Files::of(directory.path());
        assert_eq!(files.touched(), None, "shared memory that is not there yet");
        std::fs::write(&log, [0; 128]).unwrap();
        assert_eq!(files.touched(), None);
        std::fs::write(&log, [0; 64]).unwrap();
        let touched = files.touched().unwrap();
        assert_eq!((touched.how, touched.is_database), (How::Truncated, false));
        std::fs::write(&log, [0; 128]).unwrap();
        assert_eq!(files.touched(), None, "written again, in the same file");
        std::fs::rename(&log, directory.path().join("aside")).unwrap();
        assert_eq!(files.touched().unwrap().how, How::Removed);
        std::fs::write(&log, [0; 128]).unwrap();
        assert_eq!(files.touched().unwrap().how, How::Replaced);
        std::fs::rename(directory.path().join("aside"), &log).unwrap();
        assert_eq!(files.touched(), None, "brought back");
        std::fs::write(&database, "").unwrap();
        assert!(files.touched().unwrap().is_database);
    }
}
