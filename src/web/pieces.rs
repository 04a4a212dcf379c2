//! Answers that are made piece by piece, as their readers take them: who reads slowly holds a
//! piece, and neither a thread nor the whole answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::json;
use super::readers::PIECE;

/// A body of these pieces, each made on a thread of its own, of which `threads` says how many run
/// at one time. `next` gives the next piece, and `None` after the last. Where it fails the body
/// breaks off, so that nobody takes half an answer for a whole one.
pub(super) fn body<N>(threads: Arc<Semaphore>, next: N) -> Body
where
    N: FnMut() -> io::Result<Option<Bytes>> + Send + 'static,
{
    let step = Box::pin(step(Arc::clone(&threads), next));
    Body::new(Pieces { threads, step: Some(step) })
}

type Made<N> = io::Result<Option<(Bytes, N)>>;

async fn step<N>(threads: Arc<Semaphore>, mut next: N) -> Made<N>
where
    N: FnMut() -> io::Result<Option<Bytes>> + Send + 'static,
{
    // It is never closed.
    let thread = threads.acquire_owned().await.ok();
    let made = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        Ok(next()?.map(|piece| (piece, next)))
    });
    made.await.map_err(io::Error::other)?
}

struct Pieces<N> {
    threads: Arc<Semaphore>,
    step: Option<Pin<Box<dyn Future<Output = Made<N>> + Send>>>,
}

impl<N> hyper::body::Body for Pieces<N>
where
    N: FnMut() -> io::Result<Option<Bytes>> + Send + 'static,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(running) = &mut self.step else { return Poll::Ready(None) };
        let made = ready!(running.as_mut().poll(context));
        self.step = None;
        Poll::Ready(match made {
            Ok(Some((piece, next))) => {
                self.step = Some(Box::pin(step(Arc::clone(&self.threads), next)));
                Some(Ok(Frame::data(piece)))
            }
            Ok(None) => None,
            Err(why) => Some(Err(why)),
        })
    }
}

/// A list in JSON, between these two texts.
pub(super) fn json_list<T: Serialize>(
    threads: Arc<Semaphore>,
    before: Vec<u8>,
    items: impl Iterator<Item = T> + Send + 'static,
    after: &'static str,
) -> Response {
    let pieces = list(before, items, after);
    ([(header::CONTENT_TYPE, "application/json")], body(threads, pieces)).into_response()
}

fn list<T: Serialize>(
    before: Vec<u8>,
    mut items: impl Iterator<Item = T> + Send + 'static,
    after: &'static str,
) -> impl FnMut() -> io::Result<Option<Bytes>> + Send + 'static {
    let (mut piece, mut is_first, mut ended) = (before, true, false);
    move || {
        if ended {
            return Ok(None);
        }
        while piece.len() < PIECE {
            let Some(item) = items.next() else {
                piece.extend_from_slice(after.as_bytes());
                ended = true;
                break;
            };
            if !std::mem::take(&mut is_first) {
                piece.push(b',');
            }
            piece.extend(json::bytes(&item).map_err(io::Error::other)?);
        }
        Ok(Some(std::mem::take(&mut piece).into()))
    }
}

/// Does this on a thread where it holds up nobody; `None` where it panicked.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn a_list_is_the_same_in_pieces() {
        for count in [0, 1, 2, 20_000] {
            let numbers: Vec<usize> = (0..count).collect();
            let mut next = list(b"{\"all\":[".to_vec(), numbers.clone().into_iter(), "]}");
            let (mut text, mut pieces) = (Vec::new(), 0);
            while let Some(piece) = next().unwrap() {
                assert!(piece.len() < PIECE + 100);
                text.extend_from_slice(&piece);
                pieces += 1;
            }
            let whole = serde_json::json!({ "all": numbers });
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).unwrap(), whole);
            assert_eq!(1 < pieces, PIECE < text.len());
        }
    }

    #[tokio::test]
    async fn what_fails_breaks_off() {
        let mut left = 2;
        let failing = body(Arc::new(Semaphore::new(1)), move || {
            left -= 1;
            if left == 0 { Err(io::ErrorKind::Other.into()) } else { Ok(Some("up 1\n".into())) }
        });
        assert!(failing.collect().await.is_err());
        let panicking = body(Arc::new(Semaphore::new(1)), || panic!("a bug"));
        assert!(panicking.collect().await.is_err());
    }
}
