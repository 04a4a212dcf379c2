//! The owner of one trust domain: the one task that has its state, records what happens to it and
//! publishes it. All others send messages.
//!
//! Invariant: a message is worked off to its end, append, state and view, whoever sent it and
//! whether anybody still waits for the answer. A future that is dropped elsewhere drops an answer
//! and no work.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tracing::error;

use super::decision_part::DecisionPart;
use super::domain::{Relation, Sighted, WatchedDomain};
use super::poll::{PollOrder, Polled};
use super::poll_context::PollContext;
use super::view_registry::ViewSlot;
use crate::fetch::Fetched;
use anchorwatch_core::decision::Decision;
use anchorwatch_core::watch::{DomainState, Sighting};

/// How many messages may wait for one owner: a poll, a review, a reload and a few sightings. Who
/// sends more waits.
const INBOX: usize = 8;

/// What an owner is asked to do.
pub(super) enum Work {
    /// Say what is to be polled; `None` where the domain is not watched any more.
    BeginPoll(oneshot::Sender<Option<PollOrder>>),
    /// Take in what a poll brought.
    FinishPoll(PollOrder, Fetched, oneshot::Sender<Polled>),
    /// Take in that a bug ended the poll under way.
    FailPoll(oneshot::Sender<Polled>),
    /// Take part in a decision, which may concern other trust domains too.
    Decide(DecisionPart),
    /// Record what was seen of tokens, by the word of this reporter: how much of it was news, and what
    /// the reporter's daily budget did not pay for.
    RecordSightings(Vec<Sighting>, Box<str>, oneshot::Sender<Sighted>),
    /// From now on the relationship is this, unless it was begun with it, and these denials of other
    /// trust domains were missed. Says whether all decisions of the configuration are recorded.
    Configure(Option<Box<Relation>>, Vec<Decision>, oneshot::Sender<bool>),
    /// Judge anew, since time went on. The permit bounds how many do so at one time.
    Review(OwnedSemaphorePermit),
    /// Give the state back, and end.
    Retire(oneshot::Sender<DomainState>),
}

/// One trust domain under watch, as all others see it.
#[derive(Debug)]
pub(super) struct DomainHandle {
    slot: ViewSlot,
    // Boxed: the channel has room for 32 messages from the start.
    inbox: mpsc::Sender<Box<Work>>,
}

impl DomainHandle {
    /// Starts the owner of a trust domain.
    pub(super) fn start(domain: WatchedDomain, shared: &Arc<PollContext>) -> Arc<Self> {
        let (inbox, messages) = mpsc::channel(INBOX);
        let slot = domain.slot();
        let owner = Owner { domain: Box::new(domain), shared: Arc::clone(shared) };
        shared.tasks.spawn(owner.run(messages));
        Arc::new(Self { slot, inbox })
    }

    /// Where it is published.
    pub(super) fn slot(&self) -> &ViewSlot {
        &self.slot
    }

    /// What is known of it, as it was published last.
    pub(super) fn state(&self) -> DomainState {
        self.slot.load().state.clone()
    }

    /// Whether its owner is gone: it retired, or a bug of ours ended it.
    pub(super) fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Sends a message. Returns whether it was taken.
    pub(super) async fn send(&self, work: Work) -> bool {
        self.inbox.send(Box::new(work)).await.is_ok()
    }

    /// Sends a message and waits for its answer; `None` where the owner is gone. The work is done
    /// whether or not this is waited for.
    pub(super) async fn ask<T>(&self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        if !self.send(work(reply)).await {
            return None;
        }
        answer.await.ok()
    }

    /// Has it judged anew, unless it has much else to do: then it is judged by that.
    pub(super) fn review(&self, permit: OwnedSemaphorePermit) {
        let _busy = self.inbox.try_send(Box::new(Work::Review(permit)));
    }

    /// Polls once. The owner is free while the endpoint takes its time.
    pub(super) async fn poll(&self, shared: &PollContext) -> Polled {
        let Some(order) = self.ask(Work::BeginPoll).await.flatten() else {
            return Polled::default();
        };
        let Some(fetched) = order.fetch(shared).await else { return Polled::void() };
        let finish = |reply| Work::FinishPoll(order, fetched, reply);
        self.ask(finish).await.unwrap_or_default()
    }
}

struct Owner {
    // Boxed: a task holds what it is given twice over.
    domain: Box<WatchedDomain>,
    shared: Arc<PollContext>,
}

impl Owner {
    /// Works messages off, one after the other, until it retires or the daemon stops.
    async fn run(mut self, mut messages: mpsc::Receiver<Box<Work>>) {
        loop {
            let work = tokio::select! {
                biased;
                () = self.shared.stopping.cancelled() => return,
                work = messages.recv() => work,
            };
            let Some(work) = work else { return };
            // Boxed: ten thousand owners that wait must not each have room for the longest work.
            if Box::pin(self.work_off(*work)).await.is_break() {
                return;
            }
        }
    }

