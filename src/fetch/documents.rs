//! Documents, from their last byte to what they say: how much memory large ones take while they
//! come, and where they are read.
//!
//! A bundle of SPIRE has a few kilobytes. One of megabytes is odd, allowed, and takes half a second
//! to read: on a thread that polls, it would hold up the others, and a thousand at once would take
//! gigabytes. So a large one waits for room before it is read further than [`FetchLimits::LARGE`], and
//! for a thread that is not one of the polls'.

use std::sync::Arc;
use std::thread::available_parallelism;

use hyper::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Target;
use super::document::{DocumentPermit, FetchedDocument};
use super::limits::FetchLimits;
use super::refusal::PollRefusal;
use anchorwatch_core::bundle::{Digest, Memory, ParseError, ParseLimits, ParsedBundle, parse_with};
use anchorwatch_core::spiffe::EndpointUrl;
use anchorwatch_core::watch::{ConsumerRefusal, FailureReason};

/// The unit of room, in bytes.
const UNIT: usize = 1 << 10;

/// What a document says, and what consumers would make of it.
#[derive(Debug)]
pub(super) struct ReadDocument {
    pub(super) parsed: ParsedBundle,
    pub(super) redirected_to: Option<EndpointUrl>,
    /// As it may be stored: redacted.
    pub(super) body: Bytes,
    pub(super) digest: Digest,
    /// Its length as it came, in bytes.
    pub(super) length: u64,
    pub(super) refusals: Option<Vec<ConsumerRefusal>>,
}

/// The bounds that large documents share.
#[derive(Debug)]
pub(super) struct Documents {
    room: Arc<Semaphore>,
    slow_room: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Default for Documents {
    fn default() -> Self {
        let units = FetchLimits::LARGE_AT_ONCE / UNIT;
        let slow = units / 4;
        // Half of the cores go on polling.
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            room: Arc::new(Semaphore::new(units - slow)),
            slow_room: Arc::new(Semaphore::new(slow)),
            readers: Arc::new(Semaphore::new((cores / 2).max(1))),
        }
    }
}

impl Documents {
    /// Waits for room for a document of so many bytes.
    pub(super) async fn room(&self, target: &Target, bytes: usize) -> DocumentPermit {
        let (lane, most) = if target.pace.is_slow() {
            (&self.slow_room, FetchLimits::LARGE_AT_ONCE / 4)
        } else {
            (&self.room, FetchLimits::LARGE_AT_ONCE / 4 * 3)
        };
        // A limit that exceeds the lane takes all of it.
        let units = u32::try_from(bytes.min(most) / UNIT).unwrap_or(u32::MAX);
        let units = Arc::clone(lane).acquire_many_owned(units).await.ok();
        DocumentPermit::new(Arc::clone(&target.pace), target.limits.timeout / 4, units)
    }

    /// Reads a document: a large one beside the polls.
    pub(super) async fn read(
        &self,
        document: FetchedDocument,
        target: &Target,
        deadline: Instant,
    ) -> Result<ReadDocument, PollRefusal> {
        let limits = target.limits.parse();
        if document.body.len() <= FetchLimits::LARGE {
            return read(document, &limits, &target.memory);
        }
        let Ok(turn) = timeout_at(deadline, Arc::clone(&self.readers).acquire_owned()).await else {
            let detail = "reading the document: other large ones were read all the time";
            return Err(PollRefusal::new(FailureReason::Timeout, detail));
        };
        let memory = Arc::clone(&target.memory);
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(document, &limits, &memory)
        });
        reading.await.unwrap_or_else(|why| {
            Err(PollRefusal::new(FailureReason::Internal, format!("reading the document: {why}")))
        })
    }
}

fn read(
    document: FetchedDocument,
    limits: &ParseLimits,
    memory: &Memory,
) -> Result<ReadDocument, PollRefusal> {
    let FetchedDocument { body, redirected_to, room } = document;
    let parsed = parse_with(&body, limits, memory).map_err(|error| unusable(&error))?;
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let news = memory.has_news(&parsed.irregularities);
    let refusals = news.then(|| anchorwatch_consumers::refusals(&body, limits));
    let mut parsed = parsed;
    let body = parsed.redacted.take().map_or(body, Bytes::from);
    let digest = Digest::of(&body);
    drop(room);
    Ok(ReadDocument { parsed, redirected_to, body, digest, length, refusals })
}

fn unusable(error: &ParseError) -> PollRefusal {
    PollRefusal::new(error.into(), format!("reading the document: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};

    fn target() -> Target {
        Target::new(BundleEndpoint {
            trust_domain: "b.example".parse().unwrap(),
            url: "https://b.example/".parse().unwrap(),
            profile: EndpointProfile::HttpsWeb,
        })
    }

    #[tokio::test]
    async fn large_documents_share_their_room_and_slow_endpoints_have_a_quarter_of_it() {
        const ONE: usize = 4 << 20;
        let documents = Documents::default();
        let (slow, fast) = (target(), target());
        let mut held = Vec::new();
        // What does not come whole marks its endpoint, and gives its room back.
        drop(documents.room(&slow, ONE).await);
        assert!(slow.pace.is_slow());
        for _ in 0..4 {
            held.push(documents.room(&slow, ONE).await);
        }
        let short = Duration::from_millis(20);
        assert!(tokio::time::timeout(short, documents.room(&slow, ONE)).await.is_err());
        for _ in 0..12 {
            held.push(documents.room(&fast, ONE).await);
        }
        assert!(tokio::time::timeout(short, documents.room(&fast, ONE)).await.is_err());
        let mut room = held.pop().unwrap();
        room.complete();
        drop(room);
        held.push(documents.room(&fast, ONE).await);
        assert!(!fast.pace.is_slow());
        // A limit beyond the bound waits for all of it, and not for ever.
        held.clear();
        drop(documents.room(&target(), FetchLimits::LARGE_AT_ONCE * 2).await);
    }
}
