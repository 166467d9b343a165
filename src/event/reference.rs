//! Reference data: what is known of customers, products, reps and agreements beside their events.
//!
//! A later record of the same id replaces the earlier one whole. Fields outside of the vocabulary
//! are kept as attributes, where rules reach them by name: `customer.attributes.employees`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// One record of reference data.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// An account.
    Customer(Customer),
    /// A stock-keeping unit.
    Product(Product),
    /// How two products or categories belong together.
    Relation(Relation),
    /// A sales person.
    Rep(Rep),
    /// A contract with a customer.
    Agreement(Agreement),
}

/// An account.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// Its id in the source.
    pub id: Symbol,
    /// What people call it.
    pub name: Option<String>,
    /// `business`, `consumer`, `store` …
    pub kind: Option<Symbol>,
    /// Line of business or the like; peers share it.
    pub segment: Option<Symbol>,
    /// Importance: `A`, `B` …
    pub tier: Option<Symbol>,
    /// Sales territory.
    pub territory: Option<Symbol>,
    /// The rep who looks after it.
    pub owner: Option<Symbol>,
    /// Whether marketing may contact it, where the source says.
    pub consent_marketing: Option<bool>,
    /// Everything else.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A stock-keeping unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its id in the source.
    pub id: Symbol,
    /// What people call it.
    pub name: Option<String>,
    /// Its category.
    pub category: Option<Symbol>,
    /// Its brand.
    pub brand: Option<Symbol>,
    /// Price before discount.
    pub list_price: Option<Decimal>,
    /// What one unit costs us.
    pub unit_cost: Option<Decimal>,
    /// Everything else.
    pub attributes: BTreeMap<String, Attribute>,
}

/// How two products or categories belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// From this product or category …
    pub from: Symbol,
    /// … to this one.
    pub to: Symbol,
    /// In which way.
    pub kind: RelationKind,
}

/// The ways in which products belong together (GS1 `referencedTradeItemTypeCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// Can take its place.
    Substitute,
    /// Took its place.
    ReplacedBy,
    /// Serves the same need.
    Alternative,
    /// Goes with it.
    Accessory,
}

/// A sales person.
#[derive(Debug, Clone, PartialEq)]
pub struct Rep {
    /// Its id in the source.
    pub id: Symbol,
    /// Name.
    pub name: Option<String>,
    /// Position.
    pub title: Option<String>,
    /// The rep's manager.
    pub manager: Option<Symbol>,
    /// Where the rep sells.
    pub territories: Vec<Symbol>,
    /// `senior`, `junior` …
    pub seniority: Option<Symbol>,
    /// What is to be sold in which period.
    pub quotas: Vec<Quota>,
    /// Where the rep has sold and when, where the source knows.
    pub tenures: Vec<Tenure>,
}

/// A territory, and how long it was a rep's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The territory.
    pub territory: Symbol,
    /// First instant of it.
    pub from: Timestamp,
    /// First instant after it; none while it lasts.
    pub to: Option<Timestamp>,
}

impl Rep {
    /// Where the rep sold at an instant; without a history, where the rep sells.
    pub fn sold_in(&self, at: Timestamp) -> impl Iterator<Item = Symbol> {
        let always = if self.tenures.is_empty() { &self.territories[..] } else { &[] };
        let covers =
            move |tenure: &&Tenure| tenure.from <= at && tenure.to.is_none_or(|to| at < to);
        let then = self.tenures.iter().filter(covers).map(|tenure| tenure.territory);
        always.iter().copied().chain(then)
    }

    /// Whether a territory was the rep's at an instant; `None` where none is known of then.
    pub fn held(&self, territory: Symbol, at: Timestamp) -> Option<bool> {
        let mut then = self.sold_in(at).peekable();
        then.peek()?;
        Some(then.any(|own| own == territory))
    }
}

/// What a rep is to sell in a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// First instant of the period.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// Revenue to reach.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Option<Currency>,
}

/// A contract with a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Its id in the source.
    pub id: Symbol,
    /// With whom.
    pub customer: Symbol,
    /// First instant of the term.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// Revenue promised over the term.
    pub planned_amount: Option<Decimal>,
    /// Units promised over the term.
    pub planned_quantity: Option<Decimal>,
    /// Discount earned by keeping it, as a share of the price.
    pub discount_rate: Option<Decimal>,
    /// Its currency.
    pub currency: Option<Currency>,
}

/// The value of a field outside of the vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A word or a text.
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    #[test]
    fn a_territory_is_a_reps_while_its_tenure_lasts() {
        let symbols = Symbols::default();
        let [north, south, west] = ["north", "south", "west"].map(|name| symbols.intern(name));
        let day = |day: i64| Timestamp::saturating(day * 86_400_000);
        let tenure = |territory, from, to: Option<i64>| Tenure {
            territory,
            from: day(from),
            to: to.map(day),
        };
        let rep = |territories: &[Symbol], tenures: &[Tenure]| Rep {
            id: symbols.intern("r1"),
            name: None,
            title: None,
            manager: None,
            territories: territories.to_vec(),
            seniority: None,
            quotas: Vec::new(),
            tenures: tenures.to_vec(),
        };
        let moved = rep(
            &[north, south],
            &[tenure(north, 10, Some(20)), tenure(south, 20, None), tenure(west, 30, Some(40))],
        );
        let stays = rep(&[north, south], &[]);
        for (rep, territory, at, want) in [
            (&moved, north, 9, None),
            (&moved, north, 10, Some(true)),
            (&moved, south, 19, Some(false)),
            (&moved, north, 20, Some(false)),
            (&moved, south, 20, Some(true)),
            (&moved, south, 35, Some(true)),
            (&moved, west, 35, Some(true)),
            (&moved, west, 40, Some(false)),
            (&stays, north, 0, Some(true)),
            (&stays, west, 0, Some(false)),
            (&rep(&[], &[]), west, 0, None),
            (&rep(&[west], &[tenure(west, 10, Some(20))]), west, 30, None),
        ] {
            assert_eq!(rep.held(territory, day(at)), want, "{territory:?} on day {at}");
        }
    }
}
