//! The first JWT publications after a baseline, whose dates are known only loosely.
//!
//! A JWT key carries no date. What is known is that each server publishes one in the first period, some
//! time after a date of its X.509 sibling (docs/rotation-model.md#baseline). Publications are matched to
//! these dates by count: as long as each can have a date of its own, none is surplus.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::published::Publication;
use super::schedule_parameters::ScheduleParameters;
use crate::bundle::AuthorityId;
use crate::time::{Timestamp, Window};

/// When the JWT lineages of a baseline publish for the first time, until each has.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct FirstDates {
    /// One for each lineage.
    pub dates: Vec<FirstDate>,
    /// How many may publish after the last date of their siblings: the first bundle lacks their keys.
    pub pending: usize,
    /// Whether keys live so shortly that drift may have gone round: windows then bound nothing.
    pub are_loose: bool,
    /// When a publication found each date taken: another at that time does, too.
    pub full: Option<Window>,
}

/// When one JWT lineage publishes for the first time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FirstDate {
    /// The last date of the X.509 sibling before the baseline. Its next is one period later.
    pub sibling: Window,
    /// From one publication to the next.
    pub period: Duration,
    /// The publication that has the date.
    pub taken: Option<FirstPublication>,
}

/// A publication that has a first date.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FirstPublication {
    /// The key.
    pub authority: AuthorityId,
    /// When it was published.
    pub published: Window,
    /// Whether that was close after the date of a sibling.
    pub is_close: bool,
    /// Whether it can only belong to the last date of a sibling.
    pub is_pending: bool,
    /// Whether another key came that could have the date as well.
    pub is_doubted: bool,
}

/// How far from a sibling's date a publication may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reach {
    /// So close that the date explains it.
    Close,
    /// As far as chains are apart after months of drift.
    Window,
    /// Anywhere in the first period.
    Anywhere,
}

/// How a publication fits the first dates.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FirstFit {
    /// It has one, so far after this date of a sibling that it may be another key.
    Window(Timestamp),
    /// It has one, for drift may have gone round.
    Drift,
    /// Each that it could have is taken: it is one too many.
    Surplus(Surplus),
    /// There is none at that time.
    None,
}

/// A publication is one too many for the dates that it could have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Surplus {
    /// Those that have the dates.
    pub(super) with: Vec<AuthorityId>,
    /// Which of them may be the surplus one as well, and were not doubted before.
    pub(super) doubted: Vec<AuthorityId>,
}

impl FirstDates {
    /// How many of those that have the dates are named in evidence.
    pub(super) const NAMED: usize = 8;
    /// For how many servers publications are moved from date to date.
    const MOVED: usize = 64;
    /// Drift of 7 s every 12 h takes weeks to go round.
    const LONG: Duration = Duration::from_hours(12);
    /// How long after a sibling's date a publication is explained by it: drift is slow
    /// (docs/rotation-model.md#measured-behaviour).
    const CLOSE: Duration = Duration::from_mins(15);

    /// Whether drift may have gone round where keys live so long.
    pub(super) fn may_have_gone_round(lifetime: Duration) -> bool {
        lifetime < Self::LONG
    }

    /// How far the chains of one server may have drifted apart.
    pub(super) fn longest_drift(period: Duration, are_loose: bool) -> Duration {
        if are_loose { period } else { period / 4 }
    }

