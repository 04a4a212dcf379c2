//! Who waits for bcrypt, and who is next.
//!
//! Whether a password is right is known after bcrypt alone, so those who guess cannot be told from
//! those who log in. What holds is that no one address takes the turns of others, and among the log-ins
//! of one address no one name those of others (names share a few buckets, whether they exist or
//! not, so that the order says nothing of which names exist). Within a bucket the newest is next:
//! where more come than can be checked, some are checked at once rather than all late or none. Where
//! too many wait, the oldest of the address with most of them gives up.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use super::{LoginVerdict, Tag};
use crate::web::readers::Peer;

/// How many may wait. At cost 10 each takes some 60 ms.
const WAITING: usize = 64;
/// How many shares' last turns are remembered.
const REMEMBERED: usize = 256;

/// Whose log-ins take turns: an address, and a bucket of names.
pub(super) type Share = (Option<Peer>, u8);

/// Whether there is a user of the name that credentials give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NamedUser {
    Exists,
    Unknown,
}

/// Credentials that are to be checked.
#[derive(Debug)]
pub(super) struct Job {
    /// What their result is remembered under; the same credentials have the same.
    pub(super) tag: Option<Tag>,
    pub(super) share: Share,
    pub(super) password: Vec<u8>,
    pub(super) hash: Box<str>,
    pub(super) user: NamedUser,
    waiting: Vec<oneshot::Sender<LoginVerdict>>,
}

impl Job {
    pub(super) fn new(
        tag: Option<Tag>,
        share: Share,
        password: Vec<u8>,
        hash: Box<str>,
        user: NamedUser,
    ) -> Self {
        Self { tag, share, password, hash, user, waiting: Vec::new() }
    }

    /// Tells whoever still waits.
    pub(super) fn tell(self, verdict: LoginVerdict) {
        for waiting in self.waiting {
            // Whoever has gone need not know.
            let _ = waiting.send(verdict);
        }
    }
}

/// The jobs that wait, the oldest first, and the one that is checked.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: Vec<Job>,
    running: Option<(Tag, Vec<oneshot::Sender<LoginVerdict>>)>,
    turns: HashMap<Share, u64>,
    turn: u64,
}

impl Queue {
    /// Puts a job into the queue. The same credentials are checked once, however many ask.
    pub(super) fn push(&mut self, mut job: Job) -> oneshot::Receiver<LoginVerdict> {
        let (sender, receiver) = oneshot::channel();
        if let (Some(tag), Some((running, waiting))) = (job.tag, &mut self.running)
            && *running == tag
        {
            waiting.push(sender);
            return receiver;
        }
        let same = self.jobs.iter().position(|one| one.tag.is_some() && one.tag == job.tag);
        if let Some(place) = same {
            job = self.jobs.remove(place);
        }
        job.waiting.push(sender);
        self.jobs.push(job);
        if WAITING < self.jobs.len() {
            self.shed();
        }
        receiver
    }

    /// The job that is next. Where nobody waits for one any more it is left out.
    pub(super) fn pop(&mut self) -> Option<Job> {
        self.jobs.retain(|job| job.waiting.iter().any(|one| !one.is_closed()));
        let last_turn = |share: &Share| self.turns.get(share).copied().unwrap_or_default();
        let last_of_peer = |peer: Option<Peer>| {
            let of_peer = self.turns.iter().filter(|((one, _), _)| *one == peer);
            of_peer.map(|(_, turn)| *turn).max().unwrap_or_default()
        };
        let order = |(place, job): &(usize, &Job)| {
            let newest_first = std::cmp::Reverse(*place);
            (last_of_peer(job.share.0), last_turn(&job.share), newest_first)
        };
        let (place, _) = self.jobs.iter().enumerate().min_by_key(order)?;
        let mut job = self.jobs.remove(place);
        self.turn += 1;
        self.turns.insert(job.share, self.turn);
        self.forget_turns();
        if let Some(tag) = job.tag {
            self.running = Some((tag, std::mem::take(&mut job.waiting)));
        }
        Some(job)
    }

