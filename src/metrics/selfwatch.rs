//! The families over the daemon itself: who watches the watch.

use std::io;

use super::encoder::count;
use super::family::Render;
use super::{DeliveryFacts, Encoder, Family, FamilyKind, Group, Scrape};

const fn push(name: &'static str, kind: FamilyKind, help: &'static str, render: Render) -> Family {
    let labels = &[("alertmanager", "its URL, as configured")];
    Family { name, kind, help, labels, group: Group::Daemon, per_authority: false, render }
}

/// A sample for each Alertmanager.
fn each(scrape: &Scrape<'_>, out: &mut Encoder, of: fn(&DeliveryFacts) -> u64) -> io::Result<()> {
    for one in &scrape.facts.deliveries {
        out.sample(&[("alertmanager", &*one.alertmanager)], count(of(one)))?;
    }
    Ok(())
}

const fn own(name: &'static str, kind: FamilyKind, help: &'static str, render: Render) -> Family {
    Family { name, kind, help, labels: &[], group: Group::Daemon, per_authority: false, render }
}

pub(super) const FAMILIES: &[Family] = &[
    Family {
        labels: &[
            ("version", "of anchorwatch"),
            ("revision", "of its source, where the build knew it"),
            ("rustversion", "the least Rust version that builds it"),
            ("target", "architecture and operating system"),
        ],
        ..own("anchorwatch_build_info", FamilyKind::Info, "What was built.", build_info)
    },
    own(
        "anchorwatch_config_last_reload_successful",
        FamilyKind::Gauge,
        "1 where the last configuration was accepted, 0 where it was refused and the previous one stays in force.",
        |scrape, out| {
            out.sample(&[], if scrape.facts.config_reload_successful { 1.0 } else { 0.0 })
        },
    ),
    own(
        "anchorwatch_config_last_reload_success_timestamp_seconds",
        FamilyKind::Gauge,
        "When a configuration was last accepted.",
        |scrape, out| out.sample(&[], scrape.facts.config_reloaded_at.as_unix_seconds()),
    ),
    own(
        "anchorwatch_config_hash",
        FamilyKind::Gauge,
        "Number made of the configuration: it differs where the configuration does.",
        |scrape, out| out.sample(&[], f64::from(scrape.facts.config_hash)),
    ),
    own(
        "anchorwatch_store_created_timestamp_seconds",
        FamilyKind::Gauge,
        "When the store was created: a new one means a new baseline.",
        |scrape, out| out.sample(&[], scrape.facts.store_created_at.as_unix_seconds()),
    ),
    own(
        "anchorwatch_state_last_persist_success_timestamp_seconds",
        FamilyKind::Gauge,
        "When every event so far was last durable in the store.",
        |scrape, out| match scrape.facts.last_persisted_at {
            Some(at) => out.sample(&[], at.as_unix_seconds()),
            None => Ok(()),
        },
    ),
    own(
        "anchorwatch_state_write_failures_total",
        FamilyKind::Counter,
        "Writes to the store that failed.",
        |scrape, out| out.sample(&[], count(scrape.facts.write_failures)),
    ),
    own(
        "anchorwatch_state_backlog",
        FamilyKind::Gauge,
        "Polls whose events wait in memory because the store cannot be written.",
        |scrape, out| out.sample(&[], count(scrape.facts.backlog)),
    ),
    own(
        "anchorwatch_state_events_lost_total",
        FamilyKind::Counter,
        "Events that were lost because too much waited for a store that cannot be written.",
        |scrape, out| out.sample(&[], count(scrape.facts.events_lost)),
    ),
    own(
        "anchorwatch_store_damaged",
        FamilyKind::Gauge,
        "Known faults of the store: 0 where everything is as it was written.",
        |scrape, out| out.sample(&[], count(scrape.facts.store_faults)),
    ),
    own(
        "anchorwatch_store_verified_timestamp_seconds",
        FamilyKind::Gauge,
        "When a check of the whole store last found everything as it was written.",
        |scrape, out| match scrape.facts.store_verified_at {
            Some(at) => out.sample(&[], at.as_unix_seconds()),
            None => Ok(()),
        },
    ),
    own(
        "anchorwatch_journal_size_bytes",
        FamilyKind::Gauge,
        "The size of the store.",
        |scrape, out| out.sample(&[], count(scrape.facts.journal_size)),
    ),
    own(
        "anchorwatch_journal_entries",
        FamilyKind::Gauge,
        "Entries of the journal.",
        |scrape, out| out.sample(&[], count(scrape.facts.journal_entries)),
    ),
    own(
        "anchorwatch_scheduler_last_tick_timestamp_seconds",
        FamilyKind::Gauge,
        "When the scheduler last ran: it runs every second.",
        |scrape, out| out.sample(&[], scrape.facts.ticked_at.as_unix_seconds()),
    ),
    push(
        "anchorwatch_notifications_total",
        FamilyKind::Counter,
        "Alerts that were pushed, each attempt counted, successful or not.",
        |scrape, out| each(scrape, out, |one| one.sent),
    ),
    push(
        "anchorwatch_notifications_errors_total",
        FamilyKind::Counter,
        "Alerts that an Alertmanager did not accept, each attempt counted.",
        |scrape, out| each(scrape, out, |one| one.failed),
    ),
    push(
        "anchorwatch_notifications_dropped_total",
        FamilyKind::Counter,
        "Alerts that were not pushed because too many were open.",
        |scrape, out| each(scrape, out, |one| one.dropped),
    ),
    push(
        "anchorwatch_notifications_queue_length",
        FamilyKind::Gauge,
        "Alerts that wait to be pushed.",
        |scrape, out| each(scrape, out, |one| one.waiting),
    ),
];

fn build_info(_: &Scrape<'_>, out: &mut Encoder) -> io::Result<()> {
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", option_env!("ANCHORWATCH_REVISION").unwrap_or("unknown")),
        ("rustversion", env!("CARGO_PKG_RUST_VERSION")),
        ("target", target.as_str()),
    ];
    out.sample(&labels, 1.0)
}
