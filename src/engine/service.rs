//! The running engine behind HTTP and the demo: bodies in, live entities and figures out.
//!
//! ```text
//! body ─► decode ─┬─► too far in the future? ─► journal, engine (one lock: the one order)
//!                 └─► refused ─► dead letters, and an answer that says why
//! ```

pub mod clock;
mod erase;
mod keeping;
mod read;
pub mod snapshots;
pub mod replay;
mod told;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::Mutex;
use parking_lot::RwLock;
use rapidhash::v3::rapidhash_v3;

use crate::alert::life_cycle::Phase;
use crate::engine::ActionInput;
use crate::engine::away;
use crate::engine::entities::Entities;
use crate::engine::port::EngineStatus;
use crate::engine::port::EntityView;
use crate::engine::port::IngestError;
use crate::engine::port::IngestReport;
use crate::engine::port::LearnedView;
use crate::engine::port::Port;
use crate::engine::port::RefusedRecord;
use crate::engine::port::Reload;
use crate::engine::port::RuleState;
use crate::engine::port::RuleView;
use crate::engine::port::RulesView;
use crate::engine::runtime;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Gauge;
use crate::engine::runtime::Totals;
use crate::engine::sequence;
use crate::engine::sequence::own::Own;
pub use crate::engine::service::erase::Erased;
use crate::engine::service::keeping::Keeper;
use crate::engine::service::keeping::Kept;
use crate::engine::service::read::Reading;
use crate::engine::tally::Resting;
use crate::engine::tally::RuleTally;
use crate::engine::view;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Feedback;
use crate::event::Kind;
use crate::event::Record;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::decode::Decoder;
use crate::event::mapping::Mapping;
use crate::journal::JournalError;
use crate::journal::entry::Entry;
use crate::journal::entry::RulesEntry;
use crate::metrics::Metrics;
use crate::model::report;
use crate::rule::file::Mode;
use crate::rule::set::RuleSet;
use crate::source::Batch;
use crate::source::Refused;
use crate::source::body;
use crate::source::body::BodyError;
use crate::source::cloud_events;
use crate::source::dead_letter::DeadLetters;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// So long after the last tick another one is worth its place in the journal, even if no timer is
/// due.
const TICK_AT_LEAST: Span = Span::from_millis(60_000);

/// Decoders that are kept for the next body of their source.
const DECODERS_KEPT: usize = 64;

/// The running engine.
pub struct Service {
    engine: Mutex<Option<Engine>>,
    keeper: Keeper,
    rules: RwLock<Arc<RuleSet>>,
    symbols: Symbols,
    mapping: Arc<Mapping>,
    decoders: Mutex<HashMap<Symbol, Decoder>>,
    entities: Vec<Arc<Entities>>,
    gauges: Vec<Arc<Gauge>>,
    dead: Mutex<DeadLetters>,
    metrics: Arc<Metrics>,
    limits: Limits,
    newest: AtomicI64,
    watermark: AtomicI64,
    /// The wall clock as it was last told, in the journal or not.
    told: AtomicI64,
    events: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    ready: std::sync::atomic::AtomicBool,
    reading: Reading,
    reload: Mutex<Reload>,
    counted: Mutex<Totals>,
    away: Mutex<away::Figures>,
    outlet: OnceLock<Outlet>,
}

/// Writes what somebody did to the topic that it is read from; the entity's id beside it.
pub type Outlet = Box<dyn Fn(&Feedback, &str) -> Result<(), IngestError> + Send + Sync>;

/// What the service does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records that may wait before more are turned away.
    pub waiting_max: u64,
    /// How far an event's time may lie ahead of the wall clock; none where time is played.
    pub ahead_max: Option<Span>,
}

/// What a service is made of.
pub struct Parts {
    /// The engine.
    pub engine: Engine,
    /// Its rules.
    pub rules: Arc<RuleSet>,
    /// Its names.
    pub symbols: Symbols,
    /// How the fields of bodies map to ours.
    pub mapping: Arc<Mapping>,
    /// Where refused records go.
    pub dead: DeadLetters,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is not taken.
    pub limits: Limits,
}

