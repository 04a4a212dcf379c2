//! The keys of a relationship, and the settings that `defaults` may have for every one.

use std::time::Duration;

use super::{ANNOUNCEMENT, APPROVAL, CACHE_CONSUMER, ISSUER_MODELS, OUTAGE};
use super::{days, hours, minutes, seconds};
use crate::config::fault::Report;
use crate::config::reader::{Fields, Value};
use crate::config::relationship::{MAX_REDIRECTS, Settings};
use crate::config::schema::{Choose, Key, Kind, Scope};
use crate::config::setting::{Row, Setting, Table, section, table};
use crate::config::tree::Tree;
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::watch::{JudgementPolicy, Policy};

/// `federates_with.*`
pub static RELATIONSHIP: Scope = Scope {
    name: "federates_with.*",
    example: "write bundle_endpoint_url and bundle_endpoint_profile below the name",
    intro: "One relationship, under the name of the trust domain whose bundle is served. URL and \
            profile have no default (Federation, 7.2). The keys of `defaults` are allowed here too.",
    keys: &[
        &[BUNDLE_ENDPOINT_URL, BUNDLE_ENDPOINT_PROFILE, BOOTSTRAP_BUNDLE_PATH],
        SETTINGS,
        &[APPROVED, ANNOUNCED, OUTAGES],
    ],
    choose: Choose::Any,
};

pub(in crate::config) const BUNDLE_ENDPOINT_URL: Key = Key::new(
    "bundle_endpoint_url",
    Kind::EndpointUrl,
    "Where the bundle is served (Federation, 5.2).",
)
.required();

pub(in crate::config) const BUNDLE_ENDPOINT_PROFILE: Key = Key::new(
    "bundle_endpoint_profile",
    Kind::Mapping(&PROFILE),
    "How the endpoint proves its identity: exactly one of the two profiles.",
)
.required();

pub(in crate::config) const BOOTSTRAP_BUNDLE_PATH: Key = Key::new(
    "bootstrap_bundle_path",
    Kind::Path,
    "The trust domain's bundle, received out of band: a SPIFFE bundle or PEM certificates. It \
     authenticates the endpoint until the store has trust, and the first bundle is compared with it.",
)
.or_else("the store's trust alone");

pub(in crate::config) const APPROVED: Key = Key::new(
    "approved",
    Kind::List { scope: &APPROVAL, max: 4096 },
    "Authorities that are explained, by full fingerprint. Removing a line is a withdrawal.",
)
.or("[]");

pub(in crate::config) const ANNOUNCED: Key = Key::new(
    "announced",
    Kind::List { scope: &ANNOUNCEMENT, max: 4096 },
    "Authorities that will be published. The first that matches consumes the announcement.",
)
.or("[]");

pub(in crate::config) const OUTAGES: Key = Key::new(
    "outages",
    Kind::List { scope: &OUTAGE, max: 4096 },
    "When the endpoint will be out of service: `source_stale` and `trust_domain_blind` are held \
     back meanwhile, and for three intervals after.",
)
.or("[]");

/// `bundle_endpoint_profile`
pub static PROFILE: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile",
    example: "write {https_web: {}}, or {https_spiffe: {endpoint_spiffe_id: …}}",
    intro: "Exactly one of these.",
    keys: &[&[
        Key::new(
            "https_spiffe",
            Kind::Mapping(&HTTPS_SPIFFE),
            "The endpoint authenticates by an X509-SVID (Federation, 5.2.2).",
        )
        .or_else("the other profile"),
        Key::new(
            "https_web",
            Kind::Mapping(&HTTPS_WEB),
            "The endpoint authenticates by a Web PKI certificate for the URL's host (Federation, \
             5.2.1). Written `https_web: {}`.",
        )
        .or_else("the other profile"),
    ]],
    choose: Choose::One,
};

/// `bundle_endpoint_profile.https_spiffe`
pub static HTTPS_SPIFFE: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile.https_spiffe",
    example: "write {endpoint_spiffe_id: spiffe://example.org/spire/server}",
    intro: "The endpoint authenticates by an X509-SVID.",
    keys: &[&[ENDPOINT_SPIFFE_ID]],
    choose: Choose::Any,
};

pub(in crate::config) const ENDPOINT_SPIFFE_ID: Key = Key::new(
    "endpoint_spiffe_id",
    Kind::SpiffeId,
    "The one identity that the endpoint's SVID must carry. Where it belongs to another trust \
     domain, that one must be under `federates_with` too: its bundle authenticates the endpoint.",
)
.required();

/// `bundle_endpoint_profile.https_web`
pub static HTTPS_WEB: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile.https_web",
    example: "write {}",
    intro: "The endpoint authenticates by a Web PKI certificate. It takes no keys: a CA file of \
            one's own is `ca_file`, in the relationship.",
    keys: &[],
    choose: Choose::Any,
};

