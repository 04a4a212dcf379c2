//! Who reads over HTTP at one time, and what all of them together may cost.
//!
//! Anybody may connect, so no number here depends on how those who do behave:
//!
//! - Each connection is at one stage of [`table`]. Where all places are taken, a newcomer gets the place of
//!   a connection that has sent no whole request: the oldest of the address that holds most of
//!   them. Whoever sends half a head, or nothing of a handshake, keeps nobody out.
//! - The answers of a class have places of their own, so that pages and lists cannot take those of
//!   scrapes and of health. Where they are taken, the slowest reader of the class gives up its own.
//! - The bytes of answers that wait for their readers are counted, in a [`ReaderBudget`] for scrapes and
//!   one for all else, until they were handed over to the kernel. A piece is rendered once there is
//!   room for it, on a bounded number of threads.
//! - An answer has a deadline, whatever its reader does ([`ANSWER`]).
//!
//! `docs/web-config.md` has the sum of it for operators.

mod admission;
mod answer;
mod budget;
mod peer;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) use admission::admit;
pub(super) use answer::PIECE;
pub(super) use peer::Peer;
pub(super) use table::Reader;

use crate::metrics::Registered;
use budget::ReaderBudget;
use table::ReaderTable;

/// How many connections over TCP may be open at one time, where the process has descriptors for
/// them.
pub const CONNECTIONS: usize = 256;
/// The same over the admin socket.
pub const ADMIN_CONNECTIONS: usize = 64;
/// How many bytes of pages and lists may wait for their readers: a hundred pages of 300 KiB, or
/// several pieces for each place.
const PAGES: usize = 32 << 20;
/// How many bytes may wait for the reader of one scrape: pieces in this process and in the body.
const SCRAPE: usize = 256 << 10;
/// How long an answer may take altogether: beyond the longest sane `scrape_timeout`.
const ANSWER: Duration = Duration::from_mins(2);
/// For how long an answer is left alone, however slow its reader is and whoever waits.
const GRACE: Duration = Duration::from_secs(1);
/// How long somebody waits for a place in their class.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often who waits looks for an answer to end.
const PRESS: Duration = Duration::from_millis(100);
/// How many pages and lists are made at one time: each holds its entries and its text meanwhile.
const PAGES_AT_ONCE: usize = 4;
/// How many threads render pieces of a class at one time.
const THREADS: usize = 2;

/// What is answered: each class has places of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AnswerClass {
    /// Pages for people, and the lists of the API.
    Page,
    /// `/metrics`.
    Scrape,
    /// `/-/healthy` and `/-/ready`.
    Health,
    /// What changes something, or takes its time: a reload, a decision, a check.
    Operation,
}

/// Which part of the connections the answers of each class may take, in sixteenths. As many as
/// [`Shares::QUEUE`] more may wait for a place.
#[derive(Clone, Copy, Debug)]
struct Shares {
    page: usize,
    scrape: usize,
    health: usize,
    operation: usize,
}

impl Shares {
    /// Over TCP a quarter is left for those who have not sent a whole request yet.
    const WEB: Self = Self { page: 3, scrape: 3, health: 1, operation: 1 };
    /// Over the admin socket, where decisions and checks take their time and nobody is a stranger.
    const ADMIN: Self = Self { page: 3, scrape: 0, health: 1, operation: 6 };
    /// How many of each class may wait.
    const QUEUE: usize = 1;

    fn of(self, class: AnswerClass) -> usize {
        match class {
            AnswerClass::Page => self.page,
            AnswerClass::Scrape => self.scrape,
            AnswerClass::Health => self.health,
            AnswerClass::Operation => self.operation,
        }
    }
}

/// Everybody who is connected, over all listeners of a kind.
#[derive(Debug)]
pub struct Readers {
    connections: usize,
    shares: Shares,
    table: Mutex<ReaderTable>,
    /// A connection ended, or an answer.
    freed: Notify,
    pages: Arc<ReaderBudget>,
    scrapes: Arc<ReaderBudget>,
    making: Arc<Semaphore>,
    page_threads: Arc<Semaphore>,
    scrape_threads: Arc<Semaphore>,
    registered: Registered,
}

/// All places of a class are taken, and so are those of them who wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Busy;

impl Readers {
    /// Those who come over TCP: at most so many connections at one time, [`CONNECTIONS`] where
    /// descriptors allow it. Below 16, the classes of answers have a place each all the same. What is
    /// ended early is counted.
    pub fn new(connections: usize, registered: Registered) -> Arc<Self> {
        Self::with(connections.max(1), Shares::WEB, registered)
    }

