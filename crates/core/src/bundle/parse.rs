//! From the bytes of a document to a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::Deserialize;
use serde_json::error::Category;

use super::element::{Element, private_names};
use super::fold::folded;
use super::irregularity::{ElementKey, IrregularityKind as Kind};
use super::json::{Members, depth, elements};
use super::redact::{Redacted, redacted};
use super::{Authority, AuthorityId, Bundle, Irregularity, Memory, StatedNumber};
use crate::untrusted::UntrustedText;

/// How much a document may hold. Every bound is counted against hostile input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseLimits {
    /// The most bytes.
    pub body: usize,
    /// The most elements of `keys`.
    pub keys: usize,
    /// The deepest nesting of arrays and objects.
    pub nesting: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { body: 4 << 20, keys: 4096, nesting: 32 }
    }
}

/// What a document says, and where it strays from the standard without becoming unusable.
#[derive(Clone, Debug)]
pub struct ParsedBundle {
    /// The key set, the sequence and the hint.
    pub bundle: Bundle,
    /// Every departure, in the order of the document.
    pub irregularities: Vec<Irregularity>,
    /// The document with every private member's value replaced and without what follows it, where
    /// there was either. This, and never the body, is what may be stored, hashed or shown.
    pub redacted: Option<Vec<u8>>,
}

/// Why a body gives no bundle.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// It is not JSON.
    #[error("the body is not JSON: {detail}")]
    NotJson {
        /// What is wrong, and where; nothing of the body itself.
        detail: Box<str>,
    },
    /// It is JSON without an array `keys` (Bundle, 4.1.3).
    #[error("the body is JSON but not a bundle: {detail}")]
    NotABundle {
        /// What is missing.
        detail: Box<str>,
    },
    /// It exceeds a limit.
    #[error("the document exceeds the limit of {limit} {what}")]
    TooLarge {
        /// What is counted: bytes, keys or levels of nesting.
        what: &'static str,
        /// The most that is allowed.
        limit: usize,
    },
}

/// Reads a bundle document.
pub fn parse(bytes: &[u8], limits: &ParseLimits) -> Result<ParsedBundle, ParseError> {
    parse_with(bytes, limits, &Memory::default())
}

/// Reads a bundle document, with what is remembered of the last one of the same endpoint. What
/// comes out is what [`parse`] gives.
pub fn parse_with(
    bytes: &[u8],
    limits: &ParseLimits,
    memory: &Memory,
) -> Result<ParsedBundle, ParseError> {
    if limits.body < bytes.len() {
        return Err(ParseError::TooLarge { what: "bytes", limit: limits.body });
    }
    let text = std::str::from_utf8(bytes).map_err(|fault| ParseError::NotJson {
        detail: format!("byte {} is not UTF-8", fault.valid_up_to()).into(),
    })?;
    if limits.nesting < depth(text) {
        return Err(ParseError::TooLarge { what: "levels of nesting", limit: limits.nesting });
    }
    let mut reading = Reading::default();
    let document = match text.strip_prefix('\u{feff}') {
        // RFC 8259, 8.1: a parser may ignore the mark. Go's refuses it.
        Some(rest) => {
            reading.note(None, Kind::ByteOrderMark);
            rest
        }
        None => text,
    };
    if document.trim_ascii().is_empty() {
        return Err(ParseError::NotJson { detail: "the body is empty".into() });
    }
    let mut deserializer = serde_json::Deserializer::from_str(document);
    let members = Members::deserialize(&mut deserializer);
    let members = members.map_err(|fault| match fault.classify() {
        Category::Data => not_a_bundle("the document is not an object"),
        Category::Eof | Category::Syntax | Category::Io => not_json(&fault),
    })?;
    let rest = if deserializer.end().is_ok() { Rest::Nothing } else { Rest::Ignored };
    if rest == Rest::Ignored {
        // SPIRE's streaming decoder takes the document all the same.
        reading.note(None, Kind::TrailingBytes);
    }
    reading.document(&members, limits, memory)?;
    Ok(reading.finish(document, rest))
}

fn not_json(fault: &serde_json::Error) -> ParseError {
    let what = match fault.classify() {
        Category::Eof => "the text ends early",
        Category::Syntax | Category::Data | Category::Io => "a syntax error",
    };
    // The library's own message may quote the body.
    let detail = format!("{what} at line {} column {}", fault.line(), fault.column());
    ParseError::NotJson { detail: detail.into() }
}

fn not_a_bundle(detail: &str) -> ParseError {
    ParseError::NotABundle { detail: detail.into() }
}

/// A document half read.
#[derive(Default)]
struct Reading {
    authorities: Vec<Arc<Authority>>,
    irregularities: Vec<Irregularity>,
    sequence: StatedNumber,
    refresh_hint: StatedNumber,
    secret: bool,
}

impl Reading {
    fn note(&mut self, entry: Option<u32>, kind: Kind) {
        self.irregularities.push(Irregularity { entry, kind });
    }

