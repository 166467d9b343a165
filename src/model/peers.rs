//! What is usual in a segment? Quantiles of a figure over the customers of a segment, with those
//! of all customers where the segment is small.

use std::collections::BTreeMap;

use crate::state::detector::count;

/// Customers from which a segment speaks for itself.
pub const SEGMENT_MIN: usize = 30;

/// A figure's distribution by segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Peers<Segment> {
    segments: BTreeMap<Segment, Vec<f64>>,
    all: Vec<f64>,
}

impl<Segment: Ord> Peers<Segment> {
    /// From one figure a customer; what is no number is left out.
    pub fn of(figures: impl IntoIterator<Item = (Segment, f64)>) -> Self {
        let mut segments: BTreeMap<Segment, Vec<f64>> = BTreeMap::new();
        let mut all = Vec::new();
        for (segment, figure) in figures {
            if figure.is_finite() {
                segments.entry(segment).or_default().push(figure);
                all.push(figure);
            }
        }
        for figures in segments.values_mut() {
            figures.sort_by(f64::total_cmp);
        }
        all.sort_by(f64::total_cmp);
        Self { segments, all }
    }

    fn figures(&self, segment: &Segment) -> &[f64] {
        let own = self.segments.get(segment).filter(|figures| figures.len() >= SEGMENT_MIN);
        own.unwrap_or(&self.all)
    }

    /// The figure that a share of the segment's customers lies below, between neighbours by
    /// straight line (Hyndman and Fan's type 7, 1996); `None` when there is no customer at all.
    pub fn quantile(&self, segment: &Segment, share: f64) -> Option<f64> {
        quantile(self.figures(segment), share)
    }

    /// Share of the segment's customers that lie below a figure, ties counting half.
    pub fn rank(&self, segment: &Segment, figure: f64) -> Option<f64> {
        let figures = self.figures(segment);
        let below = figures.partition_point(|one| *one < figure);
        let up_to = figures.partition_point(|one| *one <= figure);
        let middle = f64::midpoint(count(below), count(up_to));
        (!figures.is_empty()).then(|| middle / count(figures.len()))
    }

    /// Customers that a segment's answers rest on.
    pub fn peers(&self, segment: &Segment) -> usize {
        self.figures(segment).len()
    }
}

/// The quantile of sorted figures.
#[expect(clippy::cast_possible_truncation, reason = "an index below the length")]
#[expect(clippy::cast_sign_loss, reason = "the share is held at 0 or above")]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * count(last);
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        // NumPy 2.4: quantile([1, 2, 4, 8], q).
        for (share, want) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            let found = quantile(&[1.0, 2.0, 4.0, 8.0], share).unwrap();
            assert!((found - want).abs() < 1e-12, "{share}: {found}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_small_segment_is_judged_by_all_customers() {
        let large = (0..40_u32).map(|n| ("retail", f64::from(n)));
        let small = (0..5_u32).map(|n| ("trade", 1000.0 + f64::from(n)));
        let peers = Peers::of(large.chain(small).chain([("retail", f64::NAN)]));
        assert_eq!(peers.quantile(&"retail", 0.5), Some(19.5));
        assert_eq!(peers.peers(&"trade"), 45);
        assert_eq!(peers.rank(&"trade", 1000.0), Some(40.5 / 45.0));
        assert_eq!(peers.rank(&"retail", -1.0), Some(0.0));
    }
}
