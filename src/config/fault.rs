//! What is wrong with a configuration, reported as a compiler does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::Place;
use super::schema::Scope;
use anchorwatch_core::untrusted::escape_line;

/// One thing that is wrong, where it stands, and what would be right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The file, as it was named on the command line.
    pub file: Arc<Path>,
    /// The key, such as `federates_with.b.example.timeout`; empty where it is the whole file.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong. Text of the file in it is cut and escaped.
    pub message: String,
    /// What would be right; empty where there is nothing to say.
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        let mut line = format!("{file}:{}:{}: ", self.line, self.column);
        if !self.path.is_empty() {
            line.extend([&self.path, ": "]);
        }
        line.push_str(&self.message);
        if !self.hint.is_empty() {
            line.extend(["; ", &self.hint]);
        }
        f.write_str(&escape_line(&line))
    }
}

/// Everything that is wrong with one file, in its order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    faults: Vec<Fault>,
    omitted: usize,
}

impl Faults {
    /// A generated file of ten thousand relationships may have one in each.
    const MOST: usize = 10_000;

    /// The faults, sorted by their place, at most 10,000.
    pub fn as_slice(&self) -> &[Fault] {
        &self.faults
    }

    /// The number of faults that were left out.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if 0 < place {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        if 0 < self.omitted {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Where faults are gathered while a file is read, with what every reader of it needs.
#[derive(Debug)]
pub(super) struct Report {
    file: Arc<Path>,
    directory: PathBuf,
    top: Option<&'static Scope>,
    faults: Faults,
}

impl Report {
    /// A report about `file`, as it was named; relative paths in it count from its directory.
    pub(super) fn new(file: &Path) -> Self {
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { file: file.into(), directory, top: None, faults: Faults::default() }
    }

    /// The same, where the file lies at `path`, and its keys are those from `top` down.
    pub(super) fn reading(self, path: &Path, top: &'static Scope) -> Self {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Self { directory, top: Some(top), ..self }
    }

    /// The directory from which relative paths count.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The keys of the whole file.
    pub(super) fn top(&self) -> Option<&'static Scope> {
        self.top
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether more faults are only counted, so that no hint is worth its time.
    pub(super) fn is_full(&self) -> bool {
        self.faults.faults.len() == Faults::MOST
    }

    pub(super) fn fault(
        &mut self,
        place: Place,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.is_full() {
            self.faults.omitted += 1;
            return;
        }
        self.faults.faults.push(Fault {
            file: Arc::clone(&self.file),
            path: path.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// What was found, or `value` where nothing is wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => {
                // The same place twice keeps the order in which it was found.
                self.faults.faults.sort_by_key(|fault| (fault.line, fault.column));
                Err(self.faults)
            }
        }
    }
}
