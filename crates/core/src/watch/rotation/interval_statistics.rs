//! The rhythm of a use that is judged by the gaps between its publications alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RotationModel;
use crate::bundle::SvidType;
use crate::time::Timestamp;

/// The last publications of a use.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct IntervalStatistics {
    /// The use.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// When its last authorities were published, newest last, at most 33.
    pub publications: Vec<Timestamp>,
}

/// A rhythm that was learned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LearnedInterval {
    /// How many gaps it rests on.
    pub gaps: usize,
    /// The median gap.
    pub median: Duration,
    /// The shortest gap.
    pub shortest: Duration,
    /// The longest gap.
    pub longest: Duration,
}

impl LearnedInterval {
    /// How long after the last publication the next is overdue: max(2 × median, 1.25 × longest), which in
    /// simulations gave no false alarm while gaps vary by less than a third (docs/rotation-model.md#learned-intervals).
    pub fn overdue_after(&self) -> Duration {
        (self.median * 2).max(self.longest.mul_f64(1.25))
    }

    /// How soon after the last publication the next still fits: the mirror of [`Self::overdue_after`].
    pub fn due_after(&self) -> Duration {
        (self.median / 2).min(self.shortest.mul_f64(0.75))
    }
}

impl IntervalStatistics {
    /// How many publications are kept.
    const MOST: usize = 33;
    /// How many gaps a rhythm rests on at least.
    const LEAST: usize = 5;
    /// How much the gaps may vary, as their coefficient of variation.
    const VARIATION: f64 = 0.3;

    /// The rhythm of these publications; `None` where it cannot be judged by: too few of them, or too
    /// unlike each other.
    pub fn rhythm(&self) -> Option<LearnedInterval> {
        let pairs = self.publications.iter().zip(self.publications.iter().skip(1));
        let mut gaps: Vec<Duration> = pairs.filter_map(|(a, b)| b.since(*a)).collect();
        if gaps.len() < Self::LEAST {
            return None;
        }
        gaps.sort_unstable();
        let count = f64::from(u32::try_from(gaps.len()).ok()?);
        let mean = gaps.iter().map(Duration::as_secs_f64).sum::<f64>() / count;
        let spread = gaps.iter().map(|gap| (gap.as_secs_f64() - mean).powi(2)).sum::<f64>();
        let deviation = (spread / (count - 1.0)).sqrt();
        let (shortest, longest) = (*gaps.first()?, *gaps.last()?);
        let median = *gaps.get(gaps.len() / 2)?;
        let regular = deviation <= Self::VARIATION * mean && Duration::ZERO < median;
        regular.then_some(LearnedInterval { gaps: gaps.len(), median, shortest, longest })
    }
}

impl RotationModel {
    /// The last publications of a use that is judged by gaps.
    pub fn gaps_of(&self, svid_type: SvidType) -> Option<&IntervalStatistics> {
        self.gaps.iter().find(|gaps| gaps.svid_type == svid_type)
    }

    /// Takes in a publication. Whether it fits the rhythm that was known before; `None` where none was.
    pub(super) fn take_gap(&mut self, svid_type: SvidType, at: Timestamp) -> Option<bool> {
        let place = self.gaps.iter().position(|gaps| gaps.svid_type == svid_type);
        let place = place.unwrap_or_else(|| {
            self.gaps.push(IntervalStatistics { svid_type, publications: Vec::new() });
            self.gaps.len().saturating_sub(1)
        });
        let gaps = self.gaps.get_mut(place)?;
        let fits = gaps.rhythm().map(|rhythm| {
            let last = gaps.publications.last().and_then(|last| at.since(*last));
            last.is_none_or(|last| rhythm.due_after() <= last)
        });
        // What does not fit teaches nothing.
        if fits != Some(false) {
            if IntervalStatistics::MOST <= gaps.publications.len() {
                gaps.publications.remove(0);
            }
            gaps.publications.push(at);
        }
        fits
    }
}
