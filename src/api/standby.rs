//! What a process answers that stands by: it is alive, and somebody else is to be asked.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;

use crate::api::HttpConfig;
use crate::api::health;
use crate::api::problem::Problem;
use crate::metrics::Metrics;

/// Tells how a standby stands, for people.
pub type Standing = Arc<dyn Fn() -> String + Send + Sync>;

/// Health and, where nobody needs a token for them, metrics; everything else is refused with 503,
/// for as long as the other process lives.
pub fn router(config: &HttpConfig, metrics: Arc<Metrics>, standing: Standing) -> Router {
    let refuse = |detail: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1).into_response()
    };
    let ready = move || {
        let answer = refuse(format!("standby: {}", standing()));
        async move { answer }
    };
    let routes = Router::new()
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(ready))
        .fallback(move || async move {
            refuse("This process stands by: ask the one that runs.".to_owned())
        });
    if config.open_metrics || config.reach().is_none() {
        return routes.route("/metrics", get(move || async move { text(&metrics) }));
    }
    routes
}

fn text(metrics: &Metrics) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
