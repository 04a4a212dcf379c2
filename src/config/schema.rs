//! What a key of a configuration may hold: the form of the declarative table in
//! [`table`](super::table), from which decoding, merging, `config show`, the documentation and the
//! JSON Schema come.

use std::time::Duration;

use anchorwatch_core::time::duration_text;

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
    /// Whether a reload applies a change of it.
    pub reload: Reload,
}

impl Key {
    /// A key that may be left out, and means nothing then.
    pub(super) const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { name, kind, absent: Absent::Words("nothing"), meaning, reload: Reload::Applied }
    }

    /// The same key, where leaving it out is a fault.
    pub(super) const fn required(self) -> Self {
        Self { absent: Absent::Fault, ..self }
    }

    /// The same key, with a default as it would be written.
    pub(super) const fn or(self, value: &'static str) -> Self {
        Self { absent: Absent::Value(value), ..self }
    }

    /// The same key, with words for what holds where it is left out.
    pub(super) const fn or_else(self, words: &'static str) -> Self {
        Self { absent: Absent::Words(words), ..self }
    }

    /// The same key, whose change a reload does not apply.
    pub(super) const fn at_restart(self) -> Self {
        Self { reload: Reload::Restart, ..self }
    }
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Absent {
    /// Leaving it out is a fault.
    Fault,
    /// The same as if this were written.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
}

/// Whether a reload applies a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reload {
    /// A reload applies it.
    Applied,
    /// Only a restart applies it, and the reload reports that.
    Restart,
}

/// The keys that are allowed together in one mapping.
#[derive(Debug)]
pub struct Scope {
    /// Where the mapping is in the file.
    pub name: &'static str,
    /// How to write one.
    pub example: &'static str,
    /// What it is for, in a sentence.
    pub intro: &'static str,
    /// The keys, in groups, in the order of the documentation and of `config show`.
    pub keys: &'static [&'static [Key]],
    /// The number of its keys that may be written at once.
    pub choose: Choose,
}

/// The number of keys of a mapping that may be written at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choose {
    /// Any of them.
    Any,
    /// Exactly one.
    One,
}

impl Scope {
    /// Every key of it.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().copied().flatten()
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// Its name in an address: as GitHub makes anchors of headings.
    pub fn anchor(&self) -> String {
        let kept = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        self.name.to_ascii_lowercase().chars().filter(kept).collect()
    }

