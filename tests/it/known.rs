//! What does a rule over a rep or a product know of it? What the reference data say at that moment.

use siaga::event::EntityKind;
use siaga::event::Symbols;
use siaga::event::reference::Attribute;
use siaga::event::reference::Product;
use siaga::event::reference::Quota;
use siaga::event::reference::Reference;
use siaga::event::reference::Rep;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::state::Entity;
use siaga::state::catalog::Catalog;
use siaga::state::evaluate::evaluate;
use siaga::state::program::FUEL;
use siaga::state::program::Items;
use siaga::state::program::Scope;
use siaga::state::texts;
use siaga::state::texts::Texts;
use siaga::state::value::Value;

use crate::scene::DAY;
use crate::scene::at;
use crate::scene::rule_set;

/// The values of expressions for `who`, on the day `day` of 2025, written out.
fn known(
    (kind, who): (EntityKind, &str),
    day: i64,
    currency: &str,
    expressions: &[&str],
) -> Vec<String> {
    let symbols = Symbols::default();
    let mut yaml = format!(
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: trend\n        \
         entity: {}\n        on: [order]\n        let:\n",
        kind.name()
    );
    for (place, text) in expressions.iter().enumerate() {
        yaml += &format!("          part{place}: \"{text}\"\n");
    }
    yaml += "        when: size(orders) >= 0\n        annotations: {summary: s}\n";
    let rules = rule_set(&yaml, &symbols);
    let catalog = catalog(&symbols);
    let mut entity = Entity::new(rules.plan(kind));
    entity.set_currency(Currency::parse(currency).unwrap());
    let (mut lets, mut made) = (vec![None; expressions.len()], Texts::default());
    let mut scope = Scope {
        program: &rules.program,
        plan: rules.plan(kind),
        entity: Some(&entity),
        id: Some(symbols.intern(who)),
        event: None,
        now: at(day * DAY),
        catalog: &catalog,
        symbols: &symbols,
        walked: None,
        texts: &mut made,
        lets: &mut lets,
        let_nodes: &rules.rules[0].part_nodes,
        fuel: FUEL,
        items: &mut Items::default(),
    };
    let nodes = &rules.rules[0].part_nodes;
    let written = nodes.iter().map(|node| match evaluate(&mut scope, *node) {
        Ok(Value::Money(amount)) => amount.to_string(),
        Ok(Value::Time(at)) => at.to_string(),
        Ok(text @ (Value::Text(_) | Value::Made(_))) => {
            texts::read(&scope, text, str::to_owned).unwrap()
        }
        Ok(Value::Null) => "null".to_owned(),
        other => format!("{other:?}"),
    });
    written.collect()
}

fn catalog(symbols: &Symbols) -> Catalog {
    let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
    let quota = |from: i64, amount| Quota {
        from: at(from * DAY),
        to: at((from + 30) * DAY),
        amount: units(amount),
        currency: Some(Currency::parse("USD").unwrap()),
    };
    let mut catalog = Catalog::default();
    catalog.apply(&Reference::Rep(Rep {
        id: symbols.intern("r1"),
        name: Some("Rep One".to_owned()),
        title: None,
        manager: Some(symbols.intern("m1")),
        territories: vec![symbols.intern("North")],
        seniority: Some(symbols.intern("senior")),
        quotas: vec![quota(0, 1_000), quota(30, 2_000)],
        tenures: Vec::new(),
    }));
    catalog.apply(&Reference::Product(Product {
        id: symbols.intern("p1"),
        name: None,
        category: Some(symbols.intern("Safety")),
        brand: None,
        list_price: Some(units(12)),
        unit_cost: None,
        attributes: [("stock".to_owned(), Attribute::Number(4.0))].into_iter().collect(),
    }));
    catalog
}

#[test]
fn a_rep_has_its_name_its_manager_and_the_quota_of_now() {
    let asked =
        ["rep.id", "rep.name", "rep.title", "rep.manager", "rep.territory", "rep.seniority"];
    let rep = (EntityKind::Rep, "r1");
    assert_eq!(known(rep, 3, "USD", &asked), ["r1", "Rep One", "null", "m1", "North", "senior"]);
    let quota = ["rep.quota", "rep.quota_from", "rep.quota_to"];
    for (day, want) in [
        (3, ["1000", "2025-01-01T00:00:00Z", "2025-01-31T00:00:00Z"]),
        (30, ["2000", "2025-01-31T00:00:00Z", "2025-03-02T00:00:00Z"]),
        (60, ["null", "null", "null"]),
    ] {
        assert_eq!(known(rep, day, "USD", &quota), want, "day {day}");
    }
    assert_eq!(known(rep, 3, "EUR", &["rep.quota"]), ["Err(Currencies)"]);
}

#[test]
fn who_is_not_in_the_reference_data_has_an_id_and_is_called_by_it() {
    assert_eq!(
        known((EntityKind::Rep, "r9"), 3, "USD", &["rep.name", "rep.manager", "rep.quota"]),
        ["r9", "null", "null"]
    );
    assert_eq!(
        known((EntityKind::Product, "p9"), 3, "USD", &["product.name", "product.category"]),
        ["p9", "null"]
    );
}

#[test]
fn a_product_has_its_prices_and_what_else_the_source_says() {
    let asked = [
        "product.name",
        "product.category",
        "product.brand",
        "product.list_price",
        "product.unit_cost",
        "product.attributes.stock < 5 ? 'few' : 'many'",
        "product.attributes.colour",
        "product.category.upperAscii() + '!'",
    ];
    assert_eq!(
        known((EntityKind::Product, "p1"), 3, "USD", &asked),
        ["p1", "Safety", "null", "12", "null", "few", "null", "SAFETY!"]
    );
}
