//! How good is a score, and how sure are we? AUC, ratios, and their intervals by the bootstrap.
//!
//! Intervals are 95 % percentile bootstrap intervals that resample whole customers: Efron and
//! Tibshirani, "An Introduction to the Bootstrap", ch. 13. AUC: ties count half.

use crate::random::Random;

/// Resamples of an interval.
const RESAMPLES: usize = 500;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// AUC of a score for an outcome; `unit` names the customer of each row.
pub(crate) fn auc(outcome: &[bool], score: &[f64], unit: &[usize]) -> Estimate {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|one, other| score[*one].total_cmp(&score[*other]));
    let units = unit.iter().max().map_or(0, |last| last + 1);
    let weighted = |weights: &[f64]| {
        let (mut above, mut below, mut positives, mut area) = (0.0, 0.0, 0.0, 0.0);
        let mut place = 0;
        while place < order.len() {
            let (mut tied_positive, mut tied_negative) = (0.0, 0.0);
            let tie = score[order[place]];
            while place < order.len() && score[order[place]].total_cmp(&tie).is_eq() {
                let row = order[place];
                let side = if outcome[row] { &mut tied_positive } else { &mut tied_negative };
                *side += weights[unit[row]];
                place += 1;
            }
            area += tied_positive * (below + tied_negative / 2.0);
            below += tied_negative;
            above += tied_negative;
            positives += tied_positive;
        }
        area / (positives * above).max(1e-12)
    };
    bootstrap(units, 0, weighted)
}

/// Σ numerator / Σ denominator, resampling units.
pub(crate) fn ratio(numerator: &[f64], denominator: &[f64], unit: &[usize]) -> Estimate {
    let units = unit.iter().max().map_or(0, |last| last + 1);
    let (mut top, mut bottom) = (vec![0.0; units], vec![0.0; units]);
    for (row, unit) in unit.iter().enumerate() {
        top[*unit] += numerator[row];
        bottom[*unit] += denominator[row];
    }
    bootstrap(units, 0, |weights| {
        let sum = |of: &[f64]| of.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
        sum(&top) / sum(&bottom).max(1e-12)
    })
}

/// Share of rows that are hits.
pub(crate) fn share(hits: &[bool], unit: &[usize]) -> Estimate {
    let numerator: Vec<f64> = hits.iter().map(|hit| f64::from(u8::from(*hit))).collect();
    ratio(&numerator, &vec![1.0; hits.len()], unit)
}

/// A mean of independent rows.
pub(crate) fn mean(values: &[f64]) -> Estimate {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = 1.96 * (variance / n).sqrt();
    Estimate { value: mean, low: mean - half, high: mean + half }
}

fn bootstrap(units: usize, seed: u64, figure: impl Fn(&[f64]) -> f64) -> Estimate {
    let value = figure(&vec![1.0; units]);
    let mut random = Random::new(seed);
    let mut figures: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut weights = vec![0.0; units];
            (0..units).for_each(|_| weights[random.below(units)] += 1.0);
            figure(&weights)
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    let at =
        |share: f64| siaga::state::models::figures::of_sorted(&figures, share).unwrap_or(f64::NAN);
    Estimate { value, low: at(0.025), high: at(0.975) }
}
