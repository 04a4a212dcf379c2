//! The families over the endpoints.

use std::io;
use std::sync::Arc;

use super::encoder::count;
use super::family::{Label, Render, SOURCE, TRUST_DOMAIN};
use super::{Encoder, Family, FamilyKind, Group, Scrape};
use anchorwatch_core::judge::Lockout;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::FailureReason;

const LABELS: &[Label] = &[TRUST_DOMAIN, SOURCE];

const fn source(
    name: &'static str,
    kind: FamilyKind,
    help: &'static str,
    render: Render,
) -> Family {
    Family { name, kind, help, labels: LABELS, group: Group::Sources, per_authority: false, render }
}

pub(super) const FAMILIES: &[Family] = &[
    source(
        "anchorwatch_source_up",
        FamilyKind::Gauge,
        "1 where the last poll gave an authenticated bundle, else 0.",
        up,
    ),
    source("anchorwatch_source_polls_total", FamilyKind::Counter, "Polls made.", polls),
    Family {
        labels: &[TRUST_DOMAIN, SOURCE, ("reason", "why the poll gave no bundle")],
        ..source(
            "anchorwatch_source_poll_failures_total",
            FamilyKind::Counter,
            "Polls that gave no bundle.",
            failures,
        )
    },
    source(
        "anchorwatch_source_last_poll_timestamp_seconds",
        FamilyKind::Gauge,
        "The last poll, successful or not; absent before the first.",
        last_poll,
    ),
    source(
        "anchorwatch_source_last_success_timestamp_seconds",
        FamilyKind::Gauge,
        "The last poll that gave an authenticated bundle; it survives a restart.",
        last_success,
    ),
    source(
        "anchorwatch_source_poll_interval_seconds",
        FamilyKind::Gauge,
        "The interval at which the endpoint is polled, without jitter.",
        interval,
    ),
    source(
        "anchorwatch_source_refresh_hint_seconds",
        FamilyKind::Gauge,
        "The refresh hint of the newest bundle; absent where it states none.",
        hint,
    ),
    source(
        "anchorwatch_source_in_sync",
        FamilyKind::Gauge,
        "0 while an answer steps back or addresses of the name have differed since the last change.",
        in_sync,
    ),
    source(
        "anchorwatch_source_stale_addresses",
        FamilyKind::Gauge,
        "1 while polls use addresses of an earlier name look-up, since the look-up is slow or \
         fails, else 0.",
        |scrape, out| {
            each(scrape, |domain, labels| {
                let stale = domain.counts.stale_addresses.is_some();
                out.sample(&labels, if stale { 1.0 } else { 0.0 })
            })
        },
    ),
    source(
        "anchorwatch_source_lockout_timestamp_seconds",
        FamilyKind::Gauge,
        "Under https_spiffe the last moment at which the endpoint can be authenticated by the \
         stored authorities: the latest notAfter among those that are explained.",
        |scrape, out| lockout(scrape, out, |lockout| lockout.hard),
    ),
    source(
        "anchorwatch_source_lockout_soft_timestamp_seconds",
        FamilyKind::Gauge,
        "Under https_spiffe the earliest moment at which the endpoint may be authenticated only by \
         an authority that a consumer which stops polling now does not have.",
        |scrape, out| lockout(scrape, out, |lockout| lockout.soft),
    ),
    source(
        "anchorwatch_source_tls_not_after_timestamp_seconds",
        FamilyKind::Gauge,
        "Until when the certificate is valid that the endpoint presented last.",
        tls_not_after,
    ),
];

/// Writes for each trust domain what `write` makes of it; its labels are given.
pub(super) fn each(
    scrape: &Scrape<'_>,
    mut write: impl FnMut(&DomainView, [(&str, &str); 2]) -> io::Result<()>,
) -> io::Result<()> {
    let mut source = String::new();
    for domain in scrape.domains() {
        let url = &domain.endpoint.url;
        source.clear();
        source.push_str(url.authority_host());
        source.push(':');
        source.push_str(itoa::Buffer::new().format(url.port()));
        let name = domain.endpoint.trust_domain.as_str();
        write(domain, [("trust_domain", name), ("source", &source)])?;
    }
    Ok(())
}

fn up(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| {
        let poll_state = &domain.state.poll_state;
        let up = poll_state.failures == 0
            && poll_state.last_success.is_some()
            && domain.stopped.is_none();
        out.sample(&labels, if up { 1.0 } else { 0.0 })
    })
}

fn polls(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| out.sample(&labels, count(domain.counts.polls)))
}

fn failures(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, [name, source]| {
        for (reason, failures) in FailureReason::ALL.iter().zip(domain.counts.failures) {
            out.sample(&[name, source, ("reason", reason.label())], count(failures))?;
        }
        Ok(())
    })
}

fn moment(out: &mut Encoder, labels: [(&str, &str); 2], at: Option<Timestamp>) -> io::Result<()> {
    match at {
        Some(at) => out.sample(&labels, at.as_unix_seconds()),
        None => Ok(()),
    }
}

fn last_poll(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| moment(out, labels, domain.state.poll_state.last_poll))
}

fn last_success(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| moment(out, labels, domain.state.poll_state.last_success))
}

fn interval(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| {
        let facts = &domain.state.facts;
        let hint = facts.bundle.confirmed.as_ref().map(|confirmed| confirmed.refresh_hint.clone());
        let interval = anchorwatch_core::watch::interval(&hint.unwrap_or_default(), &domain.policy);
        out.sample(&labels, interval.as_secs_f64())
    })
}

fn hint(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| {
        let confirmed = domain.state.facts.bundle.confirmed.as_ref();
        match confirmed.and_then(|confirmed| confirmed.refresh_hint.given()) {
            Some(hint) => out.sample(&labels, count(hint)),
            None => Ok(()),
        }
    })
}

fn in_sync(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| {
        let alone = domain.state.facts.bundle.address_views.is_empty();
        let in_sync = alone && domain.state.poll_state.pending.is_none();
        out.sample(&labels, if in_sync { 1.0 } else { 0.0 })
    })
}

fn lockout(
    scrape: &Scrape<'_>,
    out: &mut Encoder,
    which: impl Fn(Lockout) -> Option<Timestamp>,
) -> io::Result<()> {
    each(scrape, |domain, labels| {
        // Federation, 5.2.2.4: the bundle of the endpoint ID's own trust domain authenticates.
        let server: Option<&Arc<DomainView>> =
            domain.endpoint.served_by().and_then(|server| scrape.domain(server));
        let Some(server) = server else { return Ok(()) };
        moment(out, labels, which(server.case().lockout()))
    })
}

fn tls_not_after(scrape: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    each(scrape, |domain, labels| moment(out, labels, domain.state.poll_state.tls_not_after))
}
