//! Dates to come, and hand-overs that finished.

use maud::{Markup, html};

use super::elements::badge;
use super::particulars::Particulars;
use super::table::table;
use super::words::{NOTHING, bracket, maybe, maybe_stretch, near, words};
use crate::web::api::{HandOverReport, LineageReport, RotationReport};
use anchorwatch_core::time::{Timestamp, span};

/// How many hand-overs are listed, the newest first.
const SHOWN: usize = 20;

/// What is to be said of a trust domain's rotation.
pub(super) fn section(rotation: &RotationReport, now: Timestamp) -> Markup {
    let mut particulars = Particulars::new();
    particulars.say("replicas on time", rotation.replicas);
    particulars.add("soft lockout", near(rotation.soft_lockout, now));
    particulars.add("hard lockout", near(rotation.hard_lockout, now));
    for consumer in &rotation.consumers {
        let delay = span(std::time::Duration::from_secs(consumer.delay_seconds));
        particulars
            .say("consumer", format_args!("{}: {delay} to hold a change", consumer.consumer));
    }
    html! {
        (particulars.list())
        h3 { "Dates to come" }
        (lineages(&rotation.lineages))
        h3 { "Hand-overs" }
        (handovers(&rotation.handovers))
    }
}

fn lineages(lineages: &[LineageReport]) -> Markup {
    const HEADINGS: [&str; 6] = ["lineage", "use", "newest", "next due", "on time until", "state"];
    if lineages.is_empty() {
        return html! {
            p.dim { "No lineage is known: nothing says when the next authority is due." }
        };
    }
    let row = |line: &LineageReport| {
        let newest = line.newest.map_or_else(|| "none seen yet".to_owned(), |one| one.short());
        [
            html! { (line.lineage) },
            html! { (line.svid_type.label()) },
            html! { (newest) },
            html! { (maybe_stretch(line.expected)) },
            maybe(line.deadline),
            if line.overdue { badge("warning", "overdue") } else { badge("good", "on time") },
        ]
    };
    let rows: Vec<_> = lineages.iter().map(row).collect();
    table("The chains of the issuer's replicas", HEADINGS, &rows)
}

fn handovers(handovers: &[HandOverReport]) -> Markup {
    const HEADINGS: [&str; 8] =
        ["removed", "use", "old", "new", "verdict", "slack", "tokens killed", "T"];
    if handovers.is_empty() {
        return html! { p.dim { "No authority was removed yet." } };
    }
    let row = |one: &HandOverReport| {
        let new = one.new.map_or_else(|| NOTHING.to_owned(), |new| new.short());
        let slack = one.shown_slack().unwrap_or_else(|| NOTHING.to_owned());
        [
            html! { (bracket(one.removed)) },
            html! { (one.svid_type.label()) },
            html! { (one.old.short()) },
            html! { (new) },
            verdict(one),
            html! { (slack) },
            html! { (share(one.in_flight)) },
            html! { (one.ttl_seconds) " s, " (one.ttl) },
        ]
    };
    let rows: Vec<_> = handovers.iter().rev().take(SHOWN).map(row).collect();
    table("Hand-overs that finished, the newest first", HEADINGS, &rows)
}

fn verdict(one: &HandOverReport) -> Markup {
    let verdict = match one.verdict.as_deref() {
        Some("safe") => badge("good", "safe"),
        Some("violated") => badge("warning", "violated"),
        Some(other) => badge("info", other),
        None => return html! { "nothing followed" },
    };
    html! {
        (verdict)
        @if let Some(law) = &one.law { " " (words(law)) }
    }
}

/// The least and the greatest share of live tokens that died with it.
fn share([least, most]: [f64; 2]) -> String {
    let (least, most) = (100.0 * least, 100.0 * most);
    if least <= 0.0 && 100.0 <= most {
        return "not known".to_owned();
    }
    if (most - least).abs() < 0.5 {
        return format!("{most:.0} %");
    }
    format!("{least:.0} to {most:.0} %")
}
