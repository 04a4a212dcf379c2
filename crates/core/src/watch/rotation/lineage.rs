//! One chain of authorities, and when its next one is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ScheduleParameters;
use super::published::Publication;
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};
use crate::watch::spire;

/// What a lineage is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineageKind {
    /// The chain of one issuer replica.
    Established,
    /// What an unscheduled publication opened: a restart, a new replica, or a planted key.
    Branch {
        /// The lineage whose missed date counts as replaced by it.
        covers: Option<u32>,
    },
    /// It has ended: replaced, retired, or its own date passed empty.
    Ended,
}

/// A date that passed without a publication.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MissedDate {
    /// When the publication was due.
    pub date: Window,
    /// Until when it would have been on time.
    pub deadline: Timestamp,
    /// The branch that replaced it.
    pub replaced_by: Option<u32>,
}

/// An authority of a lineage before its newest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EarlierAuthority {
    /// When it was published.
    pub published: Window,
    /// When it was made by its issuer's clock, where it says so.
    pub issued_at: Option<Timestamp>,
    /// How long it lives, where that is known.
    pub lifetime: Option<Duration>,
    /// How long it may live, where it does not say so itself.
    pub possible_lifetimes: Vec<Duration>,
}

/// When a lineage's next authority may be due if an authority that it and another lineage could have gone
/// on by was the other's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AlternativeDate {
    /// When it would be due.
    pub date: Window,
    /// The other lineage's authority that it would follow; `None` where it would follow its own.
    pub after: Option<EarlierAuthority>,
}

/// One chain of authorities: a lineage, or a branch that may become one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Lineage {
    /// Its number in the trust domain, from 1, never used twice.
    pub number: u32,
    /// What its authorities sign.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What it is.
    pub kind: LineageKind,
    /// Its newest authority; `None` while only its existence is known, from a baseline.
    pub newest: Option<AuthorityId>,
    /// When that was published; the baseline itself where there is none.
    pub published: Window,
    /// When that was made by its issuer's clock, where it says so.
    pub issued_at: Option<Timestamp>,
    /// How long that lives, where that is known.
    pub lifetime: Option<Duration>,
    /// How long that may live, where it does not say so itself: by every authority that stood
    /// beside it, shortest first.
    pub possible_lifetimes: Vec<Duration>,
    /// The authority before it.
    pub earlier: Option<EarlierAuthority>,
    /// What it was alternative dates for: while `ca_ttl` changes, which is whose cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_dates: Vec<AlternativeDate>,
    /// The date that its newest authority met, as far as another could have met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<Window>,
    /// The date that passed without a publication.
    pub missed: Option<MissedDate>,
    /// Until when its dates are held by an authority that only its lifetime contradicts.
    pub deadline_extension: Option<(AuthorityId, Timestamp)>,
}

impl Lineage {
    /// Whether it goes on, or may.
    pub fn is_active(&self) -> bool {
        self.kind != LineageKind::Ended
    }

    /// Whether it is a lineage.
    pub fn is_established(&self) -> bool {
        self.kind == LineageKind::Established
    }

    /// Whether it is a branch that covers nothing.
    pub fn is_unassigned_branch(&self) -> bool {
        self.kind == LineageKind::Branch { covers: None }
    }

    /// Whether it missed a date that nothing replaced.
    pub fn is_overdue(&self) -> bool {
        self.is_established() && self.missed.is_some_and(|missed| missed.replaced_by.is_none())
    }

    /// Whether only its existence is known.
    pub fn is_undated(&self) -> bool {
        self.newest.is_none()
    }

    /// Whether it is sure to have the same dates as another: the branches that the keys of one poll
    /// open do, and so do lineages of which a first bundle shows only the existence.
    fn is_dated_as(&self, other: &Self) -> bool {
        let plain = |one: &Self| {
            one.earlier.is_none()
                && one.alternative_dates.is_empty()
                && one.deadline_extension.is_none()
        };
        let dates = |one: &Self| (one.is_undated(), one.published, one.issued_at, one.lifetime);
        plain(self)
            && plain(other)
            && dates(self) == dates(other)
            && self.possible_lifetimes == other.possible_lifetimes
    }

    /// When its next authority may be published, by each lifetime that it may have. Empty where no
    /// lifetime is known, or where only its existence is.
    pub(super) fn dates(&self, schedule: &ScheduleParameters) -> Vec<Window> {
        let mut dates: Vec<Window> = Vec::new();
        for date in self.dates_by(self.by_our_clock(), schedule) {
            if !dates.contains(&date) {
                dates.push(date);
            }
        }
        dates.sort_by_key(|date| date.from);
        dates
    }

