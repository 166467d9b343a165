//! The margin watch of one customer with what it is compared with: the terms on which the customer
//! used to buy each product.
//!
//! ```text
//! first 20 orders   normal margin g₀; mean list price, discount, cost of a unit, by product
//! then              each line against those ──► waterfall, cleared while all is well
//! ```
//!
//! A customer's own terms are the reference, not the price list: a discount that was always given
//! is no cause of a fall. A product that is first bought later takes the terms of that first order;
//! one beyond the first [`PRODUCTS`] has none of its own, and all of its effect is mix. Lines
//! without a cost, an amount or a quantity above zero say nothing of a margin and are left out.

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::detector::margin::Margin;
use crate::state::detector::margin::MarginRule;
use crate::state::detector::margin::OrderMargin;
use crate::state::detector::waterfall::Cents;
use crate::state::detector::waterfall::LineTotals;
use crate::state::detector::waterfall::UnitTerms;
use crate::state::detector::waterfall::Waterfall;
use crate::time::Timestamp;

/// Products whose terms are kept for one customer.
pub const PRODUCTS: usize = 32;

/// One customer's margin, its terms, and what it has come to since all was well.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MarginShift {
    margin: Margin,
    references: Vec<Reference>,
    /// When the baseline was complete.
    baseline_until: Option<Timestamp>,
    /// Net amount of the orders that the causes explain.
    revenue: Decimal,
    /// Gross profit of those.
    profit: Decimal,
}

/// A line that says something of a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoldLine {
    /// What was sold.
    pub product: Option<Symbol>,
    /// How much, at which price and cost.
    pub totals: LineTotals,
}

/// Mean terms of one product, in ten-thousandths of a currency unit: fine enough for a unit, and
/// sixteen bytes in place of thirty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Reference {
    product: Symbol,
    terms: [u32; 3],
    orders: u16,
}

const TICK: i64 = Decimal::SCALE / 10_000;

impl SoldLine {
    /// Of a line's amounts; `None` where they tell no margin.
    pub fn of(
        product: Option<Symbol>,
        quantity: Option<Decimal>,
        net: Option<Decimal>,
        discount: Option<Decimal>,
        cost: Option<Decimal>,
    ) -> Option<Self> {
        let (quantity, net, cost) = (quantity?, net?, cost?);
        let discount = discount.unwrap_or(Decimal::ZERO);
        let list = net.checked_add(discount)?;
        let sold = net > Decimal::ZERO && quantity > Decimal::ZERO;
        let totals = LineTotals { quantity, list, discount, cost };
        sold.then_some(Self { product, totals })
    }

    /// Terms of one unit; `None` where they are below zero or beyond what is kept.
    fn terms(&self) -> Option<[u32; 3]> {
        let LineTotals { quantity, list, discount, cost } = self.totals;
        let each = |total: Decimal| {
            let micros = i128::from(total.micros()) * i128::from(Decimal::SCALE);
            let of_one = micros / i128::from(quantity.micros());
            u32::try_from((of_one + i128::from(TICK / 2)).div_euclid(i128::from(TICK))).ok()
        };
        Some([each(list)?, each(discount)?, each(cost)?])
    }
}

impl Reference {
    fn unit_terms(&self) -> UnitTerms {
        let [list, discount, cost] =
            self.terms.map(|ticks| Decimal::from_micros(i64::from(ticks) * TICK));
        UnitTerms { list, discount, cost }
    }

    /// Takes the terms of one more order into the mean.
    fn add(&mut self, terms: [u32; 3]) {
        self.orders = self.orders.saturating_add(1);
        let weight = i64::from(self.orders);
        for (mean, new) in self.terms.iter_mut().zip(terms) {
            let away = i64::from(new) - i64::from(*mean);
            let moved = i64::from(*mean) + (away + weight / 2).div_euclid(weight);
            *mean = u32::try_from(moved).unwrap_or(*mean);
        }
    }
}

