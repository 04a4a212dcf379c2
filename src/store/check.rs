//! The check of the whole store in the background: at the start, daily, and after a fault.
//!
//! It reads over a connection of its own, a portion at a time, and rests nine times as long as each
//! portion took: a tenth of a core and of what the disk gives, whatever the size of the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::directory::noted_head;
use super::health::{Health, REPORTED_FOR};
use super::slots::Slots;
use super::verify::Verification;
use super::{StoreError, StoreReader};
use anchorwatch_core::time::Clock;

/// How many times as long as a portion took the check rests after it.
const RESTS: u32 = 9;
/// The longest rest: a portion that hung once must not end the check.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// The same within one long statement, which holds back SQLite's log meanwhile.
const STATEMENT_RESTS: u32 = 3;
/// The longest rest within one.
const LONGEST_STATEMENT_REST: Duration = Duration::from_millis(500);
/// How many steps of SQLite's machine lie between two rests in a statement: about a millisecond.
const STEPS: i32 = 20_000;
/// How soon a store that could not be read is tried again.
const AGAIN: Duration = Duration::from_mins(5);

/// Lets the check begin anew, or end.
#[derive(Debug)]
pub(super) struct Wake(Option<Sender<()>>);

impl Wake {
    /// One that wakes nobody.
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    /// Something was found to be wrong: the whole store is looked at again.
    pub(super) fn now(&self) {
        if let Some(sender) = &self.0 {
            // The check may have ended already.
            let _ended = sender.send(());
        }
    }

    pub(super) fn end(self) {
        drop(self);
    }
}

/// The check, and all that it knows.
pub(super) struct Checker {
    pub(super) directory: PathBuf,
    pub(super) health: Health,
    pub(super) slots: Slots,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) every: Duration,
}

enum Round {
    /// The whole store was looked at.
    Ended,
    /// The store could not be read now.
    Unread,
    /// Something was found to be wrong meanwhile: it begins anew.
    Again,
    /// The store is closed.
    Closed,
}

impl Checker {
    /// Begins to check, in a thread of its own.
    pub(super) fn start(self) -> std::io::Result<Wake> {
        let (sender, wake) = channel();
        std::thread::Builder::new()
            .name("store-check".to_owned())
            .spawn(move || self.run(&wake))?;
        Ok(Wake(Some(sender)))
    }

    fn run(self, wake: &Receiver<()>) {
        loop {
            let wait = match self.round(wake) {
                Round::Ended if self.health.load().count() == 0 => self.every,
                // Whether it is mended, and was for long enough, is looked at sooner.
                Round::Ended => REPORTED_FOR.min(self.every),
                Round::Unread => AGAIN.min(self.every),
                Round::Again => continue,
                Round::Closed => return,
            };
            match wake.recv_timeout(wait) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while wake.try_recv().is_ok() {}
        }
    }

    fn round(&self, wake: &Receiver<()>) -> Round {
        let noted = noted_head(&self.directory);
        let pacing = Pacing::default();
        let mut verification = Verification::new(noted.map(|chain| chain.head).into_iter());
        loop {
            let began = Instant::now();
            let step = self.verify_portion(&mut verification, &pacing);
            let took = began.elapsed();
            match step {
                Ok(true) => break,
                Ok(false) => (),
                Err(why) => {
                    tracing::warn!(%why, "cannot check the store now");
                    return Round::Unread;
                }
            }
            match wake.recv_timeout(took.saturating_mul(RESTS).min(LONGEST_REST)) {
                Ok(()) => return Round::Again,
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return Round::Closed,
            }
        }
        let (verified, faults) = verification.finish();
        let listed: Vec<String> = faults.listed.iter().map(ToString::to_string).collect();
        self.health.checked(&listed, faults.more, self.clock.now());
        if listed.is_empty() {
            tracing::info!(
                entries = verified.head.number,
                bodies = verified.bodies,
                "the whole store was checked and is as it was written"
            );
        }
        match wake.try_recv() {
            Err(TryRecvError::Disconnected) => Round::Closed,
            Ok(()) => Round::Again,
            Err(TryRecvError::Empty) => Round::Ended,
        }
    }

    /// One portion, with a connection that the writer may take away between two.
    fn verify_portion(
        &self,
        verification: &mut Verification,
        pacing: &Pacing,
    ) -> Result<bool, StoreError> {
        let mut slot = self.slots.check.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match slot.take() {
            Some(reader) => reader,
            None => self.open(pacing)?,
        };
        pacing.store(verification.is_one_statement(), Ordering::Relaxed);
        let stepped = verification.verify_portion(&reader.connection);
        *slot = Some(reader);
        stepped
    }

    fn open(&self, pacing: &Pacing) -> Result<StoreReader, StoreError> {
        let mut reader = StoreReader::open(&self.directory)?;
        let mut pace = CheckPace {
            last: None,
            pacing: Arc::clone(pacing),
            interrupted: self.slots.interruption(),
        };
        reader
            .connection
            .progress_handler(STEPS, Some(move || pace.keep()))
            .map_err(StoreError::database("pace the check of the store"))?;
        Ok(reader)
    }
}

/// Whether the statement that runs is one that takes long.
type Pacing = Arc<AtomicBool>;

/// Keeps one long statement from taking a whole core.
struct CheckPace {
    last: Option<Instant>,
    pacing: Pacing,
    interrupted: Arc<AtomicBool>,
}

impl CheckPace {
    /// Rests, and says whether the statement is to be broken off.
    fn keep(&mut self) -> bool {
        let interrupted = self.interrupted.load(Ordering::Relaxed);
        if interrupted || !self.pacing.load(Ordering::Relaxed) {
            self.last = None;
            return interrupted;
        }
        if let Some(last) = self.last {
            let rest = last.elapsed().saturating_mul(STATEMENT_RESTS);
            std::thread::sleep(rest.min(LONGEST_STATEMENT_REST));
        }
        self.last = Some(Instant::now());
        false
    }
}
