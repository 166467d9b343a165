//! Will this customer buy again, how often, and when is silence long enough to worry?
//!
//! ```text
//! first          last                now
//!   ●──●────●─────●───────────────────┤          x repeats, the last tx days after the first,
//!   └─── tx ──────┘                   │          T days watched
//!   └────────────── T ────────────────┘
//! ```
//!
//! BG/NBD: while alive a customer buys at a rate λ ~ Gamma(r, α), and after each purchase leaves
//! for good with probability p ~ Beta(a, b). Source: Fader, Hardie and Lee, "Counting Your
//! Customers the Easy Way", Marketing Science 24 (2005); P(alive) from their note of 2008.

use crate::state::detector::special::hypergeometric;
use crate::state::detector::special::ln_gamma;

/// Parameters of a population, fitted by `model::drift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatBuying {
    /// Shape of the rates across customers.
    pub r: f64,
    /// Scale of the rates, in days.
    pub alpha_days: f64,
    /// First shape of the chance to leave after a purchase.
    pub a: f64,
    /// Second shape of it.
    pub b: f64,
}

/// What the model needs to know of one customer; see the picture above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeats {
    /// Purchases after the first one.
    pub x: u32,
    /// Days from the first to the last purchase.
    pub tx_days: f64,
    /// Days from the first purchase to now; at least `tx_days`.
    pub t_days: f64,
}

impl RepeatBuying {
    /// Before anything is fitted: Fader, Hardie and Lee's estimates on the CDNOW sample of 2,357
    /// customers (r .243, α 4.414 weeks, a .793, b 2.426).
    pub const START: Self = Self { r: 0.243, alpha_days: 30.898, a: 0.793, b: 2.426 };

    /// The chance that the customer has not left. It is 1 without a repeat: the model cannot tell.
    pub fn p_alive(&self, customer: Repeats) -> f64 {
        1.0 / (1.0 + self.odds_of_leaving(customer))
    }

    /// ln P(alive), exact even where P(alive) itself is too small to be held.
    pub fn ln_p_alive(&self, customer: Repeats) -> f64 {
        -self.ln_one_plus_odds(customer)
    }

    /// (1 − P(alive)) / P(alive), infinite beyond what can be held.
    fn odds_of_leaving(&self, customer: Repeats) -> f64 {
        if customer.x == 0 { 0.0 } else { self.ln_odds_of_leaving(customer).exp() }
    }

    fn ln_odds_of_leaving(&self, customer: Repeats) -> f64 {
        let x = f64::from(customer.x);
        let waiting = (self.alpha_days + customer.t_days) / (self.alpha_days + customer.tx_days);
        (self.a / (self.b + x - 1.0)).ln() + (self.r + x) * waiting.ln()
    }

    fn ln_one_plus_odds(&self, customer: Repeats) -> f64 {
        if customer.x == 0 {
            return 0.0;
        }
        let ln_odds = self.ln_odds_of_leaving(customer);
        ln_odds.max(0.0) + (-ln_odds.abs()).exp().ln_1p()
    }

    /// Purchases expected in the next `horizon_days`.
    ///
    /// Equation 10 of the paper, after Euler's transformation of its ₂F₁, which keeps the
    /// parameters small and the series short for customers with hundreds of purchases.
    pub fn expected_purchases(&self, customer: Repeats, horizon_days: f64) -> f64 {
        // The formula has a removable pole at a = 1.
        let a = if (self.a - 1.0).abs() < 1e-7 { 1.0 + 1e-7 } else { self.a };
        let age = self.alpha_days + customer.t_days;
        let c = a + self.b + f64::from(customer.x) - 1.0;
        let series = hypergeometric(
            a + self.b - 1.0 - self.r,
            a - 1.0,
            c,
            horizon_days / (age + horizon_days),
        );
        let shrinking = (age / (age + horizon_days)).powf(a - 1.0);
        let bought = c / (a - 1.0) * (1.0 - shrinking * series);
        (bought / (1.0 + self.odds_of_leaving(customer))).max(0.0)
    }

    /// Days of silence after the last purchase at which P(alive) has fallen to `p`: set one timer
    /// there, and set it anew at each purchase. `None` when it never falls so far: without a
    /// repeat, or when `p` is no probability between 0 and 1.
    pub fn deadline_days(&self, x: u32, tx_days: f64, p: f64) -> Option<f64> {
        if x == 0 || !(0.0 < p && p < 1.0) {
            return None;
        }
        let x = f64::from(x);
        let odds = (1.0 - p) / p * (self.b + x - 1.0) / self.a;
        let age = self.alpha_days + tx_days;
        // age · (odds^(1/(r+x)) − 1), without loss of digits when the power is near 1.
        Some((age * (odds.ln() / (self.r + x)).exp_m1()).max(0.0))
    }

    /// ln of the likelihood of one customer; equation 6 of the paper. Sums of it are what the fit
    /// maximises.
    pub fn log_likelihood(&self, customer: Repeats) -> f64 {
        self.log_likelihood_of_count(customer.x) + self.log_likelihood_of_times(customer)
    }

