//! One relationship: whose bundle is watched, where, and by what rules.

use std::path::{Path, PathBuf};

use super::fault::Report;
use super::intent::{Announcement, Approval, Outage, announcements, approvals, outages};
use super::proxy::Proxy;
use super::reader::{Fields, Value};
use super::scalar;
use super::schema::{
    ANNOUNCED, APPROVED, BOOTSTRAP_BUNDLE_PATH, BUNDLE_ENDPOINT_PROFILE, BUNDLE_ENDPOINT_URL,
    CA_FILE, ENDPOINT_SPIFFE_ID, HTTPS_SPIFFE, HTTPS_SPIFFE_SECTION, HTTPS_WEB, HTTPS_WEB_SECTION,
    Key, OUTAGES, PROFILE, RELATIONSHIP,
};
use super::settings::Settings;
use super::yaml::{NodeKind, Place};
use anchorwatch_core::decision::Decision;
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, Probe, TrustDomain};
use anchorwatch_core::watch::Policy;

/// The most redirects that a poll may follow: SPIRE's and go-spiffe's clients follow ten, and no
/// endpoint in the field needs more than one (Federation, 7.5.1).
pub const MAX_REDIRECTS: u8 = 3;

/// One relationship as the daemon runs with it: every value checked, every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    /// Whose bundle, where, and how the endpoint authenticates.
    pub endpoint: BundleEndpoint,
    /// The trust domain's bundle as it came by another way.
    pub bootstrap_bundle_path: Option<PathBuf>,
    /// The roots of an `https_web` endpoint; `None` for the platform's.
    pub ca_file: Option<PathBuf>,
    /// The most redirects that a poll follows, at most [`MAX_REDIRECTS`].
    pub redirects: u8,
    /// The proxy through which the endpoint is reached.
    pub proxy: Option<Proxy>,
    /// Which addresses of the name a poll asks.
    pub probe: Probe,
    /// What it is watched by.
    pub policy: Policy,
    /// Authorities that are explained.
    pub approved: Vec<Approval>,
    /// Authorities that are to come.
    pub announced: Vec<Announcement>,
    /// When the endpoint is to be away.
    pub outages: Vec<Outage>,
}

impl Relationship {
    /// Whose bundle is watched.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.endpoint.trust_domain
    }

    /// The decisions that stand in the configuration.
    pub fn decisions(&self) -> Vec<Decision> {
        let approved = self.approved.iter().map(Approval::decision);
        let announced = self.announced.iter().map(Announcement::decision);
        approved.chain(announced).chain(self.outages.iter().map(Outage::decision)).collect()
    }
}

/// Where in the file a relationship says what only other relationships or files can prove wrong.
#[derive(Clone, Debug)]
pub(super) struct Written<'t> {
    pub(super) relationship: Relationship,
    /// The endpoint's SPIFFE ID.
    pub(super) endpoint_spiffe_id: Option<Value<'t>>,
    /// The path of the bootstrap file.
    pub(super) bootstrap_bundle_path: Option<Value<'t>>,
    /// The path of the CA file, where the relationship has one of its own.
    pub(super) ca_file: Option<Value<'t>>,
}

