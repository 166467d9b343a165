//! The threads: one order in front, a thread per shard behind bounded queues.
//!
//! ```text
//! take(records) ─► sequencer ─► batch per shard ─► ║queue║ ─► shard thread ─► sink(outputs)
//!                                   ▲                              │
//!                                   └──── emptied ──── ║done║ ◄────┘
//! ```
//!
//! With one shard there is no thread and no queue: the caller's thread steps the shard itself.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::engine::ActionInput;
use crate::engine::Erasure;
use crate::engine::Input;
use crate::engine::Output;
use crate::engine::Restored;
use crate::engine::away::Away;
use crate::engine::away::Room;
use crate::engine::entities::Entities;
use crate::engine::entities::NEAR;
use crate::engine::learning::Learning;
use crate::engine::sequence;
use crate::engine::sequence::Sequencer;
use crate::engine::sequence::Standing;
use crate::engine::sequence::own::Own;
use crate::engine::shard::Shard;
use crate::engine::snapshot::Cut;
use crate::engine::snapshot::Piece;
use crate::engine::tally::Tally;
use crate::event::Record;
use crate::event::Spares;
use crate::event::Symbols;
use crate::model::report::Version;
use crate::rule::set::RuleSet;
use crate::state::models::Models;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// How long a snapshot waits for the disk before it looks again.
const DISK_PAUSE: Duration = Duration::from_millis(1);

/// How much longer than a step of a snapshot the rest behind it is, while nothing else is to be done:
/// those who read, deliver and answer need the processor as well.
const REST: u32 = 3;

/// Batches that wait for a shard, at most.
const QUEUE_BATCHES: usize = 16;

/// Takes the outputs of one batch; called from the shards' threads, and may block them.
pub type Sink = Arc<dyn Fn(&mut Vec<Output>) + Send + Sync>;

/// The sequencer and the shards.
pub struct Engine {
    sequencer: Sequencer,
    workers: Workers,
    sink: Sink,
    entities: Vec<Arc<Entities>>,
    gauges: Vec<Arc<Gauge>>,
    spares: Spares,
}

enum Workers {
    Inline(Box<Shard>, Vec<Input>, Vec<Output>),
    Threads(Vec<Worker>),
}

struct Worker {
    queue: SyncSender<Vec<Input>>,
    /// Batches that the shard is through with.
    done: Receiver<Vec<Input>>,
    batch: Vec<Input>,
    thread: JoinHandle<()>,
}

/// What a shard has done and what waits for it, readable beside it.
#[derive(Default)]
pub struct Gauge {
    /// Inputs sent and not yet taken.
    pub waiting: AtomicU64,
    /// Timers that are set.
    pub timers: AtomicU64,
    /// Milliseconds before which no timer is due.
    pub due: AtomicI64,
    tally: Mutex<Tally>,
}

/// What the whole engine did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The one order.
    pub sequence: sequence::Tally,
    /// All shards together.
    pub shards: Tally,
    /// Entities with a history or reference data.
    pub entities: u64,
    /// Inputs that wait.
    pub waiting: u64,
}

/// The engine has stopped: a shard's thread is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped; its log says why")]
pub struct Stopped;

/// How an engine is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Shards, each on a thread of its own when there are several.
    pub shards: usize,
    /// How late an event may be before timers have passed it.
    pub lateness: Span,
}

impl Engine {
    /// Starts the shards, with room for every customer.
    pub fn start(
        rules: &Arc<RuleSet>,
        symbols: &Symbols,
        settings: Settings,
        sink: Sink,
    ) -> std::io::Result<Self> {
        Self::start_within(None, (rules, symbols), settings, sink)
    }

