//! One scheduler for all trust domains: who is due, and who must wait.
//!
//! It runs on the monotonic clock, so that a wall clock that is stepped neither hastens nor holds
//! up a poll.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::error;

use super::jitter;
use super::owner::{DomainHandle, Work};
use super::poll::Polled;
use super::poll_context::PollContext;
use crate::resolver::{Pace, TurnSpeed};
use anchorwatch_core::spiffe::TrustDomain;

/// The trust domains that are watched. It is replaced whole, so nobody sees a part of it.
pub(super) type Domains = BTreeMap<TrustDomain, Arc<DomainHandle>>;

/// At least this often the scheduler turns, and says so.
const TICK: Duration = Duration::from_secs(1);
/// Time alone changes findings, so all domains are judged anew this often.
const JUDGE_EVERY: Duration = Duration::from_secs(15);
/// How many domains are judged anew at one time: the round must leave room for polls.
const JUDGED_AT_ONCE: usize = 8;
/// At most this share of the polls under way may go to endpoints whose last polls were slow.
const SLOW_SHARE: usize = 4;
/// At a start, polls begin at most at this rate, so that ten thousand handshakes do not come at
/// once.
const STARTS_PER_SECOND: f64 = 500.0;

/// What the scheduler is told.
pub(super) enum SchedulerCommand {
    /// Poll this domain now, and say when it is done.
    PollNow(TrustDomain, oneshot::Sender<()>),
    /// From now on watch these domains.
    Replace(Arc<Domains>),
}

/// The domains that are watched, each with its next turn.
pub(super) struct Scheduler {
    shared: Arc<PollContext>,
    domains: BTreeMap<TrustDomain, Watched>,
    due: BinaryHeap<Reverse<(Instant, TrustDomain, u64)>>,
    polls: JoinSet<Polled>,
    /// Whose poll each of these tasks makes, and for which turn: a task that panics says neither.
    under_way: HashMap<task::Id, (TrustDomain, u64)>,
    /// Domains that are judged anew, without a poll.
    judging: JoinSet<()>,
    /// The round over all of them.
    round: Option<AbortHandle>,
    permits: Arc<Semaphore>,
    slow_permits: Arc<Semaphore>,
    generation: u64,
}

struct Watched {
    domain: Arc<DomainHandle>,
    /// Which of its turns counts: an older one in the queue is void.
    turn: u64,
    in_flight: bool,
    again: bool,
    pace: Pace,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Scheduler {
    pub(super) fn new(shared: Arc<PollContext>, concurrency: usize) -> Self {
        Self {
            shared,
            domains: BTreeMap::new(),
            due: BinaryHeap::new(),
            polls: JoinSet::new(),
            under_way: HashMap::new(),
            judging: JoinSet::new(),
            round: None,
            permits: Arc::new(Semaphore::new(concurrency.max(1))),
            slow_permits: Arc::new(Semaphore::new((concurrency / SLOW_SHARE).max(1))),
            generation: 0,
        }
    }

    /// Turns until the daemon stops. Polls under way are dropped then: what they recorded is
    /// recorded, what they did not is polled again.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<SchedulerCommand>) {
        let mut judge_at = Instant::now() + JUDGE_EVERY;
        loop {
            self.shared.heartbeat.beat(std::time::Instant::now());
            self.start_what_is_due();
            if judge_at <= Instant::now() {
                self.judge();
                judge_at = Instant::now() + JUDGE_EVERY;
            }
            let wake = self.next_turn().min(Instant::now() + TICK);
            tokio::select! {
                () = self.shared.stopping.cancelled() => return,
                command = commands.recv() => match command {
                    Some(command) => self.apply_command(command),
                    None => return,
                },
                Some(done) = self.polls.join_next_with_id() => self.ended(done),
                Some(done) = self.judging.join_next() => self.judged(done),
                () = tokio::time::sleep_until(wake) => (),
            }
        }
    }

