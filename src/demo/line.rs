//! How is an event written? As one line of JSON, with the fields and names of every other source.
//!
//! ```text
//! {"event_id":"demo-e00000042","type":"order","occurred_at":"2025-01-08T09:14:07Z", … "lines":[…]}
//! {"event_id":"demo-e00000043","occurred_at":"2025-01-08T09:15:40Z", … "kind":"call", …}
//! ```
//!
//! It is written by hand, because the stream has to be faster than what it feeds. No text in it
//! needs an escape: names are ASCII without quotes (a test parses every line).

use std::fmt;
use std::fmt::Write as _;

use crate::demo::catalogue::Catalogue;
use crate::demo::catalogue::Category;
use crate::demo::catalogue::ProductIndex;
use crate::demo::world::Customer;
use crate::demo::world::Rep;
use crate::time::Timestamp;

/// Who took part in an event, and when it happened.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// Number of the event in the stream.
    pub(super) event: u64,
    pub(super) at: Timestamp,
    pub(super) customer: &'a Customer,
    pub(super) rep: &'a Rep,
}

/// Goods that go out, or come back.
#[derive(Debug)]
pub(super) struct Goods {
    /// `order` or `return`.
    pub(super) word: &'static str,
    /// Number of the order, a return's too.
    pub(super) order: u64,
    pub(super) channel: &'static str,
    pub(super) lines: Vec<OrderLine>,
}

/// One line of goods. Amounts are cents; a return has negative quantity and discount.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderLine {
    pub(super) product: ProductIndex,
    pub(super) quantity: i64,
    pub(super) unit_price: i64,
    pub(super) unit_cost: i64,
    pub(super) discount: i64,
}

/// Words that pass between customer and rep. What an interaction lacks is absent.
#[derive(Debug, Clone, Default)]
pub(super) struct Interaction {
    /// `call`, `visit`, `complaint` …
    pub(super) word: &'static str,
    pub(super) status: Option<&'static str>,
    pub(super) direction: Option<&'static str>,
    pub(super) topic: Option<&'static str>,
    pub(super) category: Option<Category>,
    pub(super) outcome: Option<&'static str>,
    pub(super) severity: Option<&'static str>,
    pub(super) duration_s: Option<i64>,
    /// Hundredths, from -100 to 100.
    pub(super) sentiment: Option<i64>,
    /// Number of the quote.
    pub(super) quote: Option<u64>,
    /// Cents.
    pub(super) amount: Option<i64>,
    /// Number of the campaign.
    pub(super) campaign: Option<u32>,
}

/// Cents or other hundredths, written as a number with two places.
struct Hundredths(i64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

/// An order or a return.
pub(super) fn goods(scene: Scene<'_>, goods: &Goods, catalogue: &Catalogue) -> String {
    let mut out = String::with_capacity(256 + 176 * goods.lines.len());
    // Writing into a string cannot fail.
    let _ = write_goods(&mut out, scene, goods, catalogue);
    out
}

/// An interaction.
pub(super) fn interaction(scene: Scene<'_>, interaction: &Interaction) -> String {
    let mut out = String::with_capacity(288);
    let _ = write_interaction(&mut out, scene, interaction);
    out
}

fn write_goods(
    out: &mut String,
    Scene { event, at, customer, rep }: Scene<'_>,
    Goods { word, order, channel, lines }: &Goods,
    catalogue: &Catalogue,
) -> fmt::Result {
    write!(out, r#"{{"event_id":"demo-e{event:08}","type":"{word}","occurred_at":"{at}","#)?;
    write!(out, r#""customer_id":"{}","order_id":"demo-o{order:07}","#, customer.id)?;
    write!(out, r#""channel":"{channel}","rep_id":"{}","territory":"{}","#, rep.id, rep.territory)?;
    out.push_str(r#""currency":"USD","lines":["#);
    for (index, line) in lines.iter().enumerate() {
        let product = catalogue.product(line.product);
        if index > 0 {
            out.push(',');
        }
        write!(out, r#"{{"line_no":{},"product_id":"{}","#, index + 1, product.id)?;
        write!(out, r#""category":"{}","brand":"{}","#, product.category.name(), product.brand)?;
        write!(
            out,
            r#""quantity":{},"unit_price":{},"#,
            line.quantity,
            Hundredths(line.unit_price)
        )?;
        write!(
            out,
            r#""unit_cost":{},"discount":{},"#,
            Hundredths(line.unit_cost),
            Hundredths(line.discount)
        )?;
        write!(out, r#""net_amount":{}}}"#, Hundredths(line.net()))?;
    }
    out.push_str("]}");
    Ok(())
}

fn write_interaction(
    out: &mut String,
    Scene { event, at, customer, rep }: Scene<'_>,
    said: &Interaction,
) -> fmt::Result {
    write!(out, r#"{{"event_id":"demo-e{event:08}","occurred_at":"{at}","#)?;
    write!(
        out,
        r#""customer_id":"{}","kind":"{}","rep_id":"{}","#,
        customer.id, said.word, rep.id
    )?;
    write!(out, r#""territory":"{}""#, rep.territory)?;
    let words = [
        ("status", said.status),
        ("direction", said.direction),
        ("topic", said.topic),
        ("category", said.category.map(Category::name)),
        ("outcome", said.outcome),
        ("severity", said.severity),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            write!(out, r#","{name}":"{word}""#)?;
        }
    }
    if let Some(seconds) = said.duration_s {
        write!(out, r#","duration_s":{seconds}"#)?;
    }
    if let Some(sentiment) = said.sentiment {
        write!(out, r#","sentiment":{}"#, Hundredths(sentiment))?;
    }
    if let Some(number) = said.quote {
        write!(out, r#","quote_id":"demo-q{number:06}""#)?;
    }
    if let Some(cents) = said.amount {
        write!(out, r#","amount":{},"currency":"USD""#, Hundredths(cents))?;
    }
    if let Some(number) = said.campaign {
        write!(out, r#","campaign_id":"demo-k{number:02}""#)?;
    }
    out.push('}');
    Ok(())
}

impl OrderLine {
    /// What the customer pays, in cents.
    pub(super) fn net(&self) -> i64 {
        self.unit_price * self.quantity - self.discount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_keep_their_sign_and_places() {
        for (hundredths, text) in
            [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-1234, "-12.34"), (100, "1.00")]
        {
            assert_eq!(Hundredths(hundredths).to_string(), text);
        }
    }
}
