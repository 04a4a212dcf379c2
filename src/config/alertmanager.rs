//! Who is told of critical findings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::fault::Report;
use super::intent;
use super::proxy::web_url;
use super::reader::{Fields, Value};
use super::scalar;
use super::schema::{
    ALERTMANAGER_CA_FILE, ALERTMANAGER_URL, CERT_FILE, KEY_FILE, Key, PASSWORD_FILE, RESOLVE_AFTER,
    USERNAME,
};

/// An Alertmanager to which findings are pushed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alertmanager {
    /// Where it listens; `http` or `https`, without a user name or a password.
    pub url: Url,
    /// Whom to log in as, and the file that the password is in.
    pub credentials: Option<(Box<str>, PathBuf)>,
    /// Who may have signed its certificate, instead of the platform's roots.
    pub ca_file: Option<PathBuf>,
    /// The certificates that anchorwatch proves itself with, and their key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long a finding must have ended before its alert is resolved.
    pub resolve_after: Duration,
}

impl Alertmanager {
    /// [`Alertmanager::resolve_after`], unless told otherwise.
    const RESOLVE_AFTER: Duration = Duration::from_mins(2);
}

/// `alertmanagers`
pub(super) fn alertmanagers(
    value: &Value<'_>,
    key: &'static Key,
    directory: &Path,
    report: &mut Report,
) -> Option<Vec<Alertmanager>> {
    let mut seen: BTreeMap<Url, usize> = BTreeMap::new();
    intent::list(value, key, report, |fields, report| {
        let one = alertmanager(fields, directory, report)?;
        if let Some(value) = fields.get(&ALERTMANAGER_URL) {
            if let Some(line) = seen.get(&one.url) {
                let message = "this Alertmanager is there twice";
                value.fault(report, message, format!("it stands in line {line}, so remove one"));
            }
            seen.insert(one.url.clone(), value.place().line);
        }
        Some(one)
    })
}

/// One element of it.
fn alertmanager(
    fields: &Fields<'_>,
    directory: &Path,
    report: &mut Report,
) -> Option<Alertmanager> {
    let url = fields.read(&ALERTMANAGER_URL, report, url);
    let file = |key: &'static Key, report: &mut Report| {
        fields.read(key, report, |value, key, report| scalar::path(value, key, directory, report))
    };
    let password_file = file(&PASSWORD_FILE, report);
    let ca_file = file(&ALERTMANAGER_CA_FILE, report);
    let (cert_file, key_file) = (file(&CERT_FILE, report), file(&KEY_FILE, report));
    let username = fields.read(&USERNAME, report, scalar::words);
    let username = username.map(|name| name.as_received().into());
    let resolve_after = fields.read(&RESOLVE_AFTER, report, scalar::duration);
    together(fields, &USERNAME, &PASSWORD_FILE, report);
    together(fields, &CERT_FILE, &KEY_FILE, report);
    let url = url?;
    if url.scheme() == "http" {
        for key in [&ALERTMANAGER_CA_FILE, &CERT_FILE] {
            if let Some(value) = fields.get(key) {
                value.fault(report, "the URL is http", "write https in the url, or remove the key");
            }
        }
    }
    Some(Alertmanager {
        url,
        credentials: username.zip(password_file),
        ca_file,
        identity: cert_file.zip(key_file),
        resolve_after: resolve_after.unwrap_or(Alertmanager::RESOLVE_AFTER),
    })
}

/// Neither of two keys says anything without the other.
fn together(fields: &Fields<'_>, one: &'static Key, other: &'static Key, report: &mut Report) {
    for (there, missing) in [(one, other), (other, one)] {
        if let (Some(value), None) = (fields.get(there), fields.get(missing)) {
            let message = format!("{} is missing beside it", missing.name);
            value.fault(report, message, format!("write {} too", missing.name));
        }
    }
}

fn url(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Url> {
    let url = web_url(value, key, &["http", "https"], report)?;
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the URL must not contain a user name or a password";
        value.fault(report, message, "remove what stands before the @, and write username");
        return None;
    }
    // It is shown in metrics, and a path is put behind it.
    if url.query().is_some() || url.fragment().is_some() {
        let message = "the URL must not contain a query or a fragment";
        value.fault(report, message, "remove what stands from the ? or the # on");
        return None;
    }
    Some(url)
}
