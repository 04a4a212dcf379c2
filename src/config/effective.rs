//! The configuration as it runs, written out: every default filled in, every secret masked.

use std::path::PathBuf;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::choice::Choice as _;
use super::{
    Alertmanager, Announcement, Approval, Config, Limits, Outage, Relationship, duration, scalar,
};
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::decision::SharedAuthority;
use anchorwatch_core::finding::Severities;
use anchorwatch_core::spiffe::{EndpointProfile, TrustDomain};
use anchorwatch_core::untrusted::escape_json;
use anchorwatch_core::watch::{IssuerModel, PollInterval};

/// What YAML and JSON are written from, in the order of the documentation.
pub(super) enum Tree {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

impl Tree {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn json(&self) -> String {
        escape_json(&serde_json::to_string_pretty(self).unwrap_or_default()).into_owned() + "\n"
    }

    pub(super) fn yaml(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Self::Mapping(entries) => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    // The first key of a list's element stands beside its dash.
                    let beside = place == 0 && out.ends_with("- ");
                    if !beside {
                        out.push_str(&" ".repeat(indent));
                    }
                    out.push_str(&plain(key));
                    out.push(':');
                    value.write_value(indent, out);
                }
            }
            Self::List(elements) => {
                for element in elements {
                    out.push_str(&" ".repeat(indent));
                    out.push_str("- ");
                    match element {
                        Self::Mapping(_) => element.write(indent + 2, out),
                        Self::Flag(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => {
                            out.push_str(&element.inline());
                            out.push('\n');
                        }
                    }
                }
            }
            Self::Flag(_) | Self::Number(_) | Self::Text(_) => out.push_str(&self.inline()),
        }
    }

    fn write_value(&self, indent: usize, out: &mut String) {
        let nested = match self {
            Self::Mapping(entries) => !entries.is_empty(),
            Self::List(elements) => !elements.is_empty(),
            Self::Flag(_) | Self::Number(_) | Self::Text(_) => false,
        };
        if nested {
            out.push('\n');
            self.write(indent + 2, out);
        } else {
            out.push(' ');
            out.push_str(&self.inline());
            out.push('\n');
        }
    }

    fn inline(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => plain(text),
            // JSON is YAML too.
            Self::List(_) | Self::Mapping(_) => quoted(self),
        }
    }
}

/// A text as a YAML scalar: as it is where that cannot be read otherwise, else in JSON's quotes.
fn plain(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@".contains(&byte);
    let is_bare =
        text.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'/')
            && text.bytes().all(bare)
            && !text.ends_with(':')
            && !matches!(text, "null" | "Null" | "NULL");
    if is_bare { text.to_owned() } else { quoted(text) }
}

