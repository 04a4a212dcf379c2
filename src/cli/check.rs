//! `anchorwatch check`: one poll of everything, and what is wrong.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Args;

use super::authorities::whole;
use super::output::{Output, chain, complain, print, print_json, table};
use super::source::{self, StateSource, quoted};
use super::{Exit, Global, logging, runtime};
use crate::config::Config;
use crate::daemon::check_once;
use crate::web::api::{DomainReport, FederationReport, ReportedFinding};
use anchorwatch_core::finding::Dropped;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::untrusted::escape_line;

/// Poll every endpoint once and say what is wrong.
#[derive(Args, Debug)]
#[command(after_help = "\
Beside a running daemon, the daemon polls. Without one, the polls are recorded in the store as the
daemon's would be, and the store is locked meanwhile.

Exit codes: 0 where all is well, 1 for a warning, 2 for something critical, 3 where it could not look.

Example:
  anchorwatch check --trust-domain domain-b.example --output json")]
pub(super) struct Arguments {
    /// Check only this trust domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
    /// Form of the output: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    // What is wrong is the output; the log would say it twice.
    logging::start(logging::LogLevel::Error, global.log_format);
    let config = match source::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let wanted = arguments.trust_domain.as_ref();
    if let Some(name) = wanted.filter(|name| config.relationship(name).is_none()) {
        complain(&format!("{name} is not in {}", global.config_file.display()));
        return Exit::Config;
    }
    if arguments.output == Output::Table && std::io::stderr().is_terminal() {
        let count = if wanted.is_some() { 1 } else { config.relationships.len() };
        complain(&format!("polling {count} endpoints …"));
    }
    runtime(async {
        let report = match source::find(&config).await {
            StateSource::Daemon(client) => {
                let target = match wanted {
                    Some(name) => format!("/admin/v1/check?trust_domain={}", quoted(name.as_str())),
                    None => "/admin/v1/check".to_owned(),
                };
                client
                    .post::<FederationReport>(&target, &())
                    .await
                    .map_err(|why| source::unanswered(&why))
            }
            StateSource::Store(_) => alone(config, wanted).await,
        };
        match report {
            Ok(report) => show(report, arguments),
            Err(exit) => exit,
        }
    })
}

async fn alone(config: Config, wanted: Option<&TrustDomain>) -> Result<FederationReport, Exit> {
    match check_once(config, wanted).await {
        Ok(view) => Ok(FederationReport::new(&view)),
        Err(why) => {
            complain(&chain(&why));
            Err(Exit::CannotLook)
        }
    }
}

fn show(mut report: FederationReport, arguments: &Arguments) -> Exit {
    if let Some(wanted) = &arguments.trust_domain {
        report.trust_domains.retain(|domain| domain.trust_domain == *wanted);
        let findings = report.trust_domains.iter().flat_map(|domain| &domain.findings);
        let findings = findings.chain(&report.watch);
        report.worst = findings.map(|finding| finding.severity).max();
    }
    // An endpoint that was not read well is at least a warning, before any finding says so.
    let unread = report.trust_domains.iter().any(|domain| !domain.up);
    let exit = Exit::from(report.worst);
    let exit = if unread && exit == Exit::Ok { Exit::Warning } else { exit };
    match arguments.output {
        Output::Json => print_json(&report),
        Output::Table => print(&text(&report)),
    }
    exit
}

fn text(report: &FederationReport) -> String {
    let rows: Vec<_> = report.trust_domains.iter().map(row).collect();
    let headings =
        ["TRUST DOMAIN", "VERDICT", "SEQUENCE", "X.509", "JWT", "LAST CHANGE", "LAST GOOD POLL"];
    let mut text = table(headings, &rows);
    for ReportedFinding { id, kind, severity, evidence, .. } in &report.watch {
        let _ = write!(text, "\n\nanchorwatch itself: {severity}: {kind}");
        for line in evidence {
            let _ = write!(text, "\n  {}", escape_line(&line.text));
        }
        let _ = write!(text, "\n  finding {id}; ends {}", kind.clears());
    }
    for domain in &report.trust_domains {
        let name = &domain.trust_domain;
        if let Some(failure) = &domain.failure {
            let (reason, detail) = (failure.reason, &failure.detail);
            let _ = write!(text, "\n\n{name}: the poll failed: {reason}: {detail}");
        }
        if let Some(why) = &domain.stopped {
            let _ = write!(text, "\n\n{name}: not watched: {}", escape_line(why));
        }
        if !domain.dropped.is_empty() {
            let dropped = Dropped::all_in_words(&domain.dropped);
            let _ = write!(text, "\n\n{name}: not listed one by one: {dropped}");
        }
        for finding in &domain.findings {
            let ReportedFinding { id, incident, kind, severity, subject, .. } = finding;
            let svid_type = finding.svid_type.map(|svid_type| format!(" {}", svid_type.label()));
            let _ = write!(text, "\n\n{name}: {severity}: {kind}");
            let _ = write!(text, "{} {}", svid_type.unwrap_or_default(), subject);
            text.truncate(text.trim_end().len());
            for line in &finding.evidence {
                let _ = write!(text, "\n  {}", escape_line(&line.text));
            }
            let _ = write!(text, "\n  finding {id} of incident {incident}; ends {}", kind.clears());
        }
    }
    text
}

fn row(domain: &DomainReport) -> [String; 7] {
    let verdict = match domain.findings.iter().map(|finding| finding.severity).max() {
        Some(severity) if severity != anchorwatch_core::finding::Severity::Info => severity.label(),
        Some(_) | None if domain.up => "ok",
        Some(_) | None => "failed",
    };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        domain.trust_domain.to_string(),
        verdict.to_owned(),
        shown(domain.sequence.map(|sequence| sequence.to_string())),
        domain.x509_authorities.to_string(),
        domain.jwt_authorities.to_string(),
        shown(domain.changed.map(|changed| whole(changed.until))),
        shown(domain.last_success.map(whole)),
    ]
}
