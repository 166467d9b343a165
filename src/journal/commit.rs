//! Group commit: many append, one thread writes and syncs for all of them.
//!
//! ```text
//! append ──► waiting ──┐ taken whole            durable, wait() returns
//! append ──► waiting ──┴─► in flight ──write, sync──┘
//!            (grows meanwhile; at its limit append waits)
//! ```
//!
//! Whoever waits is served at once: while a sync runs, the next commit gathers, and so it grows with
//! the load. What nobody waits for, such as records of a log that can be read again, lies for a little
//! while before it is written: a disk that is asked to sync after each of them has time for nothing
//! else, nor have those who share it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Condvar;
use parking_lot::Mutex;
use parking_lot::MutexGuard;

use crate::journal::JournalError;
use crate::journal::Log;
use crate::journal::Position;
use crate::journal::record;
use crate::journal::record::Batch;
use crate::time;

/// How long a full disk is left alone before the next try.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a record that nobody waits for may lie before it is written.
const LINGER: Duration = Duration::from_millis(20);
/// Bytes at which nothing lies any longer.
const LINGERING_BYTES_MAX: usize = 256 << 10;

/// A journal that is written by a thread of its own.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to commit.
    work: Condvar,
    /// Something was committed, refused, or taken out of the buffer.
    told: Condvar,
    buffer_bytes_max: usize,
}

struct State {
    /// What the next commit takes; it begins where the commit in flight ends.
    waiting: Batch,
    /// When the first record of it was appended.
    since: Instant,
    /// The last record that somebody has waited for.
    asked: Option<Position>,
    /// The position behind the last record that is durable.
    durable: Position,
    standing: Standing,
    /// Records before this may go.
    retain: Option<Position>,
    figures: Figures,
}

impl State {
    /// Somebody waits for a record; whether that is news.
    fn ask(&mut self, position: Position) -> bool {
        let is_news = self.asked < Some(position);
        if is_news {
            self.asked = Some(position);
        }
        is_news
    }

    /// Whether what waits lies no longer.
    fn may_go(&self) -> bool {
        self.asked >= Some(self.waiting.first())
            || self.waiting.bytes().len() >= LINGERING_BYTES_MAX
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Everything is taken.
    Open,
    /// Only the reserve is left.
    Low,
    /// Not even what was taken in fits.
    Full,
    /// Nothing more is taken; what was is written.
    Closing,
    /// The thread has ended.
    Ended(JournalError),
}

/// What a journal has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Commits, each with one sync.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl Journal {
    /// Starts the thread that commits.
    pub fn start(log: Log) -> std::io::Result<Self> {
        let state = State {
            waiting: log.batch(),
            since: time::steady(),
            asked: None,
            durable: log.next(),
            standing: standing(&log),
            retain: None,
            figures: Figures::default(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            told: Condvar::new(),
            buffer_bytes_max: log.settings().buffer_bytes_max,
        });
        let its = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("journal".to_owned()).spawn(move || run(log, &its))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends a record; it is durable once [`Journal::wait`] says so.
    ///
    /// Waits while the buffer is full, never for the disk. Refused with [`JournalError::Full`]
    /// as long as no more than the reserve is free.
    pub fn append(&self, kind: u8, payload: &[u8]) -> Result<Position, JournalError> {
        self.push(kind, payload, false)
    }

    /// As [`Journal::append`], for what must be told even when the disk is nearly full: receipts
    /// and the passing of time.
    pub fn append_reserved(&self, kind: u8, payload: &[u8]) -> Result<Position, JournalError> {
        self.push(kind, payload, true)
    }

    fn push(&self, kind: u8, payload: &[u8], reserved: bool) -> Result<Position, JournalError> {
        let mut state = self.shared.state.lock();
        loop {
            match &state.standing {
                Standing::Open => {}
                Standing::Low if reserved => {}
                Standing::Low | Standing::Full => return Err(JournalError::Full),
                Standing::Closing => return Err(JournalError::Closed),
                Standing::Ended(error) => return Err(error.clone()),
            }
            if state.waiting.bytes().len() < self.shared.buffer_bytes_max {
                break;
            }
            let full = state.waiting.first();
            if state.ask(full) {
                self.shared.work.notify_one();
            }
            self.shared.told.wait(&mut state);
        }
        let is_first = state.waiting.is_empty();
        let position = state.waiting.push(kind, payload)?;
        if is_first {
            state.since = time::steady();
        }
        let concerns_thread = is_first || state.may_go();
        drop(state);
        if concerns_thread {
            self.shared.work.notify_one();
        }
        Ok(position)
    }

    /// Returns once the record at this position is durable.
    ///
    /// An error says that it is not known to be: a later start may read it back or not. After
    /// [`JournalError::Full`] it may become durable as soon as there is room.
    pub fn wait(&self, position: Position) -> Result<(), JournalError> {
        let mut state = self.shared.state.lock();
        if state.ask(position) {
            self.shared.work.notify_one();
        }
        loop {
            if position < state.durable {
                return Ok(());
            }
            match &state.standing {
                Standing::Full => return Err(JournalError::Full),
                Standing::Ended(error) => return Err(error.clone()),
                Standing::Open | Standing::Low | Standing::Closing => {}
            }
            self.shared.told.wait(&mut state);
        }
    }

    /// The position behind the last record that is durable.
    pub fn durable(&self) -> Position {
        self.shared.state.lock().durable
    }

    /// The position that the next record will have.
    pub fn next(&self) -> Position {
        self.shared.state.lock().waiting.next()
    }

    /// Lets records before this position go, soon, by whole segments.
    pub fn retain(&self, from: Position) {
        self.shared.state.lock().retain = Some(from);
        self.shared.work.notify_one();
    }

    /// What it has done since it was opened.
    pub fn figures(&self) -> Figures {
        self.shared.state.lock().figures
    }

    /// Commits what waits, writes the last record, and gives the journal free.
    pub fn close(&self) -> Result<(), JournalError> {
        {
            let mut state = self.shared.state.lock();
            if !matches!(state.standing, Standing::Ended(_)) {
                state.standing = Standing::Closing;
            }
        }
        self.shared.work.notify_one();
        self.shared.told.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // The thread notes every error before it ends.
            let _ = thread.join();
        }
        match &self.shared.state.lock().standing {
            Standing::Ended(JournalError::Closed) => Ok(()),
            Standing::Ended(error) => Err(error.clone()),
            _ => Err(JournalError::Closed),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the journal could not be closed");
        }
    }
}

