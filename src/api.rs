//! The edge to people and programs: pages, API and live streams over one HTTP server.
//!
//! ```text
//! browser, CRM ─► guard ─► gate ─┬─► ingest ──────► engine        POST /v1/events
//!   (headers, origin,  (who,     ├─► alerts ──────► inbox, engine GET  /v1/alerts, POST …/actions
//!    host, time-out)    right)   ├─► entities ────► engine        GET  /v1/customers/{id} …
//!                                ├─► rules, team ─► engine, inbox GET  /v1/rules, /v1/models, /v1/team
//!                                ├─► deliveries ──► outbox         GET  /v1/deliveries
//!                                ├─► copies ──────► inbox, engine GET  /v1/copies
//!                                ├─► stream ◄───── feed, inbox    GET  /v1/stream (SSE)
//!                                ├─► audit ───────► access        GET  /v1/audit
//!                                ├─► pages ───────► inbox, engine GET  /, /customers/{id}, /team …
//!                                └─► metrics, health              GET  /metrics, /-/ready
//! ```
//!
//! [`routes`] has every route and who may ask for it. While there is neither an account nor a token,
//! whoever has the machine may do everything, and other machines are kept out.

mod alerts;
mod assets;
mod audit;
mod copies;
mod deliveries;
mod entities;
mod gate;
mod guard;
mod health;
mod ingest;
mod openapi;
mod pages;
mod problem;
pub mod standby;
mod models;
mod oidc;
mod routes;
mod rules;
mod sign_in;
mod stream;
mod team;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt as _;
use serde::Deserialize;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch;

use crate::access::Access;
use crate::access::AccessError;
use crate::access::oidc::Provider;
use crate::api::problem::Problem;
use crate::delivery::Feed;
use crate::delivery::channel::secret::Secret;
use crate::delivery::courier::Permit;
use crate::delivery::desk::Desk;
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
    /// Names under which browsers may reach the server, beside `localhost` and its addresses.
    pub hosts: Vec<String>,
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// Live streams at the same time.
    pub streams_max: usize,
    /// Seconds before a request is given up; live streams have no limit.
    pub timeout_s: u64,
    /// Lets Prometheus read `/metrics` without a token: for a network that only it reaches.
    pub open_metrics: bool,
    /// Says on every page that the data are made up.
    pub demo: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            hosts: Vec::new(),
            body_bytes_max: 8 * 1024 * 1024,
            streams_max: 1_000,
            timeout_s: 30,
            open_metrics: false,
            demo: false,
        }
    }
}

impl HttpConfig {
    /// How others than those on this machine may reach the server, in words; none if they cannot.
    fn reach(&self) -> Option<String> {
        if !self.listen.ip().is_loopback() {
            return Some(format!("http.listen is {}, which other machines reach", self.listen));
        }
        // A proxy on this machine brings others under such a name.
        let host = self.hosts.first()?;
        Some(format!("http.hosts names {host}, by which others reach this machine"))
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Others could reach it, and nobody would have to sign in.
    #[error(
        "{0}, and nobody has an account yet: make the first one with `siaga users add NAME \
         --role operator`, or listen on 127.0.0.1 without http.hosts"
    )]
    Open(String),
    /// The demo signs in by one click.
    #[error("{0} is reached by other machines, and the demo is for this one: write `127.0.0.1`")]
    Demo(SocketAddr),
    /// The accounts cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
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

/// Passwords that are hashed at the same time.
const HASHING_MAX: usize = 2;

/// Where the rules come from, for whoever sets one live.
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// Their files and folders.
    pub paths: Vec<PathBuf>,
    /// The file of the inbox, which tells how they did.
    pub inbox: PathBuf,
}

impl Rulebook {
    /// What sets this rule live from a terminal.
    fn command(&self, rule: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let word = |path: &PathBuf| {
            let path = path.to_string_lossy();
            let is_plain = path.chars().all(plain);
            if is_plain { path.into_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
        };
        let paths: Vec<String> = self.paths.iter().map(word).collect();
        let (inbox, paths) = (word(&self.inbox), paths.join(" "));
        format!("siaga rules promote --rule {rule} --inbox {inbox} --write {paths}")
    }
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
    /// Who may do what.
    pub access: Arc<Access>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The section `[http]`.
    pub http: HttpConfig,
    /// Where alerts go beside the pages; nowhere when there are no channels.
    pub desk: Option<Arc<Desk>>,
    /// The directory that knows who people are; none where they sign in by password alone.
    pub oidc: Option<Arc<Provider>>,
    /// Where the rules come from; none where they are built in.
    pub rulebook: Option<Rulebook>,
    /// Whether this process may speak for its customers at this moment.
    pub permit: Permit,
    /// What an inbox over several processes shows to copy this one; none where none may.
    pub peer: Option<Secret>,
    /// Whether this is the inbox over several processes, and rules are theirs.
    pub gathers: bool,
    streams: Arc<Semaphore>,
    /// Passwords that are hashed at the same time: each takes 19 MiB and a core.
    hashing: Semaphore,
    stopping: watch::Sender<bool>,
}

impl Services {
    /// Everything that the handlers need.
    pub fn new(
        engine: Arc<dyn Port>,
        symbols: Symbols,
        (inbox, feed, access): (Arc<Inbox>, Feed, Arc<Access>),
        metrics: Arc<Metrics>,
        http: HttpConfig,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(http.streams_max.min(Semaphore::MAX_PERMITS)));
        let stopping = watch::Sender::new(false);
        let hashing = Semaphore::new(HASHING_MAX);
        let (desk, oidc, rulebook, peer) = (None, None, None, None);
        let permit: Permit = Arc::new(|| true);
        Self {
            engine,
            symbols,
            inbox,
            feed,
            access,
            metrics,
            http,
            desk,
            oidc,
            rulebook,
            permit,
            peer,
            gathers: false,
            streams,
            hashing,
            stopping,
        }
    }

    /// Whether whoever has the machine may do everything.
    fn is_open(&self) -> Result<bool, AccessError> {
        Ok(self.http.reach().is_none() && self.access.is_untouched()?)
    }

    /// Whether this is the token of the inbox over several processes.
    fn is_inbox(&self, token: &str) -> bool {
        let known = self.peer.as_ref().map(|secret| secret.reveal().as_bytes());
        known.is_some_and(|known| bool::from(known.ct_eq(token.as_bytes())))
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
    routes::routed(&services)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(services.http.body_bytes_max))
        .layer(from_fn(move |request, next| guard::in_time(timeout, request, next)))
        .layer(from_fn_with_state(Arc::clone(&services), guard::admit))
        .layer(from_fn_with_state(Arc::clone(&services), health::count))
        .layer(from_fn(guard::secure))
        .with_state(services)
}

/// Takes the port; refuses one that others reach while nobody has to sign in.
pub async fn bind(config: &HttpConfig, access: &Access) -> Result<TcpListener, ApiError> {
    let address = config.listen;
    if config.demo && !address.ip().is_loopback() {
        return Err(ApiError::Demo(address));
    }
    if let Some(reach) = config.reach().filter(|_| !config.demo)
        && access.is_untouched()?
    {
        return Err(ApiError::Open(reach));
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
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|client| {
        // Else a second alert waits for the client to acknowledge the first: up to 40 ms.
        if let Err(error) = client.set_nodelay(true) {
            tracing::debug!(%error, "what a client is sent may be held back by the system");
        }
    });
    let stopped = async move {
        stop.await;
        services.stopping.send_replace(true);
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await.map_err(ApiError::Serve)
}
