//! How does the season move sales? An index for each week of the year, 1 on average.
//!
//! The index is the ratio of a week's total to that year's weekly mean, averaged over the years and
//! shrunk to 1 with the weight of one year: with a single year half of the season is believed
//! (ratio to mean; Makridakis, Wheelwright and Hyndman, "Forecasting", ch. 3). The curve F(t) of a
//! period is the cumulative share of the same totals.

use crate::state::detector::count;
use crate::state::detector::season::Season;
use crate::state::detector::season::WEEKS;

/// Years of an even season that stand behind the index.
const EVEN_YEARS: f64 = 1.0;

/// From the weekly totals of whole years, one list of [`WEEKS`] a year; a year without sales or
/// of another length is left out.
pub fn of_years(years: &[Vec<f64>]) -> Season {
    let mut sums = vec![EVEN_YEARS; WEEKS];
    let mut weight = EVEN_YEARS;
    for year in years {
        let mean = year.iter().sum::<f64>() / count(WEEKS);
        if year.len() == WEEKS && mean > 0.0 {
            weight += 1.0;
            sums.iter_mut().zip(year).for_each(|(sum, total)| *sum += total / mean);
        }
    }
    Season::of(sums.iter().map(|sum| sum / weight))
}

/// F at each step of a period: cumulative shares of the totals of its steps, over past periods. All
/// are of one length; the straight line without any sales.
pub fn cumulative_share(periods: &[Vec<f64>]) -> Vec<f64> {
    let steps = periods.iter().map(Vec::len).min().unwrap_or(0);
    let totals: Vec<f64> =
        (0..steps).map(|step| periods.iter().map(|period| period[step]).sum()).collect();
    let all: f64 = totals.iter().sum();
    let mut sum = 0.0;
    let share = |(step, total): (usize, &f64)| {
        sum += total;
        if all > 0.0 { sum / all } else { count(step + 1) / count(steps) }
    };
    totals.iter().enumerate().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_year_is_half_believed() {
        let mut year = vec![100.0; WEEKS];
        year[0] = 0.0;
        year[1] = 200.0;
        let season = of_years(&[year, vec![1.0; 3]]);
        for (week, want) in [(0, 0.5), (1, 1.5), (2, 1.0), (52, 0.5), (-51, 1.5)] {
            assert!((season.index(week) - want).abs() < 1e-12, "{week}");
        }
        assert_eq!(of_years(&[]), Season::even());
    }

    #[test]
    fn a_curve_is_the_cumulative_share_of_all_periods() {
        let curve = cumulative_share(&[vec![1.0, 1.0, 2.0], vec![3.0, 0.0, 1.0]]);
        for (found, want) in curve.iter().zip([0.5, 0.625, 1.0]) {
            assert!((found - want).abs() < 1e-12, "{curve:?}");
        }
        assert_eq!(cumulative_share(&[vec![0.0, 0.0]]), [0.5, 1.0]);
    }
}
