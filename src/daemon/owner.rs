//! The owner of one trust domain: the one task that has its state, records what happens to it and
//! publishes it. All others send messages.
//!
//! Invariant: a message is worked off to its end, append, state and view, whoever sent it and
//! whether anybody still waits for the answer. A future that is dropped elsewhere drops an answer
//! and no work.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tracing::error;

use super::board::Slot;
use super::domain::{Domain, Relation};
use super::poll::{PollOrder, Polled};
use super::shared::Shared;
use crate::fetch::Fetched;
use crate::store::{Batch, Durability};
use crate::watch::{DomainState, Event, Sighting};

/// How many messages may wait for one owner: a poll, a review, a reload and a few sightings. Who
/// sends more waits.
const INBOX: usize = 8;

/// What an owner is asked to do.
pub(super) enum Work {
    /// Say what is to be polled; `None` where the domain is not watched any more.
    BeginPoll(oneshot::Sender<Option<PollOrder>>),
    /// Take in what a poll brought.
    FinishPoll(PollOrder, Box<Fetched>, oneshot::Sender<Polled>),
    /// Take part in a decision, which may concern other trust domains too.
    Decide(Part),
    /// Record what was seen of tokens: how much of it was news, or `None` where the daily budget is
    /// spent.
    RecordSightings(Vec<Sighting>, oneshot::Sender<Option<u64>>),
    /// From now on the relationship is this, unless it was begun with it, and these denials of other
    /// trust domains were missed. Says whether all decisions of the configuration are recorded.
    Configure(Option<Relation>, Vec<Event>, oneshot::Sender<bool>),
    /// Judge anew, since time went on. The permit bounds how many do so at one time.
    Review(OwnedSemaphorePermit),
    /// Give the state back, and end.
    Retire(oneshot::Sender<DomainState>),
}

/// The part of one trust domain in a decision that is recorded for all of them or for none.
pub(super) struct Part {
    /// What was decided.
    pub(super) events: Vec<Event>,
    /// Where what is to be recorded goes. Dropped where it cannot be judged: then nobody decides.
    pub(super) batch: oneshot::Sender<Batch>,
    /// Whether all of it is durable. Where nobody says so any more, nothing was recorded.
    pub(super) verdict: oneshot::Receiver<Durability>,
    /// Dropped once the state that the decision made is published.
    pub(super) applied: oneshot::Sender<()>,
    /// Closed once it is published of all trust domains: until then none goes on, so that no poll
    /// is judged by one that has the decision not yet.
    pub(super) released: watch::Receiver<()>,
}

/// One trust domain under watch, as all others see it.
#[derive(Debug)]
pub(super) struct DomainHandle {
    slot: Slot,
    // Boxed: the channel has room for 32 messages from the start.
    inbox: mpsc::Sender<Box<Work>>,
}

impl DomainHandle {
    /// Starts the owner of a trust domain.
    pub(super) fn start(domain: Domain, shared: &Arc<Shared>) -> Arc<Self> {
        let (inbox, messages) = mpsc::channel(INBOX);
        let slot = domain.slot();
        let owner = Owner { domain, shared: Arc::clone(shared) };
        shared.tasks.spawn(owner.run(messages));
        Arc::new(Self { slot, inbox })
    }

    /// Where it is published.
    pub(super) fn slot(&self) -> &Slot {
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
    pub(super) async fn poll(&self, shared: &Shared) -> Polled {
        let Some(order) = self.ask(Work::BeginPoll).await.flatten() else {
            return Polled::default();
        };
        let Some(fetched) = order.fetch(shared).await else { return Polled::void() };
        let finish = |reply| Work::FinishPoll(order, Box::new(fetched), reply);
        self.ask(finish).await.unwrap_or_default()
    }
}

struct Owner {
    domain: Domain,
    shared: Arc<Shared>,
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
                let polled = domain.finish_poll(shared, &order, *fetched).await;
                domain.catch_up_with_configuration(shared).await;
                _ = reply.send(polled);
            }
            Work::Decide(part) => domain.take_part(shared, part).await,
            Work::RecordSightings(sightings, reply) => {
                _ = reply.send(domain.sighted(shared, sightings).await);
            }
            Work::Configure(relation, carried, reply) => {
                if let Some(relation) = relation {
                    domain.reconfigure(relation);
                }
                _ = reply.send(domain.configure(shared, carried).await);
            }
            Work::Review(permit) => {
                domain.catch_up_with_configuration(shared).await;
                domain.tick(shared).await;
                drop(permit);
            }
            Work::Retire(reply) => {
                shared.note_pending(domain.trust_domain(), false);
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
