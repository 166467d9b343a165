//! Will a rep reach the quota? What is still to come is judged by the season and by how uneven the
//! orders are.
//!
//! ```text
//! sold A ──────────────┐
//! history · (1 − F(t)) ┴► expected end ± σ ──► P(attain) = 1 − Φ((Q − A − μ) / σ)
//! F(t): the share usually sold by t, shrunk to the team's curve
//! ```
//!
//! How much a rep usually sells in a whole period is not known to the dollar: a past period tells it to
//! about a quarter, more of them tell more. What was sold so far says more about it the longer the
//! period runs; both are weighed by their precision (the normal law with a known variance: Gelman et
//! al., "Bayesian Data Analysis", ch. 2). So a slump is seen to go on, and a rep early in a period is
//! not at risk on the evidence of a few days.
//!
//! Orders come as a compound Poisson process, so the variance of a sum of them is its mean times
//! the size of a typical unit of revenue, E[s²] / E[s] (Wald; Ross, "Introduction to Probability
//! Models", ch. 5). A rep's state is two sums; order does not matter.

use crate::state::detector::special::normal;
use crate::state::detector::special::normal_density;

/// Sums over one rep's orders in the period; late orders count like any other.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pace {
    /// Sold so far.
    pub sold: f64,
    /// Orders so far.
    pub orders: u32,
    /// Sum of their squares.
    pub squares: f64,
}

/// What the rep is measured against, and what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// To be sold in the period.
    pub quota: f64,
    /// Sold in a whole period as a rule: history, or the quota when there is none.
    pub usual_total: f64,
    /// Share of a period's sales that is usually made by now, from 0 to 1; see [`season_share`].
    pub share_by_now: f64,
    /// Share of the period that has elapsed, from 0 to 1.
    pub elapsed: f64,
    /// Size of a typical unit of revenue, E\[s²\] / E\[s\], over the team.
    pub team_order_size: f64,
    /// Standard deviation of what a period comes to, as a share of `usual_total`; at 0 that is taken
    /// as certain, whatever was sold so far.
    pub deviation_of_usual: f64,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// The chance that the quota is reached.
    pub p_attain: f64,
    /// Expected shortfall, E[(quota − end)⁺]: the value at stake.
    pub shortfall: f64,
    /// Expected sales by the end of the period.
    pub end: f64,
}

/// When a low chance becomes an alert, and when it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceRule {
    /// Share of the period before which nothing is said.
    pub elapsed_min: f64,
    /// Alert below this chance.
    pub alert_below: f64,
    /// Over above this chance.
    pub clear_above: f64,
}

impl PaceRule {
    /// A fifth of the period; 30 %; 45 %.
    pub const START: Self = Self { elapsed_min: 0.2, alert_below: 0.30, clear_above: 0.45 };

    /// Whether the alert stands now, given whether it stood before.
    pub fn stands(&self, stood: bool, elapsed: f64, p_attain: f64) -> bool {
        let low = if stood { p_attain <= self.clear_above } else { p_attain < self.alert_below };
        elapsed >= self.elapsed_min && low
    }
}

/// Orders of its own that a rep's order size needs to count as much as the team's.
const TEAM_ORDERS: f64 = 20.0;

impl Pace {
    /// Takes an order in, or a return as a negative amount.
    pub fn add(&mut self, amount: f64) {
        self.sold += amount;
        self.squares += amount * amount;
        self.orders = self.orders.saturating_add(u32::from(amount > 0.0));
    }

    /// How it stands by now.
    pub fn outlook(&self, plan: &Plan) -> Outlook {
        let own = if self.sold > 0.0 { self.squares / self.sold } else { plan.team_order_size };
        let orders = f64::from(self.orders);
        let size = (own * orders + plan.team_order_size * TEAM_ORDERS) / (orders + TEAM_ORDERS);
        let usually = (plan.usual_total * (1.0 - plan.share_by_now)).max(0.0);
        let (factor, deviation_of_factor) = self.pace(plan, size);
        let to_come = usually * factor;
        let gap = plan.quota - self.sold - to_come;
        let of_usual = usually * deviation_of_factor;
        let deviation = (to_come * size + of_usual * of_usual).max(0.0).sqrt();
        let end = self.sold + to_come;
        if deviation <= 0.0 {
            let p_attain = if gap <= 0.0 { 1.0 } else { 0.0 };
            return Outlook { p_attain, shortfall: gap.max(0.0), end };
        }
        let z = gap / deviation;
        let shortfall = deviation * (z * normal(z) + normal_density(z));
        Outlook { p_attain: normal(-z), shortfall, end }
    }
}

impl Pace {
    /// This period's pace over the usual one, with its standard deviation: the prior of 1 and what
    /// was sold over what usually is by now, each with the weight of its precision.
    fn pace(&self, plan: &Plan, size: f64) -> (f64, f64) {
        let usually = plan.usual_total * plan.share_by_now;
        let prior_variance = plan.deviation_of_usual * plan.deviation_of_usual;
        if prior_variance <= 0.0 {
            return (1.0, 0.0);
        }
        if usually <= 0.0 || size <= 0.0 {
            return (1.0, plan.deviation_of_usual);
        }
        let (prior, evidence) = (1.0 / prior_variance, usually / size);
        let factor = (prior + self.sold / usually * evidence) / (prior + evidence);
        (factor.max(0.0), (prior + evidence).sqrt().recip())
    }
}

