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
/// Anywhere from 300 to 3,000 the AUC of each row of `benches/quality` stays within .011.
pub const CORRECTION_PENALTY: f64 = 1_000.0;

/// Parameters fitted to customers at one instant; `None` with fewer than [`CUSTOMERS_MIN`] of them.
///
/// `unit_days` is about the size of a gap; it changes the search, not the result.
pub fn fit(customers: &[Repeats], unit_days: f64) -> Option<RepeatBuying> {
    if customers.len() < CUSTOMERS_MIN {
        return None;
    }
    let effort = Effort { evaluations: 1_200, tolerance: 1e-13 };
    let starts = [[-0.5, 0.5, -0.5, 0.5], [0.5, 0.5, -2.5, 2.0]];
    let cost = cost_of(customers, unit_days);
    let found = starts.map(|start| {
        let first = minimise(&cost, &start, 0.5, effort);
        // Once more from there: a simplex can collapse on a slope.
        minimise(&cost, &first.0, 0.2, effort)
    });
    let best = found.into_iter().min_by(|one, other| one.1.total_cmp(&other.1))?;
    best.1.is_finite().then(|| at(&best.0, unit_days))
}

/// The same from parameters that are about right, such as those of an earlier fit or of a larger
/// group: a tenth of the work, and good to the digits that matter.
pub fn fit_from(
    customers: &[Repeats],
    unit_days: f64,
    start: &RepeatBuying,
) -> Option<RepeatBuying> {
    if customers.len() < CUSTOMERS_MIN {
        return None;
    }
    let RepeatBuying { r, alpha_days, a, b } = *start;
    let start = [r, alpha_days / unit_days, a, b].map(f64::ln);
    let effort = Effort { evaluations: 300, tolerance: 1e-8 };
    let best = minimise(cost_of(customers, unit_days), &start, 0.3, effort);
    best.1.is_finite().then(|| at(&best.0, unit_days))
}

