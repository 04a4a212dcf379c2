//! The overview: a row a trust domain, the most urgent first, and what is to be said of all.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::elements::{badge, domain_link, finding_link, section, severity};
use super::frame::{Frame, Section};
use super::standing::Condition;
use super::table::table;
use super::words::{NOTHING, count, distance, near, tone};
use crate::web::api::RotationReport;
use anchorwatch_core::finding::{Finding, Severity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{DomainView, View};

/// How many trust domains one page shows.
const SHOWN: usize = 200;
/// How many findings are listed: the trust domains' own pages list all.
const FINDINGS: usize = 10;

const HEADINGS: [&str; 7] = [
    "trust domain",
    "state",
    "findings",
    "last good poll",
    "sequence",
    "authorities",
    "next authority due",
];

/// The overview; `page` counts from 0.
pub(in crate::web) fn overview(frame: &Frame<'_>, view: &View, page: usize) -> String {
    let mut domains: Vec<&DomainView> = view.domains.iter().map(AsRef::as_ref).collect();
    domains.sort_by_key(|domain| Reverse(Condition::of(domain)));
    let of_page = domains.iter().skip(page.saturating_mul(SHOWN)).take(SHOWN);
    let rows: Vec<_> = of_page.map(|domain| row(domain, view.at)).collect();
    let watched = html! {
        @if rows.is_empty() {
            p { "No trust domain is watched: the configuration names none." }
        } @else {
            (table("Trust domains, the most urgent first", HEADINGS, &rows))
        }
        (pages(domains.len(), page))
    };
    let main = html! {
        h1 { "Trust domains" }
        (summary(&domains, view))
        (section("findings", "Open findings", &findings(&domains, view)))
        (section("domains", "Watched", &watched))
    };
    frame.page("Overview", Section::Overview, Some("/"), &main)
}

/// How many there are of each.
fn summary(domains: &[&DomainView], view: &View) -> Markup {
    let of_domains = domains.iter().flat_map(|domain| domain.findings.iter());
    let all: Vec<Severity> =
        of_domains.chain(view.watch.findings.iter()).map(|finding| finding.severity).collect();
    html! {
        ul.tiles {
            li {
                strong { (domains.len()) } " "
                @if domains.len() == 1 { "trust domain" } @else { "trust domains" }
            }
            @for severity in Severity::ALL.into_iter().rev() {
                @let open = all.iter().filter(|one| **one == severity).count();
                li class=[(0 < open).then(|| tone(severity))] {
                    strong { (open) } " " (severity.label())
                }
            }
        }
    }
}

fn findings(domains: &[&DomainView], view: &View) -> Markup {
    let of_the_watch = view.watch.findings.iter().map(|finding| ("anchorwatch itself", finding));
    let mut all: Vec<(&str, &Finding)> = of_the_watch.collect();
    for domain in domains {
        all.extend(domain.findings.iter().map(|finding| (of(domain, finding), finding)));
    }
    all.sort_by_key(|(_, finding)| (Reverse(finding.severity), Reverse(finding.since)));
    if all.is_empty() {
        return html! { p.good { "No open findings." } };
    }
    let more = all.len().saturating_sub(FINDINGS);
    html! {
        ul.findings {
            @for (whose, finding) in all.iter().take(FINDINGS) {
                li {
                    (severity(finding.severity)) " " (finding_link(finding)) " "
                    span.of { (whose) } " "
                    span.dim { (distance(finding.since, view.at)) }
                    @if let Some(first) = finding.evidence.first() { p.dim { (first) } }
                }
            }
        }
        @if 0 < more { p { (more) " more: each trust domain's page lists its own." } }
    }
}

/// Whose a finding is.
fn of<'a>(domain: &'a DomainView, finding: &Finding) -> &'a str {
    match finding.trust_domain_label(&domain.endpoint.trust_domain) {
        "" => "several trust domains",
        name => name,
    }
}

fn row(domain: &DomainView, now: Timestamp) -> [Markup; 7] {
    let condition = Condition::of(domain);
    let confirmed = domain.state.facts.bundle.confirmed.as_ref();
    let sequence = confirmed.and_then(|confirmed| confirmed.sequence.given());
    let success = domain.state.poll_state.last_success;
    let rotation = RotationReport::new(domain);
    let next = rotation.lineages.iter().filter_map(|line| Some(line.expected?.until)).min();
    [
        domain_link(&domain.endpoint.trust_domain),
        badge(condition.tone(), condition.word()),
        severities(domain),
        html! { (success.map_or_else(|| "never".to_owned(), |at| distance(at, now))) },
        html! { (sequence.map_or_else(|| NOTHING.to_owned(), |number| number.to_string())) },
        html! { (domain.state.facts.published().count()) },
        near(next, now),
    ]
}

fn severities(domain: &DomainView) -> Markup {
    html! {
        @for severity in Severity::ALL.into_iter().rev() {
            @let open = domain.findings.iter().filter(|one| one.severity == severity).count();
            @if 0 < open { (badge(tone(severity), &format!("{open} {severity}"))) " " }
        }
        @if domain.findings.is_empty() { "none" }
    }
}

fn pages(domains: usize, page: usize) -> Markup {
    if domains <= SHOWN {
        return Markup::default();
    }
    let next = page.saturating_add(1);
    html! {
        nav.pages aria-label="More trust domains" {
            p {
                (count(domains, "trust domain", "trust domains")) " in all."
                @if let Some(before) = page.checked_sub(1) {
                    " " a rel="prev" href={ "/?page=" (before) } { "More urgent" }
                }
                @if next.saturating_mul(SHOWN) < domains {
                    " " a rel="next" href={ "/?page=" (next) } { "Less urgent" }
                }
            }
        }
    }
}