impl MarginShift {
    /// Takes an order in, by the lines of it that say something; none of them is no order. Orders
    /// come in the order of time.
    pub fn add(&mut self, rule: &MarginRule, at: Timestamp, lines: &[SoldLine]) {
        let sum = |of: fn(&LineTotals) -> Decimal| {
            lines.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(of(&line.totals)))
        };
        let (Some(list), Some(discount)) = (sum(|t| t.list), sum(|t| t.discount)) else { return };
        let Some(cost) = sum(|t| t.cost) else { return };
        let Some(net) = list.checked_sub(discount).filter(|net| *net > Decimal::ZERO) else {
            return;
        };
        let Some(profit) = net.checked_sub(cost) else { return };
        let percent = profit.to_f64() / net.to_f64() * 100.0;
        let normal = self.normal(rule);
        let mut causes = Waterfall::ZERO;
        for line in lines {
            let reference = self.reference(line, normal.is_none());
            if let Some(normal) = normal {
                causes.add(&Waterfall::of_totals(&line.totals, reference, normal));
            }
        }
        // Orders come in order, so none of them is late.
        let verdict = self.margin.add(rule, &OrderMargin { at, percent, causes });
        debug_assert!(verdict.is_ok(), "orders are added in order");
        if self.margin.orders_explained() == 0 {
            (self.revenue, self.profit) = (Decimal::ZERO, Decimal::ZERO);
        } else {
            self.revenue = self.revenue.checked_add(net).unwrap_or(self.revenue);
            self.profit = self.profit.checked_add(profit).unwrap_or(self.profit);
        }
        if normal.is_none() && self.normal(rule).is_some() {
            self.baseline_until = Some(at);
        }
    }

    /// The terms on which the customer usually buys what a line sells.
    fn reference(&mut self, line: &SoldLine, in_baseline: bool) -> Option<UnitTerms> {
        let product = line.product?;
        let known = self.references.iter_mut().find(|reference| reference.product == product);
        if let Some(known) = known {
            if in_baseline && let Some(terms) = line.terms() {
                known.add(terms);
            }
            return Some(known.unit_terms());
        }
        let new = Reference { product, terms: line.terms()?, orders: 1 };
        if self.references.len() < PRODUCTS {
            self.references.push(new);
        }
        // What is new has no terms that it could have left.
        None
    }

    /// The normal margin as a share of net revenue, once the baseline stands.
    pub fn normal(&self, rule: &MarginRule) -> Option<Decimal> {
        Decimal::from_f64(self.margin.normal_percent(rule)? / 100.0).ok()
    }

    /// Whether the margin has fallen, and not come back.
    pub fn is_alarmed(&self) -> bool {
        self.margin.onset().is_some()
    }

    /// How far below normal the margin is found to be: 1 is an alarm.
    pub fn strength(&self, rule: &MarginRule) -> f64 {
        self.margin.strength(rule)
    }

    /// When the fall began: the last order at which all was well; none while there is no alarm.
    pub fn since(&self) -> Option<Timestamp> {
        self.margin.onset()?.or(self.baseline_until)
    }

    /// What the orders since all was last well have won or lost against the normal margin.
    pub fn causes(&self) -> Cents {
        self.margin.causes.cents()
    }

    /// Those orders: how many, their net amount and their gross profit.
    pub fn explained(&self) -> (u32, Decimal, Decimal) {
        (self.margin.orders_explained(), self.revenue, self.profit)
    }

    /// Heap bytes that it occupies.
    pub fn heap_bytes(&self) -> usize {
        self.references.capacity() * size_of::<Reference>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: MarginRule = MarginRule::START;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn on(day: i64) -> Timestamp {
        Timestamp::saturating(day * 86_400_000)
    }

    fn line(product: u32, quantity: &str, net: &str, discount: &str, cost: &str) -> SoldLine {
        let [quantity, net, discount, cost] = [quantity, net, discount, cost].map(decimal);
        let product = Symbol::from_number(product);
        SoldLine::of(product, Some(quantity), Some(net), Some(discount), Some(cost)).unwrap()
    }

    /// Twenty orders of two units at 50 less 10, which cost 30 each: a margin of a quarter.
    fn watched() -> MarginShift {
        let mut shift = MarginShift::default();
        for day in 0..20 {
            shift.add(&RULE, on(day), &[line(1, "2", "80", "20", "60")]);
        }
        shift
    }

    #[test]
    fn a_discount_that_was_always_given_is_no_cause() {
        let mut shift = watched();
        assert_eq!(shift.normal(&RULE), Some(decimal("0.25")));
        shift.add(&RULE, on(20), &[line(1, "2", "80", "20", "60")]);
        let cents = shift.causes();
        assert_eq!([cents.price, cents.discount, cents.cost, cents.mix], [0; 4]);
    }

    #[test]
    fn each_cause_is_told_and_all_sum_to_the_shortfall() {
        let mut shift = watched();
        for day in 20..40 {
            let dearer = line(1, "2", "70", "30", "62");
            let poorer = line(2, "1", "10", "0", "9.50");
            shift.add(&RULE, on(day), &[dearer, poorer]);
        }
        assert!(shift.is_alarmed());
        assert_eq!(shift.since(), Some(on(19)));
        let (orders, revenue, profit) = shift.explained();
        assert_eq!((orders, revenue, profit), (20, decimal("1600"), decimal("170")));
        let cents = shift.causes();
        // Twenty times: −.75·10 of discount, −2 of cost, .50 − 2.50 of a product that earns 5 %.
        assert_eq!(
            [cents.price, cents.discount, cents.cost, cents.mix],
            [0, -15_000, -4_000, -4_000]
        );
        // 170 in place of a quarter of 1,600.
        assert_eq!(cents.total, -23_000);
    }

    #[test]
    fn lines_without_amounts_say_nothing() {
        let half = |net, cost| SoldLine::of(None, Some(Decimal::ONE), net, None, cost);
        assert_eq!(half(None, Some(Decimal::ONE)), None);
        assert_eq!(half(Some(Decimal::ONE), None), None);
        assert_eq!(half(Some(Decimal::ZERO), Some(Decimal::ONE)), None);
        let mut shift = watched();
        let before = shift.clone();
        shift.add(&RULE, on(30), &[]);
        assert_eq!(shift, before);
    }
}
