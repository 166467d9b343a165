//! What does the season make of a week? A factor for each week of the year, 1 on average.
//!
//! `model::season` learns the factors; whoever watches weekly figures divides by them.

/// Weeks of a year; the days beyond 52 weeks belong to the last one.
pub const WEEKS: usize = 52;
/// No factor is smaller: figures are divided by it.
const INDEX_MIN: f64 = 0.05;

/// Factors by week of the year.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    index: Vec<f64>,
    /// Another number for other factors.
    stamp: u64,
}

impl Season {
    /// No season.
    pub fn even() -> Self {
        Self::of([])
    }

    /// From one factor a week; what is missing or no number is 1.
    pub fn of(factors: impl IntoIterator<Item = f64>) -> Self {
        let sound = |factor: f64| if factor.is_finite() { factor.max(INDEX_MIN) } else { 1.0 };
        let mut index: Vec<f64> = factors.into_iter().take(WEEKS).map(sound).collect();
        index.resize(WEEKS, 1.0);
        let stamp = index.iter().fold(0, |stamp: u64, factor| {
            // FNV-1a, a factor at a time.
            (stamp ^ factor.to_bits()).wrapping_mul(0x0100_0000_01b3)
        });
        Self { index, stamp }
    }

    /// A number that is another one for other factors.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The factor of a week, counted on from any first week of a year.
    pub fn index(&self, week: i64) -> f64 {
        let weeks = i64::try_from(WEEKS).unwrap_or(i64::MAX);
        let place = usize::try_from(week.rem_euclid(weeks)).unwrap_or(0);
        self.index.get(place).copied().unwrap_or(1.0)
    }

    /// All factors, from the first week on.
    pub fn factors(&self) -> &[f64] {
        &self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_repeat_every_year_and_are_never_too_small_to_divide_by() {
        let season = Season::of([0.0, 2.0, f64::NAN]);
        for (week, want) in [(0, 0.05), (1, 2.0), (2, 1.0), (51, 1.0), (52, 0.05), (-51, 2.0)] {
            assert!((season.index(week) - want).abs() < 1e-12, "{week}");
        }
        assert_eq!(Season::of([]), Season::even());
    }
}
