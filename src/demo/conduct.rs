//! What does a customer do? Orders by its own rhythm, calls, quotes, complaints: one draw each.
//!
//! ```text
//! customer + episodes that go on + chance ──► order lines      (what, how much, at which margin)
//!                                         ├─► next order       (when)
//!                                         └─► exchange         (who said what, how long after)
//! ```
//!
//! An episode shows only here: it stretches a gap, drops a category, adds discount or cost.

use crate::demo::calendar::WorkSpan;
use crate::demo::calendar::WorkTime;
use crate::demo::catalogue::Catalogue;
use crate::demo::catalogue::Category;
use crate::demo::episode::EpisodeKind;
use crate::demo::line::Goods;
use crate::demo::line::Interaction;
use crate::demo::line::OrderLine;
use crate::demo::random::Random;
use crate::demo::random::float;
use crate::demo::random::round;
use crate::demo::world::Customer;
use crate::demo::world::Rep;
use crate::demo::world::share;

/// What is said, each part so long after the exchange began.
pub(super) type Exchange = Vec<(WorkSpan, Interaction)>;

/// Contacts of a customer and its rep in a year, beside those that belong to an order.
const CONTACTS_YEARLY: f64 = 39.0;

/// Hundredths of a per cent that an episode adds to the discount, or to the cost.
const DISCOUNT_ADDED_BP: i64 = 850;
const COST_ADDED_BP: i64 = 1_150;

/// When the customer orders next.
pub(super) fn next_order(
    customer: &Customer,
    rep: &Rep,
    at: WorkTime,
    random: &mut Random,
) -> WorkTime {
    let grows = customer.current(EpisodeKind::Growth, at).is_some();
    let pace = if grows { 0.55 } else { 1.0 } * if rep.slumps(at) { 1.7 } else { 1.0 };
    let next = at + WorkSpan::days(random.gamma_4(customer.gap_days * pace));
    match customer.current(EpisodeKind::Silence, next) {
        Some(silence) => silence.to + WorkSpan::days(random.between(0.0, customer.gap_days / 2.0)),
        None => next,
    }
}

/// What the customer orders. The first order holds a line of every category it buys.
pub(super) fn order_lines(
    customer: &Customer,
    catalogue: &Catalogue,
    at: WorkTime,
    first: bool,
    random: &mut Random,
) -> Vec<OrderLine> {
    let lost = customer.current(EpisodeKind::CategoryLoss, at).and_then(|e| e.category);
    let discounted = customer.current(EpisodeKind::MarginDiscount, at).is_some();
    let costly = customer.current(EpisodeKind::MarginCost, at).is_some();
    let grows = customer.current(EpisodeKind::Growth, at).is_some();
    let added = if discounted { DISCOUNT_ADDED_BP } else { 0 };
    let discount_bp = (customer.discount_bp + added + random.whole(-120, 120)).max(0);
    let count = if first { customer.basket.len() } else { random.index(5) + 1 };
    let mut lines: Vec<OrderLine> = Vec::with_capacity(count);
    for line in 0..count {
        let category = if first { line } else { random.weighted(customer.weights(lost)) };
        let product = customer.favourites[category][random.index(2)];
        if lines.iter().any(|l| l.product == product) {
            continue;
        }
        let sold = catalogue.product(product);
        let worth = customer.line_cents * random.factor(0.35) * if grows { 1.3 } else { 1.0 };
        let quantity = round(worth / float(sold.list_price)).max(1);
        let cost_bp = 10_000 + random.whole(-60, 60) + if costly { COST_ADDED_BP } else { 0 };
        lines.push(OrderLine {
            product,
            quantity,
            unit_price: sold.list_price,
            unit_cost: share(sold.unit_cost, cost_bp),
            discount: share(sold.list_price * quantity, discount_bp),
        });
    }
    lines
}

/// What comes back of an order: nothing, for 97 of 100.
pub(super) fn returned(order: &Goods, random: &mut Random) -> Option<Goods> {
    if !random.chance(0.03) {
        return None;
    }
    let mut line = *order.lines.get(random.index(order.lines.len()))?;
    let quantity = random.whole(1, line.quantity);
    line.discount = -round(float(line.discount * quantity) / float(line.quantity));
    line.quantity = -quantity;
    Some(Goods { word: "return", lines: vec![line], ..*order })
}

/// Days until customer and rep are next in touch.
pub(super) fn days_to_contact(random: &mut Random) -> f64 {
    random.exponential(365.0 / CONTACTS_YEARLY)
}

/// One contact about whatever comes up; `quote` is the number of a new quote.
pub(super) fn contact(
    customer: &Customer,
    at: WorkTime,
    quote: u64,
    random: &mut Random,
) -> Exchange {
    let silent = customer.current(EpisodeKind::Silence, at).is_some();
    let mood = if silent { -30 } else { 25 };
    let said = |word, direction, random: &mut Random| Interaction {
        word,
        direction: Some(direction),
        sentiment: Some(sentiment(mood, random)),
        ..Interaction::default()
    };
    match random.weighted([16.0, 6.0, 11.0, 1.5, 3.0, 1.5].into_iter()) {
        0 if silent => missed_call(random),
        0 => ordinary_call(customer, at, random),
        1 => vec![(WorkSpan::seconds(0), said("visit", "outbound", random))],
        2 if silent || random.chance(0.5) => {
            vec![(WorkSpan::seconds(0), said("email", "outbound", random))]
        }
        2 => vec![(WorkSpan::seconds(0), said("email", "inbound", random))],
        3 => vec![(WorkSpan::seconds(0), complaint(customer, -60, random))],
        4 => lost_quote(customer, quote, random),
        _ => vec![(WorkSpan::seconds(0), said("meeting", "outbound", random))],
    }
}

