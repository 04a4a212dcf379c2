//! Closed sets of words.

/// A value that is one word of a closed set.
pub(super) trait Choice: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The word in the configuration.
    fn word(self) -> &'static str;
}

use anchorwatch_core::finding::Severity;
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::watch::{BaselinePolicy, IssuerMode, JudgementPolicy};

impl Choice for Probe {
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.label()
    }
}

impl Choice for Severity {
    const ALL: &'static [Self] = &[Self::Info, Self::Warning, Self::Critical];

    fn word(self) -> &'static str {
        self.label()
    }
}

impl Choice for BaselinePolicy {
    const ALL: &'static [Self] = &[Self::Explicit, Self::TrustOnFirstUse];

    fn word(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::TrustOnFirstUse => "trust_on_first_use",
        }
    }
}

impl Choice for IssuerMode {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.label()
    }
}

impl Choice for JudgementPolicy {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.label()
    }
}
