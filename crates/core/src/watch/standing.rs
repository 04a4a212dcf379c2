//! Whether an authority is explained, and by what.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::KeyType;
use crate::time::span;
use crate::untrusted::UntrustedText;

/// Why an authority is in the bundle, as far as it can be told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// It was in the first bundle, which everything is compared with.
    Baseline,
    /// Its public key was denied.
    Denied,
    /// An operator approved it.
    Approved,
    /// It came on a lineage's date.
    OnTime {
        /// Which.
        lineage: u32,
    },
    /// It came after a lineage's date was missed, as its next.
    Late {
        /// Which.
        lineage: u32,
    },
    /// An announcement explains it.
    Announced,
    /// The issuer's rhythm was not known when it came.
    Learned,
    /// It was known before, and came back after a removal: another finding tells of that.
    Returned,
    /// It fits no date.
    Unscheduled {
        /// The branch that it opened.
        branch: u32,
        /// Among how many of its poll and use it is one of this kind, where which one cannot be
        /// told; 1 where it can.
        among: u32,
        /// Whether drift may explain it, since the baseline's dates are known only loosely.
        loose: bool,
    },
    /// It contradicts what its siblings, its dates or the sequence say.
    Contradicted {
        /// How, at least one.
        by: Vec<Contradiction>,
    },
}

impl Standing {
    /// Whether nobody need look at it.
    pub fn is_explained(&self) -> bool {
        match self {
            Self::Baseline
            | Self::Approved
            | Self::OnTime { .. }
            | Self::Late { .. }
            | Self::Announced
            | Self::Learned
            | Self::Returned => true,
            Self::Denied | Self::Unscheduled { .. } | Self::Contradicted { .. } => false,
        }
    }

    /// Whether it came as its lineage's rhythm said.
    pub fn is_scheduled(&self) -> bool {
        matches!(self, Self::OnTime { .. } | Self::Late { .. })
    }

    /// The word in output.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Denied => "denied",
            Self::Approved => "approved",
            Self::OnTime { .. } => "on_time",
            Self::Late { .. } => "late",
            Self::Announced => "announced",
            Self::Learned => "learned",
            Self::Returned => "returned",
            Self::Unscheduled { .. } => "unscheduled",
            Self::Contradicted { .. } => "contradicted",
        }
    }
}

/// How an authority contradicts what is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "contradiction")]
pub enum Contradiction {
    /// Its certificate was made long before it was published.
    Backdated {
        /// How long before the last good poll without it.
        by: Duration,
    },
    /// Its key is of another type than its siblings'.
    KeyType {
        /// Its own.
        own: KeyType,
        /// One of theirs.
        siblings: KeyType,
    },
    /// Its certificate or key ID has another form than its siblings'.
    Profile {
        /// What differs, in words. Foreign text in them is escaped.
        what: Box<str>,
    },
    /// Its certificate names another trust domain.
    ForeignName {
        /// The name, cut to 128 bytes.
        name: UntrustedText,
    },
    /// It lives over four times as long as its siblings.
    Lifetime {
        /// Its own life.
        own: Duration,
        /// The longest of theirs.
        siblings: Duration,
    },
    /// The key set changed and the sequence number did not.
    SequenceStood {
        /// Where it stands.
        sequence: u64,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backdated { by } => write!(
                f,
                "its certificate says that it was made {} before the last good poll without it",
                span(*by)
            ),
            Self::KeyType { own, siblings } => {
                write!(f, "its key is {own}, and its siblings' are {siblings}")
            }
            Self::Profile { what } => write!(f, "it is not made like its siblings: {what}"),
            Self::ForeignName { name } => {
                write!(f, "its certificate names another trust domain: {name}")
            }
            Self::Lifetime { own, siblings } => write!(
                f,
                "it lives {}, and the longest-lived of its siblings {}",
                span(*own),
                span(*siblings)
            ),
            Self::SequenceStood { sequence } => {
                write!(f, "the key set changed, and the sequence number stood still at {sequence}")
            }
        }
    }
}
