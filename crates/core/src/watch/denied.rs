//! Answers that rest on a denied key.

use super::stepper::Stepper;
use super::{Answer, DeniedSighting, EndpointState, Event, Facts, FailureReason};
use crate::bundle::{AuthorityId, Fingerprint, SvidType};

/// For how many intervals a denied key must not be seen until it counts as gone.
const QUIET: u32 = 10;

impl Facts {
    /// The authority of this fingerprint, of whatever use it was seen.
    fn authority_of(&self, fingerprint: Fingerprint) -> AuthorityId {
        let named = |svid_type: &SvidType| AuthorityId { svid_type: *svid_type, fingerprint };
        let seen = |id: &AuthorityId| {
            self.record(*id).is_some()
                || self.authorities.unconfirmed.iter().any(|one| one.authority.id == *id)
        };
        let mut uses = SvidType::ALL.iter().map(named);
        uses.find(seen).unwrap_or(AuthorityId { svid_type: SvidType::X509, fingerprint })
    }
}

impl Stepper<'_> {
    /// Notes who answered with a denied key, beside good answers too, and who does so no more.
    pub(super) fn note_denied_signers(&mut self, answers: &[Answer]) {
        for failure in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            if failure.reason != FailureReason::DeniedSigner {
                continue;
            }
            for fingerprint in &failure.denied {
                let authority = self.facts.authority_of(*fingerprint);
                let known =
                    self.facts.endpoint.denied_signers.iter().any(|one| one.authority == authority);
                if !known
                    && self.facts.endpoint.denied_signers.len() < EndpointState::DENIED_SIGNERS
                {
                    let (address, presented) = (failure.address, failure.presented.clone());
                    self.emit(Event::DeniedSignerSeen { authority, address, presented });
                }
                self.saw_denied_signer(*fingerprint);
            }
        }
        let quiet = self.base_interval() * QUIET;
        let gone: Vec<AuthorityId> = self
            .facts
            .endpoint
            .denied_signers
            .iter()
            .filter(|one| {
                let seen = self.poll_state.denied_signers.iter();
                let mut seen = seen.filter(|seen| seen.authority == one.authority.fingerprint);
                let last = seen.next().map_or(one.since, |seen| seen.last);
                // While no good poll was made, it is the last that is known of who answers.
                self.poll_state.last_success.is_some_and(|good| last < good)
                    && self.at.since(last).is_some_and(|calm| quiet <= calm)
            })
            .map(|one| one.authority)
            .collect();
        for authority in gone {
            self.poll_state.denied_signers.retain(|seen| seen.authority != authority.fingerprint);
            self.emit(Event::DeniedSignerGone { authority });
        }
    }

    fn saw_denied_signer(&mut self, authority: Fingerprint) {
        let known = self.facts.endpoint.denied_signers.iter();
        if !known.clone().any(|one| one.authority.fingerprint == authority) {
            return;
        }
        let last = self.at;
        self.poll_state.denied_signers.retain(|seen| {
            let mut known = known.clone();
            seen.authority != authority
                && known.any(|one| one.authority.fingerprint == seen.authority)
        });
        self.poll_state.denied_signers.push(DeniedSighting { authority, last });
    }
}
