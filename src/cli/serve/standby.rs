//! A process that stands by: it follows the journal of the one that runs, and takes its place.
//!
//! ```text
//! newest snapshot ─► the journal behind it, record by record as the other process writes it
//!                        │ outputs: held until a snapshot of the other process covers them
//!                        ▼
//! the lock is free ─► the journal's last records ─► inbox, outbox ─► what was held is told ─► ready
//! ```
//!
//! Both have the same folder of data. The lock on the journal decides who writes: the operating
//! system gives it up with the process that held it, however that ended. Until then this process
//! changes nothing in the folder, opens neither inbox nor accounts, and answers that it stands by.
//!
//! Sequence matters: the lock first, then everything else as at any start. So what a second process
//! must not do while the first lives, it cannot do.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::bail;

use crate::api;
use crate::api::HttpConfig;
use crate::api::standby::Standing;
use crate::cli;
use crate::cli::serve::Core;
use crate::cli::serve::durable::JOURNAL;
use crate::cli::serve::durable::Kept;
use crate::cli::serve::durable::SNAPSHOTS;
use crate::cli::serve::told_to_stop;
use crate::disk::Disk;
use crate::disk::system::SystemDisk;
use crate::engine::service::replay::ReplayError;
use crate::engine::service::replay::compiled;
use crate::engine::snapshot::file::Store;
use crate::event::Symbols;
use crate::journal::Follow;
use crate::journal::JournalError;
use crate::journal::JournalId;
use crate::journal::Position;
use crate::metrics::Metrics;
use crate::rule::set::RuleSet;
use crate::time;

/// How long to wait at the journal's end before the next look, at it and at the lock.
const PAUSE: Duration = Duration::from_millis(10);

/// How often outputs are told apart by the position that they follow from.
const MARK: Duration = Duration::from_millis(200);

/// How often it is looked which snapshots there are.
const LOOK: Duration = Duration::from_secs(1);

/// Records that are taken before anything else is looked at.
const RECORDS: usize = 1_024;

/// Outputs that are held; more of them between two snapshots mean that those are too rare.
const HELD_MAX: usize = 500_000;

/// Makes the core that will follow, by these rules and with these names.
pub(super) type MakeCore<'a> =
    &'a dyn Fn(Arc<RuleSet>, Symbols, Arc<Metrics>) -> anyhow::Result<Core>;

/// A process that has the place of the one that it followed.
pub(super) struct Successor {
    /// Everything before the end of the journal is in it.
    pub(super) core: Core,
    pub(super) kept: Kept,
    /// When it found the lock free.
    pub(super) since: Instant,
}

/// One that follows.
struct Follower {
    core: Core,
    follow: Follow,
    store: Store,
    data: PathBuf,
    /// Whose snapshot it began with.
    journal: Option<JournalId>,
    marked: Instant,
    looked: Instant,
}

/// What comes of an attempt to follow.
enum Outcome {
    Succeeds(Box<Successor>),
    Stopped,
    /// The other process has given up what comes next.
    Behind,
}

/// Follows the process that runs in this folder; returns when its place is free, or none when this
/// one is told to stop.
pub(super) fn stand_by(
    http: &HttpConfig,
    data: &Path,
    make: MakeCore<'_>,
) -> anyhow::Result<Option<Successor>> {
    let metrics = Arc::new(Metrics::new()?);
    let door = Door::open(http, &metrics)?;
    loop {
        metrics.standby.set(1);
        let follower = Follower::begin(data, make, &metrics)?;
        let outcome = match follower.run(&door) {
            Ok(outcome) => outcome,
            Err(error) if gave_up(&error) => Outcome::Behind,
            Err(error) => return Err(error),
        };
        match outcome {
            Outcome::Succeeds(successor) => {
                metrics.standby.set(0);
                return Ok(Some(*successor));
            }
            Outcome::Stopped => return Ok(None),
            Outcome::Behind => tracing::warn!("the journal went on without this process: anew"),
        }
    }
}

/// Says how long it took from when the place was free to here.
pub(super) fn say(since: Instant) {
    let took = time::steady().saturating_duration_since(since).as_millis();
    cli::say(&format!(
        "siaga: took over, {took} ms after the other process was found to have ended"
    ));
}

/// Whether the records that come next are gone.
fn gave_up(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(JournalError::Begins { .. }))
}

impl Follower {
    /// Begins where the newest snapshot ends.
    fn begin(data: &Path, make: MakeCore<'_>, metrics: &Arc<Metrics>) -> anyhow::Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let store = Store::of_another(Arc::clone(&disk), &data.join(SNAPSHOTS));
        let (symbols, metrics) = (Symbols::default(), Arc::clone(metrics));
        let (mut rules, mut from, mut journal) = (Arc::default(), Position::FIRST, None);
        let mut snapshot = None;
        if let Some(sound) = store.newest_of_another()? {
            let head = sound.head()?;
            sound.names(&symbols)?;
            let read = compiled(&head.files, head.history, &symbols);
            rules = Arc::new(read.map_err(|problems| {
                anyhow::anyhow!("the rules in {} are refused:\n{problems}", sound.name())
            })?);
            (from, journal) = (head.place.position, Some(head.place.journal));
            snapshot = Some((sound, head));
        }
        let core = make(rules, symbols, metrics)?;
        core.service.recover_first();
        let folder = data.join(JOURNAL);
        if let Some((sound, head)) = snapshot {
            if sound.lacks_learning(&head) {
                core.service.relearn(&*disk, &folder, from, &mut |_| {})?;
            }
            core.service.load(&sound, head, &mut |_| {})?;
        }
        let (data, now) = (data.to_owned(), time::steady());
        let follow = Follow::new(disk, &folder, from);
        Ok(Self { core, follow, store, data, journal, marked: now, looked: now })
    }

