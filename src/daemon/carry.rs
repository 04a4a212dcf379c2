//! Denials that a trust domain missed: a denial binds everywhere and for ever (design, 7).

use anchorwatch_core::decision::{Decision, Deed, Denial, Door};
use anchorwatch_core::watch::{DomainState, Event};

/// The denials of all trust domains, each key once.
pub(super) fn denials<'a>(states: impl IntoIterator<Item = &'a DomainState>) -> Vec<Denial> {
    let mut denials: Vec<Denial> = Vec::new();
    for state in states {
        for denial in &state.facts.decisions.denials {
            let known = denials.iter_mut().find(|one| one.fingerprint == denial.fingerprint);
            match known {
                // One trust domain may have seen the key, and another one not.
                Some(known) => known.public_key = known.public_key.or(denial.public_key),
                None => denials.push(denial.clone()),
            }
        }
    }
    denials
}

/// Those of them that this trust domain missed while it was not watched. One that an operator has
/// overridden there since stays so.
pub(super) fn missed(denials: &[Denial], state: &DomainState) -> Vec<Event> {
    let decisions = &state.facts.decisions;
    let missed = denials.iter().filter(|denial| {
        let known = decisions.denials.iter().any(|one| one.fingerprint == denial.fingerprint);
        let later = state.sight.last_poll.is_none_or(|last| last < denial.at);
        let mut approvals = decisions.approvals.iter();
        let overridden =
            approvals.any(|one| one.fingerprint == denial.fingerprint && denial.at < one.at);
        !known && later && !overridden
    });
    let deny = |denial: &Denial| Decision {
        deed: Deed::Deny {
            fingerprint: denial.fingerprint,
            public_key: denial.public_key,
            everywhere: true,
        },
        by: "anchorwatch".into(),
        reason: format!("denied in another trust domain {}", denial.words).into(),
        uid: None,
        door: Door::Operator,
    };
    missed.map(|denial| Event::Decided { decision: deny(denial) }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use anchorwatch_core::bundle::Fingerprint;
    use anchorwatch_core::time::Timestamp;
    use anchorwatch_core::watch;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn decided(state: &mut DomainState, when: i64, deed: Deed) {
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { deed, by, reason, uid: None, door: Door::Operator };
        watch::record(state, at(when), &Event::Decided { decision });
    }

    fn deny(key: &[u8]) -> Deed {
        let fingerprint = Fingerprint::of(key);
        Deed::Deny { fingerprint, public_key: None, everywhere: false }
    }

    #[test]
    fn a_trust_domain_that_comes_later_learns_of_every_denial_once() {
        let mut one = DomainState::default();
        decided(&mut one, 0, deny(b"x"));
        let mut other = one.clone();
        decided(&mut other, 5, deny(b"y"));
        let denials = denials([&one, &other]);
        assert_eq!(denials.len(), 2);
        assert_eq!(missed(&denials, &DomainState::default()).len(), 2);
        assert_eq!(missed(&denials, &one).len(), 1);
        assert!(missed(&denials, &other).is_empty());
    }

    #[test]
    fn what_was_overridden_or_decided_while_it_was_watched_is_not_repeated() {
        let mut one = DomainState::default();
        decided(&mut one, 0, deny(b"x"));
        let denials = denials([&one]);
        let mut overridden = DomainState::default();
        decided(&mut overridden, 9, Deed::Approve { fingerprint: Fingerprint::of(b"x") });
        assert!(missed(&denials, &overridden).is_empty());
        let mut watched = DomainState { facts: Arc::default(), ..DomainState::default() };
        watched.sight.last_poll = Some(at(1));
        assert!(missed(&denials, &watched).is_empty());
    }
}
