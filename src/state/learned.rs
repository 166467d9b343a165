//! What models have learned across customers, as the detectors read it: one reading for every
//! question, each with an answer before anything is learned.
//!
//! ```text
//! model ─► Learned (version n) ─► Catalog of every shard ─► detectors of every entity
//! ```
//!
//! It changes only as a whole, by an input, and then has another version: what a detector has
//! computed with the one before is computed anew from the history, so that its value is always
//! what the list gives with what is known now.

use std::collections::HashMap;

use rapidhash::fast::RandomState;

use crate::event::Symbol;
use crate::state::detector::margin::MarginRule;
use crate::state::detector::rhythm::Population;
use crate::state::detector::trend::TrendRule;

/// All that was learned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// Of every change another one; 0 before anything is learned.
    pub version: u32,
    /// What is usual for customers of whom no segment is known, or of a small one.
    pub all: Usual,
    /// What is usual in a segment.
    pub segments: HashMap<Symbol, Usual, RandomState>,
    /// What is usual among reps.
    pub team: Team,
    /// Share of the units of a category that comes back.
    pub returned: HashMap<Symbol, f64, RandomState>,
}

/// What is usual in a segment of customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Its repeat buying and median gap.
    pub population: Population,
    /// Deviation of the margin of an order, in points.
    pub margin_deviation: f64,
    /// Variance of √(a week's spend); none while it is unknown.
    pub spend_variance: Option<f64>,
    /// The season: factor of each week of the year, see [`Usual::season`]; empty for none.
    pub season: Vec<f64>,
}

/// What is usual among reps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Team {
    /// Size of a typical unit of revenue, E\[s²\] / E\[s\]; none while it is unknown.
    pub order_size: Option<f64>,
    /// Share of a period's sales that is usually made by the end of each equal step of it; empty
    /// for none: then time itself is the curve.
    pub curve: Vec<f64>,
    /// Share of the decided quotes that is won; none while it is unknown.
    pub win_rate: Option<f64>,
}

/// Share of units that comes back where nothing was learned of a category.
pub const RETURNED_START: f64 = 0.03;

impl Default for Usual {
    fn default() -> Self {
        Self {
            population: Population::START,
            margin_deviation: MarginRule::START.deviation_prior,
            spend_variance: None,
            season: Vec::new(),
        }
    }
}

impl Learned {
    /// What is usual for a customer of this segment.
    pub fn usual(&self, segment: Option<Symbol>) -> &Usual {
        segment.and_then(|segment| self.segments.get(&segment)).unwrap_or(&self.all)
    }

    /// Share of units of a category that comes back.
    pub fn returned(&self, category: Option<Symbol>) -> f64 {
        let known = category.and_then(|category| self.returned.get(&category));
        known.copied().unwrap_or(RETURNED_START)
    }
}

impl Usual {
    /// How margins are watched here.
    pub fn margin_rule(&self) -> MarginRule {
        MarginRule { deviation_prior: self.margin_deviation, ..MarginRule::START }
    }

    /// How weekly spend is watched here.
    pub fn trend_rule(&self) -> TrendRule {
        match self.spend_variance {
            None => TrendRule::UNLEARNED,
            Some(variance_prior) => {
                TrendRule { variance_prior, deviation_of_mean: 0.0, ..TrendRule::UNLEARNED }
            }
        }
    }

    /// The season's factor of a week, counted from that of 1970-01-05; 1 is a usual week.
    pub fn season(&self, week: i64) -> f64 {
        let weeks = i64::try_from(self.season.len()).unwrap_or(0);
        let place = week.checked_rem_euclid(weeks).and_then(|place| usize::try_from(place).ok());
        let factor = place.and_then(|place| self.season.get(place)).copied().unwrap_or(1.0);
        // Spend is divided by it.
        if factor > 0.0 { factor } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_is_not_known_is_like_all() {
        let mut learned = Learned::default();
        let (known, other) = (Symbol::from_number(1).unwrap(), Symbol::from_number(2));
        let own = Usual { margin_deviation: 2.0, season: vec![2.0, 0.5], ..Usual::default() };
        learned.segments.insert(known, own);
        for (segment, want) in [(Some(known), 2.0), (other, 5.0), (None, 5.0)] {
            let rule = learned.usual(segment).margin_rule();
            assert!((rule.deviation_prior - want).abs() < 1e-12, "{segment:?}");
        }
        let season = |segment| [-1, 0, 1, 2].map(|week| learned.usual(segment).season(week));
        assert_eq!(season(Some(known)), [0.5, 2.0, 0.5, 2.0]);
        assert_eq!(season(None), [1.0; 4]);
    }
}
