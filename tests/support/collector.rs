//! The families of the catalogue as a `prometheus::core::Collector` would make them, written apart
//! from the product: what the encoder is compared with.

use std::collections::HashMap;

use anchorwatch::bundle::SvidType;
use anchorwatch::journal::text::shown;
use anchorwatch::view::{DomainView, View};
use anchorwatch::watch::{AuthorityRecord, FailureReason, interval};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Collects from a view.
pub(crate) struct Collected {
    view: View,
    per_authority: bool,
    description: Desc,
}

impl Collected {
    pub(crate) fn new(view: View, per_authority: bool) -> Self {
        let help = "One for all: the registry wants to know one name.".to_owned();
        let name = "anchorwatch_source_up".to_owned();
        let description = Desc::new(name, help, Vec::new(), HashMap::new()).unwrap();
        Self { view, per_authority, description }
    }
}

impl Collector for Collected {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        for domain in &self.view.domains {
            findings(&mut families, domain);
            bundle(&mut families, &self.view, domain);
            source(&mut families, &self.view, domain);
            for record in domain.state.facts.published().filter(|_| self.per_authority) {
                authority(&mut families, &self.view, domain, record);
            }
        }
        families.0.into_values().collect()
    }
}

#[derive(Default)]
struct Families(HashMap<&'static str, MetricFamily>);

impl Families {
    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let kind = if name.ends_with("_total") { MetricType::COUNTER } else { MetricType::GAUGE };
        let family = self.0.entry(name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help("Compared by its series.".to_owned());
            family.set_field_type(kind);
            family
        });
        let pair = |(name, value): &(&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        let mut metric = Metric::from_label(labels.iter().map(pair).collect());
        if kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        family.mut_metric().push(metric);
    }
}

