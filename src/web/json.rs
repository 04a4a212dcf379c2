//! Answers in JSON. Foreign text is in many, and an answer may be looked at on a terminal: the bytes
//! hold no character that is hidden there, and the values are the same.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use anchorwatch_core::untrusted::escape_json;

/// A value as JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match bytes(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response(),
        }
    }
}

/// A value as the bytes of an answer, or of a part of one.
pub(super) fn bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    Ok(escape_json(&serde_json::to_string(value)?).into_owned().into_bytes())
}
