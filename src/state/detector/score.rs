//! A learned score, as it is applied: an intercept and a weight for each feature, through the
//! logistic curve. `model::logistic` learns it; before there is enough to learn from, each
//! family states a start that uses its best single feature.

/// A logistic score over raw features.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Log-odds where all features are 0.
    pub intercept: f64,
    /// Change of the log-odds by one unit of each feature, in the order of the features.
    pub weights: Vec<f64>,
}

impl Score {
    /// The log-odds; features beyond the weights count nothing.
    pub fn log_odds(&self, features: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(features).map(|(weight, feature)| weight * feature);
        terms.fold(self.intercept, |sum, term| sum + term)
    }

    /// The probability, between 0 and 1.
    pub fn probability(&self, features: &[f64]) -> f64 {
        logistic(self.log_odds(features))
    }
}

/// 1 / (1 + e^−z).
pub fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// ln(p / (1 − p)), the inverse of [`logistic`].
pub fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_weighted_sum_through_the_logistic_curve() {
        let score = Score { intercept: -1.0, weights: vec![2.0, 0.5] };
        assert!((score.log_odds(&[1.0, 4.0]) - 3.0).abs() < 1e-12);
        // SciPy 1.17: expit(3) = 0.9525741268224334.
        assert!((score.probability(&[1.0, 4.0]) - 0.952_574_126_822_433_4).abs() < 1e-12);
        assert!((logit(logistic(-0.7)) + 0.7).abs() < 1e-12);
    }
}
