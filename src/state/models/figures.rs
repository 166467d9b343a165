//! How a figure spreads over many customers: its percentiles, which answer for any share.

/// Percentiles kept, the smallest and the largest included.
const KEPT: usize = 101;

/// The percentiles of a figure; none of nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    customers: u32,
    percentiles: Vec<f64>,
}

impl Figures {
    /// From one figure a customer, in any order; what is no number is left out.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().filter(|one| one.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let share = |place: u32| f64::from(place) / f64::from(percent(KEPT) - 1);
        let percentiles = (0..percent(KEPT)).filter_map(|place| of_sorted(&sorted, share(place)));
        Self { customers: percent(sorted.len()), percentiles: percentiles.collect() }
    }

    /// From what [`Figures::percentiles`] gave; nothing if there are not as many.
    pub fn restored(customers: u32, percentiles: Vec<f64>) -> Self {
        if percentiles.len() == KEPT { Self { customers, percentiles } } else { Self::default() }
    }

    /// Customers that it was made of.
    pub fn customers(&self) -> u32 {
        self.customers
    }

    /// The kept percentiles, rising.
    pub fn percentiles(&self) -> &[f64] {
        &self.percentiles
    }

    /// The figure that a share of the customers lies below, between neighbours by straight line
    /// (Hyndman and Fan's type 7, 1996); `None` of nothing.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        of_sorted(&self.percentiles, share)
    }

    /// Share of the customers that lie below a figure, to a percent; `None` of nothing.
    pub fn rank(&self, figure: f64) -> Option<f64> {
        let below = self.percentiles.partition_point(|one| *one < figure);
        (!self.percentiles.is_empty()).then(|| f64::from(percent(below)) / f64::from(percent(KEPT)))
    }
}

fn percent(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The quantile of sorted figures, as [`Figures::quantile`] defines it; `None` of nothing.
#[expect(clippy::cast_possible_truncation, reason = "an index below the length")]
#[expect(clippy::cast_sign_loss, reason = "the share is held at 0 or above")]
pub fn of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * f64::from(percent(last));
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_answer_for_any_share() {
        let figures = Figures::of((0..=1_000).rev().map(f64::from).chain([f64::NAN]));
        for (share, want) in [(0.0, 0.0), (0.5, 500.0), (0.905, 905.0), (1.0, 1_000.0)] {
            let found = figures.quantile(share).unwrap();
            assert!((found - want).abs() < 1e-9, "{share}: {found}");
        }
        let ranks = [(-1.0, 0.0), (500.0, 50.0 / 101.0), (2_000.0, 1.0)];
        for (figure, want) in ranks {
            let found = figures.rank(figure).unwrap();
            assert!((found - want).abs() < 1e-9, "{figure}: {found}");
        }
        let again = Figures::restored(figures.customers(), figures.percentiles().to_vec());
        assert_eq!((again, figures.customers()), (figures, 1_001));
    }

    #[test]
    fn nothing_has_no_quantile() {
        let none = Figures::of([]);
        assert_eq!((none.quantile(0.5), none.rank(1.0), none.customers()), (None, None, 0));
        assert_eq!(Figures::restored(3, vec![1.0]), none);
    }
}
