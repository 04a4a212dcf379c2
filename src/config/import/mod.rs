//! A configuration made from what SPIRE has: the server's own file, its list of federation
//! relationships, or the custom resources of its controller manager.

mod hcl;
mod write;

use std::path::Path;

use serde::Deserialize;

use super::fault::Report;
use super::place::quoted;
use super::yaml::{self, Entry, Node, NodeKind};
use anchorwatch_core::spiffe::{EndpointUrl, SpiffeId, TrustDomain};

/// The most bytes of what is imported: as of a configuration.
pub const MAX_BYTES: usize = yaml::MAX_BYTES;

/// What a configuration is made from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// SPIRE's `server.conf`, in HCL.
    ServerConf,
    /// The output of `spire-server federation list -output json`.
    FederationList,
    /// `ClusterFederatedTrustDomain` resources, in YAML.
    Kubernetes,
}

/// Why nothing can be made of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ImportError {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl ImportError {
    fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// A relationship, as far as the input describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partner {
    /// The trust domain whose bundle is served.
    pub trust_domain: TrustDomain,
    /// Where it is served.
    pub url: EndpointUrl,
    /// The endpoint's SPIFFE ID; `None` under `https_web`.
    pub endpoint_spiffe_id: Option<SpiffeId>,
    /// Its bundle, where the input contains it.
    pub bundle: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Imported {
    /// One's own trust domain, where the input names it.
    pub trust_domain: Option<TrustDomain>,
    /// The relationships, in the order in which they stand.
    pub partners: Vec<Partner>,
}

/// A relationship as it is written.
#[derive(Default)]
struct Draft {
    line: usize,
    trust_domain: String,
    url: String,
    profile: Option<String>,
    endpoint_spiffe_id: Option<String>,
    bundle: Option<String>,
}

impl Draft {
    fn partner(self) -> Result<Partner, ImportError> {
        let Self { line, trust_domain, url, profile, endpoint_spiffe_id, bundle } = self;
        let of = format!("the relationship with {}", quoted(&trust_domain));
        let bad = |what: &str, text: &str, why: &dyn std::fmt::Display| {
            ImportError::new(line, format!("{of}: {what} {}: {why}", quoted(text)))
        };
        let name = trust_domain.strip_prefix("spiffe://").unwrap_or(&trust_domain);
        let name = name.parse().map_err(|why| bad("the trust domain", name, &why))?;
        if url.is_empty() {
            return Err(ImportError::new(line, format!("{of} names no bundle endpoint URL")));
        }
        let address = url.parse().map_err(|why| bad("the URL", &url, &why))?;
        let endpoint_spiffe_id = match (profile.as_deref(), endpoint_spiffe_id) {
            (Some("https_web"), _) => None,
            (Some("https_spiffe"), Some(id)) => {
                Some(id.parse().map_err(|why| bad("the endpoint's SPIFFE ID", &id, &why))?)
            }
            (Some("https_spiffe"), None) => {
                return Err(ImportError::new(line, format!("{of} names no endpoint SPIFFE ID")));
            }
            (Some(other), _) => {
                return Err(bad("the profile", other, &"it is none of https_spiffe and https_web"));
            }
            (None, _) => return Err(ImportError::new(line, format!("{of} names no profile"))),
        };
        Ok(Partner { trust_domain: name, url: address, endpoint_spiffe_id, bundle })
    }
}

/// What this text seems to be.
pub fn detect(text: &str) -> Origin {
    if text.trim_start().starts_with('{') {
        return Origin::FederationList;
    }
    let is_resource = |line: &str| line.starts_with("apiVersion:") || line.starts_with("kind:");
    if text.lines().any(is_resource) { Origin::Kubernetes } else { Origin::ServerConf }
}

/// Reads the relationships.
pub fn parse(text: &str, origin: Origin) -> Result<Imported, ImportError> {
    if MAX_BYTES < text.len() {
        return Err(ImportError::new(1, format!("longer than {MAX_BYTES} bytes")));
    }
    let (trust_domain, drafts) = match origin {
        Origin::ServerConf => hcl::relationships(text)?,
        Origin::FederationList => (None, listed(text)?),
        Origin::Kubernetes => (None, resources(text)?),
    };
    let partners: Vec<Partner> =
        drafts.into_iter().map(Draft::partner).collect::<Result<_, _>>()?;
    if partners.is_empty() {
        return Err(ImportError::new(1, "no federation relationship in the input"));
    }
    Ok(Imported { trust_domain: trust_domain.and_then(|name| name.parse().ok()), partners })
}

