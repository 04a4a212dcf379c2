//! One line of what a relying party saw: a key ID and two times, never a token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::Sighting;

/// The most bytes of a line: four short members.
pub(in crate::daemon) const LONGEST: usize = 1024;
/// The most characters of any text in it: a token has more.
const LONGEST_TEXT: usize = 256;
/// No token lives longer.
const LONGEST_LIFE: Duration = Duration::from_hours(366 * 24);
/// How far the clock of whoever reports may be ahead.
const AHEAD: Duration = Duration::from_mins(5);

/// Why a line is refused. Nothing of its content is kept or shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SightingRefusal {
    /// It is or holds something that looks like a token.
    #[error("it looks like a token: only the key ID, iat and exp of one are wanted")]
    Token,
    /// It is not the JSON object that a line should be.
    #[error("it is not {{\"trust_domain\", \"kid\", \"iat\", \"exp\"}} with times in Unix seconds")]
    Malformed,
    /// Its times are not those of a token.
    #[error("its times cannot be those of a token: iat before exp, and not in the future")]
    Times,
    /// No trust domain of this name is watched.
    #[error("its trust domain is not watched")]
    Unwatched,
    /// The daily budget of whoever reports is spent.
    #[error("the daily budget of this reporter for the trust domain is spent")]
    Budget,
}