    /// The same by one clock, in no order, and some more than once. Each publication of a flood asks each
    /// lineage, so nothing is allocated here.
    fn dates_by<'a>(
        &'a self,
        clock: Dated,
        schedule: &'a ScheduleParameters,
    ) -> impl Iterator<Item = Window> + 'a {
        let alternative_dates =
            self.alternative_dates.iter().map(|alternative_dates| alternative_dates.date);
        self.own_dates(clock, schedule).chain(alternative_dates)
    }

    /// When its next authority may be published if all of its authorities are its own.
    fn own_dates<'a>(
        &'a self,
        clock: Dated,
        schedule: &'a ScheduleParameters,
    ) -> impl Iterator<Item = Window> + 'a {
        let (interval, possible_lifetimes) = match schedule.interval {
            _ if self.is_undated() => (None, &[][..]),
            Some(interval) => (Some(interval), &[][..]),
            None => (None, plausible(self.lifetime.as_ref(), &self.possible_lifetimes, schedule)),
        };
        let by_lives = possible_lifetimes.iter().flat_map(move |lifetime| {
            let period = clock.newest.later(spire::period(*lifetime));
            let earlier = self.earlier.as_ref().zip(clock.earlier);
            let turns = earlier.map(|(earlier, published)| {
                // SPIRE prepares the next key only once this one signs: never before the end of its
                // predecessor's turn (`ca/rotator/rotator.go`).
                let end =
                    move |lifetime: &Duration| period.latest(published.later(turn(*lifetime)));
                plausible(earlier.lifetime.as_ref(), &earlier.possible_lifetimes, schedule)
                    .iter()
                    .map(end)
            });
            let alone = earlier.is_none().then_some(period);
            alone.into_iter().chain(turns.into_iter().flatten())
        });
        interval.map(|interval| clock.newest.later(interval)).into_iter().chain(by_lives)
    }

    /// When its authorities were published by the monitor's clock.
    fn by_our_clock(&self) -> Dated {
        let earlier = self.earlier.as_ref().map(|earlier| earlier.published);
        Dated { newest: self.published, earlier }
    }

    /// The same by their issuer's clock, where they say so.
    fn by_own_clock(&self) -> Option<Dated> {
        let newest = Window::point(self.issued_at?);
        let earlier = match &self.earlier {
            None => None,
            Some(earlier) => Some(Window::point(earlier.issued_at?)),
        };
        Some(Dated { newest, earlier })
    }

    /// The other lineage's authority that a publication on this date follows, where the date is only the
    /// other's.
    pub(super) fn followed(
        &self,
        date: Window,
        schedule: &ScheduleParameters,
    ) -> Option<EarlierAuthority> {
        if self.own_dates(self.by_our_clock(), schedule).any(|own| own == date) {
            return None;
        }
        let alternative_dates =
            self.alternative_dates.iter().find(|alternative_dates| alternative_dates.date == date);
        alternative_dates.and_then(|alternative_dates| alternative_dates.after.clone())
    }

    /// As it would be, had its newest authority come after this one and not after its own.
    pub(super) fn after(&self, earlier: Option<EarlierAuthority>) -> Self {
        Self { earlier, alternative_dates: Vec::new(), ..self.clone() }
    }

    /// Its newest authority, as the one before the next.
    pub(super) fn newest_as_earlier(&self) -> Option<EarlierAuthority> {
        let Self { published, issued_at, lifetime, .. } = *self;
        self.newest.map(|_| EarlierAuthority {
            published,
            issued_at,
            lifetime,
            possible_lifetimes: self.possible_lifetimes.clone(),
        })
    }

    /// Takes in dates that it has if it was alternative dates for another lineage.
    pub(super) fn add_alternative_dates(
        &mut self,
        dates: impl IntoIterator<Item = Window>,
        after: Option<&EarlierAuthority>,
    ) {
        for date in dates {
            let known = self
                .alternative_dates
                .iter()
                .any(|alternative_dates| alternative_dates.date == date);
            if self.alternative_dates.len() < MAX_ALTERNATIVE_DATES && !known {
                self.alternative_dates.push(AlternativeDate { date, after: after.cloned() });
            }
        }
    }

    /// When its next authority is due at the latest, and until when that is on time.
    pub(super) fn due(&self, schedule: &ScheduleParameters) -> Option<(Window, Timestamp)> {
        #[cfg(test)]
        crate::watch::work::DEADLINES.add();
        let period = schedule.period(self.lifetime)?;
        if self.is_undated() {
            // A baseline's JWT lineage has a publication within a period of it, whenever.
            let date =
                Window::new(self.published.until, self.published.until.saturating_add(period));
            return Some((date, date.until.saturating_add(schedule.tolerance(period))));
        }
        let dates = self.dates_by(self.by_our_clock(), schedule);
        let date = dates.max_by_key(|date| (date.until, date.from))?;
        let deadline = date.until.saturating_add(schedule.tolerance(period));
        let held = self
            .deadline_extension
            .map(|(_, until)| until.saturating_add(schedule.tolerance(period)));
        Some((date, held.map_or(deadline, |held| held.max(deadline))))
    }

    /// The date that a publication meets, of those that it may have: by the monitor's clock, or by the
    /// issuer's own, which may be off by as much as clocks may differ.
    pub(super) fn meets(
        &self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Option<Window> {
        #[cfg(test)]
        crate::watch::work::LINES.add();
        let own = || {
            let own = self.by_own_clock()?;
            self.met_by(Window::point(publication.issued_at?), own, schedule)
        };
        self.met_by(publication.published, self.by_our_clock(), schedule).or_else(own)
    }

    /// The date that a publication within `when` meets by one clock.
    fn met_by(&self, when: Window, clock: Dated, schedule: &ScheduleParameters) -> Option<Window> {
        let period = schedule.period(self.lifetime)?;
        let tolerance = schedule.tolerance(period);
        let early = schedule.early;
        let meets = |date: &Window| date.widened(early, tolerance).meets(when);
        let dates = || self.dates_by(clock, schedule);
        if let Some(found) = dates().filter(meets).min_by_key(|date| date.from) {
            return Some(found);
        }
        // While the watch was away for longer than a key lives, whole generations may have come and
        // gone, each with its own slack.
        if !schedule.away {
            return None;
        }
        let generations = dates().min_by_key(|date| date.from)?.until;
        let passed =
            when.until.since(generations)?.as_secs().checked_div(period.as_secs().max(1))?;
        let passed = u32::try_from(passed).ok()?;
        let slack = tolerance.saturating_mul(passed.saturating_add(1)).min(period / 4);
        let near = |date: &Window| date.widened(early, slack.max(tolerance)).meets(when);
        [passed, passed.saturating_add(1)].into_iter().find_map(|count| {
            let skipped = dates().map(|date| date.later(period * count));
            skipped.filter(near).min_by_key(|date| date.from)
        })
    }

    /// A publication on one of its dates: its newest authority is this one from now on.
    pub(super) fn extend(
        &mut self,
        publication: &Publication,
        published: Window,
    ) -> Option<AuthorityId> {
        let before = self.newest.replace(publication.authority);
        let Self { published: since, issued_at, lifetime, .. } = *self;
        let possible_lifetimes = std::mem::take(&mut self.possible_lifetimes);
        self.earlier = before.map(|_| EarlierAuthority {
            published: since,
            issued_at,
            lifetime,
            possible_lifetimes,
        });
        self.published = published;
        self.issued_at = publication.issued_at;
        self.lifetime = publication.lifetime;
        self.missed = None;
        self.deadline_extension = None;
        self.alternative_dates.clear();
        before
    }
}

