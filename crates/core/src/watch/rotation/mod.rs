//! The rotation of one trust domain: which chain each authority belongs to, and which dates came
//! and went.
//!
//! A bundle is a superposition of lineages, one a use and replica, each on a clock of its own
//! (docs/rotation-model.md#measured-behaviour: X.509 and JWT keys of one server drift apart). A
//! publication that meets no
//! lineage's date opens a *branch*, since a restart and a planted key look alike at publication; what
//! comes of the branch tells more.
//!
//! Invariant: the rotation is part of the fold of the events. It moves by publications, by decisions, and
//! by [`Event::DatesPassed`](super::Event::DatesPassed), never by a clock.

mod advance;
mod announced;
mod baseline;
mod claim;
mod contradiction;
mod first_dates;
mod form;
mod handover;
mod interval_statistics;
mod lineage;
mod publication;
mod published;
mod retire;
mod schedule_parameters;

pub use first_dates::{FirstDate, FirstDates, FirstPublication};
pub use handover::{HandOver, Lead};
pub use interval_statistics::{IntervalStatistics, LearnedInterval};
pub use lineage::{AlternativeDate, EarlierAuthority, Lineage, LineageKind, MissedDate};
pub(super) use schedule_parameters::MAX_LIFETIME_RATIO;
pub use schedule_parameters::spire_lifetime;

pub use contradiction::foreign_uri;
pub(super) use contradiction::{departs, is_announced, published};
pub(super) use form::Forms;
pub(super) use form::lifetime;
pub(super) use publication::Publications;
pub(super) use published::Outcome;
pub(super) use retire::Explained;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{IssuerMode, Policy};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};
use lineage::derive_by_dates;
use schedule_parameters::{Judged, ScheduleParameters};

/// The rotation of one trust domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct RotationModel {
    /// When the first bundle was seen.
    pub baseline: Option<Timestamp>,
    /// Where the issuer's X.509 authorities come from, as the first bundle shows it.
    pub mode: IssuerMode,
    /// The lineages of all uses, oldest first. The ended ones go after a while.
    pub lineages: Vec<Lineage>,
    /// The last number that was given to a lineage.
    pub numbered: u32,
    /// How long keys live by the authorities that stand, shortest first.
    pub possible_lifetimes: Vec<Duration>,
    /// When the baseline's JWT lineages publish for the first time. Empty once the first period is over.
    pub first_dates: FirstDates,
    /// The gaps between publications, for uses that are judged by them.
    pub gaps: Vec<IntervalStatistics>,
    /// X.509 publications that claim missed dates if their JWT keys follow within a poll.
    pub unpaired: Vec<Unpaired>,
    /// X.509 publications of a poll that opened branches: JWT publications of the same poll are their pairs.
    pub opened: Option<Opened>,
    /// Hand-overs that finished, newest last, and keys that went without one.
    pub handovers: Vec<HandOver>,
    /// How many authorities of the baseline went after their end.
    pub pruned: Pruned,
    /// How many hand-overs finished in all.
    pub finished: u64,
    /// A lifetime that changed on a lineage's date.
    pub lifetime_changes: Vec<LifetimeChange>,
    /// The one JWT key of a baseline with one lineage: what the next one follows.
    pub alone: Option<AuthorityId>,
    /// The moment after which a good poll makes a date a missed one; `None` where none is near.
    pub wakes: Option<Timestamp>,
}

/// An X.509 publication that claims a missed date if its JWT key follows within a poll.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Unpaired {
    /// Which.
    pub authority: AuthorityId,
    /// The lineage whose date it claims, as it was before.
    pub lineage: Lineage,
    /// The poll that showed it.
    pub at: Timestamp,
}

/// X.509 publications of one poll that opened branches.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Opened {
    /// The poll.
    pub at: Timestamp,
    /// How many.
    pub count: usize,
}

/// How many authorities of the baseline went after their end.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pruned {
    /// X.509 authorities, by their own word.
    pub x509: usize,
    /// JWT authorities, by the count of those.
    pub jwt: usize,
}

/// A lifetime that changed on a lineage's date: `ca_ttl` was set anew.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct LifetimeChange {
    /// The authority that shows it.
    pub authority: AuthorityId,
    /// When it was published.
    pub at: Timestamp,
    /// How long its predecessor lived.
    pub from: Duration,
    /// How long it lives.
    pub to: Duration,
}

impl RotationModel {
    /// How many ended lineages are kept, for those who ask what a number was.
    const ENDED: usize = 32;
    /// How many hand-overs are kept.
    pub(in crate::watch) const HANDOVERS: usize = 64;
    /// How many live lineages there may be: each replica has two, and a flood must not grow without
    /// bound.
    const MOST: usize = 1024;

    /// The lineage of this number.
    pub fn lineage(&self, number: u32) -> Option<&Lineage> {
        self.lineages.iter().find(|lineage| lineage.number == number)
    }

    fn lineage_mut(&mut self, number: u32) -> Option<&mut Lineage> {
        self.lineages.iter_mut().find(|lineage| lineage.number == number)
    }

