//! The rhythm of one customer's purchases, and how far the present departs from it.
//!
//! ```text
//! purchase ──► first, last, count, spend ──► Repeats ──► P(alive), E[N], deadline
//!          └─► counts and spend, half-lives of 14, 28, 91 d ──► features ──► learned score
//! ```
//!
//! **Drift score.** The log of the expected purchases (BG/NBD) is the best single score of
//! defection that was measured, but it takes a customer's rate as constant. The features add what
//! it does not see: how the last weeks compare with the customer's own rate, in purchases and in
//! spend. Their weights are learned at an earlier cut and shrink towards E[N] alone, so with few
//! customers the score is −E[N].
//!
//! **Deadline.** Beside the exact instant at which P(alive) falls to a level there is a *tempered*
//! one: `k · √gap · ρ₉₁ · √ρ₂₈` days after the last purchase, where the gap is shrunk to the
//! population's and ρ is the spend rate of the last weeks over the customer's own. A silence counts
//! for more in a customer who was slowing already, and √gap stands between a fixed silence and a
//! multiple of the gap. The exponents were chosen among halves on the even ids of two data sets;
//! at equal volume it is more precise than P(alive) and saves more: see `benches/quality`.
//!
//! Purchases are counted by days, see [`PurchaseDays`].

use crate::state::detector::decay;
use crate::state::detector::decay::DecayedSum;
use crate::state::detector::purchase_days::PurchaseDays;
use crate::state::detector::repeat_buying::RepeatBuying;
use crate::state::detector::repeat_buying::Repeats;
use crate::state::detector::score::Score;
use crate::time::Timestamp;

/// Half-lives of the decayed counts and sums, in days.
pub const HALF_LIVES_DAYS: [f64; 3] = [14.0, 28.0, 91.0];
/// Features of the drift score, in the order of [`Rhythm::features`].
pub const FEATURES: [&str; 20] = [
    "ln_expected_purchases",
    "ln_p_alive",
    "ln_silence",
    "ln_repeats",
    "ln_age",
    "ln_shrunk_gap",
    "ln_silence_over_gap",
    "ln_spend",
    "purchases_14d",
    "purchases_28d",
    "purchases_91d",
    "spend_14d",
    "spend_28d",
    "spend_91d",
    "spend_28d_over_91d",
    "purchases_14d_over_91d",
    "purchases_28d_over_own",
    "purchases_91d_over_own",
    "spend_28d_over_own",
    "spend_91d_over_own",
];
/// Days below which a customer's age tells no rate.
const AGE_MIN_DAYS: f64 = 28.0;
/// Days of the own rate that stand behind a ratio, so that an empty fortnight is no zero.
const PRIOR_DAYS: f64 = 14.0;

/// Purchases of one customer, in constant space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rhythm {
    /// When they were.
    pub days: PurchaseDays,
    /// Amount of all of them.
    pub spend: f64,
    recent_purchases: [DecayedSum; 3],
    recent_spend: [DecayedSum; 3],
}

/// What is known of the population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Population {
    /// Its repeat buying.
    pub repeat_buying: RepeatBuying,
    /// Median days between purchases.
    pub gap_median_days: f64,
}

impl Population {
    /// Before anything is learned: CDNOW's published parameters, a purchase a month.
    pub const START: Self = Self { repeat_buying: RepeatBuying::START, gap_median_days: 30.0 };
}

impl Rhythm {
    /// Starts from the first purchase seen.
    pub fn first(at: Timestamp, amount: f64) -> Self {
        let mut rhythm = Self {
            days: PurchaseDays::first(at),
            spend: 0.0,
            recent_purchases: [DecayedSum::EMPTY; 3],
            recent_spend: [DecayedSum::EMPTY; 3],
        };
        rhythm.count(1.0, amount, at);
        rhythm
    }

    /// Takes one more purchase in.
    pub fn add(&mut self, at: Timestamp, amount: f64) {
        let before = self.days.purchases;
        self.days.add(at);
        self.count(if self.days.purchases == before { 0.0 } else { 1.0 }, amount, at);
    }

    fn count(&mut self, purchases: f64, amount: f64, at: Timestamp) {
        self.spend += amount;
        for (index, half_life) in HALF_LIVES_DAYS.into_iter().enumerate() {
            self.recent_purchases[index].add(purchases, at, half_life);
            self.recent_spend[index].add(amount, at, half_life);
        }
    }

    /// The sufficient statistics of BG/NBD at `now`.
    pub fn repeats(&self, now: Timestamp) -> Repeats {
        self.days.repeats(now)
    }

    /// Mean days between purchases, shrunk to the population with two gaps of its median.
    pub fn shrunk_gap_days(&self, gap_median_days: f64) -> f64 {
        self.days.shrunk_gap_days(gap_median_days)
    }

    /// Spend a day over the customer's whole age.
    pub fn own_rate_per_day(&self, now: Timestamp) -> f64 {
        self.spend / self.repeats(now).t_days.max(AGE_MIN_DAYS)
    }

    /// The spend rate of the last weeks over the customer's own: 1 is usual, ½ has lost half.
    /// Fourteen days of the own rate are mixed in. 1 for a customer who never spent anything.
    pub fn recent_over_own(&self, now: Timestamp, half_life: usize) -> f64 {
        let own = self.own_rate_per_day(now);
        if own <= 0.0 {
            return 1.0;
        }
        let half_life_days = HALF_LIVES_DAYS[half_life.min(2)];
        let watched = decay::steady(half_life_days, self.repeats(now).t_days + 1.0);
        let recent = self.recent_spend[half_life.min(2)].at(now, half_life_days).max(0.0);
        (recent + own * PRIOR_DAYS) / (own * (watched + PRIOR_DAYS))
    }

