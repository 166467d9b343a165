//! What could be sold in place of what is sold, or more of it? Answers from the catalogue, for the
//! up-selling and switch-selling rules.
//!
//! ```text
//! grade(l.product)                     'good'            attribute `tier` of the product
//! own_brand(l.product)                 true              attribute `own_brand`
//! next_break(l.product, l.quantity)    24                attribute `price_breaks`: "24: 9.50, 60: 9"
//! price_at(l.product, 24)              9.50
//! substitute(l.product)                'p7'              relation, or attribute `substitute`
//! p_switch(category, own, all, n)      0.12              learned: who takes the own brand
//! ```

use crate::event::Symbol;
use crate::event::reference::Attribute;
use crate::event::reference::Product;
use crate::money::Decimal;
use crate::state::detector::ladder::Ladder;
use crate::state::detector::ladder::Step;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;

/// Points of margin that a substitute has to be better by.
const MARGIN_POINTS: f64 = 0.03;
/// Steps of a ladder at most.
const STEPS_MAX: usize = 16;

/// A question about a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// Its grade within its family.
    Grade,
    /// The product to sell in its place.
    Substitute,
    /// Whether it is of an own brand.
    OwnBrand,
}

/// A question about a quantity of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AskedOfQuantity {
    /// The next quantity from which a unit costs less.
    NextBreak,
    /// What a unit costs at this quantity.
    PriceAt,
}

/// The answer; null where the catalogue does not say.
pub(crate) fn answer(scope: &mut Scope<'_>, asked: Asked, product: Value) -> Result<Value, Fault> {
    let Some(product) = product_of(scope, product)? else { return Ok(Value::Null) };
    let attribute = |name| product.attributes.get(name);
    Ok(match (asked, attribute("tier"), attribute("own_brand")) {
        (Asked::Grade, Some(Attribute::Text(grade)), _) => Value::Text(scope.symbols.intern(grade)),
        (Asked::OwnBrand, _, Some(Attribute::Flag(own))) => Value::Bool(*own),
        (Asked::Substitute, ..) => substitute(scope, product).map_or(Value::Null, Value::Text),
        _ => Value::Null,
    })
}

/// The same of a quantity.
pub(crate) fn answer_of_quantity(
    scope: &mut Scope<'_>,
    asked: AskedOfQuantity,
    product: Value,
    quantity: Value,
) -> Result<Value, Fault> {
    let quantity = Decimal::from_f64(quantity.number()?).map_err(|_| Fault::Overflow)?;
    let Some(ladder) = product_of(scope, product)?.and_then(ladder) else { return Ok(Value::Null) };
    Ok(match asked {
        AskedOfQuantity::NextBreak => {
            ladder.next(quantity).map_or(Value::Null, |step| Value::Double(step.from.to_f64()))
        }
        AskedOfQuantity::PriceAt => Value::Money(ladder.price(quantity)),
    })
}

/// The chance that a customer takes the own brand of a category where it used to buy another:
/// the category's learned rate, moved by how prone the customer is to own brands, and by how often
/// it bought the other one. `own` of the customer's `all` lines were of own brands.
///
/// The sum of three log-odds that `benches/quality` measures; ten pseudo-lines on either side.
pub(crate) fn p_switch(scope: &mut Scope<'_>, args: [Value; 4]) -> Result<Value, Fault> {
    const LINES: f64 = 10.0;
    let [category, own, all, lines] = args;
    let category = texts::symbol(scope, category);
    let switching = &scope.catalog.models().switching;
    let known = switching.of(category);
    let expected = all.number()? * switching.all.share;
    let prone = (own.number()? + LINES) / (expected + LINES);
    let rate = known.rate.clamp(1e-4, 1.0 - 1e-4);
    let odds = (rate / (1.0 - rate)).ln() + prone.ln() - 0.3 * lines.number()?.max(1.0).ln();
    Ok(Value::Double(1.0 / (1.0 + (-odds).exp())))
}

