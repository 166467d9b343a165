//! Does a customer get the tier and the attention that its value deserves?
//!
//! ```text
//! value   ──────┤ C ├──────┤ B ├──────┤ A ├──────
//!                 └ ±10 % ┘ out of its band for two periods: the tier is off
//! ```
//!
//! A tier changes only when the value has left the band of its present tier by the hysteresis, in
//! two periods running; customers at a bound do not flutter. Cost-to-serve over gross profit and
//! the time since the last contact stand beside it: Kaplan and Narayanan, "Measuring and Managing
//! Customer Profitability", 2001.

use crate::state::detector::days;
use crate::state::detector::decay::DecayedSum;
use crate::time::Span;
use crate::time::Timestamp;

/// When a tier is off.
#[derive(Debug, Clone, PartialEq)]
pub struct TierRule {
    /// Value from which each tier above the lowest begins, rising.
    pub bounds: Vec<f64>,
    /// Share of a bound by which it must be passed.
    pub hysteresis: f64,
    /// Periods running.
    pub periods: u8,
}

/// How long one customer has been out of its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TierFit {
    out_periods: u8,
    deserved: u8,
}

impl TierRule {
    /// The tier that a value deserves, given the present one; 0 is the lowest.
    pub fn deserved(&self, present: u8, value: f64) -> u8 {
        let present = usize::from(present).min(self.bounds.len());
        let above = self.bounds.iter().skip(present);
        let up = above.take_while(|bound| value >= *bound * (1.0 + self.hysteresis)).count();
        if up > 0 {
            return narrow(present + up);
        }
        let below = self.bounds.iter().take(present).rev();
        let down = below.take_while(|bound| value < *bound * (1.0 - self.hysteresis)).count();
        narrow(present - down)
    }
}

fn narrow(tier: usize) -> u8 {
    u8::try_from(tier).unwrap_or(u8::MAX)
}

impl TierFit {
    /// Takes the value of a closed period in: the deserved tier, once it has been off for as many
    /// periods as the rule asks, each in the same direction.
    pub fn close_period(&mut self, rule: &TierRule, present: u8, value: f64) -> Option<u8> {
        let deserved = rule.deserved(present, value);
        let same_side = (deserved > present) == (self.deserved > present);
        self.out_periods = match (deserved == present, self.out_periods > 0 && same_side) {
            (true, _) => 0,
            (false, true) => self.out_periods.saturating_add(1),
            (false, false) => 1,
        };
        self.deserved = deserved;
        (self.out_periods >= rule.periods.max(1)).then_some(deserved)
    }
}

/// What serving one customer costs against what it earns, both decayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceCost {
    cost: DecayedSum,
    profit: DecayedSum,
}

/// Half-life of cost and profit: a year of orders counts about three quarters.
const HALF_LIFE_DAYS: f64 = 182.0;

impl Default for ServiceCost {
    fn default() -> Self {
        Self { cost: DecayedSum::EMPTY, profit: DecayedSum::EMPTY }
    }
}

impl ServiceCost {
    /// A visit, call, delivery or complaint, at its cost; in any order.
    pub fn add_activity(&mut self, at: Timestamp, cost: f64) {
        self.cost.add(cost, at, HALF_LIFE_DAYS);
    }

    /// An order's gross profit; in any order.
    pub fn add_profit(&mut self, at: Timestamp, gross_profit: f64) {
        self.profit.add(gross_profit, at, HALF_LIFE_DAYS);
    }

    /// Cost over gross profit; infinite when there is cost but no profit, `None` without cost.
    pub fn ratio(&self, now: Timestamp) -> Option<f64> {
        let cost = self.cost.at(now, HALF_LIFE_DAYS);
        let profit = self.profit.at(now, HALF_LIFE_DAYS);
        if cost <= 0.0 {
            return None;
        }
        Some(if profit > 0.0 { cost / profit } else { f64::INFINITY })
    }
}

/// Days beyond the service level since the last contact; `None` while it is kept. A customer never
/// contacted counts from `since`, when it became one.
pub fn contact_gap_days(
    last_contact: Option<Timestamp>,
    since: Timestamp,
    now: Timestamp,
    service_level: Span,
) -> Option<f64> {
    let silent = now - last_contact.unwrap_or(since);
    (silent > service_level).then(|| days(silent) - days(service_level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    #[test]
    fn a_tier_is_off_only_beyond_the_hysteresis() {
        let rule = TierRule { bounds: vec![100.0, 1000.0], hysteresis: 0.1, periods: 2 };
        for (present, value, want) in [
            (0, 109.0, 0),
            (0, 111.0, 1),
            (0, 1101.0, 2),
            (1, 90.0, 1),
            (1, 89.0, 0),
            (1, 1050.0, 1),
            (2, 900.0, 2),
            (2, 899.0, 1),
            (2, 10.0, 0),
        ] {
            assert_eq!(rule.deserved(present, value), want, "{present} {value}");
        }
    }

    #[test]
    fn it_takes_two_periods_on_the_same_side() {
        let rule = TierRule { bounds: vec![100.0, 1000.0], hysteresis: 0.1, periods: 2 };
        let mut fit = TierFit::default();
        let said: Vec<Option<u8>> = [10.0, 2000.0, 2000.0, 500.0, 50.0, 20.0]
            .map(|value| fit.close_period(&rule, 1, value))
            .to_vec();
        assert_eq!(said, [None, None, Some(2), None, None, Some(0)]);
    }

    #[test]
    fn service_is_dear_when_it_eats_the_profit() {
        let mut service = ServiceCost::default();
        assert_eq!(service.ratio(on(0)), None);
        service.add_activity(on(182), 50.0);
        assert_eq!(service.ratio(on(182)), Some(f64::INFINITY));
        // A late order of 200, half-forgotten: 50 / 100.
        service.add_profit(on(0), 200.0);
        assert!((service.ratio(on(182)).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_contact_is_due_beyond_the_service_level() {
        let level = Span::from_millis(30 * Span::DAY.millis());
        assert_eq!(contact_gap_days(Some(on(0)), on(0), on(30), level), None);
        assert_eq!(contact_gap_days(Some(on(0)), on(0), on(33), level), Some(3.0));
        assert_eq!(contact_gap_days(None, on(-10), on(33), level), Some(13.0));
    }
}
