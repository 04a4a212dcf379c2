//! The decisions that hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Announced, AnnouncedOutage, Approval, Decision, DecisionAction, DecisionSource, Denial,
    Denials, denials,
};
use crate::bundle::{Authority, Fingerprint, PublicKeyId};
use crate::finding::FindingId;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// The decisions that hold for one trust domain: the fold of those in its journal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Decisions {
    /// Authorities that are explained.
    pub approvals: Vec<Approval>,
    /// Authorities that are rogue.
    pub denials: Vec<Denial>,
    /// Authorities that are to come, or came.
    pub announcements: Vec<Announced>,
    /// When the endpoint is to be away.
    pub outages: Vec<AnnouncedOutage>,
    /// Findings that were looked at, newest last.
    pub acks: Vec<FindingId>,
    /// Whether someone said that the bundle is the baseline.
    pub baseline: bool,
    /// What was decided by lines that stand in the configuration: each was taken down once, so
    /// that a restart does not repeat what an operator decided otherwise since.
    pub configured: Vec<DecisionAction>,
}

impl Decisions {
    /// How many of each are kept, oldest dropped first; denials are kept for ever. More than a
    /// configuration may hold.
    const MOST: usize = 8192;

    /// Takes in what was decided at `at`.
    pub fn apply(&mut self, at: Timestamp, decision: &Decision) {
        let words = words(decision);
        self.configure(decision);
        match &decision.action {
            DecisionAction::Announce { announcement } => {
                let (announcement, explains) = (announcement.clone(), Vec::new());
                let announced = Announced { announcement, words, explains, withdrawn: false };
                push(&mut self.announcements, announced);
            }
            DecisionAction::AnnounceOutage { outage } => {
                push(&mut self.outages, AnnouncedOutage { outage: *outage, words });
            }
            DecisionAction::WithdrawOutage { outage } => {
                self.outages.retain(|one| one.outage != *outage);
            }
            DecisionAction::Approve { fingerprint } => {
                let fingerprint = *fingerprint;
                // A later approval with a reason overrides a denial (docs/judgement.md#denials).
                self.denials.retain(|denial| denial.fingerprint != fingerprint);
                self.approvals.retain(|approval| approval.fingerprint != fingerprint);
                push(&mut self.approvals, Approval { fingerprint, at, words });
            }
            DecisionAction::Deny { fingerprint, public_key, denied_at, .. } => {
                let (fingerprint, public_key) = (*fingerprint, *public_key);
                let at = denied_at.unwrap_or(at);
                // What was decided earlier, and waited to be journaled, undoes no later decision.
                if denied_at.is_some() && self.overrides(fingerprint, at) {
                    return;
                }
                self.approvals.retain(|approval| approval.fingerprint != fingerprint);
                self.denials.retain(|denial| denial.fingerprint != fingerprint);
                self.denials.push(Denial { fingerprint, public_key, at, words });
            }
            DecisionAction::Ack { finding } => push(&mut self.acks, *finding),
            DecisionAction::Baseline => self.baseline = true,
            DecisionAction::RetireLineage { .. } => (),
            DecisionAction::WithdrawApproval { fingerprint } => {
                self.approvals.retain(|approval| approval.fingerprint != *fingerprint);
            }
            DecisionAction::WithdrawAnnouncement { announcement } => {
                for announced in &mut self.announcements {
                    if announced.announcement == *announcement {
                        announced.withdrawn = true;
                    }
                }
            }
        }
    }

    /// Which lines of the configuration are taken down.
    fn configure(&mut self, decision: &Decision) {
        if decision.source != DecisionSource::Configuration {
            return;
        }
        match decision.action.withdrawn() {
            Some(line) => self.configured.retain(|known| *known != line),
            None if self.configured.contains(&decision.action) => (),
            None => push(&mut self.configured, decision.action.clone()),
        }
    }