#[derive(Deserialize)]
struct List {
    federation_relationships: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    trust_domain: String,
    bundle_endpoint_url: String,
    #[serde(default)]
    https_spiffe: Option<ListedSpiffe>,
    #[serde(default)]
    https_web: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ListedSpiffe {
    endpoint_spiffe_id: String,
}

fn listed(text: &str) -> Result<Vec<Draft>, ImportError> {
    let list: List = serde_json::from_str(text).map_err(|why| {
        ImportError::new(why.line().max(1), format!("not a federation list: {why}"))
    })?;
    let draft = |one: Listed| {
        let profile = match (&one.https_spiffe, &one.https_web) {
            (Some(_), _) => Some("https_spiffe".to_owned()),
            (None, Some(_)) => Some("https_web".to_owned()),
            (None, None) => None,
        };
        let quoted = format!("\"{}\"", one.trust_domain);
        let line = text.lines().position(|line| line.contains(&quoted));
        Draft {
            line: line.unwrap_or_default().saturating_add(1),
            trust_domain: one.trust_domain,
            url: one.bundle_endpoint_url,
            profile,
            endpoint_spiffe_id: one.https_spiffe.map(|spiffe| spiffe.endpoint_spiffe_id),
            bundle: None,
        }
    };
    Ok(list.federation_relationships.into_iter().map(draft).collect())
}

fn resources(text: &str) -> Result<Vec<Draft>, ImportError> {
    let mut drafts = Vec::new();
    let mut document = String::new();
    let mut said = false;
    for (number, line) in text.lines().chain(["---"]).enumerate() {
        if line.trim_end() != "---" {
            said |= !line.trim().is_empty() && !line.trim_start().starts_with('#');
            document.push_str(line);
            document.push('\n');
            continue;
        }
        if std::mem::take(&mut said) {
            let mut report = Report::new(Path::new("input"));
            let node = yaml::parse(&document, &mut report);
            let node = report.finish(node).map_err(|faults| {
                faults.as_slice().first().map_or_else(
                    || ImportError::new(number, "this is not YAML"),
                    |fault| ImportError::new(fault.line, fault.message.clone()),
                )
            })?;
            resource(&node, &mut drafts);
        }
        // What is left out keeps its lines, so that the places stay right.
        document = "\n".repeat(number.saturating_add(1));
    }
    Ok(drafts)
}

fn resource(node: &Node, drafts: &mut Vec<Draft>) {
    if let Some(Node { kind: NodeKind::List(items), .. }) = get(node, "items") {
        for item in items {
            resource(item, drafts);
        }
    }
    let Some(spec) = get(node, "spec") else { return };
    if text(node, "kind") != Some("ClusterFederatedTrustDomain") {
        return;
    }
    let profile = get(spec, "bundleEndpointProfile");
    let of_profile =
        |name: &str| profile.and_then(|profile| text(profile, name)).map(str::to_owned);
    drafts.push(Draft {
        line: spec.place.line,
        trust_domain: text(spec, "trustDomain").unwrap_or_default().to_owned(),
        url: text(spec, "bundleEndpointURL").unwrap_or_default().to_owned(),
        profile: of_profile("type"),
        endpoint_spiffe_id: of_profile("endpointSPIFFEID"),
        bundle: text(spec, "trustDomainBundle").map(str::to_owned),
    });
}

fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let NodeKind::Mapping(entries) = &node.kind else { return None };
    entries.iter().find(|Entry { key, .. }| **key == *name).map(|entry| &entry.value)
}

fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    match &get(node, name)?.kind {
        NodeKind::Scalar(text) => Some(text),
        NodeKind::List(_) | NodeKind::Mapping(_) | NodeKind::Null | NodeKind::Refused => None,
    }
}