    async fn work_off(&mut self, work: Work) -> ControlFlow<()> {
        let Self { domain, shared } = self;
        // Whoever asked may be gone: what was asked is done all the same.
        match work {
            Work::BeginPoll(reply) => _ = reply.send(domain.begin_poll(shared)),
            Work::FinishPoll(order, fetched, reply) => {
                let polled = domain.finish_poll(shared, &order, fetched).await;
                domain.catch_up_with_configuration(shared).await;
                _ = reply.send(polled);
            }
            Work::FailPoll(reply) => _ = reply.send(domain.fail_poll(shared).await),
            Work::Decide(part) => domain.take_part(shared, part).await,
            Work::RecordSightings(sightings, reporter, reply) => {
                _ = reply.send(domain.sighted(shared, &reporter, sightings).await);
            }
            Work::Configure(relation, carried, reply) => {
                if let Some(relation) = relation {
                    domain.reconfigure(*relation);
                }
                _ = reply.send(domain.configure(shared, carried).await);
            }
            Work::Review(permit) => {
                domain.catch_up_with_configuration(shared).await;
                domain.tick(shared).await;
                drop(permit);
            }
            Work::Retire(reply) => {
                shared.clear_pending(domain.trust_domain());
                _ = reply.send(domain.state().clone());
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Owner {
    /// A panic that no step caught ends the owner, and must not end it in silence.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let trust_domain = self.domain.trust_domain().as_str();
            error!(trust_domain, "the owner of a trust domain ended by a panic");
            self.domain.lose(&self.shared);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::watch;

    use super::*;
    use crate::daemon::testing::TestScene;
    use crate::store::Durability;
    use anchorwatch_core::decision::{DecisionAction, DecisionSource};
    use anchorwatch_core::watch::Event;

    fn approved() -> Event {
        let action = DecisionAction::Approve {
            fingerprint: anchorwatch_core::bundle::Fingerprint::of(b"k"),
        };
        let (by, reason) = ("j.doe".into(), "CHG-1".into());
        Event::Decided {
            decision: Decision { action, by, reason, uid: None, source: DecisionSource::Operator },
        }
    }

    #[tokio::test]
    async fn a_panic_ends_one_owner_loudly_and_its_state_stays_published() {
        let scene = TestScene::new();
        let handle = DomainHandle::start(scene.domain(), &scene.shared);
        assert_eq!(handle.ask(|reply| Work::Configure(None, Vec::new(), reply)).await, Some(true));
        let known = handle.state();
        assert!(known.facts.endpoint.configured.is_some());
        scene.clock.0.store(true, Ordering::Relaxed);
        let answer =
            handle.ask(|reply| Work::RecordSightings(Vec::new(), "file".into(), reply)).await;
        assert_eq!(answer, None);
        assert!(handle.is_gone());
        assert!(handle.slot().load().stopped.is_some());
        assert_eq!(handle.state(), known);
    }

    #[tokio::test]
    async fn a_part_whose_verdict_never_comes_holds_nothing() {
        let scene = TestScene::new();
        let handle = DomainHandle::start(scene.domain(), &scene.shared);
        handle.ask(|reply| Work::Configure(None, Vec::new(), reply)).await;
        for durability in [None, Some(Durability::Unrecorded), Some(Durability::Committed)] {
            let (batch, wanted) = oneshot::channel();
            let (tells, verdict) = oneshot::channel();
            let (applied, done) = oneshot::channel();
            let (release, released) = watch::channel(());
            let part = DecisionPart { events: vec![approved()], batch, verdict, applied, released };
            assert!(handle.send(Work::Decide(part)).await);
            assert_eq!(wanted.await.unwrap().events, [approved()]);
            match durability {
                Some(durability) => tells.send(durability).unwrap(),
                None => drop(tells),
            }
            assert!(done.await.is_err(), "it says so by dropping it");
            let holds = !handle.state().facts.decisions.approvals.is_empty();
            assert_eq!(holds, durability == Some(Durability::Committed), "{durability:?}");
            let unrecorded = handle.slot().load().unrecorded;
            assert_eq!(unrecorded, holds, "its file is not safe");
            drop(release);
        }
    }

    /// A log that fails once.
    struct FailsOnce(AtomicBool);

    impl tracing::Subscriber for FailsOnce {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn event(&self, _: &tracing::Event<'_>) {
            assert!(!self.0.swap(false, Ordering::Relaxed), "a bug");
        }

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[tokio::test]
    async fn a_panic_after_a_commit_leaves_journal_and_view_the_same() {
        let scene = TestScene::new();
        let handle = DomainHandle::start(scene.domain(), &scene.shared);
        handle.ask(|reply| Work::Configure(None, Vec::new(), reply)).await;
        let (batch, wanted) = oneshot::channel();
        let (tells, verdict) = oneshot::channel();
        let (applied, done) = oneshot::channel();
        let (_release, released) = watch::channel(());
        let part = DecisionPart { events: vec![approved()], batch, verdict, applied, released };
        assert!(handle.send(Work::Decide(part)).await);
        let batch = wanted.await.unwrap();
        let facts = Arc::clone(&batch.facts);
        let durability = scene.shared.store.append_together(vec![batch]).await;
        let log = Arc::new(FailsOnce(AtomicBool::new(true)));
        let logs = tracing::subscriber::set_default(Arc::clone(&log));
        tells.send(durability).unwrap();
        assert!(done.await.is_err());
        drop(logs);
        assert!(!log.0.load(Ordering::Relaxed), "nothing failed");
        assert!(handle.is_gone());
        assert!(handle.slot().load().stopped.is_some());
        assert_eq!(handle.state().facts, facts, "what is in the journal is what is shown");
    }

    #[tokio::test]
    async fn ten_thousand_owners_that_wait_take_little_more_than_their_domains() {
        let scene = TestScene::new();
        let (_inbox, messages) = mpsc::channel::<Box<Work>>(INBOX);
        let (domain, shared) = (Box::new(scene.domain()), Arc::clone(&scene.shared));
        let owner = Owner { domain, shared };
        let domain = size_of::<WatchedDomain>();
        let waiting = size_of_val(&owner.run(messages));
        println!("a domain takes {domain} bytes, and its owner's task {waiting} more");
        assert!(waiting < 1_024, "{waiting}");
    }
}
