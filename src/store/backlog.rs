//! What waits to be written: in order, and bounded.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::Durability;
use super::batch::Prepared;
use super::status::{Backlogged, LostEvents};
use anchorwatch_core::spiffe::TrustDomain;

/// A batch, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: Prepared,
    pub(super) reply: Option<oneshot::Sender<Durability>>,
}

/// The batches that wait, oldest first.
#[derive(Debug)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// The place of each trust domain's latest batch.
    latest: HashMap<TrustDomain, usize>,
    /// How many at the end nobody was told of yet.
    unanswered: usize,
    /// Who waits for a batch that was dropped.
    turned_away: Vec<oneshot::Sender<Durability>>,
    bytes: usize,
    most: Backlogged,
    dropped: LostEvents,
}

impl Backlog {
    pub(super) fn new(most: Backlogged) -> Self {
        Self {
            waiting: VecDeque::new(),
            latest: HashMap::new(),
            unanswered: 0,
            turned_away: Vec::new(),
            bytes: 0,
            most,
            dropped: LostEvents::default(),
        }
    }

    pub(super) fn push(&mut self, batch: Prepared, reply: oneshot::Sender<Durability>) {
        self.bytes = self.bytes.saturating_add(batch.weight());
        let before = self.latest.insert(batch.trust_domain.clone(), self.waiting.len());
        if let Some(before) = before.and_then(|place| self.waiting.get_mut(place)) {
            // A checkpoint holds the latest facts, and thousands of older ones are memory.
            before.batch.facts = None;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.waiting.push_back(Waiting { batch, reply: Some(reply) });
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &Prepared> {
        self.waiting.iter().map(|waiting| &waiting.batch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn size(&self) -> Backlogged {
        Backlogged { batches: self.waiting.len(), bytes: self.bytes }
    }

    pub(super) fn dropped(&self) -> LostEvents {
        self.dropped
    }

    /// All of it was written: takes it out, oldest first, and those who wait for it.
    pub(super) fn take_written(&mut self) -> (Vec<Prepared>, Answers) {
        self.bytes = 0;
        self.unanswered = 0;
        self.latest.clear();
        let taken = self.waiting.drain(..).map(|one| (one.batch, one.reply));
        let (batches, replies) = taken.unzip();
        (batches, Answers(replies))
    }

    /// None of it could be written: what is too much is dropped. Returns the trust domains whose
    /// events were.
    pub(super) fn shed(&mut self) -> Vec<TrustDomain> {
        // Bodies are evidence beside the events, which hold every fact. The oldest go first.
        let most = self.most.bytes;
        for waiting in &mut self.waiting {
            if self.bytes <= most {
                break;
            }
            self.bytes = self.bytes.saturating_sub(waiting.batch.body_weight());
            let bodies = u64::try_from(waiting.batch.bodies.len()).unwrap_or(u64::MAX);
            self.dropped.bodies = self.dropped.bodies.saturating_add(bodies);
            waiting.batch.bodies.clear();
        }
        // How a trouble began says more than how it went on, and a journal without its end can
        // still be replayed: the latest batches go.
        let mut trust_domains = Vec::new();
        while most < self.bytes || self.most.batches < self.waiting.len() {
            let Some(Waiting { batch, reply }) = self.waiting.pop_back() else { break };
            self.turned_away.extend(reply);
            self.unanswered = self.unanswered.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(batch.weight());
            let events = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
            self.dropped.events = self.dropped.events.saturating_add(events);
            self.dropped.batches = self.dropped.batches.saturating_add(1);
            self.latest.remove(&batch.trust_domain);
            trust_domains.push(batch.trust_domain);
        }
        trust_domains
    }

    /// None of it could be written: those who wait are told.
    pub(super) fn unwritten(&mut self) {
        for waiting in self.waiting.iter_mut().rev().take(self.unanswered) {
            answer(waiting.reply.take(), Durability::Unrecorded);
        }
        for reply in self.turned_away.drain(..) {
            answer(Some(reply), Durability::Unrecorded);
        }
        self.unanswered = 0;
    }
}

/// Those who wait for what was written.
#[derive(Debug)]
pub(super) struct Answers(Vec<Option<oneshot::Sender<Durability>>>);

impl Answers {
    /// Tells them.
    pub(super) fn answer(self, durability: Durability) {
        for reply in self.0 {
            answer(reply, durability);
        }
    }
}

fn answer(reply: Option<oneshot::Sender<Durability>>, durability: Durability) {
    if let Some(reply) = reply {
        // Whoever asked may be gone: the batch is kept all the same.
        let _gone = reply.send(durability);
    }
}
