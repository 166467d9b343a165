//! Problems: what does a program read when a request went wrong? (RFC 9457)
//!
//! ```text
//! {"type":"about:blank","title":"Not Found","status":404,"detail":"… what to do instead"}
//! ```
//!
//! What went wrong inside is logged and never told.

use std::fmt::Display;

use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;

use crate::delivery::inbox::InboxError;
use crate::engine::port::IngestError;
use crate::engine::port::RefusedRecord;

/// An answer that is not the one asked for.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) detail: String,
    pub(super) retry_after_s: Option<u32>,
    pub(super) errors: Vec<RefusedRecord>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<BodyError<'a>>,
}

/// One refused record, as the API writes it.
#[derive(Serialize)]
pub(super) struct BodyError<'a> {
    position: u64,
    code: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a RefusedRecord> for BodyError<'a> {
    fn from(record: &'a RefusedRecord) -> Self {
        Self { position: record.position, code: &record.code, reason: &record.reason }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, errors: Vec::new() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Something of ours failed: the log says what, the answer does not.
    pub(super) fn internal(error: &dyn Display) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "The server failed; its log says why. Try again.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

impl From<InboxError> for Problem {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::Cursor(_) => Self::bad_request(error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let detail = error.to_string();
        match error {
            IngestError::Overloaded { retry_after_s } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(retry_after_s)
            }
            IngestError::Full { retry_after_s } | IngestError::CatchingUp { retry_after_s } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s)
            }
            IngestError::Unsupported(_) => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail),
            IngestError::LogsOnly | IngestError::Refused(_) => {
                Self::new(StatusCode::CONFLICT, detail)
            }
            IngestError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            IngestError::Stopped => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
            }
            IngestError::Unknown(_) => Self::missing(detail),
            IngestError::Away(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(2)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: self.errors.iter().map(BodyError::from).collect(),
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(header::CONTENT_TYPE, kind)], text).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Nothing is at this path.
pub(super) async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::missing(format!("Nothing is at {path}: alerts are at /v1/alerts, pages at /."))
}

/// Something is at this path, for another method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    let detail = format!("{path} does not take {method}: the `allow` header says what it takes.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
