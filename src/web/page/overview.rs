//! The overview: a row a trust domain, the most urgent first, and what is to be said of all.

use std::cmp::Reverse;

use super::frame::{Frame, Section};
use super::html::Html;
use super::standing::Condition;
use super::table::HtmlTable;
use super::words::{NOTHING, badge, count, distance, near, tone, words};
use crate::web::api::RotationReport;
use anchorwatch_core::finding::{Finding, Severity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{DomainView, View};

/// How many trust domains one page shows.
const SHOWN: usize = 200;
/// How many findings are listed: the trust domains below them stay in poll state.
const FINDINGS: usize = 10;

const HEADINGS: &[&str] = &[
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
    let mut html = Html::default();
    html.raw("<h1>Trust domains</h1>");
    summary(&mut html, &domains, view);
    findings(&mut html, &domains, view);
    html.raw("<section aria-labelledby=\"domains\"><h2 id=\"domains\">Watched</h2>");
    let mut table = HtmlTable::new("Trust domains, the most urgent first", HEADINGS);
    let first = page.saturating_mul(SHOWN);
    for domain in domains.iter().skip(first).take(SHOWN) {
        table.row(&row(domain, view.at));
    }
    let table = table.into_html();
    if table.is_empty() {
        html.raw("<p>No trust domain is watched: the configuration names none.</p>");
    }
    html.add(&table);
    pages(&mut html, domains.len(), page);
    html.raw("</section>");
    frame.page("Overview", Section::Overview, Some("/"), &html)
}

/// How many there are of each.
fn summary(html: &mut Html, domains: &[&DomainView], view: &View) {
    let of_domains = || domains.iter().flat_map(|domain| domain.findings.iter());
    let all = || of_domains().chain(view.watch.findings.iter());
    html.raw("<ul class=\"tiles\"><li><strong>").text(domains.len());
    html.raw("</strong> ").raw(if domains.len() == 1 { "trust domain" } else { "trust domains" });
    html.raw("</li>");
    for severity in Severity::ALL.into_iter().rev() {
        let open = all().filter(|finding| finding.severity == severity).count();
        html.raw("<li");
        if 0 < open {
            html.raw(" class=\"").raw(tone(severity)).raw("\"");
        }
        html.raw("><strong>").text(open).raw("</strong> ").raw(severity.label()).raw("</li>");
    }
    html.raw("</ul>");
}

fn findings(html: &mut Html, domains: &[&DomainView], view: &View) {
    let now = view.at;
    let of_the_watch = view.watch.findings.iter().map(|finding| ("anchorwatch itself", finding));
    let mut all: Vec<(&str, &Finding)> = of_the_watch.collect();
    for domain in domains {
        all.extend(domain.findings.iter().map(|finding| (of(domain, finding), finding)));
    }
    all.sort_by_key(|(_, finding)| (Reverse(finding.severity), Reverse(finding.since)));
    html.raw("<section aria-labelledby=\"findings\"><h2 id=\"findings\">Open findings</h2>");
    if all.is_empty() {
        html.raw("<p class=\"good\">No open findings.</p></section>");
        return;
    }
    html.raw("<ul class=\"findings\">");
    for (whose, finding) in all.iter().take(FINDINGS) {
        html.raw("<li>").add(&badge(tone(finding.severity), finding.severity.label()));
        html.raw(" <a href=\"/finding/").text(finding.id).raw("\">");
        html.text(words(finding.kind.label())).raw("</a> <span class=\"of\">");
        html.text(whose).raw("</span> <span class=\"dim\">");
        html.text(distance(finding.since, now)).raw("</span>");
        if let Some(first) = finding.evidence.first() {
            html.raw("<p class=\"dim\">").text(first).raw("</p>");
        }
        html.raw("</li>");
    }
    html.raw("</ul>");
    if let Some(more) = all.len().checked_sub(FINDINGS).filter(|more| 0 < *more) {
        html.raw("<p>").text(more).raw(" more: each trust domain's page lists its own.</p>");
    }
    html.raw("</section>");
}

/// Whose a finding is.
fn of<'a>(domain: &'a DomainView, finding: &Finding) -> &'a str {
    match finding.trust_domain_label(&domain.endpoint.trust_domain) {
        "" => "several trust domains",
        name => name,
    }
}

fn row(domain: &DomainView, now: Timestamp) -> [Html; 7] {
    let mut name = Html::default();
    let trust_domain = &domain.endpoint.trust_domain;
    name.raw("<a href=\"/trust-domain/").text(trust_domain).raw("\">");
    name.text(trust_domain).raw("</a>");
    let condition = Condition::of(domain);
    let confirmed = domain.state.facts.bundle.confirmed.as_ref();
    let sequence = confirmed.and_then(|confirmed| confirmed.sequence.given());
    let known = domain.state.facts.published().count();
    let rotation = RotationReport::new(domain);
    let next = rotation.lineages.iter().filter_map(|line| Some(line.expected?.until)).min();
    [
        name,
        badge(condition.tone(), condition.word()),
        severities(domain),
        Html::of(
            domain
                .state
                .poll_state
                .last_success
                .map_or_else(|| "never".to_owned(), |at| distance(at, now)),
        ),
        Html::of(sequence.map_or_else(|| NOTHING.to_owned(), |number| number.to_string())),
        Html::of(known),
        near(next, now),
    ]
}

fn severities(domain: &DomainView) -> Html {
    let mut html = Html::default();
    for severity in Severity::ALL.into_iter().rev() {
        let open = domain.findings.iter().filter(|one| one.severity == severity).count();
        if 0 < open {
            html.add(&badge(tone(severity), &format!("{open} {severity}"))).raw(" ");
        }
    }
    if html.is_empty() { Html::of("none") } else { html }
}

fn pages(html: &mut Html, count_of: usize, page: usize) {
    if count_of <= SHOWN {
        return;
    }
    let shown = count(count_of, "trust domain", "trust domains");
    html.raw("<nav class=\"pages\" aria-label=\"More trust domains\"><p>").text(shown);
    html.raw(" in all.");
    if let Some(before) = page.checked_sub(1) {
        html.raw(" <a rel=\"prev\" href=\"/?page=").text(before).raw("\">More urgent</a>");
    }
    let next = page.saturating_add(1);
    if next.saturating_mul(SHOWN) < count_of {
        html.raw(" <a rel=\"next\" href=\"/?page=").text(next).raw("\">Less urgent</a>");
    }
    html.raw("</p></nav>");
}
