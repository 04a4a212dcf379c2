//! From a file to what runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alertmanager::alertmanagers;
use super::bootstrap;
use super::fault::{Faults, Report};
use super::intent::shared_authorities;
use super::reader::{Fields, Value};
use super::relationship::{Written, name, relationship};
use super::schema::{
    ADDRESSES, ADMIN_SOCKET, ALERTMANAGERS, BODIES, BODY, CA_FILE, CONCURRENCY, DAILY_BYTES,
    DAILY_EVENTS, DEFAULTS, DEFAULTS_SECTION, FEDERATES_WITH, KEYS, Key, LIMITS, LIMITS_SECTION,
    METRICS, METRICS_SECTION, NESTING, PER_AUTHORITY, RETENTION, RETENTION_SECTION,
    SHARED_AUTHORITIES, SIGHTINGS, STORE, STORE_PATH, STORE_SECTION, Scope, TOP, TRUST_DOMAIN,
};
use super::serving;
use super::settings::Settings;
use super::yaml::{self, Place};
use super::{Config, Limits, MetricsConfig, Retention, StoreConfig, scalar};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Budget;

/// The longest path of a Unix socket, in bytes: `sun_path` without its last zero.
const MAX_SOCKET_PATH: usize = 107;

/// Why a file gives no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// Something is wrong with what it says.
    #[error(transparent)]
    Faults(#[from] Faults),
}

/// A configuration that was read, with the places of the files that it names.
#[derive(Clone, Debug)]
pub struct Read {
    /// What runs.
    pub config: Config,
    /// What the file was named as.
    file: PathBuf,
    names: Vec<FileName>,
}

/// A file that a relationship names.
#[derive(Clone, Debug)]
struct FileName {
    path: String,
    place: Place,
    file: PathBuf,
    use_of_it: UseOfFile,
}

#[derive(Clone, Debug)]
enum UseOfFile {
    Bootstrap(TrustDomain),
    CaFile,
}

impl FileName {
    fn new(value: &Value<'_>, file: &Path, use_of_it: UseOfFile) -> Self {
        Self { path: value.path.clone(), place: value.place(), file: file.to_owned(), use_of_it }
    }
}

impl Read {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |why| LoadError::Unreadable { path: path.to_owned(), why };
        let mut bytes = Vec::new();
        let limit = u64::try_from(yaml::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let file = File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let mut report = Report::new(path);
        let config = decode(&absolute, &bytes, &mut report);
        Ok(Self::finish(path, config, report)?)
    }

    /// Reads `text` as the content of the file at `path`, without touching it.
    pub fn from_text(path: &Path, text: &str) -> Result<Self, Faults> {
        let mut report = Report::new(path);
        let config = decode(path, text.as_bytes(), &mut report);
        Self::finish(path, config, report)
    }

    fn finish(
        file: &Path,
        decoded: Option<(Config, Vec<FileName>)>,
        report: Report,
    ) -> Result<Self, Faults> {
        let (config, names) = report.finish(decoded)?;
        Ok(Self { config, file: file.to_owned(), names })
    }

    /// What is wrong with the files that the configuration names: bootstrap files that are
    /// missing, empty or of another trust domain, CA files that hold no certificate.
    pub fn file_faults(&self) -> Faults {
        let mut report = Report::new(&self.file);
        for name in &self.names {
            let wrong = match &name.use_of_it {
                UseOfFile::Bootstrap(trust_domain) => {
                    bootstrap::read(&name.file, trust_domain).map(|_| ())
                }
                UseOfFile::CaFile => bootstrap::read_ca_file(&name.file),
            };
            if let Err(error) = wrong {
                let hint = match name.use_of_it {
                    UseOfFile::Bootstrap(_) => error.hint("a SPIFFE bundle or PEM certificates"),
                    UseOfFile::CaFile => error.hint("PEM certificates"),
                };
                let message = format!("{}: {error}", name.file.display());
                report.fault(name.place, &name.path, message, hint);
            }
        }
        report.finish(None::<()>).err().unwrap_or_default()
    }
}