    fn next_turn(&self) -> Instant {
        let far = Instant::now() + TICK;
        self.due.peek().map_or(far, |Reverse((at, _, _))| *at)
    }

    fn apply_command(&mut self, command: SchedulerCommand) {
        match command {
            SchedulerCommand::PollNow(trust_domain, done) => {
                match self.domains.get_mut(&trust_domain) {
                    None => drop(done),
                    Some(watched) => {
                        watched.waiting.push(done);
                        if watched.in_flight {
                            watched.again = true;
                        } else {
                            self.schedule(&trust_domain, Duration::ZERO);
                        }
                    }
                }
            }
            SchedulerCommand::Replace(domains) => self.replace(&domains),
        }
    }

    fn replace(&mut self, domains: &Domains) {
        let count = u32::try_from(domains.len()).unwrap_or(u32::MAX);
        let spread = f64::from(count) / STARTS_PER_SECOND;
        let mut before = std::mem::take(&mut self.domains);
        self.due.clear();
        for (trust_domain, domain) in domains {
            let known = before.remove(trust_domain).filter(|old| Arc::ptr_eq(&old.domain, domain));
            let fresh = known.is_none();
            let watched = known.unwrap_or_else(|| Watched {
                domain: Arc::clone(domain),
                turn: 0,
                in_flight: false,
                again: false,
                pace: Pace::default(),
                waiting: Vec::new(),
            });
            let in_flight = watched.in_flight;
            self.domains.insert(trust_domain.clone(), watched);
            if !in_flight {
                // What was not polled for long is caught up with soon, what is new at once.
                let spread = if fresh { spread } else { spread.max(1.0) };
                self.schedule(trust_domain, Duration::from_secs_f64(spread * jitter::fraction()));
            }
        }
    }

