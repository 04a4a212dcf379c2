//! A document without its secrets: what may be stored, hashed and shown.

use super::json::string;
use super::jwk::PRIVATE;

/// What stands in the place of a secret.
const REDACTED: &str = "\"[redacted]\"";

/// A document without its secrets.
#[derive(Debug)]
pub(super) struct Redacted {
    pub(super) text: Vec<u8>,
    /// The names of the private members that it has, each once.
    pub(super) names: Vec<&'static str>,
}

/// The document with the value of every private member replaced, however deep it stands and
/// however its name is written. All else stays byte for byte.
///
/// `document` is valid JSON: it has been parsed before.
pub(super) fn redacted(document: &str) -> Redacted {
    let mut scan = Scan { text: document.as_bytes(), place: 0 };
    let mut clean = Vec::with_capacity(document.len());
    let mut names = Vec::new();
    let mut copied = 0;
    while let Some(byte) = scan.peek() {
        if byte != b'"' {
            scan.place += 1;
            continue;
        }
        let (start, end) = scan.string();
        // A name is followed by a colon.
        if scan.is_name()
            && let Some(name) = private(document, start, end)
        {
            if !names.contains(&name) {
                names.push(name);
            }
            let (from, to) = scan.value();
            clean.extend_from_slice(document.as_bytes().get(copied..from).unwrap_or_default());
            clean.extend_from_slice(REDACTED.as_bytes());
            copied = to;
        }
    }
    clean.extend_from_slice(document.as_bytes().get(copied..).unwrap_or_default());
    Redacted { text: clean, names }
}

fn private(document: &str, start: usize, end: usize) -> Option<&'static str> {
    let name = document.get(start..end).and_then(string)?;
    PRIVATE.into_iter().find(|private| *private == name)
}

struct Scan<'a> {
    text: &'a [u8],
    place: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.place).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.place += 1;
        }
    }

    /// Moves past a string, and gives where it stands with its quotes.
    fn string(&mut self) -> (usize, usize) {
        let start = self.place;
        self.place += 1;
        while let Some(byte) = self.peek() {
            self.place += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if byte == b'"' {
                break;
            }
        }
        (start, self.place)
    }

    /// Whether a colon follows, which it moves past.
    fn is_name(&mut self) -> bool {
        let before = self.place;
        self.skip_space();
        if self.peek() == Some(b':') {
            self.place += 1;
            return true;
        }
        self.place = before;
        false
    }

    /// Moves past a value, and gives where it stands.
    fn value(&mut self) -> (usize, usize) {
        self.skip_space();
        let start = self.place;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
                b'{' | b'[' => depth = depth.saturating_add(1),
                // The end of what the value stands in.
                b'}' | b']' | b',' if depth == 0 => break,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.place += 1;
                        break;
                    }
                }
                _ => (),
            }
            self.place += 1;
        }
        (start, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        String::from_utf8(redacted(text).text).unwrap()
    }

    #[test]
    fn private_members_go_and_all_else_stays_byte_for_byte() {
        assert_eq!(
            clean(
                r#"{"keys": [{"kty":"EC", "d" : "secret" , "x":"d"}, {"\u0064":"s2","q":[1,{"a":"}"}]}]}"#
            ),
            r#"{"keys": [{"kty":"EC", "d" : "[redacted]" , "x":"d"}, {"\u0064":"[redacted]","q":"[redacted]"}]}"#
        );
        assert_eq!(
            clean(r#"{"keys":[{"d":1e5}],"d":"mine"}"#),
            r#"{"keys":[{"d":"[redacted]"}],"d":"[redacted]"}"#
        );
        assert_eq!(
            clean(r#"{"keys":[{"a":{"d":"deep"}}]}"#),
            r#"{"keys":[{"a":{"d":"[redacted]"}}]}"#
        );
        assert_eq!(
            clean(r#"{"keys":[{"kid":"d","d":"x","d":"y"}]}"#),
            r#"{"keys":[{"kid":"d","d":"[redacted]","d":"[redacted]"}]}"#
        );
    }
}
