//! What the endpoint's own SVID says of the authority that signed it: the one sign of activation
//! that can be seen from outside.

use super::stepper::Stepper;
use super::{AuthorityRecord, Event, Facts, Leaf, Observation, Presented, SeenLeaf};
use crate::bundle::{Fingerprint, SvidType};

/// How many leaves are kept, one an authority.
const LEAVES: usize = 64;

impl Stepper<'_> {
    /// What the endpoint's own SVID says of the authority that signed it.
    pub(super) fn signed(&mut self, observation: &Observation) {
        let Some(presented) = &observation.source.presented else {
            return;
        };
        let Some(record) = signer(&self.facts, presented) else { return };
        let leaf = Leaf { seen_at: self.at, validity: presented.leaf.validity };
        let authority = record.id();
        let earlier =
            record.signed.is_none_or(|known| leaf.validity.not_before < known.validity.not_before);
        if earlier {
            self.emit_if_due(Event::AuthoritySigned { authority, leaf });
        }
        self.saw_leaf(authority.fingerprint, leaf);
    }

    fn saw_leaf(&mut self, authority: Fingerprint, leaf: Leaf) {
        let known = self.poll_state.leaves.iter().find(|seen| seen.authority == authority);
        if let Some(known) = known.map(|seen| seen.leaf.validity) {
            self.older(authority, known, leaf.validity);
        }
        let leaves = &mut self.poll_state.leaves;
        leaves.retain(|seen| seen.authority != authority);
        if LEAVES <= leaves.len() {
            leaves.remove(0);
        }
        leaves.push(SeenLeaf { authority, leaf });
    }
}

/// The published authority that signed what the endpoint presented.
fn signer<'a>(facts: &'a Facts, presented: &Presented) -> Option<&'a AuthorityRecord> {
    let x509 = |record: &&AuthorityRecord| record.id().svid_type == SvidType::X509;
    let mut records = facts.published().filter(x509);
    match (presented.anchor, presented.top_authority_key_id()) {
        (Some(anchor), _) => records.find(|record| record.id().fingerprint == anchor),
        (None, Some(key_id)) => records.find(|record| {
            let certificate = record.authority.certificate.as_ref();
            certificate.and_then(|c| c.subject_key_id.as_ref()) == Some(key_id)
        }),
        (None, None) => None,
    }
}
