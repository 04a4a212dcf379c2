//! The command line: one file a command.

mod authorities;
mod check;
mod config;
mod decide;
#[cfg(feature = "demo")]
mod demo;
mod events;
mod exit;
mod export;
mod findings;
mod groups;
mod healthy;
mod lint;
mod logging;
mod output;
mod rebootstrap;
mod replay;
mod run;
mod show;
mod simulate;
mod source;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use exit::Exit;

/// The monitor for SPIFFE federation: it remembers every key that a trust domain ever published.
#[derive(Debug, Parser)]
#[command(
    name = "anchorwatch",
    version,
    long_version = version(),
    help_template = "{about-with-newline}\n{usage-heading} {usage}\n{before-help}\n{options}{after-help}",
    before_help = groups::text::<Command>(),
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
struct Global {
    /// Configuration file to read (docs/configuration.md).
    #[arg(
        long = "config.file",
        value_name = "FILE",
        global = true,
        default_value = "anchorwatch.yaml",
        env = "ANCHORWATCH_CONFIG_FILE"
    )]
    config_file: PathBuf,
    /// Lowest level that is logged to standard error.
    #[arg(long = "log.level", value_name = "LEVEL", global = true, default_value = "info")]
    log_level: logging::LogLevel,
    /// Form of log lines: logfmt or json.
    #[arg(long = "log.format", value_name = "FORMAT", global = true, default_value = "logfmt")]
    log_format: logging::LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch all trust domains: poll their endpoints, record every key, serve /metrics.
    Run(run::Arguments),
    /// Poll every endpoint once and report findings.
    Check(check::Arguments),
    /// Check, print or create a configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Report where a bundle departs from the SPIFFE standard, and which consumers refuse it.
    Lint(lint::Arguments),
    /// List the authorities that are published or were published before.
    Authorities(authorities::Arguments),
    /// List the events of the journal, newest first.
    Events(events::Arguments),
    /// Show everything that is recorded about one authority.
    Show(show::Arguments),
    /// Ask the running daemon whether it is healthy.
    Healthy(healthy::Arguments),
    /// List open findings with their evidence.
    Findings(findings::Arguments),
    /// Announce new authorities, or an outage of an endpoint, before they happen.
    Announce(decide::Announce),
    /// Approve an authority: it is explained, and its findings end.
    Approve(decide::Approve),
    /// Deny an authority: its public key authenticates nothing in any trust domain.
    Deny(decide::Deny),
    /// Acknowledge a finding, which ends it.
    Ack(decide::Ack),
    /// Confirm that the first bundle of a trust domain is genuine.
    Baseline(decide::Baseline),
    /// Record that a lineage ended on purpose, as when a server was removed.
    RetireLineage(decide::RetireLineage),
    /// Replace the trust anchors of an endpoint after a lockout.
    Rebootstrap(rebootstrap::Arguments),
    /// Simulate federations and score the judgement against the known truth.
    Simulate(simulate::Arguments),
    /// Judge a store, or recorded polls, again under other rules.
    Replay(replay::Arguments),
    /// Write an evidence pack: events, documents, findings, decisions, digests.
    Export(export::Arguments),
    /// Verify a store and its chain of hashes.
    #[command(subcommand)]
    Store(store::Command),
    /// Run a demonstration: three trust domains that rotate in seconds on loopback.
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
}

const AFTER_HELP: &str = "\
Exit codes:
  0   all is well
  1   a warning, or for `store verify` a fault
  2   something critical
  3   could not look: the store is held by another process, or cannot be read
  64  the command line is wrong
  78  the configuration is wrong

Examples:
  anchorwatch demo --for 60s
  anchorwatch config check --config.file=anchorwatch.yaml
  anchorwatch run --config.file=anchorwatch.yaml
  anchorwatch check --output json";

