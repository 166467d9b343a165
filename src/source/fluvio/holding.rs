//! Holding partitions: a claim is made, renewed and, one day, lost. Meanwhile, who may speak?
//!
//! ```text
//! read the control topic ─► somebody else was heard of within the lease? ─► wait, look again
//!    └─► no: take ─► it is in the log, and the latest ─► somebody was displaced? wait a lease
//!          └─► renew, and read up to the renewal ─┬─► still ours: may speak until it was sent + lease
//!                ▲  a fifth of the lease          ├─► the topic is away: may speak as long as said before
//!                └──────────────────────────────  └─► taken: never again
//! ```
//!
//! A process that was stopped and wakes has a permission that ran out while it slept; before it gets
//! another one it reads what was written meanwhile, and finds its successor there. The successor
//! waits until the last permission of its predecessor has run out, wherever that was in its sleep.
//! Each measures the time by itself: nothing depends on two clocks showing the same.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::source::fluvio::claim::Claim;
use crate::source::fluvio::claim::Table;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::producer::ProduceError;
use crate::source::fluvio::producer::Producer;
use crate::source::fluvio::reader::ReadError;
use crate::source::fluvio::share::Share;
use crate::source::fluvio::tail::Tail;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Renewals within a lease.
const RENEWALS: u32 = 5;

/// How long giving up may take when the program ends.
const GRACE: Duration = Duration::from_secs(2);

/// Until when this process may speak for its partitions.
#[derive(Default)]
pub struct Permission {
    term: Mutex<Option<Term>>,
}

/// A time within which nobody else speaks.
#[derive(Debug, Clone, Copy)]
struct Term {
    from: Instant,
    until: Instant,
    /// The same by the wall clock, which goes on where a machine sleeps as a whole.
    wall: Timestamp,
}

/// How it stands with a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is not made yet, or not confirmed; why, for people.
    Waits(String),
    /// It is ours.
    Holds,
    /// Somebody else has it.
    Lost(String),
}

/// Who claims what, and who is told of it.
pub struct Parts {
    /// The way to the cluster.
    pub config: FluvioConfig,
    /// The control topic.
    pub topic: String,
    /// How long a claim holds without being renewed.
    pub lease: Duration,
    /// The host's name.
    pub process: String,
    /// The share of the process.
    pub share: Share,
    /// Its partitions.
    pub partitions: Vec<u32>,
    /// What is given and taken.
    pub permission: Arc<Permission>,
    /// Records of a partition that are still to be read.
    pub behind: Box<dyn Fn(u32) -> i64 + Send + Sync>,
    /// Told whenever it stands otherwise.
    pub report: Box<dyn Fn(&Standing) + Send + Sync>,
}

/// A claim that is kept alive in the background, until it is lost or left.
pub struct Holding {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Permission {
    /// Whether this process may speak now.
    pub fn holds(&self) -> bool {
        let (now, wall) = (time::steady(), time::now());
        self.term
            .lock()
            .is_some_and(|term| term.from <= now && now < term.until && wall < term.wall)
    }

    fn give(&self, term: Option<Term>) {
        *self.term.lock() = term;
    }
}

impl Holding {
    /// Begins to claim. Fails where a file of TLS is of no use.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let holder = Holder::new(parts)?;
        let thread = std::thread::Builder::new()
            .name("claims".to_owned())
            .spawn(move || runtime.block_on(holder.run(stopped)))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Gives the claim up, so that a successor needs not wait; nothing may be sent any more.
    pub fn leave(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("what holds the claims broke off");
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.end();
    }
}

/// The claims as the control topic has them now.
pub async fn claims(config: &FluvioConfig, topic: &str) -> io::Result<Table> {
    let cluster = config.cluster().map_err(io::Error::other)?;
    let mut table = Table::default();
    let mut take = |offset, value: &[u8]| {
        if let Ok(claim) = serde_json::from_slice::<Claim>(value) {
            table.read(offset, &claim, time::steady());
        }
    };
    let mut tail = Tail::new(cluster, topic, config.timeout());
    tail.read(None, &mut take).await.map_err(io::Error::other)?;
    Ok(table)
}

/// Why a claim could not be made or renewed for now.
#[derive(Debug, thiserror::Error)]
enum ClaimError {
    #[error("the control topic cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the control topic cannot be written: {0}")]
    Write(#[from] ProduceError),
    #[error("a claim cannot be written down: {0}")]
    Form(#[from] serde_json::Error),
}

/// The latest claims as they were read, and what our own did to those of others.
#[derive(Default)]
struct View {
    table: Table,
    /// Whether a claim of ours took a partition from somebody who had not left.
    displaced: bool,
}

struct Holder {
    parts: Parts,
    instance: String,
    producer: Producer,
    tail: Tail,
    view: View,
    epoch: Option<i64>,
    /// Nothing is said before: others may still have a permission.
    from: Instant,
    told: Option<Standing>,
}

impl Holder {
    fn new(parts: Parts) -> io::Result<Self> {
        // Reading and writing have a connection each; so have their questions to the controller.
        let cluster = || parts.config.cluster().map_err(io::Error::other);
        Ok(Self {
            instance: format!("{:016x}", getrandom::u64().map_err(io::Error::other)?),
            producer: Producer::new(cluster()?),
            tail: Tail::new(cluster()?, &parts.topic, parts.config.timeout()),
            view: View::default(),
            epoch: None,
            from: time::steady(),
            told: None,
            parts,
        })
    }

    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let lost = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => None,
            lost = self.hold() => Some(lost),
        };
        self.parts.permission.give(None);
        match lost {
            Some(lost) => self.tell(lost),
            None => {
                let left = tokio::time::timeout(GRACE, self.leave()).await;
                if !matches!(left, Ok(Ok(()))) {
                    tracing::warn!("a successor has to wait until the claim has run out");
                }
            }
        }
    }