    /// Gives a publication a date that explains it; `false` where none does.
    pub(super) fn take_close(
        &mut self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> bool {
        self.take(publication, Reach::Close, schedule).is_ok_and(|taken| taken.is_some())
    }

    /// Gives a publication a date that may be its own, where there is one.
    pub(super) fn take_any(
        &mut self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> FirstFit {
        let when = publication.published;
        let widest = if self.are_loose { Reach::Anywhere } else { Reach::Window };
        if self.full == Some(when) {
            let places = self.within(when, widest, schedule);
            return FirstFit::Surplus(self.surplus(&places));
        }
        let mut taken = self.take(publication, Reach::Window, schedule);
        if let Ok(Some(place)) = taken
            && let Some(date) = self.dates.get(place)
        {
            let next = date.is_next(when, schedule).then(|| date.sibling.later(date.period));
            return FirstFit::Window(next.unwrap_or(date.sibling).from);
        }
        if self.are_loose {
            taken = self.take(publication, widest, schedule);
        }
        match taken {
            Ok(Some(_)) => FirstFit::Drift,
            Ok(None) => FirstFit::None,
            Err(places) => {
                self.full = Some(when);
                FirstFit::Surplus(self.surplus(&places))
            }
        }
    }

    /// A key is no publication of a lineage after all: its date is free again.
    pub(super) fn release(&mut self, authority: AuthorityId) {
        for date in &mut self.dates {
            date.taken.take_if(|taken| taken.authority == authority);
        }
        self.full = None;
    }

    /// A key close after its sibling's date is doubted only where it is the only one that stands against
    /// the surplus one.
    fn surplus(&mut self, places: &[usize]) -> Surplus {
        let mut surplus = Surplus { with: Vec::new(), doubted: Vec::new() };
        for place in places {
            let date = self.dates.get_mut(*place);
            let Some(taken) = date.and_then(|date| date.taken.as_mut()) else { continue };
            surplus.with.push(taken.authority);
            if (places.len() == 1 || !taken.is_close) && !taken.is_doubted {
                taken.is_doubted = true;
                surplus.doubted.push(taken.authority);
            }
        }
        surplus
    }

    /// Gives a publication a date within reach, moving others to dates that may be theirs as well.
    /// `Ok(None)` where none is within reach, and the dates within reach where all are taken.
    fn take(
        &mut self,
        publication: &Publication,
        reach: Reach,
        schedule: &ScheduleParameters,
    ) -> Result<Option<usize>, Vec<usize>> {
        let when = publication.published;
        let pending_left = self.has_pending_left();
        let new = |dates: &[FirstDate]| FirstPublication {
            authority: publication.authority,
            published: when,
            is_close: reach == Reach::Close,
            is_pending: reach != Reach::Anywhere
                && !dates.iter().any(|date| date.is_next(when, schedule)),
            is_doubted: false,
        };
        let free = self.dates.iter().position(|date| {
            date.taken.is_none() && date.is_within(when, reach, pending_left, schedule)
        });
        if let Some(place) = free {
            let new = new(&self.dates);
            return Ok(self.move_along(&[], place, new));
        }
        let near = self.within(when, reach, schedule);
        if near.is_empty() {
            return Ok(None);
        }
        if Self::MOVED < self.dates.len() {
            return Err(near);
        }
        // Breadth first: a date whose publication has another date that is free, and so on. The first of
        // such a way is before itself.
        let mut before: Vec<Option<usize>> = vec![None; self.dates.len()];
        let mut queue: VecDeque<usize> = VecDeque::new();
        for place in &near {
            reached(&mut before, &mut queue, *place, *place);
        }
        while let Some(place) = queue.pop_front() {
            let Some(taken) = self.dates.get(place).and_then(|date| date.taken.as_ref()) else {
                let new = new(&self.dates);
                return Ok(self.move_along(&before, place, new));
            };
            let reach = if self.are_loose { Reach::Anywhere } else { Reach::Window };
            for other in self.places(|date| date.is_within(taken.published, reach, true, schedule))
            {
                reached(&mut before, &mut queue, other, place);
            }
        }
        Err(near)
    }

    /// Whether a key may still come after the last date of a sibling.
    fn has_pending_left(&self) -> bool {
        let taken = self.dates.iter().filter_map(|date| date.taken.as_ref());
        taken.filter(|taken| taken.is_pending).count() < self.pending
    }

    /// The dates that are within reach of a new publication.
    fn within(&self, when: Window, reach: Reach, schedule: &ScheduleParameters) -> Vec<usize> {
        let pending_left = self.has_pending_left();
        self.places(|date| date.is_within(when, reach, pending_left, schedule)).collect()
    }

    fn places(&self, which: impl Fn(&FirstDate) -> bool) -> impl Iterator<Item = usize> {
        self.dates.iter().enumerate().filter(move |(_, date)| which(date)).map(|(place, _)| place)
    }

    /// Moves each publication on the way to a free date one date on, and returns the date that the new
    /// one has.
    fn move_along(
        &mut self,
        before: &[Option<usize>],
        free: usize,
        new: FirstPublication,
    ) -> Option<usize> {
        let mut place = free;
        while let Some(Some(from)) = before.get(place)
            && *from != place
        {
            let moved = self.dates.get_mut(*from).and_then(|date| date.taken.take());
            if let Some(date) = self.dates.get_mut(place) {
                date.taken = moved;
            }
            place = *from;
        }
        self.dates.get_mut(place)?.taken = Some(new);
        Some(place)
    }
}

/// A date is reached from this one.
fn reached(before: &mut [Option<usize>], queue: &mut VecDeque<usize>, place: usize, from: usize) {
    if let Some(known) = before.get_mut(place)
        && known.is_none()
    {
        *known = Some(from);
        queue.push_back(place);
    }
}

impl FirstDate {
    /// Whether a publication within `when` is within reach of one of the sibling's dates. Its last
    /// counts only where a key may still come after it.
    fn is_within(
        &self,
        when: Window,
        reach: Reach,
        pending: bool,
        schedule: &ScheduleParameters,
    ) -> bool {
        let around = |date: Window| self.around(date, reach, schedule).meets(when);
        reach == Reach::Anywhere
            || around(self.sibling.later(self.period))
            || (pending && around(self.sibling))
    }

    /// Whether it may come after the sibling's next date.
    fn is_next(&self, when: Window, schedule: &ScheduleParameters) -> bool {
        self.around(self.sibling.later(self.period), Reach::Window, schedule).meets(when)
    }

    fn around(&self, date: Window, reach: Reach, schedule: &ScheduleParameters) -> Window {
        #[cfg(test)]
        crate::watch::work::WINDOWS.add();
        // The dates are the issuer's clock's, the publications the monitor's.
        let skew = schedule.skew.min(self.period / 4);
        if reach == Reach::Close {
            let close = schedule.slack.max(FirstDates::CLOSE.min(self.period / 16));
            return date.widened(skew, close);
        }
        let tolerance = schedule.tolerance(self.period);
        let later = (self.period / 4).saturating_add(tolerance);
        date.widened(skew.saturating_add(schedule.early), later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Fingerprint, SvidType};

    const HOUR: Duration = Duration::from_hours(1);

    fn at(minutes: i64) -> Window {
        Window::point(Timestamp::from_unix(1_800_000_000 + 60 * minutes))
    }

    /// Servers whose X.509 authorities are due so many minutes from now.
    fn dates(due: &[i64], pending: usize) -> FirstDates {
        let date = |due: &i64| FirstDate { sibling: at(due - 720), period: 12 * HOUR, taken: None };
        let dates = due.iter().map(date).collect();
        FirstDates { dates, pending, ..FirstDates::default() }
    }

    fn key(minutes: i64) -> Publication {
        let fingerprint = Fingerprint::of(&minutes.to_be_bytes());
        let authority = AuthorityId { svid_type: SvidType::Jwt, fingerprint };
        Publication { authority, published: at(minutes), issued_at: None, lifetime: None }
    }

    #[test]
    fn a_key_moves_to_another_date_that_may_be_its_own() {
        let schedule = ScheduleParameters::default();
        // The second server's date comes first in the list, and both windows are open after 2 h.
        let mut first = dates(&[120, 0], 0);
        assert_eq!(first.take_any(&key(150), &schedule), FirstFit::Window(at(120).from));
        assert_eq!(first.take_any(&key(270), &schedule), FirstFit::Window(at(120).from));
        let FirstFit::Surplus(surplus) = first.take_any(&key(165), &schedule) else { panic!() };
        assert_eq!(
            surplus.doubted.len(),
            2,
            "both windows are open, and either may be the surplus"
        );
        assert_eq!(first.take_any(&key(360), &schedule), FirstFit::None, "no window is open");
        first.release(key(270).authority);
        assert_eq!(first.take_any(&key(285), &schedule), FirstFit::Window(at(120).from));
    }

    #[test]
    fn as_many_keys_may_come_after_last_dates_as_the_first_bundle_lacks() {
        let schedule = ScheduleParameters::default();
        // Both windows after the last dates are open for two hours yet.
        let mut first = dates(&[660, 690], 1);
        assert!(matches!(first.take_any(&key(60), &schedule), FirstFit::Window(_)));
        assert_eq!(first.take_any(&key(90), &schedule), FirstFit::None);
        let mut closed = dates(&[660, 690], 0);
        assert_eq!(closed.take_any(&key(60), &schedule), FirstFit::None);
    }

    #[test]
    fn keys_that_live_shortly_may_come_at_any_time_and_no_more_than_there_are_servers() {
        let schedule = ScheduleParameters::default();
        let mut first = FirstDates { are_loose: true, ..dates(&[120, 0], 0) };
        assert_eq!(first.take_any(&key(480), &schedule), FirstFit::Drift);
        assert!(matches!(first.take_any(&key(30), &schedule), FirstFit::Window(_)));
        assert!(matches!(first.take_any(&key(540), &schedule), FirstFit::Surplus(_)));
    }
}
