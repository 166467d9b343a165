//! What is known beforehand? Products, relations, reps, customers and agreements, as lines of JSON.
//!
//! The lines have the names of every other source; relations and agreements say what they are in
//! `record`, because no id of theirs tells.

use serde_json::Value;
use serde_json::json;

use crate::demo::Settings;
use crate::demo::catalogue::Product;
use crate::demo::random::float;
use crate::demo::world::Customer;
use crate::demo::world::Rep;
use crate::demo::world::TERRITORIES;
use crate::demo::world::World;
use crate::demo::world::manager_id;
use crate::time::Span;
use crate::time::Timestamp;

/// Days of a quota's period and of an agreement's term.
const QUARTER_DAYS: i64 = 91;
const TERM_DAYS: i64 = 4 * QUARTER_DAYS;

/// Every record, in an order in which nothing is named before it is known.
pub(super) fn lines(settings: &Settings) -> Vec<String> {
    let world = World::new(settings);
    let catalogue = &world.catalogue;
    let relations = catalogue.relations();
    let relation = |(from, to, relation): &(&str, &str, &str)| json!({"record": "product_relation", "from": from, "to": to, "relation": relation});
    let values = catalogue.products().iter().map(product);
    let values = values.chain(relations.iter().map(relation));
    let values = values.chain(TERRITORIES.iter().enumerate().map(|(i, t)| manager(i, t)));
    let values = values.chain(world.reps.iter().enumerate().map(|(i, r)| rep(settings, i, r)));
    let values = values.chain(world.customers.iter().map(|c| customer(c, &world.reps[c.rep])));
    let values = values.chain(world.customers.iter().flat_map(|c| agreements(settings, c)));
    values.map(|value| value.to_string()).collect()
}

fn product(product: &Product) -> Value {
    json!({
        "product_id": product.id,
        "name": product.name,
        "category": product.category.name(),
        "brand": product.brand,
        "own_brand": product.brand == "House",
        "list_price": float(product.list_price) / 100.0,
        "unit_cost": float(product.unit_cost) / 100.0,
    })
}

fn manager(index: usize, territory: &str) -> Value {
    json!({
        "rep_id": manager_id(territory),
        "name": format!("Manager {:02}", index + 1),
        "title": "Regional manager",
        "territories": [territory],
    })
}

fn rep(settings: &Settings, index: usize, rep: &Rep) -> Value {
    let quotas: Vec<Value> = periods(settings, QUARTER_DAYS)
        .map(|(from, to)| {
            let amount = float(rep.quota_cents) / 100.0;
            json!({"from": date(from), "to": date(to), "amount": amount, "currency": "USD"})
        })
        .collect();
    json!({
        "rep_id": rep.id,
        "name": format!("Rep {:02}", index + 1),
        "title": "Sales representative",
        "manager_id": rep.manager_id(),
        "territories": [rep.territory],
        "seniority": if index.is_multiple_of(3) { "senior" } else { "junior" },
        "quotas": quotas,
    })
}

fn customer(customer: &Customer, rep: &Rep) -> Value {
    json!({
        "customer_id": customer.id,
        "name": customer.name,
        "kind": "business",
        "segment": customer.segment,
        "tier": customer.tier,
        "territory": rep.territory,
        "owner_rep_id": rep.id,
        "consent": {"marketing": customer.consent_marketing},
    })
}

/// One agreement a term, for customers who have one.
fn agreements(settings: &Settings, customer: &Customer) -> Vec<Value> {
    let Some(agreement) = customer.agreement else { return Vec::new() };
    let term = |(number, (from, to)): (usize, (Timestamp, Timestamp))| {
        json!({
            "record": "agreement",
            "agreement_id": format!("{}-agreement-{}", customer.id, number + 1),
            "customer_id": customer.id,
            "from": date(from),
            "to": date(to),
            "planned_amount": float(agreement.planned_cents) / 100.0,
            "discount_rate": float(customer.discount_bp) / 10_000.0,
            "currency": "USD",
        })
    };
    periods(settings, TERM_DAYS).enumerate().map(term).collect()
}

/// Periods of equal length that cover the stream.
fn periods(settings: &Settings, days: i64) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let length = Span::from_millis(days * Span::DAY.millis());
    let end = settings.end();
    let begins = std::iter::successors(Some(settings.start), move |from| Some(*from + length));
    begins.take_while(move |from| *from < end).map(move |from| (from, from + length))
}

fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
