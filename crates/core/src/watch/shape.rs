//! What the endpoint looks like, and what about it changed.

use std::net::IpAddr;
use std::time::Duration;

use super::stepper::Stepper;
use super::{Event, Observation, OlderLeaf, Shape, Unlisted};
use crate::bundle::{Fingerprint, SvidType, Validity};
use crate::finding::evidence::EndpointDifference;
use crate::spiffe::{BundleEndpoint, EndpointProfile};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// How long a network counts as the endpoint's own.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);
/// How many networks are kept.
const NETWORKS: usize = 64;
/// How much of a name is kept, in bytes.
const NAME: usize = 128;
/// Intermediates whose lives differ by less have one life.
const SAME_LIFETIME: Duration = Duration::from_secs(15);

/// Whether keys changed in the same poll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeysOfPoll {
    Changed,
    Unchanged,
}

impl Stepper<'_> {
    /// Under an upstream authority the intermediate tells `ca_ttl`.
    pub(super) fn intermediate(&mut self, observation: &Observation) {
        let presented = observation.source.presented.as_ref();
        let Some(first) = presented.and_then(|presented| presented.chain.first()) else { return };
        let lifetime = |validity: &Validity| validity.not_after.since(validity.not_before);
        let known = self.facts.endpoint.intermediate.as_ref().and_then(lifetime);
        let Some(own) = lifetime(&first.validity) else { return };
        if known.is_none_or(|known| SAME_LIFETIME < known.abs_diff(own)) {
            self.emit_if_due(Event::IntermediateSeen { validity: first.validity });
        }
    }

    /// Compares what the endpoint looks like with what it looked like.
    pub(super) fn shape(&mut self, observation: &Observation, keys: KeysOfPoll) {
        let with_keys = keys == KeysOfPoll::Changed;
        let source = &observation.source;
        let web = self
            .facts
            .endpoint
            .configured
            .as_ref()
            .is_some_and(|endpoint| matches!(endpoint.profile, EndpointProfile::HttpsWeb));
        let leaf = source.presented.as_ref().map(|presented| &presented.leaf);
        let key_type = leaf.and_then(|leaf| leaf.key_type.clone());
        let issuer = leaf.and_then(|leaf| leaf.issuer.as_ref()).filter(|_| web);
        let issuer = issuer.map(|issuer| UntrustedText::new(issuer.as_received(), NAME));
        let redirected_to = source.redirected_to.as_ref();
        let redirected_to = redirected_to.map(|url| UntrustedText::new(url.as_str(), NAME));
        let first = self.poll_state.shape == Shape::default();
        // What differs now and finds its minute taken is compared again at the next poll.
        let before = self.reduced.then(|| self.poll_state.shape.clone());
        let mut what: Vec<EndpointDifference> = Vec::new();
        let Shape { key_type: known_type, web_issuer, redirected_to: known_target, .. } =
            &self.poll_state.shape;
        if !first && with_keys {
            if *known_type != key_type {
                let (before, now) = (known_type.clone(), key_type.clone());
                what.push(EndpointDifference::CertificateKey { before, now });
            }
            if *web_issuer != issuer {
                let (before, now) = (web_issuer.clone(), issuer.clone());
                what.push(EndpointDifference::CertificateIssuer { before, now });
            }
            if *known_target != redirected_to {
                let (before, now) = (known_target.clone(), redirected_to.clone());
                what.push(EndpointDifference::RedirectTarget { before, now });
            }
        }
        if let Some(address) = source.address
            && self.poll_state.shape.saw(address, self.at)
        {
            what.push(EndpointDifference::Network { network: network(address).into() });
        }
        let shape = &mut self.poll_state.shape;
        (shape.key_type, shape.web_issuer, shape.redirected_to) = (key_type, issuer, redirected_to);
        if !what.is_empty()
            && !self.emit_if_due(Event::EndpointShifted { what, with_keys })
            && let Some(before) = before
        {
            self.poll_state.shape = before;
        }
        self.belongs(observation);
    }

    /// Whether the bundle lists the authority that its endpoint's chain ends in.
    fn belongs(&mut self, observation: &Observation) {
        let Some(presented) = &observation.source.presented else { return };
        let own =
            self.facts.endpoint.configured.as_ref().is_none_or(BundleEndpoint::is_self_serving);
        if !own || self.poll_state.pending.is_some() {
            return;
        }
        let x509 =
            observation.bundle.authorities().iter().filter(|a| a.id.svid_type == SvidType::X509);
        let (name, listed) = match (presented.anchor, presented.top_authority_key_id()) {
            (Some(anchor), _) => {
                let mut x509 = x509;
                (anchor.to_string(), x509.any(|authority| authority.id.fingerprint == anchor))
            }
            (None, Some(key_id)) => {
                let mut ids = x509.filter_map(|a| a.certificate.as_ref()?.subject_key_id.as_ref());
                (key_id.to_string(), ids.any(|id| id == key_id))
            }
            (None, None) => return,
        };
        if listed {
            self.poll_state.unlisted = None;
        } else if self.poll_state.unlisted.as_ref().is_none_or(|known| *known.authority != *name) {
            self.poll_state.unlisted = Some(Unlisted { authority: name.into(), since: self.at });
        }
    }

    /// Compares a certificate of the endpoint with the last one of the same authority.
    pub(super) fn older(&mut self, authority: Fingerprint, known: Validity, seen: Validity) {
        let lifetime = known.not_after.since(known.not_before).unwrap_or_default();
        let back = known.not_before.since(seen.not_before).unwrap_or_default();
        if lifetime / 2 < back {
            let (older, newer): (Timestamp, Timestamp) = (seen.not_before, known.not_before);
            let seen_at = self.at;
            self.poll_state.older_leaf = Some(OlderLeaf { authority, older, newer, seen_at });
        }
    }
}

impl Shape {
    /// The endpoint answered from this address. Whether that lies outside of every network that it
    /// answered from within 30 days.
    pub fn saw(&mut self, address: IpAddr, at: Timestamp) -> bool {
        self.networks.retain(|(_, last)| at.since(*last).is_none_or(|ago| ago < REMEMBERED));
        let network = network(address);
        if let Some((_, last)) = self.networks.iter_mut().find(|(known, _)| **known == *network) {
            *last = at;
            return false;
        }
        let strange = !self.networks.is_empty();
        if NETWORKS <= self.networks.len() {
            let places = self.networks.iter().enumerate();
            let oldest = places.min_by_key(|(_, (_, last))| *last).map(|(place, _)| place);
            self.networks.remove(oldest.unwrap_or_default());
        }
        self.networks.push((network.into(), at));
        strange
    }
}

/// The /24 or /48 that an address is in.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_networks_the_one_that_answered_last_is_not_forgotten() {
        let mut shape = Shape::default();
        let at = |second| Timestamp::from_unix(1_800_000_000 + second);
        let address = |third| IpAddr::from([192, 0, third, 1]);
        assert!(!shape.saw(address(0), at(0)));
        for third in 1..=u8::try_from(NETWORKS).unwrap() {
            assert!(!shape.saw(address(0), at(i64::from(third))), "the first one answers on");
            assert!(shape.saw(address(third), at(i64::from(third))));
        }
        assert!(!shape.saw(address(0), at(100)));
        assert_eq!(shape.networks.len(), NETWORKS);
    }
}
