//! The live stream: every change of the inbox, to every open page, without a gap (SSE).
//!
//! ```text
//! Last-Event-ID: 41 ─► inbox: 42, 43 … up to now ─► feed: 44, 45 …   `id:` is the change's number
//!                          ▲                           │ too slow for the feed, or one is left out:
//!                          └───────────────────────────┘ several threads write, and tell when they can
//! too long away ─► `resync`: read the list afresh
//! ```
//!
//! A client hears only of what it may see. Who it is and what that is are asked again all the time:
//! a stream whose session has ended is cut, one that may see something else from now on is told to
//! read the list afresh.
//!
//! A client that reads slowly holds back only itself: its few unsent events, and no more, are in
//! memory; what it missed it gets from the inbox.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::response::sse::Event;
use axum::response::sse::KeepAlive;
use axum::response::sse::Sse;
use serde::Deserialize;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;

use crate::access::role::Right;
use crate::alert::AlertId;
use crate::api::Services;
use crate::api::blocking;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::people::Sight;
use crate::delivery::inbox::query::Since;
use crate::delivery::wire::WireTime;

/// Events that wait for one client.
const UNSENT_MAX: usize = 64;
/// Changes read from the inbox at once.
const CATCH_UP_MAX: u32 = 256;
/// How often it is asked again who the client is and what it may see; the promise is a second.
const ASKED_AGAIN: Duration = Duration::from_millis(600);
const _: () = assert!(ASKED_AGAIN.as_millis() < 1_000);
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// Only alerts of this owner.
    owner: Option<String>,
    /// Behind this number; `Last-Event-ID` wins.
    after: Option<u64>,
}

#[derive(Serialize)]
struct WireChange<'a> {
    seq: u64,
    id: AlertId,
    owner: &'a str,
    family: &'a str,
    state: &'a str,
    at: WireTime,
}

/// Why a stream ends.
enum End {
    /// The client is gone, or we are about to be.
    Closed,
    /// The inbox failed.
    Failed,
}

/// One client.
struct Client {
    services: Arc<Services>,
    owner: Option<String>,
    sight: watch::Receiver<Sight>,
    /// Number of the last change that was sent or passed over.
    seq: u64,
    events: mpsc::Sender<Result<Event, Infallible>>,
    _place: OwnedSemaphorePermit,
}

/// `GET /v1/stream`
pub(super) async fn stream(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|e| Problem::bad_request(e.body_text()))?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let last = match last {
        Some(text) => Some(text.trim().parse::<u64>().map_err(|_| {
            Problem::bad_request("`Last-Event-ID` is not a number: send an `id` of this stream.")
        })?),
        None => parameters.after,
    };
    let place = Arc::clone(&services.streams).try_acquire_owned().map_err(|_| {
        let detail = "Too many live streams are open: try again.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
    })?;
    let seq = match last {
        Some(seq) => seq,
        None => blocking(&services, |services| Ok(services.inbox.newest_seq()?)).await?,
    };
    let (events, unsent) = mpsc::channel(UNSENT_MAX);
    let (told, sight) = watch::channel(caller.sight(&services));
    let client = Client { services, owner: parameters.owner, sight, seq, events, _place: place };
    tokio::spawn(client.run(caller, told));
    let stream = Sse::new(ReceiverStream::new(unsent))
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    // A proxy that gathers output would make a live stream a late one.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered], stream).into_response())
}

impl Client {
    async fn run(mut self, caller: Arc<Caller>, sight: watch::Sender<Sight>) {
        let gauge = self.services.metrics.sse_clients.clone();
        gauge.inc();
        let mut stopping = self.services.stopping.subscribe();
        let gone = self.events.clone();
        let services = Arc::clone(&self.services);
        tokio::select! {
            _ = self.follow() => {}
            () = watch_over(&services, &caller, &sight) => {}
            () = gone.closed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        gauge.dec();
    }

    async fn follow(&mut self) -> Result<(), End> {
        // Listen first: what changes during the catching up is then heard twice rather than never.
        let mut feed = self.services.feed.listen();
        self.catch_up().await?;
        let mut sight = self.sight.clone();
        loop {
            let heard = tokio::select! {
                heard = feed.recv() => heard,
                changed = sight.changed() => {
                    changed.map_err(|_| End::Closed)?;
                    self.resync(self.seq).await?;
                    continue;
                }
            };
            match heard {
                Ok(change) if change.seq > self.seq + 1 => self.catch_up().await?,
                Ok(change) => self.send_new(&change).await?,
                Err(RecvError::Lagged(_)) => {
                    feed = feed.resubscribe();
                    self.catch_up().await?;
                }
                Err(RecvError::Closed) => return Err(End::Closed),
            }
        }
    }

    /// Sends what the inbox has behind `seq`.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let (seq, owner, sight) = (self.seq, self.owner.clone(), self.sight.borrow().clone());
            let since = blocking(&self.services, move |services| {
                let newest = services.inbox.newest_seq()?;
                let whose = (&sight, owner.as_deref());
                Ok((newest, services.inbox.changes_since(seq, whose, CATCH_UP_MAX)?))
            });
            let (newest, since) = since.await.map_err(|_| End::Failed)?;
            match since {
                Since::Resync(newest) => {
                    self.seq = newest;
                    self.resync(newest).await?;
                }
                Since::Changes(changes) => {
                    let more = changes.len() == CATCH_UP_MAX as usize;
                    for change in changes {
                        self.send_new(&change).await?;
                    }
                    if !more {
                        // Other owners' changes are passed over, so that a later call skips them.
                        self.seq = self.seq.max(newest);
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn send_new(&mut self, change: &Change) -> Result<(), End> {
        if change.seq <= self.seq {
            return Ok(());
        }
        self.seq = change.seq;
        let is_meant = self.owner.as_ref().is_none_or(|owner| *owner == change.owner);
        if !is_meant || !self.sight.borrow().covers(&change.owner) {
            return Ok(());
        }
        let wire = WireChange {
            seq: change.seq,
            id: change.id,
            owner: &change.owner,
            family: &change.family,
            state: &change.state,
            at: WireTime(change.at),
        };
        let name = if change.opened { "opened" } else { "changed" };
        let event = Event::default().event(name).id(change.seq.to_string());
        self.send(event.json_data(wire).map_err(|_| End::Failed)?).await
    }

    async fn resync(&self, seq: u64) -> Result<(), End> {
        self.send(Event::default().event("resync").id(seq.to_string()).data("{}")).await
    }

    async fn send(&self, event: Event) -> Result<(), End> {
        self.events.send(Ok(event)).await.map_err(|_| End::Closed)
    }
}

/// Ends when the client may listen no longer; tells when it may see something else.
async fn watch_over(services: &Arc<Services>, caller: &Caller, sight: &watch::Sender<Sight>) {
    let mut again = tokio::time::interval(ASKED_AGAIN);
    loop {
        again.tick().await;
        let credentials = caller.credentials.clone();
        let asked = blocking(services, move |services| {
            let caller = credentials.caller(services)?;
            Ok(caller.map(|caller| (caller.sight(services), caller.viewer)))
        });
        let Ok(Some((now, viewer))) = asked.await else { return };
        if viewer.key() != caller.viewer.key() || !viewer.may(Right::Read) {
            return;
        }
        sight.send_if_modified(|before| {
            let is_new = *before != now;
            *before = now;
            is_new
        });
    }
}
