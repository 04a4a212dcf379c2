//! The table of keys: each key's name, type, default, bounds and meaning, and the field that holds
//! its value. Decoding, merging, `config show`, docs/configuration.md and the JSON Schema come from
//! it, so a new key is one row here and its use.

mod checks;
mod decisions;
mod issuer;
mod relationship;

use std::path::PathBuf;
use std::time::Duration;

use super::alertmanager::Alertmanager;
use super::fault::Report;
use super::reader::{Fields, Value};
use super::schema::{Choose, Key, Kind, Scope};
use super::setting::{self, Coherence as _, Record, Row, Setting, Table, record, section, table};
use super::tree::Tree;
use super::{Config, EndpointLimits, MetricsConfig, Retention, StoreConfig};
use anchorwatch_core::bundle::ParseLimits;
use anchorwatch_core::decision::SharedAuthority;
use anchorwatch_core::watch::Budget;

pub use decisions::{ANNOUNCEMENT, APPROVAL, OUTAGE};
use decisions::{BY, FINGERPRINT, NOT_AFTER, NOT_BEFORE, REASON};
use issuer::LEAD;
pub(super) use issuer::{CACHE, CACHE_CONSUMER, DeclaredIssuer, SpireIssuer};
pub use issuer::{ISSUER_DECLARED, ISSUER_MODELS, ISSUER_SPIRE};
pub(super) use relationship::{
    ANNOUNCED, APPROVED, BOOTSTRAP_BUNDLE_PATH, BUNDLE_ENDPOINT_PROFILE, BUNDLE_ENDPOINT_URL,
    CA_FILE, ENDPOINT_SPIFFE_ID, OUTAGES, SEVERITY,
};
pub use relationship::{DEFAULTS, HTTPS_SPIFFE, HTTPS_WEB, PROFILE, RELATIONSHIP};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// The whole file.
pub static TOP: Scope = Scope {
    name: "the file",
    example: "write `federates_with:` and each relationship below",
    intro: "The whole file is one mapping.",
    keys: &[WHOLE, &[DEFAULTS_SECTION, FEDERATES_WITH]],
    choose: Choose::Any,
};

table! {
    WHOLE of Config {
        trust_domain => Key::new(
            "trust_domain", Kind::TrustDomain,
            "The trust domain that watches. It names the graph's own node, and is allowed under \
             `federates_with` too.",
        );
        store => Key::new("store", Kind::Mapping(&STORE), "Where history is kept.")
            .or_else("the defaults of its keys");
        admin_socket => ADMIN_SOCKET;
        concurrency => Key::new(
            "concurrency", Kind::Count { min: 1, max: 65_536 },
            "How many polls may run at one time.",
        ).or("1024").at_restart();
        limits => Key::new("limits", Kind::Mapping(&LIMITS), "How much an endpoint may take.")
            .or_else("the defaults of its keys");
        metrics => Key::new("metrics", Kind::Mapping(&METRICS), "What `/metrics` exports.")
            .or_else("the defaults of its keys");
        retention => Key::new(
            "retention", Kind::Mapping(&RETENTION), "How long the store keeps what.",
        ).or_else("the defaults of its keys");
        sightings => Key::new(
            "sightings", Kind::Path,
            "A file of JSON lines in which relying parties report what they saw of tokens, never a \
             token: `{\"trust_domain\": …, \"kid\": …, \"iat\": …, \"exp\": …}`, times in Unix \
             seconds. It is followed, over its rotation; a line that looks like a token is refused.",
        ).or_else("no sightings");
        shared_authorities => Key::new(
            "shared_authorities", Kind::List { scope: &SHARED_AUTHORITY, max: 1024 },
            "X.509 authorities that several trust domains share on purpose, such as the upstream \
             root of one organisation. Without an entry, a key of several trust domains is a \
             warning.",
        ).or("[]");
        alertmanagers => Key::new(
            "alertmanagers", Kind::List { scope: &ALERTMANAGER, max: 16 },
            "Alertmanagers to which findings are pushed. Name every member of a cluster.",
        ).or("[]");
    }
}