    /// What the decisions of a configuration change in those on record: its new lines, and the
    /// withdrawal of those that are gone.
    pub fn catch_up(&self, configured: &[Decision]) -> Vec<Decision> {
        let gone = self
            .configured
            .iter()
            .filter(|known| !configured.iter().any(|decision| decision.action == **known));
        let withdrawal = |action: DecisionAction| Decision {
            action,
            by: UntrustedText::default(),
            reason: "its line is no longer in the configuration".into(),
            uid: None,
            source: DecisionSource::Configuration,
        };
        let gone = gone.filter_map(DecisionAction::withdrawal).map(withdrawal);
        let new = configured.iter().filter(|decision| !self.configured.contains(&decision.action));
        gone.chain(new.cloned()).collect()
    }

    /// Whether the endpoint was to be away at `at`, or until less than `grace` before.
    pub fn outage(&self, at: Timestamp, grace: Duration) -> bool {
        self.outages.iter().any(|one| one.outage.lasts(at, grace))
    }

    /// The approval of this authority, where there is one.
    pub fn approval(&self, authority: &Authority) -> Option<&Approval> {
        self.approvals.iter().find(|approval| approval.fingerprint == authority.id.fingerprint)
    }

    /// The denial that binds this authority, where there is one. An approval of that very
    /// fingerprint overrides it.
    pub fn denial(&self, authority: &Authority) -> Option<&Denial> {
        self.denial_of(authority.id.fingerprint, authority.public_key)
    }

    /// The denial that binds a certificate of this fingerprint, or its public key.
    pub fn denial_of(
        &self,
        fingerprint: Fingerprint,
        public_key: Option<PublicKeyId>,
    ) -> Option<&Denial> {
        denials::binding(&self.denials, &self.approvals, fingerprint, public_key)
    }

    /// What is denied, apart from every other decision.
    pub fn denials(&self) -> Denials {
        Denials::of_decisions(&self.denials, &self.approvals)
    }

    /// Takes in the public key of an authority that was denied before anyone had seen it.
    pub fn recognize(&mut self, authority: &Authority) {
        denials::recognize(&mut self.denials, authority);
    }
}

/// Who and why, as evidence shows it.
fn words(decision: &Decision) -> UntrustedText {
    let by = match decision.by.as_received() {
        "" => "the configuration",
        by => by,
    };
    match decision.reason.as_received() {
        "" => format!("by {by}"),
        reason => format!("by {by}: {reason}"),
    }
    .into()
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if Decisions::MOST <= list.len() {
        list.remove(0);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{AuthorityId, KeyType, SvidType};

    #[test]
    fn the_latest_denial_of_a_public_key_counts_under_whatever_certificate() {
        let key = PublicKeyId::of(b"one key");
        let certificate = |name: &[u8]| Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::of(name) },
            public_key: Some(key),
            key_type: KeyType::EcP256,
            kid: None,
            certificate: None,
        };
        let [one, other, third] = [b"1", b"2", b"3"].map(|name| certificate(name));
        let mut decisions = Decisions::default();
        let mut decides = |second, action| {
            let (by, reason) = ("j.doe".into(), "CHG-1".into());
            let decision =
                Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
            decisions.apply(Timestamp::from_unix(second), &decision);
        };
        let deny = |authority: &Authority| DecisionAction::Deny {
            fingerprint: authority.id.fingerprint,
            public_key: authority.public_key,
            everywhere: false,
            denied_at: None,
        };
        decides(1, deny(&one));
        decides(2, DecisionAction::Approve { fingerprint: other.id.fingerprint });
        decides(3, deny(&third));
        assert!(decisions.denial(&other).is_some(), "denied after it was approved");
        let action = DecisionAction::Approve { fingerprint: other.id.fingerprint };
        let (by, reason) = ("j.doe".into(), "CHG-2".into());
        let approval = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        decisions.apply(Timestamp::from_unix(4), &approval);
        assert!(decisions.denial(&other).is_none());
        assert!(decisions.denial(&one).is_some());
    }
}
