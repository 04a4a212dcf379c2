//! The store's directory: its files, their modes and the lock.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::error::Holder;

const DATABASE: &str = "anchorwatch.sqlite";
const LOCK: &str = "anchorwatch.lock";

/// Where the database of the store in this directory lies.
pub(super) fn database_in(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// The lock of a store: held for as long as this lives, and by the kernel alone, so that nothing
/// is left behind by a process that is killed.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Which file a path names: another one than before, where somebody removed or replaced it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

/// Makes the directory and the database file where there are none, and locks them.
pub(super) fn claim(directory: &Path) -> Result<Lock, StoreError> {
    let failed = |source| StoreError::Directory { path: directory.into(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let path = directory.join(LOCK);
    let mut file =
        owned(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => {
            let (path, holder) = (directory.into(), Holder(written_in(&mut file)));
            return Err(StoreError::Locked { path, holder });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::File { path, source }),
    }
    // For the message alone: a full disk must not keep the watch from starting.
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot write the process ID into the store's lock file");
    }
    // SQLite gives its other files the mode of the first.
    let path = database_in(directory);
    owned(&path).map_err(|source| StoreError::File { path, source })?;
    // A crash right after the first start must not lose the directory's entries.
    File::open(directory).and_then(|entries| entries.sync_all()).map_err(failed)?;
    Ok(Lock { _file: file })
}

fn owned(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn written_in(file: &mut File) -> Option<u32> {
    /// No process ID is longer.
    const LONGEST: u64 = 20;
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
