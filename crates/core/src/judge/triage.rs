//! Which of the findings that come up are raised, and how many find no room.

use std::collections::{BTreeMap, HashSet};

use super::Case;
use crate::finding::{Finding, FindingId, FindingScope, Room, Severity};
use crate::time::Timestamp;
use crate::watch::{Event, Facts, Rank};

/// The rooms as they fill up in one review.
pub(super) struct Triage<'a> {
    facts: &'a Facts,
    /// Whether other trust domains' keys are known here: what is recorded beside a poll is reviewed
    /// without them.
    sees_shared_keys: bool,
    known: HashSet<FindingId>,
    rooms: BTreeMap<Room, Places>,
}

/// What goes on in one room.
#[derive(Debug, Default)]
struct Places {
    free: usize,
    /// What is open, the weakest last.
    open: Vec<Rank>,
    /// How many gave their place to another.
    gave_way: u64,
    /// How many found no place, and how many of those came up since they were last counted.
    waiting: u64,
    came: u64,
    severity: Option<Severity>,
}

impl<'a> Triage<'a> {
    pub(super) fn new(case: &Case<'a>) -> Self {
        let facts = case.facts();
        let open = facts.ledger.open.iter().map(|finding| finding.id);
        let known = open.chain(facts.ledger.closed.iter().copied()).collect();
        let sees_shared_keys = case.shared.is_some();
        Self { facts, sees_shared_keys, known, rooms: BTreeMap::new() }
    }

    /// Whether this finding was raised before, or is raised in this review.
    pub(super) fn knows(&self, id: FindingId) -> bool {
        self.known.contains(&id)
    }

    /// Whether a finding is raised: there is a place, or one of lesser worth gives its own. Those of
    /// a room are asked for in the order of their worth. What is not raised is counted.
    pub(super) fn admits(
        &mut self,
        id: FindingId,
        room: Room,
        rank: Rank,
        (since, severity): (Timestamp, Severity),
    ) -> bool {
        let counted = self.facts.ledger.left_out_of(room).and_then(|left| left.counted);
        let places = self.rooms.entry(room).or_insert_with(|| Places::of(self.facts, room));
        if 0 < places.free {
            places.free -= 1;
        } else if places.open.last().is_some_and(|weakest| *weakest < rank) {
            places.open.pop();
            places.gave_way = places.gave_way.saturating_add(1);
        } else {
            places.leave_out(since, severity, counted);
            return false;
        }
        self.known.insert(id);
        true
    }

    /// Conditions are derived anew every time: those beyond their room are counted like the rest.
    pub(super) fn count(&mut self, room: Room, since: Timestamp, severity: Severity) {
        let counted = self.facts.ledger.left_out_of(room).and_then(|left| left.counted);
        self.rooms.entry(room).or_default().leave_out(since, severity, counted);
    }

    /// The events that say how many found no room, and whether any is left out after this review.
    pub(super) fn finish(self) -> (Vec<Event>, bool) {
        let Self { facts, sees_shared_keys, mut rooms, .. } = self;
        let mut flooded = facts.ledger.is_flooded();
        // Where nothing waits any more.
        let waiting = facts.ledger.left_out.iter().filter(|left| 0 < left.waiting);
        for left in waiting {
            if sees_shared_keys || left.room.kind.scope() == FindingScope::TrustDomain {
                rooms.entry(left.room).or_default();
            }
        }
        let mut events = Vec::new();
        for (room, places) in rooms {
            let known = facts.ledger.left_out_of(room).map_or(0, |left| left.waiting);
            // Those that gave way wait as well.
            let known = known.saturating_add(places.gave_way);
            let waiting = places.waiting.saturating_add(places.gave_way);
            let count = places.came.max(waiting.saturating_sub(known));
            flooded |= 0 < count || 0 < places.gave_way;
            if 0 < count || waiting != known {
                let severity = places.severity.unwrap_or(Severity::Info);
                events.push(Event::FindingsLeftOut { room, severity, count, waiting });
            }
        }
        (events, flooded)
    }
}

impl Places {
    fn of(facts: &Facts, room: Room) -> Self {
        let of = facts.ledger.open.iter().filter(|finding| facts.room(finding) == room);
        let mut open: Vec<Rank> = of.map(|finding| facts.rank(finding)).collect();
        open.sort_unstable_by(|one, other| other.cmp(one));
        let free = room.places().saturating_sub(open.len());
        Self { free, open, ..Self::default() }
    }

    fn leave_out(&mut self, since: Timestamp, severity: Severity, counted: Option<Timestamp>) {
        self.waiting = self.waiting.saturating_add(1);
        if counted < Some(since) {
            self.came = self.came.saturating_add(1);
        }
        self.severity = self.severity.max(Some(severity));
    }
}

/// The findings in the order in which they are asked for.
pub(super) fn by_worth(facts: &Facts, findings: &[Finding]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..findings.len()).collect();
    places.sort_by_cached_key(|place| {
        std::cmp::Reverse(findings.get(*place).map(|finding| facts.rank(finding)))
    });
    places
}
