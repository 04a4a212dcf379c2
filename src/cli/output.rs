//! How data is printed: as a table for people, as JSON for programs.

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::config::Faults;
use anchorwatch_core::untrusted::{UntrustedText, escape_json, escape_line, escape_lines};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// Columns for people.
    #[default]
    Table,
    /// JSON for programs: full digests, RFC 3339 times.
    Json,
}

/// Rows under headings, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    // A cell is one line.
    let cells = |row: &[String; N]| row.each_ref().map(|cell| escape_line(cell).into_owned());
    let rows: Vec<[String; N]> = rows.iter().map(cells).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = line(&headings.map(str::to_owned));
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row));
    }
    text
}

/// Prints a text and a line's end. A reader that closes the pipe early, as `head` does, is no fault.
///
/// Nothing in it is hidden from a terminal. Foreign text that could begin a line of its own was
/// escaped where it was put into the text.
pub(super) fn print(text: &str) {
    write_line(&escape_lines(text));
}

fn write_line(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    drop(written.and_then(|()| out.flush()));
}

/// Prints a text as it is: the demo's frames move the cursor.
#[cfg(feature = "demo")]
pub(super) fn write(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a value as indented JSON. It may go to a terminal, so that nothing in it is hidden.
pub(super) fn print_json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => write_line(&escape_json(&text)),
        Err(why) => complain(&format!("cannot write JSON: {why}")),
    }
}

/// A file's name, for use within a line of output.
pub(super) fn file_name(path: &Path) -> UntrustedText {
    UntrustedText::from(path.to_string_lossy())
}

/// What is written through it goes to a terminal, with nothing hidden in it.
#[derive(Debug)]
pub(super) struct OutputForm<W>(pub(super) W);

impl<W: Write> Write for OutputForm<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(escape_lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Says on standard error what went wrong, in one line.
pub(super) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    drop(err.write_all(format!("anchorwatch: {}\n", escape_line(text)).as_bytes()));
}

/// Says on standard error all that is wrong with a file.
pub(super) fn complain_of(faults: &Faults) {
    let mut err = io::stderr().lock();
    drop(err.write_all(format!("anchorwatch: the configuration is wrong:\n{faults}\n").as_bytes()));
}

/// A chain of causes on one line: `what: why: why`.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text.push_str(": ");
        text.push_str(&why.to_string());
        cause = why.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let rows = [["a".to_owned(), "b".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["x", "yy"], &rows), "x     yy\na     b\nlong");
    }

    #[test]
    fn a_cell_is_one_line() {
        let rows = [["a\nb\u{202e}".to_owned()]];
        assert_eq!(table(["x"], &rows), "x\na\\nb\\u{202e}");
    }
}
