//! A directory for as long as the demonstration lasts.

use std::fs::{DirBuilder, remove_dir_all};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anchorwatch_core::time::Timestamp;

/// How many names are tried. Only a leftover or a hostile neighbour takes even one.
const ATTEMPTS: i64 = 16;

/// A directory of its own for this user alone, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Makes one among the system's temporary files. `at` makes the name, and need not be secret:
    /// a name that is taken, by whatever, is passed over.
    pub(super) fn create(at: Timestamp) -> io::Result<Self> {
        let mut attempt = 0;
        loop {
            let moment = at.as_unix_micros().saturating_add(attempt);
            let name = format!("anchorwatch-demo-{}-{moment}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is the system's to tidy.
        let _ = remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_passed_over_and_the_directory_goes_with_its_owner() {
        let at = Timestamp::from_unix(1_800_000_000);
        let (one, other) = (Directory::create(at).unwrap(), Directory::create(at).unwrap());
        assert_ne!(one.path(), other.path());
        let path = one.path().to_owned();
        std::fs::write(path.join("file"), "").unwrap();
        drop(one);
        assert!(!path.exists() && other.path().exists());
    }
}
