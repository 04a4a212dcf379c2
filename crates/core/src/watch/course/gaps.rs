//! The rhythm of a use that is judged by the gaps between its births alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Course;
use crate::bundle::SvidType;
use crate::time::Timestamp;

/// The last births of a use.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Gaps {
    /// The use.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// When its last authorities were born, newest last, at most 33.
    pub births: Vec<Timestamp>,
}

/// A rhythm that was learned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rhythm {
    /// How many gaps it rests on.
    pub gaps: usize,
    /// The median gap.
    pub median: Duration,
    /// The shortest gap.
    pub shortest: Duration,
    /// The longest gap.
    pub longest: Duration,
}

impl Rhythm {
    /// How long after the last birth the next is overdue: max(2 × median, 1.25 × longest), which in
    /// simulations gave no false alarm while gaps vary by less than a third (design, 5).
    pub fn overdue_after(&self) -> Duration {
        (self.median * 2).max(self.longest.mul_f64(1.25))
    }

    /// How soon after the last birth the next still fits: the mirror of [`Self::overdue_after`].
    pub fn due_after(&self) -> Duration {
        (self.median / 2).min(self.shortest.mul_f64(0.75))
    }
}

impl Gaps {
    /// How many births are kept.
    const MOST: usize = 33;
    /// How many gaps a rhythm rests on at least.
    const LEAST: usize = 5;
    /// How much the gaps may vary, as their coefficient of variation.
    const VARIATION: f64 = 0.3;

    /// The rhythm of these births; `None` where it cannot be judged by: too few of them, or too
    /// unlike each other.
    pub fn rhythm(&self) -> Option<Rhythm> {
        let pairs = self.births.iter().zip(self.births.iter().skip(1));
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
        regular.then_some(Rhythm { gaps: gaps.len(), median, shortest, longest })
    }
}

impl Course {
    /// The last births of a use that is judged by gaps.
    pub fn gaps_of(&self, svid_type: SvidType) -> Option<&Gaps> {
        self.gaps.iter().find(|gaps| gaps.svid_type == svid_type)
    }

    /// Takes in a birth. Whether it fits the rhythm that was known before; `None` where none was.
    pub(super) fn take_gap(&mut self, svid_type: SvidType, at: Timestamp) -> Option<bool> {
        let place = self.gaps.iter().position(|gaps| gaps.svid_type == svid_type);
        let place = place.unwrap_or_else(|| {
            self.gaps.push(Gaps { svid_type, births: Vec::new() });
            self.gaps.len().saturating_sub(1)
        });
        let gaps = self.gaps.get_mut(place)?;
        let fits = gaps.rhythm().map(|rhythm| {
            let last = gaps.births.last().and_then(|last| at.since(*last));
            last.is_none_or(|last| rhythm.due_after() <= last)
        });
        // What does not fit teaches nothing.
        if fits != Some(false) {
            if Gaps::MOST <= gaps.births.len() {
                gaps.births.remove(0);
            }
            gaps.births.push(at);
        }
        fits
    }
}
