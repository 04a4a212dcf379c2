//! Closed sets of words.

/// A value that is one word of a closed set.
pub(super) trait Choice: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The word in the configuration.
    fn word(self) -> &'static str;
}

/// An enum whose variants each have one word in the configuration.
macro_rules! choice {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The words, in order.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word in the configuration.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::config::choice::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn word(self) -> &'static str {
                self.label()
            }
        }
    };
}

pub(super) use choice;

use crate::finding::Severity;
use crate::watch::{BaselinePolicy, IssuerMode, JudgementPolicy};

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
