//! `config check`, `config show`, `config schema` and `config import`: is this configuration right,
//! what would run, what may it contain, and what does SPIRE say?

mod import;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::output::{OutputForm, file_name};
use super::{Exit, Global};
use crate::config::{Config, LoadError, Read, WebConfig, json_schema};
use anchorwatch_core::untrusted::escape_line;

/// The most trust domains that the summary names in one round.
const MOST_NAMES: usize = 10;

/// Look at the configuration.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// List every error in a configuration and in the files that it names.
    #[command(after_help = "\
Exit codes: 0 where nothing is wrong, else 78.

With --web.config.file and without FILE, the web configuration alone is checked.

Example:
  anchorwatch config check /etc/anchorwatch/anchorwatch.yaml
  anchorwatch config check --web.config.file=/etc/anchorwatch/web.yaml")]
    Check(CheckArguments),
    /// Print the effective configuration, with every default and without secrets.
    #[command(after_help = "\
The output is a configuration itself. Exit codes: 0, or 78 where the configuration has a fault.

Example:
  anchorwatch config show --output json anchorwatch.yaml")]
    Show(ShowArguments),
    /// Print the JSON Schema of the configuration, with which editors check and complete it.
    #[command(after_help = "\
The schema is that of this version. It is published as docs/anchorwatch.schema.json too, so that a
configuration may begin with the line

  # yaml-language-server: $schema=https://raw.githubusercontent.com/anchorwatch/anchorwatch/main/docs/anchorwatch.schema.json

A schema cannot show all that is wrong: `anchorwatch config check` does.

Example:
  anchorwatch config schema > anchorwatch.schema.json")]
    Schema,
    /// Write a configuration from SPIRE's server.conf, API output or Kubernetes resources.
    #[command(after_help = "\
Reads SPIRE's server.conf, the output of `spire-server federation list -output json`, or
ClusterFederatedTrustDomain resources in YAML, and prints a configuration. For what the input
does not contain, it has a comment that says what to fill in. Exit codes: 0, or 1 where the input has
no relationship that can be configured.

Examples:
  anchorwatch config import /etc/spire/server.conf > anchorwatch.yaml
  spire-server federation list -output json | anchorwatch config import -
  kubectl get clusterfederatedtrustdomains -o yaml | anchorwatch config import - --bundles .")]
    Import(import::Arguments),
}

/// The arguments of `config check`.
#[derive(Args, Clone, Debug)]
pub(super) struct CheckArguments {
    /// Configuration file to read; without it, the one of --config.file.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Web configuration file to check, with the files that it names.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
}

/// The arguments of `config show`.
#[derive(Args, Clone, Debug)]
pub(super) struct ShowArguments {
    /// Configuration file to read; without it, the one of --config.file.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Form of the output: yaml or json.
    #[arg(long, value_enum, default_value_t)]
    output: ShowOutput,
}

/// The forms of `config show`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum ShowOutput {
    /// YAML.
    #[default]
    Yaml,
    /// JSON.
    Json,
}

/// Runs either, on the process's own standard output and error.
pub(super) fn run(global: &Global, command: &Command) -> Exit {
    let (mut out, mut err) = (OutputForm(io::stdout().lock()), OutputForm(io::stderr().lock()));
    match command {
        Command::Check(arguments) => {
            let web = arguments.web_config.as_deref();
            let web = web.map_or(Exit::Ok, |path| check_web(path, &mut out, &mut err));
            if arguments.web_config.is_some() && arguments.file.is_none() {
                return web;
            }
            let file = arguments.file.as_ref().unwrap_or(&global.config_file);
            let watch = check(file, &mut out, &mut err);
            if watch == Exit::Ok { web } else { watch }
        }
        Command::Show(arguments) => {
            let file = arguments.file.as_ref().unwrap_or(&global.config_file);
            show(file, arguments.output, &mut out, &mut err)
        }
        Command::Schema => exit(out.write_all(json_schema::render().as_bytes())),
        Command::Import(arguments) => {
            drop((out, err));
            import::run(arguments)
        }
    }
}