pub(super) const ADMIN_SOCKET: Key = Key::new(
    "admin_socket",
    Kind::Path,
    "The Unix socket over which the commands ask and decide. Its path has at most 107 bytes.",
)
.or_else("`admin.sock` in the store's directory")
.at_restart();

pub(super) const DEFAULTS_SECTION: Key = Key::new(
    "defaults",
    Kind::Mapping(&DEFAULTS),
    "The settings of every relationship that has no own.",
)
.or_else("the defaults of its keys");

pub(super) const FEDERATES_WITH: Key = Key::new(
    "federates_with",
    Kind::Relationships(&RELATIONSHIP),
    "The trust domains that are watched, by name, without `spiffe://`.",
)
.required();

/// `store`
pub static STORE: Scope = Scope {
    name: "store",
    example: "write {path: /var/lib/anchorwatch}",
    intro: "Where history is kept.",
    keys: &[STORE_KEYS],
    choose: Choose::Any,
};

table! {
    STORE_KEYS of StoreConfig {
        // FHS, 5.8.2: the state of a service.
        path => Key::new(
            "path", Kind::Path,
            "The directory of the embedded store; created if absent, locked while in use.",
        ).or("/var/lib/anchorwatch").at_restart();
    }
}

section!(StoreConfig);

impl StoreConfig {
    fn blank() -> Self {
        Self { path: PathBuf::new() }
    }
}

/// `limits`
pub static LIMITS: Scope = Scope {
    name: "limits",
    example: "write for example {body: 4MiB}",
    intro: "How much an endpoint may take, each endpoint for itself.",
    keys: &[LIMIT_KEYS],
    choose: Choose::Any,
};

table! {
    LIMIT_KEYS of EndpointLimits {
        document.body => Key::new(
            "body", Kind::Size { min: 1 << 10, max: 64 << 20 },
            "The largest document, in bytes. 300 authorities take about 300 KiB.",
        ).or("4MiB");
        document.keys => Key::new(
            "keys", Kind::Count { min: 1, max: 65_536 },
            "The largest number of elements of a document's `keys`.",
        ).or("4096");
        document.nesting => Key::new(
            "nesting", Kind::Count { min: 4, max: 64 },
            "The deepest nesting of arrays and objects in a document. A bundle needs 4.",
        ).or("32");
        addresses => Key::new(
            "addresses", Kind::Count { min: 1, max: 16 },
            "The largest number of addresses of one name that `probe: all_addresses` asks.",
        ).or("16");
        daily.events => Key::new(
            "daily_events", Kind::Count { min: 100, max: 10_000_000 },
            "The largest number of events of polls that one trust domain may record in a day. Past \
             it, recording is reduced and judgement goes on.",
        ).or("20000");
        daily.bytes => Key::new(
            "daily_bytes", Kind::Size { min: 1 << 20, max: 1 << 40 },
            "The most bytes that events of polls and their documents may take in a day, for one \
             trust domain. Past it, recording is reduced.",
        ).or("1GiB");
    }
}

section!(EndpointLimits);

impl EndpointLimits {
    fn blank() -> Self {
        Self { document: ParseLimits::default(), addresses: 0, daily: Budget::DEFAULT }
    }
}

/// `metrics`
pub static METRICS: Scope = Scope {
    name: "metrics",
    example: "write for example {per_authority: false}",
    intro: "What `/metrics` exports.",
    keys: &[METRIC_KEYS],
    choose: Choose::Any,
};

table! {
    METRIC_KEYS of MetricsConfig {
        per_authority => Key::new(
            "per_authority", Kind::Switch,
            "Whether each authority has series of its own: about eight, for as long as it is \
             published.",
        ).or("true");
    }
}

