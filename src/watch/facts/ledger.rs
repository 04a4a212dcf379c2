//! The event findings that are open, and what decisions do.

use serde::{Deserialize, Serialize};

use super::{Facts, push_bounded};
use crate::bundle::{Authority, SvidType};
use crate::decision::{Announced, Decision, Deed};
use crate::finding::{Finding, FindingId, FindingKind, Severity};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::course::{Explained, life, published};
use crate::watch::{Contradiction, Standing};

/// The event findings of a trust domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Ledger {
    /// Those that wait for someone, oldest first.
    pub open: Vec<Finding>,
    /// The ids of those that ended: none is raised again.
    pub closed: Vec<FindingId>,
    /// What the last of them were about, newest last.
    pub settled: Vec<Settled>,
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
    /// When it ended.
    pub at: Timestamp,
}

impl Settled {
    fn covers(&self, finding: &Finding) -> bool {
        // Of these one alone is open, whatever its subject.
        let any = matches!(self.kind, FindingKind::Rollback | FindingKind::Equivocation);
        let same = self.svid_type == finding.svid_type && self.subject == finding.subject;
        self.kind == finding.kind && (any || same) && finding.since <= self.at
    }
}

impl Ledger {
    /// How many may be open: a flood of keys must not grow without bound.
    pub const MOST: usize = 1024;
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

    pub(super) fn end(&mut self, at: Timestamp, id: FindingId) {
        if let Some(place) = self.open.iter().position(|finding| finding.id == id) {
            let Finding { kind, svid_type, subject, .. } = self.open.remove(place);
            push_bounded(
                &mut self.settled,
                Settled { kind, svid_type, subject, at },
                Self::SETTLED,
            );
        }
        push_bounded(&mut self.closed, id, Self::CLOSED);
    }
}

/// What matters more is greater: a denied, rebound or foreign key above all (design, 6).
fn rank(finding: &Finding, denied: &[(SvidType, String)]) -> (bool, Severity) {
    let is_denied = |(svid_type, subject): &(SvidType, String)| {
        finding.svid_type == Some(*svid_type) && finding.subject == **subject
    };
    let never_dropped = finding.kind.is_never_dropped()
        || (finding.kind == FindingKind::UnexpectedAuthority && denied.iter().any(is_denied));
    (never_dropped, finding.severity)
}

impl Facts {
    /// Whether this finding may be open beside so many more than are. In a full ledger it takes the
    /// place of the newest of those that matter least, where they matter less than it does.
    pub fn has_room(&self, finding: &Finding, more: usize) -> bool {
        let Some(beyond) = (self.ledger.open.len() + more + 1).checked_sub(Ledger::MOST) else {
            return true;
        };
        let denied = self.denied();
        let rank = rank(finding, &denied);
        let weaker = self.ledger.open.iter().filter(|open| self::rank(open, &denied) < rank);
        beyond <= weaker.count()
    }

    /// What matters least of those that are open, where no more may be: what matters no more than it
    /// has no room. Whether it is never dropped, and how severe it is.
    pub fn least_in_full(&self) -> Option<(bool, Severity)> {
        let full = Ledger::MOST <= self.ledger.open.len();
        let denied = if full { self.denied() } else { Vec::new() };
        let ranks = self.ledger.open.iter().map(|open| rank(open, &denied));
        ranks.min().filter(|_| full)
    }

    pub(super) fn raise(&mut self, finding: &Finding) {
        if self.ledger.knows(finding.id) || !self.has_room(finding, 0) {
            return;
        }
        if Ledger::MOST <= self.ledger.open.len() {
            let denied = self.denied();
            let newest_first = self.ledger.open.iter().enumerate().rev();
            let least = newest_first.min_by_key(|(_, open)| rank(open, &denied));
            if let Some((place, _)) = least {
                self.ledger.open.remove(place);
            }
        }
        self.ledger.open.push(finding.clone());
    }

