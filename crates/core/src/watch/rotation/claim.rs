//! Which lineage's date a publication meets.

use std::time::Duration;

use super::first_dates::{FirstDates, FirstFit};
use super::lineage::derive_by_dates;
use super::published::{Fit, Outcome, Publication};
use super::schedule_parameters::ScheduleParameters;
use super::{LifetimeChange, Lineage, LineageKind, RotationModel};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};
use crate::watch::{FirstDateFit, Standing};

/// A lineage that a publication goes on, and the authority that was its newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension {
    pub(super) lineage: u32,
    pub(super) predecessor: Option<AuthorityId>,
    /// Whether the publication could have gone on another lineage as well.
    pub(super) is_ambiguous: bool,
}

impl RotationModel {
    /// The lineage whose date this publication meets: the earliest date, lineages before free branches.
    pub(super) fn meets(
        &self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Option<(u32, Window)> {
        let svid_type = publication.authority.svid_type;
        let open = self.lineages.iter().filter(|lineage| {
            lineage.svid_type == svid_type && lineage.is_active() && lineage.missed.is_none()
        });
        let met = derive_by_dates(open, |lineage| lineage.meets(publication, schedule));
        let meeting = met.filter_map(|(lineage, date)| {
            let date = date?;
            Some((lineage.is_unassigned_branch(), date.from, lineage.number, date))
        });
        let best = meeting.min_by_key(|(free, from, number, _)| (*free, *from, *number))?;
        Some((best.2, best.3))
    }

    /// The publication goes on a lineage: on the one whose date it meets, or on one that a baseline shows
    /// and that publishes for the first time then.
    pub(super) fn claim_any(
        &mut self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Option<Extension> {
        if let Some((number, date)) = self.meets(publication, schedule) {
            return Some(self.claim(number, date, publication, schedule));
        }
        if !self.may_be_first(publication, schedule) {
            return None;
        }
        let number = self.waiting_first(publication.authority.svid_type)?;
        let explained = self.first_dates.take_close(publication, schedule);
        explained.then(|| self.extend_lineage(number, publication, publication.published, None))
    }

    /// A lineage of this use that has not published since the baseline.
    fn waiting_first(&self, svid_type: SvidType) -> Option<u32> {
        let mut waiting = self.established(svid_type);
        waiting.find(|one| one.is_undated() && one.missed.is_none()).map(|one| one.number)
    }

    /// Whether a lineage that a baseline shows may publish for the first time then.
    fn may_be_first(&self, publication: &Publication, schedule: &ScheduleParameters) -> bool {
        let first = self.first_period(schedule);
        publication.authority.svid_type == SvidType::Jwt
            && first.is_some_and(|first| first.meets(publication.published))
    }

    /// What the first dates of a baseline's lineages make of a publication that none of them explains.
    /// Where it is one too many, `doubted` has those that may be the surplus one as well.
    pub(super) fn first_date(
        &mut self,
        publication: &Publication,
        schedule: &ScheduleParameters,
        doubted: &mut Vec<Outcome>,
    ) -> Fit {
        if !self.may_be_first(publication, schedule) {
            return Fit::NONE;
        }
        let surplus = match self.first_dates.take_any(publication, schedule) {
            FirstFit::None => return Fit::NONE,
            FirstFit::Drift => return Fit { first: FirstDateFit::Drift, ..Fit::NONE },
            FirstFit::Window(date) => {
                return Fit { first: FirstDateFit::Window { date }, ..Fit::NONE };
            }
            FirstFit::Surplus(surplus) => surplus,
        };
        doubted.extend(surplus.doubted.into_iter().map(|authority| {
            let lineage = self.lineage_of(authority).map(|lineage| lineage.number);
            let first = FirstDateFit::Contested { with: vec![publication.authority.fingerprint] };
            let branch = lineage.unwrap_or(0);
            let standing = Standing::Unscheduled { branch, among: 1, first };
            Outcome { lineage, ..Outcome::aside(authority, standing) }
        }));
        let named = surplus.with.iter().take(FirstDates::NAMED);
        let with = named.map(|authority| authority.fingerprint).collect();
        let first = FirstDateFit::Contested { with };
        Fit { first, contests: surplus.with, ..Fit::NONE }
    }

    /// The publication goes on this lineage, whose date it meets.
    pub(super) fn claim(
        &mut self,
        number: u32,
        date: Window,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Extension {
        let tolerance =
            schedule.period(publication.lifetime).map_or(schedule.slack, |p| schedule.tolerance(p));
        // Where the watch was away the bracket says little, and the date more.
        let published = publication
            .published
            .common(date.widened(schedule.early, tolerance))
            .unwrap_or(publication.published);
        let passed = self.just_passed(number, publication, schedule);
        let before = self.lineage(number).cloned();
        let competing_lineage = self.competing_lineage(number, publication, schedule);
        let followed = before.as_ref().and_then(|lineage| lineage.followed(date, schedule));
        let claimed = self.extend_lineage(number, publication, published, passed);
        // It was the other lineage's turn: the one before was the other's, too.
        if let Some((followed, lineage)) = followed.zip(self.lineage_mut(number)) {
            lineage.earlier = Some(followed);
        }
        if let Some(lineage) = self.lineage_mut(number) {
            lineage.met = Some(date.widened(schedule.early, tolerance));
        }
        if let (Some(before), Some(competing_lineage)) = (before, competing_lineage) {
            self.record_ambiguity(&before, competing_lineage, publication, schedule);
        }
        Extension { is_ambiguous: competing_lineage.is_some(), ..claimed }
    }

    /// The newest authorities of the lineages whose dates this publication meets too: which of them a
    /// lineage goes on with cannot be determined.
    pub(super) fn claimants_met(
        &self,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Vec<AuthorityId> {
        #[cfg(test)]
        crate::watch::work::LINES.add();
        let svid_type = publication.authority.svid_type;
        let issued_at = publication.issued_at.map(Window::point);
        let met = |lineage: &&Lineage| {
            let meets = |met: Window| {
                met.meets(publication.published)
                    || issued_at
                        .is_some_and(|own| met.widened(schedule.early, Duration::ZERO).meets(own))
            };
            lineage.svid_type == svid_type && lineage.is_active() && lineage.met.is_some_and(meets)
        };
        self.lineages.iter().filter(met).filter_map(|lineage| lineage.newest).collect()
    }

    /// Another lineage that this JWT publication could go on, while keys of several lives stand, and its
    /// date.
    fn competing_lineage(
        &self,
        but: u32,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Option<(u32, Window)> {
        if publication.authority.svid_type == SvidType::X509
            || schedule.possible_lifetimes.len() < 2
        {
            return None;
        }
        let mut others = self.established(publication.authority.svid_type).filter(|lineage| {
            lineage.number != but && !lineage.is_undated() && lineage.missed.is_none()
        });
        others.find_map(|lineage| Some((lineage.number, lineage.meets(publication, schedule)?)))
    }

    /// The publication went on `before`, and could have gone on `competing_lineage`: each may be the other from now
    /// on, so each has the dates that the other would have.
    fn record_ambiguity(
        &mut self,
        before: &Lineage,
        (competing_lineage, date): (u32, Window),
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) {
        let Some(other) = self.lineage(competing_lineage) else { return };
        let turn_of = other.followed(date, schedule).or_else(|| other.newest_as_earlier());
        let remaining: Vec<Window> = before
            .dates(schedule)
            .into_iter()
            .filter(|date| publication.published.until < date.from)
            .collect();
        if let Some(lineage) = self.lineage_mut(before.number) {
            let dates = lineage.after(turn_of).dates(schedule);
            lineage.add_alternative_dates(dates, None);
        }
        if let Some(lineage) = self.lineage_mut(competing_lineage) {
            lineage.add_alternative_dates(remaining, before.newest_as_earlier().as_ref());
        }
    }

    /// The publication goes on this lineage, whose date was missed.
    pub(super) fn claim_late(&mut self, number: u32, publication: &Publication) -> Extension {
        let missed = self.lineage(number).and_then(|lineage| lineage.missed);
        let extension = self.extend_lineage(number, publication, publication.published, None);
        if let Some(lineage) = self.lineage_mut(number) {
            let since = missed.map(|missed| missed.date.from);
            lineage.met = since.map(|since| Window::new(since, publication.published.until));
        }
        extension
    }

    /// The lineage whose date passed empty before this publication, and no good poll had been made to
    /// tell.
    fn just_passed(
        &self,
        but: u32,
        publication: &Publication,
        schedule: &ScheduleParameters,
    ) -> Option<u32> {
        let others = self
            .established(publication.authority.svid_type)
            .filter(|lineage| lineage.number != but);
        let waiting = others.filter(|lineage| lineage.missed.is_none());
        let due = waiting.filter_map(|lineage| Some((lineage.due(schedule)?.1, lineage.number)));
        due.filter(|(deadline, _)| *deadline < publication.published.until)
            .min()
            .map(|(_, number)| number)
    }

    /// `passed` is a lineage whose date passed empty, and is not marked as missed yet.
    fn extend_lineage(
        &mut self,
        number: u32,
        publication: &Publication,
        published: Window,
        passed: Option<u32>,
    ) -> Extension {
        let Some(lineage) = self.lineage_mut(number) else {
            return Extension { lineage: number, predecessor: None, is_ambiguous: false };
        };
        let (kind, before, svid_type) = (lineage.kind, lineage.lifetime, lineage.svid_type);
        let mut predecessor = lineage.extend(publication, published);
        if predecessor.is_none() && svid_type == SvidType::Jwt {
            predecessor = self.alone.take();
        }
        let Some(lineage) = self.lineage_mut(number) else {
            return Extension { lineage: number, predecessor, is_ambiguous: false };
        };
        if let LineageKind::Branch { covers } = kind {
            lineage.kind = LineageKind::Established;
            let empty = covers.or_else(|| self.empty_date(svid_type, published.until)).or(passed);
            if let Some(replaced) = empty {
                self.end(replaced);
            }
        }
        if let (Some(from), Some(to)) = (before, publication.lifetime)
            && SAME < from.abs_diff(to)
        {
            let (authority, at) = (publication.authority, published.until);
            self.lifetime_changes.push(LifetimeChange { authority, at, from, to });
            if MOST_CHANGES < self.lifetime_changes.len() {
                self.lifetime_changes.remove(0);
            }
        }
        Extension { lineage: number, predecessor, is_ambiguous: false }
    }

    /// The lineage of this use whose date passed empty first.
    fn empty_date(&self, svid_type: SvidType, by: Timestamp) -> Option<u32> {
        let overdue = self.established(svid_type).filter(|lineage| lineage.is_overdue());
        let empty =
            overdue.filter_map(|lineage| Some((lineage.missed?.date.until, lineage.number)));
        empty.filter(|(date, _)| *date < by).min().map(|(_, number)| number)
    }

    /// The lineage of this use that is overdue the longest.
    pub(super) fn longest_overdue(&self, svid_type: SvidType) -> Option<u32> {
        let overdue = self.established(svid_type).filter(|lineage| lineage.is_overdue());
        let missed =
            overdue.filter_map(|lineage| Some((lineage.missed?.date.from, lineage.number)));
        missed.min().map(|(_, number)| number)
    }

    /// Opens a branch for a publication that meets no date.
    pub(super) fn branch(&mut self, publication: &Publication) -> u32 {
        let Publication { authority, published, issued_at, lifetime } = *publication;
        let kind = LineageKind::Branch { covers: None };
        let number = self.open(authority.svid_type, kind, Some(authority), published, lifetime);
        if let Some(lineage) = self.lineage_mut(number) {
            lineage.issued_at = issued_at;
        }
        number
    }

    /// After a long absence the last generations stand in the bundle and those before are gone:
    /// the publications were the last of their lineages, not the first.
    pub(super) fn catch_up(
        &mut self,
        claimed: &[u32],
        until: Timestamp,
        schedule: &ScheduleParameters,
    ) {
        for lineage in self.lineages.iter_mut().filter(|lineage| claimed.contains(&lineage.number))
        {
            let Some(period) = schedule.period(lineage.lifetime) else { continue };
            let behind = until.since(lineage.published.until).unwrap_or_default();
            let periods = behind.as_micros().checked_div(period.as_micros().max(1)).unwrap_or(0);
            if lineage.svid_type != SvidType::X509 && 1 < periods {
                let periods = u32::try_from(periods).unwrap_or(u32::MAX);
                lineage.published = lineage.published.later(period.saturating_mul(periods));
                lineage.earlier = None;
            }
        }
    }
}

/// Two lives that differ by less are one: certificates end on whole seconds.
const SAME: Duration = Duration::from_secs(15);
/// How many changes of lifetime are kept.
const MOST_CHANGES: usize = 8;
