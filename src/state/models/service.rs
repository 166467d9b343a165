//! What does an activity cost? Rates of a visit, a call, a delivery, from what the whole service
//! costs.
//!
//! Time-driven activity-based costing: the cost of an activity is its minutes times the cost of a
//! minute of capacity. Source: Kaplan and Anderson, "Time-driven activity-based costing", HBR 2004.
//! A tenant gives the cost of the period; without it a minute costs a fixed start.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

/// Cost of a minute before anything is known, in the tenant's currency.
pub const MINUTE_START: f64 = 1.0;

/// Usual minutes of each activity and the cost of one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRates {
    minutes: BTreeMap<String, f64>,
    minute_cost: f64,
}

/// Activities of a period, by kind: how many, and how many minutes in all where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Activities {
    /// Activities.
    pub number: f64,
    /// Of those, with a known duration.
    pub timed: f64,
    /// Minutes of the timed ones.
    pub minutes: f64,
}

/// Minutes of an activity that never was timed; the weight of this guess is ten activities.
const MINUTES_GUESS: f64 = 15.0;
const GUESS_WEIGHT: f64 = 10.0;

impl Default for ServiceRates {
    fn default() -> Self {
        Self::of(&BTreeMap::new(), None)
    }
}

impl ServiceRates {
    /// From the minutes of each kind of activity, and the cost of one minute.
    pub fn restored(minutes: BTreeMap<String, f64>, minute_cost: f64) -> Self {
        Self { minutes, minute_cost }
    }

    /// Usual minutes of each kind of activity that was seen.
    pub fn minutes(&self) -> &BTreeMap<String, f64> {
        &self.minutes
    }

    /// What one minute costs.
    pub fn minute_cost(&self) -> f64 {
        self.minute_cost
    }

    /// From a period's activities and its total cost, if it is known.
    pub fn of(period: &BTreeMap<String, Activities>, total_cost: Option<f64>) -> Self {
        let minutes: BTreeMap<String, f64> = period
            .iter()
            .map(|(kind, seen)| {
                let usual =
                    (seen.minutes + GUESS_WEIGHT * MINUTES_GUESS) / (seen.timed + GUESS_WEIGHT);
                (kind.clone(), usual)
            })
            .collect();
        let spent: f64 = period.iter().map(|(kind, seen)| seen.number * minutes[kind]).sum();
        let known = total_cost.filter(|cost| *cost > 0.0 && spent > 0.0);
        Self { minutes, minute_cost: known.map_or(MINUTE_START, |cost| cost / spent) }
    }

    /// What one activity costs: by its own minutes, or by what is usual for its kind.
    pub fn cost(&self, kind: &str, minutes: Option<f64>) -> f64 {
        let usual = || self.minutes.get(kind).copied().unwrap_or(MINUTES_GUESS);
        minutes.unwrap_or_else(usual) * self.minute_cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_shared_by_minutes() {
        let period = BTreeMap::from([
            ("call".to_owned(), Activities { number: 100.0, timed: 90.0, minutes: 350.0 }),
            ("visit".to_owned(), Activities { number: 10.0, timed: 0.0, minutes: 0.0 }),
        ]);
        // Calls (350 + 150) / 100 = 5 min, visits 15 min: 100·5 + 10·15 = 650 min for 1,300.
        let rates = ServiceRates::of(&period, Some(1_300.0));
        for (kind, minutes, want) in [
            ("call", None, 10.0),
            ("visit", None, 30.0),
            ("call", Some(8.0), 16.0),
            ("mail", None, 30.0),
        ] {
            assert!((rates.cost(kind, minutes) - want).abs() < 1e-9, "{kind}");
        }
        assert!((ServiceRates::of(&period, None).cost("call", None) - 5.0).abs() < 1e-9);
    }
}