/// One relationship; `None` where anything that it cannot be without is wrong.
pub(super) fn relationship<'t>(
    value: &Value<'t>,
    trust_domain: Option<TrustDomain>,
    defaults: &Settings,
    directory: &Path,
    report: &mut Report,
) -> Option<Written<'t>> {
    let fields = Fields::open(value, &RELATIONSHIP, report)?;
    let url = fields.read(&BUNDLE_ENDPOINT_URL, report, scalar::endpoint_url);
    let profile = fields.read(&BUNDLE_ENDPOINT_PROFILE, report, profile);
    let path = |value: &Value<'t>, key: &'static Key, report: &mut Report| {
        scalar::path(value, key, directory, report)
    };
    let bootstrap_bundle_path = fields.read(&BOOTSTRAP_BUNDLE_PATH, report, path);
    let approved = fields.read(&APPROVED, report, approvals).unwrap_or_default();
    let announced = fields.read(&ANNOUNCED, report, announcements).unwrap_or_default();
    let outages = fields.read(&OUTAGES, report, outages).unwrap_or_default();
    let own = Settings::read(&fields, directory, report);
    let (profile, endpoint_spiffe_id) = profile?;
    let mut settings = own.or(defaults);
    if profile != EndpointProfile::HttpsWeb {
        if let Some(value) = fields.get(&CA_FILE) {
            let hint = "the trust domain's own bundle authenticates an https_spiffe endpoint: \
                        remove the key, or name the file in bootstrap_bundle_path";
            value.fault(report, "ca_file is for https_web alone", hint);
        }
        settings.ca_file = None;
    }
    let endpoint = BundleEndpoint { trust_domain: trust_domain?, url: url?, profile };
    let policy = settings.policy();
    let relationship = Relationship {
        endpoint,
        bootstrap_bundle_path,
        ca_file: settings.ca_file,
        redirects: settings.redirects.unwrap_or(MAX_REDIRECTS),
        proxy: settings.proxy,
        probe: settings.probe.unwrap_or_default(),
        policy,
        approved,
        announced,
        outages,
    };
    Some(Written {
        relationship,
        endpoint_spiffe_id,
        bootstrap_bundle_path: fields.get(&BOOTSTRAP_BUNDLE_PATH).cloned(),
        ca_file: fields.get(&CA_FILE).cloned(),
    })
}

/// Exactly one of two profiles, and where its SPIFFE ID stands.
fn profile<'t>(
    value: &Value<'t>,
    key: &'static Key,
    report: &mut Report,
) -> Option<(EndpointProfile, Option<Value<'t>>)> {
    const WRITE: &str = PROFILE.example;
    if let Some(word @ ("https_web" | "https_spiffe")) = value.as_text() {
        value.fault(report, format!("{word} stands there as a word, and is a mapping"), WRITE);
        return None;
    }
    if !matches!(value.node.kind, NodeKind::Mapping(_)) {
        value.misplaced(key.kind.noun(), WRITE, report);
        return None;
    }
    let fields = Fields::open(value, &PROFILE, report)?;
    match (fields.get(&HTTPS_SPIFFE_SECTION), fields.get(&HTTPS_WEB_SECTION)) {
        (Some(spiffe), None) => https_spiffe(spiffe, report),
        (None, Some(web)) => https_web(web, report).map(|profile| (profile, None)),
        (Some(_), Some(_)) => {
            value.fault(report, "two profiles stand here", "keep the one that the endpoint serves");
            None
        }
        (None, None) => {
            // What stands there instead has its own fault already.
            if matches!(&value.node.kind, NodeKind::Mapping(entries) if entries.is_empty()) {
                value.fault(report, "no profile stands here", WRITE);
            }
            None
        }
    }
}

fn https_spiffe<'t>(
    value: &Value<'t>,
    report: &mut Report,
) -> Option<(EndpointProfile, Option<Value<'t>>)> {
    let fields = Fields::open(value, &HTTPS_SPIFFE, report)?;
    let endpoint_spiffe_id = fields.read(&ENDPOINT_SPIFFE_ID, report, scalar::spiffe_id)?;
    let place = fields.get(&ENDPOINT_SPIFFE_ID).cloned();
    Some((EndpointProfile::HttpsSpiffe { endpoint_spiffe_id }, place))
}

fn https_web(value: &Value<'_>, report: &mut Report) -> Option<EndpointProfile> {
    // `https_web:` without braces is nothing else.
    if !matches!(value.node.kind, NodeKind::Null) {
        Fields::open(value, &HTTPS_WEB, report)?;
    }
    Some(EndpointProfile::HttpsWeb)
}

/// The trust domain name that a key under `federates_with` is.
pub(super) fn name(
    key: &str,
    place: Place,
    path: &str,
    report: &mut Report,
) -> Option<TrustDomain> {
    scalar::trust_domain(key, |message, hint| report.fault(place, path, message, hint))
}
