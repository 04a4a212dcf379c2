//! Lines and columns of a document.

use std::ops::Range;

use serde::Serialize;

/// Where something stands, counted from 1. A column counts characters, and `end_column` is the one
/// after the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) struct LintPlace {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

/// How many bytes lie between two places whose characters are counted beforehand. A look-up counts
/// the rest, so a long line costs no more than a short one.
const STRIDE: usize = 256;

/// Where the lines of a document begin, and how many characters come before each part of it.
#[derive(Debug)]
pub(super) struct LineIndex<'a> {
    bytes: &'a [u8],
    begins: Vec<usize>,
    /// The characters before byte 0, [`STRIDE`], twice [`STRIDE`] and so on.
    characters: Vec<usize>,
    /// The bytes that look-ups counted: what a test holds the work by.
    #[cfg(test)]
    counted: std::cell::Cell<usize>,
}

impl<'a> LineIndex<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let begins = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        let mut before = 0;
        let characters = bytes.chunks(STRIDE).map(|part| {
            let here = before;
            before += count_characters(part);
            here
        });
        let characters = characters.collect();
        Self {
            bytes,
            begins,
            characters,
            #[cfg(test)]
            counted: std::cell::Cell::default(),
        }
    }

    /// Where these bytes stand. What lies behind the document stands at its end.
    pub(super) fn place(&self, range: Range<usize>) -> LintPlace {
        let (line, column) = self.at(range.start);
        let (end_line, end_column) = self.at(range.end.max(range.start));
        LintPlace { line, column, end_line, end_column }
    }

    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.begins.partition_point(|begin| *begin <= offset).max(1);
        let begin = self.begins.get(line - 1).copied().unwrap_or_default();
        let characters = self.characters_before(offset) - self.characters_before(begin);
        (line, characters + 1)
    }

    fn characters_before(&self, offset: usize) -> usize {
        let offset = offset.min(self.bytes.len());
        // The last part may be whole: then nothing follows it.
        let part = (offset / STRIDE).min(self.characters.len().saturating_sub(1));
        let rest = self.bytes.get(part * STRIDE..offset).unwrap_or_default();
        #[cfg(test)]
        self.counted.set(self.counted.get() + rest.len());
        self.characters.get(part).copied().unwrap_or_default() + count_characters(rest)
    }
}

/// How many characters begin in these bytes: all but what continues a character in UTF-8.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_1_and_in_characters() {
        let lines = LineIndex::new("ab\n\u{e9}c\n".as_bytes());
        let place = |range| {
            let LintPlace { line, column, end_line, end_column } = lines.place(range);
            (line, column, end_line, end_column)
        };
        assert_eq!(place(0..2), (1, 1, 1, 3));
        assert_eq!(place(2..6), (1, 3, 2, 3));
        assert_eq!(place(5..6), (2, 2, 2, 3));
        assert_eq!(place(7..7), (3, 1, 3, 1));
        assert_eq!(place(99..99), (3, 1, 3, 1));
    }

    #[test]
    fn columns_of_a_long_line_count_characters_on_both_sides_of_every_part() {
        let document = format!("\u{e9}\n{}", "a\u{e9}\u{20ac}".repeat(STRIDE));
        let lines = LineIndex::new(document.as_bytes());
        let second = document.find('a').unwrap();
        for (place, (offset, _)) in document[second..].char_indices().enumerate() {
            let found = lines.place(second + offset..second + offset);
            assert_eq!((found.line, found.column), (2, place + 1));
        }
        let whole = "x".repeat(STRIDE * 2);
        let end = LineIndex::new(whole.as_bytes()).place(STRIDE * 2..STRIDE * 2);
        assert_eq!((end.line, end.column), (1, STRIDE * 2 + 1));
    }

    /// By the look-ups, and once by the making.
    fn bytes_looked_at(lines: &LineIndex<'_>, length: usize) -> usize {
        lines.counted.get() + length
    }

    #[test]
    fn the_work_for_one_long_line_grows_with_its_length_and_not_with_its_square() {
        const ELEMENT: usize = 800;
        let counted = |elements: usize| {
            let document = "x".repeat(elements * ELEMENT);
            let lines = LineIndex::new(document.as_bytes());
            for element in 0..elements {
                let start = element * ELEMENT;
                let place = lines.place(start..start + 10);
                assert_eq!((place.line, place.column), (1, start + 1));
            }
            bytes_looked_at(&lines, document.len())
        };
        let (small, large) = (counted(512), counted(4_096));
        assert!(
            large <= small * 8,
            "{large} bytes were looked at, where 512 elements take {small}"
        );
    }
}
