use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::lanes::LookupSpeed;
use super::*;
use crate::clock::ManualClock;

const LONG: Duration = Duration::from_mins(1);
const PLACES: usize = 32;

fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_unix(1_795_000_000)))
}

/// Name servers. Names under `dead` are never answered. Those under `sick` fail once
/// the test says so.
struct Zones {
    gate: Arc<Semaphore>,
    asked: AtomicUsize,
}

impl Resolve for Zones {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (host, gate) = (host.to_owned(), Arc::clone(&self.gate));
        Box::pin(async move {
            match host.rsplit('.').next() {
                Some("dead") => std::future::pending().await,
                Some("none") => Err(io::Error::other("no such name")),
                Some("empty") => Ok(Vec::new()),
                Some("sick") => {
                    gate.acquire_owned().await.unwrap().forget();
                    Err(io::Error::other("server failure"))
                }
                _ => Ok(vec![[192, 0, 2, 1].into(), [192, 0, 2, 1].into(), [192, 0, 2, 2].into()]),
            }
        })
    }
}

/// A resolver that the test keeps a hold of.
struct Shared<R>(Arc<R>);

impl<R: Resolve> Resolve for Shared<R> {
    fn resolve(&self, host: &str) -> Resolving {
        self.0.resolve(host)
    }
}

fn both() -> Vec<IpAddr> {
    vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()]
}

/// Look-ups, and the gate of their name servers.
fn lookups() -> (Lookups, Arc<Zones>) {
    lookups_at(PLACES)
}

fn lookups_at(places: usize) -> (Lookups, Arc<Zones>) {
    let zones = Arc::new(Zones { gate: Arc::new(Semaphore::new(0)), asked: AtomicUsize::new(0) });
    let resolver = Arc::new(Shared(Arc::clone(&zones)));
    (Lookups::new(resolver, noon(), places), zones)
}

fn question(host: &str, within: Duration) -> Question<'_> {
    Question {
        host,
        named_by: NamedBy::Configuration,
        old_addresses: OldAddresses::Use,
        most: 16,
        deadline: Instant::now() + within,
    }
}

async fn find(lookups: &Lookups, host: &str, within: Duration) -> Result<Addresses, LookupError> {
    let found = lookups.find(question(host, within)).await;
    // Lets the look-ups that were begun get to where they wait.
    tokio::task::yield_now().await;
    found
}

