//! Which line's date a birth meets.

use std::time::Duration;

use super::clockwork::Clockwork;
use super::{Course, LifeChange, Line, LineKind};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};

/// A birth, as the lines see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    pub(super) authority: AuthorityId,
    /// When it was published: an X.509 authority's own word, where its poll bracket bears it out.
    pub(super) published: Window,
    /// When it was made by its issuer's clock, where that says so within what clocks may differ.
    pub(super) made: Option<Timestamp>,
    /// How long it lives, where it says so.
    pub(super) life: Option<Duration>,
}

/// A line that a birth goes on, and the authority that was its newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimed {
    pub(super) lineage: u32,
    pub(super) predecessor: Option<AuthorityId>,
}

impl Course {
    /// The line whose date this birth meets: the earliest date, lineages before free branches.
    pub(super) fn meets(&self, birth: &Birth, clockwork: &Clockwork) -> Option<(u32, Window)> {
        let svid_type = birth.authority.svid_type;
        let open = self
            .lines
            .iter()
            .filter(|line| line.svid_type == svid_type && line.lives() && line.missed.is_none());
        // Lineages of which only the existence is known are alike, and each would look through every
        // window of the baseline.
        let mut loose = None;
        let meeting = open.filter_map(|line| {
            let date = match loose {
                Some((published, date)) if line.is_loose() && published == line.published => date,
                _ => line.meets(birth, clockwork),
            };
            if line.is_loose() {
                loose = Some((line.published, date));
            }
            let date = date?;
            Some((line.is_free_branch(), date.from, line.number, date))
        });
        let best = meeting.min_by_key(|(free, from, number, _)| (*free, *from, *number))?;
        Some((best.2, best.3))
    }

    /// The birth goes on this line, whose date it meets.
    pub(super) fn claim(
        &mut self,
        number: u32,
        date: Window,
        birth: &Birth,
        clockwork: &Clockwork,
    ) -> Claimed {
        let tolerance =
            clockwork.period(birth.life).map_or(clockwork.slack, |p| clockwork.tolerance(p));
        // Where the watch was away the bracket says little, and the date more.
        let published = birth
            .published
            .common(date.widened(clockwork.early, tolerance))
            .unwrap_or(birth.published);
        let passed = self.just_passed(number, birth, clockwork);
        let before = self.line(number).cloned();
        let rival = self.rival(number, birth, clockwork);
        let followed = before.as_ref().and_then(|line| line.followed(date, clockwork));
        let claimed = self.go_on(number, birth, published, passed);
        // It was the other line's turn: the one before was the other's, too.
        if let Some((followed, line)) = followed.zip(self.line_mut(number)) {
            line.earlier = Some(followed);
        }
        if let (Some(before), Some(rival)) = (before, rival) {
            self.confuse(&before, rival, birth, clockwork);
        }
        claimed
    }

    /// Another lineage that this JWT birth could go on, while keys of several lives stand, and its
    /// date.
    fn rival(&self, but: u32, birth: &Birth, clockwork: &Clockwork) -> Option<(u32, Window)> {
        if birth.authority.svid_type == SvidType::X509 || clockwork.lives.len() < 2 {
            return None;
        }
        let mut others = self
            .lineages(birth.authority.svid_type)
            .filter(|line| line.number != but && !line.is_loose() && line.missed.is_none());
        others.find_map(|line| Some((line.number, line.meets(birth, clockwork)?)))
    }

    /// The birth went on `before`, and could have gone on `rival`: each may be the other from now
    /// on, so each has the dates that the other would have.
    fn confuse(
        &mut self,
        before: &Line,
        (rival, date): (u32, Window),
        birth: &Birth,
        clockwork: &Clockwork,
    ) {
        let Some(other) = self.line(rival) else { return };
        let turn_of = other.followed(date, clockwork).or_else(|| other.newest_as_earlier());
        let remaining: Vec<Window> = before
            .dates(clockwork)
            .into_iter()
            .filter(|date| birth.published.until < date.from)
            .collect();
        if let Some(line) = self.line_mut(before.number) {
            let dates = line.after(turn_of).dates(clockwork);
            line.mistake(dates, None);
        }
        if let Some(line) = self.line_mut(rival) {
            line.mistake(remaining, before.newest_as_earlier().as_ref());
        }
    }

