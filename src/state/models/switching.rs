//! Who takes the own brand where it used to buy another one, by type of product (a category).

use std::collections::BTreeMap;

use crate::event::Symbol;

/// How customers of a type of product stand to the own brand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypeOfProduct {
    /// Share of the buyers of other brands that took the own brand, too.
    pub rate: f64,
    /// Share of the own brand in all lines of the type.
    pub share: f64,
    /// Customers that it was learned from.
    pub customers: u32,
}

/// By type of product.
#[derive(Debug, Clone, PartialEq)]
pub struct Switching {
    /// Over all types.
    pub all: TypeOfProduct,
    /// The types in which both kinds of brands were sold.
    pub types: BTreeMap<Symbol, TypeOfProduct>,
}

impl Switching {
    /// Before anything is learned: one buyer in ten.
    pub const RATE_START: f64 = 0.1;

    /// A type of product; all of them, where it is unknown.
    pub fn of(&self, category: Option<Symbol>) -> TypeOfProduct {
        let known = category.and_then(|category| self.types.get(&category));
        known.copied().unwrap_or(self.all)
    }
}

impl Default for Switching {
    fn default() -> Self {
        let all = TypeOfProduct { rate: Self::RATE_START, share: Self::RATE_START, customers: 0 };
        Self { all, types: BTreeMap::new() }
    }
}