    /// The part that depends on the number of purchases only.
    pub fn log_likelihood_of_count(&self, x: u32) -> f64 {
        let Self { r, a, b, alpha_days } = *self;
        let x = f64::from(x);
        let rates = ln_gamma(r + x) - ln_gamma(r) + r * alpha_days.ln();
        rates + ln_gamma(a + b) + ln_gamma(b + x) - ln_gamma(b) - ln_gamma(a + b + x)
    }

    /// The part that depends on when they were.
    pub fn log_likelihood_of_times(&self, customer: Repeats) -> f64 {
        let exponent = self.r + f64::from(customer.x);
        let alive = -exponent * (self.alpha_days + customer.t_days).ln();
        // ln(alive + left) = ln alive + ln(1 + odds of leaving).
        alive + self.ln_one_plus_odds(customer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODEL: RepeatBuying = RepeatBuying::START;

    fn near(found: f64, want: f64) -> bool {
        (found - want).abs() <= 1e-9 * want.abs().max(1.0)
    }

    /// `lifetimes` 0.11.3 for P(alive) and the log-likelihood, mpmath with 40 digits for E[N].
    #[test]
    fn customers_of_every_kind_equal_the_reference() {
        for (x, tx_days, t_days, horizon, p_alive, expected, ln_likelihood) in [
            (0, 0.0, 200.0, 91.0, 1.0, 0.090_611_232_527_256_6, -0.488_742_157_234_962_3),
            (
                2,
                30.43,
                272.0,
                273.0,
                0.107_253_876_727_937_97,
                0.180_990_274_944_579_73,
                -11.437_130_585_275_172,
            ),
            (
                7,
                180.0,
                200.0,
                91.0,
                0.846_450_393_847_297_8,
                2.159_883_242_335_620_7,
                -33.795_116_475_027_77,
            ),
            (
                25,
                250.0,
                363.0,
                91.0,
                0.006_506_748_365_038_418,
                0.035_075_415_335_657_01,
                -92.693_325_780_152_35,
            ),
            (
                150,
                360.0,
                364.0,
                28.0,
                0.976_395_447_279_120_1,
                10.124_295_531_931_109,
                -300.796_166_481_125_6,
            ),
        ] {
            let customer = Repeats { x, tx_days, t_days };
            assert!(near(MODEL.p_alive(customer), p_alive), "{customer:?}");
            assert!(near(MODEL.ln_p_alive(customer), p_alive.ln()), "{customer:?}");
            let found = MODEL.expected_purchases(customer, horizon);
            assert!(near(found, expected), "{customer:?}: {found}");
            let found = MODEL.log_likelihood(customer);
            assert!(near(found, ln_likelihood), "{customer:?}: {found}");
        }
    }

    /// Roots of P(alive) − p, by Brent's method in SciPy 1.17 on `lifetimes` 0.11.3.
    #[test]
    fn a_deadline_is_where_p_alive_has_fallen_to_the_level() {
        for (x, tx_days, p, want) in [
            (1, 10.0, 0.5, 59.652_440_293_210_89),
            (3, 91.0, 0.5, 85.239_216_039_243_39),
            (10, 200.0, 0.65, 51.126_528_666_556_71),
            (100, 360.0, 0.2, 25.096_071_966_178_442),
        ] {
            let found = MODEL.deadline_days(x, tx_days, p).unwrap();
            assert!(near(found, want), "{x} {tx_days} {p}: {found}");
        }
        for (x, p) in [(0, 0.5), (3, 0.0), (3, 1.0), (3, f64::NAN)] {
            assert_eq!(MODEL.deadline_days(x, 91.0, p), None);
        }
        // Below the level at once: P(alive) of a customer with one repeat starts at .75.
        assert_eq!(MODEL.deadline_days(1, 10.0, 0.9), Some(0.0));
    }

    #[test]
    fn a_silence_without_end_stays_within_numbers() {
        let gone = Repeats { x: 4_000, tx_days: 300.0, t_days: 40_000.0 };
        assert!(MODEL.p_alive(gone) < 1e-300);
        assert!(MODEL.expected_purchases(gone, 91.0) < 1e-300);
        assert!(MODEL.ln_p_alive(gone).is_finite() && MODEL.log_likelihood(gone).is_finite());
    }

    proptest! {
        #[test]
        fn at_the_deadline_p_alive_is_the_level(
            x in 1_u32..200, tx_days in 1.0..2_000.0_f64, p in 0.01..0.99_f64,
        ) {
            let silence = MODEL.deadline_days(x, tx_days, p).unwrap();
            let then = Repeats { x, tx_days, t_days: tx_days + silence };
            let found = MODEL.p_alive(then);
            prop_assert!(near(found, p) || (silence == 0.0 && found < p), "{found}");
        }

        #[test]
        fn expected_purchases_rise_with_the_horizon_and_fall_with_silence(
            x in 0_u32..100, tx_days in 1.0..900.0_f64, silence in 0.0..400.0_f64,
        ) {
            let tx_days = if x == 0 { 0.0 } else { tx_days };
            let customer = Repeats { x, tx_days, t_days: tx_days + silence };
            let later = Repeats { t_days: customer.t_days + 20.0, ..customer };
            let month = MODEL.expected_purchases(customer, 30.0);
            prop_assert!(month > 0.0 && month < MODEL.expected_purchases(customer, 60.0));
            prop_assert!(MODEL.expected_purchases(later, 30.0) < month || x > 0);
        }
    }
}
