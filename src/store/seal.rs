//! Digests over rows that the journal's chain does not cover.
//!
//! They show that a bit flipped or that somebody edited a row by hand. They are no signature: whoever
//! can compute one can write another. What binds the store to the world outside is the head that is
//! noted elsewhere.

use super::column::{moment, number};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;

/// The digest of these parts, which their lengths keep apart.
fn seal(parts: &[&[u8]]) -> Digest {
    let mut text = Vec::with_capacity(256);
    for part in parts {
        text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend_from_slice(part);
    }
    Digest::of(&text)
}

/// The digest of a checkpoint's row.
pub(super) fn checkpoint(
    trust_domain: &TrustDomain,
    last: u64,
    form: i64,
    head: Digest,
    facts: &str,
) -> Digest {
    let name = trust_domain.as_str().as_bytes();
    let facts = Digest::of(facts.as_bytes());
    let (last, form) = (number(last).to_be_bytes(), form.to_be_bytes());
    seal(&[b"checkpoint", name, &last, &form, head.as_bytes(), facts.as_bytes()])
}

/// The digest of a row that says what the last polls of a trust domain saw.
pub(super) fn poll_state(trust_domain: &TrustDomain, poll_state: &str) -> Digest {
    seal(&[b"poll_state", trust_domain.as_str().as_bytes(), poll_state.as_bytes()])
}

/// The digest of a row of `meta`.
pub(super) fn meta(name: &str, value: Timestamp) -> Digest {
    seal(&[b"meta", name.as_bytes(), &moment(value).to_be_bytes()])
}
