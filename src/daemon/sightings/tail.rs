//! Following a file that others append to, over its rotation.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::line::LONGEST;

/// How much is read at one time.
const PIECE: usize = 64 << 10;
/// How much is read in one round: the rest waits for the next.
const ROUND: usize = 4 << 20;
/// How far back a long file is begun. What is known already is no news, so reading it again after a
/// restart changes nothing, and loses nothing.
const BACK: u64 = 64 << 20;

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// Whether the line is too long, and is passed over to its end.
    skipping: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: (u64, u64),
    at: u64,
}

impl Tail {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, line: Vec::new(), skipping: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole lines that came since the last time. A line that is too long is given cut, and one
    /// byte longer than any may be.
    pub(super) fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        let mut budget = ROUND;
        // The rest of a file that was moved away comes before the one in its place.
        self.read(&mut lines, &mut budget)?;
        let there = std::fs::metadata(&self.path);
        let there = match there {
            Ok(there) => there,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(lines),
            Err(why) => return Err(why),
        };
        if !there.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        if 0 < budget && self.is_other(&there) {
            self.begin()?;
            self.read(&mut lines, &mut budget)?;
        }
        Ok(lines)
    }

    /// Whether what lies at the path is not what was read: another file, or one that was emptied.
    fn is_other(&self, there: &Metadata) -> bool {
        let of = |open: &Open| open.identity != (there.dev(), there.ino()) || there.len() < open.at;
        self.open.as_ref().is_none_or(of)
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let at = metadata.len().saturating_sub(BACK);
        file.seek(SeekFrom::Start(at))?;
        self.line.clear();
        // In the middle of a file the first line may be half of one.
        self.skipping = 0 < at;
        self.open = Some(Open { file, identity: (metadata.dev(), metadata.ino()), at });
        Ok(())
    }

    fn read(&mut self, lines: &mut Vec<Vec<u8>>, budget: &mut usize) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut piece = vec![0; PIECE];
        while 0 < *budget {
            let read = open.file.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            *budget = budget.saturating_sub(read);
            open.at = open.at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            for byte in piece.get(..read).unwrap_or_default() {
                match byte {
                    b'\n' => {
                        let line = std::mem::take(&mut self.line);
                        if !std::mem::take(&mut self.skipping) && !line.is_empty() {
                            lines.push(line);
                        }
                    }
                    _ if self.skipping => (),
                    _ => {
                        self.line.push(*byte);
                        if LONGEST < self.line.len() {
                            lines.push(std::mem::take(&mut self.line));
                            self.skipping = true;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        tail: Tail,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let tail = Tail::new(&folder.path().join("log"));
            Self { folder, tail }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("log")
        }

        fn write(&self, text: &str) {
            let mut file = File::options().append(true).create(true).open(self.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn lines(&mut self) -> Vec<String> {
            let lines = self.tail.lines().unwrap();
            lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
        }
    }

    #[test]
    fn lines_are_given_once_and_whole() {
        let mut log = Log::new();
        assert_eq!(log.lines(), Vec::<String>::new(), "no file yet");
        log.write("one\ntw");
        assert_eq!(log.lines(), ["one"]);
        assert_eq!(log.lines(), Vec::<String>::new());
        log.write("o\n\nthree\n");
        assert_eq!(log.lines(), ["two", "three"]);
    }

    #[test]
    fn a_file_that_is_moved_away_is_read_to_its_end_first() {
        let mut log = Log::new();
        log.write("one\n");
        assert_eq!(log.lines(), ["one"]);
        log.write("two\n");
        std::fs::rename(log.path(), log.folder.path().join("log.1")).unwrap();
        log.write("three\n");
        assert_eq!(log.lines(), ["two", "three"]);
        File::create(log.path()).unwrap();
        assert_eq!(log.lines(), Vec::<String>::new(), "emptied in its place");
        log.write("four\n");
        assert_eq!(log.lines(), ["four"]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut log = Log::new();
        log.write(&"x".repeat(LONGEST * 3));
        assert_eq!(log.lines().iter().map(String::len).collect::<Vec<_>>(), [LONGEST + 1]);
        log.write("yyy\nnext\n");
        assert_eq!(log.lines(), ["next"]);
    }

    #[test]
    fn what_is_no_file_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Tail::new(folder.path()).lines().is_err());
    }
}
