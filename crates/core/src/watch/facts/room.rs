//! Which findings have a place in the ledger, and how many are left out.

use std::cmp::Reverse;

use super::{Facts, Ledger};
use crate::bundle::{AuthorityId, SvidType};
use crate::finding::{Finding, FindingId, FindingKind, Grade, LeftOut, Room, Severity};
use crate::time::Timestamp;
use crate::watch::{JudgementPolicy, Standing, UnrecordedKeys};

/// What decides who keeps a place in a full room; what matters more is greater. A finding about a
/// key that stands comes before one about a key that is gone, then the more urgent one, then the
/// older one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rank {
    stands: bool,
    severity: Severity,
    since: Reverse<Timestamp>,
}

impl Rank {
    /// The rank of a finding about a key that stands, or about none.
    pub fn of_standing(severity: Severity, since: Timestamp) -> Self {
        Self { stands: true, severity, since: Reverse(since) }
    }

    /// The rank of a finding about a key that was removed.
    pub fn of_removed(severity: Severity, since: Timestamp) -> Self {
        Self { stands: false, severity, since: Reverse(since) }
    }
}

/// The authority that a finding is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What it is known by.
    pub id: AuthorityId,
    /// Whether it is published, or stands in an answer beside the state.
    pub stands: bool,
    /// Whether it is explained, and by what; `None` where it was not judged.
    pub standing: Option<&'a Standing>,
}

impl Standing {
    /// How urgent it is to look at an authority that stands so.
    pub fn grade(&self) -> Grade {
        match self {
            Self::Denied => Grade::Denied,
            Self::Contradicted { .. } => Grade::Contradicted,
            Self::Unscheduled { .. } => Grade::Unscheduled,
            Self::Baseline
            | Self::Approved
            | Self::OnTime { .. }
            | Self::Late { .. }
            | Self::Announced
            | Self::Learned
            | Self::Returned => Grade::Plain,
        }
    }
}

impl Ledger {
    /// Whether anything is left out that nobody has acknowledged.
    pub fn is_flooded(&self) -> bool {
        self.left_out.iter().any(|left| 0 < left.count)
    }

    /// What is left out of a room, where anything ever was.
    pub fn left_out_of(&self, room: Room) -> Option<&LeftOut> {
        self.left_out.iter().find(|left| left.room == room)
    }

    /// So many more found no place in a room.
    pub(super) fn leave_out(&mut self, room: Room, at: Timestamp, severity: Severity, count: u64) {
        let place = self.left_out.iter().position(|left| left.room == room);
        if place.is_none() {
            let (count, waiting, counted) = (0, 0, None);
            self.left_out.push(LeftOut { room, count, waiting, severity, since: at, counted });
        }
        let known = match place {
            Some(place) => self.left_out.get_mut(place),
            None => self.left_out.last_mut(),
        };
        let Some(left) = known else { return };
        if left.count == 0 {
            (left.since, left.severity) = (at, severity);
        }
        left.count = left.count.saturating_add(count);
        left.severity = left.severity.max(severity);
    }

    /// What found no place at a review.
    pub(super) fn count_left_out(
        &mut self,
        room: Room,
        at: Timestamp,
        severity: Severity,
        (count, waiting): (u64, u64),
    ) {
        self.leave_out(room, at, severity, count);
        if let Some(left) = self.left_out.iter_mut().find(|left| left.room == room) {
            (left.waiting, left.counted) = (waiting, Some(at));
        }
    }

    /// One that was counted as left out is listed after all.
    fn list(&mut self, room: Room, since: Timestamp) {
        let mut left = self.left_out.iter_mut();
        let left = left.find(|left| left.room == room && left.counted >= Some(since));
        if let Some(left) = left {
            left.count = left.count.saturating_sub(1);
            left.waiting = left.waiting.saturating_sub(1);
        }
    }

    /// Someone has looked at the flood, or it is over: what is left out from now on is news.
    pub(super) fn forget_the_flood(&mut self) {
        for left in &mut self.left_out {
            left.count = 0;
        }
    }
}

impl Facts {
    /// The room of a finding that is open, or comes up now.
    pub fn room(&self, finding: &Finding) -> Room {
        finding.room(self.grade(finding))
    }

    fn grade(&self, finding: &Finding) -> Grade {
        if finding.kind != FindingKind::UnexpectedAuthority {
            return Grade::Plain;
        }
        let known = self.ledger.grades.get(&finding.id).copied();
        known.or_else(|| Some(self.subject(finding)?.standing?.grade())).unwrap_or_default()
    }

    /// What a finding is worth in a full room.
    pub fn rank(&self, finding: &Finding) -> Rank {
        // What is about no authority does not go with one.
        let stands = match finding.authority() {
            Some(_) => self.subject(finding).is_some_and(|subject| subject.stands),
            None => true,
        };
        Rank { stands, severity: finding.severity, since: Reverse(finding.since) }
    }

