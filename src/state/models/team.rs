//! What is usual for the sales team: how a period's sales come in, how large an order is, how
//! many quotes are won.

use crate::state::detector::conversion::Conversion;

/// All reps together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Team {
    /// Share of a quota period's sales made by the end of each of its equal parts, rising to 1;
    /// nothing before a period was seen to its end.
    pub curve: Vec<f64>,
    /// Quota periods of reps behind the curve.
    pub periods: u32,
    /// Size of a typical unit of revenue, E\[s²\] / E\[s\]; none before any order of a rep.
    pub order_size: Option<f64>,
    /// Quotes decided.
    pub conversion: Conversion,
}

impl Team {
    /// Share of a period's sales that is usually made once this share of it has elapsed, from 0 to
    /// 1: the straight line before anything is learned.
    #[expect(clippy::cast_possible_truncation, reason = "held below the number of parts")]
    #[expect(clippy::cast_sign_loss, reason = "held at 0 or above")]
    pub fn share_by(&self, elapsed: f64) -> f64 {
        let elapsed = elapsed.clamp(0.0, 1.0);
        let parts = self.curve.len();
        if parts == 0 {
            return elapsed;
        }
        let place = elapsed * f64::from(u32::try_from(parts).unwrap_or(u32::MAX));
        let part = (place.floor() as usize).min(parts - 1);
        let before = if part == 0 { 0.0 } else { self.curve[part - 1] };
        let within = (place - place.floor()).clamp(0.0, 1.0);
        if place >= f64::from(u32::try_from(parts).unwrap_or(u32::MAX)) {
            return self.curve[parts - 1];
        }
        before + within * (self.curve[part] - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_on_the_curve_or_on_the_straight_line() {
        let none = Team::default();
        let late = Team { curve: vec![0.1, 0.2, 0.4, 1.0], ..Team::default() };
        for (elapsed, straight, curved) in [
            (0.0, 0.0, 0.0),
            (0.125, 0.125, 0.05),
            (0.25, 0.25, 0.1),
            (0.875, 0.875, 0.7),
            (1.0, 1.0, 1.0),
            (2.0, 1.0, 1.0),
        ] {
            assert!((none.share_by(elapsed) - straight).abs() < 1e-12, "{elapsed}");
            assert!((late.share_by(elapsed) - curved).abs() < 1e-12, "{elapsed}");
        }
    }
}
