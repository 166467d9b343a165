//! Delivery: an alert that the engine has found reaches the people and programs that wait for it.
//!
//! ```text
//! engine ─► Vec<Output> ─► deliver ─┬─► inbox (SQLite) ─► changes ─┬► Feed ─► every open page
//!           (bounded)     (1 thread)└─► NDJSON, for a file or a pipe└► plan ─► outbox ─► courier
//!                                                                       │     (the inbox's file) │
//!                                            route, people, fatigue ────┘      webhook, Slack, … ◄┘
//! ```
//!
//! The inbox is written first: whoever hears of a change from the [`Feed`] finds it there. A feed
//! is only a wake-up call with a number; who misses some reads them again from the inbox.

pub mod wire;
pub mod inbox;
pub mod ndjson;
pub mod line;
pub mod route;
pub mod hours;
pub mod person;
pub mod outbox;
pub mod pace;
pub mod channel;
pub mod desk;
mod fatigue;
pub mod plan;
pub mod courier;

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tokio::sync::broadcast;

use crate::delivery::inbox::Change;
use crate::delivery::inbox::Inbox;
use crate::engine::Output;
use crate::metrics::Metrics;
use crate::time;

/// Tells every open stream what has changed in the inbox; clones share it.
#[derive(Debug, Clone)]
pub struct Feed {
    changes: broadcast::Sender<Arc<Change>>,
}

impl Feed {
    /// Keeps this many changes for a listener that is busy; who falls further behind is told so.
    pub fn new(changes_kept: usize) -> Self {
        Self { changes: broadcast::channel(changes_kept.max(1)).0 }
    }

    /// Hears every change from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    /// Tells every listener; nobody listening is no error.
    pub fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            let _ = self.changes.send(Arc::new(change));
        }
    }
}

/// Where alerts go.
pub struct Delivery {
    /// The store behind the pages.
    pub inbox: Arc<Inbox>,
    /// The open pages.
    pub feed: Feed,
    /// Where the delivery is counted.
    pub metrics: Arc<Metrics>,
    /// A file or a pipe that gets a line for each alert.
    pub lines: Option<Box<dyn Write + Send>>,
}

/// Delivers until the engine hangs up; a batch that cannot be kept is logged and counted.
pub fn deliver(outputs: &Receiver<Vec<Output>>, mut to: Delivery) {
    while let Ok(batch) = outputs.recv() {
        deliver_batch(&batch, &mut to);
    }
}

/// Delivers one batch: the inbox, then the feed, then the lines.
pub fn deliver_batch(batch: &[Output], to: &mut Delivery) {
    match to.inbox.apply(batch) {
        Ok(changes) => {
            let is_changed = !changes.is_empty();
            // The pages first: what is counted can wait.
            to.feed.tell(changes);
            record(batch, &to.metrics);
            if is_changed && let Ok(open) = to.inbox.open_count() {
                to.metrics.alerts_open.set(i64::try_from(open).unwrap_or(i64::MAX));
            }
        }
        Err(error) => {
            to.metrics.inbox_failures_total.inc();
            tracing::error!(%error, outputs = batch.len(), "the inbox did not keep a batch");
        }
    }
    if let Some(lines) = &mut to.lines
        && let Err(error) = ndjson::write(lines, batch)
    {
        tracing::error!(%error, "alerts are no longer written as lines");
        to.lines = None;
    }
}

fn record(batch: &[Output], metrics: &Metrics) {
    for output in batch {
        let Output::Opened { alert, arrived } = output else { continue };
        let labels = [alert.rule.as_str(), alert.family.name()];
        metrics.alerts_opened_total.with_label_values(&labels).inc();
        if let Some(arrived) = arrived {
            let took = time::steady().saturating_duration_since(*arrived);
            metrics.event_to_alert_latency.record(took);
        }
    }
}
