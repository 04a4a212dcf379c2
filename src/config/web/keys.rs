//! The keys of a web configuration: exporter-toolkit's, by its names.

use crate::config::schema::{Choose, Key, Kind, Scope};

/// The most bytes of a text that is no path: a chain of certificates.
const PEM: usize = 256 << 10;

macro_rules! keys {
    ($($name:ident = $word:literal, $kind:expr, $meaning:literal;)*) => {
        $(pub(super) const $name: Key = Key::new($word, $kind, $meaning);)*
    };
}

keys! {
    TLS = "tls_server_config", Kind::Mapping(&TLS_SCOPE), "TLS of the listener: its certificate, and which clients it accepts.";
    HTTP = "http_server_config", Kind::Mapping(&HTTP_SCOPE), "HTTP/2, and headers of every answer.";
    USERS = "basic_auth_users", Kind::Mapping(&ANY_SCOPE), "User names, each with the bcrypt hash of its password.";
    RATE = "rate_limit", Kind::Mapping(&RATE_SCOPE), "Limit of requests in a time.";

    CERT = "cert", Kind::Text { max: PEM }, "The server's certificate and its chain, as PEM.";
    KEY = "key", Kind::Text { max: PEM }, "The server's private key, as PEM.";
    CLIENT_CA = "client_ca", Kind::Text { max: PEM }, "The CA certificates that client certificates must chain to, as PEM.";
    CERT_FILE = "cert_file", Kind::Path, "File with the server's certificate and its chain.";
    KEY_FILE = "key_file", Kind::Path, "File with the server's private key.";
    CLIENT_CA_FILE = "client_ca_file", Kind::Path, "File with the CA certificates that client certificates must chain to.";
    CLIENT_AUTH = "client_auth_type", Kind::Choice(CLIENT_AUTHS), "Which certificate a client must present.";
    ALLOWED_SANS = "client_allowed_sans", Kind::Texts, "Names (SAN), one of which a client certificate must have.";
    MIN_VERSION = "min_version", Kind::Choice(VERSIONS), "Oldest TLS version that is accepted.";
    MAX_VERSION = "max_version", Kind::Choice(VERSIONS), "Newest TLS version that is accepted.";
    CIPHERS = "cipher_suites", Kind::Texts, "Cipher suites that are accepted with TLS 1.2.";
    CURVES = "curve_preferences", Kind::Texts, "Key exchange groups, the preferred one first.";
    PREFER_SERVER = "prefer_server_cipher_suites", Kind::Switch, "Whether the server's order of cipher suites counts, or the client's.";

    HTTP2 = "http2", Kind::Switch, "Accepted and ignored.";
    HEADERS = "headers", Kind::Mapping(&ANY_SCOPE), "Headers of every answer.";

    INTERVAL = "interval", Kind::Duration { min: INTERVALS.0, max: INTERVALS.1 }, "One request in.";
    BURST = "burst", Kind::Count { min: 1, max: 1_000_000 }, "How many at once.";
}

const INTERVALS: (std::time::Duration, std::time::Duration) =
    (std::time::Duration::ZERO, std::time::Duration::from_hours(24));

/// Go's `tls.ClientAuthType`; the second is an old name of `RequireAnyClientCert`.
pub(super) const CLIENT_AUTHS: &[&str] = &[
    "NoClientCert",
    "RequireClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
];

pub(super) const VERSIONS: &[&str] = &["TLS12", "TLS13"];

pub(super) static TOP: Scope = Scope {
    name: "the web configuration",
    example: "write for example `basic_auth_users:` and each user below",
    intro: "",
    keys: &[&[TLS, HTTP, USERS, RATE]],
    choose: Choose::Any,
};

pub(super) static TLS_SCOPE: Scope = Scope {
    name: "tls_server_config",
    example: "write `cert_file:` and `key_file:` below",
    intro: "",
    keys: &[&[
        CERT_FILE,
        KEY_FILE,
        CERT,
        KEY,
        CLIENT_AUTH,
        CLIENT_CA_FILE,
        CLIENT_CA,
        ALLOWED_SANS,
        MIN_VERSION,
        MAX_VERSION,
        CIPHERS,
        CURVES,
        PREFER_SERVER,
    ]],
    choose: Choose::Any,
};

pub(super) static HTTP_SCOPE: Scope = Scope {
    name: "http_server_config",
    example: "write `headers:` and each header below",
    intro: "",
    keys: &[&[HTTP2, HEADERS]],
    choose: Choose::Any,
};

pub(super) static RATE_SCOPE: Scope = Scope {
    name: "rate_limit",
    example: "write `interval:` and `burst:` below",
    intro: "",
    keys: &[&[INTERVAL, BURST]],
    choose: Choose::Any,
};

/// Keys of the operator's choice; they are read as entries.
static ANY_SCOPE: Scope = Scope {
    name: "",
    example: "write each name with its value below",
    intro: "",
    keys: &[],
    choose: Choose::Any,
};