impl Service {
    /// A service that is not ready yet: call [`Service::set_ready`] once it has caught up.
    pub fn new(parts: Parts) -> Self {
        let Parts { engine, rules, symbols, mapping, dead, metrics, limits } = parts;
        let (entities, gauges) = (engine.entities().to_vec(), engine.gauges().to_vec());
        let start = Timestamp::MIN.millis();
        let service = Self {
            engine: Mutex::new(Some(engine)),
            keeper: Keeper::default(),
            rules: RwLock::new(rules),
            symbols,
            mapping,
            decoders: Mutex::default(),
            entities,
            gauges,
            dead: Mutex::new(dead),
            metrics,
            limits,
            newest: AtomicI64::new(start),
            watermark: AtomicI64::new(start),
            told: AtomicI64::new(start),
            events: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            ready: std::sync::atomic::AtomicBool::new(false),
            reading: Reading::default(),
            reload: Mutex::new(Reload { at: time::now(), problem: None }),
            counted: Mutex::default(),
            away: Mutex::default(),
            outlet: OnceLock::new(),
        };
        service.succeeded();
        service
    }

    /// Where refused records go from here on.
    pub fn bury_in(&self, dead: DeadLetters) {
        *self.dead.lock() = dead;
    }

    /// Other processes have the other customers, reps and products; before anything is taken.
    pub fn keep_own(&self, own: Own) {
        if let Some(engine) = self.engine.lock().as_mut() {
            engine.keep_own(own);
        }
    }

    /// What people do goes this way from here on, and is taken when it is read back from there.
    pub fn act_through(&self, outlet: Outlet) {
        let _ = self.outlet.set(outlet);
    }

    /// Says that the history is in and records are welcome.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// The engine's names.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Takes records that were decoded elsewhere; how many were new, and how many repeats. They are
    /// durable when this returns, if the service keeps a journal.
    pub fn take(
        &self,
        records: impl IntoIterator<Item = Record>,
        arrived: Option<Instant>,
    ) -> Result<(u64, u64), IngestError> {
        let records: Vec<Record> = records.into_iter().collect();
        let sealed = self.keeper.seal(&Kept::Records(&records), &self.symbols);
        let ((new, repeats), position) =
            self.append(sealed, |engine| engine.take(records, arrived))?;
        self.wait(position)?;
        self.events.fetch_add(new, Ordering::Relaxed);
        self.duplicates.fetch_add(repeats, Ordering::Relaxed);
        Ok((new, repeats))
    }

    /// Event time has come so far even if nothing happened.
    ///
    /// With a journal, a tick that nothing waits for is left out: the next one says the same.
    pub fn tick(&self, now: Timestamp) -> Result<(), IngestError> {
        let now = self.heard_until(now);
        self.told.fetch_max(now.millis(), Ordering::Relaxed);
        if self.keeper.journal().is_some() && !self.matters(now) {
            // A journal that has failed has to be heard of, however quiet it is.
            let stopped = self.engine.lock().is_none();
            return if stopped { Err(IngestError::Stopped) } else { Ok(()) };
        }
        match self.enter_tick(now) {
            // Timers wait until there is room.
            Err(IngestError::Full { .. }) => Ok(()),
            passed => passed,
        }
    }

    fn enter_tick(&self, now: Timestamp) -> Result<(), IngestError> {
        let sealed = self.keeper.seal(&Kept::Entry(Entry::Tick(now)), &self.symbols);
        self.append(sealed, |engine| engine.tick(now)).map(|_| ())
    }

