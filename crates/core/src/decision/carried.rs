//! Denials that a trust domain missed, or knows without their public key: a denial binds the key in
//! every trust domain and permanently (docs/judgement.md, Denials).
//!
//! A carried denial keeps the date on which an operator decided it: an approval that came later
//! overrides it wherever it stands, and one that came earlier does not.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::{Decision, DecisionAction, DecisionSource, Decisions, Denial};
use crate::bundle::{Authority, Fingerprint};
use crate::time::Timestamp;

/// Who journals a denial that nobody decides anew.
const BY: &str = "anchorwatch";
const ELSEWHERE: &str = "denied in another trust domain ";
const KEY_KNOWN: &str = "its public key is known now; denied ";

/// The denials that a trust domain must have, each key once: those of the trust domains that are
/// watched, and those of the ones that are not watched any more.
///
/// An approval reaches the trust domains that are watched. So a denial that no watched trust domain
/// holds, and that one of them approved since, is overridden: the other copies are older.
pub fn denials_to_carry<'a>(
    watched: impl IntoIterator<Item = &'a Decisions>,
    archived: impl IntoIterator<Item = &'a Decisions>,
) -> Vec<Denial> {
    let watched: Vec<&Decisions> = watched.into_iter().collect();
    let mut denials = BTreeMap::new();
    for denial in watched.iter().flat_map(|one| &one.denials) {
        merge(&mut denials, denial);
    }
    let held: Vec<Fingerprint> = denials.keys().copied().collect();
    for denial in archived.into_iter().flat_map(|one| &one.denials) {
        let is_held = held.binary_search(&denial.fingerprint).is_ok();
        let overrides = |one: &&Decisions| one.overrides(denial.fingerprint, denial.at);
        if is_held || !watched.iter().any(overrides) {
            merge(&mut denials, denial);
        }
    }
    denials.into_values().collect()
}

/// One trust domain may have seen the key, and another one not. The latest denial counts.
fn merge(denials: &mut BTreeMap<Fingerprint, Denial>, denial: &Denial) {
    match denials.entry(denial.fingerprint) {
        Entry::Vacant(place) => _ = place.insert(denial.clone()),
        Entry::Occupied(mut known) => {
            let known = known.get_mut();
            let public_key = known.public_key.or(denial.public_key);
            if known.at < denial.at {
                known.clone_from(denial);
            }
            known.public_key = public_key;
        }
    }
}

impl Decisions {
    /// The decisions that make up for those of these denials that this trust domain missed, or has
    /// without the public key. One that was overridden here since stays so.
    pub fn missed(&self, denials: &[Denial]) -> Vec<Decision> {
        let own: BTreeMap<Fingerprint, &Denial> =
            self.denials.iter().map(|denial| (denial.fingerprint, denial)).collect();
        let mut missed = Vec::new();
        for denial in denials {
            match own.get(&denial.fingerprint) {
                Some(own) if own.public_key.is_some() || denial.public_key.is_none() => (),
                Some(_) => missed.push(carried(denial, KEY_KNOWN)),
                None if self.overrides(denial.fingerprint, denial.at) => (),
                None => missed.push(carried(denial, ELSEWHERE)),
            }
        }
        missed
    }

    /// The decisions that bind the public keys of authorities that were denied before anyone had
    /// seen them, now that these decisions know keys that `before` did not.
    pub fn learned_keys(&self, before: &Self) -> Vec<Decision> {
        let nameless = before.denials.iter().filter(|denial| denial.public_key.is_none());
        let mut nameless: Vec<Fingerprint> = nameless.map(|denial| denial.fingerprint).collect();
        nameless.sort_unstable();
        let learned = self.denials.iter().filter(|denial| {
            denial.public_key.is_some() && nameless.binary_search(&denial.fingerprint).is_ok()
        });
        learned.map(|denial| carried(denial, KEY_KNOWN)).collect()
    }

