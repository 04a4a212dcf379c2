//! The page at `/`: an entry a trust domain, the most urgent first. It needs no script, and reads
//! on a phone.

mod domain;

use std::fmt::Write as _;

use super::api::{DomainReport, RotationReport};
use crate::finding::Severity;
use crate::journal::text::span;
use crate::time::Timestamp;
use crate::view::{DomainView, View};

/// How many trust domains are shown: beyond it the API answers better than a page.
const SHOWN: usize = 500;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--dim:#666;--bad:#b3261e;--warn:#8a5300;--good:#1b6e3c}\
@media(prefers-color-scheme:dark){:root{--dim:#aaa;--bad:#ff8a80;--warn:#ffc266;--good:#7fdc9c}}\
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:74rem;padding:1rem}\
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:0;overflow-wrap:anywhere}\
p{margin:.4rem 0;overflow-wrap:anywhere}nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin-bottom:.8rem}\
article{border-top:1px solid var(--line);padding:.7rem 0}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.3rem .75rem;margin:.4rem 0}\
dl .wide{grid-column:span 2}dt{color:var(--dim);font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}\
.critical,.down{color:var(--bad)}.warning{color:var(--warn)}.up{color:var(--good)}\
ul{margin:.3rem 0;padding-left:1.2rem;overflow-wrap:anywhere}.dim{color:var(--dim)}\
code{font-size:.9em}summary{cursor:pointer}.scroll{overflow-x:auto}\
table{border-collapse:collapse;font-size:.9rem;margin:.4rem 0}\
th,td{border-bottom:1px solid var(--line);padding:.15rem .6rem .15rem 0;text-align:left;white-space:nowrap}";

/// The overview.
pub(super) fn overview(view: &View, unready: &[String]) -> String {
    let mut domains: Vec<(&DomainView, DomainReport)> =
        view.domains.iter().map(|domain| (&**domain, DomainReport::new(domain))).collect();
    let urgency = |(_, domain): &(&DomainView, DomainReport)| {
        std::cmp::Reverse((severity(domain), !domain.up))
    };
    domains.sort_by_key(urgency);
    let mut page = String::with_capacity(4096);
    let count = domains.len();
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>anchorwatch</title><style>{STYLE}</style>\
         <header><h1>anchorwatch {}</h1><p>{count} trust domain{}, as of {}. {}</p>\
         <nav><a href=\"/metrics\">metrics</a><a href=\"/api/v1/findings\">findings</a>\
         <a href=\"/api/v1/trust-domains\">trust domains</a>\
         <a href=\"/api/v1/authorities\">authorities</a><a href=\"/api/v1/events\">events</a>\
         <a href=\"/-/ready\">readiness</a></nav></header><main>",
        env!("CARGO_PKG_VERSION"),
        if count == 1 { "" } else { "s" },
        moment(view.at),
        match unready {
            [] => "<span class=\"up\">Ready.</span>".to_owned(),
            why => format!("<span class=\"down\">Not ready: {}</span>", escape(&why.join("; "))),
        },
    );
    for (domain, report) in domains.iter().take(SHOWN) {
        entry(&mut page, domain, report, view.at);
    }
    if let Some(more) = count.checked_sub(SHOWN).filter(|more| 0 < *more) {
        let _ = write!(page, "<p>{more} more are in the API.</p>");
    }
    page.push_str("</main></html>\n");
    page
}

fn severity(domain: &DomainReport) -> Option<Severity> {
    domain.findings.iter().map(|finding| finding.severity).max()
}

/// The class and the word for how a trust domain fares.
fn standing(domain: &DomainReport) -> (&'static str, &'static str) {
    match severity(domain) {
        Some(Severity::Critical) => ("critical", "critical"),
        _ if domain.stopped.is_some() => ("down", "not watched"),
        Some(Severity::Warning) => ("warning", "warning"),
        _ if domain.up => ("up", "watched"),
        _ if domain.last_success.is_some() => ("warning", "last poll failed"),
        _ if domain.last_poll.is_some() => ("down", "never read"),
        _ => ("warning", "not polled yet"),
    }
}

fn entry(page: &mut String, watched: &DomainView, domain: &DomainReport, now: Timestamp) {
    let rotation = RotationReport::new(watched);
    let due = domain::next_due(&rotation).map_or_else(|| "–".to_owned(), moment);
    let (class, standing) = standing(domain);
    let ago = |at: Option<Timestamp>| match at {
        Some(at) => format!("{}, {} ago", moment(at), age(at, now)),
        None => "–".to_owned(),
    };
    let _ = write!(
        page,
        "<article><h2>{} <span class=\"{class}\">{standing}</span></h2><dl>",
        escape(domain.trust_domain.as_str())
    );
    let sequence = domain.sequence.map_or_else(|| "–".to_owned(), |number| number.to_string());
    for (class, name, value) in [
        ("wide", "endpoint", domain.url.clone()),
        ("", "profile", domain.profile.name().label().to_owned()),
        ("", "sequence", sequence),
        ("", "authorities", authorities(domain)),
        ("wide", "last good poll", ago(domain.last_success)),
        ("wide", "last change", ago(domain.changed.map(|changed| changed.until))),
        ("wide", "next authority due by", due),
    ] {
        let value = escape(&value);
        let _ = write!(page, "<div class=\"{class}\"><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>");
    if let Some(stopped) = &domain.stopped {
        let _ = write!(page, "<p class=\"down\">not watched: {}</p>", escape(stopped));
    }
    if let Some(failure) = &domain.failure {
        let (reason, detail) = (failure.reason, escape(&failure.detail));
        let (failures, age) = (domain.failures, age(failure.since, now));
        let polls = if failures == 1 { "poll" } else { "polls" };
        let _ = write!(
            page,
            "<p class=\"down\">{failures} {polls} failed in {age}: {reason}: {detail}</p>"
        );
    }
    domain::findings(page, &domain.findings, domain.dropped);
    domain::rotation(page, watched, &rotation);
    page.push_str("</article>");
}

fn authorities(domain: &DomainReport) -> String {
    let mut text = format!("{} X.509, {} JWT", domain.x509_authorities, domain.jwt_authorities);
    if 0 < domain.wit_authorities {
        let _ = write!(text, ", {} WIT", domain.wit_authorities);
    }
    text
}

/// To the second: the microseconds are the API's.
fn moment(at: Timestamp) -> String {
    Timestamp::from_unix(at.as_unix()).to_string().replace('T', " ")
}

fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).unwrap_or_default().as_secs();
    span(std::time::Duration::from_secs(seconds))
}

/// Foreign text as it may stand in a page.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What is not seen, or turns the direction of writing, is shown.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {
                safe.extend(c.escape_default());
            }
            c if c.is_control() => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn foreign_text_cannot_become_markup() {
        assert_eq!(
            escape("<img src=x onerror='a(\"&\")'>"),
            "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;"
        );
    }
}