    /// Starts the shards; customers that have no room in memory are moved to disk.
    pub fn start_within(
        room: Option<&Room>,
        (rules, symbols): (&Arc<RuleSet>, &Symbols),
        settings: Settings,
        sink: Sink,
    ) -> std::io::Result<Self> {
        let shards = settings.shards.max(1);
        room.map_or(Ok(()), Away::begin)?;
        let sequencer = Sequencer::new(rules, symbols, shards, settings.lateness);
        let (mut entities, mut gauges, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        let mut inline = None;
        for number in 0..shards {
            let shard = Shard::new(Arc::clone(rules), symbols.clone());
            let shard = match room {
                Some(room) => shard.within(room, (number, shards)),
                None => shard,
            };
            let gauge = Arc::new(Gauge::default());
            entities.push(shard.entities());
            gauges.push(Arc::clone(&gauge));
            if shards == 1 {
                inline = Some(Workers::Inline(Box::new(shard), Vec::new(), Vec::new()));
                break;
            }
            let (queue, waiting) = sync_channel(QUEUE_BATCHES);
            let (back, done) = sync_channel(QUEUE_BATCHES);
            let sink = Arc::clone(&sink);
            let thread = std::thread::Builder::new()
                .name(format!("shard-{number}"))
                .spawn(move || work(shard, (&waiting, &back), &gauge, &sink))?;
            threads.push(Worker { queue, done, batch: Vec::new(), thread });
        }
        let workers = inline.unwrap_or(Workers::Threads(threads));
        Ok(Self { sequencer, workers, sink, entities, gauges, spares: Spares::default() })
    }

    /// Takes records in, in this order; how many were new, and how many repeats.
    pub fn take(
        &mut self,
        records: impl IntoIterator<Item = Record>,
        arrived: Option<Instant>,
    ) -> Result<(u64, u64), Stopped> {
        let (mut new, mut repeats) = (0, 0);
        let Self { sequencer, workers, .. } = self;
        let (mut records, mut near) = (records.into_iter(), SmallVec::<[Record; NEAR]>::new());
        loop {
            near.extend(records.by_ref().take(NEAR));
            if near.is_empty() {
                break;
            }
            let known = sequencer.touch(&near);
            for (record, known) in near.drain(..).zip(known) {
                let mut send = |shard: usize, input: Input| workers.send(shard, input);
                if sequencer.take(record, (known, arrived), &mut send) {
                    new += 1;
                } else {
                    repeats += 1;
                }
            }
        }
        self.flush()?;
        Ok((new, repeats))
    }

    /// Hands the boxes of events back that are done with.
    pub fn hand_back(&mut self, spares: &mut Spares) {
        spares.append(&mut self.spares);
    }

    /// Hands in what a sales person did.
    pub fn act(&mut self, action: ActionInput) -> Result<(), Stopped> {
        let shard = self.sequencer.shard_of(action.entity.id);
        self.sequencer.act(&action.rule, action.alert, &action.action);
        self.workers.send(shard, Input::Action(action));
        self.flush()
    }

    /// Runs other rules from here on: every shard changes over at this place of the one order.
    /// Returns once they are on their way; what is taken meanwhile waits behind them.
    pub fn adopt(&mut self, rules: &Arc<RuleSet>) -> Result<(), Stopped> {
        let Self { sequencer, workers, .. } = self;
        sequencer.adopt(rules, &mut |shard, input| workers.send(shard, input));
        self.flush()
    }

    /// Sets the one order up as its journal says: before the first event, or where only the
    /// lateness changes.
    pub fn set_up(&mut self, secret: u64, lateness: Span) {
        self.sequencer.set_up(secret, lateness);
    }

    /// Other processes have the other customers, reps and products; before the first event.
    pub fn keep_own(&mut self, own: Own) {
        self.sequencer.keep_own(own);
    }

    /// Starts from what was learned elsewhere: it takes effect at this place of the one order.
    pub fn learned(&mut self, models: &Arc<Models>) -> Result<(), Stopped> {
        let Self { sequencer, workers, .. } = self;
        sequencer.learned(models, &mut |shard, input| workers.send(shard, input));
        self.flush()
    }

    /// The versions of what was learned so far, the newest last.
    pub fn versions(&self) -> &[Version] {
        self.sequencer.versions()
    }

    /// Learns from records that no rule gets to see; it takes effect at this place of the one order.
    pub fn teach(&mut self, records: &[Record]) -> Result<(), Stopped> {
        let Self { sequencer, workers, .. } = self;
        sequencer.teach(records, &mut |shard, input| workers.send(shard, input));
        self.flush()
    }

    /// What was learned, in the version that holds; none where no rule asks for any.
    pub fn models(&self) -> Option<&Arc<Models>> {
        self.sequencer.models()
    }

    /// Event time has come so far even if nothing happened.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), Stopped> {
        self.sequencer.tick(now);
        self.flush()
    }

    /// Event time stands still while a source is away (`true`), or goes on.
    pub fn hold(&mut self, held: bool) -> Result<(), Stopped> {
        self.sequencer.hold(held);
        self.flush()
    }

    /// Whether event time stands still.
    pub fn is_held(&self) -> bool {
        self.sequencer.is_held()
    }

    /// The one order alone: what it takes here, no shard hears of.
    pub(crate) fn one_order(&mut self) -> &mut Sequencer {
        &mut self.sequencer
    }

