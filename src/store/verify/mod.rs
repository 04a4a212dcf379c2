//! Whether the store still says what was written into it.
//!
//! One verification does it, for `anchorwatch store verify` as for the check in the background, in
//! portions that each take milliseconds. The chain of hashes shows every edit, gap and reordering among
//! the entries. It cannot show that its own end was cut: that takes a head that was noted elsewhere.

mod chain;
mod domain;
mod tables;

use rusqlite::Connection;

use super::{StoreError, StoreReader, VerifyFault, VerifyFaults, directory, load};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::Chain;
use chain::ChainWalk;
use domain::DomainWalk;
use tables::Tables;

/// What was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// The journal's head: its last entry's number and hash.
    pub head: Chain,
    /// How many trust domains the entries are about.
    pub trust_domains: usize,
    /// How many checkpoints equal a replay.
    pub checkpoints: u64,
    /// How many authorities' records equal a replay.
    pub authorities: u64,
    /// How many documents have the digest that they are stored under. Those that retention has
    /// removed are not missed.
    pub bodies: u64,
    /// The number of the entry whose hash is the head that was asked for; all after it came
    /// later.
    pub noted: Option<u64>,
}

impl Verified {
    /// How many entries follow the one whose hash was asked for.
    pub fn followed_by(&self) -> Option<u64> {
        self.noted.map(|noted| self.head.number.saturating_sub(noted))
    }
}

impl StoreReader {
    /// Looks at all that the store holds, and returns what was looked at where everything is as it was
    /// written, else all that is not. `noted` is a head of earlier days: where no entry has it, the
    /// journal was cut or rewritten. The head that the lock file notes is looked for as well.
    ///
    /// `progress` is told now and then how many entries were read, and how many there are.
    pub fn verify(
        &self,
        noted: Option<Digest>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verified, VerifyFaults> {
        let of_the_lock = directory::noted_head(&self.directory).map(|chain| chain.head);
        let mut verification = Verification::new(noted.into_iter().chain(of_the_lock));
        let last = load::head(&self.connection).map_or(0, |head| head.number);
        loop {
            match verification.verify_portion(&self.connection) {
                Ok(true) => break,
                Ok(false) => progress(verification.verified.head.number, last),
                Err(error) => {
                    let mut faults = verification.faults;
                    faults.listed.insert(0, error.into());
                    return Err(faults);
                }
            }
        }
        let (mut verified, faults) = verification.finish();
        if 0 < faults.count() {
            return Err(faults);
        }
        if noted.is_none() {
            verified.noted = None;
        }
        Ok(verified)
    }
}

/// The last entries of the journal that a start looks at.
const TAIL: u64 = 1_024;

/// Looks at the journal's last entries: what a start verifies beside what it uses. `noted` is the head
/// that the process before it knew to be durable.
pub(super) fn tail(
    connection: &Connection,
    head: Chain,
    noted: Option<Chain>,
) -> Result<VerifyFaults, StoreError> {
    let mut faults = VerifyFaults::default();
    let mut walk = ChainWalk::after(connection, head.number.saturating_sub(TAIL))?;
    let mut digests = walk.digests();
    while !walk.portion(connection, &mut faults, &mut |chain| digests.push(chain))? {}
    if let Some(noted) = noted {
        let found =
            digests.contains(&noted) || chain::hash(connection, noted.number)? == Some(noted.head);
        if !found {
            faults.push(VerifyFault::Cut { noted: noted.head, head });
        }
    }
    Ok(faults)
}

/// A verification under way.
#[derive(Debug)]
pub(super) struct Verification {
    phase: Phase,
    noted: Vec<Noted>,
    verified: Verified,
    faults: VerifyFaults,
}

#[derive(Debug)]
struct Noted {
    head: Digest,
    at: Option<u64>,
}

#[derive(Debug)]
enum Phase {
    Schema,
    Chain(ChainWalk),
    Domains(Box<DomainWalk>),
    Tables(Tables),
    Pages,
    Ended,
}

impl Verification {
    /// One that has looked at nothing yet. Each of these heads must be that of an entry.
    pub(super) fn new(noted: impl Iterator<Item = Digest>) -> Self {
        // Before the first entry, there was a head too.
        let genesis = Chain::genesis();
        let noted = noted.map(|head| Noted { head, at: (head == genesis.head).then_some(0) });
        Self {
            phase: Phase::Schema,
            noted: noted.collect(),
            verified: Verified {
                head: genesis,
                trust_domains: 0,
                checkpoints: 0,
                authorities: 0,
                bodies: 0,
                noted: None,
            },
            faults: VerifyFaults::default(),
        }
    }

