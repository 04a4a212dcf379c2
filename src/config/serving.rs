//! Who authenticates whom: the graph of trust domains whose endpoints carry each other's SVIDs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Relationship;
use super::fault::Report;
use super::reader::Value;
use anchorwatch_core::spiffe::TrustDomain;

/// A relationship, and where in the file it is.
#[derive(Clone, Debug)]
pub(super) struct Written<'t> {
    pub(super) relationship: Relationship,
    pub(super) value: Value<'t>,
}

impl<'t> Written<'t> {
    /// Where the endpoint's SPIFFE ID is.
    fn endpoint_spiffe_id(&self) -> Option<Value<'t>> {
        let profile = self.value.below("bundle_endpoint_profile")?;
        profile.below("https_spiffe")?.below("endpoint_spiffe_id")
    }
}

/// The number of other trust domains that must be polled before each: 0 for `https_web` and self-serving
/// endpoints, else one more than the domain that serves. Without cycles and missing links, which
/// are faults, every relationship has one.
pub(super) fn depths(relationships: &[Arc<Relationship>]) -> BTreeMap<&TrustDomain, usize> {
    let served: BTreeMap<_, _> = relationships
        .iter()
        .map(|relationship| (relationship.trust_domain(), server(relationship)))
        .collect();
    let mut depths: BTreeMap<&TrustDomain, usize> = BTreeMap::new();
    for &start in served.keys() {
        let mut chain = Vec::new();
        let mut at = Some(start);
        while let Some(domain) = at
            && !depths.contains_key(domain)
            && chain.len() <= served.len()
        {
            chain.push(domain);
            at = served.get(domain).copied().flatten();
        }
        let first = at.and_then(|domain| depths.get(domain)).map_or(0, |depth| depth + 1);
        depths.extend(chain.into_iter().rev().zip(first..));
    }
    depths
}

/// The other trust domain whose bundle authenticates the endpoint.
pub(super) fn server(relationship: &Relationship) -> Option<&TrustDomain> {
    relationship.endpoint.served_by().filter(|domain| *domain != relationship.trust_domain())
}

/// Reports serving domains that nobody watches, and circles of them. `names` are the trust domains
/// that the file has, whatever else is wrong with them.
pub(super) fn check(written: &[Written<'_>], names: &BTreeSet<TrustDomain>, report: &mut Report) {
    let mut links: BTreeMap<&TrustDomain, (&TrustDomain, Value<'_>)> = BTreeMap::new();
    for one in written {
        let Some(server) = server(&one.relationship) else { continue };
        let Some(place) = one.endpoint_spiffe_id() else { continue };
        if names.contains(server) {
            links.insert(one.relationship.trust_domain(), (server, place));
        } else {
            let message = format!(
                "the bundle of {server} authenticates this endpoint, and {server} is not watched"
            );
            place.fault(report, message, format!("add {server} under federates_with"));
        }
    }
    let mut visited: BTreeSet<&TrustDomain> = BTreeSet::new();
    for &start in links.keys() {
        let mut chain: Vec<&TrustDomain> = Vec::new();
        let mut at = start;
        while visited.insert(at) {
            chain.push(at);
            match links.get(at) {
                Some((server, _)) => at = server,
                None => break,
            }
        }
        let Some(begin) = chain.iter().position(|domain| *domain == at) else { continue };
        // The last of a chain that ends is no circle: nothing serves it.
        if let Some((_, place)) = links.get(at)
            && let Some(circle) = chain.get(begin..)
        {
            let names: Vec<_> = circle.iter().chain([&at]).map(|name| name.as_str()).collect();
            let message = format!("the serving trust domains form a circle: {}", names.join(" → "));
            let hint = "one of them must serve its own bundle, or use https_web";
            place.fault(report, message, hint);
        }
    }
}
