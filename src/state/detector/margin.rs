//! Has a customer's margin fallen below the customer's own normal, since when, and why?
//!
//! ```text
//! order ─► margin % ─► z against the first 20 orders, ±2.5 ─► twin CUSUM ─► alarm, onset
//!      └─► lines against their references ──────────────────► waterfall since the onset
//! ```
//!
//! The baseline is the mean and deviation of the first orders, the deviation shrunk to the
//! segment's; then it stands still, because a baseline that moves on swallows slow erosion. z is
//! clipped, so that one odd order cannot raise an alarm: under a heavy tail (Student's t with 3
//! degrees) false alarms stay rarer than under the normal law that the limits are made for.
//!
//! The waterfall is cleared whenever the slow sum returns to zero, so at an alarm it explains
//! exactly the orders since the onset. Its sum over the same orders is GP − g₀·R: what was earned
//! beyond, or short of, the normal margin.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::Late;
use crate::state::detector::cusum::Limits;
use crate::state::detector::cusum::Verdict;
use crate::state::detector::cusum::Watch;
use crate::state::detector::waterfall::Waterfall;
use crate::time::Timestamp;

/// How it watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarginRule {
    /// Orders that make the baseline.
    pub baseline_orders: u32,
    /// Deviation of the segment, in margin points.
    pub deviation_prior: f64,
    /// Orders that the segment's deviation counts for.
    pub deviation_prior_orders: f64,
    /// Deviations beyond this count as this.
    pub clip: f64,
    /// A slow sum for small falls and a fast one for large falls.
    pub limits: [Limits; 2],
}

impl MarginRule {
    /// Mean orders between false alarms of 5,000 under the normal law; measured by
    /// `benches/quality`.
    pub const START: Self = Self {
        baseline_orders: 20,
        deviation_prior: 5.0,
        deviation_prior_orders: 8.0,
        clip: 2.5,
        limits: [Limits { slack: 0.2, limit: 15.45 }, Limits { slack: 0.75, limit: 5.04 }],
    };
}

/// Margin of one customer, in constant space.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    baseline: Baseline,
    watch: Watch<2>,
    /// Causes since the slow sum last stood at zero.
    pub causes: Waterfall,
    newest: Timestamp,
}

/// Mean and spread of a growing sample. Source: Welford, Technometrics 1962.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Samples.
    pub orders: u32,
    /// Their mean.
    pub mean: f64,
    squares: f64,
}

impl Baseline {
    /// With one more sample.
    pub fn add(&mut self, value: f64) {
        self.orders = self.orders.saturating_add(1);
        let away = value - self.mean;
        self.mean += away / f64::from(self.orders);
        self.squares += away * (value - self.mean);
    }

    /// The deviation, its variance shrunk to `prior²` with the weight of `prior_samples`.
    pub fn shrunk_deviation(&self, prior: f64, prior_samples: f64) -> f64 {
        let own = f64::from(self.orders.max(1) - 1);
        ((self.squares + prior * prior * prior_samples) / (own + prior_samples)).sqrt()
    }
}

/// One order, as the watch sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderMargin {
    /// When.
    pub at: Timestamp,
    /// Gross profit over net revenue, in percent.
    pub percent: f64,
    /// Its lines against their references.
    pub causes: Waterfall,
}

impl Default for Margin {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            watch: Watch::START,
            causes: Waterfall::ZERO,
            newest: Timestamp::MIN,
        }
    }
}

impl Margin {
    /// Takes an order in. Fails with [`Late`] for one older than the newest.
    pub fn add(&mut self, rule: &MarginRule, order: &OrderMargin) -> Result<Verdict, Late> {
        if order.at < self.newest {
            return Err(Late);
        }
        self.newest = order.at;
        if self.baseline.orders < rule.baseline_orders {
            self.baseline.add(order.percent);
            return Ok(Verdict::Quiet);
        }
        let z = self.deviation(rule, order.percent);
        let verdict = self.watch.add(z, &rule.limits, order.at);
        self.causes.add(&order.causes);
        if self.watch.sums[0].sum == 0.0 {
            self.causes = Waterfall::ZERO;
        }
        Ok(verdict)
    }

