//! How far is the next price break, and is reaching it worth it to both sides?
//!
//! ```text
//! unit price
//!   10 ┤━━━━━━━━┓                 quantity 22, break at 24: "add 2, pay 9.50 for all"
//! 9.50 ┤        ┗━━━━━━━━━━━┓     gain = Δq · (new price − cost) − concession on the base
//!    9 ┤        ┆           ┗━━
//!      └────────24──────────60── quantity of an order, or of a period
//! ```
//!
//! A step is offered when it is within reach (15 % more in an order, or a projection at 85 % of the
//! next tier) and our gross profit after it is higher.

use crate::money::Decimal;

/// Unit prices by quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    steps: Vec<Step>,
}

/// From this quantity on, all units cost this price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Quantity from which the price holds.
    pub from: Decimal,
    /// Price of a unit.
    pub price: Decimal,
}

/// Why steps are no ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// No step at all.
    #[error("a price ladder has no step: write at least `from` and `price` of one")]
    Empty,
    /// Quantities that do not rise.
    #[error(
        "the steps of a price ladder do not rise: `from` {0} does not lie above the one before"
    )]
    Order(Decimal),
}

/// A step worth taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Units to add.
    pub add: Decimal,
    /// The step that is reached.
    pub step: Step,
    /// Gross profit won by us.
    pub gain: Decimal,
    /// What the customer saves on the units already wanted.
    pub saving: Decimal,
}

impl Ladder {
    /// Steps by rising quantity.
    pub fn new(steps: Vec<Step>) -> Result<Self, LadderError> {
        if steps.is_empty() {
            return Err(LadderError::Empty);
        }
        let wrong = steps.windows(2).find(|pair| pair[0].from >= pair[1].from);
        match wrong {
            Some(pair) => Err(LadderError::Order(pair[1].from)),
            None => Ok(Self { steps }),
        }
    }

    /// The price of a quantity; the first step's price below the first step.
    pub fn price(&self, quantity: Decimal) -> Decimal {
        let reached = self.steps.iter().rev().find(|step| step.from <= quantity);
        reached.or(self.steps.first()).map_or(Decimal::ZERO, |step| step.price)
    }

    /// The next step above a quantity.
    pub fn next(&self, quantity: Decimal) -> Option<Step> {
        self.steps.iter().find(|step| step.from > quantity).copied()
    }

    /// The next step, if `quantity × reach` comes to it and our gross profit rises by it; `cost`
    /// is that of a unit. For an order `reach` is 1.15; for a period, `quantity` is its
    /// projection and `reach` is 1 / 0.85.
    pub fn offer(&self, quantity: Decimal, cost: Decimal, reach: Decimal) -> Option<Offer> {
        let step = self.next(quantity)?;
        if quantity.checked_mul(reach)? < step.from {
            return None;
        }
        let price = self.price(quantity);
        let profit_now = price.checked_sub(cost)?.checked_mul(quantity)?;
        let profit_then = step.price.checked_sub(cost)?.checked_mul(step.from)?;
        let gain = profit_then.checked_sub(profit_now)?;
        let add = step.from.checked_sub(quantity)?;
        let saving = price.checked_sub(step.price)?.checked_mul(quantity)?;
        (gain > Decimal::ZERO).then_some(Offer { add, step, gain, saving })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn ladder() -> Ladder {
        let step = |from, price| Step { from: decimal(from), price: decimal(price) };
        Ladder::new(vec![step("1", "10"), step("24", "9.50"), step("60", "9")]).unwrap()
    }

    #[test]
    fn a_step_within_reach_is_offered_if_it_pays() {
        let reach = decimal("1.15");
        // 24 · (9.50 − 6) − 22 · (10 − 6) = 84 − 88: the concession costs more than it brings.
        assert_eq!(ladder().offer(decimal("22"), decimal("6"), reach), None);
        // At a cost of 2: 24 · 7.50 − 22 · 8 = 180 − 176 = 4; the customer saves 22 · 0.50.
        let offer = ladder().offer(decimal("22"), decimal("2"), reach).unwrap();
        assert_eq!((offer.add, offer.gain), (decimal("2"), decimal("4")));
        assert_eq!((offer.saving, offer.step.from), (decimal("11"), decimal("24")));
        // 20 · 1.15 = 23: out of reach. Above the last step there is none.
        assert_eq!(ladder().offer(decimal("20"), decimal("2"), reach), None);
        assert_eq!(ladder().offer(decimal("60"), decimal("2"), reach), None);
    }

    #[test]
    fn a_price_is_that_of_the_step_reached() {
        for (quantity, price) in [("0.5", "10"), ("23", "10"), ("24", "9.5"), ("1000", "9")] {
            assert_eq!(ladder().price(decimal(quantity)), decimal(price), "{quantity}");
        }
    }

    #[test]
    fn steps_that_do_not_rise_are_refused() {
        let step = |from| Step { from: decimal(from), price: Decimal::ONE };
        assert_eq!(Ladder::new(vec![]), Err(LadderError::Empty));
        let flat = Ladder::new(vec![step("1"), step("1")]);
        assert_eq!(flat, Err(LadderError::Order(Decimal::ONE)));
    }
}
