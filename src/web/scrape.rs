//! `/metrics`: rendered on a thread of its own, piece by piece, so that neither a poll nor the
//! memory notices.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Bytes, Frame};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::ScrapeFacts;
use super::router::{Context, header as text};
use crate::metrics::{Format, Scrape, accepts_gzip, negotiate, render};

/// How many scrapes are rendered at one time; two Prometheus servers and someone with curl.
const AT_ONCE: usize = 4;
/// How many pieces may wait for a slow reader.
const PIECES: usize = 4;
/// How long a reader may take for all of it: beyond the longest sane `scrape_timeout`.
const DEADLINE: Duration = Duration::from_mins(2);

/// What bounds the scrapes.
pub(super) fn permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

pub(super) async fn metrics(State(context): State<Context>, headers: HeaderMap) -> Response {
    let format = negotiate(text(&headers, &header::ACCEPT));
    let gzip = accepts_gzip(text(&headers, &header::ACCEPT_ENCODING));
    let facts = context.backend.scrape();
    let Ok(permit) = Arc::clone(&context.scrapes).try_acquire_owned() else {
        facts.registered.scrape_refused();
        return (StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once\n").into_response();
    };
    let (pieces, body) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        // A reader that goes away ends the rendering.
        if write(&facts, format, gzip, Pieces(&pieces)).is_ok() {
            drop(pieces.blocking_send(None));
        }
        drop(permit);
    });
    let mut response = Response::new(Body::new(Received { pieces: body, began: Instant::now() }));
    let types = response.headers_mut();
    types.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    types.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if gzip {
        types.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn write(facts: &ScrapeFacts, format: Format, gzip: bool, mut out: Pieces<'_>) -> io::Result<()> {
    let scrape = Scrape {
        view: &facts.view,
        facts: &facts.facts,
        registered: &facts.registered,
        per_authority: facts.per_authority,
    };
    if !gzip {
        return render(&scrape, format, &mut out);
    }
    // Level 1: six buys an eighth of the size for seven times the CPU.
    let mut packed =
        GzEncoder::new(io::BufWriter::with_capacity(64 << 10, out), Compression::fast());
    render(&scrape, format, &mut packed)?;
    packed.finish()?.flush()
}

/// Passes pieces on to the response, and waits where it is slow.
struct Pieces<'a>(&'a mpsc::Sender<Option<Bytes>>);

impl Write for Pieces<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Some(Bytes::copy_from_slice(piece)));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The pieces, as a response's body takes them. `None` is the end; without it the body breaks off,
/// so that nobody takes half a scrape for a whole one.
struct Received {
    pieces: mpsc::Receiver<Option<Bytes>>,
    began: Instant,
}

impl hyper::body::Body for Received {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if DEADLINE < self.began.elapsed() {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Some(piece)) => Some(Ok(Frame::data(piece))),
            Some(None) => None,
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn collected(send_the_end: bool) -> io::Result<Bytes> {
        let (sender, pieces) = mpsc::channel(PIECES);
        sender.send(Some(Bytes::from_static(b"up 1\n"))).await.unwrap();
        if send_the_end {
            sender.send(None).await.unwrap();
        }
        drop(sender);
        let whole = Received { pieces, began: Instant::now() }.collect().await;
        whole.map(http_body_util::Collected::to_bytes)
    }

    #[tokio::test]
    async fn half_a_scrape_is_none() {
        assert_eq!(collected(true).await.unwrap(), "up 1\n");
        assert_eq!(collected(false).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
