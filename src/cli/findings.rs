//! `anchorwatch findings`: what is to be said, and on what it rests.

use std::fmt::Write as _;

use clap::Args;

use super::output::{Output, print, print_json};
use super::source::{self, Source};
use super::{Exit, Global, runtime};
use crate::config::Config;
use crate::finding::FindingKind;
use crate::spiffe::TrustDomain;
use crate::time::{Clock as _, Timestamp};
use crate::untrusted::escape_line;
use crate::web::api::OpenFinding;

/// List what is to be said, with its evidence.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 1 says that the most urgent one is a warning, 2 that it is critical.

Examples:
  anchorwatch findings
  anchorwatch findings --kind unexpected_authority --output json")]
pub(super) struct Arguments {
    /// Only of this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Only of this kind.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<FindingKind>,
    /// How they are printed.
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
        let open = match source::find(&config).await {
            Source::Daemon(client) => client
                .get::<Vec<OpenFinding>>("/api/v1/findings")
                .await
                .map_err(|why| source::unanswered(&why)),
            Source::Store(path) => stored(&config, &path),
        };
        let mut open = match open {
            Ok(open) => open,
            Err(exit) => return exit,
        };
        open.retain(|one| {
            arguments
                .trust_domain
                .as_ref()
                .is_none_or(|name| one.recorded_by.as_ref() == Some(name))
                && arguments.kind.is_none_or(|kind| kind.label() == one.kind)
        });
        show(&open, arguments.output);
        Exit::from(open.iter().map(|one| one.severity).max())
    })
}

/// What is to be said of what the store knows, now.
fn stored(config: &Config, path: &std::path::Path) -> Result<Vec<OpenFinding>, Exit> {
    let store = source::open(path)?;
    let at: Timestamp = crate::daemon::SystemClock.now();
    let mut open = Vec::new();
    for relationship in &config.relationships {
        let domain = source::pictured(&store, relationship, at);
        let name = relationship.trust_domain();
        open.extend(OpenFinding::of(name, &domain.findings, &domain.state.facts));
    }
    Ok(open)
}

fn show(open: &[OpenFinding], output: Output) {
    if output == Output::Json {
        return print_json(&open);
    }
    if open.is_empty() {
        return print("nothing is to be said");
    }
    print(&open.iter().map(described).collect::<Vec<_>>().join("\n\n"));
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
        let _ = write!(text, "\n  - {}", escape_line(line));
    }
    let _ = write!(text, "\n  ends {ends}");
    text
}
