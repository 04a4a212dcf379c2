//! What may stand in a configuration: one table, which the decoder reads by and
//! `docs/configuration.md` is made from, so that the two cannot differ.

mod judgement;
mod relationship;
mod top;

use std::time::Duration;

pub use judgement::*;
pub use relationship::*;
pub use top::*;

use super::duration;

/// A key: what it may hold and what it means.
#[derive(Debug)]
pub struct Key {
    /// The word before the colon.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds where it is left out.
    pub absent: Absent,
    /// What it means, in sentences.
    pub meaning: &'static str,
    /// The version that knew it first.
    pub since: &'static str,
    /// Whether a reload applies a change of it.
    pub reload: Reload,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Absent {
    /// It must stand.
    Fault,
    /// As if this stood there.
    Value(&'static str),
    /// As these words say.
    Words(&'static str),
}

/// Whether a reload applies a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reload {
    /// It does.
    Applied,
    /// A restart does, and the reload says so.
    Restart,
}

/// The keys that may stand beside each other in one mapping.
#[derive(Debug)]
pub struct Scope {
    /// Where the mapping stands.
    pub name: &'static str,
    /// How to write one.
    pub example: &'static str,
    /// What it is for, in a sentence.
    pub intro: &'static str,
    /// The keys, in the order of the documentation.
    pub keys: &'static [&'static [&'static Key]],
}

impl Scope {
    /// Every key of it.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().copied().flatten().copied()
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// What a key may hold, with its bounds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One word of a closed set.
    Choice(&'static [&'static str]),
    /// A list of consumers.
    Consumers,
    /// A whole number.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A duration such as `90s` or `24h`.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A bundle endpoint's URL.
    EndpointUrl,
    /// A fingerprint.
    Fingerprint,
    /// An issuer model: a word, or a mapping with one key.
    Issuer(&'static Scope),
    /// A key type.
    KeyType,
    /// A list of mappings, at most so many.
    List {
        /// The keys of each.
        scope: &'static Scope,
        /// The most elements.
        max: usize,
    },
    /// A mapping with these keys.
    Mapping(&'static Scope),
    /// A date and time.
    Moment,
    /// A path, relative to the configuration file.
    Path,
    /// `auto`, or a duration.
    PollInterval {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A proxy's URL.
    ProxyUrl,
    /// `false`, `true` or a number of redirects.
    Redirects {
        /// The most.
        max: u8,
    },
    /// A mapping from trust domain names to relationships.
    Relationships(&'static Scope),
    /// A mapping from kinds of findings to severities.
    Severities,
    /// A number of bytes.
    Size {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A SPIFFE ID with a path.
    SpiffeId,
    /// `true` or `false`.
    Switch,
    /// A text, at most so many bytes.
    Text {
        /// The most.
        max: usize,
    },
    /// A trust domain name.
    TrustDomain,
    /// A list of trust domain names, at most so many.
    TrustDomains {
        /// The most names.
        max: usize,
    },
    /// An `http` or `https` URL.
    Url,
}

impl Kind {
    /// What is wanted, in words that fit after "where".
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Choice(_) => "one word",
            Self::Consumers => "a list of consumers",
            Self::Count { .. } => "a whole number",
            Self::Duration { .. } => "a duration",
            Self::EndpointUrl | Self::ProxyUrl | Self::Url => "a URL",
            Self::Fingerprint => "a fingerprint",
            Self::Issuer(_) => "an issuer model",
            Self::KeyType => "a key type",
            Self::List { .. } => "a list",
            Self::Mapping(_) | Self::Relationships(_) | Self::Severities => "a mapping",
            Self::Moment => "a date and time",
            Self::Path => "a path",
            Self::PollInterval { .. } => "`auto` or a duration",
            Self::Redirects { .. } => "`true`, `false` or a number",
            Self::Size { .. } => "a number of bytes",
            Self::SpiffeId => "a SPIFFE ID",
            Self::Switch => "`true` or `false`",
            Self::Text { .. } => "a text",
            Self::TrustDomain => "a trust domain name",
            Self::TrustDomains { .. } => "a list of trust domain names",
        }
    }

    /// How to write one.
    pub fn example(&self) -> String {
        match self {
            Self::Choice(words) => format!("write {}", one_of(words)),
            Self::Consumers => "write for example [spire, {cache: 10m}]".to_owned(),
            Self::Count { min, max } => format!("write a whole number from {min} to {max}"),
            Self::Duration { .. } => "write for example 10s or 5m".to_owned(),
            Self::EndpointUrl => "write for example https://spire.example.org:8443".to_owned(),
            Self::Fingerprint => "write sha256: and 64 lower-case hex digits".to_owned(),
            Self::Issuer(_) => {
                "write spire, learned, {spire: {ca_ttl: 24h}} or {declared: {interval: 30d}}"
                    .to_owned()
            }
            Self::KeyType => "write for example ec-p256 or rsa-2048".to_owned(),
            Self::List { .. } => "write a list, each element after a `- `".to_owned(),
            Self::Mapping(scope) => scope.example.to_owned(),
            Self::Moment => "write for example 2026-12-01T00:00:00Z".to_owned(),
            Self::Path => "write the path of a file".to_owned(),
            Self::PollInterval { .. } => "write auto, or for example 30s".to_owned(),
            Self::ProxyUrl => "write for example http://proxy.example.org:3128".to_owned(),
            Self::Redirects { max } => format!("write false, true, or 0 to {max}"),
            Self::Relationships(_) => "write each trust domain name with its keys below".to_owned(),
            Self::Severities => "write for example {source_stale: critical}".to_owned(),
            Self::Size { .. } => "write for example 4MiB or 4194304".to_owned(),
            Self::SpiffeId => "write for example spiffe://example.org/spire/server".to_owned(),
            Self::Switch => "write true or false".to_owned(),
            Self::Text { .. } => "write a text".to_owned(),
            Self::TrustDomain => "write for example example.org".to_owned(),
            Self::TrustDomains { .. } => "write for example [a.example, b.example]".to_owned(),
            Self::Url => "write for example http://alertmanager-0:9093".to_owned(),
        }
    }

    /// The bounds in words; empty where there are none beside the form.
    pub fn bounds(&self) -> String {
        match self {
            Self::Choice(words) => one_of(words),
            Self::Count { min, max } => format!("{min} to {max}"),
            Self::Duration { min, max } | Self::PollInterval { min, max } => {
                format!("{} to {}", duration::text(*min), duration::text(*max))
            }
            Self::EndpointUrl => "`https`, no user name or password".to_owned(),
            Self::List { max, .. } | Self::TrustDomains { max } => format!("at most {max}"),
            Self::Redirects { max } => format!("0 to {max}; `true` is {max}, `false` is 0"),
            Self::Size { min, max } => {
                format!("{} to {}", super::scalar::size_text(*min), super::scalar::size_text(*max))
            }
            Self::SpiffeId => "a path that is not empty".to_owned(),
            Self::Text { max } => format!("at most {max} bytes"),
            Self::TrustDomain => "`a-z`, `0-9`, `.`, `-`, `_`, at most 255 bytes".to_owned(),
            Self::ProxyUrl => "`http`".to_owned(),
            Self::Url => "`http` or `https`".to_owned(),
            Self::Consumers
            | Self::Fingerprint
            | Self::Issuer(_)
            | Self::KeyType
            | Self::Mapping(_)
            | Self::Moment
            | Self::Path
            | Self::Relationships(_)
            | Self::Severities
            | Self::Switch => String::new(),
        }
    }
}

/// `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., end] => format!("{} or {end}", first.join(", ")),
    }
}

/// The version that this table began with.
const FIRST: &str = "0.1.0";

impl Key {
    const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            absent: Absent::Words("nothing"),
            meaning,
            since: FIRST,
            reload: Reload::Applied,
        }
    }

    /// A key of the web configuration, which has a documentation of its own.
    pub(super) const fn of_web(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self::new(name, kind, meaning)
    }

    const fn required(self) -> Self {
        Self { absent: Absent::Fault, ..self }
    }

    const fn or(self, value: &'static str) -> Self {
        Self { absent: Absent::Value(value), ..self }
    }

    const fn or_else(self, words: &'static str) -> Self {
        Self { absent: Absent::Words(words), ..self }
    }

    const fn at_restart(self) -> Self {
        Self { reload: Reload::Restart, ..self }
    }
}

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
