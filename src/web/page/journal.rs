//! Entries of the journal: the list within other pages, and the page of its own.

use maud::{Markup, html};

use super::elements::domain_link;
use super::frame::{Frame, Section};
use super::table::table;
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
    let Wanted { before, .. } = *wanted;
    let shown = events.as_deref().unwrap_or_default();
    let oldest = shown.first().filter(|_| SHOWN <= shown.len());
    let main = html! {
        h1 { "Events" }
        (chosen(wanted))
        (filters(wanted))
        (listed(events, EntriesOf::AllTrustDomains))
        nav.pages aria-label="More events" {
            p {
                @if before.is_some() {
                    (link(&Wanted { before: None, ..wanted.clone() }, "Newest")) " "
                }
                @if let Some(oldest) = oldest {
                    (link(&Wanted { before: Some(oldest.number), ..wanted.clone() }, "Older"))
                }
            }
        }
    };
    frame.page("Events", Section::Events, None, &main)
}

/// What the list is narrowed to.
fn chosen(wanted: &Wanted) -> Markup {
    let Wanted { trust_domain, kind, authority, .. } = wanted;
    if trust_domain.is_none() && kind.is_none() && authority.is_none() {
        return html! {
            p.dim {
                "All that was recorded, the newest first. "
                "What is here is durable, and chained by digests."
            }
        };
    }
    html! {
        p {
            "Only"
            @if let Some(name) = trust_domain { " of " (domain_link(name)) }
            @if let Some(kind) = kind { " of the kind " code { (kind) } }
            @if let Some(authority) = authority { " about " code { (authority) } }
            ". " a href="/events" { "Show all" }
        }
    }
}

fn filters(wanted: &Wanted) -> Markup {
    html! {
        details {
            summary { "Only one kind" }
            ul.choices {
                @for kind in Event::NAMES {
                    @let of_kind = Wanted { kind: Some(kind), before: None, ..wanted.clone() };
                    li { (link(&of_kind, kind)) }
                }
            }
        }
    }
}

/// A link to the entries that are wanted. All that goes into it is safe in a query as it is: names
/// of trust domains, digests, numbers, and names of kinds.
fn link(wanted: &Wanted, text: &str) -> Markup {
    let Wanted { trust_domain, kind, authority, before } = wanted;
    let mut query = Vec::new();
    query.extend(trust_domain.as_ref().map(|name| format!("trust_domain={name}")));
    query.extend(kind.map(|kind| format!("kind={kind}")));
    query.extend(authority.map(|authority| format!("authority={authority}")));
    query.extend(before.map(|number| format!("before={number}")));
    let mark = if query.is_empty() { "" } else { "?" };
    html! { a href={ "/events" (mark) (query.join("&")) } { (text) } }
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
pub(super) fn listed(events: &Result<Vec<RecordedEntry>, String>, of: EntriesOf) -> Markup {
    const CAPTION: &str = "Events, the newest first";
    let events = match events {
        Ok(events) if events.is_empty() => return html! { p { "Nothing is recorded." } },
        Ok(events) => events.iter().rev(),
        Err(why) => return html! { p.notice.warning { (why) } },
    };
    let number = |one: &RecordedEntry| html! { (one.number) };
    let what = |one: &RecordedEntry| html! { (describe(&one.entry.event)) };
    let at = |one: &RecordedEntry| moment(one.entry.at);
    let table = match of {
        EntriesOf::AllTrustDomains => {
            let name = |one: &RecordedEntry| domain_link(&one.entry.trust_domain);
            let rows: Vec<_> =
                events.map(|one| [number(one), at(one), name(one), what(one)]).collect();
            table(CAPTION, ["number", "at", "trust domain", "what happened"], &rows)
        }
        EntriesOf::OneTrustDomain => {
            let rows: Vec<_> = events.map(|one| [number(one), at(one), what(one)]).collect();
            table(CAPTION, ["number", "at", "what happened"], &rows)
        }
    };
    html! { div.log { (table) } }
}
