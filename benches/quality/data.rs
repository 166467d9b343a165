//! What did the customers of a recorded set do? Lines of `transactions.ndjson.zst`, by day.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use siaga::time::Span;
use siaga::time::Timestamp;

/// One line of a purchase.
#[derive(Debug)]
pub(crate) struct Line {
    /// The number at the end of the customer's id.
    pub(crate) customer: u64,
    /// Position of its order among all orders by order id.
    pub(crate) order: usize,
    /// Instant in milliseconds.
    pub(crate) at: i64,
    /// Days since day 0 of the set.
    pub(crate) day: i64,
    pub(crate) category: Option<String>,
    pub(crate) product: String,
    pub(crate) own_brand: bool,
    pub(crate) amount: f64,
}

#[derive(Deserialize)]
struct Order {
    occurred_at: String,
    customer_id: String,
    #[serde(rename = "order_id")]
    number: String,
    lines: Vec<OrderLine>,
}

#[derive(Deserialize)]
struct OrderLine {
    product_id: String,
    category: Option<String>,
    brand: Option<String>,
    net_amount: Option<f64>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    name: Option<String>,
}

fn records(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::new(zstd::Decoder::new(file)?).lines())
}

/// All lines of a set, in the order of the file; `start` is its day 0.
pub(crate) fn lines(folder: &Path, set: &str, start: Timestamp) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut orders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for record in records(&folder.join(set).join("transactions.ndjson.zst"))? {
        let order: Order = serde_json::from_str(&record?)?;
        let at = Timestamp::parse(&order.occurred_at)?;
        let number = order.customer_id.rsplit('-').next().unwrap_or_default();
        let customer = number.parse().with_context(|| format!("no number: {number}"))?;
        let places = orders.entry(order.number).or_default();
        for line in order.lines {
            places.push(lines.len());
            lines.push(Line {
                customer,
                order: 0,
                at: at.millis(),
                day: at.day() - start.day(),
                category: line.category,
                product: line.product_id,
                own_brand: line.brand.as_deref() == Some("Private"),
                amount: line.net_amount.unwrap_or(0.0),
            });
        }
    }
    for (number, places) in orders.into_values().enumerate() {
        for place in places {
            lines[place].order = number;
        }
    }
    Ok(lines)
}

/// Product type of each product that has one.
pub(crate) fn product_types(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut types = BTreeMap::new();
    for record in records(&folder.join("cj").join("products.ndjson.zst"))? {
        let product: Product = serde_json::from_str(&record?)?;
        types.extend(product.name.map(|name| (product.product_id, name)));
    }
    Ok(types)
}

/// Purchase days of one customer: day and amount, rising.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) id: u64,
    pub(crate) days: Vec<(i64, f64)>,
}

/// One observation per customer and day, customers by id.
pub(crate) fn purchase_days(lines: &[Line]) -> Vec<Customer> {
    let mut customers: BTreeMap<u64, BTreeMap<i64, f64>> = BTreeMap::new();
    for line in lines {
        *customers.entry(line.customer).or_default().entry(line.day).or_default() += line.amount;
    }
    let customer =
        |(id, days): (u64, BTreeMap<i64, f64>)| Customer { id, days: days.into_iter().collect() };
    customers.into_iter().map(customer).collect()
}

/// Midnight of a day of the set, as an instant.
pub(crate) fn midnight(day: i64) -> Timestamp {
    Timestamp::EPOCH + Span::from_millis(day * Span::DAY.millis())
}
