//! What is known of each name: whether a look-up runs, how fast the last ones were, and the last
//! good addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::lanes::LookupSpeed;
use super::{Found, Pace, SLOW_AFTER, TurnSpeed};
use anchorwatch_core::time::Timestamp;

/// The most names that are known. Configured names and endpoints are all that come in, so only
/// those of a great many reloads are more.
const MAX_NAMES: usize = 262_144;

/// How far a look-up came.
#[derive(Clone, Debug)]
pub(super) enum LookupProgress {
    Queued,
    Running,
    Done(Found),
}

/// The look-up that someone waits for.
#[derive(Debug)]
pub(super) enum Join {
    /// There is none: it is to be begun.
    New(watch::Sender<LookupProgress>, watch::Receiver<LookupProgress>),
    /// It is under way.
    UnderWay(watch::Receiver<LookupProgress>),
    /// One of another host is under way for the same name, and must end first.
    Other(watch::Receiver<LookupProgress>),
}

/// All names.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<Box<str>, Name>>);

#[derive(Debug, Default)]
struct Name {
    under_way: Option<(Box<str>, watch::Receiver<LookupProgress>)>,
    pace: Pace,
    /// Whether a look-up was ever fast.
    proven: bool,
    last_good: Option<LastGood>,
}

#[derive(Debug)]
struct LastGood {
    host: Box<str>,
    addresses: Arc<[IpAddr]>,
    looked_up_at: Timestamp,
    /// The same moment, by the clock that nobody sets.
    since: Instant,
}

impl Names {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the look-up of `host`, or makes room for one.
    pub(super) fn join(&self, name: &str, host: &str) -> Join {
        let mut names = self.lock();
        if MAX_NAMES <= names.len() && !names.contains_key(name) {
            names.retain(|_, known| known.under_way.is_some());
        }
        let known = names.entry(name.into()).or_default();
        match &known.under_way {
            Some((running, progress)) if **running == *host => Join::UnderWay(progress.clone()),
            Some((_, progress)) => Join::Other(progress.clone()),
            None => {
                let (sender, receiver) = watch::channel(LookupProgress::Queued);
                known.under_way = Some((host.into(), receiver.clone()));
                Join::New(sender, receiver)
            }
        }
    }

    pub(super) fn is_slow(&self, name: &str) -> bool {
        self.lock().get(name).is_some_and(|known| known.pace.is_slow())
    }

    /// The last good addresses of `host`, and when they were looked up, where they are not older
    /// than `age`.
    pub(super) fn last_good(
        &self,
        name: &str,
        host: &str,
        age: Duration,
    ) -> Option<(Arc<[IpAddr]>, Timestamp)> {
        let names = self.lock();
        let last = names.get(name)?.last_good.as_ref()?;
        let usable = *last.host == *host && last.since.elapsed() <= age;
        usable.then(|| (Arc::clone(&last.addresses), last.looked_up_at))
    }
}

/// A look-up that was begun. Whatever becomes of it, even a panic of the resolver, its name is free
/// again when it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    names: Arc<Names>,
    name: Box<str>,
}

impl Running {
    pub(super) fn new(names: Arc<Names>, name: &str) -> Self {
        Self { names, name: name.into() }
    }

    pub(super) fn standing(&self) -> LookupSpeed {
        match self.names.lock().get(&self.name) {
            Some(known) if known.pace.is_slow() => LookupSpeed::Slow,
            Some(known) if known.proven => LookupSpeed::Proven,
            Some(_) | None => LookupSpeed::New,
        }
    }

    /// It has not returned in time, and may never.
    pub(super) fn mark_slow(&self) {
        if let Some(known) = self.names.lock().get_mut(&self.name) {
            known.pace.record(TurnSpeed::Slow);
        }
    }

    /// Takes down how it ended.
    pub(super) fn end(
        self,
        host: &str,
        took: Duration,
        found: Option<(&Arc<[IpAddr]>, Timestamp)>,
    ) {
        if let Some(known) = self.names.lock().get_mut(&self.name) {
            let slow = SLOW_AFTER <= took;
            known.pace.record(if slow { TurnSpeed::Slow } else { TurnSpeed::Fast });
            known.proven |= !slow;
            if let Some((addresses, looked_up_at)) = found {
                known.last_good = Some(LastGood {
                    host: host.into(),
                    addresses: Arc::clone(addresses),
                    looked_up_at,
                    since: Instant::now(),
                });
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(known) = self.names.lock().get_mut(&self.name) {
            known.under_way = None;
        }
    }
}
