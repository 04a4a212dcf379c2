//! `anchorwatch show FINGERPRINT`: all that is on record of one authority.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use super::authorities::reported;
use super::events;
use super::output::{Output, chain, complain, print, print_json};
use super::source::{self, StateSource, quoted};
use super::{Exit, Global, runtime};
use crate::config::Config;
use crate::daemon::SystemClock;
use crate::store::{AuthorityQuery, EventQuery};
use crate::web::AdminClient;
use crate::web::api::{AuthorityReport, DomainReport, HandOverReport, OpenFinding, RotationReport};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::journal::RecordedEntry;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Bracket, Clock as _, Window};
use anchorwatch_core::untrusted::escape_line;

/// How many events of one authority are shown.
const EVENTS: usize = 1000;
/// Of how many authorities of one public key more is asked than what they are.
const CERTIFICATES: usize = 16;

/// Tell all that is on record of one authority.
#[derive(Args, Debug)]
#[command(after_help = "\
A fingerprint or the identifier of a public key: in full (`sha256:` and 64 hex digits, or the digits
alone), or its first 16 digits, as findings name it.

Examples:
  anchorwatch show sha256:3f9c…
  anchorwatch show 3f9c1a2b4d5e6f70")]
pub(super) struct Arguments {
    /// Fingerprint of the authority or public key, in full or its first 16 digits.
    #[arg(value_name = "FINGERPRINT", value_parser = wanted)]
    wanted: Wanted,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What is looked for.
#[derive(Clone, Debug)]
enum Wanted {
    Whole(Fingerprint),
    /// The first 16 digits.
    Beginning(Box<str>),
}

impl Wanted {
    fn is(&self, report: &AuthorityReport) -> bool {
        let key = report.public_key;
        match self {
            Self::Whole(whole) => {
                report.fingerprint == *whole
                    || key.is_some_and(|key| key.as_bytes() == whole.as_bytes())
            }
            Self::Beginning(digits) => {
                report.fingerprint.short() == **digits
                    || key.is_some_and(|key| key.short() == **digits)
            }
        }
    }

