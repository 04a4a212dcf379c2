//! What is wrong with a configuration, told as a compiler does.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::yaml::Place;
use anchorwatch_core::untrusted::{UntrustedText, escape_line};

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

    /// How many more there are.
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

/// Where faults are gathered while a file is read.
#[derive(Debug)]
pub(super) struct Report {
    file: Arc<Path>,
    faults: Faults,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.into(), faults: Faults::default() }
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

/// Text of the file as it may stand in a message: quoted, escaped, cut to 64 bytes, and
/// without what stands between `://` and `@`, which may be a password.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 64;
    let secret = text.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    });
    let text = secret.as_deref().unwrap_or(text);
    UntrustedText::from(text).quoted(MOST)
}
