//! `anchorwatch authorities`: every key that is published, and those that were.

use std::collections::BTreeMap;

use clap::Args;

use super::output::{Output, print, print_json, table};
use super::source::{self, StateSource, quoted};
use super::{Exit, Global, runtime};
use crate::config::Config;
use crate::daemon::SystemClock;
use crate::store::{AuthorityQuery, StoreReader};
use crate::web::api::{AuthorityReport, Cursor};
use crate::web::{AdminClient, ClientError};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::journal::AuthorityEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Clock as _, Timestamp};
use anchorwatch_core::view::DomainView;

/// How many authorities one question asks for: as many as the API gives at most.
const PAGE: usize = 10_000;

/// How much of a key ID is shown, in bytes: all of SPIRE's.
const KEY_ID: usize = 34;

/// List the authorities that are published, and those that were.
#[derive(Args, Debug)]
#[command(after_help = "\
Times are the polls that showed it: published between the two, or at any time before the first.

Examples:
  anchorwatch authorities
  anchorwatch authorities --trust-domain domain-b.example --published --output json")]
pub(super) struct Arguments {
    /// Show only authorities of this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Show only authorities of this use: x509-svid, jwt-svid or wit-svid.
    #[arg(long = "use", value_name = "USE", value_parser = svid_type)]
    svid_type: Option<SvidType>,
    /// Show only authorities that are published now.
    #[arg(long)]
    published: bool,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn svid_type(text: &str) -> Result<SvidType, String> {
    SvidType::from_label(text).ok_or_else(|| "x509-svid, jwt-svid or wit-svid is wanted".to_owned())
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        let reports = match source::find(&config).await {
            StateSource::Daemon(client) => {
                let all = asked(&client, arguments.trust_domain.as_ref()).await;
                all.map_err(|why| source::unanswered(&why))
            }
            StateSource::Store(path) => stored(&config, &path, arguments.trust_domain.clone()),
        };
        match reports {
            Ok(reports) => {
                show(reports, arguments);
                Exit::Ok
            }
            Err(exit) => exit,
        }
    })
}

/// All authorities that a daemon knows, page by page.
pub(super) async fn asked(
    client: &AdminClient,
    trust_domain: Option<&TrustDomain>,
) -> Result<Vec<AuthorityReport>, ClientError> {
    let of = trust_domain.map(|name| format!("&trust_domain={}", quoted(name.as_str())));
    let first = format!("/api/v1/authorities?limit={PAGE}{}", of.unwrap_or_default());
    let mut reports: Vec<AuthorityReport> = client.get(&first).await?;
    // An answer may end early where its entries are long, so an empty one is the end.
    let mut is_last = reports.is_empty();
    while !is_last && let Some(last) = reports.last() {
        let target = format!("{first}&after={}", Cursor::of(last));
        let next: Vec<AuthorityReport> = client.get(&target).await?;
        is_last = next.is_empty();
        reports.extend(next);
    }
    Ok(reports)
}

fn stored(
    config: &Config,
    path: &std::path::Path,
    trust_domain: Option<TrustDomain>,
) -> Result<Vec<AuthorityReport>, Exit> {
    let store = source::open(path)?;
    let query = AuthorityQuery { trust_domain, ..AuthorityQuery::default() };
    let entries = store.authorities(&query).map_err(|why| {
        super::output::complain(&super::output::chain(&why));
        Exit::CannotLook
    })?;
    Ok(reported(config, &store, entries))
}

/// What the store knows of authorities, with what is made of those that the facts hold.
pub(super) fn reported(
    config: &Config,
    store: &StoreReader,
    entries: Vec<AuthorityEntry>,
) -> Vec<AuthorityReport> {
    let now = SystemClock.now();
    let mut domains: BTreeMap<TrustDomain, Option<DomainView>> = BTreeMap::new();
    let mut reports = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let name = entry.trust_domain.clone();
        if !domains.contains_key(&name) {
            let relationship = config.relationship(&name);
            let domain = relationship.map(|one| source::pictured(store, one, now));
            domains.insert(name.clone(), domain);
        }
        let domain = domains.get(&name).and_then(Option::as_ref);
        let known = domain.and_then(|domain| domain.state.facts.record(entry.record.id()));
        if let Some(record) = known {
            entry.record = record.clone();
        }
        reports.push(AuthorityReport::new(&entry, now, domain));
    }
    reports
}

fn show(mut reports: Vec<AuthorityReport>, arguments: &Arguments) {
    reports.retain(|report| {
        arguments.svid_type.is_none_or(|wanted| wanted == report.svid_type)
            && !(arguments.published && report.removed.is_some())
    });
    if arguments.output == Output::Json {
        return print_json(&reports);
    }
    let rows: Vec<_> = reports
        .iter()
        .map(|report| {
            let until = report.removed.map_or_else(
                || {
                    report
                        .certificate
                        .as_ref()
                        .map(|c| format!("valid until {}", whole(c.not_after)))
                },
                |removed| Some(format!("removed by {}", whole(removed.until))),
            );
            [
                report.trust_domain.to_string(),
                report.svid_type.label().to_owned(),
                report.fingerprint.short(),
                report.key_type.to_string(),
                report.state.clone(),
                report.judged.as_ref().map(|judged| judged.standing.clone()).unwrap_or_default(),
                whole(report.published.until),
                until.unwrap_or_default(),
                report.kid.as_ref().map(|kid| kid.shortened(KEY_ID)).unwrap_or_default(),
            ]
        })
        .collect();
    let headings = [
        "TRUST DOMAIN",
        "USE",
        "FINGERPRINT",
        "KEY",
        "STATE",
        "STANDING",
        "PUBLISHED BY",
        "UNTIL",
        "KID",
    ];
    print(&table(headings, &rows));
}

/// A moment to the second.
pub(super) fn whole(at: Timestamp) -> String {
    Timestamp::from_unix(at.as_unix()).to_string()
}
