//! Why did gross profit fall short? Four causes, in exact money, that sum to the shortfall.
//!
//! ```text
//! GP − g₀·R =   price     (1−g₀)·Σ q(L − L₀)        list prices moved
//!             + discount  −(1−g₀)·Σ q(D − D₀)       more, or less, was given away
//!             + cost      −Σ q(C − C₀)              buying became dearer
//!             + mix       Σ q[(L₀−D₀−C₀) − g₀(L₀−D₀)]   poorer, or richer, products
//! ```
//!
//! g₀ is the customer's normal margin as a share of net revenue R; L, D, C are list price, discount
//! and cost of a unit, L₀, D₀, C₀ the product's references. The effect of volume stands apart:
//! g₀·ΔR. Products of three six-place numbers are kept whole in 128 bits, so nothing is lost
//! before the cents are shown, and the cents are dealt out so that they sum, too.

use serde::Deserialize;
use serde::Serialize;

use crate::money::Decimal;

/// Exact products of three [`Decimal`]s: 10⁻¹⁸ of a currency unit.
type Exact = i128;
/// Of those in a cent.
const CENT: Exact = 10_000_000_000_000_000;

/// Price, discount and cost of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitTerms {
    /// Before discount.
    pub list: Decimal,
    /// Taken off the list price.
    pub discount: Decimal,
    /// What the unit costs us.
    pub cost: Decimal,
}

/// A line as it was sold: what all of its units come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTotals {
    /// Units.
    pub quantity: Decimal,
    /// Before discount.
    pub list: Decimal,
    /// Taken off.
    pub discount: Decimal,
    /// What the goods cost us.
    pub cost: Decimal,
}

/// Causes of one order, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waterfall {
    price: Exact,
    discount: Exact,
    cost: Exact,
    mix: Exact,
}

/// The causes in cents, positive for profit won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cents {
    /// List prices.
    pub price: i64,
    /// Discounts.
    pub discount: i64,
    /// Costs.
    pub cost: i64,
    /// The mix of products.
    pub mix: i64,
    /// All four: GP − g₀·R, rounded once.
    pub total: i64,
}

impl UnitTerms {
    /// List price, discount and cost of so many units, in 10⁻¹² of a currency unit.
    fn of_all(self, units: Exact) -> [Exact; 3] {
        [self.list, self.discount, self.cost].map(|each| units * micros(each))
    }
}

impl Waterfall {
    /// No cause.
    pub const ZERO: Self = Self { price: 0, discount: 0, cost: 0, mix: 0 };

    /// The causes in one line; `normal` is g₀ as a share, e.g. `0.25`.
    pub fn of_line(
        quantity: Decimal,
        charged: UnitTerms,
        reference: UnitTerms,
        normal: Decimal,
    ) -> Self {
        let units = micros(quantity);
        Self::between(charged.of_all(units), reference.of_all(units), normal)
    }

    /// The causes in a line of which the totals are known: their sum is exact where a price a unit
    /// would have to be rounded. Without a reference the line is its own, and only mix is left.
    pub fn of_totals(line: &LineTotals, reference: Option<UnitTerms>, normal: Decimal) -> Self {
        let one = Exact::from(Decimal::SCALE);
        let sold = [line.list, line.discount, line.cost].map(|total| one * micros(total));
        let units = micros(line.quantity);
        let usual = reference.map_or(sold, |terms| terms.of_all(units));
        Self::between(sold, usual, normal)
    }

    /// From list price, discount and cost of all units, as sold and as usual, in 10⁻¹² of a
    /// currency unit.
    fn between(sold: [Exact; 3], usual: [Exact; 3], normal: Decimal) -> Self {
        let one = Exact::from(Decimal::SCALE);
        let normal = micros(normal);
        let ([list, discount, cost], [list_0, discount_0, cost_0]) = (sold, usual);
        let net_0 = list_0 - discount_0;
        Self {
            price: (one - normal) * (list - list_0),
            discount: -(one - normal) * (discount - discount_0),
            cost: -one * (cost - cost_0),
            mix: one * (net_0 - cost_0) - normal * net_0,
        }
    }

    /// Adds the causes of another line or order.
    pub fn add(&mut self, other: &Self) {
        self.price = self.price.saturating_add(other.price);
        self.discount = self.discount.saturating_add(other.discount);
        self.cost = self.cost.saturating_add(other.cost);
        self.mix = self.mix.saturating_add(other.mix);
    }