    /// Tells every shard what was learned, in the version that holds.
    pub fn tell_models(&mut self) -> Result<(), Stopped> {
        let Self { sequencer, workers, .. } = self;
        sequencer.tell_again(&mut |shard, input| workers.send(shard, input));
        self.send_off()
    }

    /// What is being learned, as of here; none where no rule asks for any.
    pub fn learning(&self) -> Option<Learning> {
        self.sequencer.learning().cloned()
    }

    /// Where the one order stands.
    pub fn standing(&self) -> Standing {
        self.sequencer.standing()
    }

    /// Goes on where another engine stood, whose entities follow by [`Engine::restore`].
    pub fn resume(&mut self, standing: &Standing) {
        self.sequencer.resume(standing);
    }

    /// Lets a customer go for good; every shard looks for its names.
    pub fn erase(&mut self, erasure: &Arc<Erasure>) -> Result<(), Stopped> {
        for shard in 0..self.entities.len() {
            self.workers.send(shard, Input::Erase(Arc::clone(erasure)));
        }
        self.send_off()
    }

    /// Has every shard save what it holds as of here; the pieces come while it goes on.
    pub fn save(&mut self, pieces: &SyncSender<Piece>) -> Result<(), Stopped> {
        let shards = u32::try_from(self.entities.len()).unwrap_or(u32::MAX);
        for (shard, number) in (0..self.entities.len()).zip(0..) {
            let cut = Cut { pieces: pieces.clone(), share: (number, shards) };
            self.workers.send(shard, Input::Save(Some(cut)));
        }
        self.flush()
    }

    /// Writes a little of the snapshot under way, where shards have no threads to do so.
    pub fn save_some(&mut self) {
        if let Workers::Inline(shard, ..) = &mut self.workers {
            shard.save_some();
        }
    }

    /// Takes back what was saved.
    pub fn restore(&mut self, restored: Restored) -> Result<(), Stopped> {
        match restored {
            Restored::Entities(entities, head) => {
                let mut shares: Vec<Vec<_>> = self.entities.iter().map(|_| Vec::new()).collect();
                for entity in entities {
                    shares[self.sequencer.shard_of(entity.0.id)].push(entity);
                }
                for (shard, share) in shares.into_iter().enumerate() {
                    let restored = Restored::Entities(share, Arc::clone(&head));
                    let input = Input::Restore(Box::new(restored));
                    self.workers.send(shard, input);
                }
            }
            common => {
                let shards = self.entities.len();
                let concerns = |shard: usize| match &common {
                    Restored::Rules(rules, _) => rules.concerns(shard, shards),
                    _ => true,
                };
                for shard in (0..shards).filter(|shard| concerns(*shard)) {
                    let input = Input::Restore(Box::new(common.clone()));
                    self.workers.send(shard, input);
                }
            }
        }
        self.send_off()
    }

    /// How far event time has come.
    pub fn watermark(&self) -> Timestamp {
        self.sequencer.watermark()
    }

    /// The newest event time seen, or the latest tick.
    pub fn newest(&self) -> Timestamp {
        self.sequencer.newest()
    }

    /// The entities of every shard, to be read beside it.
    pub fn entities(&self) -> &[Arc<Entities>] {
        &self.entities
    }

    /// What every shard has done and what waits for it.
    pub fn gauges(&self) -> &[Arc<Gauge>] {
        &self.gauges
    }

    /// Whether every shard still works.
    pub fn is_whole(&self) -> bool {
        match &self.workers {
            Workers::Inline(..) => true,
            Workers::Threads(workers) => workers.iter().all(|one| !one.thread.is_finished()),
        }
    }

    /// The one order's own counts.
    pub fn sequence(&self) -> sequence::Tally {
        self.sequencer.tally
    }

    /// Lets event time pass to the watermark behind what was sent, and hands it over.
    fn flush(&mut self) -> Result<(), Stopped> {
        let watermark = self.sequencer.watermark();
        for shard in 0..self.entities.len() {
            self.workers.send(shard, Input::Watermark(watermark));
        }
        self.send_off()
    }

    fn send_off(&mut self) -> Result<(), Stopped> {
        match &mut self.workers {
            Workers::Inline(shard, batch, outputs) => {
                shard.steps(batch, outputs);
                // No thread goes on with a change of rules later.
                shard.change_all(outputs);
                batch.drain(..).for_each(|input| keep(input, &mut self.spares));
                if !outputs.is_empty() {
                    (self.sink)(outputs);
                    outputs.clear();
                }
                self.gauges[0].note(shard);
                if shard.has_failed() { Err(Stopped) } else { Ok(()) }
            }
            Workers::Threads(workers) => {
                for (worker, gauge) in workers.iter_mut().zip(&self.gauges) {
                    let empty = worker.emptied(&mut self.spares);
                    let batch = std::mem::replace(&mut worker.batch, empty);
                    gauge.waiting.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    worker.queue.send(batch).map_err(|_| Stopped)?;
                }
                Ok(())
            }
        }
    }