    /// Whether anything waits for event time to come so far.
    fn matters(&self, now: Timestamp) -> bool {
        if self.is_held() {
            return false;
        }
        let newest = Timestamp::saturating(self.newest.load(Ordering::Relaxed));
        let lateness = self.setup().map_or(Span::ZERO, |setup| setup.lateness);
        let passed = (now - lateness).millis();
        now - newest >= TICK_AT_LEAST
            || self.gauges.iter().any(|gauge| gauge.due.load(Ordering::Relaxed) <= passed)
    }

    /// Runs other rules from here on, at one place of the order in which everything is taken.
    pub fn adopt(&self, rules: Arc<RuleSet>) -> Result<(), IngestError> {
        let told = self.told.load(Ordering::Relaxed);
        if self.keeper.journal().is_some() && told > self.newest.load(Ordering::Relaxed) {
            // What counts "from now on" counts from the instant that was last told.
            self.enter_tick(Timestamp::saturating(told))?;
        }
        let files = rules.files.to_vec();
        let kept = Kept::Entry(Entry::Rules(RulesEntry { hash: hash(&files), files }));
        self.submit(&kept, |engine| {
            engine.adopt(&rules)?;
            // What was wrong with others goes first: nobody is told of it beside rules that run.
            *self.reload.lock() = Reload { at: time::now(), problem: None };
            self.succeeded();
            *self.rules.write() = rules;
            Ok(())
        })?;
        self.metrics.rules_reloads_total.with_label_values(&["adopted"]).inc();
        Ok(())
    }

    /// Records that the one order has taken, repeats too.
    pub fn taken(&self) -> u64 {
        let tally = self.engine.lock().as_ref().map(Engine::sequence).unwrap_or_default();
        tally.events + tally.references + tally.duplicates
    }

