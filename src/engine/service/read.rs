//! The service as the taker of a log's records: what does it make of their positions and troubles?
//!
//! ```text
//! merge ─► take    refused records to the dead letters, the others to journal and engine, in one
//!                  entry with the positions: where the next start goes on
//!       ─► hold    a partition is away: event time stands still, in a replay too
//!       ─► pass    time has come so far: an entry of its own, before a deed that it is about
//!       ─► report  readiness, and how far the wall clock may be believed
//! ```
//!
//! What comes while the disk syncs is evaluated meanwhile, up to a bound: what a power loss takes
//! before it is durable is read again, and gives the same alerts.
//!
//! While the disk is full, nothing is taken and the log waits: it is asked for no more.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;

use crate::engine::port::IngestError;
use crate::engine::service::Service;
use crate::engine::service::keeping::Kept;
use crate::event::Record;
use crate::journal;
use crate::journal::entry::Entry;
use crate::source::BATCH_RECORDS;
use crate::source::log::Health;
use crate::source::log::Position;
use crate::source::log::Read;
use crate::source::log::Stopped;
use crate::source::log::Taker;
use crate::time::Timestamp;

/// How long to wait for room on the disk before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Records that may be taken before older ones are durable: what comes while a slow disk syncs, at
/// 50,000 a second for 0.6 s.
const UNSETTLED_RECORDS_MAX: usize = 64 * BATCH_RECORDS;

/// What is known of the logs that are read.
#[derive(Default)]
pub(super) struct Reading {
    /// How the reading is; none where no log is read.
    health: Mutex<Option<Health>>,
    /// Where each partition is read on. Changed under the lock of the engine only, so that a
    /// snapshot has the positions of its records.
    next: Mutex<BTreeMap<(Arc<str>, u32), i64>>,
    /// Whether event time stands still.
    held: AtomicBool,
    /// Entries that were not waited for yet.
    unsettled: Mutex<Unsettled>,
    /// Whether records come from logs alone.
    logs_only: AtomicBool,
    /// Why this process does not speak for what it reads, for people; none where it does.
    silence: Mutex<Option<String>>,
}

/// Entries that may not be durable yet, the oldest first.
#[derive(Default)]
struct Unsettled {
    entries: VecDeque<(journal::Position, usize)>,
    records: usize,
}

impl Unsettled {
    /// Adds an entry; the one to wait for, so that what is left is within bounds.
    fn add(&mut self, position: journal::Position, records: usize) -> Option<journal::Position> {
        // One without a record takes its place, too.
        let size = records.max(1);
        self.entries.push_back((position, size));
        self.records += size;
        let mut due = None;
        while self.records > UNSETTLED_RECORDS_MAX
            && let Some((position, size)) = self.entries.pop_front()
        {
            self.records -= size;
            due = Some(position);
        }
        due
    }
}

impl Reading {
    /// The partitions are read so far.
    pub(super) fn advance(&self, positions: &[Position]) {
        let positions = positions.iter().map(|p| ((Arc::clone(&p.topic), p.partition), p.next));
        self.next.lock().extend(positions);
    }

    pub(super) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// Whether records come from logs alone.
    pub(super) fn is_logs_only(&self) -> bool {
        self.logs_only.load(Ordering::Relaxed)
    }

    /// Whether another process may speak for what this one reads.
    pub(super) fn is_silent(&self) -> bool {
        self.silence.lock().is_some()
    }

    /// What keeps a log from being read, or this process from speaking for it, for people.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(silence) = &*self.silence.lock() {
            return Some(silence.clone());
        }
        self.health.lock().as_ref().and_then(|health| health.trouble.clone())
    }
}

impl Service {
    /// Says that a log is going to be read: until it has been, nothing is ready, and no tick of
    /// the clock passes for the silence of a customer.
    pub fn await_log(&self) {
        self.reading.health.lock().get_or_insert_default();
        self.metrics.source_held.set(i64::from(self.is_held()));
    }

    /// Says that other processes have the other customers: a body from outside is not taken, since
    /// nobody knows whose it is.
    pub fn take_from_logs_only(&self) {
        self.reading.logs_only.store(true, Ordering::Relaxed);
    }

    /// Says why this process does not speak for what it reads, or that it does (`None`): without a
    /// claim it is not ready.
    pub fn set_silence(&self, why: Option<String>) {
        *self.reading.silence.lock() = why;
    }

    /// How far each partition was read: everything before that has been taken.
    pub fn positions(&self) -> Vec<Position> {
        let next = self.reading.next.lock();
        let position = |((topic, partition), next): (&(Arc<str>, u32), &i64)| Position {
            topic: Arc::clone(topic),
            partition: *partition,
            next: *next,
        };
        next.iter().map(position).collect()
    }