    /// The denied authorities, as findings name them.
    fn denied(&self) -> Vec<(SvidType, String)> {
        let known = self.authorities.iter().map(|one| (one.id(), one.standing.as_ref()));
        let glimpsed = self.glimpsed.iter().map(|one| (one.authority.id, one.standing.as_ref()));
        let denied = known.chain(glimpsed).filter(|one| one.1 == Some(&Standing::Denied));
        denied.map(|(id, _)| (id.svid_type, id.fingerprint.short())).collect()
    }

    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        self.decisions.apply(at, decision);
        match &decision.deed {
            Deed::Approve { fingerprint } => {
                self.denied_signers.retain(|one| one.authority.fingerprint != *fingerprint);
                self.restand(
                    |authority| authority.id.fingerprint == *fingerprint,
                    &Standing::Approved,
                );
            }
            Deed::Deny { .. } => {
                let decisions = self.decisions.clone();
                self.restand(|authority| decisions.denial(authority).is_some(), &Standing::Denied);
            }
            Deed::Announce { .. } => self.explain_by_announcements(),
            Deed::RetireLineage { lineage } => self.course.retire(*lineage),
            Deed::Ack { finding } => self.acknowledge(*finding),
            Deed::AnnounceOutage { .. }
            | Deed::Baseline
            | Deed::WithdrawApproval { .. }
            | Deed::WithdrawAnnouncement { .. }
            | Deed::WithdrawOutage { .. } => {}
        }
        self.settle_decision();
    }

    /// The high-water mark moves down only by a decision.
    fn acknowledge(&mut self, id: FindingId) {
        let rollback =
            |finding: &Finding| finding.id == id && finding.kind == FindingKind::Rollback;
        if self.ledger.open.iter().any(rollback) {
            self.high_water = self.confirmed.as_ref().and_then(|c| c.sequence.given());
        }
    }

    /// Gives these authorities another standing. What explains itself keeps its own: the rotation
    /// goes on from how it came, whoever approves of it.
    fn restand(&mut self, which: impl Fn(&Authority) -> bool, standing: &Standing) {
        let records = self.authorities.iter_mut();
        let records = records.map(|one| (&one.authority, one.published, &mut one.standing));
        let glimpses = self.glimpsed.iter_mut();
        let glimpses = glimpses.map(|one| (&one.authority, one.seen, &mut one.standing));
        for (authority, seen, known) in records.chain(glimpses) {
            let explained = known.as_ref().is_some_and(Standing::is_explained);
            let keeps = known.as_ref() == Some(standing) || (explained && standing.is_explained());
            if !which(authority) || keeps {
                continue;
            }
            *known = Some(standing.clone());
            if *standing == Standing::Denied {
                self.course.deny(authority.id);
            } else {
                let (published, life) = (published(authority, seen), life(authority));
                self.course.explain(Explained { authority: authority.id, published, life });
            }
        }
    }

    /// An announcement may come after the key that it explains.
    fn explain_by_announcements(&mut self) {
        let mut explained = Vec::new();
        for record in &self.authorities {
            let departures: &[Contradiction] = match &record.standing {
                Some(Standing::Unscheduled { .. }) => &[],
                Some(Standing::Contradicted { by }) => by,
                _ => continue,
            };
            let published = published(&record.authority, record.published);
            let svid_type = record.id().svid_type;
            let covers = |announced: &&mut Announced| {
                let wanted = announced.announcement.key_type.as_ref();
                announced.covers(svid_type, published.from, published.until)
                    && wanted.is_none_or(|wanted| *wanted == record.authority.key_type)
                    && departures.iter().all(|departure| {
                        crate::watch::course::is_announced(departure, &record.authority, announced)
                    })
            };
            if let Some(announced) = self.decisions.announcements.iter_mut().find(covers) {
                announced.explains.push(record.id());
                explained.push(record.id());
            }
        }
        self.restand(|authority| explained.contains(&authority.id), &Standing::Announced);
    }
}
