//! JSON as Go's `encoding/json` scans it: a state machine over bytes, where a string may hold what
//! is not UTF-8, with a bound on nesting and without recursion.

use std::ops::Range;

/// The deepest nesting that Go's scanner takes (`maxNestingDepth`).
const DEEPEST: usize = 10_000;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_byte(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        word.iter().all(|byte| self.skip_byte(*byte)).then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (from < self.at).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        self.skip_byte(b'-');
        if !self.skip_byte(b'0') {
            self.digits()?;
        }
        if self.skip_byte(b'.') {
            self.digits()?;
        }
        if self.skip_byte(b'e') || self.skip_byte(b'E') {
            let _ = self.skip_byte(b'+') || self.skip_byte(b'-');
            self.digits()?;
        }
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        if !self.skip_byte(b'"') {
            return None;
        }
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += plain(rest);
            if self.skip_byte(b'"') {
                return Some(());
            }
            if !self.skip_byte(b'\\') {
                return None;
            }
            match self.peek()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' => {
                    self.at += 1;
                    for _ in 0..4 {
                        self.peek().filter(u8::is_ascii_hexdigit)?;
                        self.at += 1;
                    }
                }
                _ => return None,
            }
        }
    }

    /// A member's name and the colon after it.
    fn name(&mut self) -> Option<()> {
        self.space();
        self.string()?;
        self.space();
        self.skip_byte(b':').then_some(())
    }

    /// A value without space before it, and nothing that follows it.
    fn value(&mut self) -> Option<()> {
        // What is open, innermost last: the byte that closes it.
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            let opened = match self.peek()? {
                b'{' => Some(b'}'),
                b'[' => Some(b']'),
                b'"' => self.string().map(|()| None)?,
                b't' => self.word(b"true").map(|()| None)?,
                b'f' => self.word(b"false").map(|()| None)?,
                b'n' => self.word(b"null").map(|()| None)?,
                b'-' | b'0'..=b'9' => self.number().map(|()| None)?,
                _ => return None,
            };
            if let Some(closing) = opened {
                if open.len() == DEEPEST {
                    return None;
                }
                self.at += 1;
                self.space();
                if !self.skip_byte(closing) {
                    open.push(closing);
                    if closing == b'}' {
                        self.name()?;
                    }
                    continue;
                }
            }
            if !self.close(&mut open)? {
                return Some(());
            }
        }
    }

    /// What may follow a value: the ends of what it stands in, and a comma. `false` where nothing
    /// is open any more.
    fn close(&mut self, open: &mut Vec<u8>) -> Option<bool> {
        loop {
            let Some(closing) = open.last().copied() else { return Some(false) };
            self.space();
            if self.skip_byte(b',') {
                if closing == b'}' {
                    self.name()?;
                }
                return Some(true);
            }
            if !self.skip_byte(closing) {
                return None;
            }
            open.pop();
        }
    }
}

/// How many bytes of a string follow that end nothing, escape nothing and are no control
/// characters. Most of a document is in strings, so eight are looked at at a time.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    let odd = words.iter().position(|word| {
        let word = u64::from_ne_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let escape = below(word ^ (ONES * u64::from(b'\\')), 1);
        below(word, 0x20) | quote | escape != 0
    });
    let skipped = odd.unwrap_or(words.len()) * 8;
    let rest = bytes.get(skipped..).unwrap_or_default();
    let tells = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    skipped + rest.iter().position(tells).unwrap_or(rest.len())
}

/// The first value of a text, without the space around it; or where the text stops being JSON.
pub(crate) fn first_value(bytes: &[u8]) -> Result<Range<usize>, usize> {
    let mut cursor = Cursor { bytes, at: 0 };
    cursor.space();
    let start = cursor.at;
    match cursor.value() {
        Some(()) => Ok(start..cursor.at),
        None => Err(cursor.at),
    }
}

/// Where something other than space follows `at`.
pub(crate) fn trailing(bytes: &[u8], at: usize) -> Option<usize> {
    let mut cursor = Cursor { bytes, at };
    cursor.space();
    cursor.peek().map(|_| cursor.at)
}

/// A part of a text, and where it stands in the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

