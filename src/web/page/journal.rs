//! Entries of the journal: the list within other pages, and the page of its own.

use super::frame::{Frame, Section};
use super::html::Html;
use super::table::HtmlTable;
use super::words::moment;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::journal::{RecordedEntry, describe};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Event;

/// How many entries one page shows.
pub(in crate::web) const SHOWN: usize = 100;

/// Which entries a page shows.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Wanted {
    /// Of this trust domain.
    pub(in crate::web) trust_domain: Option<TrustDomain>,
    /// Of this kind: one of [`Event::NAMES`].
    pub(in crate::web) kind: Option<&'static str>,
    /// About this authority.
    pub(in crate::web) authority: Option<Fingerprint>,
    /// Before the entry with this number.
    pub(in crate::web) before: Option<u64>,
}

/// The page; the entries come as the store gives them, the newest last.
pub(in crate::web) fn events(
    frame: &Frame<'_>,
    wanted: &Wanted,
    events: &Result<Vec<RecordedEntry>, String>,
) -> String {
    let mut html = Html::default();
    html.raw("<h1>Events</h1>");
    chosen(&mut html, wanted);
    filters(&mut html, wanted);
    html.add(&listed(events, EntriesOf::AllTrustDomains));
    html.raw("<nav class=\"pages\" aria-label=\"More events\"><p>");
    if wanted.before.is_some() {
        link(&mut html, &Wanted { before: None, ..wanted.clone() }, "Newest");
        html.raw(" ");
    }
    let shown = events.as_deref().unwrap_or_default();
    if let Some(oldest) = shown.first().filter(|_| SHOWN <= shown.len()) {
        link(&mut html, &Wanted { before: Some(oldest.number), ..wanted.clone() }, "Older");
    }
    html.raw("</p></nav>");
    frame.page("Events", Section::Events, None, &html)
}

/// What the list is narrowed to.
fn chosen(html: &mut Html, wanted: &Wanted) {
    let Wanted { trust_domain, kind, authority, .. } = wanted;
    if trust_domain.is_none() && kind.is_none() && authority.is_none() {
        html.raw("<p class=\"dim\">All that was recorded, the newest first. ");
        html.raw("What is here is durable, and chained by digests.</p>");
        return;
    }
    html.raw("<p>Only");
    if let Some(name) = trust_domain {
        html.raw(" of <a href=\"/trust-domain/").text(name).raw("\">").text(name).raw("</a>");
    }
    if let Some(kind) = kind {
        html.raw(" of the kind <code>").raw(kind).raw("</code>");
    }
    if let Some(authority) = authority {
        html.raw(" about <code>").text(authority).raw("</code>");
    }
    html.raw(". <a href=\"/events\">Show all</a></p>");
}

fn filters(html: &mut Html, wanted: &Wanted) {
    html.raw("<details><summary>Only one kind</summary><ul class=\"choices\">");
    for kind in Event::NAMES {
        html.raw("<li>");
        link(html, &Wanted { kind: Some(kind), before: None, ..wanted.clone() }, kind);
        html.raw("</li>");
    }
    html.raw("</ul></details>");
}

/// A link to the entries that are wanted. All that goes into it is safe in a query as it is: names
/// of trust domains, digests, numbers, and names of kinds.
fn link(html: &mut Html, wanted: &Wanted, text: &'static str) {
    let Wanted { trust_domain, kind, authority, before } = wanted;
    let mut query = Vec::new();
    query.extend(trust_domain.as_ref().map(|name| format!("trust_domain={name}")));
    query.extend(kind.map(|kind| format!("kind={kind}")));
    query.extend(authority.map(|authority| format!("authority={authority}")));
    query.extend(before.map(|number| format!("before={number}")));
    html.raw("<a href=\"/events");
    if !query.is_empty() {
        html.raw("?").text(query.join("&"));
    }
    html.raw("\">").raw(text).raw("</a>");
}

/// Of what the entries of a table are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EntriesOf {
    /// Each row names its trust domain.
    AllTrustDomains,
    /// The page says which.
    OneTrustDomain,
}

/// The entries as a table, the newest first.
pub(super) fn listed(events: &Result<Vec<RecordedEntry>, String>, of: EntriesOf) -> Html {
    let mut html = Html::default();
    let events = match events {
        Ok(events) => events,
        Err(why) => {
            html.raw("<p class=\"notice warning\">").text(why).raw("</p>");
            return html;
        }
    };
    let columns: &[&str] = match of {
        EntriesOf::AllTrustDomains => &["number", "at", "trust domain", "what happened"],
        EntriesOf::OneTrustDomain => &["number", "at", "what happened"],
    };
    let mut table = HtmlTable::new("Events, the newest first", columns);
    for RecordedEntry { number, entry, .. } in events.iter().rev() {
        let what = Html::of(describe(&entry.event));
        let (number, at) = (Html::of(number), moment(entry.at));
        if of == EntriesOf::AllTrustDomains {
            let mut name = Html::default();
            name.raw("<a href=\"/trust-domain/").text(&entry.trust_domain).raw("\">");
            name.text(&entry.trust_domain).raw("</a>");
            table.row(&[number, at, name, what]);
        } else {
            table.row(&[number, at, what]);
        }
    }
    let table = table.into_html();
    if table.is_empty() {
        html.raw("<p>Nothing is recorded.</p>");
    }
    html.raw("<div class=\"log\">").add(&table).raw("</div>");
    html
}
