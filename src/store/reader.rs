//! Reading a store without writing it: beside a daemon, or without one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use super::schema::open_reader;
use super::{
    AuthorityQuery, EntryRange, EventQuery, StoreError, StoredEntry, VerifyFault, load, poll_state,
    query,
};
use anchorwatch_core::bundle::{Digest, Fingerprint};
use anchorwatch_core::journal::{AuthorityEntry, Chain, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, PollState};

/// A store, for reading alone. Every call blocks on the disk.
#[derive(Debug)]
pub struct StoreReader {
    pub(super) directory: PathBuf,
    pub(super) connection: Connection,
}

impl StoreReader {
    /// Opens the store in this directory. It may be in use.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self { directory: directory.into(), connection: open_reader(directory)? })
    }

    /// The entries of the journal that match, the newest last.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<RecordedEntry>, StoreError> {
        query::events(&self.connection, query)
    }

    /// Hands over the entries of the journal as they stand in it, in the order of their numbers,
    /// until `take` breaks off. What is written meanwhile is not among them.
    pub fn each_entry(
        &self,
        wanted: &EntryRange,
        take: &mut dyn FnMut(StoredEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        query::each_entry(&self.connection, wanted, take)
    }

    /// What the last polls of each trust domain saw, as far as it was taken down.
    pub fn poll_states(&self) -> Result<BTreeMap<TrustDomain, PollState>, StoreError> {
        let (names, faults) = load::names(&self.connection)?;
        report(&faults);
        let poll_state = |name: TrustDomain| {
            let poll_state = poll_state::read(&self.connection, &name).unwrap_or_else(|fault| {
                tracing::error!(%fault, "the store is damaged");
                PollState::default()
            });
            (name, poll_state)
        };
        Ok(names.into_iter().map(poll_state).collect())
    }

    /// The authorities that match, by trust domain, use and publication.
    pub fn authorities(&self, query: &AuthorityQuery) -> Result<Vec<AuthorityEntry>, StoreError> {
        query::authorities(&self.connection, query)
    }

    /// What every trust domain has on record of the authority with this fingerprint.
    pub fn authority(&self, fingerprint: Fingerprint) -> Result<Vec<AuthorityEntry>, StoreError> {
        let fingerprint = Some(fingerprint);
        self.authorities(&AuthorityQuery { fingerprint, ..AuthorityQuery::default() })
    }

    /// What is known of one trust domain. What is damaged is left out, and is given beside it.
    pub fn state(&self, trust_domain: &TrustDomain) -> (DomainState, Vec<VerifyFault>) {
        let domain = load::domain(&self.connection, trust_domain);
        (domain.state, domain.faults)
    }

    /// What is known of every trust domain.
    pub fn domains(&self) -> Result<BTreeMap<TrustDomain, DomainState>, StoreError> {
        let (domains, faults) = load::all(&self.directory)?;
        report(&faults);
        for domain in domains.values() {
            report(&domain.faults);
        }
        Ok(domains.into_iter().map(|(name, domain)| (name, domain.state)).collect())
    }

    /// A document as it was stored; `None` where there is none, or none any more.
    pub fn body(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let body = "SELECT body FROM bodies WHERE digest = ?1";
        let body = self.connection.query_row(body, [digest.as_bytes()], |row| row.get(0));
        body.optional().map_err(StoreError::database("read a document"))
    }

    /// When the store was created.
    pub fn created(&self) -> Result<Timestamp, StoreError> {
        let created = "SELECT value FROM meta WHERE name = 'created'";
        let created = self.connection.query_row(created, [], |row| row.get(0));
        created
            .map(Timestamp::from_unix_micros)
            .map_err(StoreError::database("read when the store was created"))
    }

    /// The head of the journal.
    pub fn head(&self) -> Result<Chain, StoreError> {
        load::head(&self.connection)
    }
}

/// Says what is not as it was written: whoever asked gets what verifies.
fn report(faults: &[VerifyFault]) {
    for fault in faults {
        tracing::error!(%fault, "the store is damaged");
    }
}