/// The thread: commits until it is told to stop, or cannot go on.
fn run(mut log: Log, shared: &Shared) {
    let result = commit_all(&mut log, shared);
    // The lock goes before anybody is told, so that the journal can be opened again at once.
    drop(log);
    let mut state = shared.state.lock();
    state.standing = Standing::Ended(result.err().unwrap_or(JournalError::Closed));
    drop(state);
    shared.told.notify_all();
}

fn commit_all(log: &mut Log, shared: &Shared) -> Result<(), JournalError> {
    let mut flight = log.batch();
    let mut last = false;
    while !last {
        let retain;
        {
            let mut state = shared.gather();
            retain = state.retain.take();
            if state.standing == Standing::Closing {
                state.waiting.push(record::CLOSED, &[])?;
                last = true;
            }
            std::mem::swap(&mut flight, &mut state.waiting);
            state.waiting.restart(flight.next());
        }
        shared.told.notify_all();
        commit(log, &flight, shared, last)?;
        if let Some(from) = retain
            && let Err(error) = log.retain(from)
        {
            tracing::error!(%error, "old segments of the journal could not be removed");
        }
        let standing = standing(log);
        let mut state = shared.state.lock();
        state.durable = flight.next();
        if !flight.is_empty() {
            state.figures.commits += 1;
            state.figures.records += flight.next().number() - flight.first().number();
            state.figures.bytes += flight.bytes().len() as u64;
        }
        if state.standing != Standing::Closing {
            state.standing = standing;
        }
        drop(state);
        shared.told.notify_all();
        flight.restart(log.next());
    }
    Ok(())
}

/// Commits a batch, as soon as there is room for it.
fn commit(log: &mut Log, flight: &Batch, shared: &Shared, last: bool) -> Result<(), JournalError> {
    loop {
        match log.commit(flight) {
            Err(JournalError::Full) if !last => {}
            result => return result,
        }
        let mut state = shared.state.lock();
        if state.standing == Standing::Closing {
            return Err(JournalError::Full);
        }
        state.standing = Standing::Full;
        shared.told.notify_all();
        shared.work.wait_for(&mut state, PATIENCE);
    }
}

/// Whether there is more room than the reserve.
fn standing(log: &Log) -> Standing {
    match log.free_bytes() {
        Ok(free) if free < log.settings().reserve_bytes => Standing::Low,
        Ok(_) => Standing::Open,
        Err(error) => {
            // Without the figure a write will tell.
            tracing::warn!(%error, "the free space of the journal's disk is not known");
            Standing::Open
        }
    }
}

impl Shared {
    /// Waits until there is something to do; while room is low, only for a while.
    fn gather(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        while state.retain.is_none() && state.standing != Standing::Closing {
            if !state.waiting.is_empty() {
                let until = state.since + LINGER;
                if state.may_go() || self.work.wait_until(&mut state, until).timed_out() {
                    break;
                }
            } else if state.standing == Standing::Low {
                self.work.wait_for(&mut state, PATIENCE);
                break;
            } else {
                self.work.wait(&mut state);
            }
        }
        state
    }
}
