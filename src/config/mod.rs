//! The configuration: what was written, and what runs.
//!
//! [`Config`] is what the daemon runs with: every value a domain type, every default filled in. What
//! was written is a tree that knows the place of each value, so that every fault names its line
//! and column. [`table`] is the one table of keys: decoding, merging, `config show`,
//! `docs/configuration.md` ([`docs`]) and the JSON Schema ([`json_schema`]) come from it.
//!
//! Invariant: reading a configuration touches no other file. Whether the files that it names can
//! be used is asked by [`Read::file_faults`], for `config check`; a daemon that is started with a
//! bootstrap file missing stops that trust domain alone.

mod alertmanager;
pub mod bootstrap;
mod change;
mod choice;
mod consumer;
pub mod docs;
mod duration;
mod effective;
mod fault;
pub mod import;
mod intent;
mod issuer;
pub mod json_schema;
mod place;
mod profile;
mod proxy;
mod reader;
mod relationship;
mod resolve;
mod scalar;
pub mod schema;
mod serving;
mod setting;
mod severity;
mod suggest;
pub mod table;
mod tree;
mod warning;
mod web;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use alertmanager::Alertmanager;
pub use bootstrap::{BootstrapError, read_bounded};
pub use change::ConfigChange;
pub use fault::{Fault, Faults};
pub use intent::{AnnouncementEntry, ApprovalEntry, OutageEntry};
pub use proxy::Proxy;
pub use relationship::{MAX_REDIRECTS, Relationship, Settings};
pub use resolve::{LoadError, Read};
pub use web::WebConfig;

use setting::Table as _;

use anchorwatch_core::bundle::{Digest, ParseLimits};
use anchorwatch_core::decision::SharedAuthority;
use anchorwatch_core::finding::Severities;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Budget;

/// What the daemon runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// The digest of that file: which configuration runs.
    pub digest: Digest,
    /// The trust domain that watches.
    pub trust_domain: Option<TrustDomain>,
    /// Where history is kept.
    pub store: StoreConfig,
    /// The trust domains that are watched, sorted by name.
    pub relationships: Vec<Arc<Relationship>>,
    /// How much an endpoint may take.
    pub limits: EndpointLimits,
    /// The most polls that may run at one time, from 1 up.
    pub concurrency: usize,
    /// What `/metrics` exports.
    pub metrics: MetricsConfig,
    /// The Unix socket over which the commands ask and decide.
    pub admin_socket: PathBuf,
    /// What the store keeps, and for how long.
    pub retention: Retention,
    /// The Alertmanagers to which findings are pushed.
    pub alertmanagers: Vec<Alertmanager>,
    /// Severities that differ from the findings' own, for every trust domain; each relationship
    /// has its own on top.
    pub severity: Severities,
    /// Where relying parties report tokens that they saw.
    pub sightings: Option<PathBuf>,
    /// Authorities that several trust domains share on purpose.
    pub shared_authorities: Vec<SharedAuthority>,
}

/// Where history is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreConfig {
    /// The store's directory.
    pub path: PathBuf,
}

/// How much any endpoint may take. [`FetchLimits`](crate::fetch::FetchLimits) are those of one poll: the same
/// for documents, with the deadlines and redirects of one relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndpointLimits {
    /// What of these binds the parser of documents.
    pub document: ParseLimits,
    /// The most addresses of one name that are asked.
    pub addresses: usize,
    /// What one trust domain may record in a day; it is in each relationship's policy too.
    pub daily: Budget,
}

/// What `/metrics` exports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MetricsConfig {
    /// Whether each authority has series of its own.
    pub per_authority: bool,
}

/// What the store keeps, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Raw bundles, after the state that they brought has passed.
    pub bodies: Duration,
}

impl Config {
    /// The admin socket is beside the store: who may read the one may ask the other.
    const ADMIN_SOCKET: &'static str = "admin.sock";

    /// A configuration of nothing but defaults.
    fn new(path: &Path, digest: Digest) -> Self {
        let mut config = Self {
            path: path.to_owned(),
            digest,
            trust_domain: None,
            store: StoreConfig::default(),
            relationships: Vec::new(),
            limits: EndpointLimits::default(),
            concurrency: 1,
            metrics: MetricsConfig::default(),
            admin_socket: PathBuf::new(),
            retention: Retention::default(),
            alertmanagers: Vec::new(),
            severity: Severities::default(),
            sightings: None,
            shared_authorities: Vec::new(),
        };
        config.set_defaults();
        config
    }

    /// Reads the file at `path` and checks all of it but the files that it names.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Read::load(path).map(|read| read.config)
    }

    /// Reads `text` as the content of the file at `path`, without touching it.
    pub fn from_text(path: &Path, text: &str) -> Result<Self, Faults> {
        Read::from_text(path, text).map(|read| read.config)
    }

    /// The relationship of this trust domain.
    pub fn relationship(&self, trust_domain: &TrustDomain) -> Option<&Arc<Relationship>> {
        let find = |relationship: &Arc<Relationship>| relationship.trust_domain().cmp(trust_domain);
        let place = self.relationships.binary_search_by(find).ok()?;
        self.relationships.get(place)
    }

    /// The relationships in the order of a first round of polls, in rounds: first `https_web` and
    /// self-serving endpoints, then those that these serve, and so on. In a round they are sorted
    /// by trust domain.
    pub fn polling_order(&self) -> Vec<Vec<&Arc<Relationship>>> {
        let depths = serving::depths(&self.relationships);
        let mut rounds: Vec<Vec<&Arc<Relationship>>> = Vec::new();
        for relationship in &self.relationships {
            let depth = depths.get(relationship.trust_domain()).copied().unwrap_or(0);
            if rounds.len() <= depth {
                rounds.resize_with(depth + 1, Vec::new);
            }
            if let Some(round) = rounds.get_mut(depth) {
                round.push(relationship);
            }
        }
        rounds
    }

    /// The other trust domain whose bundle authenticates this one's endpoint: it is polled first.
    pub fn serving_domain(&self, trust_domain: &TrustDomain) -> Option<&TrustDomain> {
        serving::server(self.relationship(trust_domain)?)
    }

    /// What is different from `old`, in the order of the file.
    pub fn changes_since(&self, old: &Self) -> Vec<ConfigChange> {
        change::between(old, self)
    }

    /// What works and is hardly meant, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        warning::of(self)
    }

    /// The configuration with every default filled in and every secret masked, as YAML that is a
    /// configuration itself.
    pub fn effective_yaml(&self) -> String {
        effective::tree(self).yaml()
    }

    /// The same as JSON, which is YAML too.
    pub fn effective_json(&self) -> String {
        effective::tree(self).json()
    }
}
