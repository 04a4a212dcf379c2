//! The keys of a relationship, and those that `defaults` may hold for it.

use super::{
    ANNOUNCED, APPROVED, CONSUMERS, ISSUER, Key, Kind, OUTAGES, POLICY, SEVERITY, Scope, days,
    hours, minutes, seconds,
};
use anchorwatch_core::spiffe::Probe;

/// `federates_with.*`
pub static RELATIONSHIP: Scope = Scope {
    name: "federates_with.*",
    example: "write bundle_endpoint_url and bundle_endpoint_profile below the name",
    intro: "One relationship, under the name of the trust domain whose bundle is served. URL and \
            profile have no default (Federation, 7.2). The keys of `defaults` may stand here too.",
    keys: &[
        &[
            &BUNDLE_ENDPOINT_URL,
            &BUNDLE_ENDPOINT_PROFILE,
            &BOOTSTRAP_BUNDLE_PATH,
            &APPROVED,
            &ANNOUNCED,
            &OUTAGES,
        ],
        SETTINGS,
    ],
};

/// `bundle_endpoint_url`
pub static BUNDLE_ENDPOINT_URL: Key = Key::new(
    "bundle_endpoint_url",
    Kind::EndpointUrl,
    "Where the bundle is served (Federation, 5.2).",
)
.required();

/// `bundle_endpoint_profile`
pub static BUNDLE_ENDPOINT_PROFILE: Key = Key::new(
    "bundle_endpoint_profile",
    Kind::Mapping(&PROFILE),
    "How the endpoint proves who it is: exactly one of the two profiles.",
)
.required();

/// `bootstrap_bundle_path`
pub static BOOTSTRAP_BUNDLE_PATH: Key = Key::new(
    "bootstrap_bundle_path",
    Kind::Path,
    "The trust domain's bundle as it came by another way: a SPIFFE bundle or PEM certificates. It \
     authenticates the endpoint until the store has trust, and the first bundle is measured by it.",
)
.or_else("the store's trust alone");

/// `bundle_endpoint_profile`
pub static PROFILE: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile",
    example: "write {https_web: {}}, or {https_spiffe: {endpoint_spiffe_id: …}}",
    intro: "Exactly one of these.",
    keys: &[&[&HTTPS_SPIFFE_SECTION, &HTTPS_WEB_SECTION]],
};

/// `bundle_endpoint_profile.https_spiffe`
pub static HTTPS_SPIFFE_SECTION: Key = Key::new(
    "https_spiffe",
    Kind::Mapping(&HTTPS_SPIFFE),
    "The endpoint authenticates by an X509-SVID (Federation, 5.2.2).",
)
.or_else("the other profile");

/// `bundle_endpoint_profile.https_web`
pub static HTTPS_WEB_SECTION: Key = Key::new(
    "https_web",
    Kind::Mapping(&HTTPS_WEB),
    "The endpoint authenticates by a Web PKI certificate for the URL's host (Federation, 5.2.1). \
     Written `https_web: {}`.",
)
.or_else("the other profile");

/// `bundle_endpoint_profile.https_spiffe`
pub static HTTPS_SPIFFE: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile.https_spiffe",
    example: "write {endpoint_spiffe_id: spiffe://example.org/spire/server}",
    intro: "The endpoint authenticates by an X509-SVID.",
    keys: &[&[&ENDPOINT_SPIFFE_ID]],
};

/// `bundle_endpoint_profile.https_web`
pub static HTTPS_WEB: Scope = Scope {
    name: "federates_with.*.bundle_endpoint_profile.https_web",
    example: "write {}",
    intro: "The endpoint authenticates by a Web PKI certificate. It takes no keys: a CA file of \
            one's own is `ca_file`, in the relationship.",
    keys: &[],
};

/// `endpoint_spiffe_id`
pub static ENDPOINT_SPIFFE_ID: Key = Key::new(
    "endpoint_spiffe_id",
    Kind::SpiffeId,
    "The one identity that the endpoint's SVID must carry. Where it belongs to another trust \
     domain, that one must stand under `federates_with` too: its bundle authenticates the endpoint.",
)
.required();

