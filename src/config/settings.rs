//! What may stand under `defaults` and in a relationship alike, as it was written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::consumer::consumers;
use super::fault::{Report, quoted};
use super::issuer::issuer;
use super::proxy::{Proxy, proxy};
use super::reader::{Fields, Value};
use super::relationship::MAX_REDIRECTS;
use super::scalar;
use super::schema::{
    BASELINE, CA_FILE, CLOCK_SKEW, CONSUMERS, ISSUER, Key, Kind, MAX_JWT_SVID_TTL,
    MAX_X509_SVID_TTL, POLICY, POLL_INTERVAL, PROBE, PROXY, REDIRECTS, REPLICA_LAG, SEVERITY,
    TIMEOUT, VALIDATOR_LEEWAY,
};
use super::severity::severities;
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::finding::Severities;
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::watch::{BaselinePolicy, IssuerModel, JudgementPolicy, Policy, PollInterval};

/// Every setting, `None` where it is not written.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) poll_interval: Option<PollInterval>,
    pub(super) timeout: Option<Duration>,
    pub(super) probe: Option<Probe>,
    pub(super) redirects: Option<u8>,
    pub(super) proxy: Option<Proxy>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) baseline: Option<BaselinePolicy>,
    pub(super) max_jwt_svid_ttl: Option<Duration>,
    pub(super) max_x509_svid_ttl: Option<Duration>,
    pub(super) clock_skew: Option<Duration>,
    pub(super) validator_leeway: Option<Duration>,
    pub(super) replica_lag: Option<Duration>,
    pub(super) consumers: Option<Vec<Consumer>>,
    pub(super) issuer: Option<IssuerModel>,
    pub(super) judgement: Option<JudgementPolicy>,
    pub(super) severity: Option<Severities>,
}

impl Settings {
    /// Those that stand among `fields`.
    pub(super) fn read(fields: &Fields<'_>, directory: &Path, report: &mut Report) -> Self {
        Self {
            poll_interval: fields.read(&POLL_INTERVAL, report, poll_interval),
            timeout: fields.read(&TIMEOUT, report, scalar::duration),
            probe: fields.read(&PROBE, report, scalar::choice),
            redirects: fields.read(&REDIRECTS, report, redirects),
            proxy: fields.read(&PROXY, report, proxy),
            ca_file: fields.read(&CA_FILE, report, |value, key, report| {
                scalar::path(value, key, directory, report)
            }),
            baseline: fields.read(&BASELINE, report, scalar::choice),
            max_jwt_svid_ttl: fields.read(&MAX_JWT_SVID_TTL, report, scalar::duration),
            max_x509_svid_ttl: fields.read(&MAX_X509_SVID_TTL, report, scalar::duration),
            clock_skew: fields.read(&CLOCK_SKEW, report, scalar::duration),
            validator_leeway: fields.read(&VALIDATOR_LEEWAY, report, scalar::duration),
            replica_lag: fields.read(&REPLICA_LAG, report, scalar::duration),
            consumers: fields.read(&CONSUMERS, report, consumers),
            issuer: fields.read(&ISSUER, report, issuer),
            judgement: fields.read(&POLICY, report, scalar::choice),
            severity: fields.read(&SEVERITY, report, severities),
        }
    }

    /// These, and those of `defaults` for what is not written here.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let severity = match (self.severity, &defaults.severity) {
            (Some(own), Some(defaults)) => Some(own.or(defaults)),
            (own, defaults) => own.or_else(|| defaults.clone()),
        };
        Self {
            poll_interval: self.poll_interval.or(defaults.poll_interval),
            timeout: self.timeout.or(defaults.timeout),
            probe: self.probe.or(defaults.probe),
            redirects: self.redirects.or(defaults.redirects),
            proxy: self.proxy.or_else(|| defaults.proxy.clone()),
            ca_file: self.ca_file.or_else(|| defaults.ca_file.clone()),
            baseline: self.baseline.or(defaults.baseline),
            max_jwt_svid_ttl: self.max_jwt_svid_ttl.or(defaults.max_jwt_svid_ttl),
            max_x509_svid_ttl: self.max_x509_svid_ttl.or(defaults.max_x509_svid_ttl),
            clock_skew: self.clock_skew.or(defaults.clock_skew),
            validator_leeway: self.validator_leeway.or(defaults.validator_leeway),
            replica_lag: self.replica_lag.or(defaults.replica_lag),
            consumers: self.consumers.or_else(|| defaults.consumers.clone()),
            issuer: self.issuer.or(defaults.issuer),
            judgement: self.judgement.or(defaults.judgement),
            severity,
        }
    }

    /// What of these the core watches by.
    pub(super) fn policy(&self) -> Policy {
        let default = Policy::default();
        Policy {
            poll_interval: self.poll_interval.unwrap_or_default(),
            timeout: self.timeout.unwrap_or(Policy::TIMEOUT),
            max_jwt_svid_ttl: self.max_jwt_svid_ttl,
            max_x509_svid_ttl: self.max_x509_svid_ttl,
            clock_skew: self.clock_skew.unwrap_or(Policy::CLOCK_SKEW),
            validator_leeway: self.validator_leeway.unwrap_or(Policy::VALIDATOR_LEEWAY),
            replica_lag: self.replica_lag.unwrap_or(Policy::REPLICA_LAG),
            baseline: self.baseline.unwrap_or_default(),
            consumers: self.consumers.clone().unwrap_or_else(|| Consumer::DEFAULT.to_vec()),
            issuer: self.issuer.unwrap_or_default(),
            judgement: self.judgement.unwrap_or_default(),
            severity: self.severity.clone().unwrap_or_default(),
            ..default
        }
    }
}

fn poll_interval(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<PollInterval> {
    match scalar::text(value, key, report)? {
        "auto" => Some(PollInterval::Auto),
        _ => scalar::duration(value, key, report).map(PollInterval::Every),
    }
}

fn redirects(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<u8> {
    let written = scalar::text(value, key, report)?;
    let Kind::Redirects { max } = key.kind else { return None };
    match (written, written.parse::<u8>()) {
        ("false", _) => return Some(0),
        ("true", _) => return Some(MAX_REDIRECTS),
        (_, Ok(number)) if number <= max => return Some(number),
        _ => (),
    }
    let message = format!("{} is no number of redirects", quoted(written));
    value.fault(report, message, key.kind.example());
    None
}
