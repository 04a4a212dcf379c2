//! The rotation of one trust domain: which chain each authority belongs to, and which dates came
//! and went.
//!
//! A bundle is a superposition of lineages, one a use and replica, each on a clock of its own
//! (measured on real SPIRE: X.509 and JWT keys of one server drift apart). A birth that meets no
//! lineage's date opens a *branch*, since a restart and a planted key look alike at birth; what
//! comes of the branch tells more.
//!
//! Invariant: the course is part of the fold of the events. It moves by births, by decisions, and
//! by [`Event::DatesPassed`](super::Event::DatesPassed), never by a clock.

mod advance;
mod baseline;
mod birth;
mod claim;
mod clockwork;
mod contradiction;
mod form;
mod gaps;
mod handover;
mod line;
mod retire;

pub use clockwork::spire_life;
pub use gaps::{Gaps, Rhythm};
pub use handover::{HandOver, Lead};
pub use line::{Earlier, Line, LineKind, Missed, Mistaken};

pub(super) use birth::{Births, Outcome};
pub use contradiction::foreign_uri;
pub(super) use contradiction::{departs, is_announced, life, published};
pub(super) use form::Forms;
pub(super) use retire::Explained;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{IssuerMode, Policy};
use crate::bundle::{AuthorityId, SvidType};
use crate::time::{Timestamp, Window};
use clockwork::{Clockwork, Judged};

/// The rotation of one trust domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Course {
    /// When the first bundle was seen.
    pub baseline: Option<Timestamp>,
    /// Where the issuer's X.509 authorities come from, as the first bundle shows it.
    pub mode: IssuerMode,
    /// The lines of all uses, oldest first. The ended ones go after a while.
    pub lines: Vec<Line>,
    /// The last number that was given to a line.
    pub numbered: u32,
    /// How long keys live by the authorities that stand, shortest first.
    pub lives: Vec<Duration>,
    /// When the first births of the baseline's JWT lineages are expected.
    pub windows: Arc<Vec<Window>>,
    /// The gaps between births, for uses that are judged by them.
    pub gaps: Vec<Gaps>,
    /// X.509 births that claim missed dates if their JWT keys follow within a poll.
    pub unpaired: Vec<Unpaired>,
    /// X.509 births of a poll that opened branches: JWT births of the same poll are their pairs.
    pub opened: Option<Opened>,
    /// Hand-overs that finished, newest last, and keys that went without one.
    pub handovers: Vec<HandOver>,
    /// How many authorities of the baseline went after their end.
    pub pruned: Pruned,
    /// How many hand-overs finished in all.
    pub finished: u64,
    /// A lifetime that changed on a lineage's date.
    pub life_changes: Vec<LifeChange>,
    /// The one JWT key of a baseline with one lineage: what the next one follows.
    pub alone: Option<AuthorityId>,
    /// The moment after which a good poll makes a date a missed one; `None` where none is near.
    pub wakes: Option<Timestamp>,
}

/// An X.509 birth that claims a missed date if its JWT key follows within a poll.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Unpaired {
    /// Which.
    pub authority: AuthorityId,
    /// The line whose date it claims, as it was before.
    pub line: Line,
    /// The poll that showed it.
    pub at: Timestamp,
}

/// X.509 births of one poll that opened branches.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Opened {
    /// The poll.
    pub at: Timestamp,
    /// How many.
    pub count: usize,
}

/// How many authorities of the baseline went after their end.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pruned {
    /// X.509 authorities, by their own word.
    pub x509: usize,
    /// JWT authorities, by the count of those.
    pub jwt: usize,
}

/// A lifetime that changed on a lineage's date: `ca_ttl` was set anew.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct LifeChange {
    /// The authority that shows it.
    pub authority: AuthorityId,
    /// When it was published.
    pub at: Timestamp,
    /// How long its predecessor lived.
    pub from: Duration,
    /// How long it lives.
    pub to: Duration,
}

impl Course {
    /// How many ended lines are kept, for those who ask what a number was.
    const ENDED: usize = 32;
    /// How many hand-overs are kept.
    const HANDOVERS: usize = 64;
    /// How many live lines there may be: each replica has two, and a flood must not grow without
    /// bound.
    const MOST: usize = 1024;

    /// The line of this number.
    pub fn line(&self, number: u32) -> Option<&Line> {
        self.lines.iter().find(|line| line.number == number)
    }