fn decode(path: &Path, bytes: &[u8], report: &mut Report) -> Option<(Config, Vec<FileName>)> {
    if yaml::MAX_BYTES < bytes.len() {
        let message = format!("the file has more than {} bytes", yaml::MAX_BYTES);
        report.fault(Place::START, "", message, "split the watch");
        return None;
    }
    let text = utf8(bytes, report)?;
    let root = yaml::parse(text, report)?;
    let fields = Fields::open(&Value::root(&root), &TOP, report)?;
    config(&fields, path, Digest::of(bytes), report)
}

/// The bytes of a file as text; a fault where they are none.
pub(super) fn utf8<'b>(bytes: &'b [u8], report: &mut Report) -> Option<&'b str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.split(|byte| *byte == b'\n').count();
            let begun = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let column = 1 + String::from_utf8_lossy(begun).chars().count();
            report.fault(Place { line, column }, "", "this is not UTF-8", "save it as UTF-8");
            None
        }
    }
}

fn config(
    fields: &Fields<'_>,
    path: &Path,
    digest: Digest,
    report: &mut Report,
) -> Option<(Config, Vec<FileName>)> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let file = |value: &Value<'_>, key: &'static Key, report: &mut Report| {
        scalar::path(value, key, directory, report)
    };
    let trust_domain = fields.read(&TRUST_DOMAIN, report, trust_domain);
    let store = section(fields, &STORE_SECTION, &STORE, report)
        .and_then(|store| store.read(&STORE_PATH, report, file))
        .unwrap_or_else(|| PathBuf::from(StoreConfig::PATH));
    let admin_socket = admin_socket(fields, &store, directory, report);
    let section_of_defaults = section(fields, &DEFAULTS_SECTION, &DEFAULTS, report);
    let defaults = section_of_defaults
        .as_ref()
        .map(|defaults| Settings::read(defaults, directory, report))
        .unwrap_or_default();
    let ca_file = section_of_defaults.as_ref().and_then(|defaults| defaults.get(&CA_FILE));
    let limits = limits(fields, report);
    let metrics = section(fields, &METRICS_SECTION, &METRICS, report)
        .and_then(|metrics| metrics.read(&PER_AUTHORITY, report, scalar::switch))
        .map(|per_authority| MetricsConfig { per_authority });
    let retention = section(fields, &RETENTION_SECTION, &RETENTION, report)
        .and_then(|retention| retention.read(&BODIES, report, scalar::duration))
        .map(|bodies| Retention { bodies });
    let concurrency = fields.read(&CONCURRENCY, report, scalar::count);
    let sightings = fields.read(&SIGHTINGS, report, file);
    let shared_authorities = fields.read(&SHARED_AUTHORITIES, report, shared_authorities);
    let alertmanagers = fields.read(&ALERTMANAGERS, report, |value, key, report| {
        alertmanagers(value, key, directory, report)
    });
    let (written, names) = relationships(fields, &defaults, directory, report)?;
    serving::check(&written, &names, report);
    let (relationships, mut files) = apart(written, limits.daily);
    if let (Some(value), Some(file)) = (ca_file, &defaults.ca_file) {
        files.push(FileName::new(value, file, UseOfFile::CaFile));
    }
    let config = Config {
        path: path.to_owned(),
        digest,
        trust_domain,
        store: StoreConfig { path: store },
        relationships,
        limits,
        concurrency: concurrency.unwrap_or(Config::CONCURRENCY),
        metrics: metrics.unwrap_or_default(),
        admin_socket,
        retention: retention.unwrap_or_default(),
        alertmanagers: alertmanagers.unwrap_or_default(),
        severity: defaults.severity.unwrap_or_default(),
        sightings,
        shared_authorities: shared_authorities.unwrap_or_default(),
    };
    Some((config, files))
}

