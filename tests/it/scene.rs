//! How do tests get rules, events and an engine? The stage that the other files play on.
//!
//! ```text
//! rules (YAML) ─► rule_set ─┐
//!                           ├─► Play: an engine whose outputs are kept ─► diary: one line an output
//! order(…), call(…) ────────┘
//! ```

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use siaga::engine::Duty;
use siaga::engine::Output;
use siaga::engine::runtime::Engine;
use siaga::engine::runtime::Gauge;
use siaga::engine::runtime::Settings;
use siaga::engine::runtime::Totals;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Record;
use siaga::event::Symbols;
use siaga::money::Decimal;
use siaga::rule::compile;
use siaga::rule::diagnostic;
use siaga::rule::diagnostic::Files;
use siaga::rule::file;
use siaga::rule::set::RuleSet;
use siaga::time::Span;
use siaga::time::Timestamp;

/// 2025-01-01T00:00:00Z.
pub(crate) const BEGIN: i64 = 1_735_689_600_000;
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// How many cases a property is tried on: `SIAGA_CASES` times as many as usual.
pub(crate) fn cases(usual: u32) -> u32 {
    let more = std::env::var("SIAGA_CASES").ok().and_then(|times| times.parse().ok());
    usual * more.unwrap_or(1_u32)
}

/// An instant, in milliseconds from the beginning.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN + millis).unwrap()
}

/// The rules of a file; a mistake in it fails the test.
#[track_caller]
pub(crate) fn rule_set(yaml: &str, symbols: &Symbols) -> Arc<RuleSet> {
    let mut files = Files::default();
    files.add("test.rules.yaml", yaml);
    let (read, mut problems) = file::read(&files);
    let (rules, more) = compile::compile(&read, symbols);
    problems.extend(more.into_iter().filter(diagnostic::Diagnostic::is_error));
    let told: Vec<String> = problems
        .iter()
        .map(|p| format!("{}: {} in {}", p.code, p.message, files.slice(p.file, p.span.clone())))
        .collect();
    assert!(told.is_empty(), "{told:#?}\n{yaml}");
    Arc::new(rules)
}

/// An order of one line.
pub(crate) fn order(symbols: &Symbols, who: &str, id: &str, millis: i64, net: i64) -> Event {
    let net = Some(Decimal::from_micros(net * Decimal::SCALE));
    let product = Some(symbols.intern("p1"));
    let line = Line { product, quantity: Decimal::ONE, net, ..Line::default() };
    Event { lines: [line].into_iter().collect(), ..happened(symbols, who, id, millis) }
}

/// An order without lines; change its kind to make a call of it.
pub(crate) fn happened(symbols: &Symbols, who: &str, id: &str, millis: i64) -> Event {
    Event {
        id: id.into(),
        source: symbols.intern("test"),
        kind: Kind::Order,
        time: at(millis),
        customer: Some(symbols.intern(who)),
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: std::iter::empty().collect(),
        detail: None,
    }
}

/// An engine whose outputs are kept.
pub(crate) struct Play {
    pub(crate) engine: Engine,
    outputs: Arc<Mutex<Vec<Output>>>,
    duties: Arc<Mutex<Vec<Duty>>>,
}

impl Play {
    pub(crate) fn new(
        rules: &Arc<RuleSet>,
        symbols: &Symbols,
        shards: usize,
        lateness: i64,
    ) -> Self {
        let (outputs, duties) = (Arc::default(), Arc::default());
        let (kept, apart): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) =
            (Arc::clone(&outputs), Arc::clone(&duties));
        // Who looks after whom is no alert, and each shard says it of every rep.
        let sink = Arc::new(move |some: &mut Vec<Output>| {
            for output in some.drain(..) {
                match output {
                    Output::Duty(duty) => apart.lock().unwrap().push(duty),
                    output => kept.lock().unwrap().push(output),
                }
            }
        });
        let settings = Settings { shards, lateness: Span::from_millis(lateness) };
        Self { engine: Engine::start(rules, symbols, settings, sink).unwrap(), outputs, duties }
    }

    pub(crate) fn take(&mut self, event: Event) {
        self.engine.take([Record::Event(Box::new(event))], None).unwrap();
    }

    pub(crate) fn take_all(&mut self, events: impl IntoIterator<Item = Event>) {
        let records = events.into_iter().map(|event| Record::Event(Box::new(event)));
        self.engine.take(records, None).unwrap();
    }

    pub(crate) fn tick(&mut self, millis: i64) {
        self.engine.tick(at(millis)).unwrap();
    }

    /// Waits until the shards have done what they were given.
    pub(crate) fn settle(&self) {
        let waits = |gauge: &Arc<Gauge>| gauge.waiting.load(Ordering::Acquire) > 0;
        while self.engine.gauges().iter().any(waits) {
            std::thread::yield_now();
        }
    }

    /// What came out since it was last asked; with one shard all of it.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        std::mem::take(&mut *self.outputs.lock().unwrap())
    }

    /// Who looks after whom, as it was told since it was last asked; with one shard all of it.
    pub(crate) fn duties(&self) -> Vec<Duty> {
        std::mem::take(&mut *self.duties.lock().unwrap())
    }

    /// Ends the engine: all outputs not yet asked for, and what was done.
    pub(crate) fn finish(self) -> (Vec<Output>, Totals) {
        let totals = self.engine.finish().unwrap();
        (std::mem::take(&mut *self.outputs.lock().unwrap()), totals)
    }
}

/// An output as bytes that two runs can be compared by.
pub(crate) fn written(output: &Output) -> String {
    match output {
        Output::Opened { alert, .. } => serde_json::to_string(alert).unwrap(),
        Output::Changed { id, state, at } => serde_json::to_string(&(id, state, at)).unwrap(),
        Output::Acted { id, deed } => serde_json::to_string(&(id, deed)).unwrap(),
        Output::Duty(duty) => format!("{duty:?}"),
    }
}
