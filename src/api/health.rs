//! Health: is the program alive, does it serve, and what has it counted?

use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::api::Services;
use crate::api::blocking;
use crate::api::problem::Problem;

/// `GET /-/healthy`: the program answers.
pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

/// `GET /-/ready`: the engine has caught up and takes records.
pub(super) async fn ready(State(services): State<Arc<Services>>) -> Result<&'static str, Problem> {
    let status = services.engine.status();
    if status.ready {
        return Ok("ready\n");
    }
    let detail = match status.trouble {
        Some(trouble) => format!("A source cannot be read: {trouble}."),
        None => "The engine is catching up: ask again.".to_owned(),
    };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1))
}

/// `GET /metrics`: Prometheus's text format.
pub(super) async fn metrics(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let text = blocking(&services, |services| {
        services.metrics.text().map_err(|error| Problem::internal(&error))
    });
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

/// Counts every answer by its route, never by its path.
pub(super) async fn count(
    State(services): State<Arc<Services>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", |route| route.as_str());
    let status = response.status();
    services.metrics.http_requests_total.with_label_values(&[route, status.as_str()]).inc();
    response
}
