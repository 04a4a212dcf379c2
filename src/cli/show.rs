//! `anchorwatch show FINGERPRINT`: all that is on record of one authority.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use super::authorities::reported;
use super::events;
use super::output::{Output, chain, complain, plain, print, print_json};
use super::source::{self, Source, quoted};
use super::{Exit, Global, runtime};
use crate::bundle::Fingerprint;
use crate::config::Config;
use crate::daemon::SystemClock;
use crate::journal::Recorded;
use crate::spiffe::TrustDomain;
use crate::store::EventQuery;
use crate::time::{Bracket, Clock as _, Window};
use crate::web::AdminClient;
use crate::web::api::{AuthorityReport, DomainReport, HandOverReport, OpenFinding, RotationReport};

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

/// All that is known of one authority.
struct Known {
    reports: Vec<AuthorityReport>,
    findings: Vec<OpenFinding>,
    handovers: Vec<(TrustDomain, HandOverReport)>,
    entries: Vec<Recorded>,
}

impl Known {
    /// A glimpsed authority was in no state, and has events all the same.
    fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.findings.is_empty() && self.entries.is_empty()
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        match look_up(&config, arguments.fingerprint).await {
            Ok(known) if known.is_empty() => {
                complain("no such authority is on record");
                Exit::Warning
            }
            Ok(known) => {
                show(&known, arguments.output);
                Exit::Ok
            }
            Err(exit) => exit,
        }
    })
}

async fn look_up(config: &Config, fingerprint: Fingerprint) -> Result<Known, Exit> {
    let mut known = match source::find(config).await {
        Source::Daemon(client) => asked(&client, fingerprint).await?,
        Source::Store(path) => stored(config, &path, fingerprint)?,
    };
    known.findings.retain(|finding| finding.fingerprint == Some(fingerprint));
    let about = |one: &HandOverReport| one.old == fingerprint || one.new == Some(fingerprint);
    known.handovers.retain(|(_, handover)| about(handover));
    Ok(known)
}

async fn asked(client: &AdminClient, fingerprint: Fingerprint) -> Result<Known, Exit> {
    let unanswered = |why| source::unanswered(&why);
    let all = super::authorities::asked(client, None).await.map_err(unanswered)?;
    let reports: Vec<_> =
        all.into_iter().filter(|report| report.fingerprint == fingerprint).collect();
    let name = quoted(&fingerprint.to_string());
    let target = format!("/api/v1/events?limit={EVENTS}&authority={name}");
    let entries = client.get(&target).await.map_err(unanswered)?;
    let findings = client.get("/api/v1/findings").await.map_err(unanswered)?;
    let mut handovers = Vec::new();
    for report in &reports {
        let target = format!("/api/v1/trust-domains/{}", quoted(report.trust_domain.as_str()));
        // One that is watched no more has no rotation.
        let domain = client.get::<DomainReport>(&target).await.ok();
        let of = domain.and_then(|domain| domain.rotation).map(|rotation| rotation.handovers);
        let of = of.unwrap_or_default().into_iter();
        handovers.extend(of.map(|one| (report.trust_domain.clone(), one)));
    }
    Ok(Known { reports, findings, handovers, entries })
}

fn stored(config: &Config, path: &Path, fingerprint: Fingerprint) -> Result<Known, Exit> {
    let store = source::open(path)?;
    let failed = |why: crate::store::StoreError| {
        complain(&chain(&why));
        Exit::CannotLook
    };
    let found = store.authority(fingerprint).map_err(failed)?;
    let query = EventQuery { authority: Some(fingerprint), limit: EVENTS, ..EventQuery::default() };
    let entries = store.events(&query).map_err(failed)?;
    let reports = reported(config, &store, found)?;
    let (mut findings, mut handovers) = (Vec::new(), Vec::new());
    for relationship in &config.relationships {
        let name = relationship.trust_domain();
        let domain = source::pictured(&store, relationship, SystemClock.now())?;
        findings.extend(OpenFinding::of(name, &domain.findings, &domain.state.facts));
        let of = RotationReport::new(&domain).handovers.into_iter();
        handovers.extend(of.map(|one| (name.clone(), one)));
    }
    Ok(Known { reports, findings, handovers, entries })
}

fn show(known: &Known, output: Output) {
    let Known { reports, findings, handovers, entries } = known;
    if output == Output::Json {
        let handovers: Vec<_> = handovers.iter().map(|(_, handover)| handover).collect();
        return print_json(&serde_json::json!({
            "authorities": reports,
            "findings": findings,
            "handovers": handovers,
            "events": entries,
        }));
    }
    for report in reports {
        print(&described(report));
    }
    for (name, handover) in handovers {
        print(&format!("hand-over         {name}: {}", verdict(handover)));
    }
    for finding in findings {
        print("");
        print(&super::findings::described(finding));
    }
    print("");
    events::show(entries, output);
}

/// A hand-over and what is made of it.
fn verdict(handover: &HandOverReport) -> String {
    let new = handover.new.map_or_else(|| "nothing known".to_owned(), |new| new.short());
    let mut text = format!("{} gave way to {new}", handover.old.short());
    if let (Some(verdict), Some(slack)) = (&handover.verdict, handover.slack_seconds) {
        let law = handover.law.as_ref().map(|law| format!(" ({law})")).unwrap_or_default();
        let _ = write!(text, ": {verdict}{law}, slack {slack} s");
    }
    let _ = write!(text, ", T {} s {}", handover.ttl_seconds, handover.ttl);
    if let Some(lead) = &handover.lead {
        let _ = write!(text, ", lead {lead}");
    }
    let [least, most] = handover.in_flight;
    if 0.0 < most {
        let (least, most) = (least * 100.0, most * 100.0);
        let _ = write!(
            text,
            "; {least:.0} to {most:.0} % of live credentials died, until {}",
            handover.at_risk_until
        );
    }
    text
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
    if let Some(judged) = &report.judged {
        let lineage = judged.lineage.map(|number| format!(", lineage {number}"));
        lines.push(("standing", format!("{}{}", judged.standing, lineage.unwrap_or_default())));
        lines.extend(judged.contradictions.iter().map(|one| ("contradicted", plain(one))));
    }
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
    for (name, window) in report.judged.iter().flat_map(|judged| {
        [
            ("expected to sign", judged.activation),
            ("expected to rest", judged.retirement),
            ("expected to go", judged.removal),
        ]
    }) {
        lines.extend(window.map(|window| (name, stretch(window))));
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

fn stretch(window: Window) -> String {
    let Window { from, until } = window;
    if from == until { format!("from {from} on") } else { format!("between {from} and {until}") }
}