    /// Those who come over the admin socket.
    pub(super) fn admin(registered: Registered) -> Arc<Self> {
        Self::with(ADMIN_CONNECTIONS, Shares::ADMIN, registered)
    }

    fn with(connections: usize, shares: Shares, registered: Registered) -> Arc<Self> {
        let scrapes = part(connections, shares.scrape).saturating_mul(SCRAPE);
        Arc::new(Self {
            connections,
            shares,
            table: Mutex::default(),
            freed: Notify::new(),
            pages: ReaderBudget::new(PAGES),
            scrapes: ReaderBudget::new(scrapes),
            making: Arc::new(Semaphore::new(PAGES_AT_ONCE)),
            page_threads: Arc::new(Semaphore::new(THREADS)),
            scrape_threads: Arc::new(Semaphore::new(THREADS)),
            registered,
        })
    }

    fn table(&self) -> MutexGuard<'_, ReaderTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which threads render the pieces of a list.
    pub(super) fn page_threads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.page_threads)
    }

    /// Which threads render the pieces of a scrape.
    pub(super) fn scrape_threads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.scrape_threads)
    }

    fn budget(&self, class: AnswerClass) -> &Arc<ReaderBudget> {
        match class {
            AnswerClass::Page | AnswerClass::Operation => &self.pages,
            AnswerClass::Scrape | AnswerClass::Health => &self.scrapes,
        }
    }

    /// How many answers of a class may be under way.
    fn places(&self, class: AnswerClass) -> usize {
        part(self.connections, self.shares.of(class))
    }

    /// Waits until one more connection may be accepted. It may be one more than there are places:
    /// the newcomer takes another's ([`Self::enter`]).
    pub(super) async fn space(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.table().length() <= self.connections {
                return;
            }
            freed.await;
        }
    }

    /// Takes in a connection, and ends another where there are too many.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Connection {
        let mut table = self.table();
        let (id, ended) = table.enter(peer, Instant::now());
        if self.connections < table.length() && table.end_one_without_request(id) {
            self.registered.connection_ended("no_request");
        }
        drop(table);
        Connection { reader: Reader::new(Arc::clone(self), id, peer), ended }
    }

    /// Ends the answers that take too long.
    pub(super) fn end_late_answers(&self) {
        let late = self.table().end_late(ANSWER, Instant::now());
        for _ in 0..late {
            self.registered.connection_ended("deadline");
        }
    }

    /// Ends the slowest answer of a class that is older than [`GRACE`], where there is one.
    fn end_slowest(&self, class: AnswerClass) {
        if self.table().end_slowest(class, GRACE, Instant::now()) {
            self.registered.connection_ended("slow_reader");
        }
    }

    /// A place for an answer, once there is one.
    async fn place(self: &Arc<Self>, reader: &Reader, class: AnswerClass) -> Result<Place, Busy> {
        let most = self.places(class).saturating_add(part(self.connections, Shares::QUEUE));
        if !self.table().queue(reader.id(), class, most) {
            return Err(Busy);
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let begun = self.table().answer(reader.id(), class, self.places(class), Instant::now());
            if let Some(begun) = begun {
                return Ok(Place { readers: Arc::clone(self), id: reader.id(), class, begun });
            }
            let now = Instant::now();
            if until <= now {
                return Err(Busy);
            }
            self.end_slowest(class);
            drop(tokio::time::timeout_at(until.min(now + PRESS), freed).await);
        }
    }
}

/// So many sixteenths of all connections; one at least.
fn part(connections: usize, sixteenths: usize) -> usize {
    (connections.saturating_mul(sixteenths) / 16).max(1)
}

/// One connection, from its first byte to its last.
#[derive(Debug)]
pub(super) struct Connection {
    reader: Reader,
    ended: CancellationToken,
}

impl Connection {
    /// What its requests are known by.
    pub(super) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Waits until it must end, so that another is served.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let readers = self.reader.readers();
        readers.table().leave(self.reader.id());
        readers.freed.notify_waiters();
    }
}

/// A place among the answers of a class, until the last byte of the answer is written.
#[derive(Debug)]
struct Place {
    readers: Arc<Readers>,
    id: u64,
    class: AnswerClass,
    begun: table::Begun,
}

