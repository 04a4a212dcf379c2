//! Which characters are shown as they are, and what stands for the others.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// What stands where a text was cut.
const CUT: char = '…';
/// How many combining marks one character may carry: more than any language writes, and too few to
/// cover the lines around it.
const MARKS: u8 = 3;

/// Where a text is shown, and by whom it was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    /// Nothing is escaped.
    AsReceived,
    /// Foreign text: nothing of it is ours, a backslash neither.
    Foreign,
    /// Foreign text between double quotes.
    Quoted,
    /// A line of ours in which foreign text stands as it is shown.
    Line,
    /// Lines of ours.
    Lines,
    /// JSON: what is escaped stands as `\uXXXX`, so that the value is the same.
    Json,
    /// Markup of ours, in which foreign text stands escaped.
    Markup,
}

/// A piece of a text that is written whole or not at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    Plain(char),
    /// A backslash and this.
    Short(char),
    /// `\u{…}`.
    Code(char),
    /// `\uXXXX`, once or twice.
    JsonCode(char),
}

impl Unit {
    fn write(self, out: &mut impl Write) -> fmt::Result {
        match self {
            Self::Plain(character) => out.write_char(character),
            Self::Short(character) => {
                out.write_char('\\')?;
                out.write_char(character)
            }
            Self::Code(character) => write!(out, "\\u{{{:x}}}", u32::from(character)),
            Self::JsonCode(character) => {
                let mut units = [0; 2];
                let mut units = character.encode_utf16(&mut units).iter();
                units.try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
        }
    }
}

/// The pieces of a text in one style.
#[derive(Clone, Debug)]
pub(super) struct Units<'a> {
    text: &'a str,
    style: Style,
    /// How many more combining marks the last character may carry: none at the beginning, where
    /// they would change what stands before the text.
    room: u8,
}

impl<'a> Units<'a> {
    pub(super) fn new(text: &'a str, style: Style) -> Self {
        Self { text, style, room: 0 }
    }

    pub(super) fn write(self, out: &mut impl Write) -> fmt::Result {
        if is_plain(self.text, self.style) {
            return out.write_str(self.text);
        }
        let mut units = self;
        loop {
            let run =
                units.text.bytes().take_while(|byte| is_plain_byte(*byte, units.style)).count();
            // The last of them says how many marks may follow it.
            let (plain, rest) = units.text.split_at(run.saturating_sub(1));
            out.write_str(plain)?;
            units.text = rest;
            let Some(unit) = units.next() else { return Ok(()) };
            unit.write(out)?;
        }
    }

    fn unit(&mut self, character: char) -> Unit {
        let escaped = match (self.style, character) {
            (Style::AsReceived, _) => return Unit::Plain(character),
            // A mark at a line's beginning has nothing to stand on, and one at a string's would
            // change the quote.
            (Style::Lines | Style::Json, '\n') | (Style::Json, '"') => {
                self.room = 0;
                return Unit::Plain(character);
            }
            (Style::Json, _) => Unit::JsonCode(character),
            (Style::Foreign | Style::Quoted, '\\') | (Style::Quoted, '"') => {
                self.room = MARKS;
                return Unit::Short(character);
            }
            (_, '\n') => Unit::Short('n'),
            (_, '\r') => Unit::Short('r'),
            (_, '\t') => Unit::Short('t'),
            (_, _) => Unit::Code(character),
        };
        match Visibility::of(character) {
            // A mark after a tag, or at the beginning of an attribute, has nothing to stand on.
            Visibility::Seen if self.style == Style::Markup && matches!(character, '>' | '"') => {
                self.room = 0;
            }
            Visibility::Seen => self.room = MARKS,
            Visibility::Mark => match self.room.checked_sub(1) {
                Some(room) => self.room = room,
                None => return escaped,
            },
            Visibility::Hidden => {
                self.room = MARKS;
                return escaped;
            }
        }
        Unit::Plain(character)
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let mut characters = self.text.chars();
        let character = characters.next()?;
        self.text = characters.as_str();
        Some(self.unit(character))
    }
}