/// F(t): the share of a period's sales usually made by now, from the rep's own past periods,
/// shrunk to the team's with the weight of `team_periods` periods. Without a team curve time
/// itself is the curve.
pub fn season_share(own: Option<(f64, u32)>, team: f64, team_periods: f64) -> f64 {
    let (own, periods) = own.unwrap_or((0.0, 0));
    let periods = f64::from(periods);
    ((own * periods + team * team_periods) / (periods + team_periods)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outlook_equals_the_case_worked_out_by_hand() {
        // Sold 30 orders of 1,000 and 10 of 2,000 = 50,000; Σs² = 70 million; own size 1,400.
        let mut pace = Pace::default();
        (0..30).for_each(|_| pace.add(1_000.0));
        (0..10).for_each(|_| pace.add(2_000.0));
        let plan = Plan {
            quota: 120_000.0,
            usual_total: 100_000.0,
            share_by_now: 0.4,
            elapsed: 0.5,
            team_order_size: 2_000.0,
            deviation_of_usual: 0.0,
        };
        // To come 60,000; size (1,400·40 + 2,000·20)/60 = 1,600; σ = √96,000,000; z = 10,000/σ.
        // SciPy 1.17: norm.sf(z), σ·(z·Φ(z) + φ(z)).
        let outlook = pace.outlook(&plan);
        assert!((outlook.end - 110_000.0).abs() < 1e-9);
        assert!((outlook.p_attain - 0.153_717_082_963_697_7).abs() < 1e-9, "{}", outlook.p_attain);
        assert!((outlook.shortfall - 10_784.767_280_414_57).abs() < 1e-6, "{}", outlook.shortfall);
    }

    #[test]
    fn the_pace_so_far_counts_by_its_precision() {
        // Sold 20 orders of 1,000 where 40,000 are usual: half, known to 1,000 / 40,000 = 1/40 of
        // variance; the prior has 1/16. Factor (16 + 20) / 56, variance 1/56.
        let mut pace = Pace::default();
        (0..20).for_each(|_| pace.add(1_000.0));
        let plan = Plan {
            quota: 100_000.0,
            usual_total: 100_000.0,
            share_by_now: 0.4,
            elapsed: 0.4,
            team_order_size: 1_000.0,
            deviation_of_usual: 0.25,
        };
        let outlook = pace.outlook(&plan);
        let to_come = 60_000.0 * 36.0 / 56.0;
        assert!((outlook.end - 20_000.0 - to_come).abs() < 1e-6, "{outlook:?}");
        let variance = to_come * 1_000.0 + 60_000.0 * 60_000.0 / 56.0;
        let z = (80_000.0 - to_come) / variance.sqrt();
        assert!((outlook.p_attain - normal(-z)).abs() < 1e-12, "{outlook:?}");
        // Where the usual total is certain, half of it so far changes nothing.
        let certain = pace.outlook(&Plan { deviation_of_usual: 0.0, ..plan });
        assert!((certain.end - 80_000.0).abs() < 1e-6);
        // Nothing sold before the period began says nothing.
        let first = Pace::default().outlook(&Plan { share_by_now: 0.0, ..plan });
        assert!((first.end - 100_000.0).abs() < 1e-6 && first.p_attain > 0.49, "{first:?}");
    }

    #[test]
    fn a_period_that_is_over_leaves_no_doubt() {
        let mut pace = Pace::default();
        pace.add(90.0);
        let plan = |quota| Plan {
            quota,
            usual_total: 100.0,
            share_by_now: 1.0,
            elapsed: 1.0,
            team_order_size: 10.0,
            deviation_of_usual: 0.25,
        };
        let (missed, reached) = (pace.outlook(&plan(100.0)), pace.outlook(&plan(90.0)));
        assert_eq!((missed.p_attain, missed.shortfall), (0.0, 10.0));
        assert_eq!((reached.p_attain, reached.shortfall), (1.0, 0.0));
    }

    #[test]
    fn an_alert_stands_between_its_two_limits_only_if_it_stood() {
        let rule = PaceRule::START;
        for (stood, elapsed, p, want) in [
            (false, 0.1, 0.01, false),
            (false, 0.2, 0.29, true),
            (false, 0.5, 0.30, false),
            (true, 0.5, 0.30, true),
            (true, 0.5, 0.45, true),
            (true, 0.5, 0.46, false),
        ] {
            assert_eq!(rule.stands(stood, elapsed, p), want, "{stood} {elapsed} {p}");
        }
    }

    #[test]
    fn a_season_is_shrunk_to_the_team() {
        // (0.2·2 + 0.4·2) / 4
        assert!((season_share(Some((0.2, 2)), 0.4, 2.0) - 0.3).abs() < 1e-12);
        assert!((season_share(None, 0.4, 2.0) - 0.4).abs() < 1e-12);
    }
}