    fn schedule(&mut self, trust_domain: &TrustDomain, wait: Duration) {
        self.generation = self.generation.wrapping_add(1);
        if let Some(watched) = self.domains.get_mut(trust_domain) {
            watched.turn = self.generation;
            let at = Instant::now() + wait;
            self.due.push(Reverse((at, trust_domain.clone(), self.generation)));
        }
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, _, _))) = self.due.peek() {
            if now < *at {
                return;
            }
            let Some(Reverse((_, trust_domain, turn))) = self.due.pop() else { return };
            let Some(watched) = self.domains.get_mut(&trust_domain) else { continue };
            if watched.turn != turn || watched.in_flight {
                continue;
            }
            watched.in_flight = true;
            let domain = Arc::clone(&watched.domain);
            let shared = Arc::clone(&self.shared);
            let permits = Arc::clone(&self.permits);
            let slow = watched.pace.is_slow().then(|| Arc::clone(&self.slow_permits));
            let task = self.polls.spawn(async move {
                // The slow lane first: who waits in it must not hold a place in the fast one.
                let _slow = match slow {
                    Some(slow) => slow.acquire_owned().await.ok(),
                    None => None,
                };
                let _permit = permits.acquire_owned().await.ok();
                domain.poll(&shared).await
            });
            self.under_way.insert(task.id(), (trust_domain, turn));
        }
    }

    /// A poll came to its end. One that a bug ended is a failed poll: its trust domain has its next
    /// turn as after any other.
    fn ended(&mut self, done: Result<(task::Id, Polled), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some((trust_domain, turn)) = self.under_way.remove(&id) else { return };
        let why = match done {
            Ok((_, polled)) => return self.polled(&trust_domain, turn, &polled),
            Err(why) => why,
        };
        self.shared.registered.panicked();
        error!(trust_domain = trust_domain.as_str(), %why, "a poll ended by a panic");
        let watched = self.domains.get(&trust_domain).filter(|one| one.turn == turn);
        let Some(domain) = watched.map(|one| Arc::clone(&one.domain)) else { return };
        let task = self.polls.spawn(async move {
            // Where the owner is gone, it is not polled any more.
            domain.ask(Work::FailPoll).await.unwrap_or_default()
        });
        self.under_way.insert(task.id(), (trust_domain, turn));
    }

    fn polled(&mut self, trust_domain: &TrustDomain, turn: u64, polled: &Polled) {
        let Some(watched) = self.domains.get_mut(trust_domain) else { return };
        if watched.turn != turn {
            return;
        }
        watched.in_flight = false;
        if !polled.void {
            let speed = if polled.slow { TurnSpeed::Slow } else { TurnSpeed::Fast };
            watched.pace.record(speed);
        }
        // An answer that does not count is none that anybody waits for.
        let again = std::mem::take(&mut watched.again) || polled.void;
        if !again {
            for waiting in watched.waiting.drain(..) {
                // Whoever asked may be gone.
                let _ = waiting.send(());
            }
        }
        match polled.next {
            _ if again => self.schedule(trust_domain, Duration::ZERO),
            Some(wait) => self.schedule(trust_domain, wait),
            None => (),
        }
    }

    /// Judges all domains anew, beside the polls: a round over ten thousand must not hold up one.
    fn judge(&mut self) {
        if self.round.as_ref().is_some_and(|round| !round.is_finished()) {
            return;
        }
        let domains: Vec<_> = self.domains.values().map(|one| Arc::clone(&one.domain)).collect();
        let room = Arc::new(Semaphore::new(JUDGED_AT_ONCE));
        self.round = Some(self.judging.spawn(async move {
            for domain in domains {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                domain.review(permit);
                task::yield_now().await;
            }
        }));
    }

    fn judged(&self, done: Result<(), JoinError>) {
        if let Err(why) = done
            && why.is_panic()
        {
            self.shared.registered.panicked();
            error!(%why, "judging ended unexpectedly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::domain::WatchedDomain;
    use crate::daemon::testing::TestScene;
    use anchorwatch_core::watch::{DomainState, FailureReason};

    #[tokio::test]
    async fn a_panic_in_a_poll_is_a_failed_poll_and_the_next_one_is_made() {
        let scene = TestScene::new();
        let mut relation = scene.relation();
        // No clock can hold the end of such a poll: computing it panics.
        relation.target.limits.timeout = Duration::MAX;
        let domain = WatchedDomain::new(relation, DomainState::default());
        let name = domain.trust_domain().clone();
        let handle = DomainHandle::start(domain, &scene.shared);
        handle.ask(|reply| Work::Configure(None, Vec::new(), reply)).await.unwrap();
        let (commands, for_scheduler) = mpsc::channel(8);
        tokio::spawn(Scheduler::new(Arc::clone(&scene.shared), 4).run(for_scheduler));
        let domains = Arc::new(Domains::from([(name.clone(), Arc::clone(&handle))]));
        commands.send(SchedulerCommand::Replace(Arc::clone(&domains))).await.ok().unwrap();
        let poll = async || {
            let (done, polled) = oneshot::channel();
            commands.send(SchedulerCommand::PollNow(name.clone(), done)).await.ok().unwrap();
            tokio::time::timeout(Duration::from_secs(20), polled).await.expect("it is polled")
        };
        poll().await.unwrap();
        poll().await.unwrap();
        let view = handle.slot().load_full();
        assert_eq!(
            view.state.facts.endpoint.failure.as_ref().unwrap().reason,
            FailureReason::Internal
        );
        assert!(view.stopped.is_none());
        // A reload that mends it is enough.
        let relation = Some(Box::new(scene.relation()));
        handle.ask(|reply| Work::Configure(relation, Vec::new(), reply)).await.unwrap();
        commands.send(SchedulerCommand::Replace(domains)).await.ok().unwrap();
        poll().await.unwrap();
        let reason = handle.slot().load().state.facts.endpoint.failure.as_ref().unwrap().reason;
        assert_ne!(reason, FailureReason::Internal);
    }
}
