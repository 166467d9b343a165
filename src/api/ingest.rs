//! Ingest: one event or many come in over HTTP.
//!
//! ```text
//! POST /v1/events ─► 202 {"accepted":2,"duplicates":0,"refused":[{"position":3,…}]}
//!                    400 nothing of it was understood     413 too large     415 another format
//!                    429 the engine is behind, `retry-after` says for how long
//! ```

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde::Serialize;

use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::BodyError;
use crate::api::problem::Problem;
use crate::engine::port::IngestReport;

/// Refused records that an answer names; the rest are only counted.
const REFUSED_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    source: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    accepted: u64,
    duplicates: u64,
    refused_total: usize,
    refused: Vec<BodyError<'a>>,
}

/// `POST /v1/events`
pub(super) async fn events(
    State(services): State<Arc<Services>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let body_bytes_max = services.http.body_bytes_max;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body has more than {body_bytes_max} bytes: send fewer events at once."),
        ),
        status => Problem::new(status, rejection.body_text()),
    })?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let source = parameters.source.unwrap_or_else(|| "http".to_owned());
    let report = blocking(&services, move |services| {
        let headers = texts(&headers);
        Ok(services.engine.ingest(&content_type, &headers, &body, &source)?)
    })
    .await?;
    answer(report)
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let pairs = headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
    pairs.collect()
}

fn answer(report: IngestReport) -> Result<Response, Problem> {
    let IngestReport { accepted, duplicates, mut refused } = report;
    let refused_total = refused.len();
    refused.truncate(REFUSED_MAX);
    if accepted + duplicates > 0 {
        let refused = refused.iter().map(BodyError::from).collect();
        let report = Report { accepted, duplicates, refused_total, refused };
        return Ok((StatusCode::ACCEPTED, Json(report)).into_response());
    }
    let detail = match refused.first() {
        None => "The body holds no event: send at least one.".to_owned(),
        Some(first) => {
            format!("None of {refused_total} was understood. The first: {}", first.reason)
        }
    };
    Err(Problem { errors: refused, ..Problem::bad_request(detail) })
}
