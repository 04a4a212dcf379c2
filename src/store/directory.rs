//! The store's directory: its files, their modes and the lock.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::error::{LockHolder, is_full, is_unwritable};
use anchorwatch_core::journal::Chain;

const DATABASE: &str = "anchorwatch.sqlite";
const LOCK: &str = "anchorwatch.lock";

/// Where the database of the store in this directory lies.
pub(super) fn database_in(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// The files beside the database that SQLite keeps, by what is added to its name.
pub(super) const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// A file of SQLite's beside the database.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The lock of a store: held for as long as this lives, and by the kernel alone, so that nothing
/// is left behind by a process that is killed. The file also holds the process ID, and the head of the
/// journal as it was last known to be durable.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
    identity: Option<FileIdentity>,
    noted: Option<Chain>,
    /// Whether the medium can be written.
    writable: bool,
}

/// Which file a path names: another one than before, where somebody removed or replaced it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Which file the path names, and its length. A link is not followed.
    pub(super) fn of(path: &Path) -> std::io::Result<(Self, u64)> {
        let file = std::fs::symlink_metadata(path)?;
        Ok((Self { device: file.dev(), inode: file.ino() }, file.len()))
    }
}

/// Whether there is a database file in a store's directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DatabaseFile {
    Present,
    Absent,
}

/// What came of claiming a store's directory.
#[derive(Debug)]
pub(super) struct Claimed {
    /// The directory, without links in its path.
    pub(super) directory: PathBuf,
    /// The lock; `None` where the medium cannot be written and there is no lock file.
    pub(super) lock: Option<Lock>,
    /// Whether there is a database file.
    pub(super) database: DatabaseFile,
}

/// Makes the directory and the database file where there are none, and locks them. What cannot be
/// written is locked all the same, where that can be.
pub(super) fn claim(path: &Path) -> Result<Claimed, StoreError> {
    let failed = |source| StoreError::Directory { path: path.into(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let directory = path.canonicalize().map_err(failed)?;
    refuse_links(&directory)?;
    report_exposure(&directory);
    let lock = Lock::acquire(&directory)?;
    // SQLite gives its other files the mode of the first.
    let database = database_in(&directory);
    let there = match owned(&database) {
        Ok(_) => DatabaseFile::Present,
        Err(error) if is_unwritable(&error) => match database.is_file() {
            true => DatabaseFile::Present,
            // A full disk has room again some time. A medium without a store that takes none is a
            // mistake in the configuration.
            false if is_full(&error) => DatabaseFile::Absent,
            false => return Err(StoreError::File { path: database, source: error }),
        },
        Err(source) => return Err(StoreError::File { path: database, source }),
    };
    // A crash right after the first start must not lose the directory's entries.
    if let Err(error) = File::open(&directory).and_then(|entries| entries.sync_all()) {
        tracing::warn!(%error, "cannot sync the store's directory");
    }
    Ok(Claimed { directory, lock, database: there })
}

/// A link in the place of a file of the store may lead anywhere, and whoever can put one there can let
/// the daemon write into another file.
pub(super) fn refuse_links(directory: &Path) -> Result<(), StoreError> {
    let database = database_in(directory);
    let journal = beside(&database, "-journal");
    let files = BESIDE.iter().map(|ending| beside(&database, ending));
    for path in files.chain([journal, directory.join(LOCK), database.clone()]) {
        match std::fs::symlink_metadata(&path) {
            Ok(file) if !file.is_file() => return Err(StoreError::NotAFile { path }),
            Ok(_) | Err(_) => (),
        }
    }
    Ok(())
}

fn report_exposure(directory: &Path) {
    /// Writable by the group, or by everyone.
    const OTHERS: u32 = 0o022;
    if let Ok(found) = std::fs::metadata(directory)
        && found.mode() & OTHERS != 0
    {
        tracing::warn!(
            directory = %directory.display(),
            mode = format!("{:o}", found.mode() & 0o7777),
            "others may write the store's directory: they can replace what is recorded (chmod 700)"
        );
    }
}

impl Lock {
    /// Locks the store; `None` where there is no lock file and none can be made.
    pub(super) fn acquire(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path = directory.join(LOCK);
        let failed = |source| StoreError::File { path: path.clone(), source };
        let (mut file, writable) = match owned(&path) {
            Ok(file) => (file, true),
            Err(error) if is_unwritable(&error) => match read_only(&path) {
                Ok(file) => (file, false),
                Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
                Err(_) => return Err(failed(error)),
            },
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let holder = LockHolder(written_in(&mut file).0);
                return Err(StoreError::Locked { path: directory.into(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let noted = written_in(&mut file).1;
        let identity = FileIdentity::of(&path).ok().map(|(identity, _)| identity);
        let mut lock = Self { path, file, identity, noted, writable };
        lock.write();
        Ok(Some(lock))
    }

    /// Whether the lock file is still the one that is locked.
    pub(super) fn is_linked(&self) -> bool {
        let now = FileIdentity::of(&self.path).ok().map(|(identity, _)| identity);
        now == self.identity
    }

    /// The journal's head as the file has it.
    pub(super) fn noted(&self) -> Option<Chain> {
        self.noted
    }

    /// Notes the head of the journal, which is durable: a start after a crash then knows whether the
    /// journal still has it. The note itself is not synced, and so never ahead of the journal.
    pub(super) fn note(&mut self, head: Chain) {
        self.noted = Some(head);
        self.write();
    }

    fn write(&mut self) {
        if !self.writable {
            return;
        }
        // The whole of it in one write, and in the place of what stood there.
        let mut text = format!("{}\n", std::process::id());
        if let Some(Chain { number, head }) = self.noted {
            let _ = writeln!(text, "{number} {head}");
        }
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let written = self.file.write_all_at(text.as_bytes(), 0);
        if let Err(error) = written.and_then(|()| self.file.set_len(length)) {
            // For messages and for the next start: a full disk must not keep the watch from starting.
            tracing::warn!(%error, "cannot write the store's lock file");
            self.writable = false;
        }
    }
}

/// Whether the database was never written.
pub(super) fn is_empty(directory: &Path) -> bool {
    let database = database_in(directory);
    let length = |path: &Path| std::fs::symlink_metadata(path).map_or(0, |file| file.len());
    length(&database) == 0 && length(&beside(&database, "-wal")) == 0
}

/// The journal's head as the process that last wrote the store knew it; `None` where nobody noted any.
pub(super) fn noted_head(directory: &Path) -> Option<Chain> {
    written_in(&mut read_only(&directory.join(LOCK)).ok()?).1
}

fn owned(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

fn read_only(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// The process ID and the head of the journal that a lock file holds.
fn written_in(file: &mut File) -> (Option<u32>, Option<Chain>) {
    /// No process ID and no head is longer.
    const LONGEST: u64 = 256;
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST).read_to_string(&mut text));
    if read.is_err() {
        return (None, None);
    }
    let mut lines = text.lines();
    let process = lines.next().and_then(|line| line.trim().parse().ok());
    let mut head = || {
        let (number, head) = lines.next()?.split_once(' ')?;
        Some(Chain { number: number.parse().ok()?, head: head.parse().ok()? })
    };
    (process, head())
}