fn findings(families: &mut Families, domain: &DomainView) {
    let name = domain.endpoint.trust_domain.as_str();
    let open = domain.findings.iter().map(|finding| (finding.kind, finding.severity, 1.0));
    let ended = domain.ended.iter().map(|ended| (ended.kind, ended.severity, 0.0));
    for (kind, severity, value) in open.chain(ended) {
        let labels =
            [("trust_domain", name), ("kind", kind.label()), ("severity", severity.label())];
        families.add("anchorwatch_finding_open", &labels, value);
    }
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn bundle(families: &mut Families, view: &View, domain: &DomainView) {
    let (facts, sight) = (&domain.state.facts, &domain.state.sight);
    let name = domain.endpoint.trust_domain.as_str();
    let source = source_label(domain);
    let at = [("trust_domain", name), ("source", source.as_str())];
    let profile = ("profile", domain.endpoint.profile.name().label());

    let mut federation = Vec::new();
    if let Some(own) = &view.trust_domain {
        federation.push(("trust_domain", own.as_str()));
    }
    federation.extend([("federates_with", name), profile]);
    families.add("anchorwatch_federation_info", &federation, 1.0);

    if facts.first_contact.is_some() {
        for svid_type in SvidType::ALL {
            let labels = [("trust_domain", name), ("use", svid_type.label())];
            let count = facts.published().filter(|one| one.id().svid_type == svid_type).count();
            families.add("anchorwatch_authorities", &labels, count as f64);
        }
    }
    if let Some(confirmed) = &facts.confirmed {
        let digest = confirmed.content.to_string();
        let labels = [at[0], at[1], ("digest", digest.as_str()), profile];
        families.add("anchorwatch_bundle_info", &labels, 1.0);
        let since = confirmed.since.until.as_unix_seconds();
        families.add("anchorwatch_bundle_last_change_timestamp_seconds", &at[..1], since);
        if let Some(sequence) = confirmed.sequence.given() {
            families.add("anchorwatch_bundle_sequence", &at, sequence as f64);
        }
        if let Some(hint) = confirmed.refresh_hint.given() {
            families.add("anchorwatch_source_refresh_hint_seconds", &at, hint as f64);
        }
    }
    for (kind, place) in [
        ("bundle_changed", 2),
        ("authority_introduced", 3),
        ("authority_removed", 4),
        ("authority_relabelled", 5),
        ("stepped_back", 8),
        ("step_back_confirmed", 9),
    ] {
        let labels = [("trust_domain", name), ("kind", kind)];
        let count = domain.counts.events[place] as f64;
        families.add("anchorwatch_bundle_changes_total", &labels, count);
    }
    if sight.last_success.is_some() {
        families.add("anchorwatch_bundle_size_bytes", &at, sight.length as f64);
    }
    let irregularities = facts.irregularities.len() as f64;
    families.add("anchorwatch_bundle_irregularities", &at[..1], irregularities);
    let unrecorded = sight.unrecorded as f64;
    families.add("anchorwatch_bundle_unrecorded_changes", &at[..1], unrecorded);
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn source(families: &mut Families, view: &View, domain: &DomainView) {
    let (facts, sight) = (&domain.state.facts, &domain.state.sight);
    let name = domain.endpoint.trust_domain.as_str();
    let source = source_label(domain);
    let at = [("trust_domain", name), ("source", source.as_str())];
    let flag = |flag: bool| f64::from(u8::from(flag));

    let up = sight.failures == 0 && sight.last_success.is_some() && domain.stopped.is_none();
    families.add("anchorwatch_source_up", &at, flag(up));
    families.add("anchorwatch_source_polls_total", &at, domain.counts.polls as f64);
    for (place, reason) in FailureReason::ALL.iter().enumerate() {
        let labels = [at[0], at[1], ("reason", reason.label())];
        let failures = domain.counts.failures[place] as f64;
        families.add("anchorwatch_source_poll_failures_total", &labels, failures);
    }
    let hint = facts.confirmed.as_ref().map(|one| one.refresh_hint.clone()).unwrap_or_default();
    let interval = interval(&hint, &domain.policy).as_secs_f64();
    families.add("anchorwatch_source_poll_interval_seconds", &at, interval);
    let in_sync = facts.address_views.is_empty() && sight.pending.is_none();
    families.add("anchorwatch_source_in_sync", &at, flag(in_sync));
    let server = domain.endpoint.served_by();
    let server = view.domains.iter().find(|other| Some(&other.endpoint.trust_domain) == server);
    let lockout = server.and_then(|server| {
        let certificates =
            server.state.facts.published().filter_map(|one| one.authority.certificate.as_ref());
        certificates.map(|certificate| certificate.validity.not_after).max()
    });
    for (name, moment) in [
        ("anchorwatch_source_last_poll_timestamp_seconds", sight.last_poll),
        ("anchorwatch_source_last_success_timestamp_seconds", sight.last_success),
        ("anchorwatch_source_lockout_timestamp_seconds", lockout),
        ("anchorwatch_source_tls_not_after_timestamp_seconds", sight.tls_not_after),
    ] {
        if let Some(moment) = moment {
            families.add(name, &at, moment.as_unix_seconds());
        }
    }
}

fn authority(families: &mut Families, view: &View, domain: &DomainView, record: &AuthorityRecord) {
    let name = domain.endpoint.trust_domain.as_str();
    let id = record.id();
    let fingerprint = id.fingerprint.to_string();
    let authority = &fingerprint["sha256:".len()..][..16];
    let at = [("trust_domain", name), ("use", id.svid_type.label()), ("authority", authority)];

    let key_type = shown(&record.authority.key_type.to_string(), 64);
    let mut info = at.to_vec();
    info.extend([("fingerprint", fingerprint.as_str()), ("key_type", key_type.as_str())]);
    let kid = record.authority.kid.as_ref().map(|kid| shown(kid, 64));
    info.extend(kid.as_ref().map(|kid| ("kid", kid.as_str())));
    families.add("anchorwatch_authority_info", &info, 1.0);

    let now = record.phase(view.at).label();
    for state in ["published", "active", "retired", "expired"] {
        let labels = [at[0], at[1], at[2], ("state", state)];
        let value = f64::from(u8::from(state == now));
        families.add("anchorwatch_authority_state", &labels, value);
    }
    let first_seen = record.published.until.as_unix_seconds();
    families.add("anchorwatch_authority_first_seen_timestamp_seconds", &at, first_seen);
    if let Some(certificate) = &record.authority.certificate {
        let validity = certificate.validity;
        let (from, until) =
            (validity.not_before.as_unix_seconds(), validity.not_after.as_unix_seconds());
        families.add("anchorwatch_authority_not_before_timestamp_seconds", &at, from);
        families.add("anchorwatch_authority_not_after_timestamp_seconds", &at, until);
    }
}

fn source_label(domain: &DomainView) -> String {
    let url = &domain.endpoint.url;
    format!("{}:{}", url.authority_host(), url.port())
}