impl Place {
    /// The reader took so many bytes.
    fn took(&self, bytes: usize) {
        self.begun.took(bytes);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readers.table().end_answer(self.id, &self.begun, Instant::now());
        self.readers.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers(connections: usize) -> Arc<Readers> {
        Readers::with(connections, Shares::WEB, Registered::new().unwrap())
    }

    fn peer(last: u8) -> Peer {
        Peer::network([10, 0, 0, last].into())
    }

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_the_oldest_without_a_request() {
        let readers = readers(16);
        let held: Vec<_> = (0..16).map(|_| readers.enter(peer(1))).collect();
        let newcomer = readers.enter(peer(1));
        assert!(held[0].ended.is_cancelled());
        assert!(held[1..].iter().all(|one| !one.ended.is_cancelled()));
        assert!(!newcomer.ended.is_cancelled());
    }

    #[tokio::test]
    async fn an_address_that_holds_most_places_pays_for_others() {
        let readers = readers(16);
        let first = readers.enter(peer(2));
        let held: Vec<_> = (0..15).map(|_| readers.enter(peer(1))).collect();
        let _others = [readers.enter(peer(3)), readers.enter(peer(4))];
        assert!(!first.ended.is_cancelled(), "the oldest of all, and the only one of its address");
        assert!(held[0].ended.is_cancelled() && held[1].ended.is_cancelled());
    }

    #[tokio::test]
    async fn who_is_answered_is_not_ended_for_a_newcomer() {
        let readers = readers(16);
        let answered = readers.enter(peer(1));
        let place = readers.place(&answered.reader(), AnswerClass::Page).await.unwrap();
        let _held: Vec<_> = (0..40).map(|_| readers.enter(peer(1))).collect();
        assert!(!answered.ended.is_cancelled());
        // Once its answer is out, it is one among those who wait.
        drop(place);
        let _more: Vec<_> = (0..40).map(|_| readers.enter(peer(1))).collect();
        assert!(answered.ended.is_cancelled());
    }

    #[tokio::test]
    async fn a_connection_is_accepted_where_one_can_be_ended_and_waits_otherwise() {
        let readers = readers(16);
        let mut held: Vec<_> = (0..16).map(|_| readers.enter(peer(1))).collect();
        readers.space().await;
        held.push(readers.enter(peer(1)));
        let space = readers.space();
        tokio::pin!(space);
        let early = tokio::time::timeout(Duration::from_millis(20), space.as_mut()).await;
        assert!(early.is_err(), "the one that was ended is still there");
        drop(held.remove(0));
        space.await;
    }

    #[tokio::test]
    async fn the_slowest_reader_makes_room_for_the_next() {
        let readers = readers(16);
        let held: Vec<_> = (0..3).map(|_| readers.enter(peer(1))).collect();
        let mut places = Vec::new();
        for connection in &held {
            places.push(readers.place(&connection.reader(), AnswerClass::Scrape).await.unwrap());
        }
        places[0].took(5_000);
        places[2].took(9_000);
        let next = readers.enter(peer(1));
        let reader = next.reader();
        let waiting = readers.place(&reader, AnswerClass::Scrape);
        // The connection that is told to end is dropped by its task, which holds its place.
        let ends = async {
            held[1].ended().await;
            drop(places.remove(1));
        };
        let (next, ()) = tokio::join!(waiting, ends);
        assert!(next.is_ok());
        assert!(!held[0].ended.is_cancelled() && !held[2].ended.is_cancelled());
    }

    #[tokio::test]
    async fn pages_take_no_place_of_scrapes_and_health() {
        let readers = readers(16);
        let connections: Vec<_> = (0..8).map(|_| readers.enter(peer(1))).collect();
        let mut places = Vec::new();
        for connection in &connections[..3] {
            places.push(readers.place(&connection.reader(), AnswerClass::Page).await.unwrap());
        }
        for (connection, class) in
            connections[3..].iter().zip([AnswerClass::Scrape, AnswerClass::Health])
        {
            assert!(readers.place(&connection.reader(), class).await.is_ok());
        }
        // One may wait, and the next is turned away at once.
        let waits = connections[5].reader();
        let waiting = readers.place(&waits, AnswerClass::Page);
        let another = async { readers.place(&connections[6].reader(), AnswerClass::Page).await };
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = waiting.as_mut() => panic!("no place is free, and nobody is old enough to end"),
            another = another => assert_eq!(another.err(), Some(Busy)),
        }
    }

    #[tokio::test]
    async fn an_answer_has_a_deadline() {
        let readers = readers(16);
        let connection = readers.enter(peer(1));
        let _place = readers.place(&connection.reader(), AnswerClass::Page).await.unwrap();
        readers.end_late_answers();
        assert!(!connection.ended.is_cancelled());
        let later = Instant::now() + ANSWER + GRACE;
        assert_eq!(readers.table().end_late(ANSWER, later), 1);
        assert!(connection.ended.is_cancelled());
    }
}
