//! From a name to addresses, so that one dead name server holds up its own names alone.
//!
//! Names are looked up by the system's own resolver, `getaddrinfo`, and not by an asynchronous one.
//! A watch must find an endpoint where its consumers find it: by `/etc/hosts`, by the modules of
//! `nsswitch.conf` (mDNS, systemd-resolved, sssd), by the search list and the options of
//! `resolv.conf` as this host's library reads them. A second implementation differs in some of
//! these, and brings a DNS codec that reads foreign bytes in this process.
//!
//! The price is that a look-up blocks a thread and cannot be called off. Hence the rules:
//!
//! - Look-ups have threads of their own, so that hung ones take none of those that write the store.
//! - Their number is bounded, and the bound is divided into lanes: names whose last look-ups were
//!   fast, names that were never looked up, and names that were slow, which have a quarter. No lane
//!   waits for another.
//! - A look-up that is not done within [`SLOW_AFTER`] counts as slow from that moment, and takes a
//!   place of the slow lane until it returns, where one is free.
//! - Only fast look-ups take the mark of a slow name away, several in a row: neither an error that
//!   came late nor one fast look-up among slow ones does.
//! - Each name has one look-up at a time, which all who ask for it share.
//! - While a look-up is slow, or fails, the addresses of the last good one are used, and whoever
//!   asked is told so. They are used for at most [`MAX_ADDRESS_AGE`].
//!
//! Old addresses are safe to use where TLS proves who answers: under `https_spiffe` the endpoint's
//! SVID, under `https_web` the certificate for the name. Where nothing does,
//! [`OldAddresses::Refuse`] is for the caller to say.

mod lanes;
mod names;
mod pace;
mod system;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use anchorwatch_core::time::{Clock, Timestamp};
use lanes::Lanes;
use names::{Join, LookupProgress, Names, Running};

pub use pace::{Pace, TurnSpeed};
pub use system::SystemResolver;

/// A look-up that takes longer is slow. One of a healthy name takes milliseconds, and a second even
/// where the name server asks several others; the first retry of `resolv.conf` comes after 5 s.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);
/// How old addresses may be that are used instead of a new look-up. An hour bridges an outage of a
/// name server (RFC 8767 lets resolvers bridge one to three days). Whoever takes a name away wants
/// it gone, though, and consumers without old answers fail at once: longer would hide that.
pub const MAX_ADDRESS_AGE: Duration = Duration::from_hours(1);
/// The most addresses that are kept of one name.
const MAX_KEPT_ADDRESSES: usize = 64;

/// A look-up under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What finds the addresses of a name.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, in the order in which they are to be tried.
    fn resolve(&self, host: &str) -> Resolving;
}

/// Who chose a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NamedBy<'a> {
    /// The operator.
    Configuration,
    /// A foreign endpoint, in a redirect. All redirects of one endpoint are one name here: they
    /// have one look-up at a time, and one mark, however many names they lead to.
    Redirect {
        /// Where the endpoint was asked, as its URL.
        endpoint: &'a str,
    },
}

/// Whether the addresses of an earlier look-up may be used while a new one is slow or fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OldAddresses {
    /// They may: whoever answers there must prove who it is.
    Use,
    /// They may not: nothing tells who answers there.
    Refuse,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name, or an address, which is its own answer.
    pub host: &'a str,
    /// Who chose it.
    pub named_by: NamedBy<'a>,
    /// Whether old addresses will do.
    pub old_addresses: OldAddresses,
    /// The most addresses in the answer.
    pub most: usize,
    /// Until when an answer is wanted.
    pub deadline: Instant,
}

/// The addresses of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// Each once, in the order in which they are to be tried; at least one.
    pub addresses: Vec<IpAddr>,
    /// Set where they are those of an earlier look-up.
    pub stale: Option<Stale>,
}

/// Why the addresses of an earlier look-up were used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stale {
    /// The name.
    pub host: Box<str>,
    /// When the earlier look-up gave them.
    pub looked_up_at: Timestamp,
    /// Why the new look-up failed; `None` where it was not done in time.
    pub failure: Option<Arc<str>>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, looked_up_at, failure } = self;
        write!(f, "addresses of {host} from {looked_up_at} are used: ")?;
        match failure {
            Some(why) => write!(f, "the look-up fails: {why}"),
            None => f.write_str("the look-up is slow"),
        }
    }
}

/// Why there are no addresses.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LookupError {
    /// The look-up was not done by the deadline.
    #[error("no answer in time{}", if *.queued { ": it waited for others" } else { "" })]
    TimedOut {
        /// Whether it had not begun: the places of its lane were taken.
        queued: bool,
    },
    /// The name could not be looked up, or has no address.
    #[error("{0}")]
    Failed(Arc<str>),
}

/// All look-ups of a process.
#[derive(Clone)]
pub struct Lookups {
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    lanes: Arc<Lanes>,
    names: Arc<Names>,
}

impl Lookups {
    /// The most look-ups at one time, where nobody says.
    pub const PLACES: usize = system::MAX_THREADS;

