//! Dates that pass without a publication.

use std::time::Duration;

use super::lineage::derive_by_dates;
use super::schedule_parameters::ScheduleParameters;
use super::{FirstDates, LineageKind, MissedDate, RotationModel};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::Timestamp;
use crate::watch::Policy;

impl RotationModel {
    /// A good poll was made then, and showed no publication since the last one: every date whose
    /// tolerance ended before it is missed. Returns the X.509 publications whose pairs did not come, and
    /// the branch that each opens now.
    pub(in crate::watch) fn pass(
        &mut self,
        good: Timestamp,
        policy: &Policy,
        interval: Duration,
    ) -> Vec<(AuthorityId, u32)> {
        let schedule = &self.schedule(policy, interval);
        let mut alone = Vec::new();
        while let Some((number, deadline)) = self.next_deadline(schedule) {
            if good <= deadline {
                break;
            }
            self.miss(number, schedule);
        }
        for pair in std::mem::take(&mut self.unpaired) {
            if good <= pair.at {
                self.unpaired.push(pair);
                continue;
            }
            let authority = pair.authority;
            alone.extend(self.unclaim(pair).map(|branch| (authority, branch)));
        }
        if self.first_period(schedule).is_some_and(|first| first.until < good) {
            self.first_dates = FirstDates::default();
        }
        self.forget_the_ended();
        self.wake(schedule);
        alone
    }

    fn next_deadline(&self, schedule: &ScheduleParameters) -> Option<(u32, Timestamp)> {
        let waiting =
            self.lineages.iter().filter(|lineage| lineage.is_active() && lineage.missed.is_none());
        let due = derive_by_dates(waiting, |lineage| lineage.due(schedule));
        let deadlines = due.filter_map(|(lineage, due)| Some((lineage.number, due?.1)));
        deadlines.min_by_key(|(number, deadline)| (*deadline, *number))
    }

    /// A lineage's date has passed empty.
    fn miss(&mut self, number: u32, schedule: &ScheduleParameters) {
        let Some(lineage) = self.lineage(number) else { return };
        let Some((date, deadline)) = lineage.due(schedule) else { return };
        let (svid_type, kind) = (lineage.svid_type, lineage.kind);
        match kind {
            LineageKind::Established => {
                let replaced_by = self.free_branch(svid_type, deadline, number);
                if let Some(lineage) = self.lineage_mut(number) {
                    lineage.missed = Some(MissedDate { date, deadline, replaced_by });
                }
                self.cover(replaced_by, number);
            }
            // It was no lineage after all.
            LineageKind::Branch { covers: None } => self.end(number),
            LineageKind::Branch { covers: Some(covered) } => {
                let taken_over = self.free_branch(svid_type, deadline, number);
                self.end(number);
                if let Some(lineage) = self.lineage_mut(covered)
                    && let Some(missed) = &mut lineage.missed
                {
                    missed.replaced_by = taken_over;
                }
                self.cover(taken_over, covered);
            }
            LineageKind::Ended => (),
        }
    }

    /// The oldest branch of this use that covers nothing, opened before `deadline`.
    fn free_branch(&self, svid_type: SvidType, deadline: Timestamp, but: u32) -> Option<u32> {
        let free = self.lineages.iter().filter(|lineage| {
            lineage.svid_type == svid_type
                && lineage.number != but
                && lineage.is_unassigned_branch()
                && lineage.missed.is_none()
                && lineage.published.from <= deadline
        });
        free.min_by_key(|lineage| (lineage.published.from, lineage.number))
            .map(|lineage| lineage.number)
    }

    fn cover(&mut self, branch: Option<u32>, covered: u32) {
        if let Some(lineage) = branch.and_then(|branch| self.lineage_mut(branch)) {
            lineage.kind = LineageKind::Branch { covers: Some(covered) };
        }
    }

    /// A lineage ends.
    pub(super) fn end(&mut self, number: u32) {
        if let Some(lineage) = self.lineage_mut(number) {
            lineage.kind = LineageKind::Ended;
        }
    }

    /// A branch is none: its authority was denied, or contradicts. What it covered is overdue,
    /// unless another branch takes it over.
    pub(super) fn drop_branch(&mut self, authority: AuthorityId) {
        let Some(lineage) = self.lineage_of(authority) else { return };
        let (number, kind, svid_type) = (lineage.number, lineage.kind, lineage.svid_type);
        if let LineageKind::Branch { covers } = kind {
            let published = Timestamp::from_unix_micros(i64::MAX);
            self.end(number);
            if let Some(covered) = covers {
                let other = self.free_branch(svid_type, published, number);
                if let Some(lineage) = self.lineage_mut(covered)
                    && let Some(missed) = &mut lineage.missed
                {
                    missed.replaced_by = other;
                }
                self.cover(other, covered);
            }
        }
    }
}