fn fresh() -> Addresses {
    Addresses { addresses: both(), stale: None }
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, waiting).await.expect("it happens");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_from_one_that_is_slow() {
    let (lookups, _) = lookups();
    let failed = |why: &str| Err(LookupError::Failed(why.into()));
    assert_eq!(find(&lookups, "a.none", LONG).await, failed("no such name"));
    assert_eq!(find(&lookups, "a.empty", LONG).await, failed("the name has no address"));
    let slow = find(&lookups, "a.dead", Duration::from_millis(20)).await;
    assert_eq!(slow, Err(LookupError::TimedOut { queued: false }));
    assert_eq!(find(&lookups, "a.good", LONG).await, Ok(fresh()));
    let literal = find(&lookups, "::1", LONG).await.unwrap();
    assert_eq!(literal.addresses, ["::1".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn one_dead_name_takes_one_look_up_however_often_it_is_asked_for() {
    let (lookups, zones) = lookups();
    for _ in 0..PLACES * 2 {
        assert!(find(&lookups, "a.dead", Duration::ZERO).await.is_err());
    }
    assert_eq!(zones.asked.load(Ordering::Relaxed), 1);
    assert_eq!(find(&lookups, "a.good", LONG).await, Ok(fresh()));
}

#[tokio::test]
async fn names_whose_look_up_failed_slowly_take_places_of_the_slow_lane_alone() {
    const NAMES: usize = 200;
    const LANE: usize = 256;
    let (lookups, zones) = lookups_at(LANE * 4);
    let free = |standing| lookups.lanes.free(standing);
    for round in 0..3 {
        for place in 0..NAMES {
            assert!(find(&lookups, &format!("{place}.sick"), Duration::ZERO).await.is_err());
        }
        if round == 0 {
            assert_eq!(free(LookupSpeed::New), LANE - NAMES);
        }
        // After a second in the first round, at once in the others.
        until(|| free(LookupSpeed::Slow) == LANE - NAMES).await;
        assert_eq!(free(LookupSpeed::New), LANE, "round {round}");
        assert_eq!(free(LookupSpeed::Proven), LANE * 2, "round {round}");
        assert_eq!(find(&lookups, "b.good", LONG).await, Ok(fresh()));
        tokio::time::sleep(SLOW_AFTER).await;
        zones.gate.add_permits(NAMES);
        until(|| free(LookupSpeed::Slow) == LANE).await;
    }
}

#[tokio::test]
async fn a_look_up_that_never_returns_counts_among_the_slow() {
    let (lookups, _) = lookups();
    for place in 0..PLACES / 4 {
        assert!(find(&lookups, &format!("{place}.dead"), Duration::ZERO).await.is_err());
    }
    assert_eq!(lookups.lanes.free(LookupSpeed::New), 0);
    // Once they are slow, the names that are new have their places again.
    until(|| lookups.lanes.free(LookupSpeed::New) == PLACES / 4).await;
    assert_eq!(lookups.lanes.free(LookupSpeed::Slow), 0);
    assert_eq!(find(&lookups, "a.good", LONG).await, Ok(fresh()));
    // A slow name waits for one of them, which never ends, and is told so.
    let waits = find(&lookups, "0.dead", Duration::from_millis(20)).await;
    assert_eq!(waits, Err(LookupError::TimedOut { queued: false }));
}

#[tokio::test]
async fn names_that_were_fast_have_places_that_no_new_name_takes() {
    let (lookups, _) = lookups();
    assert_eq!(find(&lookups, "a.good", LONG).await, Ok(fresh()));
    for place in 0..PLACES * 4 {
        assert!(find(&lookups, &format!("{place}.dead"), Duration::ZERO).await.is_err());
    }
    until(|| lookups.lanes.free(LookupSpeed::Slow) == 0).await;
    assert_eq!(lookups.lanes.free(LookupSpeed::New), 0);
    for _ in 0..8 {
        assert_eq!(find(&lookups, "a.good", LONG).await, Ok(fresh()));
    }
    let queued = find(&lookups, "b.good", Duration::from_millis(20)).await;
    assert_eq!(queued, Err(LookupError::TimedOut { queued: true }));
}

#[tokio::test]
async fn redirects_of_one_endpoint_have_one_look_up_at_a_time() {
    let (lookups, zones) = lookups();
    let ask = |host: &'static str, endpoint: &'static str| {
        let named_by = NamedBy::Redirect { endpoint };
        lookups.find(Question { named_by, ..question(host, Duration::from_millis(50)) })
    };
    for host in ["a.dead", "b.dead", "c.dead"] {
        assert!(ask(host, "https://evil.example/").await.is_err());
    }
    assert_eq!(zones.asked.load(Ordering::Relaxed), 1);
    // Neither the same name elsewhere nor another endpoint waits for it.
    assert_eq!(ask("a.good", "https://b.example/").await, Ok(fresh()));
    assert_eq!(find(&lookups, "c.good", LONG).await, Ok(fresh()));
}

/// A name that is good, then hangs, then fails.
struct Fickle {
    state: AtomicI64,
}

impl Resolve for Fickle {
    fn resolve(&self, _host: &str) -> Resolving {
        let state = self.state.load(Ordering::Relaxed);
        Box::pin(async move {
            match state {
                0 => Ok(both()),
                1 => std::future::pending().await,
                _ => Err(io::Error::other("server failure")),
            }
        })
    }
}

fn fickle(state: i64) -> (Lookups, Arc<Fickle>) {
    let fickle = Arc::new(Fickle { state: AtomicI64::new(state) });
    let resolver = Arc::new(Shared(Arc::clone(&fickle)));
    (Lookups::new(resolver, noon(), PLACES), fickle)
}

#[tokio::test]
async fn the_last_good_addresses_are_used_and_reported_while_a_look_up_is_slow() {
    let (lookups, zone) = fickle(0);
    assert_eq!(find(&lookups, "b.example", LONG).await, Ok(fresh()));
    zone.state.store(1, Ordering::Relaxed);
    for _ in 0..3 {
        let found = find(&lookups, "b.example", LONG).await.unwrap();
        assert_eq!(found.addresses, both());
        let stale = found.stale.unwrap();
        assert_eq!((stale.looked_up_at, &stale.failure), (noon().now(), &None));
        let text = stale.to_string();
        assert!(text.ends_with("are used: the look-up is slow"), "{text}");
    }
    let refused = OldAddresses::Refuse;
    let question = Question { old_addresses: refused, ..question("b.example", SLOW_AFTER / 10) };
    let refused = lookups.find(question).await;
    assert_eq!(refused, Err(LookupError::TimedOut { queued: false }));
}

#[tokio::test]
async fn the_last_good_addresses_are_used_and_reported_while_a_look_up_fails() {
    let (lookups, zone) = fickle(0);
    assert_eq!(find(&lookups, "b.example", LONG).await, Ok(fresh()));
    zone.state.store(2, Ordering::Relaxed);
    let found = find(&lookups, "b.example", LONG).await.unwrap();
    assert_eq!(found.stale.unwrap().failure.as_deref(), Some("server failure"));
    zone.state.store(0, Ordering::Relaxed);
    assert_eq!(find(&lookups, "b.example", LONG).await, Ok(fresh()));
}

#[tokio::test]
async fn old_addresses_have_an_end() {
    let (lookups, _) = fickle(0);
    assert_eq!(find(&lookups, "b.example", LONG).await, Ok(fresh()));
    let names = &lookups.names;
    assert!(names.last_good("b.example", "b.example", MAX_ADDRESS_AGE).is_some());
    assert!(names.last_good("b.example", "c.example", MAX_ADDRESS_AGE).is_none());
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(names.last_good("b.example", "b.example", Duration::from_millis(1)).is_none());
}