fn version() -> &'static str {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\nSPIFFE federation monitor, https_spiffe and https_web, Apache-2.0"
    )
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(fault) => {
            // Help and version are no faults. A usage fault is not 2, which says "critical".
            let exit = if fault.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _ = fault.print();
            return exit.into();
        }
    };
    let global = &cli.global;
    let exit = match &cli.command {
        Command::Run(arguments) => run::run(global, arguments),
        Command::Check(arguments) => check::run(global, arguments),
        Command::Config(command) => config::run(global, command),
        Command::Lint(arguments) => lint::run(arguments),
        Command::Authorities(arguments) => authorities::run(global, arguments),
        Command::Events(arguments) => events::run(global, arguments),
        Command::Show(arguments) => show::run(global, arguments),
        Command::Healthy(arguments) => healthy::run(global, arguments),
        Command::Findings(arguments) => findings::run(global, arguments),
        Command::Announce(arguments) => decide::announce(global, arguments),
        Command::Approve(arguments) => decide::approve(global, arguments),
        Command::Deny(arguments) => decide::deny(global, arguments),
        Command::Ack(arguments) => decide::ack(global, arguments),
        Command::Baseline(arguments) => decide::baseline(global, arguments),
        Command::RetireLineage(arguments) => decide::retire_lineage(global, arguments),
        Command::Rebootstrap(arguments) => rebootstrap::run(global, arguments),
        Command::Simulate(arguments) => simulate::run(global, arguments),
        Command::Replay(arguments) => replay::run(global, arguments),
        Command::Export(arguments) => export::run(global, arguments),
        Command::Store(command) => store::run(global, command),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(global, arguments),
    };
    exit.into()
}

/// Runs a future to its end on all cores.
fn runtime(future: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(future);
            // A name look-up cannot be called off, and must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(why) => {
            output::complain(&format!("cannot start the runtime: {why}"));
            Exit::Host
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::alerts::{About, description};
    use anchorwatch_core::finding::FindingKind;

    /// The command lines of a page: lines of its code blocks, and code within a sentence.
    fn commands(page: &str) -> Vec<String> {
        let mut commands = Vec::new();
        for (place, block) in page.split("```").enumerate() {
            let code: Vec<&str> = if place % 2 == 1 {
                block.lines().collect()
            } else {
                block.split('`').skip(1).step_by(2).collect()
            };
            for line in code {
                let line = line.trim().split(" # ").next().unwrap().split("  #").next().unwrap();
                let each = line.split(" | ").filter(|one| one.starts_with("anchorwatch "));
                commands.extend(each.map(|one| one.replace('\n', " ")));
            }
        }
        commands
    }

    /// The words of a command line, with what a reader fills in.
    fn words(command: &str) -> Vec<String> {
        let fingerprint = format!("sha256:{}", "0f".repeat(32));
        let filled = command
            .replace("$DOMAIN", "domain-b.example")
            .replace("$FINGERPRINT", &fingerprint)
            .replace("$SUBJECT", "3f9c1a2b4d5e6f70")
            .replace("$FINDING", "3f9c1a2b4d5e")
            .replace("$INCIDENT", "i3f9c1a2b")
            .replace("$TICKET", "INC-1");
        assert!(!filled.contains('$'), "{command}");
        let by = if filled.contains("--reason") { " --by j.doe" } else { "" };
        let words = format!("{}{by}", filled.replace('"', ""));
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_command_of_the_runbook_can_be_given() {
        let page = include_str!("../../docs/runbook.md");
        let described = FindingKind::ALL.iter().map(|kind| {
            let (trust_domain, svid_type, subject) = ("b.example", "", "");
            let text = description(*kind, About::Values { trust_domain, svid_type, subject });
            let place = text.rfind("`anchorwatch findings").unwrap();
            text[place..].to_owned()
        });
        let pages: Vec<String> = described.chain([page.to_owned()]).collect();
        let commands: Vec<String> = pages.iter().flat_map(|page| commands(page)).collect();
        assert!(120 < commands.len(), "{}", commands.len());
        for command in commands {
            let parsed = Cli::try_parse_from(words(&command));
            assert!(parsed.is_ok(), "{command}\n{}", parsed.unwrap_err());
        }
    }
}
