//! A finding: what it says, what it rests on, and what decides it.

use maud::{Markup, html};

use super::elements::{domain_link, evidence, finding_link, prose, section, severity};
use super::frame::{Frame, Section};
use super::journal::{self, EntriesOf};
use super::life::Life;
use super::particulars::Particulars;
use super::remedy::{self, RemedyCommand};
use super::words::{bracket, maybe_stretch, near, stretch, words};
use crate::web::api::OpenFinding;
use anchorwatch_core::alerts;
use anchorwatch_core::bundle::{Fingerprint, Validity};
use anchorwatch_core::finding::{Finding, FindingId, FindingScope, Nature};
use anchorwatch_core::journal::RecordedEntry;
use anchorwatch_core::time::{Timestamp, Window};
use anchorwatch_core::view::{DomainView, Ended, View};
use anchorwatch_core::watch::{AuthorityRecord, Event};

/// The finding of this id that is open, and whose it is.
pub(in crate::web) fn open(view: &View, id: FindingId) -> Option<(&DomainView, &Finding)> {
    view.domains.iter().find_map(|domain| {
        let finding = domain.findings.iter().find(|finding| finding.id == id)?;
        Some((&**domain, finding))
    })
}

/// The finding of this id about anchorwatch itself, where it is open.
pub(in crate::web) fn of_the_watch(view: &View, id: FindingId) -> Option<&Finding> {
    view.watch.findings.iter().find(|finding| finding.id == id)
}

/// The page of an open finding about anchorwatch itself: nothing is decided about it.
pub(in crate::web) fn watch_page(frame: &Frame<'_>, finding: &Finding) -> String {
    let mut particulars = Particulars::new();
    particulars
        .say("about", "anchorwatch itself")
        .add("since", near(Some(finding.since), frame.at));
    let decide = html! {
        p { "First: " (prose(finding.kind.first_step())) }
        (no_decision(finding))
        (runbook_link(finding))
    };
    let main = html! {
        (heading(finding))
        (particulars.list())
        (section("evidence", "Evidence", &evidence(&finding.evidence)))
        (section("decide", "What to do", &decide))
    };
    let path = format!("/finding/{}", finding.id);
    frame.page(&words(finding.kind.label()), Section::Overview, Some(&path), &main)
}

fn heading(finding: &Finding) -> Markup {
    html! {
        h1 { (severity(finding.severity)) " " (words(finding.kind.label())) }
        p.lead { (prose(finding.kind.raised())) }
    }
}

fn no_decision(finding: &Finding) -> Markup {
    html! { p { "No decision is asked for: it ends " (prose(finding.kind.clears())) "." } }
}

fn runbook_link(finding: &Finding) -> Markup {
    html! {
        p {
            a rel="noreferrer" href=(alerts::runbook_url(&alerts::name(finding.kind))) {
                "The runbook: what it means, and how to tell benign from malicious"
            }
        }
    }
}

/// The whole fingerprint of the authority that a finding is about, where it is about one.
pub(in crate::web) fn about(domain: &DomainView, finding: &Finding) -> Option<Fingerprint> {
    let (name, facts) = (&domain.endpoint.trust_domain, &domain.state.facts);
    let open = OpenFinding::of(name, std::slice::from_ref(finding), facts);
    open.first().and_then(|open| open.fingerprint)
}

/// The page of an open finding. `events` tell of its authority, the newest last.
pub(in crate::web) fn page(
    frame: &Frame<'_>,
    (domain, finding): (&DomainView, &Finding),
    events: &Result<Vec<RecordedEntry>, String>,
) -> String {
    let key = about(domain, finding);
    let kind = words(finding.kind.label());
    let name = &domain.endpoint.trust_domain;
    let in_journal = if key.is_some() { "Its authority in the journal" } else { "In the journal" };
    let main = html! {
        p.crumbs { (domain_link(name)) }
        (heading(finding))
        (facts(domain, finding, key, frame.at))
        (section("evidence", "Evidence", &evidence(&finding.evidence)))
        (section("decide", "What to do", &decide(domain, finding, key)))
        @if let Some(record) = key.and_then(|key| record(domain, finding, key)) {
            (section("authority", "The authority", &authority(record, domain, frame.at)))
        }
        (incident(domain, finding))
        (section("events", in_journal, &journal::listed(events, EntriesOf::OneTrustDomain)))
    };
    let title = match finding.trust_domain_label(name) {
        "" => format!("{kind}: {}", finding.subject),
        name => format!("{kind}: {name}"),
    };
    let path = format!("/finding/{}", finding.id);
    frame.page(&title, Section::Overview, Some(&path), &main)
}

