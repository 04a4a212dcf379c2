//! What is denied, apart from every other decision: what whoever verifies a certificate asks.

use serde::{Deserialize, Serialize};

use crate::bundle::{Authority, Fingerprint, PublicKeyId};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// An authority that someone approved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Approval {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Since when.
    pub at: Timestamp,
    /// Who and why, in words.
    pub words: UntrustedText,
}

/// An authority that someone denied.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Denial {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its public key, where it is known.
    pub public_key: Option<PublicKeyId>,
    /// Since when.
    pub at: Timestamp,
    /// Who and why, in words.
    pub words: UntrustedText,
}

/// The denials that stand, and the approvals that came after the first of them: an approval of the
/// very fingerprint overrides a denial that is older.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denials {
    denials: Vec<Denial>,
    approvals: Vec<Approval>,
}

impl Denials {
    /// Of all decisions, those that say what is denied.
    pub(super) fn of_decisions(denials: &[Denial], approvals: &[Approval]) -> Self {
        let Some(first) = denials.iter().map(|denial| denial.at).min() else {
            return Self::default();
        };
        let later = approvals.iter().filter(|approval| first < approval.at);
        Self { denials: denials.to_vec(), approvals: later.cloned().collect() }
    }

    /// Whether nothing is denied.
    pub fn is_empty(&self) -> bool {
        self.denials.is_empty()
    }

    /// All denials, overridden for some certificate or not.
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// The approvals that may override one.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// The denial that binds a certificate of this fingerprint, or its public key.
    pub fn binding(
        &self,
        fingerprint: Fingerprint,
        public_key: Option<PublicKeyId>,
    ) -> Option<&Denial> {
        binding(&self.denials, &self.approvals, fingerprint, public_key)
    }

    /// The denial that binds this authority.
    pub fn of(&self, authority: &Authority) -> Option<&Denial> {
        self.binding(authority.id.fingerprint, authority.public_key)
    }

    /// Takes in the public key of an authority that was denied before anyone had seen it.
    pub fn recognize(&mut self, authority: &Authority) {
        recognize(&mut self.denials, authority);
    }
}

/// The latest denial that binds a certificate of this fingerprint, or its public key, where no
/// later approval of that fingerprint overrides it.
pub(super) fn binding<'a>(
    denials: &'a [Denial],
    approvals: &[Approval],
    fingerprint: Fingerprint,
    public_key: Option<PublicKeyId>,
) -> Option<&'a Denial> {
    let binds = |denial: &&Denial| {
        denial.fingerprint == fingerprint
            || (public_key.is_some() && denial.public_key == public_key)
    };
    let denial = denials.iter().filter(binds).max_by_key(|denial| denial.at)?;
    let mut approvals = approvals.iter();
    let overridden =
        approvals.any(|approval| approval.fingerprint == fingerprint && denial.at < approval.at);
    (!overridden).then_some(denial)
}

/// A denial binds the public key, also where that was not known when it was made.
pub(super) fn recognize(denials: &mut [Denial], authority: &Authority) {
    for denial in denials {
        if denial.fingerprint == authority.id.fingerprint {
            denial.public_key = denial.public_key.or(authority.public_key);
        }
    }
}
