//! Before an answer is made: a place for it, and room for its bytes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::answer::BudgetedAnswer;
use super::{AnswerClass, PATIENCE, Place, Reader};

impl AnswerClass {
    fn of(request: &Request) -> Self {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Self::Operation;
        }
        match request.uri().path() {
            "/metrics" => Self::Scrape,
            "/-/healthy" | "/-/ready" => Self::Health,
            _ => Self::Page,
        }
    }
}

/// Has a request answered once there is a place and room, and counts its answer until it is read.
/// Who asks is known by now: whoever may not ask takes no place.
pub(in crate::web) async fn admit(request: Request, next: Next) -> Response {
    let Some(reader) = request.extensions().get::<Reader>().cloned() else {
        return next.run(request).await;
    };
    let (readers, class) = (reader.readers(), AnswerClass::of(&request));
    let Ok(place) = readers.place(&reader, class).await else {
        if class == AnswerClass::Scrape {
            readers.registered.scrape_refused();
        }
        return busy();
    };
    let making = match class {
        AnswerClass::Page => match tokio::time::timeout(PATIENCE, turn(&place)).await {
            Ok(making) => making,
            Err(_) => return busy(),
        },
        AnswerClass::Scrape | AnswerClass::Health | AnswerClass::Operation => None,
    };
    let response = next.run(request).await;
    let (head, body) = response.into_parts();
    let answer = BudgetedAnswer::new(body, place);
    drop(making);
    Response::from_parts(head, Body::new(answer))
}

/// Waits until a page may be made: few are at one time, and none while too much waits to be read.
async fn turn(place: &Place) -> Option<OwnedSemaphorePermit> {
    let readers = &place.readers;
    let making = Arc::clone(&readers.making).acquire_owned().await.ok();
    let budget = Arc::clone(readers.budget(place.class));
    drop(budget.reserve(0, || readers.end_slowest(place.class)).await);
    making
}

fn busy() -> Response {
    let later = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, later, "too many are answered at once\n").into_response()
}
