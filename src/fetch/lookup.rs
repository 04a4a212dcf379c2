//! From a name to addresses, without letting one dead name server hold up the rest.
//!
//! A system look-up blocks a thread and cannot be called off, so a poll that gives up leaves its
//! look-up running. Hence the bounds: on look-ups in all, on those of names that have been slow,
//! and one at a time of each name.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::limits::Limits;
use super::refusal::Refusal;
use crate::watch::FailureReason;

/// The most names that are remembered as slow.
const LAGGARDS: usize = 65_536;

/// A look-up under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What finds the addresses of a name.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, in the order in which they are to be tried.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The system's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Whose choice a name was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NamedBy {
    /// The operator's.
    Configuration,
    /// A foreign endpoint's, in a redirect.
    Redirect,
}

type Found = Result<Arc<[IpAddr]>, Arc<str>>;

#[derive(Clone)]
enum Progress {
    Queued,
    Running,
    Done(Found),
}

/// All look-ups of a watch.
#[derive(Clone)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    names: Arc<Mutex<Names>>,
}

#[derive(Default)]
struct Names {
    under_way: HashMap<Box<str>, watch::Receiver<Progress>>,
    laggards: HashSet<Box<str>>,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            quick: Arc::new(Semaphore::new(Limits::LOOKUPS)),
            slow: Arc::new(Semaphore::new(Limits::SLOW_LOOKUPS)),
            names: Arc::default(),
        }
    }

    /// The addresses of `host`, each once, at most `most`, at least one.
    pub(super) async fn find(
        &self,
        host: &str,
        named_by: NamedBy,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Refusal> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut progress = self.join(host, named_by);
        let Ok(found) = timeout_at(deadline, done(&mut progress)).await else {
            if matches!(*progress.borrow(), Progress::Running) {
                self.names().lag(host);
            }
            let detail = format!("looking up {host}: no answer in time");
            return Err(Refusal::new(FailureReason::Timeout, detail));
        };
        let failed =
            |cause: &str| Refusal::new(FailureReason::Dns, format!("looking up {host}: {cause}"));
        let found = found.map_err(|cause| failed(&cause))?;
        let mut addresses: Vec<IpAddr> = Vec::with_capacity(found.len().min(most));
        for address in found.iter() {
            if addresses.len() < most && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        if addresses.is_empty() {
            return Err(failed("the name has no address"));
        }
        Ok(addresses)
    }

    /// The look-up of `host` that is under way, or a new one.
    fn join(&self, host: &str, named_by: NamedBy) -> watch::Receiver<Progress> {
        let mut names = self.names();
        if let Some(progress) = names.under_way.get(host) {
            return progress.clone();
        }
        let (sender, receiver) = watch::channel(Progress::Queued);
        names.under_way.insert(host.into(), receiver.clone());
        let slow = named_by == NamedBy::Redirect || names.laggards.contains(host);
        drop(names);
        let lookups = self.clone();
        let host: Box<str> = host.into();
        tokio::spawn(async move {
            // Whatever becomes of it, even a panic of the resolver, the name must be free again.
            let guard = UnderWay { lookups: &lookups, host: &host };
            let bound = if slow { &lookups.slow } else { &lookups.quick };
            let permit = bound.acquire().await;
            sender.send_replace(Progress::Running);
            let found = lookups.resolver.resolve(&host).await;
            drop(permit);
            lookups.names().laggards.remove(&*host);
            drop(guard);
            let found = found.map(Arc::from).map_err(|error| Arc::from(error.to_string()));
            sender.send_replace(Progress::Done(found));
        });
        receiver
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn lag(&mut self, host: &str) {
        if LAGGARDS <= self.laggards.len() {
            self.laggards.clear();
        }
        self.laggards.insert(host.into());
    }
}

async fn done(progress: &mut watch::Receiver<Progress>) -> Found {
    let done = progress.wait_for(|progress| matches!(progress, Progress::Done(_))).await;
    match done.as_deref() {
        Ok(Progress::Done(found)) => found.clone(),
        // The resolver panicked, or the runtime is going down.
        Ok(Progress::Queued | Progress::Running) | Err(_) => Err("the look-up was lost".into()),
    }
}

struct UnderWay<'a> {
    lookups: &'a Lookups,
    host: &'a str,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.lookups.names().under_way.remove(self.host);
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookups")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Zones;

    impl Resolve for Zones {
        fn resolve(&self, host: &str) -> Resolving {
            let host = host.to_owned();
            Box::pin(async move {
                match host.rsplit('.').next() {
                    Some("dead") => std::future::pending().await,
                    Some("none") => Err(io::Error::other("no such name")),
                    _ => Ok(vec![
                        [192, 0, 2, 1].into(),
                        [192, 0, 2, 1].into(),
                        [192, 0, 2, 2].into(),
                    ]),
                }
            })
        }
    }

    async fn find(
        lookups: &Lookups,
        host: &str,
        within: Duration,
    ) -> Result<Vec<IpAddr>, FailureReason> {
        let deadline = Instant::now() + within;
        let found = lookups.find(host, NamedBy::Configuration, 16, deadline).await;
        // Lets the look-ups that were begun get to where they wait.
        tokio::task::yield_now().await;
        found.map_err(|refusal| refusal.reason)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_told_from_one_that_is_slow() {
        let lookups = Lookups::new(Arc::new(Zones));
        assert_eq!(find(&lookups, "a.none", LONG).await, Err(FailureReason::Dns));
        let slow = find(&lookups, "a.dead", Duration::ZERO).await;
        assert_eq!(slow, Err(FailureReason::Timeout));
        let both = vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        assert_eq!(find(&lookups, "a.good", LONG).await, Ok(both));
        assert_eq!(find(&lookups, "::1", LONG).await, Ok(vec!["::1".parse().unwrap()]));
    }

    #[tokio::test]
    async fn one_dead_name_takes_one_look_up_however_often_it_is_polled() {
        let lookups = Lookups::new(Arc::new(Zones));
        for _ in 0..Limits::LOOKUPS * 2 {
            let slow = find(&lookups, "a.dead", Duration::ZERO).await;
            assert_eq!(slow, Err(FailureReason::Timeout));
        }
        assert_eq!(lookups.quick.available_permits(), Limits::LOOKUPS - 1);
        assert!(find(&lookups, "a.good", LONG).await.is_ok());
    }

    #[tokio::test]
    async fn names_that_were_slow_cannot_take_the_place_of_the_others() {
        let lookups = Lookups::new(Arc::new(Zones));
        for place in 0..Limits::LOOKUPS * 2 {
            let host = format!("{place}.dead");
            lookups.names().lag(&host);
            let slow = find(&lookups, &host, Duration::ZERO).await;
            assert_eq!(slow, Err(FailureReason::Timeout));
        }
        assert_eq!(lookups.slow.available_permits(), 0);
        assert!(find(&lookups, "a.good", LONG).await.is_ok());
    }

    #[tokio::test]
    async fn the_name_that_a_redirect_chose_is_looked_up_among_the_slow() {
        let lookups = Lookups::new(Arc::new(Zones));
        let slow = lookups.find("a.dead", NamedBy::Redirect, 16, Instant::now()).await;
        assert_eq!(slow.unwrap_err().reason, FailureReason::Timeout);
        tokio::task::yield_now().await;
        assert_eq!(lookups.quick.available_permits(), Limits::LOOKUPS);
    }
}
