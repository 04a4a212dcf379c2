//! The event findings that are open, and what decisions do.

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::bundle::Authority;
use crate::decision::{Announced, Decision, Deed};
use crate::finding::{Finding, FindingId, FindingKind};
use crate::time::Timestamp;
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
}

impl Ledger {
    /// How many may be open: a flood of keys must not grow without bound.
    pub const MOST: usize = 1024;
    /// How many ended ones are remembered.
    const CLOSED: usize = 4096;

    /// Whether this finding is open, or was.
    pub fn knows(&self, id: FindingId) -> bool {
        self.open.iter().any(|finding| finding.id == id) || self.closed.contains(&id)
    }

    /// Whether a finding of this kind may be open beside so many more than are. What says that
    /// someone else's key is trusted finds a place in a flood too.
    pub fn has_room(&self, kind: FindingKind, more: usize) -> bool {
        self.open.len().saturating_add(more) < Self::MOST
            || (kind.is_never_dropped() && self.newest_droppable().is_some())
    }

    fn newest_droppable(&self) -> Option<usize> {
        self.open.iter().rposition(|finding| !finding.kind.is_never_dropped())
    }

    pub(super) fn raise(&mut self, finding: &Finding) {
        if self.knows(finding.id) || !self.has_room(finding.kind, 0) {
            return;
        }
        if Self::MOST <= self.open.len()
            && let Some(place) = self.newest_droppable()
        {
            self.open.remove(place);
        }
        self.open.push(finding.clone());
    }

    pub(super) fn end(&mut self, id: FindingId) {
        self.open.retain(|finding| finding.id != id);
        if Self::CLOSED <= self.closed.len() {
            self.closed.remove(0);
        }
        self.closed.push(id);
    }
}

impl Facts {
    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        self.decisions.apply(at, decision);
        match &decision.deed {
            Deed::Approve { fingerprint } => {
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

    /// Gives these authorities another standing.
    fn restand(&mut self, which: impl Fn(&Authority) -> bool, standing: &Standing) {
        for record in &mut self.authorities {
            if !which(&record.authority) || record.standing.as_ref() == Some(standing) {
                continue;
            }
            record.standing = Some(standing.clone());
            if *standing == Standing::Denied {
                self.course.deny(record.id());
            } else {
                let published = published(&record.authority, record.published);
                let (authority, life) = (record.id(), life(&record.authority));
                self.course.explain(Explained { authority, published, life });
            }
        }
        for glimpse in &mut self.glimpsed {
            if which(&glimpse.authority) {
                glimpse.standing = Some(standing.clone());
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
