//! From a configured relationship to what the fetcher polls.

use std::path::Path;
use std::sync::Arc;

use tracing::error;

use super::domain::Relation;
use crate::config::{self, Config, EndpointLimits, Relationship, Settings};
use crate::fetch::{FetchLimits, Target, WebRoots};
use crate::notify::Recipient;
use anchorwatch_core::bundle::{Authority, SvidType};

/// The most bytes of a CA file: the platform's own have a quarter of it.
const MOST_CA_BYTES: u64 = 1 << 20;

/// A relationship with what its files hold. Reads them, and blocks meanwhile.
pub(super) fn relation(relationship: &Arc<Relationship>, config: &Config) -> Relation {
    Relation {
        target: target(relationship, config),
        bootstrap: bootstrap(relationship),
        relationship: Arc::clone(relationship),
    }
}

/// What is polled for this relationship.
fn target(relationship: &Relationship, config: &Config) -> Target {
    let Settings { policy, probe, redirects, proxy, ca_file } = &relationship.settings;
    let EndpointLimits { document, addresses, .. } = config.limits;
    let limits = FetchLimits {
        timeout: policy.timeout,
        connect_timeout: policy.timeout / 2,
        redirects: *redirects,
        addresses,
        body: document.body,
        keys: document.keys,
        nesting: document.nesting,
    };
    Target {
        endpoint: relationship.endpoint.clone(),
        probe: *probe,
        roots: ca_file.as_deref().map(roots),
        proxy: proxy.as_ref().map(|proxy| proxy.url().clone()),
        limits,
        memory: Arc::default(),
        pace: Arc::default(),
    }
}

/// The roots of a CA file. A file that cannot be read gives none: nothing is trusted then, least
/// of all the platform's roots, which the operator did not name.
fn roots(path: &Path) -> Arc<WebRoots> {
    let pem = config::read_bounded(path, MOST_CA_BYTES).map_err(|why| why.to_string());
    let roots = pem.and_then(|pem| WebRoots::from_pem(&pem).map_err(|why| why.to_string()));
    match roots {
        Ok(roots) => Arc::new(roots),
        Err(why) => {
            error!(path = %path.display(), why, "cannot use the CA file: nothing is trusted by it");
            Arc::new(WebRoots::none())
        }
    }
}

/// The Alertmanagers that critical findings are pushed to.
pub(super) fn recipients(config: &Config) -> Vec<Recipient> {
    let of = |one: &config::Alertmanager| Recipient {
        url: one.url.clone(),
        credentials: one
            .username
            .as_ref()
            .map(|name| name.as_received().to_owned())
            .zip(one.password_file.clone()),
        ca_file: one.ca_file.clone(),
        identity: one.cert_file.clone().zip(one.key_file.clone()),
        resolve_after: one.resolve_after,
    };
    config.alertmanagers.iter().map(of).collect()
}

/// The authorities of the bootstrap file, or why it cannot be used.
fn bootstrap(relationship: &Relationship) -> Result<Vec<Arc<Authority>>, Arc<str>> {
    let Some(path) = &relationship.bootstrap_bundle_path else {
        return Err("no bootstrap_bundle_path is configured".into());
    };
    config::bootstrap::read_bundle(path, &relationship.endpoint.trust_domain)
        .map(x509)
        .map_err(|why| format!("{}: {why}", path.display()).into())
}

/// Only X.509 authorities authenticate an endpoint.
pub(super) fn x509(mut authorities: Vec<Arc<Authority>>) -> Vec<Arc<Authority>> {
    authorities.retain(|authority| authority.id.svid_type == SvidType::X509);
    authorities
}