fn facts(
    domain: &DomainView,
    finding: &Finding,
    key: Option<Fingerprint>,
    now: Timestamp,
) -> Markup {
    let mut particulars = Particulars::new();
    let name = match finding.kind.scope() {
        FindingScope::TrustDomain | FindingScope::Watch => "trust domain",
        FindingScope::Federation => "recorded by",
    };
    particulars.say(name, &domain.endpoint.trust_domain);
    if let Some(svid_type) = finding.svid_type {
        particulars.say("use", svid_type.label());
    }
    match key {
        Some(key) => {
            if finding.kind.scope() == FindingScope::Federation {
                particulars.code("public key", &finding.subject);
            }
            particulars.code("authority", key);
        }
        None if finding.subject.is_empty() => (),
        None => {
            particulars.say("about", &finding.subject);
        }
    }
    particulars.add("since", near(Some(finding.since), now));
    particulars.code("finding", finding.id).code("incident", finding.incident);
    particulars.add("ends", prose(finding.kind.clears()));
    particulars.list()
}

fn decide(domain: &DomainView, finding: &Finding, key: Option<Fingerprint>) -> Markup {
    let decisions = remedy::decisions(finding, domain, key);
    html! {
        p { "First: " (prose(finding.kind.first_step())) }
        (commands("Look", &remedy::looks(finding, domain, key)))
        (commands("Decide", &decisions))
        @if decisions.is_empty() && finding.kind.nature() == Nature::Condition {
            (no_decision(finding))
        }
        (runbook_link(finding))
    }
}

fn commands(heading: &str, commands: &[RemedyCommand]) -> Markup {
    if commands.is_empty() {
        return Markup::default();
    }
    html! {
        h3 { (heading) }
        dl.commands {
            @for RemedyCommand { when, line } in commands {
                div { dt { (when) } dd { pre { code { (typed(line)) } } } }
            }
        }
    }
}

/// The words of a command. An option is never broken after its dashes.
fn typed(line: &str) -> Markup {
    html! {
        @for (place, word) in line.split(' ').enumerate() {
            @if 0 < place { " " }
            span class=[word.starts_with("--").then_some("option")] { (word) }
        }
    }
}

fn record<'a>(
    domain: &'a DomainView,
    finding: &Finding,
    key: Fingerprint,
) -> Option<&'a AuthorityRecord> {
    let is_it = |record: &&AuthorityRecord| {
        record.id().fingerprint == key
            && finding.svid_type.is_none_or(|svid_type| svid_type == record.id().svid_type)
    };
    domain.state.facts.authorities.records.iter().find(is_it)
}

fn authority(record: &AuthorityRecord, domain: &DomainView, now: Timestamp) -> Markup {
    let life = Life::new(record, domain, now);
    let mut particulars = Particulars::new();
    particulars.say("state", life.state).say("standing", words(life.standing));
    particulars.say("key", &record.authority.key_type);
    if let Some(kid) = &record.authority.kid {
        particulars.say("key ID", kid);
    }
    if let Some(public_key) = record.authority.public_key {
        particulars.code("public key", public_key);
    }
    particulars.say("published", bracket(life.published));
    particulars.say("signs from", maybe_stretch(life.activated));
    if let Some(removed) = record.removed {
        particulars.say("removed", bracket(removed));
    }
    if let Some(certificate) = &record.authority.certificate {
        particulars.say("subject", &certificate.subject).say("serial", &certificate.serial);
        let Validity { not_before, not_after } = certificate.validity;
        particulars.say("valid", stretch(Window::new(not_before, not_after)));
    }
    particulars.list()
}

fn incident(domain: &DomainView, finding: &Finding) -> Markup {
    let same = |other: &&Finding| other.incident == finding.incident && other.id != finding.id;
    let others: Vec<&Finding> = domain.findings.iter().filter(same).collect();
    if others.is_empty() {
        return Markup::default();
    }
    let list = html! {
        ul.findings {
            @for other in others {
                li {
                    (severity(other.severity)) " " (finding_link(other)) " " (other.subject)
                }
            }
        }
    };
    section("incident", "The same incident", &list)
}

/// The page of a finding that is not open: that it ended, and what the journal has of it.
pub(in crate::web) fn closed(
    frame: &Frame<'_>,
    view: &View,
    id: FindingId,
    raised: Option<&RecordedEntry>,
) -> Option<String> {
    let of_domain = view.domains.iter().flat_map(|domain| domain.ended.iter());
    let departed = view.departed.iter().flat_map(|departed| departed.ended.iter());
    let of_the_watch = view.watch.ended.iter();
    let mut ended = of_domain.chain(departed).chain(of_the_watch);
    let ended: Option<&Ended> = ended.find(|ended| ended.id == id);
    if ended.is_none() && raised.is_none() {
        return None;
    }
    let main = html! {
        h1 { "A finding that ended" }
        @if let Some(Ended { kind, severity: of, subject, at, .. }) = ended {
            p {
                (severity(*of)) " " (words(kind.label())) " " (subject) " ended "
                (near(Some(*at), frame.at)) "."
            }
        }
        @if let Some(RecordedEntry { entry, .. }) = raised
            && let Event::FindingRaised { finding } = &entry.event
        {
            p {
                (domain_link(&entry.trust_domain)) ": " (words(finding.kind.label())) ", raised "
                (near(Some(finding.since), frame.at)) "."
            }
            h2 { "Evidence when it was raised" }
            (evidence(&finding.evidence))
        }
    };
    Some(frame.page("A finding that ended", Section::Overview, None, &main))
}
