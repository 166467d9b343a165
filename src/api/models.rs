//! What was learned across customers over the API: the versions, and the current one in full.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;

/// `GET /v1/models`
pub(super) async fn models(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let text = blocking(&services, |services| {
        serde_json::to_string(&services.engine.models()).map_err(|error| Problem::internal(&error))
    });
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}
