//! The page of one trust domain.

use super::frame::{Frame, Section};
use super::health;
use super::html::Html;
use super::journal::{self, EntriesOf};
use super::rotation;
use super::standing::Condition;
use super::time_line;
use super::words::{badge, near, tone, words};
use crate::web::api::RotationReport;
use anchorwatch_core::finding::{Dropped, Finding};
use anchorwatch_core::journal::RecordedEntry;
use anchorwatch_core::time::{Timestamp, span};
use anchorwatch_core::view::DomainView;

/// How many events the page shows: the events' own page has all.
pub(in crate::web) const EVENTS: usize = 20;

/// The page; the events come as the store gives them, the newest last.
pub(in crate::web) fn page(
    frame: &Frame<'_>,
    domain: &DomainView,
    events: &Result<Vec<RecordedEntry>, String>,
) -> String {
    let name = &domain.endpoint.trust_domain;
    let condition = Condition::of(domain);
    let rotation = RotationReport::new(domain);
    let mut html = Html::default();
    html.raw("<h1 class=\"name\">").text(name).raw(" ");
    html.add(&badge(condition.tone(), condition.word())).raw("</h1>");
    notices(&mut html, domain, frame.at);
    section(&mut html, "findings", "Open findings", &findings(domain, frame.at));
    let drawing = time_line::section(domain, &rotation.lineages, frame.at);
    section(&mut html, "time-line", "Time line of its authorities", &drawing);
    section(&mut html, "rotation", "Rotation", &rotation::section(&rotation, frame.at));
    section(&mut html, "source", "Source", &health::section(domain, frame.at));
    let mut recent = journal::listed(events, EntriesOf::OneTrustDomain);
    recent.raw("<p><a href=\"/events?trust_domain=").text(name).raw("\">All its events</a></p>");
    section(&mut html, "events", "Recent events", &recent);
    let path = format!("/trust-domain/{name}");
    frame.page(name.as_str(), Section::Overview, Some(&path), &html)
}

fn section(html: &mut Html, id: &'static str, heading: &'static str, content: &Html) {
    html.raw("<section aria-labelledby=\"").raw(id).raw("\"><h2 id=\"").raw(id).raw("\">");
    html.raw(heading).raw("</h2>").add(content).raw("</section>");
}

fn notices(html: &mut Html, domain: &DomainView, now: Timestamp) {
    if let Some(stopped) = &domain.stopped {
        html.raw("<p class=\"notice critical\">Not watched: ").text(stopped).raw("</p>");
    }
    if let Some(failure) = &domain.state.facts.endpoint.failure {
        let lasting = span(now.since(failure.since).unwrap_or_default());
        let failures = domain.state.poll_state.failures;
        html.raw("<p class=\"notice warning\">");
        html.text(failures).raw(if failures == 1 { " poll" } else { " polls" });
        html.raw(" failed in ").text(lasting).raw(": ").text(failure.reason).raw(": ");
        html.text(&failure.detail).raw("</p>");
    }
    if domain.unrecorded {
        html.raw("<p class=\"notice critical\">The store could not take down the last events: ");
        html.raw("what is shown here is not recorded yet.</p>");
    }
}

fn findings(domain: &DomainView, now: Timestamp) -> Html {
    let mut html = Html::default();
    if domain.findings.is_empty() {
        html.raw("<p class=\"good\">No open findings.</p>");
        return html;
    }
    html.raw("<ul class=\"findings\">");
    for finding in domain.findings.iter() {
        let Finding { id, kind, severity, svid_type, subject, since, evidence, .. } = finding;
        html.raw("<li>").add(&badge(tone(*severity), severity.label()));
        html.raw(" <a href=\"/finding/").text(id).raw("\">").text(words(kind.label()));
        html.raw("</a>");
        if let Some(svid_type) = svid_type {
            html.raw(" ").text(svid_type.label());
        }
        html.raw(" <code>").text(subject).raw("</code> <span class=\"dim\">since ");
        html.add(&near(Some(*since), now)).raw("</span><ul>");
        for line in evidence {
            html.raw("<li>").text(line).raw("</li>");
        }
        html.raw("</ul></li>");
    }
    html.raw("</ul>");
    if !domain.dropped.is_empty() {
        html.raw("<p class=\"notice warning\">Not listed one by one: ");
        html.text(Dropped::all_in_words(&domain.dropped)).raw(".</p>");
    }
    html
}
