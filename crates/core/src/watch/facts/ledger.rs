//! The event findings of a trust domain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::push_bounded;
use crate::bundle::{AuthorityId, SvidType};
use crate::finding::{Finding, FindingId, FindingKind, Grade, LeftOut, SubjectId};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::Event;

/// The event findings of a trust domain.
///
/// Invariants: a finding that ended is never raised again (`closed`), and what it was about is
/// raised anew only for what happened since (`settled`). Each room holds as many as its places, and
/// counts the rest (`left_out`).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Ledger {
    /// Those that wait for someone, oldest first.
    pub open: Vec<Finding>,
    /// The ids of those that ended: none is raised again.
    pub closed: Vec<FindingId>,
    /// What the last of them were about, newest last.
    pub settled: Vec<Settled>,
    /// The grades of those that are open, as far as they are not plain. An authority that went out of
    /// the facts takes none along.
    pub grades: BTreeMap<FindingId, Grade>,
    /// What found no room.
    pub left_out: Vec<LeftOut>,
}

/// What a finding that ended was about: what had happened by then is not raised anew.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Settled {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The use that it was about, where it was about one.
    #[serde(rename = "use")]
    pub svid_type: Option<SvidType>,
    /// What exactly it was about, as in [`Finding::subject`].
    pub subject: UntrustedText,
    /// What it was about as a whole, as in [`Finding::subject_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<SubjectId>,
    /// When it ended.
    pub at: Timestamp,
}

impl Settled {
    fn covers(&self, finding: &Finding) -> bool {
        // Of these one alone is open, whatever its subject.
        let any = matches!(self.kind, FindingKind::Rollback | FindingKind::Equivocation);
        let about = (self.svid_type, &self.subject, self.subject_id);
        self.kind == finding.kind
            && finding.since <= self.at
            && (any || about == (finding.svid_type, &finding.subject, finding.subject_id))
    }
}

impl Ledger {
    /// How many ended ones are remembered.
    const CLOSED: usize = 4096;
    /// Of how many it is kept what they were about.
    const SETTLED: usize = 1024;

    /// Whether this finding is open, or was.
    pub fn knows(&self, id: FindingId) -> bool {
        self.open.iter().any(|finding| finding.id == id) || self.closed.contains(&id)
    }

    /// Whether this had happened when another finding of the same thing ended.
    pub fn settles(&self, finding: &Finding) -> bool {
        self.settled.iter().any(|settled| settled.covers(finding))
    }

    /// The same of a finding that would be about this authority.
    pub fn settles_authority(&self, kind: FindingKind, id: AuthorityId, since: Timestamp) -> bool {
        let subject_id = Some(SubjectId::Fingerprint(id.fingerprint));
        self.settled.iter().any(|settled| {
            settled.kind == kind
                && since <= settled.at
                && settled.svid_type == Some(id.svid_type)
                && settled.subject_id == subject_id
        })
    }

    /// Takes in an event. What is raised is for [`Facts`](super::Facts) to place, since the room of a
    /// finding depends on the authority that it is about.
    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        if let Event::FindingsLeftOut { room, severity, count, waiting } = event {
            self.count_left_out(*room, at, *severity, (*count, *waiting));
        }
        if let Event::FindingEnded { finding, .. } = event {
            self.end(at, *finding);
        }
    }

    fn end(&mut self, at: Timestamp, id: FindingId) {
        if let Some(place) = self.open.iter().position(|finding| finding.id == id) {
            let Finding { kind, svid_type, subject, subject_id, .. } = self.open.remove(place);
            self.grades.remove(&id);
            if kind == FindingKind::FindingsFlood {
                self.forget_the_flood();
            }
            push_bounded(
                &mut self.settled,
                Settled { kind, svid_type, subject, subject_id, at },
                Self::SETTLED,
            );
        }
        push_bounded(&mut self.closed, id, Self::CLOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Ending, Room, Severity};

    #[test]
    fn what_is_left_out_of_a_room_is_counted_until_someone_looked() {
        let room =
            Room { kind: FindingKind::AuthorityShared, svid_type: None, grade: Grade::Plain };
        let mut ledger = Ledger::default();
        for seconds in [1, 2] {
            let (severity, count, waiting) = (Severity::Warning, 3, 5);
            let event = Event::FindingsLeftOut { room, severity, count, waiting };
            ledger.apply(Timestamp::from_unix(seconds), &event);
        }
        let left = ledger.left_out_of(room).unwrap();
        assert_eq!((left.count, left.waiting), (6, 5));
        assert_eq!(left.since, Timestamp::from_unix(1));
        ledger.forget_the_flood();
        assert!(!ledger.is_flooded());
    }

    #[test]
    fn a_finding_that_ended_is_known() {
        let mut ledger = Ledger::default();
        let finding: FindingId = "000000000000".parse().unwrap();
        let kind = FindingKind::Rollback;
        let ended = Event::FindingEnded { finding, kind, ending: Ending::Unreviewed };
        assert!(!ledger.knows(finding));
        ledger.apply(Timestamp::from_unix(1), &ended);
        assert!(ledger.knows(finding));
    }
}