section!(MetricsConfig);

impl MetricsConfig {
    fn blank() -> Self {
        Self { per_authority: true }
    }
}

/// `retention`
pub static RETENTION: Scope = Scope {
    name: "retention",
    example: "write for example {bodies: 400d}",
    intro: "How long the store keeps what. Events are kept without limit.",
    keys: &[RETENTION_KEYS],
    choose: Choose::Any,
};

table! {
    RETENTION_KEYS of Retention {
        // A year and a month: who looks into a yearly rotation has the one before.
        bodies => Key::new(
            "bodies", Kind::Duration { min: days(1), max: days(36_500) },
            "How long raw bundles are kept after the state that they brought has passed.",
        ).or("400d").at_restart();
    }
}

section!(Retention);

impl Retention {
    fn blank() -> Self {
        Self { bodies: Duration::ZERO }
    }
}

/// An element of `shared_authorities`
pub static SHARED_AUTHORITY: Scope = Scope {
    name: "shared_authorities[]",
    example: "write {fingerprint: \"sha256:…\", trust_domains: [a.example, b.example], reason: corporate root}",
    intro: "An authority that several trust domains share. The finding about it is `info`, until a \
            trust domain that is not named publishes the key.",
    keys: &[SHARED_AUTHORITY_KEYS],
    choose: Choose::Any,
};

record! {
    SHARED_AUTHORITY_KEYS of SharedAuthority {
        fingerprint => FINGERPRINT;
        trust_domains => Key::new(
            "trust_domains", Kind::TrustDomains { max: 65_536 },
            "The trust domains that may publish it.",
        ).or_else("any trust domain");
        reason => REASON;
        by => BY;
    }
}

/// `alertmanagers[]`
pub static ALERTMANAGER: Scope = Scope {
    name: "alertmanagers[]",
    example: "write {url: http://alertmanager-0:9093}",
    intro: "One Alertmanager. Critical findings are pushed to it at once, and again every 5 s.",
    keys: &[ALERTMANAGER_KEYS],
    choose: Choose::Any,
};

record! {
    ALERTMANAGER_KEYS of Alertmanager {
        url => ALERTMANAGER_URL;
        username => USERNAME;
        password_file => PASSWORD_FILE;
        ca_file => ALERTMANAGER_CA_FILE;
        cert_file => CERT_FILE;
        key_file => KEY_FILE;
        resolve_after => Key::new(
            "resolve_after", Kind::Duration { min: seconds(0), max: hours(1) },
            "How long a finding must have ended before its alert is resolved. Longer than a scrape \
             and an evaluation of the rules together: were the push resolved first, the rule's \
             alert of the same finding would page once more.",
        ).or("2m");
    }
}

pub(super) const ALERTMANAGER_URL: Key = Key::new(
    "url",
    Kind::Url,
    "Where it listens, without `/api/v2/alerts`, and without a user name or a password.",
)
.required();

pub(super) const USERNAME: Key =
    Key::new("username", Kind::Text { max: 256 }, "The user name for basic authentication.")
        .or_else("no log-in");

pub(super) const PASSWORD_FILE: Key = Key::new(
    "password_file",
    Kind::Path,
    "The file whose first line is the password. It is read at each push.",
)
.or_else("no log-in");

pub(super) const ALERTMANAGER_CA_FILE: Key = Key::new(
    "ca_file",
    Kind::Path,
    "PEM certificates that may have signed its certificate, under an `https` URL.",
)
.or_else("the platform's roots");

pub(super) const CERT_FILE: Key = Key::new(
    "cert_file",
    Kind::Path,
    "The PEM certificates that authenticate anchorwatch, under an `https` URL.",
)
.or_else("no client certificate");

pub(super) const KEY_FILE: Key = Key::new("key_file", Kind::Path, "The PEM key of `cert_file`.")
    .or_else("no client certificate");
