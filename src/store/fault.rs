//! What can be wrong with a store.

use super::StoreError;
use anchorwatch_core::bundle::{AuthorityId, Digest};
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;

/// Something that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyFault {
    /// A number is missing.
    #[error("entry {expected} of the journal is missing: entry {found} comes next")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that comes.
        found: u64,
    },
    /// An entry's hash does not follow from the entry and the hash before.
    #[error(
        "entry {number} of the journal was changed, moved, or is the first after a change: \
         its content gives the hash {expected}, and the stored hash is {found}"
    )]
    Hash {
        /// The entry's number.
        number: u64,
        /// The hash that follows from its time, trust domain and payload.
        expected: Digest,
        /// The hash that stands there.
        found: Digest,
    },
    /// An entry cannot be understood.
    #[error("entry {number} of the journal cannot be read: {detail}")]
    Entry {
        /// The entry's number.
        number: u64,
        /// Why.
        detail: Box<str>,
    },
    /// A column that is searched by says something else than the payload.
    #[error(
        "entry {number} of the journal was changed: its {column} is {found}, and its payload \
         says {expected}"
    )]
    Column {
        /// The entry's number.
        number: u64,
        /// The column.
        column: &'static str,
        /// What the payload says.
        expected: Box<str>,
        /// What stands in the column.
        found: Box<str>,
    },
    /// Entries are not found by their trust domain.
    #[error("of {all} entries of the journal, {found} are found by their trust domains")]
    Unlisted {
        /// How many entries there are.
        all: u64,
        /// How many are found.
        found: u64,
    },
    /// A checkpoint is not what its events give, or not as it was written.
    #[error("the checkpoint of {trust_domain} at entry {number} is not what the journal gives")]
    Checkpoint {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The entry that it reaches to.
        number: u64,
    },
    /// A checkpoint reaches to an entry that the journal does not have.
    #[error(
        "the checkpoint of {trust_domain} reaches to entry {number}, which is missing or another one: \
         the journal was cut or rewritten, or the entry was changed"
    )]
    Unbound {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The entry that it reaches to.
        number: u64,
    },
    /// What the last polls saw is not as it was written.
    #[error("what the last polls of {trust_domain} saw is not as it was written")]
    PollState {
        /// The trust domain.
        trust_domain: TrustDomain,
    },
    /// A row of the table `meta` is not as it was written.
    #[error("the store's record of when it was {name} is missing, or not as it was written")]
    Meta {
        /// Which row.
        name: &'static str,
    },
    /// A record in the table of authorities is not what its events give.
    #[error("the record of {authority} of {trust_domain} is not what the journal gives")]
    Authority {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The authority.
        authority: AuthorityId,
    },
    /// An authority of the journal has no record, or a record has no entry.
    #[error("the table of authorities and the journal differ at entry {number}")]
    Unindexed {
        /// The entry that has no record, or that a record has and the journal has not.
        number: u64,
    },
    /// A stored document has another digest than it is stored under.
    #[error("the document stored under {expected} was changed: its digest is {found}")]
    Body {
        /// The digest that it is stored under.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The schema is another one than was made.
    #[error("the store's schema was changed: {object} is missing, or not as it was made")]
    Schema {
        /// The table, index or trigger.
        object: Box<str>,
    },
    /// The pages of the database file contradict each other.
    #[error("SQLite finds the database damaged: {detail}")]
    Pages {
        /// What SQLite says.
        detail: Box<str>,
    },
    /// The head that was noted is none of the journal's.
    #[error(
        "the journal was cut or rewritten: none of its {} entries has the hash {noted}, and the \
         last one has {}",
        head.number,
        head.head
    )]
    Cut {
        /// The head that was noted elsewhere.
        noted: Digest,
        /// The head that the journal has.
        head: Chain,
    },
    /// The store could not be read.
    #[error("{}", read(.0))]
    Store(#[from] StoreError),
}

/// Why the store could not be read, and what caused that.
fn read(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl VerifyFault {
    /// Whether it says that something is damaged, and not that the store cannot be read now.
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Store(error) if !error.is_damage())
    }
}

/// What was found, as much of it as is kept.
#[derive(Debug, Default)]
pub struct VerifyFaults {
    /// The first 32.
    pub listed: Vec<VerifyFault>,
    /// How many more there are.
    pub more: u64,
}

impl VerifyFaults {
    /// How many are kept: where one is, others follow, and nobody reads thousands.
    const MOST: usize = 32;

    pub(super) fn push(&mut self, fault: VerifyFault) {
        if self.listed.len() < Self::MOST {
            self.listed.push(fault);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        u64::try_from(self.listed.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }
}
