//! What was learned across customers, as rules and detectors read it.
//!
//! ```text
//! stream ─► model::learner ─► survey ─► model::fitting ─► Models ─► every shard, at one place of
//!                                       (background)     (a version)   the one order
//! ```
//!
//! A version is never changed: a shard holds it through its [`Catalog`](crate::state::catalog)
//! and reads it without a lock. From nothing there is [`Models::default`], with a documented start
//! for every parameter, so that no detector ever has to ask whether something was learned.

pub mod affinity;
pub mod figures;
pub mod service;
pub mod switching;
pub mod team;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::money::Currency;
use crate::state::detector::margin::MarginRule;
use crate::state::detector::regularity::SPREAD_OF_CHANCE;
use crate::state::detector::rhythm::Population;
use crate::state::detector::season::Season;
use crate::state::detector::trend::TrendRule;
use crate::state::models::affinity::Affinity;
use crate::state::models::figures::Figures;
use crate::state::models::service::ServiceRates;
use crate::state::models::switching::Switching;
use crate::state::models::team::Team;
use crate::time::Timestamp;

/// One version of everything that was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Models {
    /// Counts up from 1; 0 is the start, from nothing.
    pub version: u32,
    /// Event time up to which it has seen events.
    pub fitted_to: Timestamp,
    /// Customers that it has seen buy.
    pub customers: u64,
    /// Orders that it has seen.
    pub orders: u64,
    /// Currency of all its amounts: that of the first order seen. Others were not counted.
    pub currency: Option<Currency>,
    /// What holds for all customers together.
    pub all: Segment,
    /// What holds for the segments that are large enough to speak for themselves.
    pub segments: BTreeMap<Symbol, Segment>,
    /// What is usual for the reps.
    pub team: Team,
    /// Which categories go together.
    pub affinity: Affinity,
    /// Who takes the own brand.
    pub switching: Switching,
    /// What a call, a visit, a delivery costs.
    pub service: ServiceRates,
    /// What became of the alerts of each rule.
    pub outcomes: BTreeMap<String, Outcomes>,
}

/// What is usual for the customers of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Customers that it was learned from; 0 at the start.
    pub customers: u32,
    /// How they come back: parameters of BG/NBD, and the median gap.
    pub population: Population,
    /// Median spread of a customer's gaps between purchases, `ln mean − mean ln`: less is more
    /// regular.
    pub gap_spread: f64,
    /// Median variance of the square root of weekly spend, the season removed.
    pub spend_variance: f64,
    /// Median deviation of an order's margin within a customer, in margin points.
    pub margin_deviation: f64,
    /// Factors of the weeks of a year.
    pub season: Season,
    /// Net amount of the last 52 weeks, a figure a customer.
    pub net: Figures,
    /// Gross profit of the last 52 weeks, of customers whose costs are known.
    pub profit: Figures,
}

/// What became of a rule's alerts, by the people who closed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcomes {
    /// It made business.
    pub won: u32,
    /// It was tried in vain, or was not worth trying.
    pub lost: u32,
}

/// How sure we are at first that a rule is right as often as not, in outcomes of either kind.
const TRUST_PRIOR: f64 = 5.0;

impl Segment {
    /// A number for all that the watch over margins and discounts goes by.
    pub(crate) fn margin_stamp(&self) -> u64 {
        self.margin_deviation.to_bits()
    }

    /// A number for all that the watch over weekly spend goes by.
    pub(crate) fn trend_stamp(&self) -> u64 {
        self.spend_variance.to_bits() ^ self.season.stamp().rotate_left(32)
    }
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            customers: 0,
            population: Population::START,
            gap_spread: SPREAD_OF_CHANCE,
            spend_variance: TrendRule::START.variance_prior,
            margin_deviation: MarginRule::START.deviation_prior,
            season: Season::even(),
            net: Figures::default(),
            profit: Figures::default(),
        }
    }
}

impl Default for Models {
    fn default() -> Self {
        Self {
            version: 0,
            fitted_to: Timestamp::MIN,
            customers: 0,
            orders: 0,
            currency: None,
            all: Segment::default(),
            segments: BTreeMap::new(),
            team: Team::default(),
            affinity: Affinity::default(),
            switching: Switching::default(),
            service: ServiceRates::default(),
            outcomes: BTreeMap::new(),
        }
    }
}

impl Models {
    /// What is usual for a segment; for one that is unknown or small, for all customers.
    pub fn segment(&self, name: Option<Symbol>) -> &Segment {
        name.and_then(|name| self.segments.get(&name)).unwrap_or(&self.all)
    }

    /// How far a rule's alerts are to be believed, 1 at first: the posterior mean of the share that
    /// made business, over that of a rule of which nothing is known (Beta-binomial; Gelman et al.,
    /// "Bayesian Data Analysis", ch. 2).
    pub fn trust(&self, rule: &str) -> f64 {
        self.outcomes.get(rule).copied().unwrap_or_default().trust()
    }
}

impl Outcomes {
    /// See [`Models::trust`]; between 0 and 2.
    pub fn trust(self) -> f64 {
        let (won, lost) = (f64::from(self.won), f64::from(self.lost));
        2.0 * (won + TRUST_PRIOR) / (won + lost + 2.0 * TRUST_PRIOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    #[test]
    fn an_unknown_segment_is_taken_for_all_customers() {
        let symbols = Symbols::default();
        let (known, other) = (symbols.intern("trade"), symbols.intern("retail"));
        let mut models = Models::default();
        let own = Segment { margin_deviation: 2.0, customers: 200, ..Segment::default() };
        models.segments.insert(known, own);
        for (segment, want) in [(Some(known), 2.0), (Some(other), 5.0), (None, 5.0)] {
            let found = models.segment(segment).margin_deviation;
            assert!((found - want).abs() < 1e-12, "{segment:?}: {found}");
        }
    }

    #[test]
    fn trust_is_one_at_first_and_follows_what_people_say() {
        for (won, lost, want) in [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 1.5), (0, 30, 0.25)] {
            let found = Outcomes { won, lost }.trust();
            assert!((found - want).abs() < 1e-12, "{won} {lost}: {found}");
        }
        assert!((Models::default().trust("Any") - 1.0).abs() < 1e-12);
    }
}
