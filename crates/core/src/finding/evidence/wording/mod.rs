//! The sentences that people read, one for each piece of evidence.
//!
//! A sentence has its subject, the observed value, the expected value and where that comes from
//! (declared, observed or assumed). Foreign text in it is escaped.

mod authority;
mod contradiction;
mod difference;
mod document;
mod endpoint;
mod flood;
mod outage;
mod removal;
mod schedule;
mod self_watch;
mod sequence;
mod sharing;
mod token;

use std::fmt;

use super::Evidence;
use crate::bundle::SvidType;
use crate::time::Bracket;
use crate::untrusted::escape_line;

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Authority(of) => of.to_string(),
            Self::Removal(of) => of.to_string(),
            Self::Schedule(of) => of.to_string(),
            Self::Outage(of) => of.to_string(),
            Self::Endpoint(of) => of.to_string(),
            Self::Sequence(of) => of.to_string(),
            Self::Sharing(of) => of.to_string(),
            Self::Document(of) => of.to_string(),
            Self::Token(of) => of.to_string(),
            Self::Flood(of) => of.to_string(),
            Self::SelfWatch(of) => of.to_string(),
        };
        f.write_str(&escape_line(&sentence))
    }
}

/// How much of a key ID is shown, in bytes: SPIRE's have 32.
const KEY_ID: usize = 64;

/// An authority of this use.
fn noun(svid_type: SvidType) -> &'static str {
    match svid_type {
        SvidType::X509 => "X.509 authority",
        SvidType::Jwt => "JWT key",
        SvidType::Wit => "WIT key",
    }
}

/// What an authority of this use signs.
fn signed(svid_type: SvidType) -> &'static str {
    match svid_type {
        SvidType::X509 => "X509-SVIDs",
        SvidType::Jwt | SvidType::Wit => "tokens",
    }
}

/// A number and its noun, with `s` where the number is not 1.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", crate::finding::grouped(number))
}

/// Between which polls something happened, as the end of a sentence.
fn between(bracket: Bracket) -> String {
    match bracket.after {
        Some(after) => format!("after {after} and by {}", bracket.until),
        None => format!("by {}", bracket.until),
    }
}

/// A value, or that there is none.
fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}
