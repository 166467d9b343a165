//! Following one process: its inbox is copied, page by page, for as long as the program runs.
//!
//! ```text
//! ask behind the place ─► keep page and place, together ─► tell the pages ─► ask again, at once
//!        ▲                                                                      │
//!        └────────── a pause, up to some seconds ◄── away, and said so ◄────────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Feed;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::gather::Copies;
use crate::gather::Process;
use crate::gather::client::Client;
use crate::metrics::Metrics;
use crate::time;

/// The first and the longest pause after an attempt that failed.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Copies one process.
pub(super) struct Follower {
    pub(super) process: Arc<Process>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) client: Client,
    pub(super) feed: Feed,
    pub(super) metrics: Arc<Metrics>,
}

impl Follower {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let (mut people, mut pause) = (String::new(), PAUSE);
        loop {
            match self.step(&mut people).await {
                Ok(()) => {
                    pause = PAUSE;
                    self.heard();
                }
                Err(reason) => {
                    self.lost(reason);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Copies what is new; waits for it for a while.
    async fn step(&self, people: &mut String) -> Result<(), String> {
        let address = self.process.address.clone();
        let known = self.with(move |inbox| inbox.copied(&address)).await?;
        let asked = self.client.copies(&self.process.address, known.as_ref(), people).await;
        let Copies { page, people: introduced, status } =
            asked.map_err(|error| error.to_string())?;
        let has_all = status.ready && status.queue_depth == 0;
        self.process.standing.write().status = Some(status);
        // What was there before is shown until it has it again.
        if known.is_none_or(|(inbox, _)| inbox != page.inbox) && !has_all {
            return Err("it is not ready: it reads its topics".to_owned());
        }
        if let Some(introduced) = introduced {
            let persons = introduced.persons;
            self.with(move |inbox| inbox.introduce(&persons)).await?;
            *people = introduced.version;
        }
        let (address, count) = (self.process.address.clone(), page.alerts.len() as u64);
        let changes = self.with(move |inbox| inbox.take(&address, &page)).await?;
        let labels = [self.process.address.as_str()];
        self.metrics.gather_alerts_total.with_label_values(&labels).inc_by(count);
        if !changes.is_empty() {
            self.feed.tell(changes);
            let open = self.with(Inbox::open_count).await?;
            self.metrics.alerts_open.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
        Ok(())
    }

    /// Does what may block on a thread that may.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inbox) -> Result<T, InboxError> + Send + 'static,
    ) -> Result<T, String> {
        let inbox = Arc::clone(&self.inbox);
        let done = tokio::task::spawn_blocking(move || work(&inbox)).await;
        done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn heard(&self) {
        self.up(1);
        if self.process.standing.write().trouble.take().is_some() {
            tracing::info!(process = self.process.address, "it is copied");
        }
    }

    fn lost(&self, reason: String) {
        self.up(0);
        let trouble = &mut self.process.standing.write().trouble;
        match trouble {
            Some((told, _)) if *told == reason => {}
            Some((told, _)) => {
                tracing::warn!(process = self.process.address, reason, "it is still away");
                *told = reason;
            }
            None => {
                tracing::warn!(process = self.process.address, reason, "it is away");
                *trouble = Some((reason, time::now()));
            }
        }
    }

    fn up(&self, up: i64) {
        self.metrics.gather_up.with_label_values(&[self.process.address.as_str()]).set(up);
    }
}
