//! The table of connections: what stage each is at, and which one ends where others need its place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{AnswerClass, Peer, Readers};

/// How far a connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// It has sent no whole request: a handshake, a head, or nothing between two requests.
    WithoutRequest,
    /// Its request is whole, and it is found out who asks.
    Identified,
    /// It waits for a place among the answers of a class.
    Queued(AnswerClass),
    /// It is answered.
    Answered(AnswerClass),
    /// It was told to end.
    Ending,
}

/// An answer that was begun, and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    number: u64,
    taken: Arc<AtomicU64>,
}

impl Begun {
    /// The reader took so many bytes.
    pub(super) fn took(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    stage: Stage,
    since: Instant,
    answer: Option<Begun>,
    ended: CancellationToken,
}

impl Entry {
    fn end(&mut self) {
        self.stage = Stage::Ending;
        self.ended.cancel();
    }

    /// The bytes that the reader takes in a second.
    fn rate(&self, now: Instant) -> u128 {
        let taken = self.answer.as_ref().map_or(0, |begun| begun.taken.load(Ordering::Relaxed));
        let took = now.duration_since(self.since).as_millis().max(1);
        u128::from(taken).saturating_mul(1_000) / took
    }

    fn is_of(&self, class: AnswerClass) -> bool {
        self.stage == Stage::Queued(class) || self.stage == Stage::Answered(class)
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct ReaderTable {
    entries: BTreeMap<u64, Entry>,
    /// Connections and answers are numbered alike.
    next: u64,
}

impl ReaderTable {
    pub(super) fn length(&self) -> usize {
        self.entries.len()
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(super) fn enter(&mut self, peer: Peer, now: Instant) -> (u64, CancellationToken) {
        let (id, ended) = (self.number(), CancellationToken::new());
        let entry = Entry {
            peer,
            stage: Stage::WithoutRequest,
            since: now,
            answer: None,
            ended: ended.clone(),
        };
        self.entries.insert(id, entry);
        (id, ended)
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// A connection is at this stage from now on. One that must end stays so.
    pub(super) fn move_to(&mut self, id: u64, stage: Stage, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|one| one.stage != Stage::Ending) {
            (entry.stage, entry.since, entry.answer) = (stage, now, None);
        }
    }

    /// The request of a connection is dealt with. What it still has to write is told by
    /// [`Self::end_answer`].
    pub(super) fn request_ended(&mut self, id: u64, now: Instant) {
        let stage = self.entries.get(&id).map(|entry| entry.stage);
        if matches!(stage, Some(Stage::Identified | Stage::Queued(_))) {
            self.move_to(id, Stage::WithoutRequest, now);
        }
    }

    /// Puts a connection among those who wait for an answer, where that makes no more than `most`
    /// who wait and are answered. Where there are as many, one of an address that has more of them
    /// than this one gives way.
    pub(super) fn queue(&mut self, id: u64, class: AnswerClass, most: usize) -> bool {
        let Some(peer) = self.entries.get(&id).map(|entry| entry.peer) else { return false };
        let shares = self.shares(|entry| entry.is_of(class));
        if most <= shares.values().sum() {
            let own = shares.get(&peer).copied().unwrap_or_default();
            let heavier =
                |entry: &Entry| shares.get(&entry.peer).copied().unwrap_or_default() > own + 1;
            let of_class = self.entries.values_mut().filter(|entry| entry.is_of(class));
            // Those who wait give way before those who are answered, and the latest first.
            let order = |entry: &&mut Entry| {
                let share = shares.get(&entry.peer).copied().unwrap_or_default();
                (share, entry.stage == Stage::Queued(class), entry.since)
            };
            let Some(loser) = of_class.filter(|one| heavier(one)).max_by_key(order) else {
                return false;
            };
            loser.end();
        }
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        if entry.stage == Stage::Ending {
            return false;
        }
        entry.stage = Stage::Queued(class);
        true
    }

    /// Begins an answer, where fewer than `places` of its class are under way.
    pub(super) fn answer(
        &mut self,
        id: u64,
        class: AnswerClass,
        places: usize,
        now: Instant,
    ) -> Option<Begun> {
        let answered = |entry: &&Entry| entry.stage == Stage::Answered(class);
        if places <= self.entries.values().filter(answered).count() {
            return None;
        }
        let begun = Begun { number: self.number(), taken: Arc::default() };
        let entry = self.entries.get_mut(&id).filter(|one| one.stage != Stage::Ending)?;
        (entry.stage, entry.since) = (Stage::Answered(class), now);
        entry.answer = Some(begun.clone());
        Some(begun)
    }

    /// The last byte of an answer is written. The next request may have come meanwhile.
    pub(super) fn end_answer(&mut self, id: u64, begun: &Begun, now: Instant) {
        let current = self.entries.get(&id).and_then(|entry| entry.answer.as_ref());
        if current.is_some_and(|current| current.number == begun.number) {
            self.move_to(id, Stage::WithoutRequest, now);
        }
    }

    /// Ends a connection that has sent no whole request, or else one of which it is not known who
    /// asks: of the address that has most of them, the one that has been so for the longest.
    pub(super) fn end_one_without_request(&mut self, except: u64) -> bool {
        for stage in [Stage::WithoutRequest, Stage::Identified] {
            let shares = self.shares(|entry| entry.stage == stage);
            let waiting = self.entries.iter_mut();
            let waiting = waiting.filter(|(id, one)| one.stage == stage && **id != except);
            let share = |entry: &Entry| shares.get(&entry.peer).copied().unwrap_or_default();
            let heaviest = waiting.max_by_key(|(_, one)| (share(one), Reverse(one.since)));
            if let Some((_, one)) = heaviest {
                one.end();
                return true;
            }
        }
        false
    }

    /// Ends the answer of a class whose reader takes the fewest bytes in a second, of the address
    /// that has most of them, and of those that are older than `grace`.
    pub(super) fn end_slowest(
        &mut self,
        class: AnswerClass,
        grace: Duration,
        now: Instant,
    ) -> bool {
        let stage = Stage::Answered(class);
        let shares = self.shares(|entry| entry.stage == stage);
        let share = |entry: &Entry| shares.get(&entry.peer).copied().unwrap_or_default();
        let old =
            |entry: &&mut Entry| entry.stage == stage && grace <= now.duration_since(entry.since);
        let answers = self.entries.values_mut().filter(old);
        let slowest = answers.max_by_key(|one| (share(one), Reverse(one.rate(now))));
        slowest.map(Entry::end).is_some()
    }

    /// Ends the answers that were begun longer ago than `limit`, and says how many they were. What
    /// changes something is let be: it takes as long as it takes.
    pub(super) fn end_late(&mut self, limit: Duration, now: Instant) -> usize {
        let mut ended = 0;
        for entry in self.entries.values_mut() {
            let Stage::Answered(class) = entry.stage else { continue };
            if class != AnswerClass::Operation && limit < now.duration_since(entry.since) {
                entry.end();
                ended += 1;
            }
        }
        ended
    }

    /// How many of these connections each peer has.
    fn shares(&self, counts: impl Fn(&Entry) -> bool) -> HashMap<Peer, usize> {
        let mut shares = HashMap::new();
        for entry in self.entries.values().filter(|entry| counts(entry)) {
            *shares.entry(entry.peer).or_default() += 1;
        }
        shares
    }
}

/// Who sends the requests of a connection.
#[derive(Clone, Debug)]
pub(in crate::web) struct Reader {
    readers: Arc<Readers>,
    id: u64,
    peer: Peer,
}

impl Reader {
    pub(super) fn new(readers: Arc<Readers>, id: u64, peer: Peer) -> Self {
        Self { readers, id, peer }
    }

    pub(super) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Who is at the other end.
    pub(in crate::web) fn peer(&self) -> Peer {
        self.peer
    }

    /// The head of a request is whole.
    pub(in crate::web) fn request_began(&self) {
        self.readers.table().move_to(self.id, Stage::Identified, Instant::now());
    }

    /// The head of its answer is made.
    pub(in crate::web) fn request_ended(&self) {
        self.readers.table().request_ended(self.id, Instant::now());
    }
}
