//! Lines and columns of a document.

use std::ops::Range;

use serde::Serialize;

/// Where something stands, counted from 1. A column counts characters, and `end_column` is the one
/// after the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

/// Where the lines of a document begin.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let begins = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { bytes, begins }
    }

    /// Where these bytes stand. What lies behind the document stands at its end.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let (line, column) = self.at(range.start);
        let (end_line, end_column) = self.at(range.end.max(range.start));
        Place { line, column, end_line, end_column }
    }

    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.begins.partition_point(|begin| *begin <= offset).max(1);
        let begin = self.begins.get(line - 1).copied().unwrap_or_default();
        let before = self.bytes.get(begin..offset.min(self.bytes.len())).unwrap_or_default();
        // All but what continues a character in UTF-8.
        let characters = before.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        (line, characters + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_1_and_in_characters() {
        let lines = Lines::new("ab\n\u{e9}c\n".as_bytes());
        let place = |range| {
            let Place { line, column, end_line, end_column } = lines.place(range);
            (line, column, end_line, end_column)
        };
        assert_eq!(place(0..2), (1, 1, 1, 3));
        assert_eq!(place(2..6), (1, 3, 2, 3));
        assert_eq!(place(5..6), (2, 2, 2, 3));
        assert_eq!(place(7..7), (3, 1, 3, 1));
        assert_eq!(place(99..99), (3, 1, 3, 1));
    }
}
