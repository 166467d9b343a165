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
