//! The endpoint: where it is, what authenticates it besides the bundle, and how it answers.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bundle::was_away;
use super::push_bounded;
use crate::bundle::{Authority, AuthorityId, Fingerprint, Validity};
use crate::decision::{Decision, DecisionAction};
use crate::finding::evidence::EndpointDifference;
use crate::spiffe::BundleEndpoint;
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;
use crate::watch::{Event, FailureReason, Presented, TrustOrigin};

/// A run of failed polls.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FailureRun {
    /// The poll that failed first.
    pub since: Timestamp,
    /// Why the polls fail now.
    pub reason: FailureReason,
    /// What goes wrong, in words.
    pub detail: UntrustedText,
    /// The denied authorities that the reason is about, as they were denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Fingerprint>,
}

/// Who answered with a certificate that rests on a denied key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DeniedSigner {
    /// The denied authority, as it was denied.
    pub authority: AuthorityId,
    /// The poll that saw it first.
    pub since: Timestamp,
    /// The address that answered so first.
    pub address: Option<IpAddr>,
    /// What it presented.
    pub presented: Option<Presented>,
}

/// What differs at the endpoint.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct EndpointShift {
    /// The poll that showed it.
    pub at: Timestamp,
    /// What differs.
    pub what: Vec<EndpointDifference>,
    /// Whether keys changed in the same poll.
    pub with_keys: bool,
}

/// The endpoint, and how it answers.
///
/// Invariants: a run of failures keeps the time of its first poll, whatever the reason becomes.
/// `rebootstrap` authenticates until the state changes or a good poll says that it has done its
/// work. Each list is bounded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct EndpointState {
    /// Where the bundle is served.
    pub configured: Option<BundleEndpoint>,
    /// When the first bundle was observed.
    pub first_contact: Option<Timestamp>,
    /// What authenticated the first bundle.
    pub first_authenticated_by: Option<TrustOrigin>,
    /// The X.509 authorities of the bootstrap file that authenticated the first bundle.
    pub bootstrapped_with: Vec<AuthorityId>,
    /// What an operator said authenticates, until a good poll.
    pub rebootstrap: Vec<Arc<Authority>>,
    /// The run of failures that lasts.
    pub failure: Option<FailureRun>,
    /// The last gap in the watch.
    pub last_gap: Option<Bracket>,
    /// Who answered of late with a certificate that rests on a denied key, oldest first.
    pub denied_signers: Vec<DeniedSigner>,
    /// The intermediate that the endpoint presented last, as far as its lifetime goes.
    pub intermediate: Option<Validity>,
    /// What differs at the endpoint, newest last.
    pub shifts: Vec<EndpointShift>,
    /// The /24 and /48 networks in which its name ever had an address, each by its first address,
    /// newest last.
    pub networks: Vec<IpAddr>,
}

impl EndpointState {
    /// How many denied signers are told apart at a time.
    pub(in crate::watch) const DENIED_SIGNERS: usize = 16;
    /// How many differences are kept.
    const SHIFTS: usize = 64;
    /// How many networks are kept: a CDN answers from a few dozen.
    const NETWORKS: usize = 256;

