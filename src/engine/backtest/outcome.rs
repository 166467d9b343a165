//! Was an alert right? What sales people said of it, else what the customer decided soon after.
//!
//! ```text
//! alert closed as won, lost, dismissed             its outcome, by the alert's id
//! quote.accepted, opportunity_won    within 30d ─► won    ┐ the first one decides, for alerts
//! quote.lost, opportunity_lost       within 30d ─► lost   ┘ over customers
//! ```

use std::collections::HashMap;
use std::fmt;

use rapidhash::fast::RandomState;
use serde::Deserialize;

use crate::alert::AlertId;
use crate::engine::backtest::ledger::Entry;
use crate::engine::backtest::ledger::Ledger;
use crate::event::EntityKind;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::time::Span;
use crate::time::Timestamp;

/// How an alert turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It made business.
    Won,
    /// It was tried and did not make business.
    Lost,
    /// It was not worth trying.
    Dismissed,
}

/// How many alerts turned out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// Made business.
    pub won: u64,
    /// Tried in vain.
    pub lost: u64,
    /// Not worth trying.
    pub dismissed: u64,
}

/// All that is known of outcomes.
#[derive(Debug, Default)]
pub struct Outcomes {
    within: Span,
    said: HashMap<AlertId, Outcome, RandomState>,
    decided: HashMap<Symbol, Vec<(Timestamp, Outcome)>, RandomState>,
    by_name: HashMap<String, Vec<(Timestamp, Outcome)>, RandomState>,
}

/// Why a line of feedback cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}: a line reads {{\"output\":\"changed\",\"id\":\"…\",\"state\":{{\"name\":\"closed\",\
     \"reason\":\"won\"}}}}, as alerts are written"
)]
pub struct FeedbackError(String);

/// A line of what `siaga serve` and `siaga replay` write; other lines are passed over.
#[derive(Deserialize)]
struct Line {
    id: Option<String>,
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    reason: Option<String>,
}

impl Judged {
    /// Counts an outcome.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Won => self.won += 1,
            Outcome::Lost => self.lost += 1,
            Outcome::Dismissed => self.dismissed += 1,
        }
    }

    /// With those of another count.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            won: self.won + other.won,
            lost: self.lost + other.lost,
            dismissed: self.dismissed + other.dismissed,
        }
    }

    /// Alerts whose outcome is known.
    pub fn total(self) -> u64 {
        self.won + self.lost + self.dismissed
    }

    /// Share of them that made business, from 0 to 1; none where no outcome is known.
    #[expect(clippy::cast_precision_loss, reason = "a share for display")]
    pub fn precision(self) -> Option<f64> {
        (self.total() > 0).then(|| self.won as f64 / self.total() as f64)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.precision() {
            None => f.write_str("–"),
            Some(share) => write!(f, "{:.1} % of {}", share * 100.0, self.total()),
        }
    }
}

impl Outcomes {
    /// None yet; what a customer decides within this time of an alert is its outcome.
    pub fn new(within: Span) -> Self {
        Self { within, ..Self::default() }
    }

    /// Takes a line of recorded alerts in; tells whether it spoke of an outcome.
    pub fn read(&mut self, line: &str) -> Result<bool, FeedbackError> {
        let line: Line =
            serde_json::from_str(line).map_err(|error| FeedbackError(error.to_string()))?;
        let (Some(id), Some(reason)) = (line.id, line.state.and_then(|state| state.reason)) else {
            return Ok(false);
        };
        let outcome = match reason.as_str() {
            "won" => Outcome::Won,
            "lost" => Outcome::Lost,
            "dismissed" => Outcome::Dismissed,
            _ => return Ok(false),
        };
        let id: AlertId = id.parse().map_err(|error| FeedbackError(format!("{error}")))?;
        self.said.insert(id, outcome);
        Ok(true)
    }

    /// Looks at an event of the history.
    pub(super) fn see(&mut self, event: &Event) {
        let outcome = match event.kind {
            Kind::QuoteAccepted | Kind::OpportunityWon => Outcome::Won,
            Kind::QuoteLost | Kind::OpportunityLost => Outcome::Lost,
            _ => return,
        };
        if let Some(customer) = event.customer {
            self.decided.entry(customer).or_default().push((event.time, outcome));
        }
    }

    /// All events are in: puts each customer's decisions in the order of time.
    pub(super) fn settle(&mut self, symbols: &Symbols) {
        let names = symbols.read();
        for (customer, mut decided) in self.decided.drain() {
            decided.sort_by_key(|(at, _)| *at);
            self.by_name.insert(names.text(customer).to_owned(), decided);
        }
    }

    /// How an alert turned out, where it is known.
    pub(super) fn of(&self, ledger: &Ledger, entry: &Entry) -> Option<Outcome> {
        if let Some(said) = self.said.get(&entry.id) {
            return Some(*said);
        }
        if entry.kind != EntityKind::Customer {
            return None;
        }
        let decided = self.by_name.get(ledger.entity(entry))?;
        let next = decided.partition_point(|(at, _)| *at <= entry.opened_at);
        let (at, outcome) = decided.get(next)?;
        (*at <= entry.opened_at + self.within).then_some(*outcome)
    }
}
