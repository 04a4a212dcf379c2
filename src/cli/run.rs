//! `anchorwatch run`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::output::{chain, complain, complain_of};
use super::{Exit, Global, logging, runtime};
use crate::config::{Config, LoadError};
use crate::daemon::{Daemon, Options, StartError, raise_descriptor_limit};

/// Watch: poll every endpoint, record every key, serve /metrics.
#[derive(Args, Debug)]
#[command(after_help = "\
SIGHUP reloads the configuration; SIGTERM and SIGINT stop within two seconds.

Example:
  anchorwatch run --config.file=/etc/anchorwatch/anchorwatch.yaml --log.format=json")]
pub(super) struct Arguments {
    /// Address and port of the HTTP server. May be repeated.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:10464",
        value_parser = listen_address
    )]
    listen: Vec<SocketAddr>,
    /// File with TLS, passwords and headers of the HTTP server (docs/web-config.md).
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Enable `POST /-/reload` on the HTTP server.
    #[arg(long = "web.enable-lifecycle")]
    enable_lifecycle: bool,
    /// URL at which people reach the status page, as `https://anchorwatch.example`: pushed
    /// alerts link to it.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_url)]
    external_url: Option<String>,
}

/// An address that a browser takes, without a slash at the end.
fn external_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => Err("an http or https URL is wanted, as https://anchorwatch.example".to_owned()),
    }
}

/// `:9100` listens everywhere, as Prometheus has it.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let whole = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    whole.parse().map_err(|_| "an address and a port are wanted, as 127.0.0.1:10464".to_owned())
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    logging::start(global.log_level, global.log_format);
    raise_descriptor_limit();
    let config = match Config::load(&global.config_file) {
        Ok(config) => config,
        Err(LoadError::Faults(faults)) => {
            complain_of(&faults);
            return Exit::Config;
        }
        Err(why) => {
            complain(&chain(&why));
            return Exit::Config;
        }
    };
    let options = Options {
        listen: arguments.listen.clone(),
        enable_lifecycle: arguments.enable_lifecycle,
        external_url: arguments.external_url.clone(),
        web_config: arguments.web_config.clone(),
        ..Options::default()
    };
    runtime(async {
        match watch(config, options).await {
            Ok(()) => Exit::Ok,
            Err(why) => {
                error!(why = chain(&why), "cannot start");
                complain(&chain(&why));
                match why {
                    StartError::Store(_) => Exit::CannotLook,
                    StartError::WebConfig(_) => Exit::Config,
                    StartError::Admin { .. }
                    | StartError::Interrupted
                    | StartError::Listen { .. }
                    | StartError::Metrics(_)
                    | StartError::Signals { .. } => Exit::Host,
                }
            }
        }
    })
}

async fn watch(config: Config, options: Options) -> Result<(), StartError> {
    let mut signals = Signals::listen().map_err(|source| StartError::Signals { source })?;
    let domains = config.relationships.len();
    let daemon = tokio::select! {
        started = Daemon::start(config, options) => started?,
        // A large store takes a while to be loaded; nothing was promised to anybody yet.
        _ = signals.terminate.recv() => return Ok(()),
        _ = signals.interrupt.recv() => return Ok(()),
    };
    let addresses: Vec<String> = daemon.addresses().iter().map(ToString::to_string).collect();
    info!(domains, http = addresses.join(" "), "watching");
    notify_systemd(&[NotifyState::Ready]);
    let mut watchdog = tokio::time::interval(watchdog());
    let mut reloads = JoinSet::new();
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                notify_systemd(&[NotifyState::Reloading, NotifyState::monotonic_usec_now().unwrap_or(NotifyState::MonotonicUsec(0))]);
                // Beside this loop, so that it holds up neither an end nor the watchdog.
                reloads.spawn(daemon.reload());
            }
            Some(reloaded) = reloads.join_next() => {
                // Its faults are logged one by one.
                if matches!(reloaded, Ok(Err(_))) {
                    warn!("the configuration was not taken as it stands");
                }
                notify_systemd(&[NotifyState::Ready]);
            }
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = watchdog.tick() => {
                if daemon.is_alive() {
                    notify_systemd(&[NotifyState::Watchdog]);
                }
            }
        }
    }
    info!("stopping");
    notify_systemd(&[NotifyState::Stopping]);
    if let Err(why) = daemon.stop().await {
        error!(why = chain(&why), "the store was not closed well; what was shown is recorded");
    }
    Ok(())
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// Reports the state to systemd. Does nothing where the process was not started by systemd.
fn notify_systemd(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        warn!(%why, "cannot tell systemd");
    }
}

/// How often systemd wants to hear from us: half of its patience, or once a minute for nobody.
fn watchdog() -> std::time::Duration {
    sd_notify::watchdog_enabled().map_or(std::time::Duration::from_mins(1), |patience| patience / 2)
}
