//! One chain of authorities, and when its next one is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Clockwork;
use super::claim::Birth;
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};
use crate::watch::spire;

/// What a line is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// The chain of one issuer replica.
    Lineage,
    /// What an unscheduled birth opened: a restart, a new replica, or a planted key.
    Branch {
        /// The lineage whose missed date counts as replaced by it.
        covers: Option<u32>,
    },
    /// It has ended: replaced, retired, or its own date passed empty.
    Ended,
}

/// A date that passed without a birth.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Missed {
    /// When the birth was due.
    pub date: Window,
    /// Until when it would have been on time.
    pub deadline: Timestamp,
    /// The branch that replaced it.
    pub replaced_by: Option<u32>,
}

/// An authority of a line before its newest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Earlier {
    /// When it was published.
    pub published: Window,
    /// When it was made by its issuer's clock, where it says so.
    pub made: Option<Timestamp>,
    /// How long it lives, where that is known.
    pub life: Option<Duration>,
    /// How long it may live, where it does not say so itself.
    pub lives: Vec<Duration>,
}

/// When a line's next authority may be due if an authority that it and another line could have gone
/// on by was the other's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Mistaken {
    /// When it would be due.
    pub date: Window,
    /// The other line's authority that it would follow; `None` where it would follow its own.
    pub after: Option<Earlier>,
}

/// One chain of authorities: a lineage, or a branch that may become one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Line {
    /// Its number in the trust domain, from 1, never used twice.
    pub number: u32,
    /// What its authorities sign.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What it is.
    pub kind: LineKind,
    /// Its newest authority; `None` while only its existence is known, from a baseline.
    pub newest: Option<AuthorityId>,
    /// When that was published; the baseline itself where there is none.
    pub published: Window,
    /// When that was made by its issuer's clock, where it says so.
    pub made: Option<Timestamp>,
    /// How long that lives, where that is known.
    pub life: Option<Duration>,
    /// How long that may live, where it does not say so itself: by every authority that stood
    /// beside it, shortest first.
    pub lives: Vec<Duration>,
    /// The authority before it.
    pub earlier: Option<Earlier>,
    /// What it was mistaken for: while `ca_ttl` changes, which is whose cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistaken: Vec<Mistaken>,
    /// The date that passed without a birth.
    pub missed: Option<Missed>,
    /// Until when its dates are held by an authority that only its lifetime contradicts.
    pub held: Option<(AuthorityId, Timestamp)>,
}

impl Line {
    /// Whether it goes on, or may.
    pub fn lives(&self) -> bool {
        self.kind != LineKind::Ended
    }

    /// Whether it is a lineage.
    pub fn is_lineage(&self) -> bool {
        self.kind == LineKind::Lineage
    }

    /// Whether it is a branch that covers nothing.
    pub fn is_free_branch(&self) -> bool {
        self.kind == LineKind::Branch { covers: None }
    }

    /// Whether it missed a date that nothing replaced.
    pub fn is_overdue(&self) -> bool {
        self.is_lineage() && self.missed.is_some_and(|missed| missed.replaced_by.is_none())
    }

    /// Whether only its existence is known.
    pub fn is_loose(&self) -> bool {
        self.newest.is_none()
    }

    /// When its next authority may be published, by each lifetime that it may have. Empty where no
    /// lifetime is known, or where only its existence is.
    pub(super) fn dates(&self, clockwork: &Clockwork) -> Vec<Window> {
        let mut dates: Vec<Window> = Vec::new();
        for date in self.dates_by(self.by_our_clock(), clockwork) {
            if !dates.contains(&date) {
                dates.push(date);
            }
        }
        dates.sort_by_key(|date| date.from);
        dates
    }