/// The keys of a section, where it stands.
fn section<'t>(
    fields: &Fields<'t>,
    key: &'static Key,
    scope: &'static Scope,
    report: &mut Report,
) -> Option<Fields<'t>> {
    fields.read(key, report, |value, _, report| Fields::open(value, scope, report))
}

fn trust_domain(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<TrustDomain> {
    let written = scalar::text(value, key, report)?;
    scalar::trust_domain(written, |message, hint| value.fault(report, message, hint))
}

fn admin_socket(
    fields: &Fields<'_>,
    store: &Path,
    directory: &Path,
    report: &mut Report,
) -> PathBuf {
    let written = fields.read(&ADMIN_SOCKET, report, |value, key, report| {
        scalar::path(value, key, directory, report)
    });
    let socket = written.unwrap_or_else(|| store.join(StoreConfig::ADMIN_SOCKET));
    let length = socket.as_os_str().len();
    if MAX_SOCKET_PATH < length {
        let message = format!("the admin socket's path has {length} bytes");
        let hint = format!("name one of at most {MAX_SOCKET_PATH} bytes in admin_socket");
        match fields.get(&ADMIN_SOCKET).or_else(|| fields.get(&STORE_SECTION)) {
            Some(value) => value.fault(report, message, hint),
            None => report.fault(Place::START, "", message, hint),
        }
    }
    socket
}

fn limits(fields: &Fields<'_>, report: &mut Report) -> Limits {
    let default = Limits::default();
    let Some(fields) = section(fields, &LIMITS_SECTION, &LIMITS, report) else { return default };
    let Budget { events, bytes } = default.daily;
    Limits {
        body: fields.read(&BODY, report, scalar::size).unwrap_or(default.body),
        keys: fields.read(&KEYS, report, scalar::count).unwrap_or(default.keys),
        nesting: fields.read(&NESTING, report, scalar::count).unwrap_or(default.nesting),
        addresses: fields.read(&ADDRESSES, report, scalar::count).unwrap_or(default.addresses),
        daily: Budget {
            events: fields.read(&DAILY_EVENTS, report, scalar::count).unwrap_or(events),
            bytes: fields.read(&DAILY_BYTES, report, scalar::size).unwrap_or(bytes),
        },
    }
}

/// The relationships, and the names of all that stand there, however wrong.
fn relationships<'t>(
    fields: &Fields<'t>,
    defaults: &Settings,
    directory: &Path,
    report: &mut Report,
) -> Option<(Vec<Written<'t>>, BTreeSet<TrustDomain>)> {
    let value = fields.get(&FEDERATES_WITH)?;
    let hint = FEDERATES_WITH.kind.example();
    let entries = value.entries("trust domain", &hint, report)?;
    let mut written = Vec::with_capacity(entries.len());
    let mut names = BTreeSet::new();
    for (entry, value) in entries {
        let trust_domain = name(&entry.key, entry.place, &value.path, report);
        names.extend(trust_domain.clone());
        written.extend(relationship(&value, trust_domain, defaults, directory, report));
    }
    Some((written, names))
}

/// What runs, and the files that it names.
fn apart(
    written: Vec<Written<'_>>,
    daily: Budget,
) -> (Vec<Arc<super::Relationship>>, Vec<FileName>) {
    let mut relationships = Vec::with_capacity(written.len());
    let mut files = Vec::new();
    for one in written {
        let mut relationship = one.relationship;
        relationship.policy.daily_budget = daily;
        if let (Some(value), Some(file)) =
            (&one.bootstrap_bundle_path, &relationship.bootstrap_bundle_path)
        {
            let use_of_it = UseOfFile::Bootstrap(relationship.trust_domain().clone());
            files.push(FileName::new(value, file, use_of_it));
        }
        if let (Some(value), Some(file)) = (&one.ca_file, &relationship.ca_file) {
            files.push(FileName::new(value, file, UseOfFile::CaFile));
        }
        relationships.push(Arc::new(relationship));
    }
    relationships.sort_by(|a, b| a.trust_domain().cmp(b.trust_domain()));
    (relationships, files)
}