    /// Claims, and renews until somebody else has it.
    async fn hold(&mut self) -> Standing {
        loop {
            let done = match self.epoch {
                None => self.take().await,
                Some(epoch) => match self.renew(epoch).await {
                    Ok(None) => return self.lost(),
                    Ok(Some(standing)) => Ok(standing),
                    Err(error) => Err(error),
                },
            };
            match done {
                Ok(standing) => self.tell(standing),
                // What was permitted before goes on until it runs out.
                Err(error) if self.parts.permission.holds() => {
                    tracing::warn!(%error, "the claim is not renewed");
                }
                Err(error) => self.tell(Standing::Waits(error.to_string())),
            }
            tokio::time::sleep(self.parts.lease / RENEWALS).await;
        }
    }

    /// Claims, unless somebody else lives there.
    async fn take(&mut self) -> Result<Standing, ClaimError> {
        self.read(None).await?;
        let (ours, now) = (&self.parts.partitions, time::steady());
        let rival = self.view.table.rival(ours, &self.instance, self.parts.lease, now);
        if let Some((partition, held)) = rival {
            let (process, epoch) = (&held.by.process, held.epoch);
            return Ok(Standing::Waits(format!(
                "partition {partition} is held by {process}, epoch {epoch}"
            )));
        }
        let epoch = self.write(None, false).await?;
        self.read(Some(epoch + 1)).await?;
        if self.view.displaced {
            self.from = time::steady() + self.parts.lease;
        }
        self.epoch = Some(epoch);
        tracing::info!(epoch, partitions = ?self.parts.partitions, "partitions are claimed");
        Ok(Standing::Waits("the claim is to be confirmed".to_owned()))
    }

    /// Renews, and sees what became of it; `None` where somebody else has claimed.
    async fn renew(&mut self, epoch: i64) -> Result<Option<Standing>, ClaimError> {
        let (begun, wall) = (time::steady(), time::now());
        let written = self.write(Some(epoch), false).await?;
        self.read(Some(written + 1)).await?;
        if !self.view.table.is_held(&self.parts.partitions, epoch) {
            return Ok(None);
        }
        let lease = self.parts.lease;
        let span = Span::from_millis(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
        let term = Term { from: self.from, until: begun + lease, wall: wall + span };
        self.parts.permission.give(Some(term));
        if time::steady() < self.from {
            let before = "the process before may still believe in its claim".to_owned();
            return Ok(Some(Standing::Waits(before)));
        }
        Ok(Some(Standing::Holds))
    }

    async fn leave(&mut self) -> Result<(), ClaimError> {
        if let Some(epoch) = self.epoch {
            self.write(Some(epoch), true).await?;
        }
        Ok(())
    }

    fn lost(&self) -> Standing {
        let other = self.view.table.other(&self.parts.partitions, &self.instance);
        Standing::Lost(other.map_or_else(
            || "another process has claimed and left".to_owned(),
            |(partition, held)| {
                let (process, epoch) = (&held.by.process, held.epoch);
                format!("partition {partition} was claimed by {process}, epoch {epoch}")
            },
        ))
    }

    async fn read(&mut self, until: Option<i64>) -> Result<(), ClaimError> {
        let (view, instance) = (&mut self.view, &self.instance);
        let mut take = |offset, value: &[u8]| match serde_json::from_slice::<Claim>(value) {
            Ok(claim) => {
                let displaces = view.table.read(offset, &claim, time::steady());
                view.displaced |= displaces && claim.instance == *instance;
            }
            Err(error) => tracing::warn!(offset, %error, "no claim"),
        };
        Ok(self.tail.read(until, &mut take).await?)
    }

    /// Writes a record; where it stands.
    async fn write(&self, epoch: Option<i64>, leaves: bool) -> Result<i64, ClaimError> {
        let parts = &self.parts;
        let partitions: BTreeMap<u32, i64> = parts
            .partitions
            .iter()
            .map(|partition| (*partition, (parts.behind)(*partition)))
            .collect();
        let claim = Claim {
            instance: self.instance.clone(),
            process: parts.process.clone(),
            ordinal: parts.share.ordinal,
            processes: parts.share.processes,
            epoch,
            leaves,
            partitions,
            at: time::now().millis(),
        };
        let value = serde_json::to_vec(&claim)?;
        Ok(self.producer.send(&parts.topic, &parts.process, &[value]).await?)
    }

    fn tell(&mut self, standing: Standing) {
        if self.told.as_ref() != Some(&standing) {
            (self.parts.report)(&standing);
            self.told = Some(standing);
        }
    }
}