    /// Waits until everything that was taken is done, and tells what was done in all.
    pub fn finish(self) -> Result<Totals, Stopped> {
        match self.workers {
            Workers::Inline(mut shard, mut batch, mut outputs) => {
                shard.steps(&mut batch, &mut outputs);
                shard.change_all(&mut outputs);
                (self.sink)(&mut outputs);
                self.gauges[0].note(&shard);
            }
            Workers::Threads(workers) => {
                for Worker { queue, batch, thread, .. } in workers {
                    queue.send(batch).map_err(|_| Stopped)?;
                    drop(queue);
                    thread.join().map_err(|_| Stopped)?;
                }
            }
        }
        Ok(totals(self.sequencer.tally, &self.gauges, &self.entities))
    }
}

/// What was done in all so far.
pub fn totals(
    sequence: sequence::Tally,
    gauges: &[Arc<Gauge>],
    entities: &[Arc<Entities>],
) -> Totals {
    let mut all = Tally::default();
    for gauge in gauges {
        all.add(&gauge.tally.lock());
    }
    let waiting = gauges.iter().map(|gauge| gauge.waiting.load(Ordering::Relaxed)).sum();
    let entities = entities.iter().map(|shard| shard.len() as u64).sum();
    Totals { sequence, shards: all, entities, waiting }
}

fn work(
    mut shard: Shard,
    (queue, done): (&Receiver<Vec<Input>>, &SyncSender<Vec<Input>>),
    gauge: &Gauge,
    sink: &Sink,
) {
    let mut outputs = Vec::new();
    // A change of rules under way waits, too, until its last entity has changed over.
    let mut changing = 0;
    while let Some(mut batch) = next_batch(&mut shard, queue) {
        let taken = batch.len() as u64;
        if batch.is_empty() {
            shard.change_some(&mut outputs);
        } else {
            shard.steps(&mut batch, &mut outputs);
        }
        if !outputs.is_empty() {
            sink(&mut outputs);
            outputs.clear();
        }
        gauge.note(&shard);
        if shard.has_failed() {
            // Nobody waits for what it will not do.
            return;
        }
        let still = u64::from(shard.is_changing());
        gauge.waiting.fetch_sub(taken + changing - still, Ordering::Relaxed);
        changing = still;
        if batch.capacity() > 0 {
            // Where too many lie about already, the memory of this one is given up.
            let _ = done.try_send(batch);
        }
        shard.save_some();
    }
}

/// The next batch; an empty one where there is none, and a change of rules is to go on. A snapshot
/// under way goes on here.
fn next_batch(shard: &mut Shard, queue: &Receiver<Vec<Input>>) -> Option<Vec<Input>> {
    if shard.is_changing() {
        return Some(queue.try_recv().unwrap_or_default());
    }
    let mut pause = Duration::ZERO;
    while shard.is_saving() {
        match queue.recv_timeout(pause) {
            Ok(batch) => return Some(batch),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let began = time::steady();
        let more = shard.save_some();
        let took = time::steady().saturating_duration_since(began);
        // Without more to do, the disk is behind.
        pause = if more { took * REST } else { DISK_PAUSE };
    }
    queue.recv().ok()
}

impl Gauge {
    fn note(&self, shard: &Shard) {
        self.tally.lock().clone_from(&shard.tally);
        self.timers.store(shard.timers() as u64, Ordering::Relaxed);
        let due = shard.due().map_or(i64::MAX, Timestamp::millis);
        self.due.store(due, Ordering::Relaxed);
    }
}

impl Worker {
    /// An empty batch; those that the shard is through with give up their events' boxes.
    fn emptied(&self, spares: &mut Spares) -> Vec<Input> {
        let mut empty = Vec::new();
        while let Ok(mut batch) = self.done.try_recv() {
            batch.drain(..).for_each(|input| keep(input, spares));
            empty = batch;
        }
        empty
    }
}

/// Keeps what the next input can use of one that is done with.
#[inline]
fn keep(input: Input, spares: &mut Spares) {
    if let Input::Event { event, .. } = input {
        spares.put(event);
    }
}

impl Workers {
    fn send(&mut self, shard: usize, input: Input) {
        match self {
            Self::Inline(_, batch, _) => batch.push(input),
            Self::Threads(workers) => workers[shard].batch.push(input),
        }
    }
}
