//! What does the demo's distributor sell? Ten categories of a dozen products each, all invented.
//!
//! ```text
//! category ─┬─ line 1 ─┬─ House     a little cheaper, a better margin   ◄─ substitute ─┐
//!           ├─ line 2  ├─ Brand A   what most customers buy  ──────────────────────────┘
//!           └─ …       └─ Brand B   one grade up
//! ```
//!
//! Some categories call for another one: who welds needs safety gear ([`complement`]).

use crate::demo::random::Random;
use crate::demo::random::Stream;
use crate::demo::random::float;
use crate::demo::random::round;

/// A category by its place in [`CATEGORIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Category(usize);

/// A product by its place in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProductIndex(usize);

/// One stock-keeping unit. Amounts are cents.
#[derive(Debug)]
pub(super) struct Product {
    /// `demo-p001`.
    pub(super) id: String,
    /// `Synthetic Welding 3 Brand A`.
    pub(super) name: String,
    pub(super) category: Category,
    pub(super) brand: &'static str,
    pub(super) list_price: i64,
    pub(super) unit_cost: i64,
}

/// All that is sold.
#[derive(Debug)]
pub(super) struct Catalogue {
    products: Vec<Product>,
}

/// Name of the category, cents that a unit usually costs, least and most.
const CATEGORIES: [(&str, f64, f64); 10] = [
    ("Fasteners", 400.0, 4_000.0),
    ("Power tools", 9_000.0, 48_000.0),
    ("Hand tools", 1_200.0, 9_000.0),
    ("Welding", 3_500.0, 60_000.0),
    ("Safety", 600.0, 9_500.0),
    ("Electrical", 500.0, 12_000.0),
    ("Abrasives", 300.0, 4_500.0),
    ("Adhesives", 700.0, 6_000.0),
    ("Pneumatics", 1_500.0, 26_000.0),
    ("Storage", 2_500.0, 38_000.0),
];

/// Who buys the first needs the second.
const COMPLEMENTS: [(&str, &str); 5] = [
    ("Welding", "Safety"),
    ("Power tools", "Abrasives"),
    ("Fasteners", "Hand tools"),
    ("Electrical", "Safety"),
    ("Pneumatics", "Adhesives"),
];

/// Product lines in a category.
const LINES: usize = 4;

/// Brand, its price against the line's, its cost as a share of its list price.
const BRANDS: [(&str, f64, f64); 3] =
    [("House", 0.94, 0.60), ("Brand A", 1.0, 0.66), ("Brand B", 1.35, 0.66)];

impl Category {
    /// Every category.
    pub(super) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..CATEGORIES.len()).map(Self)
    }

    /// The category of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        CATEGORIES.iter().position(|(n, _, _)| *n == name).map(Self)
    }

    /// Its name, which is also the topic of calls about it.
    pub(super) fn name(self) -> &'static str {
        CATEGORIES[self.0].0
    }
}

/// The category that this one calls for.
pub(super) fn complement(category: Category) -> Option<Category> {
    let pair = COMPLEMENTS.iter().find(|(has, _)| *has == category.name())?;
    Category::named(pair.1)
}

impl Catalogue {
    /// The products, with the prices of this seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut products = Vec::with_capacity(CATEGORIES.len() * LINES * BRANDS.len());
        for category in Category::all() {
            let (name, low, high) = CATEGORIES[category.0];
            for line in 0..LINES {
                let mut random = Random::new(seed, Stream::Product, category.0 * LINES + line);
                let price = low * (high / low).powf(random.unit());
                for (brand, price_ratio, cost_ratio) in BRANDS {
                    let list_price = round(price * price_ratio);
                    products.push(Product {
                        id: format!("demo-p{:03}", products.len() + 1),
                        name: format!("Synthetic {name} {} {brand}", line + 1),
                        category,
                        brand,
                        list_price,
                        unit_cost: round(float(list_price) * cost_ratio),
                    });
                }
            }
        }
        Self { products }
    }

    /// The product in this place.
    pub(super) fn product(&self, index: ProductIndex) -> &Product {
        &self.products[index.0]
    }

    /// Every product.
    pub(super) fn products(&self) -> &[Product] {
        &self.products
    }

    /// A product of this category as customers choose: mostly Brand A.
    pub(super) fn choose(category: Category, random: &mut Random) -> ProductIndex {
        let line = random.index(LINES);
        let brand = random.weighted([0.2, 0.6, 0.2].into_iter());
        ProductIndex((category.0 * LINES + line) * BRANDS.len() + brand)
    }

    /// Who can take whose place, or goes with it: from, to, relation.
    pub(super) fn relations(&self) -> Vec<(&str, &str, &'static str)> {
        let mut relations: Vec<(&str, &str, &str)> =
            COMPLEMENTS.iter().map(|(has, needs)| (*has, *needs, "accessory")).collect();
        for line in self.products.chunks_exact(BRANDS.len()) {
            if let [house, usual, better] = line {
                relations.push((&usual.id, &house.id, "substitute"));
                relations.push((&usual.id, &better.id, "alternative"));
            }
        }
        relations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_complement_names_two_categories_and_none_itself() {
        for (has, needs) in COMPLEMENTS {
            let (has, needs) = (Category::named(has).unwrap(), Category::named(needs).unwrap());
            assert_eq!(complement(has), Some(needs));
            assert_ne!(has, needs);
        }
        assert_eq!(Category::named("Insurance"), None);
    }

    #[test]
    fn a_house_substitute_earns_more_on_each_unit() {
        let catalogue = Catalogue::new(5);
        let gain = |p: &Product| p.list_price - p.unit_cost;
        let substitutes = catalogue.relations().into_iter().filter(|r| r.2 == "substitute");
        let find = |id: &str| catalogue.products().iter().find(|p| p.id == id).unwrap();
        assert_eq!(substitutes.clone().count(), CATEGORIES.len() * LINES);
        for (usual, house, _) in substitutes {
            assert!(gain(find(house)) >= gain(find(usual)), "{usual} → {house}");
        }
    }

    #[test]
    fn a_chosen_product_belongs_to_its_category() {
        let (catalogue, mut random) = (Catalogue::new(5), Random::new(5, Stream::Conduct, 0));
        for category in Category::all() {
            for _ in 0..50 {
                let product = catalogue.product(Catalogue::choose(category, &mut random));
                assert_eq!(product.category, category);
            }
        }
    }
}
