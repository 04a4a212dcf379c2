//! The log: structured lines on standard error.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// The least urgent lines that are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Level {
    /// Each poll.
    Debug,
    /// Changes.
    Info,
    /// The world needs someone.
    Warn,
    /// This process, or something critical, needs someone.
    Error,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// For people: time, level, message, `key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Begins to log. A second call changes nothing.
pub(super) fn start(level: Level, format: Format) {
    let level = match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    // Ours at the level asked for; the libraries below us only when they warn.
    let filter = EnvFilter::new(format!("warn,anchorwatch={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Logfmt => builder.with_target(false).with_ansi(false).try_init(),
        Format::Json => builder.json().flatten_event(true).with_target(false).try_init(),
    };
    // Someone else's subscriber is there already: in a test.
    drop(started);
}
