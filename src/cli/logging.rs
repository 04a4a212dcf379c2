//! The log: structured lines on standard error.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use anchorwatch_core::untrusted::{escape_json, escape_line};

/// The least urgent lines that are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum LogLevel {
    /// Every poll.
    Debug,
    /// Changes of bundles, findings and the configuration.
    Info,
    /// Something needs attention.
    Warn,
    /// A critical finding, or anchorwatch itself failed.
    Error,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people: time, level, message, `key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Begins to log. A second call changes nothing.
pub(super) fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Ours at the level asked for; the libraries below us only when they warn.
    let filter = EnvFilter::new(format!("warn,anchorwatch={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let started = match format {
        LogFormat::Logfmt => {
            let builder = builder.with_writer(|| LogLine(escape_line));
            builder.with_target(false).with_ansi(false).try_init()
        }
        LogFormat::Json => {
            let builder = builder.with_writer(|| LogLine(escape_json));
            builder.json().flatten_event(true).with_target(false).try_init()
        }
    };
    // Someone else's subscriber is there already: in a test.
    drop(started);
}

/// A line of the log on its way to standard error, and how what is hidden in it is shown: libraries
/// log what peers sent.
struct LogLine(fn(&str) -> Cow<'_, str>);

impl Write for LogLine {
    /// Takes a whole line, as the formatter writes it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let (line, end) = line.strip_suffix('\n').map_or((&*line, ""), |line| (line, "\n"));
        let Self(escape) = self;
        io::stderr().write_all(format!("{}{end}", escape(line)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