    /// The same for what these authorities of a file say, which no endpoint need have published.
    pub fn keys_in_file<'a>(
        &self,
        authorities: impl IntoIterator<Item = &'a Arc<Authority>>,
    ) -> Vec<Decision> {
        if self.denials.iter().all(|denial| denial.public_key.is_some()) {
            return Vec::new();
        }
        let mut known = self.clone();
        for authority in authorities {
            known.recognize(authority);
        }
        known.learned_keys(self)
    }

    /// Whether an approval of this fingerprint overrides a denial of it that was decided `at`.
    pub(super) fn overrides(&self, fingerprint: Fingerprint, at: Timestamp) -> bool {
        let mut approvals = self.approvals.iter();
        approvals.any(|approval| approval.fingerprint == fingerprint && at < approval.at)
    }
}

fn carried(denial: &Denial, because: &str) -> Decision {
    let words = denial.words.as_received();
    // It may have been carried before: the journal says once why.
    let before = words.strip_prefix("by anchorwatch: ");
    let before = before.and_then(|reason| {
        reason.strip_prefix(ELSEWHERE).or_else(|| reason.strip_prefix(KEY_KNOWN))
    });
    Decision {
        action: DecisionAction::Deny {
            fingerprint: denial.fingerprint,
            public_key: denial.public_key,
            everywhere: true,
            denied_at: Some(denial.at),
        },
        by: BY.into(),
        reason: format!("{because}{}", before.unwrap_or(words)).into(),
        uid: None,
        source: DecisionSource::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{AuthorityId, KeyType, PublicKeyId, SvidType};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn decide(decisions: &mut Decisions, when: i64, action: DecisionAction) {
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        decisions.apply(at(when), &decision);
    }

    fn deny(key: &[u8]) -> DecisionAction {
        let fingerprint = Fingerprint::of(key);
        DecisionAction::Deny { fingerprint, public_key: None, everywhere: false, denied_at: None }
    }

    fn approve(key: &[u8]) -> DecisionAction {
        DecisionAction::Approve { fingerprint: Fingerprint::of(key) }
    }

    fn certificate(name: &[u8], key: &[u8]) -> Authority {
        Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::of(name) },
            public_key: Some(PublicKeyId::of(key)),
            key_type: KeyType::EcP256,
            kid: None,
            certificate: None,
        }
    }

    /// Decisions that were made at these moments.
    fn decisions(made: &[(i64, DecisionAction)]) -> Decisions {
        let mut decisions = Decisions::default();
        for (when, action) in made {
            decide(&mut decisions, *when, action.clone());
        }
        decisions
    }

    fn take(decisions: &mut Decisions, when: i64, carried: &[Decision]) {
        for decision in carried {
            decisions.apply(at(when), decision);
        }
    }

    #[test]
    fn a_trust_domain_that_comes_later_learns_of_every_denial_once() {
        let one = decisions(&[(0, deny(b"x"))]);
        let other = decisions(&[(0, deny(b"x")), (5, deny(b"y"))]);
        let denials = denials_to_carry([&one, &other], []);
        assert_eq!(denials.len(), 2);
        let mut late = Decisions::default();
        let missed = late.missed(&denials);
        assert_eq!(missed.len(), 2);
        assert_eq!(one.missed(&denials).len(), 1);
        assert!(other.missed(&denials).is_empty());
        take(&mut late, 9, &missed);
        assert!(late.missed(&denials).is_empty());
    }

    #[test]
    fn what_was_overridden_since_is_not_repeated_and_what_was_approved_before_is() {
        let denials = denials_to_carry([&decisions(&[(5, deny(b"x"))])], []);
        assert!(decisions(&[(9, approve(b"x"))]).missed(&denials).is_empty());
        assert_eq!(decisions(&[(1, approve(b"x"))]).missed(&denials).len(), 1);
    }

    #[test]
    fn a_carried_denial_is_as_old_as_the_one_that_was_decided() {
        let first = decisions(&[(0, deny(b"x"))]);
        let overridden = decisions(&[(0, deny(b"x")), (5, approve(b"x"))]);
        let mut late = Decisions::default();
        let missed = late.missed(&denials_to_carry([&first, &overridden], []));
        take(&mut late, 9, &missed);
        assert_eq!(late.denials[0].at, at(0));
        let denials = denials_to_carry([&late, &overridden], []);
        assert!(overridden.missed(&denials).is_empty(), "it was decided before the approval");
        // One that waited to be journaled while the approval came has no effect.
        let mut waited = decisions(&[(0, deny(b"x"))]);
        let waits = Decisions::default().missed(&denials_to_carry([&waited], []));
        decide(&mut waited, 5, approve(b"x"));
        take(&mut waited, 9, &waits);
        assert!(waited.denials.is_empty() && waited.approvals.len() == 1);
    }

    #[test]
    fn why_a_key_was_denied_is_said_once_however_often_it_is_carried() {
        let mut before = decisions(&[(0, deny(b"x"))]);
        for _ in 0..3 {
            let mut next = Decisions::default();
            let missed = next.missed(&denials_to_carry([&before], []));
            take(&mut next, 9, &missed);
            before = next;
        }
        let words = before.denials[0].words.as_received();
        assert_eq!(words, "by anchorwatch: denied in another trust domain by j.doe: INC-1");
    }

    #[test]
    fn a_denial_of_a_trust_domain_that_is_not_watched_comes_back_unless_it_was_overridden() {
        let archived = decisions(&[(0, deny(b"x"))]);
        let silent = Decisions::default();
        let approved = decisions(&[(0, deny(b"x")), (5, approve(b"x"))]);
        let holds = decisions(&[(0, deny(b"x"))]);
        assert_eq!(denials_to_carry([&silent], [&archived]).len(), 1);
        assert!(denials_to_carry([&silent, &approved], [&archived]).is_empty());
        // It was approved for one trust domain alone.
        assert_eq!(denials_to_carry([&approved, &holds], [&archived]).len(), 1);
        // It was denied once more, after that.
        let again = decisions(&[(9, deny(b"x"))]);
        assert_eq!(denials_to_carry([&silent, &approved], [&again]).len(), 1);
    }

    #[test]
    fn a_public_key_that_one_trust_domain_learns_is_bound_in_all() {
        let blind = decisions(&[(0, deny(b"x"))]);
        let mut seeing = blind.clone();
        seeing.recognize(&certificate(b"x", b"key"));
        let learned = seeing.learned_keys(&blind);
        assert_eq!(learned.len(), 1);
        assert!(seeing.learned_keys(&seeing).is_empty());
        let mut other = blind.clone();
        let missed = other.missed(&denials_to_carry([&seeing, &blind], []));
        assert_eq!(missed, learned);
        assert!(other.denial(&certificate(b"renamed", b"key")).is_none());
        take(&mut other, 9, &missed);
        let denial = other.denial(&certificate(b"renamed", b"key")).expect("the key is denied");
        assert_eq!((denial.at, other.denials.len()), (at(0), 1));
        // An approval of the certificate that was denied is not undone.
        let overridden = decisions(&[(0, deny(b"x")), (5, approve(b"x"))]);
        assert!(overridden.missed(&denials_to_carry([&seeing], [])).is_empty());
    }

    #[test]
    fn a_file_tells_which_key_was_denied() {
        let blind = decisions(&[(0, deny(b"x")), (1, deny(b"y"))]);
        let file = [b"w", b"x"].map(|name| Arc::new(certificate(name, name)));
        let learned = blind.keys_in_file(&file);
        assert_eq!(learned.len(), 1);
        let mut bound = blind.clone();
        take(&mut bound, 9, &learned);
        assert!(bound.denial(&certificate(b"renamed", b"x")).is_some());
        assert!(bound.keys_in_file(&file).is_empty());
    }
}
