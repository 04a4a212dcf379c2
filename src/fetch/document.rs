//! One document as it came, and the room that it takes.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::resolver::{Pace, TurnSpeed};
use anchorwatch_core::spiffe::EndpointUrl;

/// A document as it came.
#[derive(Debug)]
pub(super) struct FetchedDocument {
    /// Its bytes, within the limit.
    pub(super) body: Bytes,
    /// Where it was found, where a redirect led there.
    pub(super) redirected_to: Option<EndpointUrl>,
    /// The room that it takes, where it is large.
    pub(super) room: Option<DocumentPermit>,
}

/// Room for one large document, given back when it is dropped. A document that did not come whole,
/// or took more than its share of the time, marks its endpoint as slow.
#[derive(Debug)]
pub(super) struct DocumentPermit {
    pace: Arc<Pace>,
    since: Instant,
    slow_after: Duration,
    complete: bool,
    _units: Option<OwnedSemaphorePermit>,
}

impl DocumentPermit {
    /// The permit for a document that begins to come now. It comes slowly where it takes longer than
    /// `slow_after`. `units` is the room that it takes.
    pub(super) fn new(
        pace: Arc<Pace>,
        slow_after: Duration,
        units: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { pace, since: Instant::now(), slow_after, complete: false, _units: units }
    }

    /// The whole document came.
    pub(super) fn complete(&mut self) {
        self.complete = true;
        let is_slow = self.slow_after < self.since.elapsed();
        self.pace.record(if is_slow { TurnSpeed::Slow } else { TurnSpeed::Fast });
    }
}

impl Drop for DocumentPermit {
    fn drop(&mut self) {
        if !self.complete {
            self.pace.record(TurnSpeed::Slow);
        }
    }
}
