//! A hand-over that finished: an authority that was removed, and the one that followed it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RotationModel;
use crate::bundle::{Fingerprint, SvidType};
use crate::time::{Bracket, Timestamp, Window};
use crate::untrusted::UntrustedText;

/// Where the time between an authority's publication and its first signature is known from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lead {
    /// An operator said so.
    Declared(Duration),
    /// It is SPIRE's own, for an authority that came as its lineage's rhythm said: by every lifetime
    /// that the authority before it may have.
    Modelled {
        /// By the shortest.
        least: Duration,
        /// By the longest.
        most: Duration,
        /// As it is most likely, between the two: without the time between two polls.
        likely: Duration,
    },
}

impl Lead {
    /// How long it is at least.
    pub fn least(self) -> Duration {
        match self {
            Self::Declared(lead) | Self::Modelled { least: lead, .. } => lead,
        }
    }

    /// How long it most likely is.
    pub fn likely(self) -> Duration {
        match self {
            Self::Declared(lead) | Self::Modelled { likely: lead, .. } => lead,
        }
    }

    /// How long it is at most.
    pub fn most(self) -> Duration {
        match self {
            Self::Declared(lead) | Self::Modelled { most: lead, .. } => lead,
        }
    }
}

/// An authority that was removed, and the one that followed it. Facts only: what they mean is for
/// [`judge`](crate::judge).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "what is known of a removal, yes or no")]
pub struct HandOver {
    /// The use.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// The authority that was removed.
    pub old: Fingerprint,
    /// Its key ID.
    pub old_kid: Option<UntrustedText>,
    /// When it was published; from the epoch on where it was there before the watch began.
    pub published_old: Window,
    /// How long it lives, at least and at most, where that is known.
    pub lifetime_range: Option<(Duration, Duration)>,
    /// When its certificate ends, where it has one: nothing that it signed outlives that.
    pub not_after: Option<Timestamp>,
    /// When it was removed.
    pub removed: Bracket,
    /// The authority that followed it: in its lineage, or the only one that can have.
    pub new: Option<Fingerprint>,
    /// The key ID of that.
    pub new_kid: Option<UntrustedText>,
    /// When that was published.
    pub published_new: Option<Window>,
    /// Whether more than one publication could have met the date that the new one met.
    pub is_contested: bool,
    /// The first publication of the use after that of the old one: whoever followed it came no
    /// earlier. `None` where nothing came.
    pub first_after: Option<Window>,
    /// The same without those that are known to follow other authorities.
    pub first_candidate: Option<Window>,
    /// From the publication of the new one to its first signature, where that is known.
    pub lead: Option<Lead>,
    /// When the new one signed for the first time, by that.
    pub activation: Option<Window>,
    /// The latest moment at which the new one signed for the first time: an endpoint SVID proves
    /// it.
    pub activated_by: Option<Timestamp>,
    /// A moment at which the old one still signed: an endpoint SVID proves it.
    pub signed_at: Option<Timestamp>,
    /// Whether the old one is sure to have come to its activation.
    pub had_signed: bool,
    /// Whether it was the only one of its use.
    pub was_only: bool,
    /// Whether its end, with that of all that it had signed, is known to have come: of JWT keys of a
    /// baseline by count, since each was published beside an X.509 authority that shows its end.
    pub had_ended: bool,
    /// Whether its issuer's schedule says when it retired: not of an upstream authority's root, which
    /// goes when the upstream says so, whatever its lifetime.
    pub is_scheduled: bool,
    /// Whether its removal is told by another finding: it was denied, or nothing explained it.
    pub covered_by_other_finding: bool,
}

impl HandOver {
    /// How long it lives at most, where that is known.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime_range.map(|(_, most)| most)
    }

    /// From the publication of the new authority to the removal of the old one, at least and at
    /// most; `None` where it is not known which followed.
    pub fn overlap(&self) -> Option<(Duration, Duration)> {
        self.published_new.map(|new| self.overlap_since(new))
    }

    /// From a publication to the removal of the old authority, at least and at most.
    pub fn overlap_since(&self, published: Window) -> (Duration, Duration) {
        let least = self.removed.after.and_then(|after| after.since(published.until));
        let most = self.removed.until.since(published.from);
        (least.unwrap_or_default(), most.unwrap_or_default())
    }
}

impl RotationModel {
    /// Takes down what the removal of an authority ends.
    pub(in crate::watch) fn hand_over(&mut self, handover: HandOver) {
        if Self::HANDOVERS <= self.handovers.len() {
            self.handovers.remove(0);
        }
        self.handovers.push(handover);
        self.count_hand_over();
    }

    /// Counts a removal of which nothing more is kept.
    pub(in crate::watch) fn count_hand_over(&mut self) {
        self.finished = self.finished.saturating_add(1);
    }
}