/// A value as JSON, in which nothing is hidden. YAML reads its escapes too.
fn quoted(value: &(impl Serialize + ?Sized)) -> String {
    escape_json(&serde_json::to_string(value).unwrap_or_default()).into_owned()
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(elements) => serializer.collect_seq(elements),
            Self::Mapping(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Entries that are not left out.
fn mapping(entries: impl IntoIterator<Item = (&'static str, Option<Tree>)>) -> Tree {
    let given = |(key, value): (&str, Option<Tree>)| Some((key.to_owned(), value?));
    Tree::Mapping(entries.into_iter().filter_map(given).collect())
}

fn number(number: usize) -> Tree {
    Tree::Number(u64::try_from(number).unwrap_or(u64::MAX))
}

fn time(time: std::time::Duration) -> Tree {
    Tree::Text(duration::text(time))
}

fn path(path: &std::path::Path) -> Tree {
    Tree::text(path.to_string_lossy())
}

fn alertmanager(one: &Alertmanager) -> Tree {
    let (name, password) = one.credentials.as_ref().map(|(name, file)| (name, file)).unzip();
    let (cert, key) = one.identity.as_ref().map(|(cert, key)| (cert, key)).unzip();
    let file = |file: Option<&PathBuf>| file.map(|file| path(file));
    mapping([
        ("url", Some(Tree::text(one.url.as_str()))),
        ("username", name.map(|name| Tree::text(&**name))),
        ("password_file", file(password)),
        ("ca_file", file(one.ca_file.as_ref())),
        ("cert_file", file(cert)),
        ("key_file", file(key)),
        ("resolve_after", Some(time(one.resolve_after))),
    ])
}

/// The whole of it.
pub(super) fn tree(config: &Config) -> Tree {
    let relationships = config
        .relationships
        .iter()
        .map(|one| (one.trust_domain().as_str().to_owned(), relationship(one)));
    let alertmanagers = config.alertmanagers.iter().map(alertmanager).collect();
    let shared = config.shared_authorities.iter().map(shared_authority);
    let per_authority = Tree::Flag(config.metrics.per_authority);
    mapping([
        ("trust_domain", config.trust_domain.as_ref().map(|name| Tree::text(name.as_str()))),
        ("store", Some(mapping([("path", Some(path(&config.store.path)))]))),
        ("admin_socket", Some(path(&config.admin_socket))),
        ("concurrency", Some(number(config.concurrency))),
        ("limits", Some(limits(&config.limits))),
        ("metrics", Some(mapping([("per_authority", Some(per_authority))]))),
        ("retention", Some(mapping([("bodies", Some(time(config.retention.bodies)))]))),
        ("sightings", config.sightings.as_deref().map(path)),
        ("shared_authorities", Some(Tree::List(shared.collect()))),
        ("alertmanagers", Some(Tree::List(alertmanagers))),
        ("defaults", Some(mapping([("severity", Some(severity(&config.severity)))]))),
        ("federates_with", Some(Tree::Mapping(relationships.collect()))),
    ])
}

fn limits(limits: &Limits) -> Tree {
    let size = |bytes: u64| Tree::Text(scalar::size_text(bytes));
    mapping([
        ("body", Some(size(u64::try_from(limits.body).unwrap_or(u64::MAX)))),
        ("keys", Some(number(limits.keys))),
        ("nesting", Some(number(limits.nesting))),
        ("addresses", Some(number(limits.addresses))),
        ("daily_events", Some(Tree::Number(limits.daily.events))),
        ("daily_bytes", Some(size(limits.daily.bytes))),
    ])
}

fn relationship(one: &Relationship) -> Tree {
    let profile = match &one.endpoint.profile {
        EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id } => {
            let id = mapping([("endpoint_spiffe_id", Some(Tree::text(id.as_str())))]);
            mapping([("https_spiffe", Some(id))])
        }
        EndpointProfile::HttpsWeb => mapping([("https_web", Some(Tree::Mapping(Vec::new())))]),
    };
    let policy = &one.policy;
    let poll_interval = match policy.poll_interval {
        PollInterval::Auto => Tree::text("auto"),
        PollInterval::Every(interval) => time(interval),
    };
    mapping([
        ("bundle_endpoint_url", Some(Tree::text(one.endpoint.url.as_str()))),
        ("bundle_endpoint_profile", Some(profile)),
        ("bootstrap_bundle_path", one.bootstrap_bundle_path.as_deref().map(path)),
        ("poll_interval", Some(poll_interval)),
        ("timeout", Some(time(policy.timeout))),
        ("probe", Some(Tree::text(one.probe.label()))),
        ("redirects", Some(Tree::Number(one.redirects.into()))),
        ("proxy", one.proxy.as_ref().map(|proxy| Tree::text(proxy.to_string()))),
        ("ca_file", one.ca_file.as_deref().map(path)),
        ("baseline", Some(Tree::text(policy.baseline.word()))),
        ("max_jwt_svid_ttl", policy.max_jwt_svid_ttl.map(time)),
        ("max_x509_svid_ttl", policy.max_x509_svid_ttl.map(time)),
        ("clock_skew", Some(time(policy.clock_skew))),
        ("validator_leeway", Some(time(policy.validator_leeway))),
        ("replica_lag", Some(time(policy.replica_lag))),
        ("consumers", Some(Tree::List(one.policy.consumers.iter().map(consumer).collect()))),
        ("issuer", Some(issuer(&one.policy.issuer))),
        ("policy", Some(Tree::text(one.policy.judgement.label()))),
        ("severity", Some(severity(&one.policy.severity))),
        ("approved", Some(Tree::List(one.approved.iter().map(approval).collect()))),
        ("announced", Some(Tree::List(one.announced.iter().map(announcement).collect()))),
        ("outages", Some(Tree::List(one.outages.iter().map(outage).collect()))),
    ])
}

fn consumer(consumer: &Consumer) -> Tree {
    match consumer {
        Consumer::Cache(held) => mapping([("cache", Some(time(*held)))]),
        Consumer::Spire | Consumer::SpireAt(_) | Consumer::GoSpiffe | Consumer::Istio => {
            Tree::text(consumer.to_string())
        }
    }
}

fn issuer(issuer: &IssuerModel) -> Tree {
    let (model, keys) = match *issuer {
        IssuerModel::Learned => return Tree::text("learned"),
        IssuerModel::Spire { ca_ttl: None, mode: None, lead: None } => return Tree::text("spire"),
        IssuerModel::Spire { ca_ttl, mode, lead } => (
            "spire",
            mapping([
                ("ca_ttl", ca_ttl.map(time)),
                ("mode", mode.map(|mode| Tree::text(mode.label()))),
                ("lead", lead.map(time)),
            ]),
        ),
        IssuerModel::Declared { interval, lead } => {
            ("declared", mapping([("interval", Some(time(interval))), ("lead", lead.map(time))]))
        }
    };
    mapping([(model, Some(keys))])
}

fn severity(severities: &Severities) -> Tree {
    let entry = |(kind, severity): (
        anchorwatch_core::finding::FindingKind,
        anchorwatch_core::finding::Severity,
    )| { (kind.label(), Some(Tree::text(severity.label()))) };
    mapping(severities.iter().map(entry))
}

fn approval(approval: &Approval) -> Tree {
    mapping([
        ("fingerprint", Some(Tree::Text(approval.fingerprint.to_string()))),
        ("reason", Some(Tree::text(approval.reason.as_received()))),
        ("by", approval.by.as_ref().map(|by| Tree::text(by.as_received()))),
    ])
}

fn shared_authority(shared: &SharedAuthority) -> Tree {
    let names = |names: &std::collections::BTreeSet<TrustDomain>| {
        Tree::List(names.iter().map(|name| Tree::text(name.as_str())).collect())
    };
    mapping([
        ("fingerprint", Some(Tree::Text(shared.fingerprint.to_string()))),
        ("trust_domains", shared.trust_domains.as_ref().map(names)),
        ("reason", Some(Tree::text(shared.reason.as_received()))),
        ("by", shared.by.as_ref().map(|by| Tree::text(by.as_received()))),
    ])
}

fn outage(away: &Outage) -> Tree {
    mapping([
        ("not_before", Some(Tree::Text(away.outage.not_before.to_string()))),
        ("not_after", Some(Tree::Text(away.outage.not_after.to_string()))),
        ("reason", Some(Tree::text(away.reason.as_received()))),
        ("by", away.by.as_ref().map(|by| Tree::text(by.as_received()))),
    ])
}

fn announcement(announced: &Announcement) -> Tree {
    mapping([
        ("use", Some(Tree::text(announced.svid_type.label()))),
        ("count", Some(Tree::Number(announced.count.into()))),
        ("not_before", Some(Tree::Text(announced.not_before.to_string()))),
        ("not_after", Some(Tree::Text(announced.not_after.to_string()))),
        ("key_type", announced.key_type.as_ref().map(|key_type| Tree::Text(key_type.to_string()))),
        ("max_lifetime", announced.max_lifetime.map(time)),
        ("reason", Some(Tree::text(announced.reason.as_received()))),
        ("by", announced.by.as_ref().map(|by| Tree::text(by.as_received()))),
    ])
}
