//! How does a customer sound lately? A decayed mean of what was said, from −1 to 1.
//!
//! It may change the priority of an alert and never makes one alone. Samples are weighted by age
//! (see [`decay`](crate::state::detector::decay)) and a prior of neutral samples keeps one angry
//! mail from being a mood. Any order of arrival gives the same mean.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::decay::DecayedSum;
use crate::time::Timestamp;

/// Half-life of what was said, in days.
const HALF_LIFE_DAYS: f64 = 30.0;
/// Neutral samples that stand behind the mean.
const NEUTRAL: f64 = 1.0;

/// Voice of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    values: DecayedSum,
    weights: DecayedSum,
}

impl Default for Sentiment {
    fn default() -> Self {
        Self { values: DecayedSum::EMPTY, weights: DecayedSum::EMPTY }
    }
}

impl Sentiment {
    /// Takes one statement in; values beyond ±1 count as ±1.
    pub fn add(&mut self, at: Timestamp, value: f64) {
        self.values.add(value.clamp(-1.0, 1.0), at, HALF_LIFE_DAYS);
        self.weights.add(1.0, at, HALF_LIFE_DAYS);
    }

    /// The mean by now; it drifts back to 0 in silence.
    pub fn mean(&self, now: Timestamp) -> f64 {
        let weight = self.weights.at(now, HALF_LIFE_DAYS);
        self.values.at(now, HALF_LIFE_DAYS) / (weight + NEUTRAL)
    }

    /// The factor for an alert's rank: up to half more for a customer who sounds at −1, up to a
    /// quarter less at +1.
    pub fn priority(&self, now: Timestamp) -> f64 {
        let mean = self.mean(now);
        if mean < 0.0 { 1.0 - 0.5 * mean } else { 1.0 - 0.25 * mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn one_angry_mail_is_half_a_mood_and_fades() {
        let on = |day: i64| Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis());
        let mut sentiment = Sentiment::default();
        assert!(sentiment.mean(on(0)).abs() < 1e-12);
        sentiment.add(on(30), -1.0);
        assert!((sentiment.mean(on(30)) + 0.5).abs() < 1e-12); // −1 / (1 + 1)
        assert!((sentiment.mean(on(60)) + 1.0 / 3.0).abs() < 1e-12); // −½ / (½ + 1)
        sentiment.add(on(0), 1.0); // late, weight ½: (−1 + ½) / (1½ + 1)
        assert!((sentiment.mean(on(30)) + 0.2).abs() < 1e-12);
        assert!((sentiment.priority(on(30)) - 1.1).abs() < 1e-12);
    }
}
