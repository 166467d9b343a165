//! The demo: what does Siaga see in the year of an invented industrial distributor?
//!
//! ```text
//! seed ─► world: catalogue, customers, reps ─┬─► reference lines
//!                   │                        │
//!                   └─► episodes ──┬─────────┴─► labels: the injected truth
//!                                  ▼
//!                    simulation: earliest plan first ─► event lines, in time order
//!
//! an alert of the history ─► answer: what its rep did about it
//! ```
//!
//! Everything is synthetic and says so: ids begin with `demo-`, companies are "Synthetic …", reps
//! are numbers. The same settings give the same bytes. Lines pass through the decoder of every
//! other source; nothing in Siaga knows that they are a demo's.

mod random;
mod calendar;
mod catalogue;
mod episode;
mod world;
mod line;
mod conduct;
mod simulation;
mod reference;
mod answer;
pub mod pace;

pub use self::answer::answer;
pub use self::episode::EpisodeKind;
pub use self::episode::Label;
pub use self::pace::Pace;
use crate::demo::catalogue::Category;
use crate::demo::episode::Episode;
use crate::demo::simulation::Simulation;
use crate::demo::world::World;
use crate::time::Span;
use crate::time::Timestamp;

/// The rep whose day the demo shows, and the rep's manager.
pub const REP: &str = "demo-r01";
/// See [`REP`].
pub const MANAGER: &str = "demo-m-north";

/// Which demo. Equal settings give equal streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whatever is drawn is drawn from this.
    pub seed: u64,
    /// How many customers; each further one leaves the others as they are.
    pub customers: u32,
    /// How many reps share them; at least one.
    pub reps: u16,
    /// First instant of the history.
    pub start: Timestamp,
    /// Days that have passed when the demo begins.
    pub history_days: u32,
    /// Days that are played live after them.
    pub live_days: u32,
}

impl Default for Settings {
    /// 400 customers of 12 reps, 400 days of history, a year to play; it starts in January 2025.
    fn default() -> Self {
        Self {
            seed: 1,
            customers: 400,
            reps: 12,
            // 2025-01-06, a Monday.
            start: Timestamp::saturating(1_736_121_600_000),
            history_days: 400,
            live_days: 365,
        }
    }
}

impl Settings {
    /// The default demo, moved so that its history ends on the day of this instant.
    pub fn live_on(today: Timestamp) -> Self {
        let settings = Self::default();
        let midnight = today.day() - i64::from(settings.history_days);
        Self { start: Timestamp::saturating(midnight * Span::DAY.millis()), ..settings }
    }

    /// First instant of the part that is played live.
    pub fn live_from(&self) -> Timestamp {
        self.after_days(self.history_days)
    }

    /// First instant after the stream.
    pub fn end(&self) -> Timestamp {
        self.after_days(self.days())
    }

    /// History and live part.
    fn days(&self) -> u32 {
        self.history_days.saturating_add(self.live_days)
    }

    fn after_days(&self, days: u32) -> Timestamp {
        self.start + Span::from_millis(i64::from(days) * Span::DAY.millis())
    }
}

/// Every event with its time, as a line of JSON, in time order.
///
/// It is made while it is read: memory does not grow with the days.
pub fn stream(settings: &Settings) -> impl Iterator<Item = (Timestamp, String)> + use<> {
    Simulation::new(settings)
}

/// What is known of products, reps and customers, as lines of JSON, to be read before the stream.
pub fn reference(settings: &Settings) -> Vec<String> {
    reference::lines(settings)
}

/// The injected episodes, by their beginning: what alerts should find.
pub fn labels(settings: &Settings) -> Vec<Label> {
    let world = World::new(settings);
    let mut labels = Vec::new();
    for customer in &world.customers {
        let label = |kind, category, from, to| Label {
            kind,
            customer_id: Some(customer.id.clone()),
            rep_id: world.reps[customer.rep].id.clone(),
            category,
            from,
            to,
        };
        if customer.agreement.is_some_and(|a| a.behind) {
            let behind = EpisodeKind::AgreementBehind;
            labels.push(label(behind, None, settings.start, settings.end()));
        }
        labels.extend(customer.episodes.iter().map(|Episode { kind, category, from, to }| {
            label(*kind, category.map(Category::name), from.instant(), to.instant())
        }));
    }
    for rep in &world.reps {
        labels.extend(rep.episodes.iter().map(|Episode { kind, from, to, .. }| Label {
            kind: *kind,
            customer_id: None,
            rep_id: rep.id.clone(),
            category: None,
            from: from.instant(),
            to: to.instant(),
        }));
    }
    // The sort is stable, and the lists above have an order of their own.
    labels.sort_by_key(|label| label.from);
    labels
}

#[cfg(test)]
mod tests;