    /// Takes in an event.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a new event is none of the endpoint's")]
    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::EndpointConfigured { endpoint, .. } => self.configured = Some(endpoint.clone()),
            Event::FirstContact { authenticated_by, bootstrap } => {
                self.first_contact = Some(at);
                self.first_authenticated_by = *authenticated_by;
                self.bootstrapped_with.clone_from(bootstrap);
            }
            // A state that steps back is not trusted until it is confirmed: until then the
            // operator's file authenticates (docs/judgement.md#decisions).
            Event::BundleChanged { .. } => self.rebootstrap.clear(),
            Event::Rebootstrapped { authorities, .. } => self.rebootstrap.clone_from(authorities),
            Event::FailureBegan { reason, detail, denied, .. } => {
                let since = self.failure.as_ref().map_or(at, |run| run.since);
                let (reason, detail, denied) = (*reason, detail.clone(), denied.clone());
                self.failure = Some(FailureRun { since, reason, detail, denied });
            }
            Event::Recovered { failures, .. } => {
                self.failure = None;
                // Where no failure went before it, it says that the state is one that the
                // operator's file authenticated: the file has done its work.
                if *failures == 0 {
                    self.rebootstrap.clear();
                }
            }
            Event::WatchGap { after, .. } => self.last_gap = Some(Bracket::new(Some(*after), at)),
            Event::DeniedSignerSeen { authority, address, presented } => {
                let known = self.denied_signers.iter().any(|one| one.authority == *authority);
                if !known && self.denied_signers.len() < Self::DENIED_SIGNERS {
                    self.denied_signers.push(DeniedSigner {
                        authority: *authority,
                        since: at,
                        address: *address,
                        presented: presented.clone(),
                    });
                }
            }
            Event::DeniedSignerGone { authority } => {
                self.denied_signers.retain(|one| one.authority != *authority);
            }
            Event::Decided {
                decision: Decision { action: DecisionAction::Approve { fingerprint }, .. },
            } => self.denied_signers.retain(|one| one.authority.fingerprint != *fingerprint),
            Event::IntermediateSeen { validity } => self.intermediate = Some(*validity),
            Event::EndpointShifted { what, with_keys } => {
                let shift = EndpointShift { at, what: what.clone(), with_keys: *with_keys };
                push_bounded(&mut self.shifts, shift, Self::SHIFTS);
            }
            Event::NetworksFound { networks } => {
                for network in networks {
                    if !self.networks.contains(network) {
                        push_bounded(&mut self.networks, *network, Self::NETWORKS);
                    }
                }
            }
            _ => (),
        }
    }

    /// Whether the watch was away within this bracket.
    pub fn was_away(&self, when: Bracket) -> bool {
        was_away(self.last_gap, when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{KeyType, SvidType};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn failed(reason: FailureReason) -> Event {
        let detail = "no answer".into();
        Event::FailureBegan { reason, detail, address: None, presented: None, denied: Vec::new() }
    }

    fn rebootstrapped() -> Event {
        let authority = Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: Fingerprint::of(b"a") },
            public_key: None,
            key_type: KeyType::EcP256,
            kid: None,
            certificate: None,
        };
        let (by, reason) = (UntrustedText::default(), UntrustedText::default());
        Event::Rebootstrapped { by, uid: None, reason, authorities: vec![Arc::new(authority)] }
    }

    #[test]
    fn a_run_of_failures_keeps_its_beginning_and_ends_with_a_good_poll() {
        let mut state = EndpointState::default();
        state.apply(at(1), &failed(FailureReason::Timeout));
        state.apply(at(2), &failed(FailureReason::NoTrust));
        let run = state.failure.clone().unwrap();
        assert_eq!((run.since, run.reason), (at(1), FailureReason::NoTrust));
        state.apply(at(3), &Event::Recovered { failures: 2, since: at(1) });
        assert_eq!(state.failure, None);
    }

    #[test]
    fn an_operators_file_authenticates_until_it_has_done_its_work() {
        let mut state = EndpointState::default();
        state.apply(at(1), &rebootstrapped());
        state.apply(at(2), &Event::Recovered { failures: 3, since: at(0) });
        assert_eq!(state.rebootstrap.len(), 1, "the answer was not compared yet");
        state.apply(at(3), &Event::Recovered { failures: 0, since: at(3) });
        assert!(state.rebootstrap.is_empty());
    }

    #[test]
    fn of_many_networks_the_first_are_forgotten() {
        let mut state = EndpointState::default();
        let network = |third: u16| {
            let [high, low] = third.to_be_bytes();
            IpAddr::from([10, high, low, 0])
        };
        let most = u16::try_from(EndpointState::NETWORKS).unwrap();
        for third in 0..=most {
            let networks = vec![network(third), network(third)];
            state.apply(at(1), &Event::NetworksFound { networks });
        }
        assert_eq!(state.networks.len(), EndpointState::NETWORKS);
        assert!(!state.networks.contains(&network(0)));
        assert!(state.networks.contains(&network(1)) && state.networks.contains(&network(most)));
    }

    #[test]
    fn the_watch_was_away_only_where_the_gap_lies_within() {
        let mut state = EndpointState::default();
        let away = std::time::Duration::from_secs(10);
        state.apply(at(20), &Event::WatchGap { after: at(10), away });
        assert!(state.was_away(Bracket::new(Some(at(10)), at(20))));
        assert!(!state.was_away(Bracket::new(Some(at(15)), at(20))));
    }
}
