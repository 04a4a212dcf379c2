//! From a file to what runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bootstrap;
use super::fault::{Faults, Report};
use super::place::Place;
use super::reader::{Fields, Value};
use super::scalar;
use super::schema::Key;
use super::serving::{self, Written};
use super::setting::{self, Setting as _, Table as _};
use super::table::{
    ADMIN_SOCKET, ANNOUNCED, APPROVED, BOOTSTRAP_BUNDLE_PATH, BUNDLE_ENDPOINT_PROFILE,
    BUNDLE_ENDPOINT_URL, CA_FILE, DEFAULTS_SECTION, FEDERATES_WITH, OUTAGES, RELATIONSHIP, TOP,
};
use super::yaml;
use super::{Config, Relationship, Settings};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};

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
        let mut report = Report::new(path).reading(&absolute, &TOP);
        let config = decode(&absolute, &bytes, &mut report);
        Ok(Self::finish(path, config, report)?)
    }

    /// Reads `text` as the content of the file at `path`, without touching it.
    pub fn from_text(path: &Path, text: &str) -> Result<Self, Faults> {
        let mut report = Report::new(path).reading(path, &TOP);
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
                    bootstrap::read_bundle(&name.file, trust_domain).map(|_| ())
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
        report.fault(Place::START, "", message, "split the configuration");
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
    let mut config = Config::new(path, digest);
    config.merge_fields(fields, report);
    if config.admin_socket.as_os_str().is_empty() {
        config.admin_socket = config.store.path.join(Config::ADMIN_SOCKET);
    }
    check_socket(fields, &config.admin_socket, report);
    let mut defaults = Settings::default();
    if let Some(value) = fields.get(&DEFAULTS_SECTION) {
        defaults.merge(value, &DEFAULTS_SECTION, report);
    }
    config.severity = defaults.policy.severity.clone();
    defaults.policy.daily_budget = config.limits.daily;
    let (written, names) = relationships(fields, &defaults, report)?;
    serving::check(&written, &names, report);
    let mut files: Vec<_> = written.iter().flat_map(Written::files).collect();
    let ca_file = fields.get(&DEFAULTS_SECTION).and_then(|section| section.below(CA_FILE.name));
    if let (Some(value), Some(file)) = (ca_file, &defaults.ca_file) {
        files.push(FileName::new(&value, file, UseOfFile::CaFile));
    }
    config.relationships = written.into_iter().map(|one| Arc::new(one.relationship)).collect();
    config.relationships.sort_by(|a, b| a.trust_domain().cmp(b.trust_domain()));
    Some((config, files))
}

fn check_socket(fields: &Fields<'_>, socket: &Path, report: &mut Report) {
    let length = socket.as_os_str().len();
    if MAX_SOCKET_PATH < length {
        let message = format!("the admin socket's path has {length} bytes");
        let hint = format!("name one of at most {MAX_SOCKET_PATH} bytes in admin_socket");
        match fields.get(&ADMIN_SOCKET).or_else(|| fields.named("store")) {
            Some(value) => value.fault(report, message, hint),
            None => report.fault(Place::START, "", message, hint),
        }
    }
}

/// The relationships, and the names of all that are written, however wrong.
fn relationships<'t>(
    fields: &Fields<'t>,
    defaults: &Settings,
    report: &mut Report,
) -> Option<(Vec<Written<'t>>, BTreeSet<TrustDomain>)> {
    let value = fields.get(&FEDERATES_WITH)?;
    let entries = value.entries("trust domain", &FEDERATES_WITH.kind.example(), report)?;
    let mut written = Vec::with_capacity(entries.len());
    let mut names = BTreeSet::new();
    for (entry, value) in entries {
        let trust_domain = scalar::trust_domain_name(&entry.key, |message, hint| {
            report.fault(entry.place, &value.path, message, hint);
        });
        names.extend(trust_domain.clone());
        written.extend(relationship(value, trust_domain, defaults, report));
    }
    Some((written, names))
}

/// One relationship; `None` where anything that it cannot be without is wrong.
fn relationship<'t>(
    value: Value<'t>,
    trust_domain: Option<TrustDomain>,
    defaults: &Settings,
    report: &mut Report,
) -> Option<Written<'t>> {
    let fields = Fields::open(&value, &RELATIONSHIP, report)?;
    let url = setting::decode(&fields, &BUNDLE_ENDPOINT_URL, report);
    let profile = setting::decode(&fields, &BUNDLE_ENDPOINT_PROFILE, report);
    let bootstrap_bundle_path = setting::decode(&fields, &BOOTSTRAP_BUNDLE_PATH, report);
    let approved = setting::decode(&fields, &APPROVED, report);
    let announced = setting::decode(&fields, &ANNOUNCED, report);
    let outages = setting::decode(&fields, &OUTAGES, report);
    let mut settings = defaults.clone();
    settings.merge_fields(&fields, report);
    let profile = profile?;
    if profile != EndpointProfile::HttpsWeb {
        if let Some(value) = fields.get(&CA_FILE) {
            let hint = "the trust domain's own bundle authenticates an https_spiffe endpoint: \
                        remove the key, or name the file in bootstrap_bundle_path";
            value.fault(report, "ca_file is for https_web alone", hint);
        }
        settings.ca_file = None;
    }
    let endpoint = BundleEndpoint { trust_domain: trust_domain?, url: url?, profile };
    let relationship = Relationship {
        endpoint,
        bootstrap_bundle_path: bootstrap_bundle_path.flatten(),
        settings,
        approved: approved.unwrap_or_default(),
        announced: announced.unwrap_or_default(),
        outages: outages.unwrap_or_default(),
    };
    Some(Written { relationship, value })
}

impl Written<'_> {
    /// The files that the relationship itself names.
    fn files(&self) -> Vec<FileName> {
        let Relationship { endpoint, bootstrap_bundle_path, settings, .. } = &self.relationship;
        let bootstrap = UseOfFile::Bootstrap(endpoint.trust_domain.clone());
        let named = [
            (&BOOTSTRAP_BUNDLE_PATH, bootstrap_bundle_path, bootstrap),
            (&CA_FILE, &settings.ca_file, UseOfFile::CaFile),
        ];
        let given = |(key, file, use_of_it): (&Key, &Option<PathBuf>, UseOfFile)| {
            Some(FileName::new(&self.value.below(key.name)?, file.as_ref()?, use_of_it))
        };
        named.into_iter().filter_map(given).collect()
    }
}
