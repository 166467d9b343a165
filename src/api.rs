//! The edge to people and programs: pages, API and live streams over one HTTP server.
//!
//! ```text
//! browser, CRM ─► guard ─┬─► ingest ──────► engine             POST /v1/events
//!   (headers, origin,    ├─► alerts ──────► inbox, engine      GET  /v1/alerts, POST …/actions
//!    host, time-out)     ├─► entities ────► engine             GET  /v1/customers/{id} …
//!                        ├─► rules, team ─► engine, inbox      GET  /v1/rules, /v1/team
//!                        ├─► stream ◄───── feed, inbox         GET  /v1/stream (SSE)
//!                        ├─► pages ───────► inbox, engine      GET  /, /customers/{id}, /team …
//!                        └─► metrics, health                   GET  /metrics, /-/ready
//! ```
//!
//! Sign-in is not part of this version: whoever reaches the port may read and act. So the server
//! listens on this machine only, unless the configuration says otherwise in so many words.

mod alerts;
mod assets;
mod entities;
mod guard;
mod health;
mod ingest;
mod pages;
mod problem;
mod rules;
mod stream;
mod team;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::routing::post;
use serde::Deserialize;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tower_http::timeout::TimeoutLayer;

use crate::api::problem::Problem;
use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::engine::port::Port;
use crate::event::Symbols;
use crate::metrics::Metrics;
use crate::time;
use crate::time::Timestamp;

/// Section `[http]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port of pages and API.
    pub listen: SocketAddr,
    /// Lets other machines in, although nobody has to sign in yet. Leave it off unless a proxy in
    /// front asks who is there.
    pub allow_remote_without_sign_in: bool,
    /// Names under which browsers may reach the server, beside `localhost` and its addresses.
    pub hosts: Vec<String>,
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// Live streams at the same time.
    pub streams_max: usize,
    /// Seconds before a request is given up; live streams have no limit.
    pub timeout_s: u64,
    /// Says on every page that the data are made up.
    pub demo: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            allow_remote_without_sign_in: false,
            hosts: Vec::new(),
            body_bytes_max: 8 * 1024 * 1024,
            streams_max: 1_000,
            timeout_s: 30,
            demo: false,
        }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Other machines could reach it, and nobody would have to sign in.
    #[error(
        "http.listen is {0}, which other machines reach, and sign-in is not part of this version: \
         write `127.0.0.1`, or set http.allow_remote_without_sign_in = true behind a proxy that \
         asks who is there"
    )]
    Remote(SocketAddr),
    /// The port is taken, or not ours.
    #[error("http.listen is {address}: {error}: write another port")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The server broke off.
    #[error("the HTTP server stopped: {0}")]
    Serve(std::io::Error),
}

/// What the handlers work with.
pub struct Services {
    /// The running engine.
    pub engine: Arc<dyn Port>,
    /// The engine's names, for the actions that go back to it.
    pub symbols: Symbols,
    /// The store of alerts.
    pub inbox: Arc<Inbox>,
    /// Tells of changes in the inbox.
    pub feed: Feed,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The section `[http]`.
    pub http: HttpConfig,
    streams: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl Services {
    /// Everything that the handlers need.
    pub fn new(
        engine: Arc<dyn Port>,
        symbols: Symbols,
        inbox: (Arc<Inbox>, Feed),
        metrics: Arc<Metrics>,
        http: HttpConfig,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(http.streams_max.min(Semaphore::MAX_PERMITS)));
        let (inbox, feed) = inbox;
        let stopping = watch::Sender::new(false);
        Self { engine, symbols, inbox, feed, metrics, http, streams, stopping }
    }

    /// What "now" is for ages and actions: the engine's event time, else the wall clock.
    fn clock(&self) -> Timestamp {
        self.engine.status().clock.unwrap_or_else(time::now)
    }
}

/// Runs what may block on a thread that may.
async fn blocking<T: Send + 'static>(
    services: &Arc<Services>,
    work: impl FnOnce(&Services) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let services = Arc::clone(services);
    let done = tokio::task::spawn_blocking(move || work(&services)).await;
    done.unwrap_or_else(|error| Err(Problem::internal(&error)))
}

/// Every route, with its guards.
pub fn router(services: Arc<Services>) -> Router {
    let timeout = Duration::from_secs(services.http.timeout_s.max(1));
    Router::new()
        .route("/", get(pages::inbox))
        .route("/alerts/{id}", get(pages::alert))
        .route("/customers/{id}", get(pages::customer))
        .route("/team", get(pages::team))
        .route("/rules", get(pages::rule_list))
        .route("/rules/{name}", get(pages::rule))
        .route("/fragments/list", get(pages::list_fragment))
        .route("/fragments/alert/{id}", get(pages::alert_fragment))
        .route("/assets/{name}", get(assets::asset))
        .route("/v1/events", post(ingest::events))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/{id}", get(alerts::one))
        .route("/v1/alerts/{id}/actions", post(alerts::act))
        .route("/v1/customers/{id}", get(entities::customer))
        .route("/v1/reps/{id}", get(entities::rep))
        .route("/v1/products/{id}", get(entities::product))
        .route("/v1/rules", get(rules::rules))
        .route("/v1/team", get(team::team))
        .route("/v1/stream", get(stream::stream))
        .route("/metrics", get(health::metrics))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::ready))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(services.http.body_bytes_max))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout))
        .layer(from_fn_with_state(Arc::clone(&services), guard::admit))
        .layer(from_fn_with_state(Arc::clone(&services), health::count))
        .layer(from_fn(guard::secure))
        .with_state(services)
}

/// Takes the port; refuses one that other machines reach unless the configuration allows it.
pub async fn bind(config: &HttpConfig) -> Result<TcpListener, ApiError> {
    let address = config.listen;
    if !address.ip().is_loopback() && !config.allow_remote_without_sign_in {
        return Err(ApiError::Remote(address));
    }
    TcpListener::bind(address).await.map_err(|error| ApiError::Bind { address, error })
}

/// Serves until `stop` is done, then ends the live streams and waits for the last answer.
pub async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ApiError> {
    let router = router(Arc::clone(&services));
    let stopped = async move {
        stop.await;
        services.stopping.send_replace(true);
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await.map_err(ApiError::Serve)
}
