//! Which authorities authenticate an endpoint, and which never do.

use std::sync::Arc;

use super::Facts;
use crate::bundle::{Authority, Fingerprint, SvidType};
use crate::decision::Denials;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{
    Answer, AuthorityRecord, Failure, FailureReason, LatestAnswer, Presented, Trust, TrustOrigin,
};

impl Facts {
    /// What authenticates an endpoint of this trust domain now (Federation, 5.2.2.4: the latest
    /// stored bundle); `None` where nothing could.
    ///
    /// `bootstrap` counts only where nothing was ever stored. A denied authority counts nowhere, as if it stood in
    /// none of them: where that leaves none, the trust has no authorities, and says so.
    pub fn trust(
        &self,
        trust_domain: &TrustDomain,
        answer: LatestAnswer,
        bootstrap: &[Arc<Authority>],
    ) -> Option<Trust> {
        let mut denials = self.decisions.denials();
        if !denials.is_empty() {
            for authority in self.known_x509(bootstrap) {
                denials.recognize(authority);
            }
        }
        let bootstrap = if self.endpoint.first_contact.is_none() { bootstrap } else { &[] };
        let latest = match answer {
            LatestAnswer::Confirmed => TrustOrigin::Latest,
            LatestAnswer::StepsBack => TrustOrigin::LastConfirmed,
        };
        let mut refused = None;
        let mut select = |origin, authorities: &mut dyn Iterator<Item = &Arc<Authority>>| {
            let mut offered = authorities.filter(|authority| is_x509(authority)).peekable();
            if offered.peek().is_some() {
                refused.get_or_insert(origin);
            }
            let undenied = offered.filter(|authority| denials.of(authority).is_none());
            let undenied: Vec<_> = undenied.cloned().collect();
            (!undenied.is_empty()).then_some((origin, undenied))
        };
        let found = select(TrustOrigin::Rebootstrap, &mut self.endpoint.rebootstrap.iter())
            .or_else(|| select(latest, &mut self.published().map(|record| &record.authority)))
            .or_else(|| select(TrustOrigin::Bootstrap, &mut bootstrap.iter()))
            .or_else(|| select(TrustOrigin::LastConfirmed, &mut self.last_removed(&denials)));
        let denied = self.denied_x509(bootstrap, &denials);
        let (origin, authorities) = match found {
            Some(found) => found,
            None if denied.is_empty() => return None,
            None => (refused.unwrap_or(TrustOrigin::LastConfirmed), Vec::new()),
        };
        Some(Trust {
            trust_domain: trust_domain.clone(),
            origin,
            authorities: authorities.into(),
            denied: denied.into(),
            denials: if denials.is_empty() { Arc::default() } else { [denials].into() },
        })
    }

    /// The X.509 authorities that the bundle lost last, denied ones apart.
    fn last_removed(&self, denials: &Denials) -> impl Iterator<Item = &Arc<Authority>> {
        let until = self.last_x509_removal(|record| denials.of(&record.authority).is_none());
        let last = self.authorities.records.iter().filter(move |record| {
            until.is_some() && record.removed.map(|removed| removed.until) == until
        });
        last.map(|record| &record.authority)
    }

    /// When the bundle lost its last X.509 authorities of those that this holds of.
    pub(super) fn last_x509_removal(
        &self,
        of: impl Fn(&AuthorityRecord) -> bool,
    ) -> Option<Timestamp> {
        let x509 = self.authorities.records.iter().filter(|record| is_x509(&record.authority));
        let removed = x509.filter(|record| of(record)).filter_map(|record| record.removed);
        removed.map(|removed| removed.until).max()
    }

    /// Every X.509 authority that is known, whatever became of it.
    fn known_x509<'a>(
        &'a self,
        bootstrap: &'a [Arc<Authority>],
    ) -> impl Iterator<Item = &'a Arc<Authority>> {
        let recorded = self.authorities.records.iter().map(|record| &record.authority);
        let unconfirmed = self
            .authorities
            .unconfirmed
            .iter()
            .map(|unconfirmed_authority| &unconfirmed_authority.authority);
        let files = self.endpoint.rebootstrap.iter().chain(bootstrap);
        files.chain(recorded).chain(unconfirmed).filter(|authority| is_x509(authority))
    }

    /// The denied ones among them: one a public key, since one is enough to tell who signed.
    fn denied_x509(&self, bootstrap: &[Arc<Authority>], denials: &Denials) -> Vec<Arc<Authority>> {
        let mut denied: Vec<Arc<Authority>> = Vec::new();
        if denials.is_empty() {
            return denied;
        }
        for authority in self.known_x509(bootstrap) {
            let known = |one: &Arc<Authority>| {
                one.id == authority.id
                    || (one.public_key.is_some() && one.public_key == authority.public_key)
            };
            if denials.of(authority).is_some() && !denied.iter().any(known) {
                denied.push(Arc::clone(authority));
            }
            if denied.len() == Trust::DENIED {
                break;
            }
        }
        denied
    }

    /// The answer as it counts: one that rests on a denied key is a failure, and nothing that it
    /// says is looked at.
    ///
    /// Whoever verifies a chain has the trust of the moment at which the poll began. This is the
    /// moment at which its answer is taken in, and somebody may have decided since.
    pub fn refuse_denied(&self, answer: Answer) -> Answer {
        let observation = answer?;
        let presented = observation.source.presented.as_ref();
        let Some(denied) = presented.and_then(|presented| self.denied_key(presented)) else {
            return Ok(observation);
        };
        let unverified =
            |presented: Presented| Presented { anchor: None, path: Arc::default(), ..presented };
        Err(Failure {
            address: observation.source.address,
            presented: observation.source.presented.map(unverified),
            denied: vec![denied],
            ..Failure::new(
                FailureReason::DeniedSigner,
                format!("the certificate that it presents rests on the denied key of {denied}"),
            )
        })
    }

    /// The denied authority on whose key what was presented rests, as it was denied.
    fn denied_key(&self, presented: &Presented) -> Option<Fingerprint> {
        let decisions = &self.decisions;
        if decisions.denials.is_empty() {
            return None;
        }
        let mut path = presented.path.iter();
        let on_path =
            path.find_map(|key| decisions.denial_of(key.fingerprint, Some(key.public_key)));
        if let Some(denial) = on_path {
            return Some(denial.fingerprint);
        }
        if let Some(anchor) = presented.anchor {
            let known = self.known_x509(&[]).find(|authority| authority.id.fingerprint == anchor);
            let public_key = known.and_then(|authority| authority.public_key);
            return decisions.denial_of(anchor, public_key).map(|denial| denial.fingerprint);
        }
        // A recorded poll has no anchor, and names its signer's key: all that carry it are denied.
        let signer = presented.top_authority_key_id()?;
        let named = self.known_x509(&[]).filter(|authority| {
            let certificate = authority.certificate.as_ref();
            certificate.and_then(|one| one.subject_key_id.as_ref()) == Some(signer)
        });
        let mut denials = named.map(|authority| decisions.denial(authority));
        let first = denials.next().flatten()?;
        denials.all(|denial| denial.is_some()).then_some(first.fingerprint)
    }
}

fn is_x509(authority: &Authority) -> bool {
    authority.id.svid_type == SvidType::X509
}
