//! What the writer is asked to do.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batch::Prepared;
use super::{Durability, StoreError};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{AuthorityRecord, PollState};

/// What the writer is asked to do. The permit bounds how much may be asked.
#[derive(Debug)]
pub(super) enum WriterCommand {
    Append(Box<Append>),
    Together(Box<Together>),
    PollStates {
        poll_states: Vec<(TrustDomain, PollState)>,
        permit: Permit,
    },
    Recall {
        recall: AuthorityLookup,
        permit: Permit,
    },
    Close {
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    #[cfg(test)]
    Execute {
        sql: &'static str,
        reply: oneshot::Sender<()>,
    },
}

/// The place that a command takes among those that wait.
pub(super) type Permit = OwnedSemaphorePermit;

/// A batch to write.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) batch: Prepared,
    pub(super) poll_state: PollState,
    pub(super) reply: oneshot::Sender<Durability>,
    pub(super) permit: Permit,
}

/// Batches that are written in one transaction, or not at all.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) batches: Vec<(Prepared, PollState)>,
    pub(super) reply: oneshot::Sender<Durability>,
    pub(super) permit: Permit,
}

/// Authorities to look up.
#[derive(Debug)]
pub(super) struct AuthorityLookup {
    pub(super) trust_domain: TrustDomain,
    pub(super) ids: Vec<AuthorityId>,
    pub(super) reply: oneshot::Sender<Vec<AuthorityRecord>>,
}