    /// The birth goes on this line, whose date was missed.
    pub(super) fn claim_late(&mut self, number: u32, birth: &Birth) -> Claimed {
        self.go_on(number, birth, birth.published, None)
    }

    /// The lineage whose date passed empty before this birth, and no good poll had been made to
    /// tell.
    fn just_passed(&self, but: u32, birth: &Birth, clockwork: &Clockwork) -> Option<u32> {
        let others = self.lineages(birth.authority.svid_type).filter(|line| line.number != but);
        let waiting = others.filter(|line| line.missed.is_none());
        let due = waiting.filter_map(|line| Some((line.due(clockwork)?.1, line.number)));
        due.filter(|(deadline, _)| *deadline < birth.published.until)
            .min()
            .map(|(_, number)| number)
    }

    /// `passed` is a lineage whose date passed empty, and is not marked as missed yet.
    fn go_on(
        &mut self,
        number: u32,
        birth: &Birth,
        published: Window,
        passed: Option<u32>,
    ) -> Claimed {
        let Some(line) = self.line_mut(number) else {
            return Claimed { lineage: number, predecessor: None };
        };
        let (kind, before, svid_type) = (line.kind, line.life, line.svid_type);
        let mut predecessor = line.goes_on(birth, published);
        if predecessor.is_none() && svid_type == SvidType::Jwt {
            predecessor = self.alone.take();
        }
        let Some(line) = self.line_mut(number) else {
            return Claimed { lineage: number, predecessor };
        };
        if let LineKind::Branch { covers } = kind {
            line.kind = LineKind::Lineage;
            let empty = covers.or_else(|| self.empty_date(svid_type, published.until)).or(passed);
            if let Some(replaced) = empty {
                self.end(replaced);
            }
        }
        if let (Some(from), Some(to)) = (before, birth.life)
            && SAME < from.abs_diff(to)
        {
            let (authority, at) = (birth.authority, published.until);
            self.life_changes.push(LifeChange { authority, at, from, to });
            if MOST_CHANGES < self.life_changes.len() {
                self.life_changes.remove(0);
            }
        }
        Claimed { lineage: number, predecessor }
    }

    /// The lineage of this use whose date passed empty first.
    fn empty_date(&self, svid_type: SvidType, by: Timestamp) -> Option<u32> {
        let overdue = self.lineages(svid_type).filter(|line| line.is_overdue());
        let empty = overdue.filter_map(|line| Some((line.missed?.date.until, line.number)));
        empty.filter(|(date, _)| *date < by).min().map(|(_, number)| number)
    }

    /// The lineage of this use that is overdue the longest.
    pub(super) fn longest_overdue(&self, svid_type: SvidType) -> Option<u32> {
        let overdue = self.lineages(svid_type).filter(|line| line.is_overdue());
        let missed = overdue.filter_map(|line| Some((line.missed?.date.from, line.number)));
        missed.min().map(|(_, number)| number)
    }

    /// Opens a branch for a birth that meets no date.
    pub(super) fn branch(&mut self, birth: &Birth) -> u32 {
        let Birth { authority, published, made, life } = *birth;
        let kind = LineKind::Branch { covers: None };
        let number = self.open(authority.svid_type, kind, Some(authority), published, life);
        if let Some(line) = self.line_mut(number) {
            line.made = made;
        }
        number
    }

    /// After a long absence the last generations stand in the bundle and those before are gone:
    /// the births were the last of their lines, not the first.
    pub(super) fn catch_up(&mut self, claimed: &[u32], until: Timestamp, clockwork: &Clockwork) {
        for line in self.lines.iter_mut().filter(|line| claimed.contains(&line.number)) {
            let Some(period) = clockwork.period(line.life) else { continue };
            let behind = until.since(line.published.until).unwrap_or_default();
            let periods = behind.as_micros().checked_div(period.as_micros().max(1)).unwrap_or(0);
            if line.svid_type != SvidType::X509 && 1 < periods {
                let periods = u32::try_from(periods).unwrap_or(u32::MAX);
                line.published = line.published.later(period.saturating_mul(periods));
                line.earlier = None;
            }
        }
    }
}

/// Two lives that differ by less are one: certificates end on whole seconds.
const SAME: Duration = Duration::from_secs(15);
/// How many changes of lifetime are kept.
const MOST_CHANGES: usize = 8;
