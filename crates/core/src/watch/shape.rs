//! What the endpoint looks like, and what about it changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::stepper::Stepper;
use super::{Event, Observation, OlderLeaf, Shape, Source, Unlisted};
use crate::bundle::{Fingerprint, SvidType, Validity};
use crate::finding::evidence::EndpointDifference;
use crate::spiffe::{BundleEndpoint, EndpointProfile};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// How many new networks of one poll are recorded.
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
        let first = self.last_good.is_none();
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
        let known = &self.facts.endpoint.networks;
        if let Some(network) = source.address.map(network)
            && with_keys
            && !known.is_empty()
            && !known.contains(&network)
        {
            what.push(EndpointDifference::Network { network: network_name(network).into() });
        }
        let shape = &mut self.poll_state.shape;
        (shape.key_type, shape.web_issuer, shape.redirected_to) = (key_type, issuer, redirected_to);
        if !what.is_empty()
            && !self.emit_if_due(Event::EndpointShifted { what, with_keys })
            && let Some(before) = before
        {
            self.poll_state.shape = before;
            self.is_shift_deferred = true;
        }
        self.belongs(observation);
    }

    /// Takes down in which networks the name of the endpoint has addresses. One that was found
    /// before keys changed is the endpoint's own: a balancer has addresses in several zones.
    pub(super) fn networks<'a>(&mut self, sources: impl Iterator<Item = &'a Source>) {
        let mut found = Vec::new();
        for address in sources.flat_map(|source| source.address.iter().chain(&source.resolved)) {
            let network = network(*address);
            let known = self.facts.endpoint.networks.contains(&network) || found.contains(&network);
            if !known && found.len() < NETWORKS {
                found.push(network);
            }
        }
        // As long as a change of the endpoint waits to be recorded, its network does too.
        if !found.is_empty() && !self.is_shift_deferred {
            self.emit_if_due(Event::NetworksFound { networks: found });
        }
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

/// The first address of the /24 or /48 that an address is in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// A network by its first address, with the length of its prefix.
pub(crate) fn network_name(network: IpAddr) -> String {
    let prefix = if network.is_ipv4() { 24 } else { 48 };
    format!("{network}/{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_24_or_a_48() {
        let named = |address: &str| network_name(network(address.parse().unwrap()));
        assert_eq!(named("192.0.2.17"), "192.0.2.0/24");
        assert_eq!(named("::ffff:192.0.2.17"), "192.0.2.0/24");
        assert_eq!(named("2001:db8:1:2::3"), "2001:db8:1::/48");
    }
}
