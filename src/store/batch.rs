//! What one poll brings to the store, and how it is written.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::column::{moment, number};
use super::index;
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Event, Facts, PollState};

/// What one poll, or one decision, brings to the store.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose.
    pub trust_domain: TrustDomain,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The documents that the events name, redacted, each under its own SHA-256.
    pub bodies: Vec<(Digest, Arc<[u8]>)>,
    /// What is known after these events: what the next checkpoint holds.
    pub facts: Arc<Facts>,
    /// What the poll saw.
    pub poll_state: PollState,
}

/// A batch whose events are text already.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) trust_domain: TrustDomain,
    pub(super) at: Timestamp,
    pub(super) events: Vec<(Event, String)>,
    pub(super) bodies: Vec<(Digest, Arc<[u8]>)>,
    /// `None` where a later batch of the trust domain waits as well.
    pub(super) facts: Option<Arc<Facts>>,
}

impl Prepared {
    /// Writes the events out, in the task of the caller: the writer is one thread for all.
    pub(super) fn new(batch: Batch) -> Result<(Self, PollState), serde_json::Error> {
        let Batch { trust_domain, at, events, bodies, facts, poll_state } = batch;
        let events = events
            .into_iter()
            .map(|event| serde_json::to_string(&event).map(|payload| (event, payload)))
            .collect::<Result<_, _>>()?;
        Ok((Self { trust_domain, at, events, bodies, facts: Some(facts) }, poll_state))
    }

    /// About how many bytes it takes while it waits.
    pub(super) fn weight(&self) -> usize {
        /// What an event takes beside its text: itself, and what it shares with the facts.
        const EVENT: usize = 512;
        let events = self.events.iter().map(|(_, payload)| payload.len().saturating_add(EVENT));
        events.sum::<usize>().saturating_add(self.body_weight())
    }

    /// How many of these are its bodies'.
    pub(super) fn body_weight(&self) -> usize {
        self.bodies.iter().map(|(_, body)| body.len()).sum()
    }
}

const EVENT: &str = "INSERT INTO events (number, at, trust_domain, kind, authority, hash, payload)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
// A document that comes back is kept from then on.
const BODY: &str = "INSERT INTO bodies (digest, stored_at, body) VALUES (?1, ?2, ?3)
    ON CONFLICT (digest) DO UPDATE SET stored_at = max(stored_at, ?2)";

/// Writes a batch into the transaction that is open, and chains its events to those before.
pub(super) fn write(
    connection: &Connection,
    mut chain: Chain,
    batch: &Prepared,
) -> rusqlite::Result<Chain> {
    let (name, at) = (batch.trust_domain.as_str(), moment(batch.at));
    for (event, payload) in &batch.events {
        chain = chain.next(batch.at, &batch.trust_domain, payload);
        let place = number(chain.number);
        let authority = event.authority().map(|id| *id.fingerprint.as_bytes());
        let hash = chain.head.as_bytes();
        connection.prepare_cached(EVENT)?.execute(params![
            place,
            at,
            name,
            event.name(),
            authority,
            hash,
            payload
        ])?;
        index::take_in(connection, &batch.trust_domain, place, event)?;
    }
    for (digest, body) in &batch.bodies {
        connection.prepare_cached(BODY)?.execute(params![digest.as_bytes(), at, body])?;
    }
    Ok(chain)
}
