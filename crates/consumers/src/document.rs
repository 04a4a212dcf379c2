//! A document as Go's `encoding/json` reads it into the struct that SPIRE, go-spiffe and Istio
//! have for it: names without case, the last of a name counts, and null is nothing.

use std::ops::Range;

use crate::bytes::{Raw, first_value, trailing};
use crate::jwk::{Jose, Jwk, read, wrong_type};
use crate::reading::{DocumentRefusal, RefusalReason as Reason};
use crate::text::unquoted;
use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::bundle::folded;

/// What a consumer reads in a document.
#[derive(Debug, Default)]
pub(crate) struct GoDocument<'a> {
    /// `None` where `keys` is absent or null.
    pub(crate) keys: Option<Vec<(usize, Jwk<'a>)>>,
    /// `spiffe_refresh_hint` in seconds, which may be less than nothing.
    pub(crate) refresh_hint: Option<i64>,
}

/// How a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) jose: Jose,
    /// Whether it reads a stream, and takes no notice of what follows the first value.
    pub(crate) stream: bool,
    /// Whether a later null takes a number back: it does where the number may be absent.
    pub(crate) null_resets: bool,
}

/// Reads a document, or says why it is refused before any key of it is looked at.
pub(crate) fn document<'a>(
    bytes: &'a [u8],
    dialect: Dialect,
    limits: &ParseLimits,
) -> Result<GoDocument<'a>, DocumentRefusal> {
    let refuse = |offset: usize, reason: Reason| DocumentRefusal { entry: None, offset, reason };
    if limits.body < bytes.len() {
        return Err(refuse(0, Reason::TooLarge));
    }
    let value = first_value(bytes).map_err(|offset| refuse(offset, Reason::NotJson))?;
    if !dialect.stream
        && let Some(offset) = trailing(bytes, value.end)
    {
        return Err(refuse(offset, Reason::TrailingBytes));
    }
    let start = value.start;
    let whole = Raw { bytes: bytes.get(value).unwrap_or_default(), offset: start };
    let mut document = GoDocument::default();
    match whole.kind() {
        b'{' => (),
        b'n' => return Ok(document),
        _ => return Err(refuse(start, wrong_type("the document"))),
    }
    let mut elements = 0_usize;
    for (name, value) in whole.members() {
        let wrong = |member: &str| refuse(value.offset, wrong_type(member));
        match &*folded(&unquoted(name.bytes)) {
            "keys" => {
                document.keys = match value.kind() {
                    b'n' => None,
                    b'[' => Some(Vec::new()),
                    _ => return Err(wrong("keys")),
                };
                let Some(keys) = &mut document.keys else { continue };
                for (place, element) in value.elements().enumerate() {
                    elements += 1;
                    if limits.keys < elements {
                        return Err(refuse(element.offset, Reason::TooLarge));
                    }
                    let jwk = read(element, dialect.jose).map_err(|reason| DocumentRefusal {
                        entry: entry(place),
                        offset: element.offset,
                        reason,
                    })?;
                    keys.push((element.offset, jwk));
                }
            }
            "spiffe_sequence" if value.kind() != b'n' => {
                number::<u64>(value).ok_or_else(|| wrong("spiffe_sequence"))?;
            }
            "spiffe_refresh_hint" if value.kind() != b'n' => {
                let hint = number(value).ok_or_else(|| wrong("spiffe_refresh_hint"))?;
                document.refresh_hint = Some(hint);
            }
            "spiffe_refresh_hint" if dialect.null_resets => document.refresh_hint = None,
            _ => (),
        }
    }
    Ok(document)
}

/// Where an element stands, as it is told.
fn entry(place: usize) -> Option<u32> {
    u32::try_from(place).ok()
}

/// A number that is written in digits alone.
fn number<T: std::str::FromStr>(value: Raw<'_>) -> Option<T> {
    // A string of digits is none, and Rust would read a plus sign, which JSON does not have.
    let digits = matches!(value.kind(), b'-' | b'0'..=b'9').then_some(value.bytes)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where the elements of `keys` stand in a document, in bytes, up to 4,096 of them: those of the
/// last member of exactly that name, which is the one that [`parse`](anchorwatch_core::bundle::parse) reads.
pub fn element_ranges(document: &[u8]) -> Vec<Range<usize>> {
    let mark = if document.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = document.get(mark..).unwrap_or_default();
    let Ok(value) = first_value(text) else { return Vec::new() };
    let offset = mark + value.start;
    let whole = Raw { bytes: text.get(value).unwrap_or_default(), offset };
    if whole.kind() != b'{' {
        return Vec::new();
    }
    let named = whole.members().filter(|(name, _)| unquoted(name.bytes) == "keys");
    let Some((_, keys)) = named.last().filter(|(_, keys)| keys.kind() == b'[') else {
        return Vec::new();
    };
    let elements = keys.elements().take(ParseLimits::default().keys);
    elements.map(|raw| raw.offset..raw.offset.saturating_add(raw.bytes.len())).collect()
}
