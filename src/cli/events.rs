//! `anchorwatch events`: the journal.

use clap::Args;

use super::authorities::whole;
use super::output::{Output, chain, complain, print, print_json, table};
use super::source::{self, StateSource, quoted};
use super::{Exit, Global, runtime};
use crate::store::EventQuery;
use crate::web::{AdminClient, ClientError};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::journal::{RecordedEntry, describe};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::Event;

/// List what happened.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anchorwatch events --trust-domain domain-b.example
  anchorwatch events --kind authority_introduced --since 2026-12-01T00:00:00Z --output json")]
pub(super) struct Arguments {
    /// Show only events of this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Show only events of this kind, as `authority_introduced`.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Box<str>>,
    /// Show only events about the authority with this fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    authority: Option<Fingerprint>,
    /// Show only events at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Show only events before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Number of events to show, newest first, at most 10,000.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn kind(text: &str) -> Result<Box<str>, String> {
    if Event::NAMES.contains(&text) {
        return Ok(text.into());
    }
    Err(format!("the kinds are {}", Event::NAMES.join(", ")))
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        let entries = match source::find(&config).await {
            StateSource::Daemon(client) => {
                asked(&client, arguments).await.map_err(|why| source::unanswered(&why))
            }
            StateSource::Store(path) => source::open(&path).and_then(|store| {
                store.events(&query(arguments)).map_err(|why| {
                    complain(&chain(&why));
                    Exit::CannotLook
                })
            }),
        };
        match entries {
            Ok(entries) => {
                show(&entries, arguments.output);
                Exit::Ok
            }
            Err(exit) => exit,
        }
    })
}

/// The latest entries that a daemon has, the newest last. An answer may end early where its entries
/// are long, so it is asked until there are as many as are wanted, or no more.
async fn asked(
    client: &AdminClient,
    arguments: &Arguments,
) -> Result<Vec<RecordedEntry>, ClientError> {
    let most = arguments.limit.min(EventQuery::MOST);
    let mut entries: Vec<RecordedEntry> = Vec::new();
    while entries.len() < most {
        let before = entries.first().map(|oldest| oldest.number);
        let target = target(arguments, most.saturating_sub(entries.len()), before);
        let mut older: Vec<RecordedEntry> = client.get(&target).await?;
        if older.is_empty() {
            break;
        }
        older.append(&mut entries);
        entries = older;
    }
    Ok(entries)
}

fn target(arguments: &Arguments, limit: usize, before: Option<u64>) -> String {
    let Arguments { trust_domain, kind, authority, since, until, limit: _, output: _ } = arguments;
    let mut target = format!("/api/v1/events?limit={limit}");
    let parameters = [
        ("before", before.map(|number| number.to_string())),
        ("trust_domain", trust_domain.as_ref().map(ToString::to_string)),
        ("kind", kind.as_ref().map(ToString::to_string)),
        ("authority", authority.as_ref().map(ToString::to_string)),
        ("since", since.as_ref().map(ToString::to_string)),
        ("until", until.as_ref().map(ToString::to_string)),
    ];
    for (name, value) in parameters {
        if let Some(value) = value {
            target.extend(["&", name, "=", &quoted(&value)]);
        }
    }
    target
}

fn query(arguments: &Arguments) -> EventQuery {
    EventQuery {
        trust_domain: arguments.trust_domain.clone(),
        since: arguments.since,
        until: arguments.until,
        kind: arguments.kind.clone(),
        authority: arguments.authority,
        after: None,
        before: None,
        limit: arguments.limit,
    }
}

pub(super) fn show(entries: &[RecordedEntry], output: Output) {
    if output == Output::Json {
        return print_json(&entries);
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|recorded| {
            [
                recorded.number.to_string(),
                whole(recorded.entry.at),
                recorded.entry.trust_domain.to_string(),
                describe(&recorded.entry.event),
            ]
        })
        .collect();
    print(&table(["NUMBER", "AT", "TRUST DOMAIN", "WHAT HAPPENED"], &rows));
}
