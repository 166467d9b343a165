//! What every shard knows of products, reps, relations and agreements, and what was learned across
//! customers.
//!
//! Each shard has its own copy, changed only by inputs, so that an event sees exactly the
//! reference data that came before it.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use rapidhash::fast::RandomState;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::reference::Agreement;
use crate::event::reference::Product;
use crate::event::reference::Reference;
use crate::event::reference::Relation;
use crate::event::reference::RelationKind;
use crate::event::reference::Rep;
use crate::state::models::Models;

/// Reference data that any rule may need.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    products: HashMap<Symbol, Product, RandomState>,
    categories: HashSet<Symbol, RandomState>,
    reps: HashMap<Symbol, Rep, RandomState>,
    relations: Vec<Relation>,
    /// By what they take the place of.
    substitutes: HashMap<Symbol, Vec<Symbol>, RandomState>,
    /// By customer.
    agreements: HashMap<Symbol, Agreements, RandomState>,
    models: Arc<Models>,
}

/// The agreements of one customer.
#[derive(Debug, Clone, Default)]
struct Agreements {
    /// In the order of their beginnings.
    list: Vec<Agreement>,
    /// How often they were changed.
    changes: u64,
}

impl Catalog {
    /// Takes a record in; a customer's is kept with the customer, not here.
    pub fn apply(&mut self, reference: &Reference) {
        match reference {
            Reference::Customer(_) => {}
            Reference::Product(product) => {
                self.categories.extend(product.category);
                self.products.insert(product.id, product.clone());
            }
            Reference::Rep(rep) => {
                self.reps.insert(rep.id, rep.clone());
            }
            Reference::Relation(relation) => {
                if !self.relations.contains(relation) {
                    self.relations.push(relation.clone());
                    if matches!(relation.kind, RelationKind::Substitute | RelationKind::ReplacedBy)
                    {
                        self.substitutes.entry(relation.from).or_default().push(relation.to);
                    }
                }
            }
            Reference::Agreement(agreement) => {
                let theirs = self.agreements.entry(agreement.customer).or_default();
                theirs.changes += 1;
                theirs.list.retain(|known| known.id != agreement.id);
                let place = theirs.list.partition_point(|known| known.from <= agreement.from);
                theirs.list.insert(place, agreement.clone());
            }
        }
    }

    /// Forgets a customer's agreements.
    pub fn forget(&mut self, customer: Symbol) {
        self.agreements.remove(&customer);
    }

    /// Whether a product, a rep, a relation or an agreement has this name, or says it.
    pub fn names(&self, name: Symbol) -> bool {
        let of_product = |product: &Product| {
            [Some(product.id), product.category, product.brand].contains(&Some(name))
        };
        let of_rep = |rep: &Rep| {
            let tenures = rep.tenures.iter().map(|tenure| tenure.territory);
            [Some(rep.id), rep.manager, rep.seniority].contains(&Some(name))
                || rep.territories.iter().copied().chain(tenures).any(|of| of == name)
        };
        let of_customer =
            |theirs: &Agreements| theirs.list.iter().any(|agreement| agreement.id == name);
        self.categories.contains(&name)
            || self.agreements.values().any(of_customer)
            || self.products.values().any(of_product)
            || self.reps.values().any(of_rep)
            || self.relations.iter().any(|relation| [relation.from, relation.to].contains(&name))
    }

    /// What was learned across customers, in the version that holds here.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Takes another version of it.
    pub fn learn(&mut self, models: Arc<Models>) {
        self.models = models;
    }

    /// A product.
    pub fn product(&self, id: Symbol) -> Option<&Product> {
        self.products.get(&id)
    }

    /// Whether any product is in this category. Where no product is known with its category,
    /// nothing speaks against it.
    pub fn sells(&self, category: Symbol) -> bool {
        self.categories.is_empty() || self.categories.contains(&category)
    }

    /// A rep.
    pub fn rep(&self, id: Symbol) -> Option<&Rep> {
        self.reps.get(&id)
    }

    /// How products and categories belong together.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// What can take a product's place, or took it.
    pub fn substitutes(&self, product: Symbol) -> &[Symbol] {
        self.substitutes.get(&product).map_or(&[], Vec::as_slice)
    }

    /// A customer's agreements, in the order of their beginnings.
    pub fn agreements(&self, customer: Symbol) -> &[Agreement] {
        self.agreements.get(&customer).map_or(&[], |theirs| &theirs.list)
    }

    /// How often a customer's agreements were changed: what was computed with them before is out of
    /// date.
    pub(crate) fn agreements_stamp(&self, customer: Symbol) -> u64 {
        self.agreements.get(&customer).map_or(0, |theirs| theirs.changes)
    }

    /// Fills in category and brand of lines that name a known product and say neither.
    pub fn complete(&self, event: &mut Event) {
        if self.products.is_empty() {
            return;
        }
        for line in &mut event.lines {
            if line.category.is_some() && line.brand.is_some() {
                continue;
            }
            if let Some(product) = line.product.and_then(|id| self.products.get(&id)) {
                line.category = line.category.or(product.category);
                line.brand = line.brand.or(product.brand);
            }
        }
        if let Some(detail) = event.detail.as_deref_mut()
            && detail.category.is_none()
        {
            let product = detail.product.and_then(|id| self.products.get(&id));
            detail.category = product.and_then(|product| product.category);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    #[test]
    fn what_can_take_a_products_place_or_took_it_is_a_substitute_once() {
        let symbols = Symbols::default();
        let [old, new, other, extra] =
            ["old", "new", "other", "extra"].map(|id| symbols.intern(id));
        let mut catalog = Catalog::default();
        for (to, kind) in [
            (new, RelationKind::ReplacedBy),
            (other, RelationKind::Substitute),
            (other, RelationKind::Substitute),
            (extra, RelationKind::Accessory),
        ] {
            catalog.apply(&Reference::Relation(Relation { from: old, to, kind }));
        }
        assert_eq!(catalog.substitutes(old), [new, other]);
        assert_eq!(catalog.substitutes(new), []);
    }
}
