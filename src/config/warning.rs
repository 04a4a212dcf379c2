//! What works and is hardly intended.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Config, Relationship};
use anchorwatch_core::spiffe::{EndpointProfile, TrustDomain};
use anchorwatch_core::watch::BaselinePolicy;

/// The most names that one sentence lists.
const MOST_NAMES: usize = 5;

/// Every warning, as a sentence.
pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.relationships.is_empty() {
        warnings.push("federates_with is empty: nothing is watched".to_owned());
    }
    let domains = |which: fn(&Relationship) -> bool| {
        let chosen = config.relationships.iter().filter(|relationship| which(relationship));
        chosen.map(|relationship| relationship.trust_domain()).collect::<Vec<_>>()
    };
    let unbooted = domains(|relationship| {
        relationship.endpoint.is_self_serving() && relationship.bootstrap_bundle_path.is_none()
    });
    if !unbooted.is_empty() {
        warnings.push(format!(
            "{} without bootstrap_bundle_path: only trust that the store holds already \
             authenticates {}",
            names(&unbooted),
            if unbooted.len() == 1 { "it" } else { "them" },
        ));
    }
    let baseless = domains(|relationship| {
        !relationship.endpoint.is_self_serving()
            && relationship.bootstrap_bundle_path.is_none()
            && relationship.settings.policy.baseline == BaselinePolicy::Explicit
    });
    if !baseless.is_empty() {
        warnings.push(format!(
            "{} with nothing to measure a first bundle by: name a bootstrap_bundle_path, or set \
             baseline: trust_on_first_use",
            names(&baseless),
        ));
    }
    warnings.extend(shared_urls(config));
    for alertmanager in &config.alertmanagers {
        if alertmanager.url.scheme() == "http" && !is_loopback(alertmanager.url.host_str()) {
            warnings.push(format!("{} is pushed to in clear text", alertmanager.url));
        }
    }
    warnings
}

/// One URL serves one bundle, so two relationships with the same are hardly meant.
fn shared_urls(config: &Config) -> Vec<String> {
    let mut by_url: BTreeMap<&str, Vec<&TrustDomain>> = BTreeMap::new();
    for relationship in &config.relationships {
        let domains = by_url.entry(relationship.endpoint.url.as_str()).or_default();
        domains.push(relationship.trust_domain());
    }
    let shared = by_url.into_iter().filter(|(_, domains)| 1 < domains.len());
    shared.map(|(url, domains)| format!("{} share the URL {url}", names(&domains))).collect()
}

fn is_loopback(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `a, b and 7 more`.
pub(crate) fn names(domains: &[&TrustDomain]) -> String {
    let (listed, more) = domains.split_at(domains.len().min(MOST_NAMES));
    let mut text = listed.iter().map(|domain| domain.as_str()).collect::<Vec<_>>().join(", ");
    if !more.is_empty() {
        text = format!("{text} and {} more", more.len());
    }
    text
}

impl Config {
    /// The profiles of the relationships: `https_spiffe` endpoints that serve themselves, those
    /// that another trust domain serves, and `https_web` ones.
    pub fn profile_counts(&self) -> (usize, usize, usize) {
        let (mut own, mut served, mut web) = (0, 0, 0);
        for relationship in &self.relationships {
            match &relationship.endpoint.profile {
                EndpointProfile::HttpsWeb => web += 1,
                EndpointProfile::HttpsSpiffe { .. } => {
                    if relationship.endpoint.is_self_serving() {
                        own += 1;
                    } else {
                        served += 1;
                    }
                }
            }
        }
        (own, served, web)
    }
}
