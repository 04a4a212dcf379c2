//! The words that lines about events are made of.

use crate::bundle::{AuthorityId, SvidType};
use crate::time::Timestamp;
use crate::untrusted::{cut, escape_line};

/// How much of words of ours is shown, in bytes.
const WORDS: usize = 300;

/// An authority's short name, such as `JWT key 3f9c0a1b2c3d4e5f`.
pub fn name(authority: AuthorityId) -> String {
    let noun = match authority.svid_type {
        SvidType::X509 => "X.509 authority",
        SvidType::Jwt => "JWT key",
        SvidType::Wit => "WIT key",
    };
    format!("{noun} {}", authority.fingerprint.short())
}

/// The time of day in UTC, such as `12:00:03`.
pub fn time_of_day(at: Timestamp) -> String {
    let second = at.as_unix().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A number with its noun, in the plural where it is not 1.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with('e') => format!("{number} {stem}ies"),
        (_, _) => format!("{number} {noun}s"),
    }
}

/// Words of ours, of which a journal that someone wrote into may make others.
pub(super) fn words(text: &str) -> String {
    cut(&escape_line(text), WORDS).into_owned()
}