    fn line_mut(&mut self, number: u32) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.number == number)
    }

    /// The line that this authority is the newest of.
    pub fn line_of(&self, authority: AuthorityId) -> Option<&Line> {
        self.lines.iter().find(|line| line.newest == Some(authority))
    }

    /// The lineages of this use that have not ended.
    pub fn lineages(&self, svid_type: SvidType) -> impl Iterator<Item = &Line> {
        let of = move |line: &&Line| line.svid_type == svid_type && line.kind == LineKind::Lineage;
        self.lines.iter().filter(of)
    }

    /// Whether the first period after the baseline was over at `good`.
    pub fn first_period_over(
        &self,
        policy: &Policy,
        interval: Duration,
        good: Option<Timestamp>,
    ) -> bool {
        let first = self.first_period(&self.clockwork(policy, interval, false));
        first.zip(good).is_some_and(|(first, good)| first.until < good)
    }

    /// When the next authority of a line is due, and until when it is on time.
    pub fn due(
        &self,
        line: &Line,
        policy: &Policy,
        interval: Duration,
    ) -> Option<(Window, Timestamp)> {
        line.due(&self.clockwork(policy, interval, false))
    }

    /// How many replicas issue, as far as it can be told.
    pub fn replicas(&self) -> usize {
        let on_time =
            |svid_type| self.lineages(svid_type).filter(|line| !line.is_overdue()).count();
        on_time(SvidType::X509).max(on_time(SvidType::Jwt))
    }

    /// Opens a line, and says which.
    fn open(
        &mut self,
        svid_type: SvidType,
        kind: LineKind,
        newest: Option<AuthorityId>,
        published: Window,
        life: Option<Duration>,
    ) -> u32 {
        self.numbered = self.numbered.saturating_add(1);
        let number = self.numbered;
        if Self::MOST <= self.lines.len() {
            self.make_room();
        }
        self.lines.push(Line {
            number,
            svid_type,
            kind,
            newest,
            published,
            made: None,
            life,
            lives: Vec::new(),
            earlier: None,
            mistaken: Vec::new(),
            missed: None,
            held: None,
        });
        number
    }

    /// Drops one line: an ended one, else the newest branch that covers nothing, so that a flood of
    /// keys drops its own branches and never a lineage.
    fn make_room(&mut self) {
        let ended = self.lines.iter().position(|line| !line.lives());
        let place = ended.or_else(|| self.lines.iter().rposition(Line::is_free_branch));
        match place {
            Some(place) => drop(self.lines.remove(place)),
            None => drop(self.lines.pop()),
        }
    }

    /// Reads anew when a date next becomes a missed one: the rhythm or the interval changed.
    pub(in crate::watch) fn wind(&mut self, policy: &Policy, interval: Duration) {
        // A lifetime that came to light ends what gaps alone could say.
        let by_gaps = SvidType::ALL.map(|one| self.judged(one, policy) == Judged::ByGaps);
        let still = |gaps: &Gaps| {
            SvidType::ALL
                .into_iter()
                .zip(by_gaps)
                .any(|(one, still)| still && one == gaps.svid_type)
        };
        self.gaps.retain(still);
        let clockwork = self.clockwork(policy, interval, false);
        self.wake(&clockwork);
    }

    fn forget_the_ended(&mut self) {
        let ended = self.lines.iter().filter(|line| !line.lives()).count();
        let mut surplus = ended.saturating_sub(Self::ENDED);
        self.lines.retain(|line| {
            let drops = 0 < surplus && !line.lives();
            surplus -= usize::from(drops);
            !drops
        });
    }

    /// When a good poll next makes a date a missed one.
    fn wake(&mut self, clockwork: &Clockwork) {
        let waits = |line: &&Line| line.lives() && line.missed.is_none();
        let deadlines = self.lines.iter().filter(waits).filter_map(|line| line.due(clockwork));
        let deadlines = deadlines.map(|(_, deadline)| deadline);
        let pairs = self.unpaired.iter().map(|one| one.at);
        self.wakes = deadlines.chain(pairs).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Fingerprint;

    #[test]
    fn a_flood_of_keys_drops_its_own_branches_and_no_lineage() {
        let mut course = Course::default();
        let published = Window::point(Timestamp::from_unix(1_800_000_000));
        let mut open = |kind, number: u32| {
            let fingerprint = Fingerprint::of(&number.to_be_bytes());
            let newest = Some(AuthorityId { svid_type: SvidType::Jwt, fingerprint });
            course.open(SvidType::Jwt, kind, newest, published, None)
        };
        let lineages = [1, 2].map(|number| open(LineKind::Lineage, number));
        let restarted = open(LineKind::Branch { covers: None }, 3);
        for number in 4..3_000 {
            open(LineKind::Branch { covers: None }, number);
        }
        assert_eq!(course.lines.len(), Course::MOST);
        for number in lineages.into_iter().chain([restarted, course.numbered]) {
            assert!(course.line(number).is_some(), "{number}");
        }
    }
}
