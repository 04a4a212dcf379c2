//! How long lists are had in pages: a limit, and the next page's address in a `Link` header
//! (RFC 8288), so that the body stays a plain list.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded::{Serializer, parse};

/// How many entries an answer holds where nobody says.
pub(super) const USUAL: usize = 100;
/// How many entries an answer holds at most.
pub(super) const MOST: usize = 10_000;

/// How many entries are given where this many are asked for.
pub(super) fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(USUAL).min(MOST)
}

/// A page, with the address of the next one: the same question with this parameter.
pub(super) fn page<T: Serialize>(uri: &Uri, list: &[T], next: Option<(&str, String)>) -> Response {
    let mut response = Json(list).into_response();
    let Some((name, value)) = next else { return response };
    let asked = parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(given, _)| given != name)).append_pair(name, &value);
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish());
    // What is encoded for a query is good in a header too.
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
