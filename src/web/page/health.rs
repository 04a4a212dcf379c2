//! How the source of a trust domain's bundle fares.

use std::fmt::Display;

use maud::{Markup, html};

use super::particulars::Particulars;
use super::words::{NOTHING, near};
use anchorwatch_core::bundle::StatedNumber;
use anchorwatch_core::spiffe::EndpointProfile;
use anchorwatch_core::time::{Timestamp, span};
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::FailureReason;

/// Endpoint, polls, document.
pub(super) fn section(domain: &DomainView, now: Timestamp) -> Markup {
    let mut particulars = Particulars::new();
    endpoint(&mut particulars, domain, now);
    document(&mut particulars, domain, now);
    let found = &domain.state.facts.document;
    let refusals = found.refusals.iter().map(|one| format!("{}: {}", one.consumer, one.why));
    html! {
        (particulars.list())
        (failures(domain))
        (list("Departures from the standard", found.irregularities.iter()))
        (list("Consumers that would refuse the document", refusals))
    }
}

fn endpoint(particulars: &mut Particulars, domain: &DomainView, now: Timestamp) {
    let (endpoint, poll_state) = (&domain.endpoint, &domain.state.poll_state);
    particulars.say("endpoint", &endpoint.url).say("profile", endpoint.profile.name().label());
    if let EndpointProfile::HttpsSpiffe { endpoint_spiffe_id } = &endpoint.profile {
        particulars.say("proves itself as", endpoint_spiffe_id);
    }
    if let Some(address) = poll_state.address {
        particulars.say("address", address);
    }
    if let Some(stale) = &domain.counts.stale_addresses {
        let looked_up_at = stale.looked_up_at;
        particulars.say("addresses", format_args!("looked up at {looked_up_at}: {}", stale.why));
    }
    if let Some(not_after) = poll_state.tls_not_after {
        particulars.add("its certificate ends", near(Some(not_after), now));
    }
    particulars.add("last good poll", near(poll_state.last_success, now));
    particulars.add("last poll", near(poll_state.last_poll, now));
    particulars.say("interval", span(poll_state.interval));
    particulars.say("polls since the start", domain.counts.polls);
    particulars.say("failed in a row", poll_state.failures);
    particulars.say("policy", domain.policy.judgement.label());
}

fn document(particulars: &mut Particulars, domain: &DomainView, now: Timestamp) {
    let facts = &domain.state.facts;
    let Some(confirmed) = &facts.bundle.confirmed else { return };
    let stated = |stated: &StatedNumber, unit: &str| {
        stated.given().map_or_else(|| NOTHING.to_owned(), |number| format!("{number}{unit}"))
    };
    particulars.say("sequence", stated(&confirmed.sequence, ""));
    particulars.say("refresh hint", stated(&confirmed.refresh_hint, " s"));
    particulars.add("last change", near(Some(confirmed.since.until), now));
    particulars.say("length", format_args!("{} bytes", domain.state.poll_state.length));
    particulars.code("key set", confirmed.content);
}

/// Failed polls since the start, by reason.
fn failures(domain: &DomainView) -> Markup {
    let counted = FailureReason::ALL.iter().zip(domain.counts.failures);
    let some = counted.filter(|(_, count)| 0 < *count);
    let words = some.map(|(reason, count)| format!("{reason}: {count}"));
    list("Failed polls since the start", words)
}

fn list(heading: &str, items: impl Iterator<Item = impl Display>) -> Markup {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Markup::default();
    }
    html! {
        h3 { (heading) }
        ul {
            @for item in items {
                li { (item) }
            }
        }
    }
}