    /// The lineage that this authority is the newest of.
    pub fn lineage_of(&self, authority: AuthorityId) -> Option<&Lineage> {
        self.lineages.iter().find(|lineage| lineage.newest == Some(authority))
    }

    /// The lineages of this use that have not ended.
    pub fn established(&self, svid_type: SvidType) -> impl Iterator<Item = &Lineage> {
        let of = move |lineage: &&Lineage| {
            lineage.svid_type == svid_type && lineage.kind == LineageKind::Established
        };
        self.lineages.iter().filter(of)
    }

    /// Whether the first period after the baseline was over at `good`.
    pub fn first_period_over(
        &self,
        policy: &Policy,
        interval: Duration,
        good: Option<Timestamp>,
    ) -> bool {
        let first = self.first_period(&self.schedule(policy, interval));
        first.zip(good).is_some_and(|(first, good)| first.until < good)
    }

    /// When the next authority of a lineage is due, and until when it is on time.
    pub fn due(
        &self,
        lineage: &Lineage,
        policy: &Policy,
        interval: Duration,
    ) -> Option<(Window, Timestamp)> {
        lineage.due(&self.schedule(policy, interval))
    }

    /// How many replicas issue, as far as it can be told.
    pub fn replicas(&self) -> usize {
        let on_time =
            |svid_type| self.established(svid_type).filter(|lineage| !lineage.is_overdue()).count();
        on_time(SvidType::X509).max(on_time(SvidType::Jwt))
    }

    /// Opens a lineage, and says which.
    fn open(
        &mut self,
        svid_type: SvidType,
        kind: LineageKind,
        newest: Option<AuthorityId>,
        published: Window,
        lifetime: Option<Duration>,
    ) -> u32 {
        self.numbered = self.numbered.saturating_add(1);
        let number = self.numbered;
        if Self::MOST <= self.lineages.len() {
            self.make_room();
        }
        self.lineages.push(Lineage {
            number,
            svid_type,
            kind,
            newest,
            published,
            issued_at: None,
            lifetime,
            possible_lifetimes: Vec::new(),
            earlier: None,
            alternative_dates: Vec::new(),
            met: None,
            missed: None,
            deadline_extension: None,
        });
        number
    }

    /// Drops one lineage: an ended one, else the newest branch that covers nothing, so that a flood of
    /// keys drops its own branches and never a lineage.
    fn make_room(&mut self) {
        let ended = self.lineages.iter().position(|lineage| !lineage.is_active());
        let place = ended.or_else(|| self.lineages.iter().rposition(Lineage::is_unassigned_branch));
        match place {
            Some(place) => drop(self.lineages.remove(place)),
            None => drop(self.lineages.pop()),
        }
    }

    /// Reads anew when a date next becomes a missed one: the rhythm or the interval changed.
    pub(in crate::watch) fn recompute_next_deadline(
        &mut self,
        policy: &Policy,
        interval: Duration,
    ) {
        // A lifetime that came to light ends what gaps alone could say.
        let by_gaps = SvidType::ALL.map(|one| self.judged(one, policy) == Judged::ByGaps);
        let still = |gaps: &IntervalStatistics| {
            SvidType::ALL
                .into_iter()
                .zip(by_gaps)
                .any(|(one, still)| still && one == gaps.svid_type)
        };
        self.gaps.retain(still);
        let schedule = self.schedule(policy, interval);
        self.wake(&schedule);
    }

    fn forget_the_ended(&mut self) {
        let ended = self.lineages.iter().filter(|lineage| !lineage.is_active()).count();
        let mut surplus = ended.saturating_sub(Self::ENDED);
        self.lineages.retain(|lineage| {
            let drops = 0 < surplus && !lineage.is_active();
            surplus -= usize::from(drops);
            !drops
        });
    }

    /// When a good poll next makes a date a missed one.
    fn wake(&mut self, schedule: &ScheduleParameters) {
        let waits = |lineage: &&Lineage| lineage.is_active() && lineage.missed.is_none();
        let due =
            derive_by_dates(self.lineages.iter().filter(waits), |lineage| lineage.due(schedule));
        let deadlines = due.filter_map(|(_, due)| Some(due?.1));
        let pairs = self.unpaired.iter().map(|one| one.at);
        self.wakes = deadlines.chain(pairs).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Fingerprint;

    #[test]
    fn a_flood_of_keys_drops_its_own_branches_and_no_lineage() {
        let mut rotation = RotationModel::default();
        let published = Window::point(Timestamp::from_unix(1_800_000_000));
        let mut open = |kind, number: u32| {
            let fingerprint = Fingerprint::of(&number.to_be_bytes());
            let newest = Some(AuthorityId { svid_type: SvidType::Jwt, fingerprint });
            rotation.open(SvidType::Jwt, kind, newest, published, None)
        };
        let lineages = [1, 2].map(|number| open(LineageKind::Established, number));
        let restarted = open(LineageKind::Branch { covers: None }, 3);
        for number in 4..3_000 {
            open(LineageKind::Branch { covers: None }, number);
        }
        assert_eq!(rotation.lineages.len(), RotationModel::MOST);
        for number in lineages.into_iter().chain([restarted, rotation.numbered]) {
            assert!(rotation.lineage(number).is_some(), "{number}");
        }
    }
}