/// Whether nothing of a text is escaped, by a look at its bytes.
fn is_plain(text: &str, style: Style) -> bool {
    // A loop without a way out looks at many bytes at once.
    text.bytes().fold(true, |all, byte| all & is_plain_byte(byte, style))
}

/// Whether this byte is a character that is not escaped, whatever stands around it.
fn is_plain_byte(byte: u8, style: Style) -> bool {
    match (style, byte) {
        (Style::Lines | Style::Json, b'\n') => true,
        (Style::Foreign | Style::Quoted, b'\\') | (Style::Quoted, b'"') => false,
        (_, byte) => matches!(byte, b' '..=b'~'),
    }
}

/// The pieces that fit into `longest` bytes, and a `…` where some are left out. The one place
/// where text is cut.
pub(super) fn bounded(units: Units<'_>, longest: usize) -> String {
    let mut text = String::with_capacity(units.text.len().min(longest));
    // How much of the text leaves room for the mark.
    let mut kept = 0;
    for unit in units {
        // Writing to a string does not fail.
        let _ = unit.write(&mut text);
        if longest < text.len() {
            text.truncate(kept);
            if CUT.len_utf8() <= longest {
                text.push(CUT);
            }
            break;
        }
        if text.len().saturating_add(CUT.len_utf8()) <= longest {
            kept = text.len();
        }
    }
    text
}

/// A line of ours with whatever went into it, so that nothing in it is hidden. A line's end is
/// escaped, a backslash is not: foreign text in the line was escaped before, and is not escaped
/// twice. Escaping a line again changes nothing.
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escaped(text, Style::Line)
}

/// The same of several lines.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escaped(text, Style::Lines)
}

/// A JSON text with the same value, in which nothing is hidden: what is stands as `\uXXXX`. It
/// is for a text that is JSON already, whose strings alone hold what is not ASCII.
pub fn escape_json(text: &str) -> Cow<'_, str> {
    escaped(text, Style::Json)
}

/// A page of ours, whose markup is complete: nothing in it is hidden. It keeps no line's end, so
/// that its markup must have none.
pub fn escape_markup(page: &str) -> Cow<'_, str> {
    escaped(page, Style::Markup)
}

fn escaped(text: &str, style: Style) -> Cow<'_, str> {
    if is_plain(text, style) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _ = Units::new(text, style).write(&mut out);
    Cow::Owned(out)
}

/// Whether a character is never shown as it is: it is not seen, or does something to the text
/// around it.
pub fn is_hidden(character: char) -> bool {
    Visibility::of(character) == Visibility::Hidden
}

/// What a reader sees of a character.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Visibility {
    /// A character of its own.
    Seen,
    /// A mark on the character before it.
    Mark,
    /// Nothing, or something that is not there.
    Hidden,
}

impl Visibility {
    /// By the tables of the standard library, which go with its Unicode version: what
    /// `char::escape_debug` leaves is neither control nor format character, neither private nor
    /// unassigned, and no space but the one. It leaves some that are blank all the same.
    fn of(character: char) -> Self {
        match character {
            ' '..='~' => Self::Seen,
            // Combining grapheme joiner, Hangul fillers, Khmer inherent vowels, Mongolian variation
            // selectors, the blank of Braille, variation selectors, an object that is not there,
            // the Khitan filler, a note without a head.
            '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fffc}'
            | '\u{16fe4}'
            | '\u{1d159}'
            | '\u{e0100}'..='\u{e01ef}' => Self::Hidden,
            _ if character.escape_debug().count() == 1 => Self::Seen,
            // What extends a character is escaped at the beginning of a string alone.
            _ if format!("a{character}").escape_debug().count() == 2 => Self::Mark,
            _ => Self::Hidden,
        }
    }
}
