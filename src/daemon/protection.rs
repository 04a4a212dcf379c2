//! `--web.config.file` while the daemon runs: read again when one of its files has changed.

use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::{HeaderName, HeaderValue};
use tracing::{error, info, warn};

use crate::config::{LoadError, WebConfig};
use crate::web::{Protect, Protection};

/// While what is there is bad, it is read again this often: it may name a file that is to come.
const RETRY: Duration = Duration::from_secs(5);

/// The web configuration that runs.
#[derive(Clone, Debug)]
pub(crate) struct WebFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    current: ArcSwap<Protection>,
    verifies_clients: bool,
    seen: Mutex<Seen>,
}

/// What the files looked like when they were read.
#[derive(Debug)]
struct Seen {
    stamps: Vec<(PathBuf, Stamp)>,
    /// Why what is there is not taken, and when that was found.
    refused: Option<(String, Instant)>,
}

/// Length, inode and the times of the last change; `None` where there is no file.
type Stamp = Option<(u64, u64, i64, i64, i64, i64)>;

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    let (changed, within) = (meta.ctime(), meta.ctime_nsec());
    Some((meta.len(), meta.ino(), meta.mtime(), meta.mtime_nsec(), changed, within))
}

impl WebFile {
    /// Reads the file at `path` and those that it names.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        // As they are before the reading: what changes meanwhile is seen the next time.
        let (stamps, config) = read(path)?;
        for warning in &config.warnings {
            warn!(file = %path.display(), warning, "web configuration");
        }
        let verifies_clients = config.verifies_clients;
        let current = ArcSwap::from_pointee(protection(config));
        let seen = Mutex::new(Seen { stamps, refused: None });
        Ok(Self(Arc::new(Inner { path: path.to_owned(), current, verifies_clients, seen })))
    }

    /// Reads all again, whether it changed or not. The old one stays where the new one is bad.
    pub(crate) async fn reload(&self) -> Result<(), String> {
        let inner = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            let mut seen = inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
            inner.read_anew(&mut seen);
            seen.refused.as_ref().map(|(why, _)| why.clone())
        });
        match read.await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            Err(_) => Err("interrupted".to_owned()),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.0.current.load().tls.is_some()
    }

    fn is_authenticated(&self) -> bool {
        self.0.verifies_clients || !self.0.current.load().users.is_empty()
    }
}

impl Protect for WebFile {
    fn current(&self) -> Pin<Box<dyn Future<Output = Arc<Protection>> + Send + '_>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let looking = Arc::clone(&inner);
            // Where the runtime ends, the one that was there is as good as any.
            drop(tokio::task::spawn_blocking(move || looking.look()).await);
            inner.current.load_full()
        })
    }
}

impl Inner {
    /// Reads what has changed. While another looks, nobody waits.
    fn look(&self) {
        let mut seen: MutexGuard<'_, Seen> = match self.seen.try_lock() {
            Ok(seen) => seen,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let is_due = seen.refused.as_ref().is_some_and(|(_, at)| RETRY <= at.elapsed());
        if is_due || seen.stamps.iter().any(|(path, old)| stamp(path) != *old) {
            self.read_anew(&mut seen);
        }
    }

    fn read_anew(&self, seen: &mut Seen) {
        let before: Vec<_> =
            seen.stamps.iter().map(|(path, _)| (path.clone(), stamp(path))).collect();
        let taken = read(&self.path).map_err(|why| why.to_string()).and_then(|(stamps, config)| {
            if self.verifies_clients && !config.verifies_clients {
                return Err(
                    "that clients need no certificate is decided at the start: restart".into()
                );
            }
            let next = protection(config);
            weaker(&self.current.load(), &next).map_or(Ok((stamps, next)), |why| Err(why.into()))
        });
        match taken {
            Ok((stamps, next)) => {
                info!(file = %self.path.display(), "web configuration read again");
                self.current.store(Arc::new(next));
                *seen = Seen { stamps, refused: None };
            }
            Err(why) => {
                if seen.refused.as_ref().is_none_or(|(known, _)| *known != why) {
                    for fault in why.lines() {
                        error!(fault, "web configuration refused, the old one stays");
                    }
                }
                *seen = Seen { stamps: before, refused: Some((why, Instant::now())) };
            }
        }
    }
}

/// The configuration, and its files as they were before they were read.
fn read(path: &Path) -> Result<(Vec<(PathBuf, Stamp)>, WebConfig), LoadError> {
    // Which files there are is known only after a first reading. Where the file itself changes
    // before the second, its stamp says so the next time.
    let files = WebConfig::load(path)?.files;
    let stamps = files.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
    Ok((stamps, WebConfig::load(path)?))
}

/// What a file that is being written, or one that was emptied, must not do to a daemon that runs.
fn weaker(old: &Protection, next: &Protection) -> Option<&'static str> {
    if old.tls.is_some() != next.tls.is_some() {
        return Some("whether TLS is spoken is decided at the start: restart");
    }
    if !old.users.is_empty() && next.users.is_empty() {
        return Some("that everybody may ask again is decided at the start: restart");
    }
    None
}

fn protection(config: WebConfig) -> Protection {
    let header = |(name, value): &(Box<str>, Box<str>)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    Protection {
        headers: config.headers.iter().filter_map(header).collect(),
        tls: config.tls,
        users: config.users,
        rate_limit: config.rate_limit,
    }
}

/// Says where anybody who reaches the port reads what is watched, or a password on its way.
pub(super) fn warn_of_exposure(address: SocketAddr, file: Option<&WebFile>) {
    if address.ip().is_loopback() {
        return;
    }
    let encrypted = file.is_some_and(WebFile::is_encrypted);
    let authenticated = file.is_some_and(WebFile::is_authenticated);
    let why = match (encrypted, authenticated) {
        (true, true) => return,
        (true, false) => "whoever reaches it may ask: set basic_auth_users or client_auth_type",
        (false, true) => "passwords are sent in the clear: set tls_server_config",
        (false, false) => "without TLS, and whoever reaches it may ask: see --web.config.file",
    };
    warn!(%address, why, "HTTP is served beyond loopback");
}
