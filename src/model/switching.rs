//! Who will take the own brand instead of the national one?
//!
//! ```text
//! type of product: how often buyers of it switch        logit s    (20 pseudo-pairs)
//! household: own-brand lines against what its types let expect,    ln((o + 10) / (e + 10))
//!            other types only
//! pair: lines of the national brand so far                         −0.3 · ln n
//! ```
//!
//! The sum is the start; with outcomes of an earlier cut the weights of the terms are learned.
//! Brand proneness of a household carries over types: Ailawadi, Neslin and Gedenk, "Pursuing the
//! value-conscious consumer", J. Marketing 2001.

use crate::state::detector::score::Score;
use crate::state::detector::score::logit;

/// Terms of the score, in the order of [`Switch::features`].
pub const FEATURES: [&str; 4] =
    ["logit_switch_rate", "logit_own_brand_share", "ln_proneness", "ln_lines"];
/// Pseudo-pairs of a type.
const TYPE_PAIRS: f64 = 20.0;
/// Pseudo-lines of a household.
const LINES: f64 = 10.0;

/// Lines of a household, or of a type.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Brands {
    /// Of the own brand.
    pub own: f64,
    /// Of every brand; for a household, what its types let expect of the own brand.
    pub base: f64,
}

/// How often buyers of a national brand took the own brand later.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Switches {
    /// Pairs of household and type that could.
    pub pairs: u32,
    /// That did.
    pub switched: u32,
}

/// One chance to switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Switch {
    /// Switch rate of the type, by [`Switches::rate`].
    pub type_rate: f64,
    /// Own brand's share of the type's lines.
    pub type_share: f64,
    /// Proneness of the household without this type, by [`proneness`].
    pub proneness: f64,
    /// National lines of the type so far, at least 1.
    pub lines: f64,
}

impl Switches {
    /// The type's rate, shrunk to that of all types.
    pub fn rate(&self, mean: f64) -> f64 {
        (f64::from(self.switched) + TYPE_PAIRS * mean) / (f64::from(self.pairs) + TYPE_PAIRS)
    }
}

/// Own-brand lines of a household over those that its types let expect, the type in question left
/// out of both.
pub fn proneness(household: Brands, of_type: Brands) -> f64 {
    (household.own - of_type.own + LINES) / (household.base - of_type.base + LINES)
}

impl Switch {
    /// What the score sees; the order is that of [`FEATURES`].
    pub fn features(&self) -> [f64; 4] {
        let inner = |share: f64| logit(share.clamp(1e-4, 1.0 - 1e-4));
        [
            inner(self.type_rate),
            inner(self.type_share),
            self.proneness.ln(),
            self.lines.max(1.0).ln(),
        ]
    }
}

/// The score before anything is learned: the product of the three factors.
pub fn start_score() -> Score {
    Score { intercept: 0.0, weights: vec![1.0, 0.0, 1.0, -0.3] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_the_product_of_rate_proneness_and_volume() {
        // (30 + 20·.1) / (180 + 20) = .16; (22 − 2 + 10) / (12 − 2 + 10) = 1.5
        let rate = Switches { pairs: 180, switched: 30 }.rate(0.1);
        let household = Brands { own: 22.0, base: 12.0 };
        let proneness = proneness(household, Brands { own: 2.0, base: 2.0 });
        let switch = Switch { type_rate: rate, type_share: 0.4, proneness, lines: 5.0 };
        let want = (0.16_f64 / 0.84).ln() + 1.5_f64.ln() - 0.3 * 5.0_f64.ln();
        let found = start_score().log_odds(&switch.features());
        assert!((found - want).abs() < 1e-12, "{found}");
    }
}