    fn run(mut self, door: &Door) -> anyhow::Result<Outcome> {
        loop {
            if door.is_to_stop() {
                return Ok(Outcome::Stopped);
            }
            let taken = self.take_some()?;
            self.keep_apart()?;
            door.tell(self.follow.next_position());
            self.core
                .metrics
                .standby_position
                .set(i64::try_from(self.follow.next_position().number() - 1).unwrap_or(i64::MAX));
            if taken == RECORDS {
                continue;
            }
            if self.is_free()? {
                let since = time::steady();
                match self.succeed(since)? {
                    Ok(successor) => return Ok(Outcome::Succeeds(Box::new(successor))),
                    Err(back) => self = back,
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes in what has come; how many records.
    fn take_some(&mut self) -> anyhow::Result<usize> {
        let mut taken = 0;
        while taken < RECORDS
            && let Some(record) = self.follow.next_record()?
        {
            self.core.service.take_record(&record).map_err(lift)?;
            taken += 1;
        }
        Ok(taken)
    }

    /// Tells outputs apart by the position they follow from, and forgets those that a snapshot of
    /// the other process covers.
    fn keep_apart(&mut self) -> anyhow::Result<()> {
        let now = time::steady();
        if now.saturating_duration_since(self.marked) >= MARK {
            self.marked = now;
            self.core.service.drain()?;
            self.core.gate.mark(self.follow.next_position());
        }
        if now.saturating_duration_since(self.looked) >= LOOK {
            self.looked = now;
            if let Some(newest) = self.store.list().ok().and_then(|all| all.last().copied()) {
                self.core.gate.forget(newest);
            }
        }
        if self.core.gate.len() > HELD_MAX {
            bail!(
                "more than {HELD_MAX} changes since the newest snapshot: set a shorter \
                 storage.snapshot_every, and start again"
            );
        }
        Ok(())
    }

    /// Whether nobody writes the journal.
    fn is_free(&self) -> anyhow::Result<bool> {
        match SystemDisk.lock(&self.data.join(JOURNAL).join("lock")) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            // Nobody has begun: there is no folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error).context("the lock of the journal cannot be tried"),
        }
    }

    /// Takes the place of the other process; goes on following where a third one was quicker.
    fn succeed(mut self, since: Instant) -> anyhow::Result<Result<Successor, Self>> {
        let (log, store) = match Kept::log(&self.data) {
            Ok(log) => (log, Kept::store(&self.data)?),
            Err(JournalError::InUse { .. }) => return Ok(Err(self)),
            Err(error) => return Err(error.into()),
        };
        if let Some(journal) = self.journal.filter(|journal| *journal != log.id()) {
            bail!("the journal is {}, and the snapshot was of {journal}", log.id());
        }
        while self.take_some()? > 0 {}
        let (next, end) = (self.follow.next_position(), log.next());
        if next != end {
            bail!("the journal ends before record {end}, and was followed to {next}: start again");
        }
        let Self { core, data, .. } = self;
        core.service.drain()?;
        let kept = Kept::followed(log, store, &data);
        Ok(Ok(Successor { core, kept, since }))
    }
}

/// An error of the journal as such, so that it can be told from others.
fn lift(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Journal(error) => error.into(),
        other => other.into(),
    }
}

/// What others see of a process that stands by.
struct Door {
    stop: Arc<AtomicBool>,
    position: Arc<AtomicU64>,
    close: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Answers that this process stands by, until it is dropped, and hears when it is to stop.
    fn open(http: &HttpConfig, metrics: &Arc<Metrics>) -> anyhow::Result<Self> {
        let bound = TcpListener::bind(http.listen);
        let listener = bound.with_context(|| format!("http.listen is {}", http.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, position) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let shown = Arc::clone(&position);
        let standing: Standing = Arc::new(move || {
            let taken = shown.load(Ordering::Relaxed).saturating_sub(1);
            format!(
                "this process has followed the journal of another to record {taken}, and takes its \
                 place when it ends."
            )
        });
        let router = api::standby::router(http, Arc::clone(metrics), standing);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let stopping = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("door".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::spawn(async move {
                    told_to_stop().await;
                    stopping.store(true, Ordering::Release);
                });
                // Whoever is told to read its rules again does so when it takes over.
                let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
                let _ignored = hangup.ok();
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => tokio::select! {
                        served = axum::serve(listener, router).into_future() => {
                            if let Err(error) = served {
                                tracing::error!(%error, "nobody is told that this process stands by");
                            }
                        }
                        _ = closed => {}
                    },
                    Err(error) => tracing::error!(%error, "nobody is served"),
                }
            });
        })?;
        cli::say(&format!("siaga: stands by, and says so on http://{address}/-/ready"));
        Ok(Self { stop, position, close: Some(close), thread: Some(thread) })
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn tell(&self, next: Position) {
        self.position.store(next.number(), Ordering::Relaxed);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.close.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("what tells of the standby broke off");
        }
    }
}