    /// Whether event time stands still because a partition is away.
    pub fn is_held(&self) -> bool {
        self.reading.held.load(Ordering::Relaxed)
    }

    /// Whether every log has been read up to its end and goes on being read.
    pub(super) fn is_read_well(&self) -> bool {
        let speaks = !self.reading.is_silent();
        let health = self.reading.health.lock();
        let is_read = |health: &Health| health.caught_up && health.trouble.is_none();
        speaks && health.as_ref().is_none_or(is_read)
    }

    /// How far a tick may go: what was sent later may not have been heard yet.
    pub(super) fn heard_until(&self, now: Timestamp) -> Timestamp {
        let health = self.reading.health.lock();
        let clock = |health: &Health| health.clock.unwrap_or(Timestamp::MIN);
        health.as_ref().map_or(now, |health| now.min(clock(health)))
    }

    /// Takes records and positions as one entry; waits as long as there is no room, and for what is
    /// not durable yet beyond a bound.
    fn take_read(
        &self,
        mut records: Vec<Record>,
        positions: &[Position],
        arrived: Option<Instant>,
    ) -> Result<(), Stopped> {
        let mut waits = false;
        let count = records.len();
        let ((new, repeats), position) = loop {
            let sealed = self.keeper.seal(&Kept::Read(&records, positions), &self.symbols);
            let appended = self.append(sealed, |engine| {
                let done = engine.take(records.drain(..), arrived)?;
                self.reading.advance(positions);
                Ok(done)
            });
            match appended {
                Ok(done) => break done,
                Err(IngestError::Full { .. }) => {
                    if !std::mem::replace(&mut waits, true) {
                        tracing::warn!("no room for the journal: what is in the logs waits there");
                    }
                    std::thread::sleep(PAUSE);
                }
                // The first half alone, without positions: if the other never follows, it is read
                // again, and known.
                Err(IngestError::TooLarge) if records.len() > 1 => {
                    let rest = records.split_off(records.len() / 2);
                    self.take_read(records, &[], arrived)?;
                    records = rest;
                }
                Err(error) => {
                    tracing::error!(%error, "the logs are read no further");
                    return Err(Stopped);
                }
            }
        };
        self.events.fetch_add(new, Ordering::Relaxed);
        self.duplicates.fetch_add(repeats, Ordering::Relaxed);
        let due = position.and_then(|at| self.reading.unsettled.lock().add(at, count));
        self.settle(due)
    }

    /// Returns once an entry is durable. One that was appended becomes so as soon as there is room.
    fn settle(&self, position: Option<journal::Position>) -> Result<(), Stopped> {
        loop {
            match self.wait(position) {
                Ok(()) => return Ok(()),
                Err(IngestError::Full { .. }) if self.engine.lock().is_some() => {
                    std::thread::sleep(PAUSE);
                }
                Err(_) => return Err(Stopped),
            }
        }
    }
}

impl Taker for Service {
    fn take(&self, read: Read) -> Result<(), Stopped> {
        self.bury(&read.refused);
        for found in &read.refused {
            let labels = [found.reason.code()];
            self.metrics.events_refused_total.with_label_values(&labels).inc();
        }
        self.refused.fetch_add(read.refused.len() as u64, Ordering::Relaxed);
        self.take_read(read.records, &read.positions, read.arrived)
    }

    fn hold(&self, held: bool) -> Result<(), Stopped> {
        loop {
            let kept = Kept::Entry(Entry::Held(held));
            let sealed = self.keeper.seal(&kept, &self.symbols);
            match self.append(sealed, |engine| engine.hold(held)) {
                Ok(_) => break,
                Err(IngestError::Full { .. }) => std::thread::sleep(PAUSE),
                Err(_) => return Err(Stopped),
            }
        }
        self.metrics.source_held.set(i64::from(held));
        Ok(())
    }

    fn pass(&self, to: Timestamp) -> Result<(), Stopped> {
        loop {
            let newest = Timestamp::saturating(self.newest.load(Ordering::Relaxed));
            if self.is_held() || to <= newest {
                return Ok(());
            }
            match self.enter_tick(to) {
                Ok(()) => return Ok(()),
                Err(IngestError::Full { .. }) => std::thread::sleep(PAUSE),
                Err(_) => return Err(Stopped),
            }
        }
    }

    fn report(&self, health: Health) {
        let mut known = self.reading.health.lock();
        let was = known.as_ref().and_then(|known| known.trouble.as_ref());
        match (&health.trouble, was) {
            (None, Some(_)) => tracing::info!("every partition is being read"),
            (Some(trouble), None) => tracing::warn!(trouble, "a log is not read as it should be"),
            _ => {}
        }
        *known = Some(health);
    }
}
