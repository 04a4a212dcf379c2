//! `--web.config.file`: TLS, passwords and headers of the HTTP listener, in exporter-toolkit's
//! format. `docs/web-config.md` says how to write one, and where it differs.
//!
//! Unlike [`super::Config`], reading it reads the files that it names: a certificate that cannot
//! be served is a fault of the configuration.

mod clients;
mod keys;
mod suites;
mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::fault::{Faults, Report};
use super::place::{Place, quoted};
use super::reader::{Fields, Value};
use super::resolve::{LoadError, utf8};
use super::schema::{Key, one_of};
use super::yaml::{self, NodeKind};
use super::{choice, duration, scalar};
use keys::{BURST, HEADERS, HTTP, HTTP_SCOPE, HTTP2, INTERVAL, RATE, RATE_SCOPE, TLS, TOP, USERS};

/// The most bytes of a file.
const MAX_BYTES: u64 = 4 << 20;
/// The most users: each is looked up by name, and none costs more than another.
const MAX_USERS: usize = 10_000;
/// bcrypt of this cost takes some ten seconds: nobody logs in.
const MAX_COST: u32 = 17;

/// Headers that may be set, with the values that they may have; none is any.
const ALLOWED_HEADERS: &[(&str, &[&str])] = &[
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// How HTTP is served, as a file has it. What the listener uses of it at one moment, with the
/// headers checked, is [`Protection`](crate::web::Protection).
#[derive(Clone, Default)]
pub struct WebConfig {
    /// TLS; without it, plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Users with the bcrypt hash of each password; without any, nobody needs to log in.
    pub users: BTreeMap<Box<str>, Box<str>>,
    /// Headers of every answer.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// One request in so long, and so many at once.
    pub rate_limit: Option<(Duration, u32)>,
    /// Whether every client must have a certificate that is verified.
    pub verifies_clients: bool,
    /// The file itself and those that it names.
    pub files: Vec<PathBuf>,
    /// What works and is hardly meant, in sentences.
    pub warnings: Vec<String>,
}

impl fmt::Debug for WebConfig {
    /// Without hashes, which are worth guessing at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConfig")
            .field("tls", &self.tls.is_some())
            .field("users", &self.users.keys())
            .field("headers", &self.headers)
            .field("rate_limit", &self.rate_limit)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What is noted while a file is read.
#[derive(Debug, Default)]
struct Noted {
    verifies_clients: bool,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl WebConfig {
    /// Reads the file at `path` and those that it names.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |why| LoadError::Unreadable { path: path.to_owned(), why };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        Ok(Self::from_bytes(&absolute, &bytes)?)
    }

    /// Reads what a file at the absolute `path` held, and the files that it names. At most 4 MiB
    /// are read; more is a fault.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Faults> {
        let mut report = Report::new(path).reading(path, &TOP);
        let config = decode(path, bytes, &mut report);
        report.finish(config)
    }
}

fn decode(path: &Path, bytes: &[u8], report: &mut Report) -> Option<WebConfig> {
    if MAX_BYTES < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        let message = format!("the file has more than {MAX_BYTES} bytes");
        report.fault(Place::START, "", message, "name files instead of writing PEM into it");
        return None;
    }
    let mut noted = Noted { files: vec![path.to_owned()], ..Noted::default() };
    let root = yaml::document(utf8(bytes, report)?, report)?;
    // As exporter-toolkit has it, a file that says nothing asks for nothing.
    let Some(root) = root.filter(|root| !matches!(root.kind, NodeKind::Null)) else {
        noted.warnings.push("it says nothing, so nothing is protected".to_owned());
        return Some(WebConfig {
            files: noted.files,
            warnings: noted.warnings,
            ..WebConfig::default()
        });
    };
    let fields = Fields::open(&Value::root(&root), &TOP, report)?;
    let tls = given(&fields, &TLS).and_then(|section| tls::server(section, &mut noted, report));
    let users = given(&fields, &USERS).map(|section| users(section, report)).unwrap_or_default();
    let headers = given(&fields, &HTTP).and_then(|section| http(section, report));
    let rate_limit = given(&fields, &RATE).and_then(|section| rate_limit(section, report));
    if tls.is_none() && !users.is_empty() {
        noted.warnings.push("passwords without tls_server_config are sent in the clear".to_owned());
    }
    let Noted { verifies_clients, files, warnings } = noted;
    let headers = headers.unwrap_or_default();
    Some(WebConfig { tls, users, headers, rate_limit, verifies_clients, files, warnings })
}

/// What stands under a key; as in exporter-toolkit, nothing after the colon is no key at all.
fn given<'f, 't>(fields: &'f Fields<'t>, key: &Key) -> Option<&'f Value<'t>> {
    fields.get(key).filter(|value| !matches!(value.node.kind, NodeKind::Null))
}

