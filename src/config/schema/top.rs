//! The keys of the whole watch.

use super::{
    BY, FINGERPRINT, Key, Kind, REASON, RELATIONSHIP, SETTINGS, Scope, days, hours, seconds,
};

/// The whole file.
pub static TOP: Scope = Scope {
    name: "the file",
    example: "write `federates_with:` and each relationship below",
    intro: "The whole file is one mapping.",
    keys: &[&[
        &TRUST_DOMAIN,
        &STORE_SECTION,
        &DEFAULTS_SECTION,
        &FEDERATES_WITH,
        &ADMIN_SOCKET,
        &CONCURRENCY,
        &LIMITS_SECTION,
        &METRICS_SECTION,
        &RETENTION_SECTION,
        &SIGHTINGS,
        &SHARED_AUTHORITIES,
        &ALERTMANAGERS,
    ]],
};

/// `trust_domain`
pub static TRUST_DOMAIN: Key = Key::new(
    "trust_domain",
    Kind::TrustDomain,
    "Who is watching. It names the graph's own node, and may stand under `federates_with` too.",
);

/// `store`
pub static STORE_SECTION: Key = Key::new("store", Kind::Mapping(&STORE), "Where history is kept.")
    .or_else("the defaults of its keys");

/// `defaults`
pub static DEFAULTS_SECTION: Key = Key::new(
    "defaults",
    Kind::Mapping(&DEFAULTS),
    "What holds for every relationship that does not say otherwise.",
)
.or_else("the defaults of its keys");

/// `federates_with`
pub static FEDERATES_WITH: Key = Key::new(
    "federates_with",
    Kind::Relationships(&RELATIONSHIP),
    "The trust domains that are watched, by name, without `spiffe://`.",
)
.required();

/// `admin_socket`
pub static ADMIN_SOCKET: Key = Key::new(
    "admin_socket",
    Kind::Path,
    "The Unix socket over which the commands ask and decide. Its path has at most 107 bytes.",
)
.or_else("`admin.sock` in the store's directory")
.at_restart();

/// `concurrency`
pub static CONCURRENCY: Key = Key::new(
    "concurrency",
    Kind::Count { min: 1, max: 65_536 },
    "How many polls may run at one time.",
)
.or("1024")
.at_restart();

/// `limits`
pub static LIMITS_SECTION: Key =
    Key::new("limits", Kind::Mapping(&LIMITS), "How much an endpoint may take.")
        .or_else("the defaults of its keys");

/// `metrics`
pub static METRICS_SECTION: Key =
    Key::new("metrics", Kind::Mapping(&METRICS), "What `/metrics` exports.")
        .or_else("the defaults of its keys");

/// `retention`
pub static RETENTION_SECTION: Key =
    Key::new("retention", Kind::Mapping(&RETENTION), "How long the store keeps what.")
        .or_else("the defaults of its keys");

/// `sightings`
pub static SIGHTINGS: Key = Key::new(
    "sightings",
    Kind::Path,
    "A file of JSON lines in which relying parties report what they saw of tokens, never a token: \
     `{\"trust_domain\": …, \"kid\": …, \"iat\": …, \"exp\": …}`, times in Unix seconds. It is \
     followed, over its rotation; a line that looks like a token is refused.",
)
.or_else("no sightings");

/// `shared_authorities`
pub static SHARED_AUTHORITIES: Key = Key::new(
    "shared_authorities",
    Kind::List { scope: &SHARED_AUTHORITY, max: 1024 },
    "X.509 authorities that several trust domains share on purpose, such as the upstream root of \
     one organisation. Without an entry, a key of several trust domains is a warning.",
)
.or("[]");

/// `alertmanagers`
pub static ALERTMANAGERS: Key = Key::new(
    "alertmanagers",
    Kind::List { scope: &ALERTMANAGER, max: 16 },
    "Alertmanagers to which findings are pushed. Name every member of a cluster.",
)
.or("[]");

/// An element of `shared_authorities`
pub static SHARED_AUTHORITY: Scope = Scope {
    name: "shared_authorities[]",
    example: "write {fingerprint: \"sha256:…\", trust_domains: [a.example, b.example], reason: corporate root}",
    intro: "An authority that several trust domains share. The finding about it is `info`, until a \
            trust domain publishes its key that is not named.",
    keys: &[&[&FINGERPRINT, &SHARED_BY, &REASON, &BY]],
};

/// `trust_domains`
pub static SHARED_BY: Key = Key::new(
    "trust_domains",
    Kind::TrustDomains { max: 65_536 },
    "The trust domains that may publish it.",
)
.or_else("any trust domain");

/// `store`
pub static STORE: Scope = Scope {
    name: "store",
    example: "write {path: /var/lib/anchorwatch}",
    intro: "Where history is kept.",
    keys: &[&[&STORE_PATH]],
};

/// `store.path`
pub static STORE_PATH: Key = Key::new(
    "path",
    Kind::Path,
    "The directory of the embedded store; created if absent, locked while in use.",
)
.or("/var/lib/anchorwatch")
.at_restart();

/// `defaults`
pub static DEFAULTS: Scope = Scope {
    name: "defaults",
    example: "write for example {timeout: 10s}",
    intro: "What holds for every relationship that does not say otherwise. Each of these keys may \
            stand in a relationship too, and counts there alone.",
    keys: &[SETTINGS],
};