    fn digits(&self) -> String {
        match self {
            Self::Whole(whole) => whole.short(),
            Self::Beginning(digits) => digits.to_string(),
        }
    }
}

fn wanted(text: &str) -> Result<Wanted, String> {
    /// How many digits findings show.
    const SHORT: usize = 16;
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == SHORT && digits.bytes().all(is_hex) {
        return Ok(Wanted::Beginning(digits.into()));
    }
    let whole = format!("sha256:{digits}").parse().map(Wanted::Whole);
    whole.map_err(|why: anchorwatch_core::bundle::FingerprintError| why.to_string())
}

/// All that is known of one authority.
struct Known {
    reports: Vec<AuthorityReport>,
    findings: Vec<OpenFinding>,
    handovers: Vec<(TrustDomain, HandOverReport)>,
    entries: Vec<RecordedEntry>,
}

impl Known {
    /// An unconfirmed authority was in no state, but has events.
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
        match look_up(&config, &arguments.wanted).await {
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

async fn look_up(config: &Config, wanted: &Wanted) -> Result<Known, Exit> {
    let mut known = match source::find(config).await {
        StateSource::Daemon(client) => asked(&client, wanted).await?,
        StateSource::Store(path) => stored(config, &path, wanted)?,
    };
    let meant = fingerprints(wanted, &known.reports);
    let is_meant = |fingerprint: Option<Fingerprint>| {
        fingerprint.is_some_and(|fingerprint| meant.contains(&fingerprint))
    };
    let digits = wanted.digits();
    known.findings.retain(|one| is_meant(one.fingerprint) || one.subject == *digits);
    let about = |one: &HandOverReport| is_meant(Some(one.old)) || is_meant(one.new);
    known.handovers.retain(|(_, handover)| about(handover));
    Ok(known)
}

/// The fingerprints that are meant: one public key may have several certificates. An authority
/// that only an answer beside the state showed has no report, but it has events.
fn fingerprints(wanted: &Wanted, reports: &[AuthorityReport]) -> BTreeSet<Fingerprint> {
    let mut meant: BTreeSet<_> =
        reports.iter().map(|report| report.fingerprint).take(CERTIFICATES).collect();
    if let Wanted::Whole(whole) = wanted
        && meant.is_empty()
    {
        meant.insert(*whole);
    }
    meant
}

async fn asked(client: &AdminClient, wanted: &Wanted) -> Result<Known, Exit> {
    let unanswered = |why| source::unanswered(&why);
    let all = super::authorities::asked(client, None).await.map_err(unanswered)?;
    let reports: Vec<_> = all.into_iter().filter(|report| wanted.is(report)).collect();
    let mut entries: Vec<RecordedEntry> = Vec::new();
    for fingerprint in fingerprints(wanted, &reports) {
        let name = quoted(&fingerprint.to_string());
        let target = format!("/api/v1/events?limit={EVENTS}&authority={name}");
        let of: Vec<RecordedEntry> = client.get(&target).await.map_err(unanswered)?;
        entries.extend(of);
    }
    entries.sort_by_key(|entry| entry.number);
    let findings = client.get("/api/v1/findings").await.map_err(unanswered)?;
    let mut handovers = Vec::new();
    for report in reports.iter().take(CERTIFICATES) {
        let target = format!("/api/v1/trust-domains/{}", quoted(report.trust_domain.as_str()));
        // One that is watched no more has no rotation.
        let domain = client.get::<DomainReport>(&target).await.ok();
        let of = domain.and_then(|domain| domain.rotation).map(|rotation| rotation.handovers);
        let of = of.unwrap_or_default().into_iter();
        handovers.extend(of.map(|one| (report.trust_domain.clone(), one)));
    }
    Ok(Known { reports, findings, handovers, entries })
}

fn stored(config: &Config, path: &Path, wanted: &Wanted) -> Result<Known, Exit> {
    let store = source::open(path)?;
    let failed = |why: crate::store::StoreError| {
        complain(&chain(&why));
        Exit::CannotLook
    };
    let found = store.authorities(&AuthorityQuery::default()).map_err(failed)?;
    let mut reports = reported(config, &store, found);
    reports.retain(|report| wanted.is(report));
    let mut entries = Vec::new();
    for fingerprint in fingerprints(wanted, &reports) {
        let authority = Some(fingerprint);
        let query = EventQuery { authority, limit: EVENTS, ..EventQuery::default() };
        entries.extend(store.events(&query).map_err(failed)?);
    }
    entries.sort_by_key(|entry| entry.number);
    let (mut findings, mut handovers) = (Vec::new(), Vec::new());
    for relationship in &config.relationships {
        let name = relationship.trust_domain();
        let domain = source::pictured(&store, relationship, SystemClock.now());
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
    if let Some(verdict) = &handover.verdict {
        let law = handover.law.as_ref().map(|law| format!(" ({law})")).unwrap_or_default();
        let _ = write!(text, ": {verdict}{law}");
        if let Some(slack) = handover.shown_slack() {
            let _ = write!(text, ", slack {slack}");
        }
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
        ("key", report.key_type.to_string()),
    ];
    lines.extend(report.public_key.map(|key| ("public key", key.to_string())));
    lines.extend(report.kid.as_ref().map(|kid| ("key ID", kid.to_string())));
    if let Some(judged) = &report.judged {
        let lineage = judged.lineage.map(|number| format!(", lineage {number}"));
        lines.push(("standing", format!("{}{}", judged.standing, lineage.unwrap_or_default())));
        lines.extend(
            judged.contradictions.iter().map(|one| ("contradicted", escape_line(one).into_owned())),
        );
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
        lines.push(("subject", certificate.subject.to_string()));
        lines.push(("serial", certificate.serial.clone()));
        lines.push(("valid", format!("{} to {}", certificate.not_before, certificate.not_after)));
        lines.extend(certificate.subject_key_id.clone().map(|id| ("subject key ID", id)));
        lines.extend(certificate.uri_sans.iter().map(|name| ("URI name", name.to_string())));
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
