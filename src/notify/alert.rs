//! What is pushed: an alert for each critical finding, with all that a person needs at 03:00.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use anchorwatch_core::alerts::{self, About};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::{Finding, FindingKind, Severity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::{UntrustedText, cut, escape_lines};
use anchorwatch_core::view::{DomainView, View, WatchView};
use anchorwatch_core::watch::AuthorityRecord;

/// How many authorities of a use are listed, before and after.
const LISTED: usize = 16;
/// How many bytes of evidence are sent: Alertmanager's receivers cut longer texts, and badly.
const EVIDENCE: usize = 4_000;

/// What an alert says while the store cannot be written.
const UNRECORDED: &str = "the store cannot be written: this is not journaled yet";

/// One alert as Alertmanager takes it, but for when it ends.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PushedAlert {
    /// What it is known by: no value and no time, since another label is another alert.
    pub labels: BTreeMap<&'static str, String>,
    /// What it says.
    pub annotations: BTreeMap<&'static str, String>,
    /// Since when the finding is true.
    #[serde(rename = "startsAt", serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// The finding on the status page; empty without an external URL.
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub link: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a field by reference")]
pub(super) fn rfc3339<S: serde::Serializer>(
    at: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// What is said beside the findings themselves.
#[derive(Clone, Debug, Default)]
pub struct AlertContext {
    /// Where people reach the status page, without a slash at the end.
    pub external_url: Option<String>,
    /// The journal's last entry and its hash, so that a tail that is cut later is noticed.
    pub journal_head: String,
}

/// An alert for each critical finding. Findings that are about the same thing are one alert, as
/// they are one series: since the earliest of them, with the evidence of the latest.
pub fn alerts(view: &View, context: &AlertContext) -> Vec<PushedAlert> {
    let mut alerts: BTreeMap<_, PushedAlert> = BTreeMap::new();
    for domain in &view.domains {
        let critical = domain.findings.iter().filter(|one| one.severity == Severity::Critical);
        let mut critical: Vec<&Finding> = critical.collect();
        critical.sort_by_key(|finding| finding.since);
        for finding in critical {
            let mut alert = alert(domain, finding, context);
            let known = alerts.get(&alert.labels).map(|known| known.since);
            alert.since = known.map_or(alert.since, |known| known.min(alert.since));
            alerts.insert(alert.labels.clone(), alert);
        }
    }
    let of_the_watch = view.watch.findings.iter().filter(|one| one.severity == Severity::Critical);
    for finding in of_the_watch {
        let alert = watch_alert(&view.watch, finding, context);
        alerts.insert(alert.labels.clone(), alert);
    }
    alerts.into_values().collect()
}

/// The alerts of what was critical and ended within the last day, and when: for a process that
/// does not know what the one before it reported.
pub fn ended(view: &View) -> Vec<(PushedAlert, Timestamp)> {
    let watched = view.domains.iter().map(|one| (&one.endpoint.trust_domain, &one.ended));
    let departed = view.departed.iter().map(|one| (&one.trust_domain, &one.ended));
    let of_domains = watched.chain(departed).flat_map(|(name, ended)| {
        ended.iter().map(move |one| (one.kind.trust_domain_label(name), one))
    });
    let all = of_domains.chain(view.watch.ended.iter().map(|one| ("", one)));
    let critical = all.filter(|(_, one)| one.severity == Severity::Critical);
    let ended = critical.map(|(trust_domain, one)| {
        let labels = labels(trust_domain, one.key());
        let (annotations, link) = (BTreeMap::new(), String::new());
        (PushedAlert { labels: reported(labels.into()), annotations, since: one.at, link }, one.at)
    });
    ended.collect()
}

fn labels(
    trust_domain: &str,
    (kind, svid_type, subject, severity): (FindingKind, Option<SvidType>, &UntrustedText, Severity),
) -> [(&'static str, String); 7] {
    [
        ("alertname", alerts::name(kind)),
        ("severity", severity.label().to_owned()),
        ("trust_domain", trust_domain.to_owned()),
        ("kind", kind.label().to_owned()),
        ("use", svid_type.map_or("", SvidType::label).to_owned()),
        ("subject", subject.to_string()),
        ("source", "push".to_owned()),
    ]
}

/// What is empty is not reported. A receiver shows the rest as it is, so that nothing in it is hidden.
fn reported(pairs: Vec<(&'static str, String)>) -> BTreeMap<&'static str, String> {
    let shown = pairs.into_iter().map(|(name, text)| (name, escape_lines(&text).into_owned()));
    shown.filter(|(_, text)| !text.is_empty()).collect()
}

fn alert(domain: &DomainView, finding: &Finding, context: &AlertContext) -> PushedAlert {
    let trust_domain = finding.trust_domain_label(&domain.endpoint.trust_domain);
    let svid_type = finding.svid_type.map_or("", SvidType::label);
    let name = alerts::name(finding.kind);
    let about = About::Values { trust_domain, svid_type, subject: &finding.subject.to_string() };
    let series = (finding.kind, finding.svid_type, &finding.subject, finding.severity);
    let labels = labels(trust_domain, series);
    let record = record(domain, finding);
    let external = context.external_url.as_deref();
    let link = external.map(|base| format!("{base}/finding/{}", finding.id)).unwrap_or_default();
    let (before, after) = keys(domain, finding.since);
    let unrecorded = if domain.unrecorded { UNRECORDED } else { "" };
    let annotations = [
        ("summary", alerts::summary(finding.kind).to_owned()),
        ("description", alerts::description(finding.kind, about)),
        ("runbook_url", alerts::runbook_url(&name)),
        ("finding", finding.id.to_string()),
        ("incident", finding.incident.to_string()),
        ("since", finding.since.to_string()),
        ("fingerprint", record.map(|one| one.id().fingerprint.to_string()).unwrap_or_default()),
        ("evidence", evidence(finding)),
        ("keys_before", before),
        ("keys_after", after),
        ("status_url", link.clone()),
        ("journal_head", context.journal_head.clone()),
        ("unrecorded", unrecorded.to_owned()),
    ];
    PushedAlert {
        labels: reported(labels.into()),
        annotations: reported(annotations.into()),
        since: finding.since,
        link,
    }
}

/// The alert of a finding about anchorwatch itself: it has no trust domain and no keys.
fn watch_alert(watch: &WatchView, finding: &Finding, context: &AlertContext) -> PushedAlert {
    let Finding { kind, svid_type, severity, .. } = finding;
    let labels = labels("", (*kind, *svid_type, &finding.subject, *severity));
    let external = context.external_url.as_deref();
    let link = external.map(|base| format!("{base}/finding/{}", finding.id)).unwrap_or_default();
    let about = About::Values { trust_domain: "", svid_type: "", subject: "" };
    let annotations = [
        ("summary", alerts::summary(*kind).to_owned()),
        ("description", alerts::description(*kind, about)),
        ("runbook_url", alerts::runbook_url(&alerts::name(*kind))),
        ("finding", finding.id.to_string()),
        ("incident", finding.incident.to_string()),
        ("since", finding.since.to_string()),
        ("evidence", evidence(finding)),
        ("status_url", link.clone()),
        ("journal_head", context.journal_head.clone()),
        ("unrecorded", if watch.unrecorded { UNRECORDED } else { "" }.to_owned()),
    ];
    PushedAlert {
        labels: reported(labels.into()),
        annotations: reported(annotations.into()),
        since: finding.since,
        link,
    }
}

/// The authority that a finding is about.
fn record<'a>(domain: &'a DomainView, finding: &Finding) -> Option<&'a AuthorityRecord> {
    domain.state.facts.authorities.records.iter().find(|record| finding.concerns(&record.authority))
}

fn evidence(finding: &Finding) -> String {
    let text = finding.sentences().join("\n");
    match cut(&text, EVIDENCE) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => format!("{text}\n(more on the status page)"),
    }
}

/// What was published just before this moment, and what is published now.
fn keys(domain: &DomainView, since: Timestamp) -> (String, String) {
    let records = || domain.state.facts.authorities.records.iter();
    let before = records().filter(|record| {
        record.published.until < since
            && record.removed.is_none_or(|removed| since <= removed.until)
    });
    let after = records().filter(|record| record.removed.is_none());
    (list(before.collect()), list(after.collect()))
}

/// A line a use, in the order of publication.
fn list(mut records: Vec<&AuthorityRecord>) -> String {
    records.sort_by_key(|record| (record.published.until, record.id()));
    let mut lines = Vec::new();
    for svid_type in SvidType::ALL {
        let of: Vec<_> = records.iter().filter(|one| one.id().svid_type == svid_type).collect();
        if of.is_empty() {
            continue;
        }
        // The last ones are those that a change is about.
        let skipped = of.len().saturating_sub(LISTED);
        let digits = of.iter().skip(skipped).map(|record| {
            let fingerprint = record.id().fingerprint.to_string();
            fingerprint.chars().skip("sha256:".len()).take(16).collect::<String>()
        });
        let digits: Vec<String> = digits.collect();
        let more = if skipped == 0 { String::new() } else { format!("{skipped} older, ") };
        lines.push(format!("{}: {more}{}", svid_type.label(), digits.join(", ")));
    }
    lines.join("\n")
}
