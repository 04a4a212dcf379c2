//! Whether an authority is explained, and by what.

use serde::{Deserialize, Serialize};

use crate::bundle::Fingerprint;
use crate::finding::evidence::Contradiction;
use crate::time::Timestamp;

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
        /// How it fits the first dates of the lineages that a baseline knows only loosely.
        #[serde(default)]
        first: FirstDateFit,
    },
    /// It contradicts what its siblings, its dates or the sequence say.
    Contradicted {
        /// How, at least one.
        by: Vec<Contradiction>,
    },
}

/// How a JWT key that fits no known date fits the first period after a baseline, in which the dates of
/// JWT lineages are known only loosely (docs/rotation-model.md#baseline).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstDateFit {
    /// No first date may be its own.
    #[default]
    None,
    /// One may, but for the time since the X.509 authority of that server was due.
    Window {
        /// When that was due.
        date: Timestamp,
    },
    /// One may, since chains of keys that live so shortly may have drifted apart by any time.
    Drift,
    /// Other keys have each of the dates that it may have: one of them is surplus.
    Contested {
        /// Some of the others.
        with: Vec<Fingerprint>,
    },
}

impl FirstDateFit {
    /// Whether nobody can tell yet if it is the issuer's own.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Window { .. } | Self::Drift)
    }
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

    /// Whether a key that comes later may cast doubt on it: nobody decided on it.
    pub fn may_be_doubted(&self) -> bool {
        matches!(self, Self::OnTime { .. } | Self::Unscheduled { .. })
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
