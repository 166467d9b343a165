//! How long may this customer be silent, by the regularity of its own gaps?
//!
//! ```text
//! every 20 days, ±2     ●──●──●──●──●──●───?      25 days say a lot
//! now and then          ●●───●──●●────────●───?   25 days say nothing
//! ```
//!
//! BG/CNBD-k: as in BG/NBD a customer leaves after a purchase with a chance of its own, but its
//! gaps follow a gamma law of shape k instead of the exponential one, where k is 1. The larger k,
//! the more regular the customer, and the sooner a silence is told from a gap. Source: Reutterer,
//! Platzer and Schröder, "Leveraging purchase regularity for predicting customer behavior the easy
//! way", Int. J. Research in Marketing 38 (2021). There one k holds for all; here it is each
//! customer's own, as in the model of Platzer and Reutterer, "Ticking away the moments", Marketing
//! Science 35 (2016), estimated without sampling: from the spread of the gaps, `ln mean − mean ln`,
//! shrunk to that of the population.
//!
//! The rate is uncertain, too: with two gaps of the population's median mixed in, the chance of a
//! gap longer than t is that of a beta-prime law, `1 − I(t / (A + t); k, k·(x + 2))` with
//! `A = Σgap + 2m`. With k = 1 this is the survival of BG/NBD.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::days;
use crate::state::detector::purchase_days::PurchaseDays;
use crate::state::detector::repeat_buying::RepeatBuying;
use crate::state::detector::special::incomplete_beta;
use crate::time::Timestamp;

/// Spread of the gaps of a customer who buys now and then (k = 1): Euler's constant.
pub const SPREAD_OF_CHANCE: f64 = 0.577_215_664_901_532_9;
/// Gaps that the population's spread counts for.
const SPREAD_PRIOR_GAPS: f64 = 4.0;
/// Gaps of the population's median that stand behind a customer's rate.
const GAPS_PRIOR: f64 = 2.0;
/// Odds that a customer leaves with a purchase, at the least. BG/NBD takes the long gaps of customers
/// that are regular for chance, and finds that nobody ever leaves: then this holds.
const LEAVES_MIN: f64 = 0.000_5;
/// A gap shorter than a day is taken for a day: its logarithm would outweigh all others.
const GAP_MIN_DAYS: f64 = 1.0;
/// More regular than this nobody is taken for: holidays move the most regular purchase.
const SHAPE_MAX: f64 = 20.0;
/// Steps of the search for a deadline at most; about eight are needed.
const STEPS: u32 = 64;
/// Where the search ends: the error of a logarithm.
const PRECISION: f64 = 1e-10;

/// Purchase days of one customer, with the regularity of their gaps; fed in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regularity {
    /// When they were.
    pub days: PurchaseDays,
    ln_gaps: f64,
}

/// What is usual among customers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Who leaves.
    pub repeat_buying: RepeatBuying,
    /// Median days between purchases.
    pub gap_median_days: f64,
    /// Median spread of a customer's gaps, `ln mean − mean ln`.
    pub gap_spread: f64,
}

/// The law of one customer's next gap.
#[derive(Debug, Clone, Copy)]
struct NextGap {
    shape: f64,
    /// Shape of the gaps seen, the mixed-in ones included.
    seen: f64,
    /// Days of those.
    days: f64,
}

impl Regularity {
    /// Starts from the first purchase seen.
    pub fn first(at: Timestamp) -> Self {
        Self { days: PurchaseDays::first(at), ln_gaps: 0.0 }
    }

    /// Takes the next purchase in.
    pub fn add(&mut self, at: Timestamp) {
        let before = self.days;
        self.days.add(at);
        if self.days.purchases > before.purchases {
            self.ln_gaps += days(at - before.last).max(GAP_MIN_DAYS).ln();
        }
    }

    /// `ln mean − mean ln` of its own gaps; none without a gap.
    pub fn own_spread(&self) -> Option<f64> {
        let gaps = f64::from(self.days.purchases - 1);
        if gaps < 1.0 {
            return None;
        }
        let mean = days(self.days.last - self.days.first) / gaps;
        Some((mean.max(GAP_MIN_DAYS).ln() - self.ln_gaps / gaps).max(0.0))
    }

    /// The shape of its gaps, its spread shrunk to the population's. The own one is worth a gap
    /// less than there are, as a variance is.
    ///
    /// Source of the closed form: Minka, "Estimating a gamma distribution" (2002); within 1.5 %.
    pub fn shape(&self, usual: &Usual) -> f64 {
        let gaps = f64::from(self.days.purchases - 1);
        let own = self.own_spread().unwrap_or(0.0);
        let weight = (gaps - 1.0).max(0.0) + SPREAD_PRIOR_GAPS;
        let spread = (gaps * own + SPREAD_PRIOR_GAPS * usual.gap_spread) / weight;
        let spread = spread.max(1e-3);
        let away = spread - 3.0;
        let shape = (-away + (away * away + 24.0 * spread).sqrt()) / (12.0 * spread);
        shape.min(SHAPE_MAX)
    }