    fn document(
        &mut self,
        members: &Members<'_>,
        limits: &ParseLimits,
        memory: &Memory,
    ) -> Result<(), ParseError> {
        if let Some(name) = members.doubled() {
            self.note(None, Kind::DuplicateMember { name: UntrustedText::new(name, 64) });
        }
        if let Some(name) = members.miscased() {
            self.note(None, Kind::MiscasedMember { name: UntrustedText::new(name, 64) });
        }
        let private = private_names(members);
        self.secret = private.is_some() || members.hides(&["keys"]);
        self.irregularities.extend(private.map(|kind| Irregularity { entry: None, kind }));
        let Some(keys) = members.raw("keys") else {
            let miscased = members.names().any(|name| folded(name) == "keys");
            return Err(not_a_bundle(if miscased {
                "the member `keys` is written in another case"
            } else {
                "there is no member `keys`"
            }));
        };
        // Bundle, 4.1.3: `keys` MUST be present, an array. SPIRE takes null for an empty one.
        if !keys.starts_with('[') {
            return Err(not_a_bundle("`keys` is not an array"));
        }
        let keys = elements(keys, limits.keys).map_err(|fault| not_json(&fault))?;
        let keys = keys.ok_or(ParseError::TooLarge { what: "keys", limit: limits.keys })?;
        self.numbers(members);
        self.keys(&keys, memory);
        Ok(())
    }

    fn numbers(&mut self, members: &Members<'_>) {
        self.sequence = stated(members.raw("spiffe_sequence"));
        match &self.sequence {
            StatedNumber::Absent => self.note(None, Kind::MissingSequence),
            StatedNumber::Unusable(value) => {
                let value = value.clone();
                self.note(None, Kind::UnusableSequence { value });
            }
            StatedNumber::Given(_) => (),
        }
        self.refresh_hint = stated(members.raw("spiffe_refresh_hint"));
        match &self.refresh_hint {
            StatedNumber::Absent => self.note(None, Kind::MissingRefreshHint),
            StatedNumber::Unusable(value) => {
                let value = value.clone();
                self.note(None, Kind::UnusableRefreshHint { value });
            }
            StatedNumber::Given(0) => self.note(None, Kind::ZeroRefreshHint),
            StatedNumber::Given(_) => (),
        }
        // The text of Bundle, 5.1.1 and 6.1, drops the prefix, and some publishers follow it.
        if members.raw("refresh_hint").is_some() {
            self.note(None, Kind::MisnamedRefreshHint);
        }
    }

    fn keys(&mut self, keys: &[&serde_json::value::RawValue], memory: &Memory) {
        let mut remembered = memory.reading();
        let mut known: BTreeSet<AuthorityId> = BTreeSet::new();
        let mut labels: BTreeMap<UntrustedText, AuthorityId> = BTreeMap::new();
        for (place, raw) in keys.iter().enumerate() {
            let entry = u32::try_from(place).ok();
            let Element { authority, departures, secret } = remembered.element(raw.get());
            self.secret |= secret;
            for kind in departures {
                self.note(entry, kind);
            }
            let Some(authority) = authority else { continue };
            if !known.insert(authority.id) {
                self.note(entry, Kind::DuplicateAuthority);
            }
            // WIT-SVID, 6.1: unique over the whole bundle; X.509 entries have none.
            if authority.certificate.is_none()
                && let Some(kid) = &authority.kid
                && *labels.entry(kid.clone()).or_insert(authority.id) != authority.id
            {
                self.note(
                    entry,
                    Kind::DuplicateKeyId { kid: UntrustedText::new(kid.as_received(), 64) },
                );
            }
            self.authorities.push(authority);
        }
        remembered.finish();
    }

    fn finish(mut self, document: &str, rest: Rest) -> ParsedBundle {
        // What follows the document was read by nobody, may hold anything, and is not kept.
        let kept = match rest {
            Rest::Nothing => document,
            Rest::Ignored => first_value(document),
        };
        let mut clean = None;
        if self.secret {
            let Redacted { text, names } = redacted(kept);
            let told = |known: &Irregularity| matches!(known.kind, Kind::PrivateMembers { .. });
            if !names.is_empty() && !self.irregularities.iter().any(told) {
                self.note(
                    None,
                    Kind::PrivateMembers {
                        names: UntrustedText::new(&names.join(", "), 64),
                        key: ElementKey::default(),
                    },
                );
            }
            clean = Some(text).filter(|text| text != kept.as_bytes());
        }
        ParsedBundle {
            bundle: Bundle::new(self.authorities, self.sequence, self.refresh_hint),
            irregularities: self.irregularities,
            redacted: clean.or_else(|| (rest == Rest::Ignored).then(|| kept.as_bytes().to_vec())),
        }
    }
}

/// What follows the JSON value of a document.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rest {
    Nothing,
    Ignored,
}

/// The JSON value that a text begins with.
fn first_value(text: &str) -> &str {
    let values = serde_json::Deserializer::from_str(text);
    let first = values.into_iter::<&serde_json::value::RawValue>().next();
    first.and_then(Result::ok).map_or("", serde_json::value::RawValue::get)
}

/// Bundle, 4.1.1: an integer of at least 64 bits. Only its own digits count: `1.0`, `1e3` and
/// `"1"` are none, and neither is what 64 bits do not hold.
fn stated(raw: Option<&str>) -> StatedNumber {
    let Some(raw) = raw else { return StatedNumber::Absent };
    let digits = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    match raw.parse() {
        Ok(number) if digits => StatedNumber::Given(number),
        // Whatever nests may hold a secret.
        Ok(_) | Err(_) if raw.starts_with('{') => StatedNumber::Unusable("{…}".into()),
        Ok(_) | Err(_) if raw.starts_with('[') => StatedNumber::Unusable("[…]".into()),
        Ok(_) | Err(_) => StatedNumber::Unusable(UntrustedText::new(raw, 64)),
    }
}
