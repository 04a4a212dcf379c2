//! Whether an authority is explained, and by what.

use serde::{Deserialize, Serialize};

use crate::finding::evidence::Contradiction;

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
