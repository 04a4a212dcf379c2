//! Why a request has no answer, in JSON.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::api::ApiFault;
use super::backend::BackendError;
use super::json::Json;

/// A fault as JSON.
pub(super) fn fault(status: StatusCode, error: &str) -> Response {
    (status, Json(ApiFault { error: error.to_owned(), code: None })).into_response()
}

/// Why the backend gave no answer.
pub(super) fn refused(why: &BackendError) -> Response {
    let status = match why {
        BackendError::NotFound(_) => StatusCode::NOT_FOUND,
        BackendError::Refused(_) => StatusCode::BAD_REQUEST,
        BackendError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        BackendError::NotRecorded(_) => {
            let code = Some(ApiFault::NOT_RECORDED.into());
            let fault = ApiFault { error: why.to_string(), code };
            return (StatusCode::INSUFFICIENT_STORAGE, Json(fault)).into_response();
        }
    };
    fault(status, &why.to_string())
}
