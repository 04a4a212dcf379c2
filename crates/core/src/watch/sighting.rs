//! What relying parties saw of tokens: key IDs and times, never a token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// The bounds of what was sighted under one key ID.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sighting {
    /// The key ID, cut to 64 bytes.
    pub kid: UntrustedText,
    /// When it was first reported.
    pub heard: Timestamp,
    /// The least `iat`.
    pub first_iat: Timestamp,
    /// The greatest `iat`.
    pub last_iat: Timestamp,
    /// The greatest `exp`.
    pub last_exp: Timestamp,
    /// The longest `exp − iat`.
    pub longest: Duration,
    /// When the key of this ID was last removed, of those that the facts have laid aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
}

impl Sighting {
    /// The longest key ID that is kept, in bytes.
    pub const KID: usize = 64;

    /// What one token says, reported at `heard`. Foreign text is cut.
    pub fn of_token(kid: &str, heard: Timestamp, iat: Timestamp, exp: Timestamp) -> Self {
        Self {
            kid: Self::cut(kid),
            heard,
            first_iat: iat,
            last_iat: iat,
            last_exp: exp,
            longest: exp.since(iat).unwrap_or_default(),
            withdrawn: None,
        }
    }

    /// Both taken together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            kid: self.kid.clone(),
            heard: self.heard.min(other.heard),
            first_iat: self.first_iat.min(other.first_iat),
            last_iat: self.last_iat.max(other.last_iat),
            last_exp: self.last_exp.max(other.last_exp),
            longest: self.longest.max(other.longest),
            withdrawn: self.withdrawn.max(other.withdrawn),
        }
    }

    /// A key ID as it is kept.
    pub fn cut(kid: &str) -> UntrustedText {
        UntrustedText::new(kid, Self::KID)
    }

    /// Whether `other` says something new enough to be recorded: bounds move by a minute at least,
    /// so that a busy relying party does not fill the journal.
    pub fn gains_from(&self, other: &Self) -> bool {
        const NEWS: Duration = Duration::from_mins(1);
        let merged = self.merged(other);
        let moved = |later: Timestamp, earlier: Timestamp| {
            later.since(earlier).is_some_and(|by| NEWS <= by)
        };
        moved(self.first_iat, merged.first_iat)
            || moved(merged.last_iat, self.last_iat)
            || moved(merged.last_exp, self.last_exp)
            || self.longest < merged.longest
    }
}