    fn next_gap(&self, usual: &Usual) -> NextGap {
        let shape = self.shape(usual);
        let gaps = f64::from(self.days.purchases - 1) + GAPS_PRIOR;
        let seen = days(self.days.last - self.days.first) + GAPS_PRIOR * usual.gap_median_days;
        NextGap { shape, seen: shape * gaps, days: seen.max(GAP_MIN_DAYS) }
    }

    /// The chance that the customer has not left. It is 1 without a repeat: the model cannot tell.
    pub fn p_active(&self, usual: &Usual, now: Timestamp) -> f64 {
        let Some(leaves) = self.odds_of_leaving(usual) else { return 1.0 };
        let silence = days(now - self.days.last).max(0.0);
        1.0 / (1.0 + leaves / self.next_gap(usual).survival(silence).max(f64::MIN_POSITIVE))
    }

    /// Days of silence after the last purchase at which that chance has fallen to `level`; `None`
    /// without a repeat, or when `level` is no probability between 0 and 1.
    pub fn silence_limit_days(&self, usual: &Usual, level: f64) -> Option<f64> {
        let leaves = self.odds_of_leaving(usual)?;
        if !(0.0 < level && level < 1.0) {
            return None;
        }
        let survival = leaves * level / (1.0 - level);
        Some(if survival >= 1.0 { 0.0 } else { self.next_gap(usual).quantile(survival) })
    }

    /// Odds that the customer left with the last purchase: `a / (b + x − 1)`, see
    /// [`RepeatBuying`], or [`LEAVES_MIN`]; none without a repeat.
    fn odds_of_leaving(&self, usual: &Usual) -> Option<f64> {
        let RepeatBuying { a, b, .. } = usual.repeat_buying;
        let repeats = f64::from(self.days.purchases - 1);
        (repeats > 0.0).then(|| (a / (b + repeats - 1.0)).max(LEAVES_MIN))
    }
}

impl NextGap {
    /// The chance that it is longer than this.
    fn survival(&self, silence: f64) -> f64 {
        incomplete_beta(self.seen, self.shape, self.days / (self.days + silence))
    }

    /// The gap that is exceeded with this chance, between 0 and 1: a search for the root of
    /// `ln survival − ln chance` over the logarithm of the gap, by regula falsi with Illinois'
    /// step.
    fn quantile(&self, chance: f64) -> f64 {
        let wanted = chance.ln();
        let miss = |ln_gap: f64| {
            let survival = self.survival(ln_gap.exp());
            survival.max(f64::MIN_POSITIVE).ln() - wanted
        };
        let mean = (self.days * self.shape / self.seen).ln();
        let (mut low, mut high) = (mean, mean + 1.0);
        let (mut above, mut below) = (miss(low), miss(high));
        for _ in 0..STEPS {
            if above >= 0.0 {
                break;
            }
            (high, below) = (low, above);
            low -= 1.0;
            above = miss(low);
        }
        for _ in 0..STEPS {
            if below <= 0.0 {
                break;
            }
            (low, above) = (high, below);
            high += 1.0;
            below = miss(high);
        }
        let mut moved_low = None;
        for _ in 0..STEPS {
            if above - below == 0.0 || (high - low).abs() <= PRECISION {
                break;
            }
            let place = (low * below - high * above) / (below - above);
            let value = miss(place);
            if value.abs() <= PRECISION {
                return place.exp();
            }
            let moves_low = value > 0.0;
            // The end that stays for a second time loses half of its weight.
            let stays = moved_low == Some(moves_low);
            if moves_low {
                (low, above) = (place, value);
                below *= if stays { 0.5 } else { 1.0 };
            } else {
                (high, below) = (place, value);
                above *= if stays { 0.5 } else { 1.0 };
            }
            moved_low = Some(moves_low);
        }
        low.midpoint(high).exp()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Span;

    fn on(day: i64) -> Timestamp {
        Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
    }

    fn bought(on_days: &[i64]) -> Regularity {
        let mut bought = Regularity::first(on(on_days[0]));
        on_days[1..].iter().for_each(|day| bought.add(on(*day)));
        bought
    }

    fn usual(a: f64, b: f64, gap_median_days: f64, gap_spread: f64) -> Usual {
        let repeat_buying = RepeatBuying { r: 1.0, alpha_days: 1.0, a, b };
        Usual { repeat_buying, gap_median_days, gap_spread }
    }

    fn near(found: f64, want: f64) -> bool {
        (found - want).abs() <= 1e-9 * want.abs().max(1.0)
    }

    /// Days of orders, the usual customer, a level, silences, and what comes out.
    type Case<'a> = (&'a [i64], Usual, f64, [i64; 1], [f64; 3]);

