//! What decisions do to the facts beside being on record.

use super::Facts;
use crate::bundle::Authority;
use crate::decision::{Announced, Decision, DecisionAction};
use crate::finding::evidence::Contradiction;
use crate::finding::{Finding, FindingId, FindingKind};
use crate::time::Timestamp;
use crate::watch::Standing;
use crate::watch::rotation::{Explained, lifetime, published};

impl Facts {
    /// Takes in a decision: which authorities it explains, and what it ends.
    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        self.decisions.apply(at, decision);
        match &decision.action {
            DecisionAction::Approve { fingerprint } => {
                let approved = |authority: &Authority| authority.id.fingerprint == *fingerprint;
                self.restand(approved, &Standing::Approved);
            }
            DecisionAction::Deny { .. } => {
                let decisions = self.decisions.clone();
                self.restand(|authority| decisions.denial(authority).is_some(), &Standing::Denied);
            }
            DecisionAction::Announce { .. } => self.explain_by_announcements(),
            DecisionAction::RetireLineage { lineage } => self.rotation.retire(*lineage),
            DecisionAction::Ack { finding } => self.acknowledge(*finding),
            DecisionAction::AnnounceOutage { .. }
            | DecisionAction::Baseline
            | DecisionAction::WithdrawApproval { .. }
            | DecisionAction::WithdrawAnnouncement { .. }
            | DecisionAction::WithdrawOutage { .. } => {}
        }
        self.settle_decision();
        self.regrade();
    }

    /// The high-water mark moves down only by a decision.
    fn acknowledge(&mut self, id: FindingId) {
        let rollback =
            |finding: &Finding| finding.id == id && finding.kind == FindingKind::Rollback;
        if self.ledger.open.iter().any(rollback) {
            self.bundle.accept_rollback();
        }
    }

    /// Gives these authorities another standing. What explains itself keeps its own: the rotation
    /// goes on from how it came, whoever approves of it.
    fn restand(&mut self, which: impl Fn(&Authority) -> bool, standing: &Standing) {
        let records = self.authorities.records.iter_mut();
        let records = records.map(|one| (&one.authority, one.published, &mut one.standing));
        let unconfirmed_authorities = self.authorities.unconfirmed.iter_mut();
        let unconfirmed_authorities =
            unconfirmed_authorities.map(|one| (&one.authority, one.seen, &mut one.standing));
        for (authority, seen, known) in records.chain(unconfirmed_authorities) {
            let explained = known.as_ref().is_some_and(Standing::is_explained);
            let keeps = known.as_ref() == Some(standing) || (explained && standing.is_explained());
            if !which(authority) || keeps {
                continue;
            }
            *known = Some(standing.clone());
            if *standing == Standing::Denied {
                self.rotation.deny(authority.id);
            } else {
                let (published, lifetime) = (published(authority, seen), lifetime(authority));
                self.rotation.explain(Explained { authority: authority.id, published, lifetime });
            }
        }
    }

    /// An announcement may come after the key that it explains.
    fn explain_by_announcements(&mut self) {
        let mut explained = Vec::new();
        for record in &self.authorities.records {
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
                        crate::watch::rotation::is_announced(
                            departure,
                            &record.authority,
                            announced,
                        )
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