fn product_of<'a>(scope: &mut Scope<'a>, product: Value) -> Result<Option<&'a Product>, Fault> {
    let id = match product {
        Value::Text(_) | Value::Made(_) => texts::symbol(scope, product),
        Value::Null => None,
        _ => return Err(Fault::Type),
    };
    Ok(id.and_then(|id| scope.catalog.product(id)))
}

/// The price ladder in a product's attribute `price_breaks`, its list price below the first step.
fn ladder(product: &Product) -> Option<Ladder> {
    let Some(Attribute::Text(written)) = product.attributes.get("price_breaks") else {
        return None;
    };
    let first = product.list_price.map(|price| Step { from: Decimal::ZERO, price });
    let step = |part: &str| {
        let (from, price) = part.split_once(':')?;
        let [from, price] = [from, price].map(|number| Decimal::parse(number.trim()).ok());
        Some(Step { from: from?, price: price? })
    };
    let steps: Option<Vec<Step>> = written.split(',').take(STEPS_MAX).map(step).collect();
    Ladder::new(first.into_iter().chain(steps?).collect()).ok()
}

/// What takes a product's place at a margin that is better by three points at least, and brings in
/// more on a unit: of several the one that brings in most. One that is out of stock is none.
fn substitute(scope: &Scope<'_>, product: &Product) -> Option<Symbol> {
    let catalog = scope.catalog;
    let named = match product.attributes.get("substitute") {
        Some(Attribute::Text(named)) => scope.symbols.read().find(named),
        _ => None,
    };
    let (margin, profit) = earned(product)?;
    let better = |id: Symbol| {
        let other = catalog.product(id)?;
        let out_of_stock = matches!(other.attributes.get("stock"), Some(Attribute::Number(stock)) if *stock <= 0.0);
        let (its_margin, its_profit) = earned(other)?;
        let pays = its_margin >= margin + MARGIN_POINTS && its_profit > profit.max(0.0);
        (pays && !out_of_stock).then_some((id, its_profit))
    };
    let candidates = catalog.substitutes(product.id).iter().copied().chain(named);
    let best = candidates.filter_map(better).reduce(
        |best, next| {
            if next.1 > best.1 { next } else { best }
        },
    );
    best.map(|(id, _)| id)
}

/// Margin and gross profit of a unit at list price.
fn earned(product: &Product) -> Option<(f64, f64)> {
    let (price, cost) = (product.list_price?.to_f64(), product.unit_cost?.to_f64());
    (price > 0.0).then(|| ((price - cost) / price, price - cost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    fn product(attributes: &[(&str, &str)]) -> Product {
        let text =
            |(name, text): &(&str, &str)| ((*name).to_owned(), Attribute::Text((*text).to_owned()));
        Product {
            id: Symbols::default().intern("p"),
            name: None,
            category: None,
            brand: None,
            list_price: Decimal::parse("10").ok(),
            unit_cost: Decimal::parse("8").ok(),
            attributes: attributes.iter().map(text).collect(),
        }
    }

    #[test]
    fn a_ladder_is_read_from_the_list_price_up_and_a_wrong_one_is_none() {
        let decimal = |text| Decimal::parse(text).unwrap();
        let known = ladder(&product(&[("price_breaks", "24: 9.50, 60:9")])).unwrap();
        for (quantity, price) in [("1", "10"), ("24", "9.5"), ("59", "9.5"), ("60", "9")] {
            assert_eq!(known.price(decimal(quantity)), decimal(price), "{quantity}");
        }
        assert_eq!(known.next(decimal("24")).map(|step| step.from), Some(decimal("60")));
        for wrong in ["", "24", "24: x", "60: 9, 24: 9.50", "24: 9.50,"] {
            assert_eq!(ladder(&product(&[("price_breaks", wrong)])), None, "{wrong}");
        }
        assert_eq!(ladder(&product(&[])), None);
    }

    #[test]
    fn a_unit_earns_its_list_price_less_its_cost() {
        assert_eq!(earned(&product(&[])), Some((0.2, 2.0)));
        assert_eq!(earned(&Product { list_price: None, ..product(&[]) }), None);
    }
}
