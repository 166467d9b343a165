//! Are units of a product coming back more often than they used to?
//!
//! Bernoulli CUSUM of the log-likelihood ratio between a doubled return rate p₁ and the usual one
//! p₀: each unit sold adds ln((1−p₁)/(1−p₀)), each that comes back ln(p₁/p₀) in its place. Source:
//! Reynolds and Stoumbos, "A CUSUM chart for monitoring a proportion", J. Quality Technology 1999.
//! A batch is added in one step, which is exact: the sum only falls while units are sold and only
//! rises while they come back.

use serde::Deserialize;
use serde::Serialize;

/// What is usual, and when it is too much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReturnRule {
    /// Usual share of units that come back, above 0 and below ½.
    pub usual: f64,
    /// The alarm, in units of log-likelihood.
    pub limit: f64,
    /// Units sold before anything is said.
    pub units_min: f64,
}

impl ReturnRule {
    /// A usual rate of this share; twice of it is watched for, with limit 5, after 200 units.
    /// Shares outside of 0.1 % to 45 % are taken as the nearest of them.
    pub fn of_usual(usual: f64) -> Self {
        Self { usual: usual.clamp(0.001, 0.45), limit: 5.0, units_min: 200.0 }
    }

    /// What one unit sold adds.
    fn per_sold(&self) -> f64 {
        (-2.0 * self.usual).ln_1p() - (-self.usual).ln_1p()
    }

    /// What one returned unit adds, beyond taking back what its sale added.
    fn per_returned(&self) -> f64 {
        std::f64::consts::LN_2 - self.per_sold()
    }
}

/// Returns of one product, in constant space.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReturnRate {
    /// Units sold.
    pub sold: f64,
    /// Units that came back.
    pub returned: f64,
    /// The sum, at least 0.
    pub sum: f64,
}

impl ReturnRate {
    /// Units sold.
    pub fn add_sold(&mut self, rule: &ReturnRule, units: f64) {
        self.sold += units;
        self.sum = (self.sum + units * rule.per_sold()).max(0.0);
    }

    /// Units that came back.
    pub fn add_returned(&mut self, rule: &ReturnRule, units: f64) {
        self.returned += units;
        self.sum += units * rule.per_returned();
    }

    /// Whether the rate has risen.
    pub fn is_risen(&self, rule: &ReturnRule) -> bool {
        self.sum > rule.limit && self.sold >= rule.units_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_log_likelihood_ratio() {
        let rule = ReturnRule::of_usual(0.05);
        let mut rate = ReturnRate::default();
        rate.add_sold(&rule, 100.0);
        assert!(rate.sum.abs() < 1e-12);
        rate.add_returned(&rule, 10.0);
        rate.add_sold(&rule, 30.0);
        // By hand: 10·ln 2 + 20·ln(.9/.95) = 6.931472 − 1.081344.
        assert!((rate.sum - 5.850_127_380_2).abs() < 1e-9, "{}", rate.sum);
        assert!(!rate.is_risen(&rule), "130 units are too few");
        rate.add_sold(&rule, 70.0);
        rate.add_returned(&rule, 10.0);
        assert!(rate.is_risen(&rule), "{}", rate.sum);
    }

    #[test]
    fn a_usual_rate_raises_nothing_and_a_doubled_one_soon_does() {
        let rule = ReturnRule::of_usual(0.04);
        let units_until_alarm = |every: u32| {
            let mut rate = ReturnRate::default();
            (1..20_000_u32).find(|unit| {
                rate.add_sold(&rule, 1.0);
                if unit % every == 0 {
                    rate.add_returned(&rule, 1.0);
                }
                rate.is_risen(&rule)
            })
        };
        assert_eq!(units_until_alarm(25), None);
        let doubled = units_until_alarm(12).unwrap();
        assert!((200..600).contains(&doubled), "{doubled}");
    }
}