    /// The job that was last popped is done: those who waited for it are its own again.
    pub(super) fn done(&mut self, job: &mut Job) {
        if let Some((_, waiting)) = self.running.take() {
            job.waiting.extend(waiting);
        }
    }

    /// Nothing is checked any more.
    pub(super) fn close(&mut self) {
        for job in self.jobs.drain(..) {
            job.tell(LoginVerdict::Busy);
        }
    }

    /// Turns away the oldest job of the address with most of them, and of its fullest bucket.
    fn shed(&mut self) {
        let count =
            |counts: &dyn Fn(&Job) -> bool| self.jobs.iter().filter(|one| counts(one)).count();
        let weight = |job: &Job| {
            let of_peer = count(&|one| one.share.0 == job.share.0);
            (of_peer, count(&|one| one.share == job.share))
        };
        let oldest_first = |place: usize| std::cmp::Reverse(place);
        let jobs = self.jobs.iter().enumerate();
        let loser = jobs.max_by_key(|(place, job)| (weight(job), oldest_first(*place)));
        if let Some((place, _)) = loser {
            self.jobs.remove(place).tell(LoginVerdict::Busy);
        }
    }

    fn forget_turns(&mut self) {
        if REMEMBERED < self.turns.len() {
            let waiting: HashSet<Share> = self.jobs.iter().map(|job| job.share).collect();
            let turn = self.turn;
            self.turns.retain(|share, last| waiting.contains(share) || *last == turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(peer: u8, bucket: u8, number: u8) -> Job {
        let peer = Some(Peer::network([10, 0, 0, peer].into()));
        Job::new(Some([number; 32]), (peer, bucket), vec![number], "hash".into(), NamedUser::Exists)
    }

    fn next(queue: &mut Queue) -> Option<u8> {
        let mut job = queue.pop()?;
        queue.done(&mut job);
        let number = job.password[0];
        job.tell(LoginVerdict::Unknown);
        Some(number)
    }

    #[test]
    fn addresses_and_names_take_turns_and_the_newest_is_first() {
        let mut queue = Queue::default();
        let mut held = Vec::new();
        for number in 0..5 {
            held.push(queue.push(job(1, 0, number)));
        }
        assert_eq!(next(&mut queue), Some(4));
        held.push(queue.push(job(1, 1, 10)));
        held.push(queue.push(job(2, 0, 20)));
        held.push(queue.push(job(2, 0, 21)));
        let order: Vec<u8> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(order, [21, 10, 20, 3, 2, 1, 0]);
    }

    #[test]
    fn an_address_with_too_many_loses_its_own() {
        let mut queue = Queue::default();
        let mut first = queue.push(job(2, 0, 200));
        let mut held: Vec<_> = (0..70).map(|n| queue.push(job(1, 0, n))).collect();
        assert!(first.try_recv().is_err(), "the oldest of all still waits");
        let mut turned_away = 0;
        for waiting in &mut held {
            turned_away += usize::from(waiting.try_recv() == Ok(LoginVerdict::Busy));
        }
        assert_eq!(turned_away, 70 + 1 - WAITING);
        assert!(held.last_mut().unwrap().try_recv().is_err());
    }

    #[test]
    fn the_same_credentials_are_checked_once_and_those_who_left_never() {
        let mut queue = Queue::default();
        let mut held = vec![queue.push(job(1, 0, 1)), queue.push(job(1, 0, 1))];
        drop(queue.push(job(1, 0, 2)));
        let mut running = queue.pop().unwrap();
        held.push(queue.push(job(1, 0, 1)));
        queue.done(&mut running);
        running.tell(LoginVerdict::Known);
        for one in &mut held {
            assert_eq!(one.try_recv(), Ok(LoginVerdict::Known));
        }
        assert!(queue.pop().is_none());
    }
}
