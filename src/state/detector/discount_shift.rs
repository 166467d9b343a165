//! Is a customer given more discount than it used to be, since when, and what did it cost?
//!
//! ```text
//! order ─► discount / list amount, % ─► z against the first 10 orders, ±2.5 ─► twin CUSUM
//! ```
//!
//! The margin of an order moves with every choice of products; the discount does not. So a creeping
//! concession shows here long before it shows in the margin (see `margin`), and with fewer orders:
//! the same sums and limits, over a figure that varies a quarter as much. The baseline is that of
//! ten orders: more are too many for who orders once a month, and the uncertainty of its mean is
//! part of z. Its deviation is shrunk to the segment's deviation of margins, which is the larger of
//! the two where products differ.
//!
//! Lines without an amount above zero say nothing and are left out.

use serde::Deserialize;
use serde::Serialize;

use crate::money::Decimal;
use crate::state::detector::cusum::Watch;
use crate::state::detector::margin::Baseline;
use crate::state::detector::margin::MarginRule;
use crate::time::Timestamp;

/// Orders that make the baseline.
pub const BASELINE_ORDERS: u32 = 10;

/// The discount of one customer, in constant space.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DiscountShift {
    baseline: Baseline,
    watch: Watch<2>,
    /// List amount and discount since the slow sum last stood at zero.
    list: Decimal,
    given: Decimal,
}

impl Default for DiscountShift {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            watch: Watch::START,
            list: Decimal::ZERO,
            given: Decimal::ZERO,
        }
    }
}

impl DiscountShift {
    /// Takes an order in, by its amount at list prices and the discount on it; orders come in the
    /// order of time. One without an amount is none.
    pub fn add(&mut self, rule: &MarginRule, at: Timestamp, list: Decimal, given: Decimal) {
        if list <= Decimal::ZERO {
            return;
        }
        let percent = given.to_f64() / list.to_f64() * 100.0;
        if self.baseline.orders < BASELINE_ORDERS {
            self.baseline.add(percent);
            return;
        }
        let z = (percent - self.baseline.mean) / self.deviation(rule);
        self.watch.add(z.clamp(-rule.clip, rule.clip), &rule.limits, at);
        if self.watch.sums[0].sum == 0.0 {
            (self.list, self.given) = (Decimal::ZERO, Decimal::ZERO);
        } else {
            self.list = self.list.checked_add(list).unwrap_or(self.list);
            self.given = self.given.checked_add(given).unwrap_or(self.given);
        }
    }

    /// Deviation of an order from the baseline's mean, in points.
    fn deviation(&self, rule: &MarginRule) -> f64 {
        let own = self.baseline.shrunk_deviation(rule.deviation_prior, rule.deviation_prior_orders);
        own * (1.0 + 1.0 / f64::from(BASELINE_ORDERS)).sqrt()
    }

    /// The usual discount as a share of the list amount, once the baseline stands.
    pub fn usual(&self) -> Option<f64> {
        (self.baseline.orders >= BASELINE_ORDERS).then_some(self.baseline.mean / 100.0)
    }

    /// Whether it has risen, and not come back.
    pub fn is_alarmed(&self) -> bool {
        self.watch.alarmed().is_some()
    }

    /// How far the sums are on their way: 1 is an alarm.
    pub fn strength(&self, rule: &MarginRule) -> f64 {
        self.watch.strength(&rule.limits)
    }

    /// The last order before the rise; none without alarm, or where it began with the first order
    /// after the baseline.
    pub fn since(&self) -> Option<Timestamp> {
        self.watch.alarmed().and_then(|sum| sum.zero_at)
    }

    /// The discount as a share of the list amount, since all was last well; none while it is.
    pub fn recent(&self) -> Option<f64> {
        (self.list > Decimal::ZERO).then(|| self.given.to_f64() / self.list.to_f64())
    }

    /// Orders since then.
    pub fn orders(&self) -> u32 {
        self.watch.sums[0].run
    }

    /// What was given since then beyond the usual share, to the cent; below zero where it was less.
    pub fn extra(&self) -> Option<Decimal> {
        let usual = self.usual().unwrap_or(0.0) * self.list.to_f64();
        let cents = ((self.given.to_f64() - usual) * 100.0).round() / 100.0;
        Decimal::from_f64(cents).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    /// Orders of 100 at list prices, each with such a discount.
    fn after(discounts: impl IntoIterator<Item = i64>) -> DiscountShift {
        let mut shift = DiscountShift::default();
        let hundred = Decimal::from_micros(100 * Decimal::SCALE);
        for (day, discount) in (0..).zip(discounts) {
            let given = Decimal::from_micros(discount * Decimal::SCALE);
            shift.add(&MarginRule::START, on(day), hundred, given);
        }
        shift
    }

    #[test]
    fn a_discount_that_creeps_up_is_found_with_what_it_costs() {
        let usual = [4, 6, 4, 6, 4, 6, 4, 6, 4, 6];
        // (10 · 1² + 8 · 5²) / (9 + 8) = 210 / 17, times 1.1: a deviation of 3.686. Ten points
        // more are z = 2.5, clipped: the fast sum gains 1.75 an order and passes 5.04 at the third.
        for (orders, alarmed) in [(0, false), (2, false), (3, true), (6, true)] {
            let shift = after(usual.into_iter().chain([5]).chain([15; 9].into_iter().take(orders)));
            assert_eq!(shift.is_alarmed(), alarmed, "{orders}");
            assert_eq!(shift.orders(), u32::try_from(orders).unwrap());
            let extra = i64::try_from(orders).unwrap() * 10 * Decimal::SCALE;
            assert_eq!(shift.extra(), Some(Decimal::from_micros(extra)));
            assert_eq!(shift.since(), alarmed.then(|| on(10)));
            assert_eq!(shift.recent(), (orders > 0).then_some(0.15));
            assert_eq!(shift.usual(), Some(0.05));
        }
    }

    #[test]
    fn before_ten_orders_nothing_is_usual_and_less_discount_is_no_alarm() {
        assert_eq!(after([0; 9]).usual(), None);
        let less = after([20; 10].into_iter().chain([0; 40]));
        assert!(!less.is_alarmed() && less.strength(&MarginRule::START) < 1e-12);
    }
}