    /// How far below normal a margin lies, clipped, in deviations; what the sums are fed with.
    pub fn deviation(&self, rule: &MarginRule, percent: f64) -> f64 {
        let prior = (rule.deviation_prior, rule.deviation_prior_orders);
        let deviation = self.baseline.shrunk_deviation(prior.0, prior.1);
        ((self.baseline.mean - percent) / deviation).clamp(-rule.clip, rule.clip)
    }

    /// The normal margin, in percent; `None` until the baseline stands.
    pub fn normal_percent(&self, rule: &MarginRule) -> Option<f64> {
        (self.baseline.orders >= rule.baseline_orders).then_some(self.baseline.mean)
    }

    /// The last order before the fall began, while an alarm stands; `None` in it when the fall
    /// began with the first order after the baseline.
    pub fn onset(&self) -> Option<Option<Timestamp>> {
        self.watch.alarmed().map(|sum| sum.zero_at)
    }

    /// How far the sums are on their way: 1 is an alarm.
    pub fn strength(&self, rule: &MarginRule) -> f64 {
        self.watch.strength(&rule.limits)
    }

    /// Orders since the slow sum last stood at zero: those that the waterfall explains.
    pub fn orders_explained(&self) -> u32 {
        self.watch.sums[0].run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Decimal;
    use crate::state::detector::waterfall::UnitTerms;
    use crate::time::Span;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    fn order(day: i64, percent: f64) -> OrderMargin {
        OrderMargin { at: on(day), percent, causes: Waterfall::ZERO }
    }

    /// Twenty orders round 25 %, then those given.
    fn after_baseline(orders: &[OrderMargin]) -> (Margin, Vec<Verdict>) {
        let mut margin = Margin::default();
        for day in 0..20 {
            let percent = if day % 2 == 0 { 20.0 } else { 30.0 };
            margin.add(&MarginRule::START, &order(day, percent)).unwrap();
        }
        let verdicts =
            orders.iter().map(|order| margin.add(&MarginRule::START, order).unwrap()).collect();
        (margin, verdicts)
    }

    #[test]
    fn the_baseline_is_the_mean_with_a_shrunk_deviation() {
        let (margin, _) = after_baseline(&[]);
        assert_eq!(margin.normal_percent(&MarginRule::START), Some(25.0));
        // Σ(±5)² = 500; (500 + 8·25) / (19 + 8) = 700 / 27.
        let z = margin.deviation(&MarginRule::START, 22.0);
        assert!((z - 3.0 / (700.0_f64 / 27.0).sqrt()).abs() < 1e-12);
        assert!((margin.deviation(&MarginRule::START, -900.0) - 2.5).abs() < 1e-12);
    }

    #[test]
    fn a_fall_is_found_with_its_onset_and_its_causes() {
        let reference = |discount: &str| UnitTerms {
            list: Decimal::parse("100").unwrap(),
            discount: Decimal::parse(discount).unwrap(),
            cost: Decimal::parse("75").unwrap(),
        };
        let normal = Decimal::parse("0.25").unwrap();
        let causes = Waterfall::of_line(Decimal::ONE, reference("10"), reference("0"), normal);
        let mut orders = vec![order(20, 30.0), order(21, 26.0)];
        orders.extend((22..40).map(|day| OrderMargin { at: on(day), percent: 15.0, causes }));
        let (margin, verdicts) = after_baseline(&orders);
        let alarm = verdicts.iter().position(|verdict| *verdict == Verdict::Alarm).unwrap();
        // z = 10 / 5.09 = 1.96: the fast sum gains 1.21 an order and passes 5.04 with the fifth.
        assert_eq!(alarm, 2 + 4);
        assert_eq!(margin.onset(), Some(Some(on(21))));
        // Eighteen orders, each with 7.50 of discount: .75 · 10.
        let cents = margin.causes.cents();
        assert_eq!((cents.discount, cents.total), (-18 * 750, -18 * 750));
        assert_eq!(margin.orders_explained(), 18);
    }

    #[test]
    fn an_older_order_is_late() {
        let (mut margin, _) = after_baseline(&[]);
        assert_eq!(margin.add(&MarginRule::START, &order(3, 25.0)), Err(Late));
    }
}
