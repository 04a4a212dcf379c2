//! The body of an answer, counted while its reader has not taken it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};

use super::Place;
use super::budget::Charge;

/// How long a piece is usually, in bytes, and how long one is at most that is handed over at once.
pub(in crate::web) const PIECE: usize = 64 << 10;

/// A body whose pieces are made once there is room for them, and count until they are written.
pub(super) struct BudgetedAnswer {
    body: Body,
    place: Arc<Place>,
    /// What the next piece is counted as, before it is made.
    room: Option<Charge>,
    waiting: Option<Pin<Box<dyn Future<Output = Charge> + Send>>>,
    /// What is left of a long piece, and what all of it counts as.
    rest: Bytes,
    counted: Option<Arc<Charge>>,
}

impl BudgetedAnswer {
    /// A body that is whole already counts from now on.
    pub(super) fn new(body: Body, place: Place) -> Self {
        let whole = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let room = whole.map(|bytes| place.readers.budget(place.class).charge(bytes));
        Self {
            body,
            place: Arc::new(place),
            room,
            waiting: None,
            rest: Bytes::new(),
            counted: None,
        }
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Charge> {
        if let Some(room) = self.room.take() {
            return Poll::Ready(room);
        }
        if self.waiting.is_none() {
            let (readers, class) = (&self.place.readers, self.place.class);
            let budget = readers.budget(class);
            if let Some(room) = budget.try_reserve(PIECE) {
                return Poll::Ready(room);
            }
            let (budget, readers) = (Arc::clone(budget), Arc::clone(readers));
            self.waiting =
                Some(Box::pin(budget.reserve(PIECE, move || readers.end_slowest(class))));
        }
        let Some(waiting) = &mut self.waiting else { return Poll::Pending };
        let room = ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(room)
    }

    /// As much of a piece as is handed over at once.
    fn next(&mut self) -> Bytes {
        let bytes = self.rest.split_to(PIECE.min(self.rest.len()));
        let (place, counted) = (Arc::clone(&self.place), self.counted.clone());
        Bytes::from_owner(Held { bytes, place, _counted: counted })
    }
}

impl HttpBody for BudgetedAnswer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            if !self.rest.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.next()))));
            }
            self.counted = None;
            let mut room = ready!(self.poll_room(context));
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                self.room = Some(room);
                return Poll::Pending;
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    room.set(data.len());
                    self.counted = Some(Arc::new(room));
                    self.rest = data;
                }
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(why)) => return Poll::Ready(Some(Err(why))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() { self.body.size_hint() } else { SizeHint::default() }
    }
}

/// Bytes that hyper holds: once they are written to the socket, it drops them.
struct Held {
    bytes: Bytes,
    place: Arc<Place>,
    _counted: Option<Arc<Charge>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.place.took(self.bytes.len());
    }
}