    /// The rules that run.
    pub fn rule_set(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules.read())
    }

    /// Notes that other rules were not good enough, and why; the last good ones go on.
    pub fn refuse(&self, problem: String) {
        *self.reload.lock() = Reload { at: time::now(), problem: Some(problem) };
        self.metrics.rules_reloads_total.with_label_values(&["refused"]).inc();
        self.metrics.rules_last_reload_successful.set(0);
    }

    fn succeeded(&self) {
        self.metrics.rules_last_reload_successful.set(1);
        let at = seconds(self.reload.lock().at);
        self.metrics.rules_last_reload_success_timestamp_seconds.set(at);
    }

    fn follow(&self, engine: &Engine) {
        self.newest.store(engine.newest().millis(), Ordering::Relaxed);
        self.reading.set_held(engine.is_held());
        self.told.fetch_max(engine.newest().millis(), Ordering::Relaxed);
        self.watermark.store(engine.watermark().millis(), Ordering::Relaxed);
    }

    /// Waits until everything taken is done, and closes the journal; nothing is taken any more.
    pub fn stop(&self) -> Result<Option<Totals>, JournalError> {
        let engine = self.engine.lock().take();
        let totals = engine.and_then(|engine| engine.finish().ok());
        match (self.failure(), self.keeper.journal()) {
            (Some(failure), _) => Err(failure),
            (None, Some(journal)) => journal.close().map(|()| totals),
            (None, None) => Ok(totals),
        }
    }

    /// Brings the figures up to date; to be called about once a second.
    pub fn measure(&self) {
        let sequence = self.engine.lock().as_ref().map(Engine::sequence).unwrap_or_default();
        let now = runtime::totals(sequence, &self.gauges, &self.entities);
        let mut before = self.counted.lock();
        let metrics = &self.metrics;
        let since = |now: u64, before: u64| now.saturating_sub(before);
        let old = &before.sequence;
        for (place, (_, kind)) in Kind::ALL.iter().enumerate() {
            let (now, before) = (now.sequence.kinds[place], old.kinds[place]);
            if now > before {
                metrics.events_total.with_label_values(&[kind]).inc_by(now - before);
            }
        }
        metrics.events_duplicate_total.inc_by(
            since(now.sequence.duplicates, old.duplicates)
                + since(now.shards.duplicates, before.shards.duplicates),
        );
        metrics.model_refits_total.inc_by(since(now.sequence.refits, old.refits));
        let late = |totals: &Totals| totals.shards.late + totals.shards.too_late;
        metrics.events_late_total.inc_by(since(late(&now), late(&before)));
        for (name, did) in now.shards.by_name() {
            let did_before = before.shards.rule(name);
            let labels = [name];
            let looked = since(did.evaluations, did_before.evaluations);
            metrics.rule_evaluations_total.with_label_values(&labels).inc_by(looked);
            let failed = since(did.failures, did_before.failures);
            metrics.rule_evaluation_failures_total.with_label_values(&labels).inc_by(failed);
            let items = since(did.items, did_before.items);
            metrics.rule_items_total.with_label_values(&labels).inc_by(items);
            let rests = metrics.rule_quarantined.with_label_values(&labels);
            rests.set(i64::from(did.resting.is_some()));
            if let (Some(why), None) = (did.resting, did_before.resting) {
                let reason = why.reason();
                tracing::error!(rule = name, reason, "the rule rests until the rules change");
            }
        }
        for (mode, name) in Mode::ALL {
            let of_mode = self.rules.read().rules.iter().filter(|rule| rule.mode == mode).count();
            metrics.rules.with_label_values(&[name]).set(i64::try_from(of_mode).unwrap_or(0));
        }
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.queue_depth.set(gauge(now.waiting));
        metrics.queue_capacity.set(gauge(self.limits.waiting_max));
        let is_ready = self.ready.load(Ordering::Acquire) && self.is_read_well();
        metrics.ready.set(i64::from(is_ready));
        metrics.entities.with_label_values(&["all"]).set(gauge(now.entities));
        self.measure_away();
        let watermark = Timestamp::saturating(self.watermark.load(Ordering::Relaxed));
        if watermark > Timestamp::MIN {
            metrics.watermark_timestamp_seconds.set(seconds(watermark));
        }
        metrics.heartbeat_timestamp_seconds.set(seconds(time::now()));
        *before = now;
    }

    /// How many customers are on disk, and how much memory the others take; none where there is room
    /// for all.
    pub fn away(&self) -> Option<away::Figures> {
        let all = self.entities.iter().filter_map(|shard| Some(shard.away()?.figures()));
        all.reduce(away::Figures::plus)
    }

    /// Brings the figures of customers on disk up to date.
    fn measure_away(&self) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let now = self.away().unwrap_or_default();
        let before = std::mem::replace(&mut *self.away.lock(), now);
        let metrics = &self.metrics;
        metrics.customer_memory_bytes.set(gauge(now.bytes));
        metrics.customer_memory_max_bytes.set(gauge(now.bytes_max));
        metrics.customers_moved.set(gauge(now.moved));
        metrics.customers_moved_bytes.set(gauge(now.disk_bytes));
        let moves = |direction| metrics.customer_moves_total.with_label_values(&[direction]);
        moves("out").inc_by(now.out.saturating_sub(before.out));
        moves("back").inc_by(now.back.saturating_sub(before.back));
        let failures = now.failures.saturating_sub(before.failures);
        metrics.customer_move_failures_total.inc_by(failures);
    }

    /// Why the engine has stopped by itself, once it has: a customer that was moved to disk cannot
    /// be read back.
    pub fn broken(&self) -> Option<String> {
        let failure = self.entities.iter().find_map(|shard| shard.away()?.failure());
        failure.map(str::to_owned)
    }

    /// Writes refused records down.
    fn bury(&self, refused: &[Refused]) {
        if refused.is_empty() {
            return;
        }
        let mut dead = self.dead.lock();
        let written = refused.iter().try_for_each(|found| dead.add(found));
        if let Err(error) = written.and_then(|()| dead.flush()) {
            tracing::error!(%error, "refused records could not be kept");
        }
    }

    fn decoder(&self, source: Symbol) -> Decoder {
        let kept = self.decoders.lock().remove(&source);
        kept.unwrap_or_else(|| Decoder::new(Arc::clone(&self.mapping), source))
    }

    fn keep(&self, source: Symbol, decoder: Decoder) {
        let mut decoders = self.decoders.lock();
        if decoders.len() < DECODERS_KEPT {
            decoders.insert(source, decoder);
        }
    }

    fn decode(
        &self,
        content_type: &str,
        headers: &[(String, String)],
        body: &[u8],
        source: &str,
    ) -> Result<Batch, IngestError> {
        let symbol = self.symbols.intern(source);
        let mut decoder = self.decoder(symbol);
        let mut batch = Batch::default();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let name: Arc<str> = Arc::from(source);
        let result = match cloud_events::from_headers(pairs) {
            Some(envelope) => {
                let record = envelope.and_then(|envelope| {
                    decoder.decode_enveloped(&envelope, body, &mut self.symbols.write())
                });
                match record {
                    Ok(record) => batch.records.push(record),
                    Err(reason) => batch.refused.push(Refused {
                        source: name,
                        position: 1,
                        offset: 0,
                        reason,
                        excerpt: crate::source::excerpt(body),
                    }),
                }
                Ok(())
            }
            None => body::decode_body(
                content_type,
                body,
                &name,
                &mut decoder,
                &self.symbols,
                &mut batch,
            ),
        };
        self.keep(symbol, decoder);
        match result {
            Ok(()) => Ok(batch),
            Err(BodyError::MediaType(media)) => Err(IngestError::Unsupported(media)),
        }
    }

    /// Takes out what lies too far ahead of the wall clock: one such event would let every
    /// deadline of every customer pass at once.
    fn ahead(&self, batch: &mut Batch, refused: &mut Vec<RefusedRecord>) {
        let Some(ahead) = self.limits.ahead_max else { return };
        let latest = time::now() + ahead;
        let mut place = 0_u64;
        batch.records.retain(|record| {
            place += 1;
            let Record::Event(event) = record else { return true };
            if event.time <= latest {
                return true;
            }
            let reason = format!(
                "event `{}` happens at {}, more than {ahead} after now: check the sender's clock",
                event.id, event.time
            );
            let code = "future_time".to_owned();
            refused.push(RefusedRecord { position: place, code, reason });
            false
        });
    }
}