    /// This scope and every one that its keys lead to, each once, depth first.
    pub fn with_all_below(&'static self) -> Vec<&'static Self> {
        let mut found = Vec::new();
        self.walk(&mut found);
        found
    }

    fn walk(&'static self, found: &mut Vec<&'static Self>) {
        if found.iter().all(|scope| scope.name != self.name) {
            found.push(self);
            self.keys().filter_map(|key| key.kind.scope()).for_each(|scope| scope.walk(found));
        }
    }
}

/// What a key may hold, with its bounds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One word of a closed set.
    Choice(&'static [&'static str]),
    /// A list of consumers: words, or mappings with these keys.
    Consumers(&'static Scope),
    /// A whole number.
    Count {
        /// The smallest allowed number.
        min: u64,
        /// The largest allowed number.
        max: u64,
    },
    /// A duration such as `90s` or `24h`.
    Duration {
        /// The shortest allowed duration.
        min: Duration,
        /// The longest allowed duration.
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
    /// A list of mappings.
    List {
        /// The keys of each.
        scope: &'static Scope,
        /// The largest allowed number of elements.
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
        /// The shortest allowed interval.
        min: Duration,
        /// The longest allowed interval.
        max: Duration,
    },
    /// A proxy's URL.
    ProxyUrl,
    /// `false`, `true` or a number of redirects.
    Redirects {
        /// The largest allowed number.
        max: u8,
    },
    /// A mapping from trust domain names to relationships.
    Relationships(&'static Scope),
    /// A mapping from kinds of findings to severities.
    Severities,
    /// A number of bytes.
    Size {
        /// The smallest allowed number.
        min: u64,
        /// The largest allowed number.
        max: u64,
    },
    /// A SPIFFE ID with a path.
    SpiffeId,
    /// `true` or `false`.
    Switch,
    /// A text.
    Text {
        /// The largest allowed number of bytes.
        max: usize,
    },
    /// A list of texts.
    Texts,
    /// A trust domain name.
    TrustDomain,
    /// A list of trust domain names.
    TrustDomains {
        /// The largest allowed number of names.
        max: usize,
    },
    /// An `http` or `https` URL.
    Url,
}

impl Kind {
    /// What is expected, in words that fit after "where".
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Choice(_) => "one word",
            Self::Consumers(_) => "a list of consumers",
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
            Self::Texts => "a list of texts",
            Self::TrustDomain => "a trust domain name",
            Self::TrustDomains { .. } => "a list of trust domain names",
        }
    }

    /// How to write one.
    pub fn example(&self) -> String {
        let example = match self {
            Self::Choice(words) => return format!("write {}", one_of(words)),
            Self::Consumers(_) => "write for example [spire, {cache: 10m}]",
            Self::Count { min, max } => return format!("write a whole number from {min} to {max}"),
            Self::Duration { .. } => "write for example 10s or 5m",
            Self::EndpointUrl => "write for example https://spire.example.org:8443",
            Self::Fingerprint => "write sha256: and 64 lower-case hex digits",
            Self::Issuer(_) => {
                "write spire, learned, {spire: {ca_ttl: 24h}} or {declared: {interval: 30d}}"
            }
            Self::KeyType => "write for example ec-p256 or rsa-2048",
            Self::List { .. } => "write a list, each element after a `- `",
            Self::Mapping(scope) => scope.example,
            Self::Moment => "write for example 2026-12-01T00:00:00Z",
            Self::Path => "write the path of a file",
            Self::PollInterval { .. } => "write auto, or for example 30s",
            Self::ProxyUrl => "write for example http://proxy.example.org:3128",
            Self::Redirects { max } => return format!("write false, true, or 0 to {max}"),
            Self::Relationships(_) => "write each trust domain name with its keys below",
            Self::Severities => "write for example {source_stale: critical}",
            Self::Size { .. } => "write for example 4MiB or 4194304",
            Self::SpiffeId => "write for example spiffe://example.org/spire/server",
            Self::Switch => "write true or false",
            Self::Text { .. } => "write a text",
            Self::Texts => "write each after a `- `",
            Self::TrustDomain => "write for example example.org",
            Self::TrustDomains { .. } => "write for example [a.example, b.example]",
            Self::Url => "write for example http://alertmanager-0:9093",
        };
        example.to_owned()
    }

    /// The bounds in words; empty where there are none beside the form.
    pub fn bounds(&self) -> String {
        match self {
            Self::Choice(words) => one_of(words),
            Self::Count { min, max } => format!("{min} to {max}"),
            Self::Duration { min, max } | Self::PollInterval { min, max } => {
                format!("{} to {}", duration_text(*min), duration_text(*max))
            }
            Self::EndpointUrl => "`https`, no user name or password".to_owned(),
            Self::List { max, .. } | Self::TrustDomains { max } => format!("at most {max}"),
            Self::Redirects { max } => format!("0 to {max}; `true` is {max}, `false` is 0"),
            Self::Size { min, max } => format!("{} to {}", size_text(*min), size_text(*max)),
            Self::SpiffeId => "a path that is not empty".to_owned(),
            Self::Text { max } => format!("at most {max} bytes"),
            Self::TrustDomain => "`a-z`, `0-9`, `.`, `-`, `_`, at most 255 bytes".to_owned(),
            Self::ProxyUrl => "`http`".to_owned(),
            Self::Url => "`http` or `https`".to_owned(),
            Self::Consumers(_)
            | Self::Fingerprint
            | Self::Issuer(_)
            | Self::KeyType
            | Self::Mapping(_)
            | Self::Moment
            | Self::Path
            | Self::Relationships(_)
            | Self::Severities
            | Self::Switch
            | Self::Texts => String::new(),
        }
    }

    /// The scope of the keys below.
    pub fn scope(&self) -> Option<&'static Scope> {
        match self {
            Self::Mapping(scope)
            | Self::List { scope, .. }
            | Self::Relationships(scope)
            | Self::Consumers(scope)
            | Self::Issuer(scope) => Some(scope),
            Self::Choice(_)
            | Self::Count { .. }
            | Self::Duration { .. }
            | Self::EndpointUrl
            | Self::Fingerprint
            | Self::KeyType
            | Self::Moment
            | Self::Path
            | Self::PollInterval { .. }
            | Self::ProxyUrl
            | Self::Redirects { .. }
            | Self::Severities
            | Self::Size { .. }
            | Self::SpiffeId
            | Self::Switch
            | Self::Text { .. }
            | Self::Texts
            | Self::TrustDomain
            | Self::TrustDomains { .. }
            | Self::Url => None,
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

/// A number of bytes as it is written: `4MiB`, or `4194305`.
pub(super) fn size_text(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let one = 1_u64 << shift;
        if one <= bytes && bytes.is_multiple_of(one) {
            return format!("{}{unit}", bytes / one);
        }
    }
    bytes.to_string()
}