/// `defaults`
pub static DEFAULTS: Scope = Scope {
    name: "defaults",
    example: "write for example {timeout: 10s}",
    intro: "The settings of every relationship that has no own. Each of these keys is allowed in a \
            relationship too, and applies to it alone.",
    keys: &[SETTINGS],
    choose: Choose::Any,
};

table! {
    /// What `defaults` and every relationship may have.
    pub(in crate::config) SETTINGS of Settings {
        policy.poll_interval => Key::new(
            "poll_interval", Kind::PollInterval { min: seconds(1), max: hours(24) },
            "How often the endpoint is polled. `auto` is a quarter of the refresh hint, within 15s \
             and 5m, with 10 % of jitter.",
        ).or("auto");
        policy.timeout => Key::new(
            "timeout", Kind::Duration { min: Duration::from_millis(100), max: minutes(5) },
            "The longest that one poll may take, from the name look-up to the last byte.",
        ).or("10s");
        probe => Key::new(
            "probe", Kind::Choice(Probe::LABELS),
            "Whether a poll asks one address of the name, or every one, so that replicas that \
             disagree are seen.",
        ).or("one_address");
        redirects => Key::new(
            "redirects", Kind::Redirects { max: MAX_REDIRECTS },
            "How many redirects a poll follows. Each target passes the checks of the URL, and none \
             is remembered.",
        ).or("true");
        proxy => Key::new(
            "proxy", Kind::ProxyUrl,
            "The HTTP proxy through which the endpoint is reached, by CONNECT. Its password is \
             never printed; keep the file to its owner where there is one. Variables of the \
             environment are not used.",
        ).or_else("no proxy");
        ca_file => CA_FILE;
        policy.baseline => Key::new(
            "baseline", Kind::Choice(&["explicit", "trust_on_first_use"]),
            "Whether a first bundle that no bootstrap file vouches for may be the baseline. It \
             never authenticates an endpoint.",
        ).or("explicit");
        policy.max_jwt_svid_ttl => Key::new(
            "max_jwt_svid_ttl", Kind::Duration { min: seconds(1), max: days(366) },
            "The longest lifetime of the partner's JWT-SVIDs.",
        ).or_else("1h is assumed, and every verdict states it");
        policy.max_x509_svid_ttl => Key::new(
            "max_x509_svid_ttl", Kind::Duration { min: seconds(1), max: days(3660) },
            "The longest lifetime of the partner's X509-SVIDs.",
        ).or_else("4h is assumed, and every verdict states it");
        policy.clock_skew => Key::new(
            "clock_skew", Kind::Duration { min: seconds(0), max: hours(1) },
            "How far clocks may differ.",
        ).or("1m");
        policy.validator_leeway => Key::new(
            "validator_leeway", Kind::Duration { min: seconds(0), max: hours(1) },
            "What validators add to a token's `exp`.",
        ).or("1m");
        policy.replica_lag => Key::new(
            "replica_lag", Kind::Duration { min: seconds(0), max: hours(1) },
            "How long replicas of one endpoint may lag behind each other before disagreement or a \
             step back becomes a finding.",
        ).or("30s");
        policy.consumers => Key::new(
            "consumers", Kind::Consumers(&CACHE_CONSUMER),
            "What uses the bundle; the slowest one's delay is how early a key must be published. \
             `spire` is the strictest profile, `spire@1.15.3` a version, `go-spiffe`, `istio`, \
             `{cache: 10m}` anything that holds a copy for so long.",
        ).or("[spire]");
        policy.issuer => Key::new(
            "issuer", Kind::Issuer(&ISSUER_MODELS),
            "How the partner's server rotates: `spire`, `learned`, or a mapping with one key.",
        ).or("spire");
        policy.judgement => Key::new(
            "policy", Kind::Choice(JudgementPolicy::LABELS),
            "How an unexplained authority is judged: `pinned` accepts approved and announced ones \
             alone, `scheduled` also those on a lineage's date, `lenient` warns of a consistent \
             one instead of paging, `observe` only records.",
        ).or("scheduled");
        policy.severity => SEVERITY;
    }
}

section!(Settings);

impl Settings {
    fn blank() -> Self {
        let policy = Policy::default();
        Self { policy, probe: Probe::default(), redirects: 0, proxy: None, ca_file: None }
    }
}

pub(in crate::config) const CA_FILE: Key = Key::new(
    "ca_file",
    Kind::Path,
    "PEM certificates that authenticate `https_web` endpoints instead of the platform's roots. \
     Under `defaults` it applies to `https_web` endpoints alone.",
)
.or_else("the platform's roots");

pub(in crate::config) const SEVERITY: Key = Key::new(
    "severity",
    Kind::Severities,
    "Severities that differ from the findings' own, by kind: `info`, `warning` or `critical`. \
     Those of a relationship take precedence over those of `defaults`.",
)
.or("{}");
