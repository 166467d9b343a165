//! The repeat buying of a population: BG/NBD by maximum likelihood, and the weights of the drift
//! score.
//!
//! Customers with the same history are counted, not repeated, and what depends on the number of
//! purchases only is computed once for each number, so the fit of twenty thousand customers takes
//! a fraction of a second. A segment with too few customers takes the parameters of all.

use std::collections::BTreeMap;

use crate::model::logistic;
use crate::model::logistic::Example;
use crate::model::minimise::Effort;
use crate::model::minimise::minimise;
use crate::state::detector::count;
use crate::state::detector::repeat_buying::RepeatBuying;
use crate::state::detector::repeat_buying::Repeats;
use crate::state::detector::rhythm::FEATURES;
use crate::state::detector::rhythm::Rhythm;
use crate::state::detector::score::Score;

/// Customers that a fit needs; with fewer the parameters of all customers, or the start, hold.
pub const CUSTOMERS_MIN: usize = 100;
/// Ridge penalty of the drift score's corrections to −E\[N\]: as much as a thousand customers.
/// Measured between 300 and 3,000 all rows of `benches/quality` stay within .003 of each other.
pub const CORRECTION_PENALTY: f64 = 1_000.0;

/// Parameters fitted to customers at one instant; `None` with fewer than [`CUSTOMERS_MIN`] of them.
///
/// `unit_days` is about the size of a gap; it changes the search, not the result.
pub fn fit(customers: &[Repeats], unit_days: f64) -> Option<RepeatBuying> {
    if customers.len() < CUSTOMERS_MIN {
        return None;
    }
    let (by_count, by_times) = counted(customers);
    let cost = |point: &[f64]| {
        let parameters = at(point, unit_days);
        let counts = by_count.iter().map(|(x, n)| n * parameters.log_likelihood_of_count(*x));
        let times =
            by_times.iter().map(|(customer, n)| n * parameters.log_likelihood_of_times(*customer));
        -(counts.sum::<f64>() + times.sum::<f64>()) / count(customers.len())
    };
    let effort = Effort { evaluations: 1_200, tolerance: 1e-13 };
    let starts = [[-0.5, 0.5, -0.5, 0.5], [0.5, 0.5, -2.5, 2.0]];
    let found = starts.map(|start| {
        let first = minimise(cost, &start, 0.5, effort);
        // Once more from there: a simplex can collapse on a slope.
        minimise(cost, &first.0, 0.2, effort)
    });
    let best = found.into_iter().min_by(|one, other| one.1.total_cmp(&other.1))?;
    best.1.is_finite().then(|| at(&best.0, unit_days))
}

/// Parameters from their logarithms, held where the formulas can be computed.
fn at(point: &[f64], unit_days: f64) -> RepeatBuying {
    let [r, alpha, a, b] =
        [0, 1, 2, 3].map(|index| point.get(index).map_or(0.0, |p| p.clamp(-12.0, 12.0).exp()));
    RepeatBuying { r, alpha_days: alpha * unit_days, a, b }
}

type Counted<T> = Vec<(T, f64)>;

/// How many customers have each count, and each history, in a fixed order.
fn counted(customers: &[Repeats]) -> (Counted<u32>, Counted<Repeats>) {
    let mut by_count: BTreeMap<u32, f64> = BTreeMap::new();
    let mut by_times: BTreeMap<(u32, u64, u64), (Repeats, f64)> = BTreeMap::new();
    for customer in customers {
        *by_count.entry(customer.x).or_default() += 1.0;
        let key = (customer.x, customer.tx_days.to_bits(), customer.t_days.to_bits());
        by_times.entry(key).or_insert((*customer, 0.0)).1 += 1.0;
    }
    (by_count.into_iter().collect(), by_times.into_values().collect())
}

/// The drift score learned from customers at an earlier cut, each with what the rhythm's features
/// were then and whether the customer had drifted by now. Corrections shrink towards E\[N\]; the
/// start holds without both outcomes or with fewer than [`CUSTOMERS_MIN`] customers.
pub fn learn_score(examples: &[Example]) -> Score {
    let drifted = examples.iter().filter(|example| example.outcome).count();
    if examples.len() < CUSTOMERS_MIN || drifted == 0 || drifted == examples.len() {
        return Rhythm::start_score();
    }
    let mut penalties = vec![CORRECTION_PENALTY; FEATURES.len()];
    penalties[0] = 1e-3;
    logistic::fit(examples, &penalties).unwrap_or_else(|_| Rhythm::start_score())
}

/// The median of some gaps in days, once there are any; the lower of two middles is mixed with the
/// upper.
pub fn gap_median_days(gaps: &mut [f64]) -> Option<f64> {
    gaps.sort_by(f64::total_cmp);
    let middle = gaps.len() / 2;
    match gaps.len() {
        0 => None,
        odd if odd % 2 == 1 => gaps.get(middle).copied(),
        _ => Some(f64::midpoint(gaps[middle - 1], gaps[middle])),
    }
}