    /// The same formulas in NumPy, with SciPy's `betainc` and `betaincinv`.
    #[test]
    fn customers_of_every_regularity_equal_the_reference() {
        let trade = usual(0.2, 100.0, 24.0, 0.15);
        let retail = usual(0.793, 2.426, 30.0, SPREAD_OF_CHANCE);
        let steady: Vec<i64> = (0..40).map(|order| order * 20).collect();
        let cases: [Case<'_>; 4] = [
            (
                &[0, 20, 41, 60, 80, 101, 120],
                trade,
                0.5,
                [40],
                [7.597_601_309_970_432_5, 0.936_724_230_521_478, 54.725_464_732_877_406],
            ),
            (
                &[0, 3, 40, 45, 120],
                retail,
                0.5,
                [60],
                [0.779_997_357_522_245_7, 0.566_868_465_216_009_9, 73.119_718_053_853_35],
            ),
            (
                &[0, 10],
                retail,
                0.65,
                [25],
                [0.990_942_370_395_818_9, 0.550_188_605_327_160_1, 12.613_743_519_085_55],
            ),
            (&steady, trade, 0.3, [30], [20.0, 0.948_241_626_141_266_3, 38.430_122_501_945_014]),
        ];
        for (days, usual, level, [silence], [shape, p, limit]) in cases {
            let bought = bought(days);
            let now = bought.days.last + Span::from_millis(silence * Span::DAY.millis());
            let found = [
                bought.shape(&usual),
                bought.p_active(&usual, now),
                bought.silence_limit_days(&usual, level).unwrap(),
            ];
            for (found, want) in found.into_iter().zip([shape, p, limit]) {
                assert!(near(found, want), "{days:?}: {found} for {want}");
            }
        }
    }

    #[test]
    fn a_regular_customer_is_missed_sooner_than_one_of_the_same_rate() {
        let usual = usual(0.2, 100.0, 20.0, 0.2);
        let regular = bought(&[0, 20, 40, 60, 80, 100, 120]);
        let irregular = bought(&[0, 2, 45, 50, 88, 90, 120]);
        let limit = |bought: Regularity| bought.silence_limit_days(&usual, 0.5).unwrap();
        assert!(limit(regular) < 60.0, "{}", limit(regular));
        assert!(limit(irregular) > 90.0, "{}", limit(irregular));
    }

    #[test]
    fn of_one_purchase_and_of_no_probability_nothing_is_told() {
        let usual = usual(0.2, 100.0, 20.0, 0.2);
        let once = bought(&[5]);
        assert_eq!(once.silence_limit_days(&usual, 0.5), None);
        assert!(near(once.p_active(&usual, on(900)), 1.0));
        assert_eq!(once.own_spread(), None);
        for level in [0.0, 1.0, f64::NAN] {
            assert_eq!(bought(&[0, 9]).silence_limit_days(&usual, level), None);
        }
        // Leaves after nearly every purchase: below the level at once.
        let fickle = Usual {
            repeat_buying: RepeatBuying { a: 50.0, b: 0.5, ..usual.repeat_buying },
            ..usual
        };
        assert_eq!(bought(&[0, 9]).silence_limit_days(&fickle, 0.5), Some(0.0));
    }

    proptest! {
        #[test]
        fn at_the_limit_the_chance_is_the_level_and_before_it_is_higher(
            gaps in prop::collection::vec(1_i64..200, 1..60), level in 0.01..0.99_f64,
            a in 0.01..2.0_f64, b in 1.0..200.0_f64, median in 1.0..90.0_f64, spread in 0.0..0.8_f64,
        ) {
            let mut at = 0;
            let mut days = vec![0];
            for gap in gaps {
                at += gap;
                days.push(at);
            }
            let (bought, usual) = (bought(&days), usual(a, b, median, spread));
            let limit = bought.silence_limit_days(&usual, level).unwrap();
            let after = |days: f64| bought.days.last + crate::state::detector::span_of_days(days);
            let found = bought.p_active(&usual, after(limit));
            prop_assert!((found - level).abs() < 1e-6 || limit == 0.0 && found < level, "{found}");
            prop_assert!(bought.p_active(&usual, after(limit * 0.9)) >= found);
        }
    }
}