    /// Whether the next step is one statement of SQLite's, which may take long.
    pub(super) fn is_one_statement(&self) -> bool {
        matches!(self.phase, Phase::Pages)
    }

    /// Looks at the next portion. Returns whether that was the last. An error says that the store cannot
    /// be read now; what is damaged is a fault, and the rest is looked at all the same.
    pub(super) fn verify_portion(&mut self, connection: &Connection) -> Result<bool, StoreError> {
        // One picture for what a portion compares, whatever a daemon writes meanwhile.
        let portion = connection
            .unchecked_transaction()
            .map_err(StoreError::database("read the store"))
            .and_then(|snapshot| self.portion(&snapshot));
        match portion {
            Ok(()) => (),
            Err(error) if error.is_damage() => {
                self.faults.push(error.into());
                self.skip();
            }
            Err(error) => return Err(error),
        }
        Ok(matches!(self.phase, Phase::Ended))
    }

    fn portion(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Self { phase, noted, verified, faults } = self;
        match phase {
            Phase::Schema => {
                tables::schema(connection, faults)?;
                self.phase = Phase::Chain(ChainWalk::after(connection, 0)?);
            }
            Phase::Chain(walk) => {
                let mut take = |chain: Chain| {
                    let named = noted.iter_mut().filter(|one| one.head == chain.head);
                    named.for_each(|one| one.at = Some(chain.number));
                };
                let ended = walk.portion(connection, faults, &mut take)?;
                verified.head = walk.chain();
                if ended {
                    let all = verified.head.number;
                    self.phase =
                        Phase::Domains(Box::new(DomainWalk::new(connection, all, faults)?));
                }
            }
            Phase::Domains(walk) => {
                let ended = walk.portion(connection, faults)?;
                verified.trust_domains = walk.trust_domains();
                verified.checkpoints = walk.checkpoints();
                if ended {
                    self.phase = Phase::Tables(Tables::new());
                }
            }
            Phase::Tables(tables) => {
                let ended = tables.portion(connection, faults)?;
                (verified.authorities, verified.bodies) = (tables.authorities, tables.bodies);
                if ended {
                    self.phase = Phase::Pages;
                }
            }
            Phase::Pages => {
                tables::pages(connection, faults)?;
                self.phase = Phase::Ended;
            }
            Phase::Ended => (),
        }
        Ok(())
    }

    /// Leaves out the rest of what was being looked at: it cannot be read.
    fn skip(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Schema | Phase::Chain(_) | Phase::Domains(_) => Phase::Tables(Tables::new()),
            Phase::Tables(tables) => tables.skip().map_or(Phase::Pages, Phase::Tables),
            Phase::Pages | Phase::Ended => Phase::Ended,
        };
    }

    /// What was looked at, and what is not as it was written.
    pub(super) fn finish(self) -> (Verified, VerifyFaults) {
        let Self { noted, mut verified, mut faults, .. } = self;
        verified.noted = noted.first().and_then(|first| first.at);
        for one in noted.iter().filter(|one| one.at.is_none()) {
            faults.push(VerifyFault::Cut { noted: one.head, head: verified.head });
        }
        (verified, faults)
    }
}
