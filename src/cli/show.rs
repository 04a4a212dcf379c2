//! `anchorwatch show FINGERPRINT`: all that is on record of one authority.

use clap::Args;

use super::events;
use super::output::{Output, chain, complain, plain, print, print_json};
use super::source::{self, Source, quoted};
use super::{Exit, Global, runtime};
use crate::bundle::Fingerprint;
use crate::config::Config;
use crate::daemon::SystemClock;
use crate::journal::Recorded;
use crate::store::EventQuery;
use crate::time::{Bracket, Clock as _};
use crate::web::api::AuthorityReport;

/// How many events of one authority are shown.
const EVENTS: usize = 1000;

/// Tell all that is on record of one authority.
#[derive(Args, Debug)]
#[command(after_help = "\
The fingerprint is given in full: `sha256:` and 64 hex digits, or the digits alone. `anchorwatch
authorities --output json` prints it so.

Example:
  anchorwatch show sha256:3f9c…")]
pub(super) struct Arguments {
    /// The whole fingerprint.
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint)]
    fingerprint: Fingerprint,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let whole = if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") };
    whole.parse().map_err(|why: crate::bundle::FingerprintError| why.to_string())
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        match look_up(&config, arguments.fingerprint).await {
            Ok((reports, _)) if reports.is_empty() => {
                complain("no such authority is on record");
                Exit::Warning
            }
            Ok((reports, entries)) => {
                show(&reports, &entries, arguments.output);
                Exit::Ok
            }
            Err(exit) => exit,
        }
    })
}

async fn look_up(
    config: &Config,
    fingerprint: Fingerprint,
) -> Result<(Vec<AuthorityReport>, Vec<Recorded>), Exit> {
    match source::find(config).await {
        Source::Daemon(client) => {
            let name = quoted(&fingerprint.to_string());
            let target = "/api/v1/authorities".to_owned();
            let all: Vec<AuthorityReport> =
                client.get(&target).await.map_err(|why| source::unanswered(&why))?;
            let target = format!("/api/v1/events?limit={EVENTS}&authority={name}");
            let entries = client.get(&target).await.map_err(|why| source::unanswered(&why))?;
            let found = all.into_iter().filter(|report| report.fingerprint == fingerprint);
            Ok((found.collect(), entries))
        }
        Source::Store(path) => {
            let store = source::open(&path)?;
            let failed = |why: crate::store::StoreError| {
                complain(&chain(&why));
                Exit::CannotLook
            };
            let now = SystemClock.now();
            let found = store.authority(fingerprint).map_err(failed)?;
            let query =
                EventQuery { authority: Some(fingerprint), limit: EVENTS, ..EventQuery::default() };
            let entries = store.events(&query).map_err(failed)?;
            Ok((found.iter().map(|entry| AuthorityReport::new(entry, now)).collect(), entries))
        }
    }
}

fn show(reports: &[AuthorityReport], entries: &[Recorded], output: Output) {
    if output == Output::Json {
        return print_json(&serde_json::json!({ "authorities": reports, "events": entries }));
    }
    for report in reports {
        print(&described(report));
    }
    print("");
    events::show(entries, output);
}

fn described(report: &AuthorityReport) -> String {
    let mut lines = vec![
        ("authority", report.fingerprint.to_string()),
        ("trust domain", report.trust_domain.to_string()),
        ("use", report.svid_type.label().to_owned()),
        ("state", report.state.clone()),
        ("key", report.key_type.clone()),
    ];
    lines.extend(report.public_key.map(|key| ("public key", key.to_string())));
    lines.extend(report.kid.as_ref().map(|kid| ("key ID", plain(kid))));
    lines.push(("published", bracket(report.published)));
    lines.extend(report.returned_after.map(|gone| ("had been removed", bracket(gone))));
    lines.extend(report.removed.map(|removed| ("removed", bracket(removed))));
    if let Some(signed) = report.signed {
        let text = format!(
            "first SVID seen at {}, valid from {}",
            signed.seen_at, signed.validity.not_before
        );
        lines.push(("signed", text));
    }
    if let Some(certificate) = &report.certificate {
        lines.push(("subject", plain(&certificate.subject)));
        lines.push(("serial", certificate.serial.clone()));
        lines.push(("valid", format!("{} to {}", certificate.not_before, certificate.not_after)));
        lines.extend(certificate.subject_key_id.clone().map(|id| ("subject key ID", id)));
        lines.extend(certificate.uri_sans.iter().map(|name| ("URI name", plain(name))));
    }
    let rows = lines.iter().map(|(name, value)| format!("{name:<17} {value}"));
    rows.collect::<Vec<_>>().join("\n")
}

fn bracket(bracket: Bracket) -> String {
    match bracket.after {
        Some(after) => format!("after {after}, by {}", bracket.until),
        None => format!("at any time, by {}", bracket.until),
    }
}
