//! Logistic regression with a ridge penalty for each feature: what combination of a customer's
//! features foretold an outcome?
//!
//! Features are standardised, so that a penalty means the same for each; the fitted score is given
//! back in raw units. Newton's method with a bounded step: Hoerl and Kennard 1970 for the ridge,
//! le Cessie and van Houwelingen, "Ridge estimators in logistic regression", Applied Statistics
//! 1992.

use crate::model::matrix::Matrix;
use crate::model::matrix::NotPositive;
use crate::state::detector::count;
use crate::state::detector::score::Score;
use crate::state::detector::score::logistic;

/// One customer, or one chance: its features then, the outcome since.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As many for each example.
    pub features: Vec<f64>,
    /// Whether it happened.
    pub outcome: bool,
}

const STEPS_MAX: u32 = 60;

/// The score that fits the examples best; `penalties` has one entry for each feature, in units of
/// examples. The intercept is free.
pub fn fit(examples: &[Example], penalties: &[f64]) -> Result<Score, NotPositive> {
    let width = penalties.len();
    let (means, deviations) = moments(examples, width);
    let rows: Vec<Vec<f64>> = examples
        .iter()
        .map(|example| {
            let standard = (0..width)
                .map(|i| (example.features.get(i).unwrap_or(&0.0) - means[i]) / deviations[i]);
            std::iter::once(1.0).chain(standard).collect()
        })
        .collect();
    let mut weights = vec![0.0; width + 1];
    for _ in 0..STEPS_MAX {
        let (gradient, curvature) = derivatives(&rows, examples, penalties, &weights);
        let step = curvature.solve(&gradient)?;
        let largest = step.iter().fold(0.0_f64, |most, change| most.max(change.abs()));
        // A far step can leave the bowl.
        let scale = (2.0 / largest).min(1.0);
        weights.iter_mut().zip(&step).for_each(|(weight, change)| *weight += scale * change);
        if largest < 1e-10 {
            break;
        }
    }
    let raw: Vec<f64> = (0..width).map(|i| weights[i + 1] / deviations[i]).collect();
    let shift: f64 = raw.iter().zip(&means).map(|(weight, mean)| weight * mean).sum();
    Ok(Score { intercept: weights[0] - shift, weights: raw })
}

/// Mean and deviation of each feature; a constant feature has deviation 1 and weighs nothing.
fn moments(examples: &[Example], width: usize) -> (Vec<f64>, Vec<f64>) {
    let total = count(examples.len().max(1));
    let column = |i: usize| examples.iter().map(move |e| e.features.get(i).copied().unwrap_or(0.0));
    let means: Vec<f64> = (0..width).map(|i| column(i).sum::<f64>() / total).collect();
    let deviation = |i: usize| {
        let squares: f64 = column(i).map(|value| (value - means[i]).powi(2)).sum();
        let deviation = (squares / total).sqrt();
        if deviation > 1e-12 { deviation } else { 1.0 }
    };
    let deviations = (0..width).map(deviation).collect();
    (means, deviations)
}

/// Gradient and curvature of the penalised log-likelihood.
fn derivatives(
    rows: &[Vec<f64>],
    examples: &[Example],
    penalties: &[f64],
    weights: &[f64],
) -> (Vec<f64>, Matrix) {
    let mut gradient = vec![0.0; weights.len()];
    let mut curvature = Matrix::zero(weights.len());
    for (row, example) in rows.iter().zip(examples) {
        let z: f64 = row.iter().zip(weights).map(|(x, weight)| x * weight).sum();
        let p = logistic(z);
        let missing = f64::from(u8::from(example.outcome)) - p;
        let spread = (p * (1.0 - p)).max(1e-9);
        for (index, x) in row.iter().enumerate() {
            gradient[index] += x * missing;
            let target = &mut curvature.row_mut(index)[..=index];
            target.iter_mut().zip(row).for_each(|(cell, other)| *cell += spread * x * other);
        }
    }
    for (index, penalty) in penalties.iter().enumerate() {
        gradient[index + 1] -= penalty * weights[index + 1];
        curvature.add(index + 1, index + 1, *penalty);
    }
    curvature.add(0, 0, 1e-9);
    (gradient, curvature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_equals_an_independent_one() {
        let table = [
            ([0.0, 1.0], false),
            ([1.0, 0.0], false),
            ([2.0, 3.0], true),
            ([3.0, 1.0], false),
            ([4.0, 4.0], true),
            ([5.0, 0.0], true),
        ];
        let examples =
            table.map(|(features, outcome)| Example { features: features.to_vec(), outcome });
        let score = fit(&examples, &[1.0, 3.0]).unwrap();
        // SciPy 1.17 `minimize` of the same penalised likelihood on standardised columns.
        assert!((score.intercept + 1.588_327_506_991_833_2).abs() < 1e-9, "{score:?}");
        let want = [0.493_020_426_003_276_2, 0.230_101_993_535_268_2];
        for (found, want) in score.weights.iter().zip(want) {
            assert!((found - want).abs() < 1e-9, "{score:?}");
        }
    }

    #[test]
    fn a_constant_feature_weighs_nothing() {
        let example = |x: f64, outcome| Example { features: vec![x, 7.0], outcome };
        let examples =
            [example(0.0, false), example(1.0, true), example(2.0, true), example(0.5, true)];
        assert!(fit(&examples, &[0.1, 0.1]).unwrap().weights[1].abs() < 1e-12);
    }
}
