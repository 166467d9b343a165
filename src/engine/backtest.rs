//! What would another rule set have found? Recorded history through two engines side by side.
//!
//! ```text
//! records ─► from … to ─┬─► engine of the new rules ─► ledger ─┐
//!  read and decoded once └─► engine of the old rules ─► ledger ─┴─► comparison: new, gone, kept
//! ```
//!
//! Two engines, and so two histories: one history under both sets would not do. How far it
//! reaches back, and where an entity's clock stands when a late event comes, depends on the windows
//! and timers of all rules of a set; the difference has to be that of two replays, exactly.

pub mod comparison;
pub mod ledger;
pub mod outcome;
pub mod bar;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::backtest::comparison::Comparison;
use crate::engine::backtest::ledger::Ledger;
use crate::engine::backtest::outcome::Outcomes;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Settings;
use crate::engine::runtime::Sink;
use crate::engine::runtime::Stopped;
use crate::engine::runtime::Totals;
use crate::event::Record;
use crate::event::Symbols;
use crate::rule::set::RuleSet;
use crate::time::Timestamp;

/// Which part of the history is played, and which alerts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Older events are left out.
    pub from: Option<Timestamp>,
    /// Events from then on are left out, and time passes to this instant after the last.
    pub to: Option<Timestamp>,
    /// Alerts that open earlier do not count: what happened before fills the windows.
    pub alerts_from: Option<Timestamp>,
}

/// A backtest in progress.
pub struct Backtest {
    symbols: Symbols,
    settings: Settings,
    period: Period,
    new: Run,
    old: Option<Run>,
    outcomes: Outcomes,
    copies: Vec<Record>,
}

/// What a backtest found.
pub struct Found {
    /// The two sets compared.
    pub comparison: Comparison,
    /// What the engine of the new set did.
    pub new: Totals,
    /// What the engine of the old set did; none without one.
    pub old: Option<Totals>,
    /// The newest event time, or the instant to which time passed.
    pub newest: Timestamp,
}

/// One rule set at work.
struct Run {
    engine: Engine,
    ledger: Arc<Mutex<Ledger>>,
}

impl Period {
    /// Whether an event of this time is played.
    fn plays(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

impl Run {
    fn start(
        rules: &Arc<RuleSet>,
        symbols: &Symbols,
        (settings, period): (Settings, Period),
    ) -> std::io::Result<Self> {
        let ledger = Ledger::new(period.alerts_from);
        let ledger = Arc::new(Mutex::new(ledger));
        let kept = Arc::clone(&ledger);
        let sink: Sink = Arc::new(move |outputs| {
            let mut ledger = kept.lock();
            for output in outputs.iter() {
                ledger.note(output);
            }
        });
        Ok(Self { engine: Engine::start(rules, symbols, settings, sink)?, ledger })
    }

    fn finish(mut self, to: Option<Timestamp>) -> Result<(Ledger, Totals, Timestamp), Stopped> {
        if let Some(to) = to {
            self.engine.tick(to)?;
        }
        let newest = self.engine.newest();
        let totals = self.engine.finish()?;
        let ledger = std::mem::take(&mut *self.ledger.lock());
        Ok((ledger, totals, newest))
    }
}

impl Backtest {
    /// Starts the engines; both rule sets were compiled with these names. Without an old set every
    /// alert is a new one.
    pub fn start(
        new: &Arc<RuleSet>,
        old: Option<&Arc<RuleSet>>,
        symbols: &Symbols,
        (settings, period): (Settings, Period),
        outcomes: Outcomes,
    ) -> std::io::Result<Self> {
        let start = |rules| Run::start(rules, symbols, (settings, period));
        Ok(Self {
            symbols: symbols.clone(),
            settings,
            period,
            new: start(new)?,
            old: old.map(start).transpose()?,
            outcomes,
            copies: Vec::new(),
        })
    }

    /// Takes records in, in this order, and leaves `records` empty; how many events were outside
    /// of the period.
    pub fn take(&mut self, records: &mut Vec<Record>) -> Result<u64, Stopped> {
        let before = records.len();
        let Self { period, outcomes, .. } = self;
        records.retain(|record| match record {
            Record::Event(event) => {
                let plays = period.plays(event.time);
                if plays {
                    outcomes.see(event);
                }
                plays
            }
            Record::Reference(_) | Record::Feedback(_) => true,
        });
        let outside = before - records.len();
        if let Some(old) = &mut self.old {
            self.copies.clone_from(records);
            old.engine.take(self.copies.drain(..), None)?;
        }
        self.new.engine.take(records.drain(..), None)?;
        Ok(outside as u64)
    }

    /// Waits for both engines, and compares what they found.
    pub fn finish(self) -> Result<Found, Stopped> {
        let to = self.period.to.map(|to| to + self.settings.lateness);
        let old = self.old.map(|run| run.finish(to)).transpose()?;
        let (new, totals, newest) = self.new.finish(to)?;
        let (old, old_totals) = match old {
            Some((ledger, totals, _)) => (ledger, Some(totals)),
            None => (Ledger::default(), None),
        };
        let newest = self.period.to.unwrap_or(newest);
        let mut outcomes = self.outcomes;
        outcomes.settle(&self.symbols);
        let comparison = Comparison::new(new, old, &outcomes);
        Ok(Found { comparison, new: totals, old: old_totals, newest })
    }
}
