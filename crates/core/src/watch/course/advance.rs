//! Dates that pass without a birth.

use std::time::Duration;

use super::clockwork::Clockwork;
use super::{Course, LineKind, Missed};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::Timestamp;
use crate::watch::Policy;

impl Course {
    /// A good poll was made then, and showed no birth since the last one: every date whose
    /// tolerance ended before it is missed. Returns the X.509 births whose pairs did not come, and
    /// the branch that each opens now.
    pub(in crate::watch) fn pass(
        &mut self,
        good: Timestamp,
        policy: &Policy,
        interval: Duration,
    ) -> Vec<(AuthorityId, u32)> {
        let clockwork = &self.clockwork(policy, interval, false);
        let mut alone = Vec::new();
        while let Some((number, deadline)) = self.next_deadline(clockwork) {
            if good <= deadline {
                break;
            }
            self.miss(number, clockwork);
        }
        for pair in std::mem::take(&mut self.unpaired) {
            if good <= pair.at {
                self.unpaired.push(pair);
                continue;
            }
            let authority = pair.authority;
            alone.extend(self.unclaim(pair).map(|branch| (authority, branch)));
        }
        self.forget_the_ended();
        self.wake(clockwork);
        alone
    }

    fn next_deadline(&self, clockwork: &Clockwork) -> Option<(u32, Timestamp)> {
        let waiting = self.lines.iter().filter(|line| line.lives() && line.missed.is_none());
        let deadlines = waiting.filter_map(|line| Some((line.number, line.due(clockwork)?.1)));
        deadlines.min_by_key(|(number, deadline)| (*deadline, *number))
    }

    /// A line's date has passed empty.
    fn miss(&mut self, number: u32, clockwork: &Clockwork) {
        let Some(line) = self.line(number) else { return };
        let Some((date, deadline)) = line.due(clockwork) else { return };
        let (svid_type, kind) = (line.svid_type, line.kind);
        match kind {
            LineKind::Lineage => {
                let replaced_by = self.free_branch(svid_type, deadline, number);
                if let Some(line) = self.line_mut(number) {
                    line.missed = Some(Missed { date, deadline, replaced_by });
                }
                self.cover(replaced_by, number);
            }
            // It was no lineage after all.
            LineKind::Branch { covers: None } => self.end(number),
            LineKind::Branch { covers: Some(covered) } => {
                let taken_over = self.free_branch(svid_type, deadline, number);
                self.end(number);
                if let Some(line) = self.line_mut(covered)
                    && let Some(missed) = &mut line.missed
                {
                    missed.replaced_by = taken_over;
                }
                self.cover(taken_over, covered);
            }
            LineKind::Ended => (),
        }
    }

    /// The oldest branch of this use that covers nothing, opened before `deadline`.
    fn free_branch(&self, svid_type: SvidType, deadline: Timestamp, but: u32) -> Option<u32> {
        let free = self.lines.iter().filter(|line| {
            line.svid_type == svid_type
                && line.number != but
                && line.is_free_branch()
                && line.missed.is_none()
                && line.published.from <= deadline
        });
        free.min_by_key(|line| (line.published.from, line.number)).map(|line| line.number)
    }

    fn cover(&mut self, branch: Option<u32>, covered: u32) {
        if let Some(line) = branch.and_then(|branch| self.line_mut(branch)) {
            line.kind = LineKind::Branch { covers: Some(covered) };
        }
    }

    /// A line ends.
    pub(super) fn end(&mut self, number: u32) {
        if let Some(line) = self.line_mut(number) {
            line.kind = LineKind::Ended;
        }
    }

    /// A branch is none: its authority was denied, or contradicts. What it covered is overdue,
    /// unless another branch takes it over.
    pub(super) fn drop_branch(&mut self, authority: AuthorityId) {
        let Some(line) = self.line_of(authority) else { return };
        let (number, kind, svid_type) = (line.number, line.kind, line.svid_type);
        if let LineKind::Branch { covers } = kind {
            let born = Timestamp::from_unix_micros(i64::MAX);
            self.end(number);
            if let Some(covered) = covers {
                let other = self.free_branch(svid_type, born, number);
                if let Some(line) = self.line_mut(covered)
                    && let Some(missed) = &mut line.missed
                {
                    missed.replaced_by = other;
                }
                self.cover(other, covered);
            }
        }
    }
}
