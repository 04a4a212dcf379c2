//! Text that someone else chose: an endpoint, a file, an operator.
//!
//! Invariant: an [`UntrustedText`] is bounded where it is made, and is shown in one way, escaped.
//! What it looks like on a terminal, in a table, a log, a label, a page or a push is what it is: no
//! character of it moves a cursor, begins a line, turns the direction of writing or is not seen.
//! Storage and comparison take it as it was received.
//!
//! What stays as it is: letters of every script. Letters that look alike (a Cyrillic а for a Latin
//! a), and scripts that are written from right to left, are not told apart here.

mod escape;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use escape::{Style, Units, bounded};
pub use escape::{escape_json, escape_line, escape_lines, escape_markup, is_hidden};

/// Text that someone else chose, as it was received and cut to a length. It has no `Deref`: it is
/// shown by its `Display`, escaped.
///
/// The escapes are those of Rust's literals: `\u{202e}`, `\n`, `\r`, `\t`, and `\\` for a
/// backslash, so that no text looks like another one's escape.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UntrustedText(Box<str>);

impl UntrustedText {
    /// The most bytes of any, however it is made: twice what an operator's reason may have, so that
    /// one that is too long is refused and not cut.
    pub const LONGEST: usize = 8192;

    /// A text, cut to at most `longest` bytes as [`cut`] cuts it.
    pub fn new(text: &str, longest: usize) -> Self {
        Self(cut(text, longest.min(Self::LONGEST)).into())
    }

    /// The text itself, to compare and to store. It must not be shown.
    pub fn as_received(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is shown, in at most `longest` bytes: no escape is cut in two, and `…` stands for what
    /// was left out.
    pub fn shortened(&self, longest: usize) -> String {
        shown(&self.0, longest)
    }

    /// The same text, cut to at most `longest` bytes.
    #[must_use]
    pub fn truncated(&self, longest: usize) -> Self {
        Self::new(&self.0, longest)
    }

    /// As it is shown between double quotes, in at most `longest` bytes without them.
    pub fn quoted(&self, longest: usize) -> String {
        format!("\"{}\"", bounded(Units::new(&self.0, Style::Quoted), longest))
    }
}

/// Foreign text as it is shown: escaped as an [`UntrustedText`], in at most `longest` bytes.
pub fn shown(text: &str, longest: usize) -> String {
    bounded(Units::new(text, Style::Foreign), longest)
}

/// A text of at most `longest` bytes: itself, or its beginning with `…` for what was left out. No
/// character is cut in two.
pub fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return Cow::Borrowed(text);
    }
    Cow::Owned(bounded(Units::new(text, Style::AsReceived), longest))
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Units::new(&self.0, Style::Foreign).write(f)
    }
}

/// As it is shown, between double quotes.
impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        Units::new(&self.0, Style::Quoted).write(f)?;
        f.write_str("\"")
    }
}

impl From<&str> for UntrustedText {
    fn from(text: &str) -> Self {
        Self::new(text, Self::LONGEST)
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        if Self::LONGEST < text.len() { Self::from(&*text) } else { Self(text.into()) }
    }
}

impl From<Box<str>> for UntrustedText {
    fn from(text: Box<str>) -> Self {
        if Self::LONGEST < text.len() { Self::from(&*text) } else { Self(text) }
    }
}

impl From<Cow<'_, str>> for UntrustedText {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl PartialEq<str> for UntrustedText {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for UntrustedText {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

/// Stores the text as it was received.
impl Serialize for UntrustedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Reads a text, cut to [`UntrustedText::LONGEST`].
impl<'de> Deserialize<'de> for UntrustedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests;
