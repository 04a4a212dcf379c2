//! `anchorwatch demo`: three trust domains that rotate in seconds, and the daemon that watches
//! them.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::output::{chain, complain, print, write};
use super::{Exit, Global, logging, runtime};
use crate::config::Config;
use crate::daemon::{Daemon, Options, RecordedEvent, SystemClock};
use crate::demo::Scene;
use crate::demo::table::{DemoTable, TableOutput};

/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(500);
/// A terminal that does not say how wide it is.
const WIDTH: u16 = 100;

/// Watch three embedded trust domains rotate in seconds on loopback.
#[derive(Args, Debug)]
#[command(after_help = "\
Everything is real in small: X.509 authorities, JWT keys and X509-SVIDs minted on the spot, served
over TLS, and the same daemon. One trust domain is healthy, one removes a key whose tokens have
not expired, one is attacked. Nothing leaves the loopback interface, and nothing is kept.

Examples:
  anchorwatch demo
  anchorwatch demo --for 60s
  curl -s http://127.0.0.1:10464/metrics | grep anchorwatch_authorities    # beside it")]
pub(super) struct Arguments {
    /// End after this time (60s, 5m); without it, run until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasting: Option<Duration>,
    /// Address and port of the HTTP server; port 0 takes a free one.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10464")]
    listen: SocketAddr,
    /// Print only the table, without the configuration.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    // The table is the output; the log speaks where something is wrong with the demo itself.
    let level = if global.log_level == logging::LogLevel::Info {
        logging::LogLevel::Error
    } else {
        global.log_level
    };
    logging::start(level, global.log_format);
    runtime(async {
        match play(arguments).await {
            Ok(()) => Exit::Ok,
            Err(why) => {
                complain(&why);
                Exit::Host
            }
        }
    })
}

async fn play(arguments: &Arguments) -> Result<(), String> {
    let mut scene = Scene::start(Arc::new(SystemClock)).await.map_err(|why| chain(&why))?;
    if !arguments.quiet {
        print("# The configuration that the daemon runs with: an operator's, scaled to seconds.");
        print(scene.configuration().trim_end());
        print("");
    }
    let config = Config::load(&scene.configuration_path()).map_err(|why| why.to_string())?;
    let daemon = start(config, arguments.listen).await?;
    let address = daemon.addresses().first().copied().unwrap_or(arguments.listen);
    let until = CancellationToken::new();
    let end = until.clone();
    let playing = tokio::spawn(async move {
        let outcome = scene.run(end).await;
        (scene, outcome)
    });
    show(&daemon, address, arguments.lasting).await;
    until.cancel();
    // The scene's folder holds the store: it goes once the daemon has closed it.
    let stopped = daemon.stop().await.map_err(|why| chain(&why));
    let (scene, outcome) = playing.await.map_err(|why| why.to_string())?;
    drop(scene);
    outcome.map_err(|why| chain(&why))?;
    stopped
}

/// A demo beside another anchorwatch takes any port that is free. That is asked before the daemon
/// starts: one that fails to listen still holds the store for a moment.
async fn start(config: Config, listen: SocketAddr) -> Result<Daemon, String> {
    let taken = std::net::TcpListener::bind(listen).is_err();
    let listen = if taken { SocketAddr::new(listen.ip(), 0) } else { listen };
    let options = Options { listen: vec![listen], ..Options::default() };
    Daemon::start(config, options).await.map_err(|why| chain(&why))
}

async fn show(daemon: &Daemon, address: SocketAddr, lasting: Option<Duration>) {
    let is_terminal = std::io::stdout().is_terminal();
    let output = if is_terminal { TableOutput::Terminal } else { TableOutput::Lines };
    let mut table = DemoTable::new(output, width()).with_page(format!("http://{address}/"));
    write(&table.heading());
    let mut happened = daemon.listen();
    let mut frames = tokio::time::interval(FRAME);
    let end = async {
        match lasting {
            Some(lasting) => tokio::time::sleep(lasting).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let stop = stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            heard = happened.recv() => match heard {
                Ok(RecordedEvent(entry)) => {
                    if let Some(line) = table.line(&entry) {
                        print(&line);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => (),
                Err(broadcast::error::RecvError::Closed) => break,
            },
            _ = frames.tick() => {
                table.resize(width());
                write(&table.frame(&daemon.view()));
            }
            () = &mut end => break,
            () = &mut stop => break,
        }
    }
    write(&table.summary(&daemon.view()));
}

/// Ends when someone asks for it.
async fn stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = tokio::signal::ctrl_c() => (),
    }
}

/// The terminal's width.
fn width() -> u16 {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0)
}