    /// The authority that a finding is about, as long as the facts hold it.
    pub fn subject(&self, finding: &Finding) -> Option<Subject<'_>> {
        let id = finding.authority()?;
        if let Some(record) = self.record(id) {
            let (stands, standing) = (record.removed.is_none(), record.standing.as_ref());
            return Some(Subject { id, stands, standing });
        }
        let mut unconfirmed = self.authorities.unconfirmed.iter();
        let unconfirmed = unconfirmed.find(|one| one.authority.id == id)?;
        Some(Subject { id, stands: true, standing: unconfirmed.standing.as_ref() })
    }

    /// Raises a finding, where its room has a place or one of lesser worth gives its own.
    pub(super) fn raise(&mut self, at: Timestamp, finding: &Finding) {
        if self.ledger.knows(finding.id) {
            return;
        }
        let grade = self.grade(finding);
        let room = finding.room(grade);
        self.ledger.list(room, finding.since);
        let inside: Vec<usize> = (0..self.ledger.open.len())
            .rev()
            .filter(|place| self.ledger.open.get(*place).is_some_and(|one| self.room(one) == room))
            .collect();
        if room.places() <= inside.len() {
            let ranks = inside
                .into_iter()
                .filter_map(|place| Some((self.rank(self.ledger.open.get(place)?), place)));
            // Of equals the newest goes.
            let weakest = ranks.min_by_key(|(rank, _)| *rank);
            let Some((_, place)) = weakest.filter(|(rank, _)| *rank < self.rank(finding)) else {
                self.ledger.leave_out(room, at, finding.severity, 1);
                return;
            };
            let gone = self.ledger.open.remove(place);
            self.ledger.grades.remove(&gone.id);
            self.ledger.give_way(room, at, gone.severity);
        }
        if grade != Grade::default() {
            self.ledger.grades.insert(finding.id, grade);
        }
        self.ledger.open.push(finding.clone());
    }

    /// A decision may give an authority another standing, and its finding another room.
    pub(super) fn regrade(&mut self) {
        let fresh: Vec<(FindingId, Grade)> = self
            .ledger
            .open
            .iter()
            .filter(|one| one.kind == FindingKind::UnexpectedAuthority)
            .filter_map(|one| Some((one.id, self.subject(one)?.standing?.grade())))
            .collect();
        self.ledger.grades.extend(fresh);
        self.ledger.grades.retain(|_, grade| *grade != Grade::default());
    }

    /// A change brings keys that are not recorded one by one; or those before are, by now.
    pub(super) fn pass_over(
        &mut self,
        at: Timestamp,
        keys: Option<UnrecordedKeys>,
        after: Option<Timestamp>,
    ) {
        self.count_unrecorded(at, keys);
        let since = self.authorities.unrecorded.map_or(after, |(_, since)| since);
        self.authorities.unrecorded =
            keys.filter(|keys| 0 < keys.listed()).map(|keys| (keys, since));
    }

    /// New keys that the daily budget keeps from being recorded are judged as a number.
    fn count_unrecorded(&mut self, at: Timestamp, keys: Option<UnrecordedKeys>) {
        let policy = self.policy();
        let before = self.authorities.unrecorded.map(|(keys, _)| keys);
        for svid_type in SvidType::ALL {
            let now = keys.unwrap_or_default().of(svid_type);
            let (kind, grade) = (FindingKind::UnexpectedAuthority, Grade::Unscheduled);
            let room = Room { kind, svid_type: Some(svid_type), grade };
            let severity = match policy.judgement {
                JudgementPolicy::Observe => continue,
                JudgementPolicy::Lenient if svid_type != SvidType::X509 => Severity::Warning,
                JudgementPolicy::Lenient | JudgementPolicy::Pinned | JudgementPolicy::Scheduled => {
                    Severity::Critical
                }
            };
            // Those that are recorded one by one from now on are judged one by one.
            let known = before.map_or(0, |before| u64::from(before.of(svid_type).listed));
            let mut left = self.ledger.left_out.iter_mut();
            if let Some(left) = left.find(|left| keys.is_none() && left.room == room) {
                left.count = left.count.saturating_sub(known);
            }
            if 0 < now.came {
                self.ledger.leave_out(room, at, severity, u64::from(now.came));
            }
        }
    }
}

impl Ledger {
    /// An open finding gives its place to another. It is still true, as far as anyone knows.
    fn give_way(&mut self, room: Room, at: Timestamp, severity: Severity) {
        self.leave_out(room, at, severity, 1);
        if let Some(left) = self.left_out.iter_mut().find(|left| left.room == room) {
            left.waiting = left.waiting.saturating_add(1);
        }
    }
}