/// What follows from the dates of each lineage. It is derived once for lineages side by side that have
/// the same: a flood of keys opens hundreds of those.
pub(super) fn derive_by_dates<'a, T: Copy + 'a>(
    lineages: impl Iterator<Item = &'a Lineage>,
    derive: impl Fn(&Lineage) -> T,
) -> impl Iterator<Item = (&'a Lineage, T)> {
    let mut before: Option<(&Lineage, T)> = None;
    lineages.map(move |lineage| {
        let same = before.filter(|(known, _)| lineage.is_dated_as(known));
        let derived = same.map_or_else(|| derive(lineage), |(_, derived)| derived);
        before = Some((lineage, derived));
        (lineage, derived)
    })
}

/// How many dates of another lineage are kept.
const MAX_ALTERNATIVE_DATES: usize = 8;

/// When a lineage's authorities were published, by one clock.
#[derive(Clone, Copy, Debug)]
struct Dated {
    newest: Window,
    earlier: Option<Window>,
}

/// The lives that an authority may have.
fn plausible<'a>(
    lifetime: Option<&'a Duration>,
    possible_lifetimes: &'a [Duration],
    schedule: &'a ScheduleParameters,
) -> &'a [Duration] {
    match lifetime {
        Some(lifetime) => std::slice::from_ref(lifetime),
        None if possible_lifetimes.is_empty() => &schedule.possible_lifetimes,
        None => possible_lifetimes,
    }
}

/// L − A: from a key's publication to its successor's first signature.
fn turn(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(spire::activation(lifetime))
}
