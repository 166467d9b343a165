//! How much was there lately? Sums and means whose samples lose half their weight every half-life.
//!
//! One sum costs two numbers. A late sample enters with the weight that it would have had, so the
//! result does not depend on the order of arrival. Source: Cormode et al., "Forward Decay: A
//! Practical Time Decay Model for Streaming Systems", ICDE 2009, exponential decay.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::days;
use crate::time::Timestamp;

/// A decayed sum, as of the newest sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecayedSum {
    sum: f64,
    newest: Timestamp,
}

/// Share of its weight that a sample keeps after this many days, from 1 down to 0.
pub fn weight(age_days: f64, half_life_days: f64) -> f64 {
    (-age_days.max(0.0) / half_life_days).exp2()
}

impl DecayedSum {
    /// Nothing yet.
    pub const EMPTY: Self = Self { sum: 0.0, newest: Timestamp::MIN };

    /// With one more sample, in any order.
    pub fn add(&mut self, value: f64, at: Timestamp, half_life_days: f64) {
        if at >= self.newest {
            self.sum = self.sum * weight(days(at - self.newest), half_life_days) + value;
            self.newest = at;
        } else {
            self.sum += value * weight(days(self.newest - at), half_life_days);
        }
    }

    /// The sum as of `now`; as of the newest sample when `now` lies before it.
    pub fn at(&self, now: Timestamp, half_life_days: f64) -> f64 {
        self.sum * weight(days(now - self.newest), half_life_days)
    }

    /// The daily rate as of `now` of what was `watched_days` long: the sum over the weight that a
    /// steady unit a day would have gathered in that time.
    pub fn rate_per_day(&self, now: Timestamp, half_life_days: f64, watched_days: f64) -> f64 {
        self.at(now, half_life_days) / steady(half_life_days, watched_days)
    }
}

/// What one unit a day, `watched_days` long, leaves in a decayed sum: ∫ 2^(−age / half-life).
pub fn steady(half_life_days: f64, watched_days: f64) -> f64 {
    half_life_days / std::f64::consts::LN_2 * (1.0 - weight(watched_days, half_life_days))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    #[test]
    fn a_sample_loses_half_of_its_weight_each_half_life_in_any_order() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let samples = [(0, 8.0), (10, 2.0), (20, 1.0)];
            let mut sum = DecayedSum::EMPTY;
            for index in order {
                let (day, value) = samples[index];
                sum.add(value, on(day), 10.0);
            }
            // 8/4 + 2/2 + 1, and half of it ten days later.
            assert!((sum.at(on(20), 10.0) - 4.0).abs() < 1e-12);
            assert!((sum.at(on(30), 10.0) - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_steady_stream_has_its_own_rate() {
        let mut sum = DecayedSum::EMPTY;
        for day in 0..400 {
            sum.add(3.0, on(day), 28.0);
        }
        // A sum of days for an integral: right to half a day's weight.
        let rate = sum.rate_per_day(on(399), 28.0, 400.0);
        assert!((rate - 3.0).abs() < 0.05, "{rate}");
    }
}
