//! The families of the catalogue as a `prometheus::core::Collector` would make them, written apart
//! from the product: what the encoder is compared with.

use std::collections::HashMap;

use anchorwatch::metrics::AuthoritySeries;
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::judge::in_flight;
use anchorwatch_core::view::{DomainView, Ended, View};
use anchorwatch_core::watch::{AuthorityRecord, FailureReason, HandOver, interval};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Collects from a view.
pub(crate) struct Collected {
    view: View,
    authority_series: AuthoritySeries,
    description: Desc,
}

impl Collected {
    pub(crate) fn new(view: View, authority_series: AuthoritySeries) -> Self {
        let help = "One for all: the registry wants to know one name.".to_owned();
        let name = "anchorwatch_source_up".to_owned();
        let description = Desc::new(name, help, Vec::new(), HashMap::new()).unwrap();
        Self { view, authority_series, description }
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
            rotation(&mut families, &self.view, domain, self.authority_series);
            bundle(&mut families, &self.view, domain);
            source(&mut families, &self.view, domain);
            for record in domain
                .state
                .facts
                .published()
                .filter(|_| self.authority_series == AuthoritySeries::Rendered)
            {
                authority(&mut families, &self.view, domain, record);
            }
        }
        for kind in FindingKind::ALL.iter().filter(|kind| kind.is_about_the_watch()) {
            let open = self.view.watch.findings.iter().any(|finding| finding.kind == *kind);
            let labels = [
                ("trust_domain", ""),
                ("kind", kind.label()),
                ("use", ""),
                ("subject", ""),
                ("severity", kind.severity().label()),
            ];
            families.add("anchorwatch_finding_open", &labels, f64::from(u8::from(open)));
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

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn findings(families: &mut Families, domain: &DomainView) {
    let name = domain.endpoint.trust_domain.as_str();
    let open = domain.findings.iter().map(|finding| (Ended::new(finding, finding.since), 1.0));
    let ended = domain.ended.iter().map(|ended| (ended.clone(), 0.0));
    for (finding, value) in open.chain(ended) {
        let labels = [
            ("trust_domain", name),
            ("kind", finding.kind.label()),
            ("use", finding.svid_type.map_or("", SvidType::label)),
            ("subject", &*finding.subject.to_string()),
            ("severity", finding.severity.label()),
        ];
        families.add("anchorwatch_finding_open", &labels, value);
    }
    let counts = &domain.counts;
    for (kind, raised) in counts.findings.iter().filter(|(kind, _)| !kind.is_about_the_watch()) {
        let labels = [("trust_domain", name), ("kind", kind.label())];
        families.add("anchorwatch_findings_total", &labels, raised as f64);
    }
    for dropped in domain.dropped.iter() {
        let svid_type = dropped.svid_type.map_or("", SvidType::label);
        let labels = [("trust_domain", name), ("kind", dropped.kind.label()), ("use", svid_type)];
        families.add("anchorwatch_findings_dropped", &labels, dropped.count as f64);
    }
    for (place, decision) in DecisionAction::NAMES.iter().enumerate() {
        let labels = [("trust_domain", name), ("decision", *decision)];
        let made = counts.decisions[place] as f64;
        families.add("anchorwatch_finding_decisions_total", &labels, made);
    }
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn rotation(
    families: &mut Families,
    view: &View,
    domain: &DomainView,
    authority_series: AuthoritySeries,
) {
    let (facts, case) = (&domain.state.facts, domain.case());
    let name = ("trust_domain", domain.endpoint.trust_domain.as_str());
    for line in facts.rotation.lineages.iter().filter(|line| line.is_established()) {
        let (date, deadline) =
            facts.rotation.due(line, &domain.policy, facts.interval(&domain.policy)).unwrap();
        let number = line.number.to_string();
        let labels = [name, ("use", line.svid_type.label()), ("lineage", &*number)];
        let (date, deadline) = (date.until.as_unix_seconds(), deadline.as_unix_seconds());
        families.add("anchorwatch_rotation_expected_timestamp_seconds", &labels, date);
        families.add("anchorwatch_rotation_deadline_timestamp_seconds", &labels, deadline);
    }
    if facts.endpoint.first_contact.is_some() {
        families.add("anchorwatch_issuer_replicas", &[name], facts.rotation.replicas() as f64);
    }
    for (place, svid_type) in ["x509-svid", "jwt-svid"].into_iter().enumerate() {
        let svid_type = ("use", svid_type);
        for (verdict, number) in
            ["safe", "violated", "undecidable"].into_iter().zip(domain.counts.rotations[place])
        {
            let labels = [name, svid_type, ("verdict", verdict)];
            families.add("anchorwatch_rotations_total", &labels, number as f64);
        }
    }
    for consumer in &domain.policy.consumers {
        let labels = [name, ("consumer", &*consumer.to_string())];
        let delay = case.delay_of(*consumer).as_secs_f64();
        families.add("anchorwatch_consumer_delay_seconds", &labels, delay);
    }
    let mut latest: HashMap<&str, &HandOver> = HashMap::new();
    for handover in &facts.rotation.handovers {
        latest.insert(handover.svid_type.label(), handover);
        let risk = in_flight(&case, handover);
        if 0.0 < risk.most && view.at < risk.until && authority_series == AuthoritySeries::Rendered
        {
            let short = handover.old.to_string()["sha256:".len()..][..16].to_owned();
            let at = [name, ("use", handover.svid_type.label()), ("authority", &*short)];
            let until = risk.until.as_unix_seconds();
            let name = "anchorwatch_removed_authority_at_risk_until_timestamp_seconds";
            families.add(name, &at, until);
            for (bound, share) in [("least", risk.least), ("most", risk.most)] {
                let labels = [at[0], at[1], at[2], ("bound", bound)];
                families.add("anchorwatch_removed_authority_in_flight_share", &labels, share);
            }
        }
    }
    for (svid_type, handover) in latest {
        let labels = [name, ("use", svid_type)];
        let overlap = handover.overlap().unwrap().0.as_secs_f64();
        families.add("anchorwatch_rotation_overlap_seconds", &labels, overlap);
        let slack = case.verdict(handover).unwrap().slack_seconds as f64;
        families.add("anchorwatch_rotation_slack_seconds", &labels, slack);
    }
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn bundle(families: &mut Families, view: &View, domain: &DomainView) {
    let (facts, poll_state) = (&domain.state.facts, &domain.state.poll_state);
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

    if facts.endpoint.first_contact.is_some() {
        for svid_type in SvidType::ALL {
            let labels = [("trust_domain", name), ("use", svid_type.label())];
            let count = facts.published().filter(|one| one.id().svid_type == svid_type).count();
            families.add("anchorwatch_authorities", &labels, count as f64);
        }
    }
    if let Some(confirmed) = &facts.bundle.confirmed {
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
    if poll_state.last_success.is_some() {
        families.add("anchorwatch_bundle_size_bytes", &at, poll_state.length as f64);
    }
    let irregularities = facts.document.irregularities.len() as f64;
    families.add("anchorwatch_bundle_irregularities", &at[..1], irregularities);
    let unrecorded = poll_state.unrecorded as f64;
    families.add("anchorwatch_bundle_unrecorded_changes", &at[..1], unrecorded);
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "small counts")]
fn source(families: &mut Families, view: &View, domain: &DomainView) {
    let (facts, poll_state) = (&domain.state.facts, &domain.state.poll_state);
    let name = domain.endpoint.trust_domain.as_str();
    let source = source_label(domain);
    let at = [("trust_domain", name), ("source", source.as_str())];
    let flag = |flag: bool| f64::from(u8::from(flag));

    let up =
        poll_state.failures == 0 && poll_state.last_success.is_some() && domain.stopped.is_none();
    families.add("anchorwatch_source_up", &at, flag(up));
    families.add("anchorwatch_source_polls_total", &at, domain.counts.polls as f64);
    for (place, reason) in FailureReason::ALL.iter().enumerate() {
        let labels = [at[0], at[1], ("reason", reason.label())];
        let failures = domain.counts.failures[place] as f64;
        families.add("anchorwatch_source_poll_failures_total", &labels, failures);
    }
    let hint =
        facts.bundle.confirmed.as_ref().map(|one| one.refresh_hint.clone()).unwrap_or_default();
    let interval = interval(&hint, &domain.policy).as_secs_f64();
    families.add("anchorwatch_source_poll_interval_seconds", &at, interval);
    let in_sync = facts.bundle.address_views.is_empty() && poll_state.pending.is_none();
    families.add("anchorwatch_source_in_sync", &at, flag(in_sync));
    let stale = domain.counts.stale_addresses.is_some();
    families.add("anchorwatch_source_stale_addresses", &at, flag(stale));
    let server = domain.endpoint.served_by();
    let server = view.domains.iter().find(|other| Some(&other.endpoint.trust_domain) == server);
    let lockout = server.map(|server| server.case().lockout()).unwrap_or_default();
    for (name, moment) in [
        ("anchorwatch_source_last_poll_timestamp_seconds", poll_state.last_poll),
        ("anchorwatch_source_last_success_timestamp_seconds", poll_state.last_success),
        ("anchorwatch_source_lockout_timestamp_seconds", lockout.hard),
        ("anchorwatch_source_lockout_soft_timestamp_seconds", lockout.soft),
        ("anchorwatch_source_tls_not_after_timestamp_seconds", poll_state.tls_not_after),
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

    let key_type = record.authority.key_type.to_string();
    let mut info = at.to_vec();
    info.extend([("fingerprint", fingerprint.as_str()), ("key_type", key_type.as_str())]);
    let kid = record.authority.kid.as_ref().map(|kid| kid.shortened(64));
    info.extend(kid.as_ref().map(|kid| ("kid", kid.as_str())));
    families.add("anchorwatch_authority_info", &info, 1.0);

    let expected = domain.case().expected(record);
    for (name, window) in [
        ("anchorwatch_authority_expected_activation_timestamp_seconds", expected.activation),
        ("anchorwatch_authority_expected_retirement_timestamp_seconds", expected.retirement),
        ("anchorwatch_authority_expected_removal_timestamp_seconds", expected.removal),
    ] {
        if let Some(window) = window {
            families.add(name, &at, window.until.as_unix_seconds());
        }
    }
    let now = domain.case().phase(record, view.at).label();
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
