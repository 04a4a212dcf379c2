//! What one trust domain has to do with a decision that several of them record.

use tokio::sync::{oneshot, watch};

use crate::store::{Batch, Durability};
use anchorwatch_core::watch::Event;

/// The part of one trust domain in a decision that is recorded for all of them or for none.
pub(super) struct DecisionPart {
    /// What was decided.
    pub(super) events: Vec<Event>,
    /// Where what is to be recorded goes. Dropped where it cannot be judged: then nobody decides.
    pub(super) batch: oneshot::Sender<Batch>,
    /// What became of all of it. Where nobody says so any more, nothing was recorded.
    pub(super) verdict: oneshot::Receiver<Durability>,
    /// Dropped once the state that the decision made is published.
    pub(super) applied: oneshot::Sender<()>,
    /// Closed once it is published of all trust domains: until then none goes on, so that no poll
    /// is judged by one that has the decision not yet.
    pub(super) released: watch::Receiver<()>,
}