impl SightingRefusal {
    /// The label in metrics.
    pub(in crate::daemon) fn label(self) -> &'static str {
        match self {
            Self::Token => "refused_token",
            Self::Malformed | Self::Times => "refused_malformed",
            Self::Unwatched => "refused_trust_domain",
            Self::Budget => "refused_budget",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SightingLine {
    trust_domain: String,
    kid: String,
    iat: i64,
    exp: i64,
}

/// What a line says, heard at `now`. A line has at most 1,024 bytes.
pub fn read_sighting(
    line: &[u8],
    now: Timestamp,
) -> Result<(TrustDomain, Sighting), SightingRefusal> {
    if LONGEST < line.len() {
        return Err(SightingRefusal::Token);
    }
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|_| {
        // A line that is nothing but a token is no JSON.
        if holds_a_token(line) { SightingRefusal::Token } else { SightingRefusal::Malformed }
    })?;
    if is_suspicious(&value) {
        return Err(SightingRefusal::Token);
    }
    // Read anew from the text: here a member that stands twice is a fault.
    let line: SightingLine =
        serde_json::from_slice(line).map_err(|_| SightingRefusal::Malformed)?;
    let trust_domain = line.trust_domain.parse().map_err(|_| SightingRefusal::Malformed)?;
    let (iat, exp) = (Timestamp::from_unix(line.iat), Timestamp::from_unix(line.exp));
    let lives = exp.since(iat);
    if !lives.is_some_and(|lifetime| !lifetime.is_zero() && lifetime <= LONGEST_LIFE) {
        return Err(SightingRefusal::Times);
    }
    if line.kid.is_empty() {
        return Err(SightingRefusal::Malformed);
    }
    if line.iat < 0 || now.saturating_add(AHEAD) < iat {
        return Err(SightingRefusal::Times);
    }
    Ok((trust_domain, Sighting::of_token(&line.kid, now, iat, exp)))
}

/// Whether a document may hold a token: a member that is not asked for, a long text, or three parts
/// in base64url.
fn is_suspicious(value: &serde_json::Value) -> bool {
    let serde_json::Value::Object(members) = value else {
        return value.as_str().is_some_and(|text| looks_like_a_token(text.as_bytes()));
    };
    members.iter().any(|(name, value)| {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            // A name has dots too: a token begins with a JSON object.
            "trust_domain" => LONGEST_TEXT < text.len() || begins_as_a_token(text.as_bytes()),
            "kid" => LONGEST_TEXT < text.chars().count() || looks_like_a_token(text.as_bytes()),
            "iat" | "exp" => !value.is_number(),
            _ => true,
        }
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Three dot-separated parts in base64url, as a signed token has, or more.
fn looks_like_a_token(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'.');
    let count = parts.clone().count();
    3 <= count && parts.all(|part| part.iter().copied().all(is_base64url))
}

/// Whether a text has a token's parts, the first of which is a JSON object.
fn begins_as_a_token(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(first).unwrap_or_default();
    looks_like_a_token(text) && header.first() == Some(&b'{')
}

/// Whether any word of a text looks like a token.
fn holds_a_token(text: &[u8]) -> bool {
    let words = text.split(|byte| !is_base64url(*byte) && *byte != b'.');
    words.into_iter().any(looks_like_a_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;
    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly9hL2IifQ.c2lnbmF0dXJl";

    fn said(line: &str) -> Result<(TrustDomain, Sighting), SightingRefusal> {
        read_sighting(line.as_bytes(), Timestamp::from_unix(NOW))
    }

    fn line(trust_domain: &str, kid: &str, iat: i64, exp: i64) -> String {
        serde_json::json!({ "trust_domain": trust_domain, "kid": kid, "iat": iat, "exp": exp })
            .to_string()
    }

    #[test]
    fn a_line_says_which_key_signed_when_and_for_how_long() {
        let (name, sighting) = said(&line("a.b.example.org", "k1", NOW - 60, NOW + 240)).unwrap();
        assert_eq!(name.as_str(), "a.b.example.org");
        assert_eq!(sighting.kid, "k1");
        assert_eq!(sighting.longest, Duration::from_mins(5));
        assert_eq!(sighting.heard, Timestamp::from_unix(NOW));
        let long = "k".repeat(256);
        let (_, sighting) = said(&line("a.example", &long, NOW, NOW + 1)).unwrap();
        assert_eq!(sighting.kid.as_received().len(), Sighting::KID);
    }

    #[test]
    fn a_token_is_refused_wherever_it_stands() {
        let member = format!(
            "{{\"trust_domain\":\"a\",\"kid\":\"k\",\"iat\":1,\"exp\":2,\"token\":\"{TOKEN}\"}}"
        );
        for text in [
            TOKEN.to_owned(),
            format!("\"{TOKEN}\""),
            format!("Bearer {TOKEN}"),
            line("a.example", TOKEN, NOW, NOW + 1),
            line(TOKEN, "k", NOW, NOW + 1),
            line("a.example", &"k".repeat(257), NOW, NOW + 1),
            member,
            format!("{{\"trust_domain\":\"a\",\"kid\":\"k\",\"iat\":\"{TOKEN}\",\"exp\":2}}"),
            "x".repeat(LONGEST + 1),
        ] {
            assert_eq!(said(&text).unwrap_err(), SightingRefusal::Token, "{text}");
        }
    }

    #[test]
    fn what_is_no_sighting_is_refused() {
        for (text, refusal) in [
            (String::new(), SightingRefusal::Malformed),
            ("[]".to_owned(), SightingRefusal::Malformed),
            ("{}".to_owned(), SightingRefusal::Malformed),
            (line("A B", "k", NOW, NOW + 1), SightingRefusal::Malformed),
            (line("a.example", "", NOW, NOW + 1), SightingRefusal::Malformed),
            (
                format!("{{\"kid\":\"k\",{}", &line("a", "k", NOW, NOW + 1)[1..]),
                SightingRefusal::Malformed,
            ),
            (line("a.example", "k", NOW, NOW), SightingRefusal::Times),
            (line("a.example", "k", NOW + 600, NOW + 900), SightingRefusal::Times),
            (line("a.example", "k", -1, NOW), SightingRefusal::Times),
            (line("a.example", "k", NOW - 10, NOW + 40_000_000), SightingRefusal::Times),
        ] {
            assert_eq!(said(&text).unwrap_err(), refusal, "{text}");
        }
    }
}
