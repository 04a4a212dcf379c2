//! The findings' families.

use std::collections::BTreeMap;
use std::io;

use super::encoder::count;
use super::family::{Label, Render, TRUST_DOMAIN};
use super::{Encoder, Family, FamilyKind, Group, Scrape};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::decision::DecisionAction;
use anchorwatch_core::finding::{Finding, FindingKind, FindingScope, Severity};
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::{DomainView, Ended, View};

pub(super) const FAMILIES: &[Family] = &[OPEN, RAISED, DROPPED, DECISIONS];

const OPEN: Family = Family {
    name: "anchorwatch_finding_open",
    kind: FamilyKind::Gauge,
    help: "1 while a finding is true, 0 for 25 hours after it ended, then gone.",
    labels: &[
        ("trust_domain", "the trust domain; empty for a finding about a key that several publish"),
        ("kind", "what the finding is about"),
        ("use", "the use that it is about, empty where it is about none"),
        ("subject", "what exactly it is about, empty where the domain is meant"),
        ("severity", "`critical`, `warning` or `info`"),
    ],
    group: Group::Findings,
    per_authority: false,
    render: finding_open,
};

const RAISED: Family = counter(
    "anchorwatch_findings_total",
    "Findings that were raised.",
    &[TRUST_DOMAIN, ("kind", "what the finding is about")],
    |scrape, out| {
        for domain in scrape.domains() {
            let of_domains = |(kind, _): &(FindingKind, u64)| !kind.is_about_the_watch();
            for (kind, raised) in domain.counts.findings.iter().filter(of_domains) {
                let kind = ("kind", kind.label());
                out.sample(&[("trust_domain", name(domain)), kind], count(raised))?;
            }
        }
        Ok(())
    },
);

const DROPPED: Family = Family {
    name: "anchorwatch_findings_dropped",
    kind: FamilyKind::Gauge,
    help: "Findings that are not listed one by one, since each kind has limited room: absent where \
           there are none. An `ack` of `findings_flood` ends the count.",
    labels: &[
        TRUST_DOMAIN,
        ("kind", "what the findings are about"),
        ("use", "the use that they are about, empty where they are about none"),
    ],
    group: Group::Findings,
    per_authority: false,
    render: |scrape, out| {
        for domain in scrape.domains() {
            for dropped in domain.dropped.iter() {
                let labels = [
                    ("trust_domain", name(domain)),
                    ("kind", dropped.kind.label()),
                    ("use", dropped.svid_type.map_or("", SvidType::label)),
                ];
                out.sample(&labels, count(dropped.count))?;
            }
        }
        Ok(())
    },
};

const DECISIONS: Family = counter(
    "anchorwatch_finding_decisions_total",
    "Decisions of operators that were recorded in the journal.",
    &[TRUST_DOMAIN, ("decision", "`announce`, `approve`, `deny`, `ack` and so on")],
    |scrape, out| {
        for domain in scrape.domains() {
            for (decision, made) in DecisionAction::NAMES.iter().zip(domain.counts.decisions) {
                let decision = ("decision", *decision);
                out.sample(&[("trust_domain", name(domain)), decision], count(made))?;
            }
        }
        Ok(())
    },
);

const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
    render: Render,
) -> Family {
    let (kind, group) = (FamilyKind::Counter, Group::Findings);
    Family { name, kind, help, labels, group, per_authority: false, render }
}

fn name(domain: &DomainView) -> &str {
    domain.endpoint.trust_domain.as_str()
}

fn finding_open(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    let is_own = |kind: FindingKind| kind.scope() != FindingScope::Federation;
    for domain in scrape.domains() {
        let trust_domain = domain.endpoint.trust_domain.as_str();
        // Two findings may be about the same thing at two times: that is one series.
        let mut told: Vec<About<'_>> = Vec::new();
        for about in domain.findings.iter().filter(|one| is_own(one.kind)).map(of_open) {
            if !told.contains(&about) {
                told.push(about);
                sample(out, trust_domain, about, 1.0)?;
            }
        }
        for ended in domain.ended.iter().filter(|one| is_own(one.kind)) {
            sample(out, trust_domain, of(ended), 0.0)?;
        }
    }
    for gone in scrape.departed() {
        for ended in gone.ended.iter().filter(|one| is_own(one.kind)) {
            sample(out, gone.trust_domain.as_str(), of(ended), 0.0)?;
        }
    }
    scrape.whole().map_or(Ok(()), |view| federation_open(view, out))
}

/// A matter of several trust domains is one series, whoever reports it, and so is one of the watch. What ended in one trust
/// domain's journal may be open in another's.
fn federation_open(view: &View, out: &mut Encoder) -> io::Result<()> {
    let is_of_all = |kind: FindingKind| kind.scope() == FindingScope::Federation;
    let mut series: BTreeMap<About<'_>, bool> = BTreeMap::new();
    for domain in &view.domains {
        let open = domain.findings.iter().filter(|one| is_of_all(one.kind));
        series.extend(open.map(|finding| (of_open(finding), true)));
    }
    let ended = view.domains.iter().flat_map(|domain| domain.ended.iter());
    let departed = view.departed.iter().flat_map(|gone| gone.ended.iter());
    for ended in ended.chain(departed).filter(|one| is_of_all(one.kind)) {
        series.entry(of(ended)).or_insert(false);
    }
    for (about, is_open) in series {
        sample(out, "", about, if is_open { 1.0 } else { 0.0 })?;
    }
    // What is wrong with the watch itself stands at zero from the start.
    let subject = UntrustedText::default();
    for kind in FindingKind::ALL.iter().filter(|kind| kind.is_about_the_watch()) {
        let open = view.watch.findings.iter().any(|finding| finding.kind == *kind);
        let about = (*kind, None, &subject, kind.severity());
        sample(out, "", about, if open { 1.0 } else { 0.0 })?;
    }
    Ok(())
}

/// What tells a finding's series from another.
type About<'a> = (FindingKind, Option<SvidType>, &'a UntrustedText, Severity);

fn of_open(finding: &Finding) -> About<'_> {
    (finding.kind, finding.svid_type, &finding.subject, finding.severity)
}

fn of(ended: &Ended) -> About<'_> {
    (ended.kind, ended.svid_type, &ended.subject, ended.severity)
}

fn sample(
    out: &mut Encoder,
    trust_domain: &str,
    (kind, svid_type, subject, severity): About<'_>,
    value: f64,
) -> io::Result<()> {
    let labels = [
        ("trust_domain", trust_domain),
        ("kind", kind.label()),
        ("use", svid_type.map_or("", SvidType::label)),
        ("subject", &*subject.to_string()),
        ("severity", severity.label()),
    ];
    out.sample(&labels, value)
}