/// What `defaults` may hold, and every relationship too.
pub static SETTINGS: &[&Key] = &[
    &POLL_INTERVAL,
    &TIMEOUT,
    &PROBE,
    &REDIRECTS,
    &PROXY,
    &CA_FILE,
    &BASELINE,
    &MAX_JWT_SVID_TTL,
    &MAX_X509_SVID_TTL,
    &CLOCK_SKEW,
    &VALIDATOR_LEEWAY,
    &REPLICA_LAG,
    &CONSUMERS,
    &ISSUER,
    &POLICY,
    &SEVERITY,
];

/// `poll_interval`
pub static POLL_INTERVAL: Key = Key::new(
    "poll_interval",
    Kind::PollInterval { min: seconds(1), max: hours(24) },
    "How often the endpoint is polled. `auto` is a quarter of the refresh hint, within 15s and 5m, \
     with 10 % of jitter.",
)
.or("auto");

/// `timeout`
pub static TIMEOUT: Key = Key::new(
    "timeout",
    Kind::Duration { min: std::time::Duration::from_millis(100), max: minutes(5) },
    "The longest that one poll may take, from the name look-up to the last byte.",
)
.or("10s");

/// `probe`
pub static PROBE: Key = Key::new(
    "probe",
    Kind::Choice(Probe::WORDS),
    "Whether a poll asks one address of the name, or every one, so that replicas that disagree are \
     seen.",
)
.or("one_address");

/// `redirects`
pub static REDIRECTS: Key = Key::new(
    "redirects",
    Kind::Redirects { max: crate::config::MAX_REDIRECTS },
    "How many redirects a poll follows. Each target passes the checks of the URL, and none is \
     remembered.",
)
.or("true");

/// `proxy`
pub static PROXY: Key = Key::new(
    "proxy",
    Kind::ProxyUrl,
    "The HTTP proxy through which the endpoint is reached, by CONNECT. Its password is never printed; keep the \
     file to its owner where there is one. Variables of the environment are not asked.",
)
.or_else("no proxy");

/// `ca_file`
pub static CA_FILE: Key = Key::new(
    "ca_file",
    Kind::Path,
    "PEM certificates that authenticate `https_web` endpoints instead of the platform's roots. \
     Under `defaults` it holds for `https_web` endpoints alone.",
)
.or_else("the platform's roots");

/// `baseline`
pub static BASELINE: Key = Key::new(
    "baseline",
    Kind::Choice(&["explicit", "trust_on_first_use"]),
    "Whether a first bundle that no bootstrap file vouches for may be the baseline. It never \
     authenticates an endpoint.",
)
.or("explicit");

/// `max_jwt_svid_ttl`
pub static MAX_JWT_SVID_TTL: Key = Key::new(
    "max_jwt_svid_ttl",
    Kind::Duration { min: seconds(1), max: days(366) },
    "The longest lifetime of the partner's JWT-SVIDs.",
)
.or_else("1h is assumed, and every verdict says so");

/// `max_x509_svid_ttl`
pub static MAX_X509_SVID_TTL: Key = Key::new(
    "max_x509_svid_ttl",
    Kind::Duration { min: seconds(1), max: days(3660) },
    "The longest lifetime of the partner's X509-SVIDs.",
)
.or_else("4h is assumed, and every verdict says so");

/// `clock_skew`
pub static CLOCK_SKEW: Key = Key::new(
    "clock_skew",
    Kind::Duration { min: seconds(0), max: hours(1) },
    "How far clocks may differ.",
)
.or("1m");

/// `validator_leeway`
pub static VALIDATOR_LEEWAY: Key = Key::new(
    "validator_leeway",
    Kind::Duration { min: seconds(0), max: hours(1) },
    "What validators add to a token's `exp`.",
)
.or("1m");

/// `replica_lag`
pub static REPLICA_LAG: Key = Key::new(
    "replica_lag",
    Kind::Duration { min: seconds(0), max: hours(1) },
    "How long replicas of one endpoint may lag behind each other before disagreement or a step \
     back becomes a finding.",
)
.or("30s");
