//! `anchorwatch events`: the journal.

use clap::Args;

use super::authorities::whole;
use super::output::{Output, chain, complain, print, print_json, table};
use super::source::{self, Source, quoted};
use super::{Exit, Global, runtime};
use crate::bundle::Fingerprint;
use crate::journal::{Recorded, describe};
use crate::spiffe::TrustDomain;
use crate::store::EventQuery;
use crate::time::Timestamp;
use crate::watch::Event;

/// List what happened.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  anchorwatch events --trust-domain domain-b.example
  anchorwatch events --kind authority_introduced --since 2026-12-01T00:00:00Z --output json")]
pub(super) struct Arguments {
    /// Only of this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Only of this kind.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Box<str>>,
    /// Only about the authority with this fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    authority: Option<Fingerprint>,
    /// Only at this moment or later, in RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only before this moment, in RFC 3339.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// The latest so many, at most 10,000.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    /// How they are printed.
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
            Source::Daemon(client) => client
                .get::<Vec<Recorded>>(&target(arguments))
                .await
                .map_err(|why| source::unanswered(&why)),
            Source::Store(path) => source::open(&path).and_then(|store| {
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

fn target(arguments: &Arguments) -> String {
    let Arguments { trust_domain, kind, authority, since, until, limit, output: _ } = arguments;
    let mut target = format!("/api/v1/events?limit={limit}");
    let parameters = [
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

pub(super) fn show(entries: &[Recorded], output: Output) {
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
