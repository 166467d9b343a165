//! Does a customer keep its agreement, and does the agreement keep its price?
//!
//! ```text
//! term   ├────────●───────────────────┤      projected = bought + rate · days left
//!        elapsed  now                         short when projected < 90 % of the commitment
//! leakage = Σ (entitled − charged) · quantity, beyond 1 % of what was bought
//! ```
//!
//! The rate mixes the whole term with the last weeks by their evidence, so that a pause of a week
//! is no breach. Sums only: events may come in any order. After an alert the next one waits until
//! the gap has grown by five points.

use serde::Deserialize;
use serde::Serialize;

use crate::money::Decimal;

/// What was agreed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Amount or quantity to be bought in the term.
    pub commitment: f64,
    /// Days of the term.
    pub days: f64,
}

/// When it is short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementRule {
    /// Share of the term before which nothing is said.
    pub elapsed_min: f64,
    /// Projected share of the commitment that is tolerable.
    pub attained_min: f64,
    /// Leakage that is tolerable, as a share of what was bought.
    pub leakage_max: f64,
}

impl AgreementRule {
    /// A quarter of the term; 90 %; 1 %; five points.
    pub const START: Self = Self { elapsed_min: 0.25, attained_min: 0.9, leakage_max: 0.01 };
}

/// One customer under one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Bought so far, in the unit of the commitment.
    pub bought: f64,
    /// Net revenue under it.
    pub revenue: Decimal,
    /// Charged less than agreed, or given away beyond it: Σ (entitled − charged) · q where positive.
    pub under_charged: Decimal,
    /// Charged more than agreed: Σ (charged − entitled) · q where positive.
    pub over_charged: Decimal,
}

impl Agreement {
    /// Takes a line in: `committed` in the unit of the commitment, prices a unit. Amounts beyond
    /// the range of money are left at its edge.
    pub fn add(&mut self, committed: f64, quantity: Decimal, charged: Decimal, entitled: Decimal) {
        self.bought += committed;
        let saturated = |sum: Decimal, part: Option<Decimal>| {
            part.and_then(|part| sum.checked_add(part)).unwrap_or(sum)
        };
        self.revenue = saturated(self.revenue, quantity.checked_mul(charged));
        let gap = entitled.checked_sub(charged).and_then(|gap| gap.checked_mul(quantity));
        match gap {
            Some(gap) if gap > Decimal::ZERO => {
                self.under_charged = saturated(self.under_charged, Some(gap));
            }
            Some(gap) => self.over_charged = saturated(self.over_charged, Some(gap.negated())),
            None => {}
        }
    }

    /// What will have been bought by the end of the term. `recent_per_day` is the decayed rate,
    /// which counts for `recent_days` days beside the elapsed ones.
    pub fn projected(
        &self,
        terms: &Terms,
        elapsed_days: f64,
        recent_per_day: f64,
        recent_days: f64,
    ) -> f64 {
        let left = (terms.days - elapsed_days).max(0.0);
        let watched = elapsed_days.max(0.0) + recent_days;
        if watched <= 0.0 {
            return self.bought;
        }
        self.bought + (self.bought + recent_per_day * recent_days) / watched * left
    }

    /// Share of the commitment that is missing in a projection, from 0 to 1, once the rule speaks.
    pub fn gap(
        rule: &AgreementRule,
        terms: &Terms,
        elapsed_days: f64,
        projected: f64,
    ) -> Option<f64> {
        if elapsed_days < rule.elapsed_min * terms.days || terms.commitment <= 0.0 {
            return None;
        }
        let attained = projected / terms.commitment;
        (attained < rule.attained_min).then_some(1.0 - attained.max(0.0))
    }

    /// Under-charging as a share of revenue, once it is beyond the rule.
    pub fn leakage(&self, rule: &AgreementRule) -> Option<f64> {
        let revenue = self.revenue.to_f64();
        let share = self.under_charged.to_f64() / revenue;
        (revenue > 0.0 && share >= rule.leakage_max).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn a_projection_mixes_the_term_with_the_last_weeks() {
        let agreement = Agreement { bought: 30_000.0, ..Agreement::default() };
        let terms = Terms { commitment: 120_000.0, days: 360.0 };
        // 120 days gone: (30,000 + 150·60) / 180 = 216.67 a day, 240 days left: 52,000 more.
        let projected = agreement.projected(&terms, 120.0, 150.0, 60.0);
        assert!((projected - 82_000.0).abs() < 1e-9, "{projected}");
        let gap = Agreement::gap(&AgreementRule::START, &terms, 120.0, projected).unwrap();
        assert!((gap - (1.0 - 82.0 / 120.0)).abs() < 1e-12);
        assert_eq!(Agreement::gap(&AgreementRule::START, &terms, 89.0, projected), None);
        assert_eq!(Agreement::gap(&AgreementRule::START, &terms, 120.0, 108_000.0), None);
    }

    #[test]
    fn leakage_counts_what_was_charged_too_little_and_apart_what_was_charged_too_much() {
        let mut agreement = Agreement::default();
        agreement.add(0.0, decimal("10"), decimal("9.50"), decimal("10")); // 5.00 too little
        agreement.add(0.0, decimal("4"), decimal("10.25"), decimal("10")); // 1.00 too much
        assert_eq!(agreement.under_charged, decimal("5"));
        assert_eq!(agreement.over_charged, decimal("1"));
        assert_eq!(agreement.revenue, decimal("136"));
        let leakage = agreement.leakage(&AgreementRule::START).unwrap();
        assert!((leakage - 5.0 / 136.0).abs() < 1e-12);
        agreement.add(0.0, decimal("100"), decimal("10"), decimal("10"));
        assert_eq!(agreement.leakage(&AgreementRule::START), None); // 5 / 1,136
    }
}
