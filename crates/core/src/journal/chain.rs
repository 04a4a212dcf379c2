//! The hash chain over the journal.

use crate::bundle::Digest;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;

/// What the first entry is chained to: there is nothing before it.
pub const GENESIS: [u8; 32] = [0; 32];

/// The head of a hash chain: each entry's digest is over the one before it, its own number, time,
/// trust domain and payload. An edit, a gap or another order gives another head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chain {
    /// The number of the last entry; 0 before the first.
    pub number: u64,
    /// The digest of the last entry.
    pub head: Digest,
}

impl Chain {
    /// The chain before its first entry.
    pub fn genesis() -> Self {
        Self { number: 0, head: Digest::from_bytes(GENESIS) }
    }

    /// The chain after one more entry.
    pub fn next(&self, at: Timestamp, trust_domain: &TrustDomain, payload: &str) -> Self {
        let number = self.number.saturating_add(1);
        let name = trust_domain.as_str().as_bytes();
        let mut text = Vec::with_capacity(32 + 8 + 8 + 8 + name.len() + payload.len());
        text.extend_from_slice(self.head.as_bytes());
        text.extend_from_slice(&number.to_be_bytes());
        text.extend_from_slice(&at.as_unix_micros().to_be_bytes());
        // The length keeps name and payload apart.
        text.extend_from_slice(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend_from_slice(name);
        text.extend_from_slice(payload.as_bytes());
        Self { number, head: Digest::of(&text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_entry_moves_the_head() {
        let domain = |name: &str| name.parse::<TrustDomain>().unwrap();
        let at = Timestamp::from_unix;
        let (a, ab) = (domain("a"), domain("ab"));
        let base = Chain::genesis().next(at(1), &a, "bc");
        assert_eq!(base.number, 1);
        for other in [
            Chain::genesis().next(at(2), &a, "bc"),
            Chain::genesis().next(at(1), &ab, "c"),
            Chain::genesis().next(at(1), &a, "bd"),
            Chain::genesis().next(at(1), &a, "bc").next(at(1), &a, "bc"),
        ] {
            assert_ne!(base.head, other.head);
        }
    }
}