/// Lists every fault of the file at `path` and of the files that it names on `err`, and says on
/// `out` what it amounts to where there is none.
fn check(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let read = match Read::load(path) {
        Ok(read) => read,
        Err(error) => return refuse(&error, err),
    };
    let faults = read.file_faults();
    if !faults.is_empty() {
        return refuse(&LoadError::Faults(faults), err);
    }
    exit(summary(path, &read.config, out))
}

/// As [`check`], of a web configuration.
fn check_web(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let config = match WebConfig::load(path) {
        Ok(config) => config,
        Err(error) => return refuse(&error, err),
    };
    exit(web_summary(path, &config, out))
}

fn web_summary(path: &Path, config: &WebConfig, out: &mut dyn Write) -> io::Result<()> {
    let clients = if config.verifies_clients { ", with clients' certificates" } else { "" };
    let tls = if config.tls.is_some() { "on" } else { "off" };
    writeln!(out, "{} is in order", file_name(path))?;
    writeln!(out, "  TLS            {tls}{clients}")?;
    writeln!(out, "  users          {}", config.users.len())?;
    for warning in &config.warnings {
        writeln!(out, "warning: {}", escape_line(warning))?;
    }
    Ok(())
}

/// Prints the configuration of the file at `path` as it would run.
fn show(path: &Path, output: ShowOutput, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return refuse(&error, err),
    };
    let text = match output {
        ShowOutput::Yaml => config.effective_yaml(),
        ShowOutput::Json => config.effective_json(),
    };
    exit(out.write_all(text.as_bytes()))
}

fn refuse(error: &LoadError, err: &mut dyn Write) -> Exit {
    // Where standard error is closed, the exit code still says it.
    let _ = match error {
        LoadError::Unreadable { .. } => writeln!(err, "{}", escape_line(&error.to_string())),
        LoadError::Faults(faults) => {
            let count = faults.as_slice().len() + faults.omitted();
            let plural = if count == 1 { "fault" } else { "faults" };
            writeln!(err, "{faults}\n{count} {plural}")
        }
    };
    Exit::Config
}

/// A reader that has gone away, such as `head`, is no failure of ours.
fn exit(written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(_) => Exit::Host,
    }
}

fn summary(path: &Path, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let (own, served, web) = config.profile_counts();
    writeln!(out, "{} is in order", file_name(path))?;
    writeln!(
        out,
        "  relationships  {}: {own} https_spiffe, {served} https_spiffe served by another trust \
         domain, {web} https_web",
        config.relationships.len(),
    )?;
    let rounds = config.polling_order();
    for (round, relationships) in rounds.iter().enumerate() {
        let label = if round == 0 { "polling order" } else { "" };
        let named = relationships.iter().take(MOST_NAMES).map(|relationship| {
            let name = relationship.trust_domain();
            match config.serving_domain(name) {
                Some(host) => format!("{name} (served by {host})"),
                None => name.to_string(),
            }
        });
        let named: Vec<_> = named.collect();
        let more = match relationships.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "  {label:<13}  {}. {}{more}", round + 1, named.join(", "))?;
    }
    writeln!(out, "  store          {}", file_name(&config.store.path))?;
    writeln!(out, "  admin socket   {}", file_name(&config.admin_socket))?;
    let permissions = permissions(path, config);
    for warning in config.warnings().into_iter().chain(permissions) {
        writeln!(out, "warning: {}", escape_line(&warning))?;
    }
    Ok(())
}

