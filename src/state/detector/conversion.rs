//! Does a rep win fewer quotes than the team, beyond chance?
//!
//! The share won is Beta-binomial: the team's share, with the weight of some quotes, is the prior;
//! the rep's own quotes move it. The alert is a statement of probability, P(share < 0.8 × team),
//! so few quotes raise none. Source: Gelman et al., "Bayesian Data Analysis", ch. 2 and 5. Two
//! counts a rep, in any order.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::special::incomplete_beta;

/// Quotes of a rep, or of the team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conversion {
    /// Accepted.
    pub won: u32,
    /// Lost or expired.
    pub lost: u32,
}

/// When it is too few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConversionRule {
    /// Quotes that the team's share counts for.
    pub prior_quotes: f64,
    /// Share of the team's that is tolerable.
    pub of_team: f64,
}

impl ConversionRule {
    /// Below 0.8 of the team's share, which counts for ten quotes.
    pub const START: Self = Self { prior_quotes: 10.0, of_team: 0.8 };
}

impl Conversion {
    /// Takes a decided quote in.
    pub fn add(&mut self, won: bool) {
        let side = if won { &mut self.won } else { &mut self.lost };
        *side = side.saturating_add(1);
    }

    /// Share won; `None` without a decided quote.
    pub fn share(&self) -> Option<f64> {
        let all = f64::from(self.won) + f64::from(self.lost);
        (all > 0.0).then(|| f64::from(self.won) / all)
    }

    /// P(the rep's share < `of_team` × the team's), given the rep's quotes. `None` while the team
    /// has nothing to compare with.
    pub fn p_below_team(&self, rule: &ConversionRule, team: &Self) -> Option<f64> {
        Self::p_below(rule, (f64::from(self.won), f64::from(self.lost)), team.share()?)
    }

    /// The same of quotes won and lost, against the team's share. `None` of a team that wins
    /// nothing.
    pub fn p_below(rule: &ConversionRule, (won, lost): (f64, f64), team_share: f64) -> Option<f64> {
        if team_share.is_nan() || team_share <= 0.0 {
            return None;
        }
        // Kept off the ends, where a beta law has no density.
        let share = team_share.clamp(0.001, 0.999);
        let a = share * rule.prior_quotes + won.max(0.0);
        let b = (1.0 - share) * rule.prior_quotes + lost.max(0.0);
        Some(incomplete_beta(a, b, rule.of_team * team_share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_to_be_below_the_team_is_an_incomplete_beta() {
        let team = Conversion { won: 400, lost: 600 };
        let rule = ConversionRule::START;
        // SciPy 1.17: betainc(4 + won, 6 + lost, 0.32).
        for (won, lost, want) in [
            (0, 20, 0.993_257_580_500_154_9),
            (5, 25, 0.917_637_124_853_341_3),
            (12, 18, 0.150_097_622_407_820_8),
            (100, 200, 0.284_909_644_556_704_8),
        ] {
            let p = Conversion { won, lost }.p_below_team(&rule, &team).unwrap();
            assert!((p - want).abs() < 1e-9, "{won}/{lost}: {p}");
        }
    }

    #[test]
    fn without_a_team_there_is_nothing_to_be_below() {
        let few = Conversion { won: 0, lost: 19 };
        assert_eq!(few.p_below_team(&ConversionRule::START, &Conversion::default()), None);
    }
}
