//! Has a level moved for good? Cumulative sums of standardised deviations, one-sided, with the
//! place where the movement began.
//!
//! ```text
//! S = max(0, S + z − k)        k, the slack, is half of the shift that it is fastest for
//!                     h ┄┄┄┄┄┄┄╱┄ alarm
//!               ╱╲   ╱╲  ╱╲╱╲╱
//!  ────────────╱──╲─╱──╲╱─────────
//!                       └ last zero: the onset
//! ```
//!
//! Source: Page, "Continuous inspection schemes", Biometrika 1954. Two slacks at once (a *twin*)
//! find small and large shifts nearly as fast as the sum made for each: Lorden, "Procedures for
//! reacting to a change in distribution", Ann. Math. Statist. 1971.

use serde::Deserialize;
use serde::Serialize;

use crate::time::Timestamp;

/// One sum, and where it last stood at zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    /// At least 0, in standard deviations.
    pub sum: f64,
    /// The sample after which the sum last stood at zero; `None` before any.
    pub zero_at: Option<Timestamp>,
    /// Samples since then.
    pub run: u32,
}

/// Slack and limit of one sum, in standard deviations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Deviation that is let pass each time.
    pub slack: f64,
    /// The alarm.
    pub limit: f64,
}

/// What a sample made of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within limits.
    Quiet,
    /// The limit was passed by this sample.
    Alarm,
    /// Passed before, and not yet back below half of the limit.
    StillOut,
    /// Back below half of the limit by this sample: the next passing is a new alarm.
    Rearmed,
}

impl Cusum {
    /// At zero.
    pub const ZERO: Self = Self { sum: 0.0, zero_at: None, run: 0 };

    /// With one more deviation, positive in the direction that is watched for.
    pub fn add(&mut self, z: f64, slack: f64, at: Timestamp) {
        self.sum = (self.sum + z - slack).max(0.0);
        self.run = self.run.saturating_add(1);
        if self.sum == 0.0 {
            self.zero_at = Some(at);
            self.run = 0;
        }
    }
}

/// Several sums over the same deviations; an alarm when any passes its limit. `N` = 1 is Page's
/// CUSUM, `N` = 2 the twin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(Vec<Cusum>, Option<u8>)", into = "(Vec<Cusum>, Option<u8>)")]
pub struct Watch<const N: usize> {
    /// In the order of the limits.
    pub sums: [Cusum; N],
    /// The sum that passed its limit first, while the watch is out.
    out: Option<u8>,
}

impl<const N: usize> From<Watch<N>> for (Vec<Cusum>, Option<u8>) {
    fn from(watch: Watch<N>) -> Self {
        (watch.sums.to_vec(), watch.out)
    }
}

impl<const N: usize> TryFrom<(Vec<Cusum>, Option<u8>)> for Watch<N> {
    type Error = &'static str;

    fn try_from((sums, out): (Vec<Cusum>, Option<u8>)) -> Result<Self, Self::Error> {
        let sums = <[Cusum; N]>::try_from(sums).map_err(|_| "another number of sums")?;
        Ok(Self { sums, out })
    }
}

impl<const N: usize> Watch<N> {
    /// Nothing seen.
    pub const START: Self = Self { sums: [Cusum::ZERO; N], out: None };

    /// Takes one deviation in.
    pub fn add(&mut self, z: f64, limits: &[Limits; N], at: Timestamp) -> Verdict {
        for (sum, limits) in self.sums.iter_mut().zip(limits) {
            sum.add(z, limits.slack, at);
        }
        let mut pairs = self.sums.iter().zip(limits);
        match self.out {
            None => match pairs.position(|(sum, limits)| sum.sum > limits.limit) {
                None => Verdict::Quiet,
                Some(index) => {
                    self.out = u8::try_from(index).ok();
                    Verdict::Alarm
                }
            },
            Some(_) if pairs.all(|(sum, limits)| sum.sum < limits.limit / 2.0) => {
                self.out = None;
                Verdict::Rearmed
            }
            Some(_) => Verdict::StillOut,
        }
    }

    /// The sum that passed its limit, while the watch is out: its last zero is the onset.
    pub fn alarmed(&self) -> Option<&Cusum> {
        self.out.and_then(|index| self.sums.get(usize::from(index)))
    }

    /// How far the sums are on their way: 1 at the limit of the one that has come furthest.
    pub fn strength(&self, limits: &[Limits; N]) -> f64 {
        let shares = self.sums.iter().zip(limits).map(|(sum, limits)| sum.sum / limits.limit);
        shares.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    #[test]
    fn a_sum_follows_its_definition_and_remembers_its_last_zero() {
        // By hand with k = ½: .5, 0, 0, 1.5, 3.5, 3.0
        let mut sum = Cusum::ZERO;
        let steps = [(1.0, 0.5), (-1.0, 0.0), (0.25, 0.0), (2.0, 1.5), (2.5, 3.5), (0.0, 3.0)];
        for (day, (z, want)) in (0..).zip(steps) {
            sum.add(z, 0.5, on(day));
            assert!((sum.sum - want).abs() < 1e-12, "day {day}: {}", sum.sum);
        }
        assert_eq!((sum.zero_at, sum.run), (Some(on(2)), 3));
    }

    #[test]
    fn an_alarm_is_given_once_until_the_sums_fall_below_half_of_their_limits() {
        let limits = [Limits { slack: 0.2, limit: 4.0 }, Limits { slack: 0.75, limit: 2.0 }];
        let mut watch = Watch::START;
        let steps = [
            (2.0, Verdict::Quiet),     // 1.8   1.25
            (2.0, Verdict::Alarm),     // 3.6   2.5: the fast one
            (0.0, Verdict::StillOut),  // 3.4   1.75
            (-1.0, Verdict::StillOut), // 2.2  0
            (-1.0, Verdict::Rearmed),  // 1.0   0
            (0.0, Verdict::Quiet),     // 0.8   0
            (4.0, Verdict::Alarm),     // 4.6   3.25: both, the slow one is named
        ];
        for (day, (z, want)) in (0..).zip(steps) {
            assert_eq!(watch.add(z, &limits, on(day)), want, "day {day}");
        }
        assert!((watch.alarmed().unwrap().sum - 4.6).abs() < 1e-12);
        assert!((watch.strength(&limits) - 3.25 / 2.0).abs() < 1e-12);
    }
}
