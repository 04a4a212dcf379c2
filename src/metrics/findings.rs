//! The findings' families.

use std::io;

use super::catalogue::TRUST_DOMAIN;
use super::{Encoder, Family, Group, Kind, Scrape};

pub(super) const FAMILIES: &[Family] = &[Family {
    name: "anchorwatch_finding_open",
    kind: Kind::Gauge,
    help: "1 while a finding is true, 0 for 25 hours after it ended, then gone.",
    labels: &[
        TRUST_DOMAIN,
        ("kind", "what the finding is about"),
        ("severity", "`critical`, `warning` or `info`"),
    ],
    group: Group::Findings,
    per_authority: false,
    render: finding_open,
}];

fn finding_open(scrape: &Scrape<'_>, out: &mut Encoder<'_>) -> io::Result<()> {
    for domain in &scrape.view.domains {
        let trust_domain = domain.endpoint.trust_domain.as_str();
        for finding in domain.findings.iter() {
            let (kind, severity) = (finding.kind.label(), finding.severity.label());
            let labels = [("trust_domain", trust_domain), ("kind", kind), ("severity", severity)];
            out.sample(&labels, 1.0)?;
        }
        for ended in domain.ended.iter() {
            let (kind, severity) = (ended.kind.label(), ended.severity.label());
            let labels = [("trust_domain", trust_domain), ("kind", kind), ("severity", severity)];
            out.sample(&labels, 0.0)?;
        }
    }
    for gone in &scrape.view.departed {
        for ended in gone.ended.iter() {
            let name = gone.trust_domain.as_str();
            let (kind, severity) = (ended.kind.label(), ended.severity.label());
            let labels = [("trust_domain", name), ("kind", kind), ("severity", severity)];
            out.sample(&labels, 0.0)?;
        }
    }
    Ok(())
}
