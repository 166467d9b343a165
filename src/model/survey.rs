//! What a fit is made of: the counts as they stood at one place of the one order.
//!
//! A survey is a copy, bounded in size, so that taking it costs a few milliseconds however many
//! customers there are, and the stream goes on while it is fitted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Symbol;
use crate::model::affinity::Gram;
use crate::money::Currency;
use crate::state::detector::repeat_buying::Repeats;
use crate::state::models::Outcomes;
use crate::state::models::service::Activities;
use crate::state::models::team::Team;
use crate::time::Timestamp;

/// Customers whose figures are taken, at most; of more every second, third … one.
pub const PEOPLE_MAX: usize = 4_096;

/// The counts at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Event time up to which events were seen.
    pub at: Timestamp,
    /// Customers that have bought.
    pub customers: u64,
    /// Orders in all.
    pub orders: u64,
    /// Currency of every amount.
    pub currency: Option<Currency>,
    /// Customers, in the order of their first purchase.
    pub people: Vec<Person>,
    /// Categories, in the order of first sight.
    pub categories: Vec<Sold>,
    /// Pairs in orders.
    pub baskets: Gram,
    /// Pairs among owners.
    pub owners: Gram,
    /// Net amounts of weeks, by segment.
    pub weeks: BTreeMap<Option<Symbol>, Weeks>,
    /// The reps.
    pub team: Team,
    /// What was done for customers, by kind.
    pub activities: BTreeMap<String, Activities>,
    /// What became of alerts, by rule.
    pub outcomes: BTreeMap<String, Outcomes>,
}

/// The figures of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Person {
    /// Its line of business.
    pub segment: Option<Symbol>,
    /// How it came back.
    pub repeats: Repeats,
    /// Net amount of 52 weeks.
    pub net: Option<f64>,
    /// Gross profit of 52 weeks.
    pub profit: Option<f64>,
    /// Spread of its gaps.
    pub gap_spread: Option<f64>,
    /// Variance of the root of its weekly spend.
    pub spend_variance: Option<f64>,
    /// Deviation of its orders' margin, in points.
    pub margin_deviation: Option<f64>,
}

/// One category.
#[derive(Debug, Clone, PartialEq)]
pub struct Sold {
    /// Its name.
    pub name: Symbol,
    /// What each of its owners, of those surveyed, spent on it a year.
    pub yearly: Vec<f64>,
    /// Share that is left after cost, where costs are known.
    pub margin: Option<f64>,
    /// Its owners of other brands.
    pub others: u32,
    /// Of those, owners of the own brand, too.
    pub switched: u32,
    /// Share of the own brand in its lines.
    pub own_share: f64,
}

/// Net amounts of consecutive weeks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Weeks {
    /// Number of the first.
    pub first: i64,
    /// Millionths, by week.
    pub totals: Vec<i128>,
}