/// What is to be made small: the mean of −ln likelihood, by the logarithms of the parameters.
fn cost_of(customers: &[Repeats], unit_days: f64) -> impl Fn(&[f64]) -> f64 {
    let (by_count, by_times) = counted(customers);
    let number = count(customers.len());
    move |point: &[f64]| {
        let parameters = at(point, unit_days);
        let counts = by_count.iter().map(|(x, n)| n * parameters.log_likelihood_of_count(*x));
        let times =
            by_times.iter().map(|(customer, n)| n * parameters.log_likelihood_of_times(*customer));
        -(counts.sum::<f64>() + times.sum::<f64>()) / number
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Customers drawn from the model (r .8, α 30, a .8, b 2.5): x, tx, T, and so on.
    const CUSTOMERS: [u32; 480] = [
        0, 0, 205, 0, 0, 212, 0, 0, 219, 0, 0, 224, 0, 0, 227, 0, 0, 239, 0, 0, 239, 0, 0, 240, 0,
        0, 241, 0, 0, 243, 0, 0, 243, 0, 0, 247, 0, 0, 250, 0, 0, 251, 0, 0, 262, 0, 0, 264, 0, 0,
        267, 0, 0, 269, 0, 0, 272, 0, 0, 275, 0, 0, 298, 0, 0, 300, 0, 0, 303, 0, 0, 304, 0, 0,
        313, 0, 0, 315, 0, 0, 315, 0, 0, 331, 0, 0, 343, 0, 0, 344, 0, 0, 347, 0, 0, 351, 1, 1,
        351, 1, 2, 240, 1, 3, 294, 1, 3, 353, 1, 7, 270, 1, 8, 321, 1, 10, 298, 1, 10, 340, 1, 11,
        309, 1, 16, 267, 1, 20, 344, 1, 29, 245, 1, 31, 298, 1, 38, 315, 1, 39, 324, 1, 39, 355, 1,
        43, 320, 1, 44, 335, 1, 46, 309, 1, 55, 204, 1, 66, 255, 1, 67, 299, 1, 71, 338, 1, 78,
        281, 1, 82, 350, 1, 87, 279, 1, 89, 307, 1, 96, 330, 1, 114, 307, 1, 118, 315, 1, 133, 224,
        1, 142, 208, 1, 161, 245, 1, 176, 334, 1, 178, 287, 1, 180, 222, 1, 180, 245, 1, 180, 289,
        1, 184, 270, 1, 222, 230, 1, 227, 295, 1, 264, 342, 1, 267, 304, 1, 276, 319, 1, 280, 284,
        1, 329, 338, 2, 26, 291, 2, 36, 236, 2, 57, 285, 2, 59, 281, 2, 67, 308, 2, 73, 285, 2, 83,
        299, 2, 116, 215, 2, 118, 290, 2, 125, 261, 2, 150, 212, 2, 160, 352, 2, 175, 277, 2, 182,
        202, 2, 195, 228, 2, 200, 210, 2, 203, 301, 2, 217, 359, 2, 227, 276, 2, 284, 315, 3, 46,
        202, 3, 66, 262, 3, 66, 340, 3, 69, 226, 3, 78, 201, 3, 162, 345, 3, 172, 309, 3, 178, 292,
        3, 188, 259, 3, 319, 331, 4, 31, 295, 4, 54, 256, 4, 73, 343, 4, 150, 200, 4, 181, 233, 4,
        183, 226, 4, 187, 201, 4, 202, 209, 4, 243, 254, 5, 42, 296, 5, 54, 221, 5, 151, 307, 5,
        173, 244, 5, 181, 276, 5, 182, 263, 5, 193, 238, 5, 211, 243, 5, 340, 362, 6, 147, 258, 6,
        166, 235, 6, 168, 210, 6, 212, 218, 6, 229, 353, 6, 230, 331, 6, 244, 286, 6, 268, 296, 6,
        272, 293, 6, 295, 330, 7, 70, 302, 7, 77, 326, 7, 101, 206, 7, 121, 263, 7, 189, 347, 7,
        223, 283, 8, 210, 295, 9, 49, 313, 9, 280, 299, 10, 207, 278, 10, 307, 350, 11, 319, 322,
        12, 244, 262, 13, 157, 254, 13, 239, 239, 14, 356, 360, 15, 294, 329, 16, 310, 346, 18,
        331, 336, 20, 239, 256, 23, 325, 325, 25, 264, 306, 27, 276, 303, 42, 254, 258,
    ];

    fn customers() -> Vec<Repeats> {
        let of = |one: &[u32]| Repeats {
            x: one[0],
            tx_days: f64::from(one[1]),
            t_days: f64::from(one[2]),
        };
        CUSTOMERS.chunks_exact(3).map(of).collect()
    }

    /// SciPy 1.17 `minimize`, restarted until it stood still; `lifetimes` 0.11.3 in weeks finds
    /// r .666529, α 28.1761, a .538605, b 2.08759.
    #[test]
    fn the_likeliest_parameters_equal_an_independent_fit() {
        let fitted = fit(&customers(), 7.0).unwrap();
        let found = [fitted.r, fitted.alpha_days, fitted.a, fitted.b];
        let want = [0.666_528_717, 28.176_128_775, 0.538_605_518, 2.087_595_588];
        for (found, want) in found.iter().zip(want) {
            assert!((found / want - 1.0).abs() < 1e-4, "{fitted:?}");
        }
        let likelihood: f64 = customers().iter().map(|c| fitted.log_likelihood(*c)).sum();
        assert!((likelihood + 2_847.444_835_284_062).abs() < 1e-6, "{likelihood}");
    }

    #[test]
    fn the_unit_of_the_search_and_the_order_of_customers_change_nothing_that_matters() {
        let mut turned = customers();
        turned.reverse();
        let (one, other) = (fit(&customers(), 7.0).unwrap(), fit(&turned, 7.0).unwrap());
        assert_eq!(one, other);
        let daily = fit(&customers(), 1.0).unwrap();
        assert!((daily.alpha_days / one.alpha_days - 1.0).abs() < 1e-4, "{daily:?}");
    }

    #[test]
    fn a_fit_from_a_start_comes_to_the_same_likelihood() {
        let quick = fit_from(&customers(), 7.0, &RepeatBuying::START).unwrap();
        let likelihood: f64 = customers().iter().map(|c| quick.log_likelihood(*c)).sum();
        assert!((likelihood + 2_847.444_835_284_062).abs() < 0.05, "{likelihood} {quick:?}");
        assert_eq!(fit_from(&customers()[..CUSTOMERS_MIN - 1], 7.0, &RepeatBuying::START), None);
    }

    #[test]
    fn few_customers_teach_nothing() {
        assert_eq!(fit(&customers()[..CUSTOMERS_MIN - 1], 7.0), None);
        let examples =
            vec![Example { features: vec![0.0; FEATURES.len()], outcome: true }; CUSTOMERS_MIN];
        assert_eq!(learn_score(&examples), Rhythm::start_score());
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(gap_median_days(&mut []), None);
        assert_eq!(gap_median_days(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(gap_median_days(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