/// Tells one version of the rules from another.
fn hash(files: &[(String, String)]) -> u64 {
    let parts = files.iter().flat_map(|(name, text)| [name.as_str(), "\0", text.as_str(), "\0"]);
    rapidhash_v3(parts.collect::<String>().as_bytes())
}

#[expect(clippy::cast_precision_loss, reason = "seconds for a gauge")]
fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1e3
}

impl Port for Service {
    fn ingest(
        &self,
        content_type: &str,
        headers: &[(String, String)],
        body: &[u8],
        source: &str,
    ) -> Result<IngestReport, IngestError> {
        if self.keeper.recovers() && !self.ready.load(Ordering::Acquire) {
            return Err(IngestError::CatchingUp { retry_after_s: 1 });
        }
        if self.reading.is_logs_only() {
            return Err(IngestError::LogsOnly);
        }
        let arrived = time::steady();
        let waiting: u64 =
            self.gauges.iter().map(|gauge| gauge.waiting.load(Ordering::Relaxed)).sum();
        if waiting > self.limits.waiting_max {
            return Err(IngestError::Overloaded { retry_after_s: 1 });
        }
        let mut batch = self.decode(content_type, headers, body, source)?;
        let mut refused = Vec::new();
        self.ahead(&mut batch, &mut refused);
        self.bury(&batch.refused);
        refused.extend(batch.refused.iter().map(|found| RefusedRecord {
            position: found.position,
            code: found.reason.code().to_owned(),
            reason: found.reason.to_string(),
        }));
        for found in &refused {
            self.metrics.events_refused_total.with_label_values(&[found.code.as_str()]).inc();
        }
        self.refused.fetch_add(refused.len() as u64, Ordering::Relaxed);
        let (accepted, duplicates) = self.take(batch.records, Some(arrived))?;
        Ok(IngestReport { accepted, duplicates, refused })
    }