    /// In cents that sum to their total: each is rounded down, and the cents that are missing go
    /// to the causes that lost most by it.
    pub fn cents(&self) -> Cents {
        let parts = [self.price, self.discount, self.cost, self.mix];
        let sum = parts.iter().fold(0, |sum: Exact, part| sum.saturating_add(*part));
        let total = (sum + CENT / 2).div_euclid(CENT);
        let mut cents = parts.map(|part| part.div_euclid(CENT));
        let mut order = [0, 1, 2, 3];
        order.sort_by_key(|index| -parts[*index].rem_euclid(CENT));
        let missing = total - cents.iter().sum::<Exact>();
        for index in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
            cents[index] += 1;
        }
        let [price, discount, cost, mix] = cents.map(narrow);
        Cents { price, discount, cost, mix, total: narrow(total) }
    }
}

fn micros(value: Decimal) -> Exact {
    Exact::from(value.micros())
}

/// Within the range of a count of cents; money of this size has left every range before.
fn narrow(cents: Exact) -> i64 {
    i64::try_from(cents).unwrap_or(if cents < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn terms(list: &str, discount: &str, cost: &str) -> UnitTerms {
        UnitTerms { list: decimal(list), discount: decimal(discount), cost: decimal(cost) }
    }

    #[test]
    fn each_cause_is_found_alone() {
        // g₀ = 25 %; the reference earns exactly that: 10 − 2 − 6 = 2 of 8.
        let reference = terms("10", "2", "6");
        for (name, charged, want) in [
            ("nothing", terms("10", "2", "6"), [0, 0, 0, 0]),
            // 4 units, list +1: .75 · 4 · 1 = 3.00
            ("price", terms("11", "2", "6"), [300, 0, 0, 0]),
            ("discount", terms("10", "3", "6"), [0, -300, 0, 0]),
            // Cost counts whole: 4 · 0.50
            ("cost", terms("10", "2", "6.5"), [0, 0, -200, 0]),
        ] {
            let line = Waterfall::of_line(decimal("4"), charged, reference, decimal("0.25"));
            let cents = line.cents();
            let found = [cents.price, cents.discount, cents.cost, cents.mix];
            assert_eq!(found, want, "{name}");
        }
        // A product that earns 10 % of 8 instead of 25 %: 4 · (0.8 − 2) = −4.80 of mix.
        let poor = terms("10", "2", "7.2");
        let line = Waterfall::of_line(decimal("4"), poor, poor, decimal("0.25"));
        assert_eq!(line.cents().mix, -480);
    }

    #[test]
    fn totals_sum_exactly_where_a_unit_price_is_periodic() {
        // Three units for 10, of which 1 was taken off, at a cost of 7; usual are 3.33, 0 and 2.
        let line = LineTotals {
            quantity: decimal("3"),
            list: decimal("10"),
            discount: decimal("1"),
            cost: decimal("7"),
        };
        let mut all = Waterfall::ZERO;
        let causes = Waterfall::of_totals(&line, Some(terms("3.33", "0", "2")), decimal("0.25"));
        (0..400).for_each(|_| all.add(&causes));
        // Each earns 9 − 7 = 2 in place of 2.25.
        let cents = all.cents();
        assert_eq!(cents.total, -10_000);
        // .75 · (10 − 9.99), −.75 · 1, −(7 − 6), 9.99 − 6 − .25 · 9.99, four hundred times.
        let found = [cents.price, cents.discount, cents.cost, cents.mix];
        assert_eq!(found, [300, -30_000, -40_000, 59_700]);
    }

    proptest! {
        #[test]
        fn the_causes_sum_to_the_shortfall_to_the_cent(
            lines in prop::collection::vec(
                (1_i64..500_000_000, prop::array::uniform6(0_i64..900_000_000)), 1..20),
            normal in -500_000_i64..900_000,
        ) {
            let mut all = Waterfall::ZERO;
            let mut exact: Exact = 0;
            for (quantity, prices) in lines {
                let [list, discount, cost, list_0, discount_0, cost_0] =
                    prices.map(Decimal::from_micros);
                let charged = UnitTerms { list, discount, cost };
                let reference =
                    UnitTerms { list: list_0, discount: discount_0, cost: cost_0 };
                let normal = Decimal::from_micros(normal);
                let quantity = Decimal::from_micros(quantity);
                all.add(&Waterfall::of_line(quantity, charged, reference, normal));
                let net = micros(list) - micros(discount);
                let profit = net - micros(cost);
                exact += micros(quantity)
                    * (profit * Exact::from(Decimal::SCALE) - micros(normal) * net);
            }
            let cents = all.cents();
            prop_assert_eq!(
                cents.price + cents.discount + cents.cost + cents.mix, cents.total);
            prop_assert_eq!(Exact::from(cents.total), (exact + CENT / 2).div_euclid(CENT));
        }
    }
}
