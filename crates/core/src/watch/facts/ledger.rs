//! The event findings that are open, and what decisions do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Facts, push_bounded};
use crate::bundle::{Authority, AuthorityId, SvidType};
use crate::decision::{Announced, Decision, DecisionAction};
use crate::finding::{Finding, FindingId, FindingKind, Grade, LeftOut, SubjectId};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::rotation::{Explained, lifetime, published};
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

    pub(super) fn end(&mut self, at: Timestamp, id: FindingId) {
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

impl Facts {
    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        self.decisions.apply(at, decision);
        match &decision.action {
            DecisionAction::Approve { fingerprint } => {
                self.denied_signers.retain(|one| one.authority.fingerprint != *fingerprint);
                self.restand(
                    |authority| authority.id.fingerprint == *fingerprint,
                    &Standing::Approved,
                );
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
            self.high_water = self.confirmed.as_ref().and_then(|c| c.sequence.given());
        }
    }

    /// Gives these authorities another standing. What explains itself keeps its own: the rotation
    /// goes on from how it came, whoever approves of it.
    fn restand(&mut self, which: impl Fn(&Authority) -> bool, standing: &Standing) {
        let records = self.authorities.iter_mut();
        let records = records.map(|one| (&one.authority, one.published, &mut one.standing));
        let unconfirmed_authorities = self.glimpsed.iter_mut();
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