/// The text under a key; as in exporter-toolkit, an empty one is no key at all.
fn given_text<'t>(
    fields: &Fields<'t>,
    key: &'static Key,
    report: &mut Report,
) -> Option<(Value<'t>, &'t str)> {
    let value = given(fields, key)?;
    let text = scalar::text(value, key, report)?;
    (!text.is_empty()).then(|| (value.clone(), text))
}

/// One of these words.
fn one_word(
    value: &Value<'_>,
    words: &'static [&'static str],
    report: &mut Report,
) -> Option<&'static str> {
    let written = value.text("one word", &format!("write {}", one_of(words)), report)?;
    choice::word(value, written, words, report)
}

fn users(section: &Value<'_>, report: &mut Report) -> BTreeMap<Box<str>, Box<str>> {
    const HINT: &str = "write what `htpasswd -nBC 10 NAME` prints after the colon";
    let mut users = BTreeMap::new();
    let Some(entries) = section.entries("user", "write each user with a hash below", report) else {
        return users;
    };
    if MAX_USERS < entries.len() {
        section.fault(report, format!("there are more than {MAX_USERS} users"), "name fewer");
        return users;
    }
    for (entry, value) in entries {
        if entry.key.contains(':') {
            let message = "a user whose name has a colon can never log in (RFC 7617, 2)";
            report.fault(entry.place, &value.path, message, "choose another name");
            continue;
        }
        // This may be a password in the clear, so it is never quoted.
        let Some(hash) = value.as_text() else {
            value.fault(report, "a bcrypt hash is wanted", HINT);
            continue;
        };
        match cost(hash) {
            None => value.fault(report, "this is not a bcrypt hash", HINT),
            Some(cost) if MAX_COST < cost => {
                let message = format!("bcrypt of cost {cost} takes longer than a scrape");
                value.fault(report, message, format!("make one of cost {MAX_COST} at most"));
            }
            Some(_) => {
                users.insert(entry.key.clone(), hash.into());
            }
        }
    }
    users
}

/// The cost of a bcrypt hash: `$2`, a letter, two digits, and 53 characters of bcrypt's base64.
fn cost(hash: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|mark| hash.strip_prefix(mark))?;
    let (cost, rest) = rest.split_once('$')?;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
    if cost.len() != 2 || rest.len() != 53 || !rest.bytes().all(is_base64) {
        return None;
    }
    cost.parse().ok().filter(|cost| (4..=31).contains(cost))
}

fn http(section: &Value<'_>, report: &mut Report) -> Option<Vec<(Box<str>, Box<str>)>> {
    let fields = Fields::open(section, &HTTP_SCOPE, report)?;
    if let Some(value) = given(&fields, &HTTP2) {
        scalar::switch(value, &HTTP2, report);
    }
    let mut headers = Vec::new();
    let hint = "write each header with its value below";
    for (entry, value) in given(&fields, &HEADERS)?.entries("header", hint, report)? {
        let Some((_, values)) = ALLOWED_HEADERS.iter().find(|(name, _)| *name == &*entry.key)
        else {
            let names: Vec<_> = ALLOWED_HEADERS.iter().map(|(name, _)| *name).collect();
            let hint = format!("exporter-toolkit allows {}", one_of(&names));
            report.fault(entry.place, &value.path, "this header cannot be set", hint);
            continue;
        };
        let Some(text) = value.text("a text", "write the header's value", report) else { continue };
        if !values.is_empty() && !values.contains(&text) {
            let message = format!("{} is not a value of this header", quoted(text));
            value.fault(report, message, format!("write {}", one_of(values)));
        } else if text.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            value.fault(report, "a header is printable ASCII", "write it without other characters");
        } else {
            headers.push((entry.key.clone(), text.into()));
        }
    }
    Some(headers)
}

fn rate_limit(section: &Value<'_>, report: &mut Report) -> Option<(Duration, u32)> {
    let fields = Fields::open(section, &RATE_SCOPE, report)?;
    let interval = given(&fields, &INTERVAL)
        .and_then(|value| scalar::duration(value, &INTERVAL, report))
        .filter(|interval| !interval.is_zero());
    let burst = given(&fields, &BURST).and_then(|value| scalar::number(value, &BURST, report));
    match (interval, burst) {
        (Some(interval), Some(burst)) => Some((interval, burst)),
        (Some(interval), None) => {
            let message =
                format!("without burst, every request in {} is refused", duration::text(interval));
            section.fault(report, message, "add burst");
            None
        }
        (None, _) => None,
    }
}