    fn act(&self, input: ActionInput) -> Result<(), IngestError> {
        let is_back = !self.keeper.recovers() || self.ready.load(Ordering::Acquire);
        // What somebody does here would be unknown to the process that has taken this one's place.
        if !is_back || self.reading.is_silent() {
            return Err(IngestError::CatchingUp { retry_after_s: 1 });
        }
        if let Some(outlet) = self.outlet.get() {
            let entity = self.symbols.text(input.entity.id);
            return outlet(&input.into(), &entity);
        }
        let unknown = || IngestError::Unknown(format!("the alert {}", input.alert));
        let known = self.entities.iter().any(|shard| {
            let current = shard.read(&input.entity, |live, rules| {
                match rules.place(&input.rule).and_then(|rule| live.phase(rule)) {
                    Some(Phase::Open(open)) => open.id == input.alert,
                    Some(Phase::Closed { id, .. }) => *id == input.alert,
                    _ => false,
                }
            });
            current.unwrap_or(false)
        });
        if !known {
            return Err(unknown());
        }
        let kept = Kept::Entry(Entry::Action(input.clone().into()));
        self.submit(&kept, |engine| engine.act(input))
    }

    fn entity(&self, kind: EntityKind, id: &str) -> Option<EntityView> {
        let id = self.symbols.read().find(id)?;
        let entity = EntityId { kind, id };
        let models = self.engine.lock().as_ref().and_then(|engine| engine.models().cloned());
        self.entities.iter().find_map(|shard| {
            shard.read(&entity, |live, rules| {
                view::entity(entity, live, (rules, models.as_deref()), &self.symbols)
            })
        })
    }

    fn models(&self) -> LearnedView {
        let guard = self.engine.lock();
        let Some(engine) = guard.as_ref() else { return LearnedView::default() };
        let (versions, models) = (engine.versions().to_vec(), engine.models().cloned());
        // The report takes a while, and the one order need not wait for it.
        drop(guard);
        let learned = models.filter(|models| models.version > 0);
        let current = learned.map(|models| report::report(&models, &self.symbols));
        LearnedView { versions, current }
    }

    fn rules(&self) -> RulesView {
        let totals = runtime::totals(sequence::Tally::default(), &self.gauges, &self.entities);
        let set = Arc::clone(&self.rules.read());
        let rules = set.rules.iter().map(|rule| {
            let did = totals.shards.rule(&rule.name);
            RuleView {
                name: rule.name.to_string(),
                family: rule.family,
                entity: rule.entity,
                mode: rule.mode.name(),
                state: match did {
                    RuleTally { resting: Some(_), .. } => RuleState::Quarantined,
                    RuleTally { is_failing: true, .. } => RuleState::Failing,
                    _ => RuleState::Running,
                },
                reason: did.resting.map(Resting::reason),
                evaluations: did.evaluations,
                failures: did.failures,
                alerts: did.alerts,
                items: did.items,
            }
        });
        RulesView { rules: rules.collect(), reload: self.reload.lock().clone() }
    }

    fn status(&self) -> EngineStatus {
        let at = |cell: &AtomicI64| {
            let at = Timestamp::saturating(cell.load(Ordering::Relaxed));
            (at > Timestamp::MIN).then_some(at)
        };
        let totals = runtime::totals(sequence::Tally::default(), &self.gauges, &self.entities);
        EngineStatus {
            events: self.events.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            late: totals.shards.late + totals.shards.too_late,
            watermark: at(&self.watermark),
            clock: at(&self.told),
            entities: totals.entities,
            queue_depth: totals.waiting,
            ready: self.ready.load(Ordering::Acquire) && self.is_read_well(),
            trouble: self.reading.trouble(),
        }
    }
}