impl<'a> Raw<'a> {
    /// What the value is, by its first byte.
    pub(crate) fn kind(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    fn part(&self, range: Range<usize>) -> Self {
        let offset = self.offset.saturating_add(range.start);
        Self { bytes: self.bytes.get(range).unwrap_or_default(), offset }
    }

    /// The members of an object that was scanned: the name as it is written, with its quotes, and
    /// the value.
    pub(crate) fn members(self) -> impl Iterator<Item = (Raw<'a>, Raw<'a>)> {
        let mut cursor = Cursor { bytes: self.bytes, at: 1 };
        std::iter::from_fn(move || {
            cursor.space();
            let name = cursor.at;
            cursor.string()?;
            let name = self.part(name..cursor.at);
            cursor.space();
            cursor.skip_byte(b':');
            cursor.space();
            let value = cursor.at;
            cursor.value()?;
            let value = self.part(value..cursor.at);
            cursor.space();
            cursor.skip_byte(b',');
            Some((name, value))
        })
    }

    /// The elements of an array that was scanned.
    pub(crate) fn elements(self) -> impl Iterator<Item = Raw<'a>> {
        let mut cursor = Cursor { bytes: self.bytes, at: 1 };
        std::iter::from_fn(move || {
            cursor.space();
            let start = cursor.at;
            cursor.value()?;
            let element = self.part(start..cursor.at);
            cursor.space();
            cursor.skip_byte(b',');
            Some(element)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_for_a_value_is_one() {
        for text in [
            "null",
            "-0",
            "0.5e+10",
            "\"\\u00e9\\ud800\"",
            "[]",
            "[ 1 , [ ] , { } ]",
            r#"{"a" : {"b":[{}]} , "c":"" }"#,
        ] {
            assert_eq!(first_value(text.as_bytes()), Ok(0..text.len()), "{text}");
        }
        // A string may hold any byte that is no control character.
        assert_eq!(first_value(b" \"\xff\x7f\" x"), Ok(1..5));
        assert_eq!(first_value(b"nullx"), Ok(0..4));
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stops_being_it() {
        for (text, at) in [
            ("", 0),
            ("  ", 2),
            ("{", 1),
            ("[1,]", 3),
            (r#"{"a":1,}"#, 7),
            (r#"{"a"}"#, 4),
            ("[1}", 2),
            ("-", 1),
            ("1.", 2),
            ("\"\\x\"", 2),
            ("\"\\u12g4\"", 5),
            ("\"a\nb\"", 2),
            ("\"ab", 3),
            ("\u{feff}{}", 0),
            ("nul", 3),
        ] {
            assert_eq!(first_value(text.as_bytes()), Err(at), "{text}");
        }
    }

    #[test]
    fn a_string_is_looked_at_to_its_last_byte() {
        for length in 0..40 {
            for odd in 0..=255_u8 {
                let mut bytes = vec![0xc3; length];
                bytes.push(odd);
                let ends = odd < 0x20 || odd == b'"' || odd == b'\\';
                assert_eq!(plain(&bytes), length + usize::from(!ends), "{length} {odd}");
            }
        }
    }

    #[test]
    fn nesting_is_bounded_as_in_go() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(first_value(&nested(DEEPEST)).is_ok());
        assert!(first_value(&nested(DEEPEST + 1)).is_err());
        let objects = [br#"{"a":"#.repeat(DEEPEST + 1), vec![b'1'], vec![b'}'; DEEPEST + 1]];
        assert!(first_value(&objects.concat()).is_err());
    }

    #[test]
    fn members_and_elements_know_where_they_stand() {
        let bytes = br#" {"a":1, "b" : [ 2 ,"x"] }"#;
        let object = Raw { bytes: &bytes[1..], offset: 1 };
        let members: Vec<_> = object.members().collect();
        assert_eq!(members.len(), 2);
        let (name, value) = members[1];
        assert_eq!((name.bytes, name.offset), (&b"\"b\""[..], 9));
        let elements: Vec<_> = value.elements().map(|raw| (raw.bytes, raw.offset)).collect();
        assert_eq!(elements, [(&b"2"[..], 17), (&b"\"x\""[..], 20)]);
    }
}