/// Who else may read a password, or approve a key by writing it into the file.
#[cfg(unix)]
fn permissions(path: &Path, config: &Config) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;

    const READ_BY_OTHERS: u32 = 0o044;
    const WRITTEN_BY_ALL: u32 = 0o002;
    let Ok(metadata) = std::fs::metadata(path) else { return Vec::new() };
    let mode = metadata.permissions().mode();
    let has_password = config
        .relationships
        .iter()
        .filter_map(|relationship| relationship.settings.proxy.as_ref())
        .any(crate::config::Proxy::has_password);
    let mut warnings = Vec::new();
    if has_password && mode & READ_BY_OTHERS != 0 {
        warnings.push(
            "this file contains a proxy's password, and others can read it: chmod 600".into(),
        );
    }
    if mode & WRITTEN_BY_ALL != 0 {
        warnings
            .push("anyone may write this file, and so decide what is trusted: chmod o-w".into());
    }
    warnings
}

/// Elsewhere, permissions are not these bits.
#[cfg(not(unix))]
fn permissions(_: &Path, _: &Config) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(run: impl FnOnce(&mut dyn Write, &mut dyn Write) -> Exit) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&mut out, &mut err);
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn file(name: &str) -> PathBuf {
        Path::new("tests/data/configs").join(name)
    }

    #[test]
    fn check_says_in_its_exit_code_what_it_says_in_words() {
        let (exit, out, err) = ran(|out, err| check(&file("good/every-key.yaml"), out, err));
        assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
        assert!(out.contains("2: 1 https_spiffe"), "{out}");
        assert!(out.contains("warning: a.example without bootstrap_bundle_path"), "{out}");
        let (exit, out, err) = ran(|out, err| check(&file("bad/many-faults.yaml"), out, err));
        assert_eq!((exit, out.as_str()), (Exit::Config, ""));
        assert!(err.ends_with("11 faults\n"), "{err}");
        let (exit, _, err) = ran(|out, err| check(&file("bad/bootstrap-empty.yaml"), out, err));
        assert_eq!(exit, Exit::Config);
        assert!(err.contains("empty.yaml:5:28: ") && err.ends_with("1 fault\n"), "{err}");
        let (exit, _, err) = ran(|out, err| check(&file("no-such.yaml"), out, err));
        assert!(exit == Exit::Config && err.starts_with("cannot read"), "{err}");
    }

    #[test]
    fn check_names_who_is_polled_first() {
        let (_, out, _) = ran(|out, err| check(&file("good/serving-chain.yaml"), out, err));
        assert!(out.contains("1. c.example\n"), "{out}");
        assert!(out.contains("3. a.example (served by b.example)\n"), "{out}");
    }

    #[test]
    fn show_masks_what_it_shows_and_does_not_need_the_files_that_are_named() {
        for output in [ShowOutput::Yaml, ShowOutput::Json] {
            let every = file("good/every-key.yaml");
            let (exit, out, err) = ran(|out, err| show(&every, output, out, err));
            assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
            assert!(out.contains("ops:xxxxx@proxy") && !out.contains("hunter2"), "{out}");
            let missing = file("bad/bootstrap-missing.yaml");
            let (exit, _, _) = ran(|out, err| show(&missing, output, out, err));
            assert_eq!(exit, Exit::Ok);
        }
        let (exit, out, _) =
            ran(|out, err| show(&file("bad/empty.yaml"), ShowOutput::Yaml, out, err));
        assert_eq!((exit, out.as_str()), (Exit::Config, ""));
    }

    #[cfg(unix)]
    #[test]
    fn check_warns_where_others_can_read_a_password() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchorwatch.yaml");
        let text = "federates_with:\n  c.example:\n    bundle_endpoint_url: https://c\n    \
                    bundle_endpoint_profile: {https_web: {}}\n    \
                    proxy: http://ops:hunter2@proxy:3128\n";
        std::fs::write(&path, text).unwrap();
        for (mode, warns) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let (_, out, _) = ran(|out, err| check(&path, out, err));
            assert_eq!(out.contains("chmod 600"), warns, "{out}");
            assert!(!out.contains("hunter2"), "{out}");
        }
    }
}
