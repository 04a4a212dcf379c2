//! A finding: what it says, what it rests on, and what decides it.

use super::frame::{Frame, Section};
use super::html::Html;
use super::journal::{self, EntriesOf};
use super::life::Life;
use super::particulars::Particulars;
use super::remedy::{self, RemedyCommand};
use super::words::{badge, bracket, maybe_stretch, near, stretch, tone, words};
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
    let kind = words(finding.kind.label());
    let mut html = Html::default();
    html.raw("<h1>").add(&badge(tone(finding.severity), finding.severity.label())).raw(" ");
    html.text(&kind).raw("</h1><p class=\"lead\">").prose(finding.kind.raised()).raw("</p>");
    let mut particulars = Particulars::new();
    particulars
        .say("about", "anchorwatch itself")
        .add("since", &near(Some(finding.since), frame.at));
    html.add(&particulars.into_html());
    html.raw("<section aria-labelledby=\"evidence\"><h2 id=\"evidence\">Evidence</h2><ul>");
    for line in &finding.evidence {
        html.raw("<li>").text(line).raw("</li>");
    }
    html.raw(
        "</ul></section><section aria-labelledby=\"decide\"><h2 id=\"decide\">What to do</h2>",
    );
    html.raw("<p>First: ").prose(finding.kind.first_step()).raw("</p>");
    html.raw("<p>No decision is asked for: it ends ").prose(finding.kind.clears()).raw(".</p>");
    let runbook = alerts::runbook_url(&alerts::name(finding.kind));
    html.raw("<p><a rel=\"noreferrer\" href=\"").text(runbook);
    html.raw(
        "\">The runbook: what it means, and how to tell benign from malicious</a></p></section>",
    );
    let path = format!("/finding/{}", finding.id);
    frame.page(&kind, Section::Overview, Some(&path), &html)
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
    let mut html = Html::default();
    html.raw("<p class=\"crumbs\"><a href=\"/trust-domain/").text(name).raw("\">").text(name);
    html.raw("</a></p><h1>").add(&badge(tone(finding.severity), finding.severity.label()));
    html.raw(" ")
        .text(&kind)
        .raw("</h1><p class=\"lead\">")
        .prose(finding.kind.raised())
        .raw("</p>");
    facts(&mut html, domain, finding, key, frame.at);
    html.raw("<section aria-labelledby=\"evidence\"><h2 id=\"evidence\">Evidence</h2><ul>");
    for line in &finding.evidence {
        html.raw("<li>").text(line).raw("</li>");
    }
    html.raw("</ul></section>");
    decide(&mut html, domain, finding, key);
    if let Some(record) = key.and_then(|key| record(domain, finding, key)) {
        authority(&mut html, record, domain, frame.at);
    }
    incident(&mut html, domain, finding);
    html.raw("<section aria-labelledby=\"events\"><h2 id=\"events\">");
    html.raw(if key.is_some() { "Its authority in the journal" } else { "In the journal" });
    html.raw("</h2>").add(&journal::listed(events, EntriesOf::OneTrustDomain)).raw("</section>");
    let title = match finding.trust_domain_label(name) {
        "" => format!("{kind}: {}", finding.subject),
        name => format!("{kind}: {name}"),
    };
    let path = format!("/finding/{}", finding.id);
    frame.page(&title, Section::Overview, Some(&path), &html)
}

fn facts(
    html: &mut Html,
    domain: &DomainView,
    finding: &Finding,
    key: Option<Fingerprint>,
    now: Timestamp,
) {
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
    particulars.add("since", &near(Some(finding.since), now));
    particulars.code("finding", finding.id).code("incident", finding.incident);
    let mut ends = Html::default();
    ends.prose(finding.kind.clears());
    particulars.add("ends", &ends);
    html.add(&particulars.into_html());
}

fn decide(html: &mut Html, domain: &DomainView, finding: &Finding, key: Option<Fingerprint>) {
    html.raw("<section aria-labelledby=\"decide\"><h2 id=\"decide\">What to do</h2><p>First: ");
    html.prose(finding.kind.first_step()).raw("</p>");
    commands(html, "Look", &remedy::looks(finding, domain, key));
    let decisions = remedy::decisions(finding, domain, key);
    commands(html, "Decide", &decisions);
    if decisions.is_empty() && finding.kind.nature() == Nature::Condition {
        html.raw("<p>No decision is asked for: it ends ").prose(finding.kind.clears()).raw(".</p>");
    }
    let runbook = alerts::runbook_url(&alerts::name(finding.kind));
    html.raw("<p><a rel=\"noreferrer\" href=\"").text(runbook);
    html.raw("\">The runbook: what it means, and how to tell benign from malicious</a></p>");
    html.raw("</section>");
}

fn commands(html: &mut Html, heading: &'static str, commands: &[RemedyCommand]) {
    if commands.is_empty() {
        return;
    }
    html.raw("<h3>").raw(heading).raw("</h3><dl class=\"commands\">");
    for RemedyCommand { when, line } in commands {
        html.raw("<div><dt>").raw(when).raw("</dt><dd><pre><code>");
        for (place, word) in line.split(' ').enumerate() {
            // An option is never broken after its dashes.
            let open = if word.starts_with("--") { "<span class=\"option\">" } else { "<span>" };
            html.raw(if place == 0 { "" } else { " " }).raw(open).text(word).raw("</span>");
        }
        html.raw("</code></pre></dd></div>");
    }
    html.raw("</dl>");
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

fn authority(html: &mut Html, record: &AuthorityRecord, domain: &DomainView, now: Timestamp) {
    let life = Life::new(record, domain, now);
    html.raw("<section aria-labelledby=\"authority\"><h2 id=\"authority\">The authority</h2>");
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
    html.add(&particulars.into_html()).raw("</section>");
}

fn incident(html: &mut Html, domain: &DomainView, finding: &Finding) {
    let same = |other: &&Finding| other.incident == finding.incident && other.id != finding.id;
    let mut others = domain.findings.iter().filter(same).peekable();
    if others.peek().is_none() {
        return;
    }
    html.raw("<section aria-labelledby=\"incident\"><h2 id=\"incident\">The same incident</h2>");
    html.raw("<ul class=\"findings\">");
    for other in others {
        html.raw("<li>").add(&badge(tone(other.severity), other.severity.label()));
        html.raw(" <a href=\"/finding/").text(other.id).raw("\">");
        html.text(words(other.kind.label())).raw("</a> ").text(&other.subject).raw("</li>");
    }
    html.raw("</ul></section>");
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
    let mut html = Html::default();
    html.raw("<h1>A finding that ended</h1>");
    if let Some(Ended { kind, severity, subject, at, .. }) = ended {
        html.raw("<p>").add(&badge(tone(*severity), severity.label())).raw(" ");
        html.text(words(kind.label())).raw(" ").text(subject).raw(" ended ");
        html.add(&near(Some(*at), frame.at)).raw(".</p>");
    }
    if let Some(RecordedEntry { entry, .. }) = raised
        && let Event::FindingRaised { finding } = &entry.event
    {
        html.raw("<p><a href=\"/trust-domain/").text(&entry.trust_domain).raw("\">");
        html.text(&entry.trust_domain).raw("</a>: ").text(words(finding.kind.label()));
        html.raw(", raised ").add(&near(Some(finding.since), frame.at)).raw(".</p>");
        html.raw("<h2>Evidence when it was raised</h2><ul>");
        for line in &finding.evidence {
            html.raw("<li>").text(line).raw("</li>");
        }
        html.raw("</ul>");
    }
    Some(frame.page("A finding that ended", Section::Overview, None, &html))
}