/// `limits`
pub static LIMITS: Scope = Scope {
    name: "limits",
    example: "write for example {body: 4MiB}",
    intro: "How much an endpoint may take, each endpoint for itself.",
    keys: &[&[&BODY, &KEYS, &NESTING, &ADDRESSES, &DAILY_EVENTS, &DAILY_BYTES]],
};

/// `limits.body`
pub static BODY: Key = Key::new(
    "body",
    Kind::Size { min: 1 << 10, max: 64 << 20 },
    "The most bytes of a document. 300 authorities take about 300 KiB.",
)
.or("4MiB");

/// `limits.keys`
pub static KEYS: Key = Key::new(
    "keys",
    Kind::Count { min: 1, max: 65_536 },
    "The most elements of a document's `keys`.",
)
.or("4096");

/// `limits.nesting`
pub static NESTING: Key = Key::new(
    "nesting",
    Kind::Count { min: 4, max: 64 },
    "The deepest nesting of arrays and objects in a document. A bundle needs 4.",
)
.or("32");

/// `limits.addresses`
pub static ADDRESSES: Key = Key::new(
    "addresses",
    Kind::Count { min: 1, max: 16 },
    "The most addresses of one name that `probe: all_addresses` asks.",
)
.or("16");

/// `limits.daily_events`
pub static DAILY_EVENTS: Key = Key::new(
    "daily_events",
    Kind::Count { min: 100, max: 10_000_000 },
    "The most events of polls that one trust domain may record in a day. Past it, recording is reduced and judgement goes on.",
)
.or("20000");

/// `limits.daily_bytes`
pub static DAILY_BYTES: Key = Key::new(
    "daily_bytes",
    Kind::Size { min: 1 << 20, max: 1 << 40 },
    "The most bytes that events of polls and their documents may take in a day, for one trust domain. Past it, recording is reduced.",
)
.or("1GiB");

/// `metrics`
pub static METRICS: Scope = Scope {
    name: "metrics",
    example: "write for example {per_authority: false}",
    intro: "What `/metrics` exports.",
    keys: &[&[&PER_AUTHORITY]],
};

/// `metrics.per_authority`
pub static PER_AUTHORITY: Key = Key::new(
    "per_authority",
    Kind::Switch,
    "Whether each authority has series of its own: about eight, for as long as it is published.",
)
.or("true");

/// `retention`
pub static RETENTION: Scope = Scope {
    name: "retention",
    example: "write for example {bodies: 400d}",
    intro: "How long the store keeps what. Events are kept for ever.",
    keys: &[&[&BODIES]],
};

/// `retention.bodies`
pub static BODIES: Key = Key::new(
    "bodies",
    Kind::Duration { min: days(1), max: days(36_500) },
    "How long raw bundles are kept after the state that they brought has passed.",
)
.or("400d")
.at_restart();

/// `alertmanagers[]`
pub static ALERTMANAGER: Scope = Scope {
    name: "alertmanagers[]",
    example: "write {url: http://alertmanager-0:9093}",
    intro: "One Alertmanager. Critical findings are pushed to it at once, and again every 5 s.",
    keys: &[&[
        &ALERTMANAGER_URL,
        &USERNAME,
        &PASSWORD_FILE,
        &ALERTMANAGER_CA_FILE,
        &CERT_FILE,
        &KEY_FILE,
        &RESOLVE_AFTER,
    ]],
};

/// `alertmanagers[].url`
pub static ALERTMANAGER_URL: Key = Key::new(
    "url",
    Kind::Url,
    "Where it listens, without `/api/v2/alerts`, and without a user name or a password.",
)
.required();

/// `alertmanagers[].username`
pub static USERNAME: Key =
    Key::new("username", Kind::Text { max: 256 }, "Whom to log in as by basic auth.")
        .or_else("no log-in");

/// `alertmanagers[].password_file`
pub static PASSWORD_FILE: Key = Key::new(
    "password_file",
    Kind::Path,
    "The file whose first line is the password. It is read at each push.",
)
.or_else("no log-in");

/// `alertmanagers[].ca_file`
pub static ALERTMANAGER_CA_FILE: Key = Key::new(
    "ca_file",
    Kind::Path,
    "PEM certificates that may have signed its certificate, under an `https` URL.",
)
.or_else("the platform's roots");

/// `alertmanagers[].cert_file`
pub static CERT_FILE: Key = Key::new(
    "cert_file",
    Kind::Path,
    "The PEM certificates that anchorwatch proves itself with, under an `https` URL.",
)
.or_else("no client certificate");

/// `alertmanagers[].key_file`
pub static KEY_FILE: Key = Key::new("key_file", Kind::Path, "The PEM key of `cert_file`.")
    .or_else("no client certificate");

/// `alertmanagers[].resolve_after`
pub static RESOLVE_AFTER: Key = Key::new(
    "resolve_after",
    Kind::Duration { min: seconds(0), max: hours(1) },
    "How long a finding must have ended before its alert is resolved. Longer than a scrape and an \
     evaluation of the rules together: were the push resolved first, the rule's alert of the same \
     finding would page once more.",
)
.or("2m");
