//! The page of one trust domain.

use maud::{Markup, html};

use super::elements::{badge, evidence, finding_link, section, severity};
use super::frame::{Frame, Section};
use super::health;
use super::journal::{self, EntriesOf};
use super::rotation;
use super::standing::Condition;
use super::time_line;
use super::words::near;
use crate::web::api::RotationReport;
use anchorwatch_core::finding::Dropped;
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
    let drawing = time_line::section(domain, &rotation.lineages, frame.at);
    let recent = html! {
        (journal::listed(events, EntriesOf::OneTrustDomain))
        p { a href={ "/events?trust_domain=" (name) } { "All its events" } }
    };
    let main = html! {
        h1.name { (name) " " (badge(condition.tone(), condition.word())) }
        (notices(domain, frame.at))
        (section("findings", "Open findings", &findings(domain, frame.at)))
        (section("time-line", "Time line of its authorities", &drawing))
        (section("rotation", "Rotation", &rotation::section(&rotation, frame.at)))
        (section("source", "Source", &health::section(domain, frame.at)))
        (section("events", "Recent events", &recent))
    };
    let path = format!("/trust-domain/{name}");
    frame.page(name.as_str(), Section::Overview, Some(&path), &main)
}

fn notices(domain: &DomainView, now: Timestamp) -> Markup {
    let failures = domain.state.poll_state.failures;
    html! {
        @if let Some(stopped) = &domain.stopped {
            p.notice.critical { "Not watched: " (stopped) }
        }
        @if let Some(failure) = &domain.state.facts.endpoint.failure {
            p.notice.warning {
                (failures) @if failures == 1 { " poll" } @else { " polls" }
                " failed in " (span(now.since(failure.since).unwrap_or_default())) ": "
                (failure.reason) ": " (failure.detail)
            }
        }
        @if domain.unrecorded {
            p.notice.critical {
                "The store could not take down the last events: "
                "what is shown here is not recorded yet."
            }
        }
    }
}

fn findings(domain: &DomainView, now: Timestamp) -> Markup {
    if domain.findings.is_empty() {
        return html! { p.good { "No open findings." } };
    }
    html! {
        ul.findings {
            @for finding in domain.findings.iter() {
                li {
                    (severity(finding.severity)) " " (finding_link(finding))
                    @if let Some(svid_type) = finding.svid_type { " " (svid_type.label()) }
                    " " code { (finding.subject) }
                    " " span.dim { "since " (near(Some(finding.since), now)) }
                    (evidence(&finding.evidence))
                }
            }
        }
        @if !domain.dropped.is_empty() {
            p.notice.warning {
                "Not listed one by one: " (Dropped::all_in_words(&domain.dropped)) "."
            }
        }
    }
}
