//! What the page says of one trust domain beyond its state: findings, dates, authorities, verdicts.

use std::fmt::Write as _;

use super::{escape, moment};
use crate::finding::Finding;
use crate::time::{Timestamp, Window};
use crate::view::DomainView;
use crate::web::api::{HandOverReport, JudgedReport, LineageReport, RotationReport};

/// How many of each are shown: the API tells all.
const SHOWN: usize = 32;

/// The findings, with evidence and what ends each.
pub(super) fn findings(page: &mut String, findings: &[Finding], dropped: usize) {
    if findings.is_empty() {
        return;
    }
    page.push_str("<ul class=\"findings\">");
    for finding in findings {
        let Finding { id, incident, kind, severity, subject, since, .. } = finding;
        let about = finding.svid_type.map(|svid_type| format!(" {}", svid_type.label()));
        let about = format!("{} {}", about.unwrap_or_default(), escape(subject));
        let _ = write!(
            page,
            "<li><strong class=\"{severity}\">{severity}: {kind}</strong>{about} \
             <span class=\"dim\">since {}, finding <code>{id}</code>, incident \
             <code>{incident}</code></span><ul>",
            moment(*since)
        );
        for line in &finding.evidence {
            let _ = write!(page, "<li>{}</li>", escape(line));
        }
        let _ = write!(page, "</ul><p class=\"dim\">Ends {}.</p></li>", escape(kind.clears()));
    }
    page.push_str("</ul>");
    if 0 < dropped {
        let _ = write!(page, "<p class=\"warning\">{dropped} more findings are not shown.</p>");
    }
}

/// Dates to come, authorities and hand-overs: to be opened by whoever wants them.
pub(super) fn rotation(page: &mut String, domain: &DomainView, rotation: &RotationReport) {
    if domain.state.facts.first_contact.is_none() {
        return;
    }
    page.push_str("<details><summary>rotation and authorities</summary>");
    expectations(page, rotation);
    lineages(page, &rotation.lineages);
    authorities(page, domain);
    handovers(page, &rotation.handovers);
    page.push_str("</details>");
}

fn expectations(page: &mut String, rotation: &RotationReport) {
    let replicas = rotation.replicas;
    let plural = if replicas == 1 { "replica" } else { "replicas" };
    let _ = write!(page, "<p>{replicas} {plural} on time, as far as can be told.");
    for (name, lockout) in [("Soft", rotation.soft_lockout), ("Hard", rotation.hard_lockout)] {
        if let Some(at) = lockout {
            let _ = write!(page, " {name} lockout {}.", moment(at));
        }
    }
    for consumer in &rotation.consumers {
        let (name, delay) = (escape(&consumer.consumer), consumer.delay_seconds);
        let _ = write!(page, " {name} may take {delay} s to hold what is published.");
    }
    page.push_str("</p>");
}

fn table(page: &mut String, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    page.push_str("<div class=\"scroll\"><table><tr>");
    for heading in headings {
        let _ = write!(page, "<th scope=\"col\">{heading}</th>");
    }
    page.push_str("</tr>");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escape(&cell));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></div>");
}

fn window(window: Option<Window>) -> String {
    match window {
        None => "–".to_owned(),
        Some(Window { from, until }) if from == until => moment(from),
        Some(Window { from, until }) => format!("{} to {}", moment(from), moment(until)),
    }
}

fn lineages(page: &mut String, lineages: &[LineageReport]) {
    let rows = lineages.iter().take(SHOWN).map(|line| {
        vec![
            line.lineage.to_string(),
            line.svid_type.label().to_owned(),
            line.newest.map_or_else(|| "none seen yet".to_owned(), |newest| newest.short()),
            window(line.expected),
            line.deadline.map_or_else(|| "–".to_owned(), moment),
            if line.overdue { "overdue" } else { "on time" }.to_owned(),
        ]
    });
    table(page, &["lineage", "use", "newest", "next due", "on time until", "state"], rows);
}

fn authorities(page: &mut String, domain: &DomainView) {
    let rows = domain.state.facts.published().take(SHOWN).map(|record| {
        let judged = JudgedReport::new(record, Some(domain)).unwrap_or_default();
        vec![
            record.id().fingerprint.short(),
            record.id().svid_type.label().to_owned(),
            judged.standing,
            moment(record.published.until),
            window(judged.activation),
            window(judged.retirement),
            window(judged.removal),
        ]
    });
    let headings =
        ["authority", "use", "standing", "published by", "signs from", "signs until", "goes"];
    table(page, &headings, rows);
}

fn handovers(page: &mut String, handovers: &[HandOverReport]) {
    let rows = handovers.iter().rev().take(SHOWN).map(|one| {
        let verdict = match (&one.verdict, &one.law) {
            (Some(verdict), Some(law)) => format!("{verdict} ({law})"),
            (Some(verdict), None) => verdict.clone(),
            (None, _) => "–".to_owned(),
        };
        vec![
            one.old.short(),
            one.new.map_or_else(|| "–".to_owned(), |new| new.short()),
            one.svid_type.label().to_owned(),
            moment(one.removed.until),
            verdict,
            one.slack_seconds.map_or_else(|| "–".to_owned(), |slack| format!("{slack} s")),
            format!("{} s {}", one.ttl_seconds, one.ttl),
        ]
    });
    table(page, &["old", "new", "use", "removed by", "verdict", "slack", "T"], rows);
}

/// Whether anything is late, for the row of a trust domain.
pub(super) fn next_due(rotation: &RotationReport) -> Option<Timestamp> {
    rotation.lineages.iter().filter_map(|line| Some(line.expected?.until)).min()
}