    /// Days of silence after the last purchase at which a tempered deadline with factor `k` fires;
    /// see the header.
    pub fn tempered_deadline_days(&self, gap_median_days: f64, k: f64) -> f64 {
        let (month, quarter) =
            (self.recent_over_own(self.days.last, 1), self.recent_over_own(self.days.last, 2));
        k * (self.shrunk_gap_days(gap_median_days) * month).sqrt() * quarter
    }

    /// What the learned score sees at `now` for a horizon; the order is that of [`FEATURES`].
    pub fn features(
        &self,
        population: &Population,
        now: Timestamp,
        horizon_days: f64,
    ) -> [f64; 20] {
        let repeats = self.repeats(now);
        let expected = population.repeat_buying.expected_purchases(repeats, horizon_days);
        let silence = (repeats.t_days - repeats.tx_days).ln_1p();
        // A gap that no population is needed for: two gaps of 30 days.
        let gap = self.shrunk_gap_days(30.0).ln_1p();
        let mut purchases = [0.0; 3];
        let mut spend = [0.0; 3];
        let mut purchases_over_own = [0.0; 3];
        let own_purchases = f64::from(self.days.purchases) / repeats.t_days.max(AGE_MIN_DAYS);
        for (index, half_life) in HALF_LIVES_DAYS.into_iter().enumerate() {
            let decayed = self.recent_purchases[index].at(now, half_life).max(0.0);
            let watched = decay::steady(half_life, repeats.t_days + 1.0);
            purchases[index] = (decayed * 100.0).ln_1p();
            spend[index] = self.recent_spend[index].at(now, half_life).max(0.0).ln_1p();
            purchases_over_own[index] = ((decayed + 0.5) / (own_purchases * watched + 0.5)).ln();
        }
        [
            (expected + 1e-9).ln(),
            population.repeat_buying.ln_p_alive(repeats).max(-14.0),
            silence,
            f64::from(repeats.x).ln_1p(),
            repeats.t_days.ln_1p(),
            gap,
            silence - gap,
            self.spend.max(0.0).ln_1p(),
            purchases[0],
            purchases[1],
            purchases[2],
            spend[0],
            spend[1],
            spend[2],
            spend[1] - spend[2],
            purchases[0] - purchases[2],
            purchases_over_own[1],
            purchases_over_own[2],
            self.recent_over_own(now, 1).ln(),
            self.recent_over_own(now, 2).ln(),
        ]
    }

    /// The score before anything is learned: fewer expected purchases, more drift.
    pub fn start_score() -> Score {
        let mut weights = vec![0.0; FEATURES.len()];
        weights[0] = -1.0;
        Score { intercept: 0.0, weights }
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

    fn rhythm(purchases: &[(i64, f64)]) -> Rhythm {
        let mut rhythm = Rhythm::first(on(purchases[0].0), purchases[0].1);
        purchases[1..].iter().for_each(|(day, amount)| rhythm.add(on(*day), *amount));
        rhythm
    }

    #[test]
    fn purchases_of_one_day_are_one() {
        let rhythm = rhythm(&[(0, 10.0), (0, 5.0), (10, 1.0), (10, 1.0), (30, 4.0)]);
        let want = Repeats { x: 2, tx_days: 30.0, t_days: 70.0 };
        assert_eq!(rhythm.repeats(on(70)), want);
        assert!((rhythm.spend - 21.0).abs() < 1e-12);
        assert!((rhythm.shrunk_gap_days(20.0) - 70.0 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_tempered_deadline_is_the_root_of_the_gap_times_what_is_left_of_the_rate() {
        let steady = rhythm(&[(0, 10.0), (100, 10.0), (200, 10.0), (300, 10.0)]);
        let slowing = rhythm(&[(0, 30.0), (100, 8.0), (200, 1.0), (300, 1.0)]);
        let (month, quarter) =
            (steady.recent_over_own(on(300), 1), steady.recent_over_own(on(300), 2));
        // Gap (300 + 2·100) / 5 = 100 days.
        let want = 6.0 * 10.0 * month.sqrt() * quarter;
        assert!((steady.tempered_deadline_days(100.0, 6.0) - want).abs() < 1e-9);
        let sooner = slowing.tempered_deadline_days(100.0, 6.0);
        assert!(sooner < 0.6 * want, "{sooner} {want}");
    }

    #[test]
    fn a_score_without_learning_is_minus_the_expected_purchases() {
        let population = Population::START;
        let features = rhythm(&[(0, 10.0), (20, 10.0)]).features(&population, on(50), 91.0);
        let repeats = Repeats { x: 1, tx_days: 20.0, t_days: 50.0 };
        let expected = RepeatBuying::START.expected_purchases(repeats, 91.0);
        let score = Rhythm::start_score().log_odds(&features);
        assert!((score + (expected + 1e-9).ln()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_gives_one_rhythm(
            mut days in prop::collection::btree_set(0_i64..700, 1..30), turn in 0_usize..30,
        ) {
            let mut order: Vec<(i64, f64)> =
                days.iter().map(|day| (*day, 1.0 + f64::from(u16::try_from(*day).unwrap()))).collect();
            let sorted = rhythm(&order);
            let places = order.len();
            order.rotate_left(turn % places);
            let turned = rhythm(&order);
            let now = on(days.pop_last().unwrap() + 9);
            prop_assert_eq!(sorted.repeats(now), turned.repeats(now));
            let features = |r: &Rhythm| r.features(&Population::START, now, 91.0);
            for (one, other) in features(&sorted).iter().zip(features(&turned)) {
                prop_assert!((one - other).abs() < 1e-9, "{} {}", one, other);
            }
        }
    }
}
