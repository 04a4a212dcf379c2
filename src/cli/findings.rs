//! `anchorwatch findings`: the open findings and their evidence.

use std::fmt::Write as _;

use clap::Args;

use super::output::{Output, print, print_json};
use super::source::{self, StateSource};
use super::{Exit, Global, runtime};
use crate::config::Config;
use crate::web::api::{FederationReport, OpenFinding};
use crate::web::{AdminClient, ClientError};
use anchorwatch_core::finding::{Dropped, FindingKind};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Clock as _, Timestamp};
use anchorwatch_core::untrusted::escape_line;

/// List open findings with their evidence.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 1 says that the most urgent one is a warning, 2 that it is critical.

Examples:
  anchorwatch findings
  anchorwatch findings --kind unexpected_authority --output json")]
pub(super) struct Arguments {
    /// Show only findings of this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Show only findings of this kind, as `unexpected_authority`.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<FindingKind>,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn kind(text: &str) -> Result<FindingKind, String> {
    FindingKind::from_label(text)
        .ok_or_else(|| format!("the kinds are {}", FindingKind::LABELS.join(", ")))
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    runtime(async {
        let listed = match source::find(&config).await {
            StateSource::Daemon(client) => {
                asked(&client).await.map_err(|why| source::unanswered(&why))
            }
            StateSource::Store(path) => stored(&config, &path),
        };
        let Listed { mut open, mut dropped } = match listed {
            Ok(listed) => listed,
            Err(exit) => return exit,
        };
        let is_asked_for =
            |name: &TrustDomain| arguments.trust_domain.as_ref().is_none_or(|one| one == name);
        open.retain(|one| {
            (arguments.trust_domain.is_none() || one.recorded_by.as_ref().is_some_and(is_asked_for))
                && arguments.kind.is_none_or(|kind| kind.label() == one.kind)
        });
        dropped.retain(|(name, _)| is_asked_for(name));
        for (_, counts) in &mut dropped {
            counts.retain(|one| arguments.kind.is_none_or(|kind| kind == one.kind));
        }
        show(&open, &dropped, arguments.output);
        Exit::from(open.iter().map(|one| one.severity).max())
    })
}

/// The findings of all trust domains, and how many of each are not listed.
struct Listed {
    open: Vec<OpenFinding>,
    dropped: Vec<(TrustDomain, Vec<Dropped>)>,
}

/// What a daemon says.
async fn asked(client: &AdminClient) -> Result<Listed, ClientError> {
    let open = client.get("/api/v1/findings").await?;
    let report = client.get::<FederationReport>("/api/v1/trust-domains").await?;
    let dropped = report.trust_domains.into_iter();
    Ok(Listed { open, dropped: dropped.map(|one| (one.trust_domain, one.dropped)).collect() })
}

/// What follows now from what the store knows.
fn stored(config: &Config, path: &std::path::Path) -> Result<Listed, Exit> {
    let store = source::open(path)?;
    let at: Timestamp = crate::daemon::SystemClock.now();
    let (mut open, mut dropped) = (Vec::new(), Vec::new());
    for relationship in &config.relationships {
        let domain = source::pictured(&store, relationship, at);
        let name = relationship.trust_domain();
        open.extend(OpenFinding::of(name, &domain.findings, &domain.state.facts));
        dropped.push((name.clone(), domain.dropped.to_vec()));
    }
    Ok(Listed { open, dropped })
}

fn show(open: &[OpenFinding], dropped: &[(TrustDomain, Vec<Dropped>)], output: Output) {
    if output == Output::Json {
        return print_json(&open);
    }
    let mut texts: Vec<String> = open.iter().map(described).collect();
    let dropped = dropped.iter().filter(|(_, counts)| !counts.is_empty());
    texts.extend(dropped.map(|(name, counts)| {
        format!("{name}: not listed one by one: {}", Dropped::all_in_words(counts))
    }));
    if texts.is_empty() {
        return print("no open findings");
    }
    print(&texts.join("\n\n"));
}

/// A finding in full, for whoever reads it at 03:00.
pub(super) fn described(one: &OpenFinding) -> String {
    let OpenFinding { id, incident, kind, severity, since, ends, .. } = one;
    let trust_domain = match (&one.trust_domain, &one.recorded_by) {
        (Some(name), _) => name.as_str(),
        (None, Some(_)) => "several trust domains",
        (None, None) => "anchorwatch itself",
    };
    let svid_type = one.svid_type.map(|svid_type| format!("  {}", svid_type.label()));
    let subject = match &one.subject {
        subject if subject.is_empty() => String::new(),
        subject => format!("  {subject}"),
    };
    let svid_type = svid_type.unwrap_or_default();
    let mut text = format!("{severity}  {kind}  {trust_domain}{svid_type}{subject}");
    let _ = write!(text, "\n  id {id}, incident {incident}, since {since}");
    if let Some(fingerprint) = one.fingerprint {
        let _ = write!(text, "\n  authority {fingerprint}");
    }
    for line in &one.evidence {
        let _ = write!(text, "\n  - {}", escape_line(&line.text));
    }
    let _ = write!(text, "\n  ends {ends}");
    text
}