    /// Looks names up by `resolver`, at most `places` at one time, at least three.
    pub fn new(resolver: Arc<dyn Resolve>, clock: Arc<dyn Clock>, places: usize) -> Self {
        Self { resolver, clock, lanes: Arc::new(Lanes::divide(places)), names: Arc::default() }
    }

    /// The addresses of a name.
    ///
    /// It ends by the deadline, and may be dropped: the look-up goes on for whoever asks next.
    ///
    /// # Errors
    ///
    /// [`LookupError`] where the look-up failed or was not done in time, and no old addresses may
    /// be used.
    pub async fn find(&self, question: Question<'_>) -> Result<Addresses, LookupError> {
        let Question { host, named_by, most, deadline, .. } = question;
        if let Ok(address) = host.parse() {
            return Ok(Addresses { addresses: vec![address], stale: None });
        }
        let name = match named_by {
            NamedBy::Configuration => host,
            NamedBy::Redirect { endpoint } => endpoint,
        };
        let last_good = match question.old_addresses {
            OldAddresses::Use => self.names.last_good(name, host, MAX_ADDRESS_AGE),
            OldAddresses::Refuse => None,
        };
        let now = Instant::now();
        let patience = match &last_good {
            None => deadline,
            // It was slow the last time: the look-up goes on beside, and the next poll has it.
            Some(_) if self.names.is_slow(name) => now,
            // What is left must do for the exchange itself.
            Some(_) => now + SLOW_AFTER.min(deadline.saturating_duration_since(now) / 4),
        };
        let mut queued = true;
        let found = timeout_at(patience, self.look_up(name, host, &mut queued)).await;
        let failure = match found {
            Ok(Ok(addresses)) => return Ok(Addresses::of(&addresses, most, None)),
            Ok(Err(why)) => Some(why),
            Err(_) => None,
        };
        if let Some((addresses, looked_up_at)) = last_good {
            let stale = Stale { host: host.into(), looked_up_at, failure };
            return Ok(Addresses::of(&addresses, most, Some(stale)));
        }
        Err(failure.map_or(LookupError::TimedOut { queued }, LookupError::Failed))
    }

    /// Waits for the look-up of `host` that is under way, or for a new one.
    async fn look_up(&self, name: &str, host: &str, queued: &mut bool) -> Found {
        loop {
            let (mut progress, is_ours) = match self.names.join(name, host) {
                Join::New(sender, receiver) => {
                    self.begin(name, host, sender);
                    (receiver, true)
                }
                Join::UnderWay(receiver) => (receiver, true),
                // Another name that the same endpoint redirected to before.
                Join::Other(receiver) => (receiver, false),
            };
            let begun = |progress: &LookupProgress| !matches!(progress, LookupProgress::Queued);
            if progress.wait_for(begun).await.is_ok() {
                *queued = false;
            }
            let found = done(&mut progress).await;
            if is_ours {
                return found;
            }
        }
    }

    fn begin(&self, name: &str, host: &str, progress: watch::Sender<LookupProgress>) {
        let running = Running::new(Arc::clone(&self.names), name);
        let lookups = self.clone();
        let host: Box<str> = host.into();
        tokio::spawn(async move {
            let mut place = lookups.lanes.enter(running.standing()).await;
            progress.send_replace(LookupProgress::Running);
            let began = Instant::now();
            let mut resolving = lookups.resolver.resolve(&host);
            let found = if let Ok(found) = timeout(SLOW_AFTER, &mut resolving).await {
                found
            } else {
                running.mark_slow();
                lookups.lanes.move_to_slow(&mut place);
                resolving.await
            };
            drop(place);
            let found = usable(found);
            let looked_up_at = lookups.clock.now();
            running.end(
                &host,
                began.elapsed(),
                found.as_ref().ok().map(|found| (found, looked_up_at)),
            );
            progress.send_replace(LookupProgress::Done(found));
        });
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookups")
    }
}

impl Addresses {
    fn of(addresses: &[IpAddr], most: usize, stale: Option<Stale>) -> Self {
        Self { addresses: addresses.iter().copied().take(most.max(1)).collect(), stale }
    }
}

async fn done(progress: &mut watch::Receiver<LookupProgress>) -> Found {
    let done = progress.wait_for(|progress| matches!(progress, LookupProgress::Done(_))).await;
    match done.as_deref() {
        Ok(LookupProgress::Done(found)) => found.clone(),
        // The resolver panicked, or the runtime is going down.
        Ok(LookupProgress::Queued | LookupProgress::Running) | Err(_) => {
            Err("the look-up was lost".into())
        }
    }
}

/// What came of a look-up: addresses, each once and at least one, or why there are none.
type Found = Result<Arc<[IpAddr]>, Arc<str>>;

fn usable(found: io::Result<Vec<IpAddr>>) -> Found {
    let found = found.map_err(|error| Arc::from(error.to_string()))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if addresses.len() < MAX_KEPT_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("the name has no address".into()) } else { Ok(addresses.into()) }
}

#[cfg(test)]
mod tests;