    /// The same by one clock, in no order, and some more than once. Each birth of a flood asks each
    /// line, so nothing is allocated here.
    fn dates_by<'a>(
        &'a self,
        clock: Dated,
        clockwork: &'a Clockwork,
    ) -> impl Iterator<Item = Window> + 'a {
        let mistaken = self.mistaken.iter().map(|mistaken| mistaken.date);
        self.own_dates(clock, clockwork).chain(mistaken)
    }

    /// When its next authority may be published if all of its authorities are its own.
    fn own_dates<'a>(
        &'a self,
        clock: Dated,
        clockwork: &'a Clockwork,
    ) -> impl Iterator<Item = Window> + 'a {
        let (interval, lives) = match clockwork.interval {
            _ if self.is_loose() => (None, &[][..]),
            Some(interval) => (Some(interval), &[][..]),
            None => (None, plausible(self.life.as_ref(), &self.lives, clockwork)),
        };
        let by_lives = lives.iter().flat_map(move |life| {
            let period = clock.newest.later(spire::period(*life));
            let earlier = self.earlier.as_ref().zip(clock.earlier);
            let turns = earlier.map(|(earlier, published)| {
                // SPIRE prepares the next key only once this one signs: never before the end of its
                // predecessor's turn (`ca/rotator/rotator.go`).
                let end = move |life: &Duration| period.latest(published.later(turn(*life)));
                plausible(earlier.life.as_ref(), &earlier.lives, clockwork).iter().map(end)
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
        let newest = Window::point(self.made?);
        let earlier = match &self.earlier {
            None => None,
            Some(earlier) => Some(Window::point(earlier.made?)),
        };
        Some(Dated { newest, earlier })
    }

    /// The other line's authority that a birth on this date follows, where the date is only the
    /// other's.
    pub(super) fn followed(&self, date: Window, clockwork: &Clockwork) -> Option<Earlier> {
        if self.own_dates(self.by_our_clock(), clockwork).any(|own| own == date) {
            return None;
        }
        let mistaken = self.mistaken.iter().find(|mistaken| mistaken.date == date);
        mistaken.and_then(|mistaken| mistaken.after.clone())
    }

    /// As it would be, had its newest authority come after this one and not after its own.
    pub(super) fn after(&self, earlier: Option<Earlier>) -> Self {
        Self { earlier, mistaken: Vec::new(), ..self.clone() }
    }

    /// Its newest authority, as the one before the next.
    pub(super) fn newest_as_earlier(&self) -> Option<Earlier> {
        let Self { published, made, life, .. } = *self;
        self.newest.map(|_| Earlier { published, made, life, lives: self.lives.clone() })
    }

    /// Takes in dates that it has if it was mistaken for another line.
    pub(super) fn mistake(
        &mut self,
        dates: impl IntoIterator<Item = Window>,
        after: Option<&Earlier>,
    ) {
        for date in dates {
            let known = self.mistaken.iter().any(|mistaken| mistaken.date == date);
            if self.mistaken.len() < MOST_MISTAKEN && !known {
                self.mistaken.push(Mistaken { date, after: after.cloned() });
            }
        }
    }

    /// When its next authority is due at the latest, and until when that is on time.
    pub(super) fn due(&self, clockwork: &Clockwork) -> Option<(Window, Timestamp)> {
        let period = clockwork.period(self.life)?;
        if self.is_loose() {
            // A baseline's JWT lineage has a birth within a period of it, whenever.
            let date =
                Window::new(self.published.until, self.published.until.saturating_add(period));
            return Some((date, date.until.saturating_add(clockwork.tolerance(period))));
        }
        let dates = self.dates_by(self.by_our_clock(), clockwork);
        let date = dates.max_by_key(|date| (date.until, date.from))?;
        let deadline = date.until.saturating_add(clockwork.tolerance(period));
        let held = self.held.map(|(_, until)| until.saturating_add(clockwork.tolerance(period)));
        Some((date, held.map_or(deadline, |held| held.max(deadline))))
    }

    /// The date that a birth meets, of those that it may have: by the monitor's clock, or by the
    /// issuer's own, which may be off by as much as clocks may differ.
    pub(super) fn meets(&self, birth: &Birth, clockwork: &Clockwork) -> Option<Window> {
        #[cfg(test)]
        crate::watch::work::LINES.add();
        let own = || {
            let own = self.by_own_clock()?;
            self.met_by(Window::point(birth.made?), own, clockwork)
        };
        self.met_by(birth.published, self.by_our_clock(), clockwork).or_else(own)
    }

    /// The date that a birth within `born` meets by one clock.
    fn met_by(&self, born: Window, clock: Dated, clockwork: &Clockwork) -> Option<Window> {
        let period = clockwork.period(self.life)?;
        let tolerance = clockwork.tolerance(period);
        let early = clockwork.early;
        let meets = |date: &Window| date.widened(early, tolerance).meets(born);
        if self.is_loose() {
            let since = clock.newest.until;
            let until = since.saturating_add(period).saturating_add(tolerance);
            let within = Window::new(since, until);
            let windows = &clockwork.windows;
            return windows
                .iter()
                .inspect(|_| {
                    #[cfg(test)]
                    crate::watch::work::WINDOWS.add();
                })
                .filter(|date| date.meets(within))
                .find(|date| meets(date))
                .copied();
        }
        let dates = || self.dates_by(clock, clockwork);
        if let Some(found) = dates().filter(meets).min_by_key(|date| date.from) {
            return Some(found);
        }
        // While the watch was away for longer than a key lives, whole generations may have come and
        // gone, each with its own slack.
        if !clockwork.away {
            return None;
        }
        let generations = dates().min_by_key(|date| date.from)?.until;
        let passed =
            born.until.since(generations)?.as_secs().checked_div(period.as_secs().max(1))?;
        let passed = u32::try_from(passed).ok()?;
        let slack = tolerance.saturating_mul(passed.saturating_add(1)).min(period / 4);
        let near = |date: &Window| date.widened(early, slack.max(tolerance)).meets(born);
        [passed, passed.saturating_add(1)].into_iter().find_map(|count| {
            let skipped = dates().map(|date| date.later(period * count));
            skipped.filter(near).min_by_key(|date| date.from)
        })
    }

    /// A birth on one of its dates: its newest authority is this one from now on.
    pub(super) fn goes_on(&mut self, birth: &Birth, published: Window) -> Option<AuthorityId> {
        let before = self.newest.replace(birth.authority);
        let Self { published: since, made, life, .. } = *self;
        let lives = std::mem::take(&mut self.lives);
        self.earlier = before.map(|_| Earlier { published: since, made, life, lives });
        self.published = published;
        self.made = birth.made;
        self.life = birth.life;
        self.missed = None;
        self.held = None;
        self.mistaken.clear();
        before
    }
}

/// How many dates of another line are kept.
const MOST_MISTAKEN: usize = 8;

/// When a line's authorities were published, by one clock.
#[derive(Clone, Copy, Debug)]
struct Dated {
    newest: Window,
    earlier: Option<Window>,
}

/// The lives that an authority may have.
fn plausible<'a>(
    life: Option<&'a Duration>,
    lives: &'a [Duration],
    clockwork: &'a Clockwork,
) -> &'a [Duration] {
    match life {
        Some(life) => std::slice::from_ref(life),
        None if lives.is_empty() => &clockwork.lives,
        None => lives,
    }
}

/// L − A: from a key's publication to its successor's first signature.
fn turn(life: Duration) -> Duration {
    life.saturating_sub(spire::activation(life))
}