/// A call from the customer about a category, or about price or delivery.
pub(super) fn ordinary_call(customer: &Customer, at: WorkTime, random: &mut Random) -> Exchange {
    let price = customer.current(EpisodeKind::MarginDiscount, at).map_or(0.2, |_| 0.6);
    let topics: Vec<Category> = customer.topics().collect();
    match (random.unit(), topics.get(random.index(topics.len()))) {
        (drawn, _) if drawn < price => call("price", None, random),
        (drawn, Some(category)) if drawn < 0.85 => call_about(*category, random),
        _ => call("delivery", None, random),
    }
}

/// A call from the customer about a category.
pub(super) fn call_about(category: Category, random: &mut Random) -> Exchange {
    call(category.name(), Some(category), random)
}

fn call(topic: &'static str, category: Option<Category>, random: &mut Random) -> Exchange {
    let started = Interaction {
        word: "call",
        status: Some("started"),
        direction: Some("inbound"),
        topic: Some(topic),
        category,
        ..Interaction::default()
    };
    let seconds = random.whole(60, 900);
    let ended = Interaction {
        status: Some("ended"),
        duration_s: Some(seconds),
        sentiment: Some(sentiment(20, random)),
        ..started.clone()
    };
    vec![(WorkSpan::seconds(0), started), (WorkSpan::seconds(seconds), ended)]
}

/// The rep calls, and nobody answers.
fn missed_call(random: &mut Random) -> Exchange {
    let started = Interaction {
        word: "call",
        status: Some("started"),
        direction: Some("outbound"),
        topic: Some("follow_up"),
        ..Interaction::default()
    };
    let seconds = random.whole(15, 40);
    let ended = Interaction {
        status: Some("ended"),
        outcome: Some("no_answer"),
        duration_s: Some(seconds),
        ..started.clone()
    };
    vec![(WorkSpan::seconds(0), started), (WorkSpan::seconds(seconds), ended)]
}

/// A complaint of this mood.
pub(super) fn complaint(customer: &Customer, mood: i64, random: &mut Random) -> Interaction {
    let bought = customer.basket.get(random.index(customer.basket.len()));
    Interaction {
        word: "complaint",
        direction: Some("inbound"),
        topic: Some(["delivery", "price", "quality"][random.index(3)]),
        category: bought.map(|(category, _)| *category),
        severity: Some(if mood < -70 { "high" } else { "low" }),
        sentiment: Some(sentiment(mood, random)),
        ..Interaction::default()
    }
}

/// The quote of an order that follows it, and its acceptance an hour before the order.
pub(super) fn won_quote(
    customer: &Customer,
    until_order: WorkSpan,
    quote: u64,
    random: &mut Random,
) -> Exchange {
    let sent = quote_sent(customer, quote, random);
    let accepted = Interaction { status: Some("accepted"), ..sent.clone() };
    vec![(WorkSpan::seconds(0), sent), (until_order.less(WorkSpan::minutes(60)), accepted)]
}

fn lost_quote(customer: &Customer, quote: u64, random: &mut Random) -> Exchange {
    let sent = quote_sent(customer, quote, random);
    let outcome = if random.chance(0.6) { "lost" } else { "expired" };
    let decided = WorkSpan::days(random.between(3.0, 20.0));
    let over = Interaction { status: Some(outcome), ..sent.clone() };
    vec![(WorkSpan::seconds(0), sent), (decided, over)]
}

fn quote_sent(customer: &Customer, quote: u64, random: &mut Random) -> Interaction {
    let wanted = customer.basket.get(random.weighted(customer.weights(None)));
    Interaction {
        word: "quote",
        status: Some("sent"),
        category: wanted.map(|(category, _)| *category),
        quote: Some(quote),
        amount: Some(round(customer.line_cents * random.between(2.0, 6.0))),
        ..Interaction::default()
    }
}

/// A campaign's message.
pub(super) fn mailing(campaign: u32) -> Interaction {
    Interaction { word: "campaign_sent", campaign: Some(campaign), ..Interaction::default() }
}

/// The answer to a campaign, if there is one, after so long.
pub(super) fn response(campaign: u32, random: &mut Random) -> Option<(WorkSpan, Interaction)> {
    let after = WorkSpan::days(random.between(0.2, 6.0));
    let said = Interaction {
        word: "campaign_response",
        outcome: Some("responded"),
        campaign: Some(campaign),
        ..Interaction::default()
    };
    random.chance(0.12).then_some((after, said))
}

fn sentiment(mood: i64, random: &mut Random) -> i64 {
    (mood + random.whole(-30, 30)).clamp(-100, 100)
}
