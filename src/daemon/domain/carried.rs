//! Denials that came from other trust domains, and public keys of what was denied before anyone had
//! seen it, until they are journaled here too.

use std::sync::Arc;

use super::WatchedDomain;
use crate::daemon::poll_context::PollContext;
use anchorwatch_core::decision::{Decision, DecisionAction, Decisions};
use anchorwatch_core::watch::{Event, Facts};

impl WatchedDomain {
    /// What is known, under every denial that binds. One that waits to be journaled here is in the
    /// journal of another trust domain already: it binds from the first poll, and does not wait for
    /// the disk.
    pub(super) fn binding_facts(&self, shared: &PollContext) -> Arc<Facts> {
        let mut facts = Arc::clone(&self.state.facts);
        if !self.carried.is_empty() {
            let at = shared.clock.now();
            let decisions = &mut Arc::make_mut(&mut facts).decisions;
            self.carried.iter().for_each(|denial| decisions.apply(at, denial));
        }
        facts
    }

    /// Has the public key of what was denied before anyone had seen it journaled as denied, now that
    /// a poll brought it: so it binds here under each certificate, and can be carried to others.
    pub(super) fn learn_denied_keys(&mut self, before: &Decisions) {
        self.carried.extend(self.state.facts.decisions.learned_keys(before));
    }

    /// The same for the keys that the operator's files name.
    pub(super) fn denied_keys_in_files(&self, facts: &Facts) -> Vec<Decision> {
        let bootstrap = self.bootstrap.as_deref().unwrap_or_default();
        facts.decisions.keys_in_file(bootstrap.iter().chain(&facts.endpoint.rebootstrap))
    }
}

/// Whether other trust domains may have these denials without their public keys.
pub(super) fn names_denied_keys(events: &[Event]) -> bool {
    let names_key = |event: &Event| {
        let Event::Decided { decision } = event else { return false };
        matches!(
            decision.action,
            DecisionAction::Deny { public_key: Some(_), denied_at: Some(_), .. }
        )
    };
    events.iter().any(names_key)
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::bundle::Fingerprint;
    use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource, denials_to_carry};
    use anchorwatch_core::time::Timestamp;
    use anchorwatch_core::watch::{DomainState, Event};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rusqlite::Connection;

    use crate::daemon::domain::WatchedDomain;
    use crate::daemon::testing::TestScene;
    use anchorwatch_core::judge;

    fn authority(key: &KeyPair) -> rcgen::Certificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let id = "spiffe://a.example".try_into().unwrap();
        params.subject_alt_names = vec![rcgen::SanType::URI(id)];
        params.self_signed(key).unwrap()
    }

    /// What a trust domain decided by which this key is denied.
    fn elsewhere(scene: &TestScene, denied: &[u8]) -> DomainState {
        let mut state = DomainState::default();
        let fingerprint = Fingerprint::of(denied);
        let action = DecisionAction::Deny {
            fingerprint,
            public_key: None,
            everywhere: false,
            denied_at: None,
        };
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        let policy = &scene.config.relationships[0].settings.policy;
        judge::record(&mut state, Timestamp::from_unix(0), Event::Decided { decision }, policy);
        state
    }

    /// The trust domain with this bootstrap file.
    fn bootstrapped(scene: &TestScene, certificate: &rcgen::Certificate) -> WatchedDomain {
        let mut relation = scene.relation();
        let name = relation.relationship.trust_domain().clone();
        let listed = crate::config::bootstrap::parse_bytes(certificate.pem().as_bytes(), &name);
        relation.bootstrap = Ok(listed.unwrap());
        WatchedDomain::new(relation, DomainState::default())
    }

    const SPIFFE: &str = "https_spiffe: {endpoint_spiffe_id: \"spiffe://a.example/server\"}";

    #[tokio::test]
    async fn a_denial_that_waits_for_the_journal_binds_from_the_first_poll() {
        let scene = TestScene::with_profile(SPIFFE);
        let rogue = authority(&KeyPair::generate().unwrap());
        let mut domain = bootstrapped(&scene, &rogue);
        let known = elsewhere(&scene, rogue.der());
        let missed =
            domain.state().facts.decisions.missed(&denials_to_carry([&known.facts.decisions], []));
        let store = Connection::open(scene.folder().join("anchorwatch.sqlite")).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(!domain.configure(&scene.shared, missed).await, "it is not journaled");
        assert!(domain.state().facts.decisions.denials.is_empty());
        let order = domain.begin_poll(&scene.shared).unwrap();
        let trust = order.trust.as_ref().expect("it says that all of it is denied");
        assert!(trust.is_denied(), "the denied key authenticates: {trust:?}");
        store.execute_batch("ROLLBACK").unwrap();
        assert!(domain.configure(&scene.shared, Vec::new()).await, "it is journaled");
        let [denial] = &domain.state().facts.decisions.denials[..] else { panic!("one denial") };
        assert!(denial.public_key.is_some(), "the bootstrap file names its key");
        assert!(domain.begin_poll(&scene.shared).unwrap().trust.unwrap().is_denied());
    }
}
