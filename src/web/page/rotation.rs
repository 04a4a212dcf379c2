//! Dates to come, and hand-overs that finished.

use super::html::Html;
use super::particulars::Particulars;
use super::table::HtmlTable;
use super::words::{NOTHING, badge, bracket, maybe, maybe_stretch, near, words};
use crate::web::api::{HandOverReport, LineageReport, RotationReport};
use anchorwatch_core::time::{Timestamp, span};

/// How many hand-overs are listed, the newest first.
const SHOWN: usize = 20;

/// What is to be said of a trust domain's rotation.
pub(super) fn section(rotation: &RotationReport, now: Timestamp) -> Html {
    let mut html = Html::default();
    let mut particulars = Particulars::new();
    particulars.say("replicas on time", rotation.replicas);
    particulars.add("soft lockout", &near(rotation.soft_lockout, now));
    particulars.add("hard lockout", &near(rotation.hard_lockout, now));
    for consumer in &rotation.consumers {
        let delay = span(std::time::Duration::from_secs(consumer.delay_seconds));
        particulars
            .say("consumer", format_args!("{}: {delay} to hold a change", consumer.consumer));
    }
    html.add(&particulars.into_html());
    html.raw("<h3>Dates to come</h3>").add(&lineages(&rotation.lineages));
    html.raw("<h3>Hand-overs</h3>").add(&handovers(&rotation.handovers));
    html
}

fn lineages(lineages: &[LineageReport]) -> Html {
    const HEADINGS: &[&str] = &["lineage", "use", "newest", "next due", "on time until", "state"];
    let mut table = HtmlTable::new("The chains of the issuer's replicas", HEADINGS);
    for line in lineages {
        let newest = line.newest.map_or_else(|| "none seen yet".to_owned(), |one| one.short());
        table.row(&[
            Html::of(line.lineage),
            Html::of(line.svid_type.label()),
            Html::of(newest),
            Html::of(maybe_stretch(line.expected)),
            maybe(line.deadline),
            if line.overdue { badge("warning", "overdue") } else { badge("good", "on time") },
        ]);
    }
    or_say(table, "No lineage is known: nothing says when the next authority is due.")
}

fn handovers(handovers: &[HandOverReport]) -> Html {
    const HEADINGS: &[&str] =
        &["removed", "use", "old", "new", "verdict", "slack", "tokens killed", "T"];
    let mut table = HtmlTable::new("Hand-overs that finished, the newest first", HEADINGS);
    for one in handovers.iter().rev().take(SHOWN) {
        table.row(&[
            Html::of(bracket(one.removed)),
            Html::of(one.svid_type.label()),
            Html::of(one.old.short()),
            Html::of(one.new.map_or_else(|| NOTHING.to_owned(), |new| new.short())),
            verdict(one),
            Html::of(one.slack_seconds.map_or_else(|| NOTHING.to_owned(), |s| format!("{s} s"))),
            Html::of(share(one.in_flight)),
            Html::of(format_args!("{} s, {}", one.ttl_seconds, one.ttl)),
        ]);
    }
    or_say(table, "No authority was removed yet.")
}

fn verdict(one: &HandOverReport) -> Html {
    let mut html = match one.verdict.as_deref() {
        Some("safe") => badge("good", "safe"),
        Some("violated") => badge("warning", "violated"),
        Some(other) => badge("info", other),
        None => return Html::of("nothing followed"),
    };
    if let Some(law) = &one.law {
        html.raw(" ").text(words(law));
    }
    html
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

fn or_say(table: HtmlTable, otherwise: &'static str) -> Html {
    let mut html = table.into_html();
    if html.is_empty() {
        html.raw("<p class=\"dim\">").raw(otherwise).raw("</p>");
    }
    html
}
