//! Does a detector that is kept from event to event find what it finds in the whole list? On streams
//! that are long enough for baselines and alarms, with late events, repeats, and a change of rules.
//!
//! ```text
//! margin_shift(lines)                      kept: fed once, and anew from a mark behind a late event
//! margin_shift(lines.last('200d'))         walked
//! Detector::add over the listed events     by the book
//! ```

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use siaga::event::Detail;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbols;
use siaga::event::reference::Customer;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::rule::expression;
use siaga::state::models::Models;
use siaga::state::models::Segment;
use siaga::state::value::Value;

use crate::scene::DAY;
use crate::scene::cases;
use crate::scene::happened;
use crate::scene::order;
use crate::scene::rule_set;
use crate::windows::Kept;
use crate::windows::Listed;
use crate::windows::by_the_book;
use crate::windows::rule_of;

/// Every figure of every detector, over everything, parts of it and windows.
fn expressions() -> Vec<String> {
    let mut all: Vec<String> = [
        "p_alive(orders)",
        "p_alive(orders.filter(o, o.channel == 'web'))",
        "p_alive(orders.last(10))",
        "p_alive(orders.between('180d', '30d'))",
        "expected_purchases(orders, '28d')",
        "drift_deadline(orders, 0.5)",
        "drift_deadline(orders.last('365d'), size(complaints) > 0 ? 0.65 : 0.5)",
        "p_active(orders)",
        "p_active(orders.last(10))",
        "silence_limit(orders, 0.5)",
        "silence_limit(orders.last('365d'), size(complaints) > 0 ? 0.65 : 0.5)",
        "sentiment(interactions)",
        "sentiment(complaints.last('90d'))",
    ]
    .map(str::to_owned)
    .to_vec();
    let figures: [(&str, &[&str]); 5] = [
        ("category_loss($, 1.5)", &["count", "category", "since", "gap", "purchases", "next"]),
        ("category_dropped($, 0.3)", &["count", "category", "since", "gap", "missed", "chance"]),
        (
            "discount_shift($)",
            &["alarm", "strength", "since", "usual", "recent", "orders", "extra"],
        ),
        (
            "margin_shift($)",
            &[
                "alarm", "strength", "since", "usual", "recent", "orders", "price", "discount",
                "cost", "mix", "gap",
            ],
        ),
        ("trend($)", &["alarm", "strength", "direction", "since", "level", "slope", "usual"]),
    ];
    for (call, fields) in figures {
        let lists: &[&str] = if call.starts_with("trend") {
            &["orders", "orders.filter(o, o.channel != 'store')", "orders.last('300d')"]
        } else {
            &[
                "lines",
                "lines.filter(l, l.category == 'a')",
                "lines.filter(l, l.net > 30.0)",
                "lines.last('300d')",
                "lines.last(60).filter(l, l.category != 'b')",
            ]
        };
        for list in lists {
            let call = call.replace('$', list);
            all.extend(fields.iter().map(|field| format!("{call}.{field}")));
        }
    }
    all
}

/// One event: how long after the one before, and how late.
#[derive(Debug, Clone)]
struct Step {
    quarter_days: i64,
    delay: i64,
    twice: bool,
    kind: Kind,
    channel: Option<&'static str>,
    euro: bool,
    mood: Option<i64>,
    lines: Vec<LineSketch>,
}

/// Product, quantity, net amount, discount and cost.
type LineSketch = (usize, i64, i64, Option<i64>, Option<i64>);

fn step() -> impl Strategy<Value = Step> {
    let kind =
        prop_oneof![12 => Just(Kind::Order), 1 => Just(Kind::Complaint), 1 => Just(Kind::Email)];
    let delay = prop_oneof![8 => Just(0_i64), 2 => 1..40_i64, 1 => 1..700_i64];
    let gap = prop_oneof![12 => 0..14_i64, 1 => 0..160_i64];
    let cost = prop_oneof![1 => Just(None), 30 => (10..30_i64).prop_map(Some)];
    let line = (0..6_usize, 1..4_i64, 20..50_i64, option::of(0..6_i64), cost);
    let head = (gap, delay, prop::bool::weighted(0.05), kind, prop::bool::weighted(0.003));
    let channel = select(&[None, Some("web"), Some("store")][..]);
    (head, channel, option::of(-10..10_i64), vec(line, 1..4)).prop_map(
        |((quarter_days, delay, twice, kind, euro), channel, mood, lines)| Step {
            quarter_days,
            delay,
            twice,
            kind,
            channel,
            euro,
            mood,
            lines,
        },
    )
}

/// The events in the order of their arrival; from the event at `falls` on, goods cost more.
fn stream(steps: &[Step], falls: usize, symbols: &Symbols) -> Vec<Event> {
    let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
    let categories = ["a", "a", "b", "b", "c"].map(|name| symbols.intern(name));
    let products = ["p1", "p2", "p3", "p4", "p5", "p6"].map(|name| symbols.intern(name));
    let mut arriving = Vec::new();
    let mut at = 0;
    for (number, step) in steps.iter().enumerate() {
        at += step.quarter_days;
        let id = (number * 37 % 101).to_string();
        let dearer = if number >= falls { 14 } else { 0 };
        let lines = step.lines.iter().map(|(product, quantity, net, discount, cost)| Line {
            product: Some(products[*product]),
            category: categories.get(*product).copied(),
            quantity: units(*quantity),
            net: Some(units(*net)),
            discount: discount.map(units),
            cost: cost.map(|cost| units(cost + dearer)),
            ..Line::default()
        });
        let detail = Detail {
            sentiment: step.mood.map(|tenths| Decimal::from_micros(tenths * 100_000)),
            ..Detail::default()
        };
        let is_order = step.kind == Kind::Order;
        let event = Event {
            kind: step.kind,
            channel: step.channel.map(|name| symbols.intern(name)),
            currency: Some(Currency::parse(if step.euro { "EUR" } else { "USD" }).unwrap()),
            lines: if is_order { lines.collect() } else { <_>::default() },
            detail: (!is_order).then(|| Box::new(detail)),
            ..happened(symbols, "c", &id, at * DAY / 4)
        };
        if step.twice {
            arriving.push((at + step.delay + 9, event.clone()));
        }
        arriving.push((at + step.delay, event));
    }
    arriving.sort_by_key(|(arrival, _)| *arrival);
    arriving.into_iter().map(|(_, event)| event).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    #[test]
    fn a_kept_detector_finds_what_it_finds_in_the_list(
        steps in vec(step(), 60..130),
        falls in 25..60_usize,
        turn in 0..130_usize,
    ) {
        let symbols = Symbols::default();
        let after = expressions();
        // Half of them come later, with a change of rules.
        let before: Vec<String> = after.iter().skip(1).step_by(2).cloned().collect();
        let (old, new) = (rule_set(&rule_of(&before), &symbols), rule_set(&rule_of(&after), &symbols));
        let trees: Vec<_> = after.iter().map(|text| expression::parse(text).unwrap()).collect();
        let (mut kept, mut listed) = (Kept::of(&old, &symbols), Listed::default());
        let events = stream(&steps, falls, &symbols);
        for (step, event) in events.iter().enumerate() {
            kept.apply(event);
            listed.apply(event);
            if step == turn {
                kept.change(&new);
            }
            if step >= turn && (step % 9 == 0 || step + 1 == events.len()) {
                by_the_book(&kept, &listed, (step, event), after.iter().zip(&trees))?;
            }
        }
    }
}

/// An order every day: more than two years of them are not all kept.
fn daily(symbols: &Symbols, days: std::ops::Range<i64>) -> Vec<Event> {
    let days = days.map(|day| {
        let mut event = order(symbols, "c", &format!("o{day}"), day * DAY, 100);
        event.lines[0].cost = Some(Decimal::from_micros((60 + day % 5) * Decimal::SCALE));
        event
    });
    days.collect()
}

#[test]
fn what_the_history_forgets_a_detector_has_seen() {
    let asked = ["margin_shift(lines).usual", "p_alive(orders)", "trend(orders).usual"];
    let asked: Vec<String> = asked.map(str::to_owned).to_vec();
    let symbols = Symbols::default();
    let rules = rule_set(&rule_of(&asked), &symbols);
    let trees: Vec<_> = asked.iter().map(|text| expression::parse(text).unwrap()).collect();
    let (mut kept, mut listed) = (Kept::of(&rules, &symbols), Listed::default());
    let mut events = daily(&symbols, 0..1_500);
    // Late ones, far back and just now.
    let (far, near) = (events.remove(900), events.remove(1_400));
    events.insert(1_450, near);
    events.insert(1_470, far);
    for event in &events {
        kept.apply(event);
        listed.apply(event);
    }
    assert!(kept.entity.history.len() < 1_200, "{} orders are kept", kept.entity.history.len());
    let last = events.last().unwrap();
    by_the_book(&kept, &listed, (0, last), asked.iter().zip(&trees)).unwrap();
    // Another set of rules keeps what was seen.
    let other = rule_set(&rule_of(&asked[..2]), &symbols);
    kept.change(&other);
    by_the_book(&kept, &listed, (1, last), asked[..2].iter().zip(&trees)).unwrap();
}

/// A customer of the segment `trade`.
fn of_segment(symbols: &Symbols) -> Customer {
    Customer {
        id: symbols.intern("c"),
        name: None,
        kind: None,
        segment: Some(symbols.intern("trade")),
        tier: None,
        territory: None,
        owner: None,
        consent_marketing: None,
        attributes: <_>::default(),
    }
}

#[test]
fn what_is_learned_counts_for_the_whole_list() {
    let symbols = Symbols::default();
    let rules = rule_set(&rule_of(&["p_alive(orders)".to_owned()]), &symbols);
    let mut kept = Kept::of(&rules, &symbols);
    let events: Vec<Event> = daily(&symbols, 0..90).into_iter().step_by(30).collect();
    for event in &events {
        kept.apply(event);
    }
    let p_alive = |kept: &Kept<'_>| match kept.values(&events[2])[0] {
        Ok(Value::Double(p)) => p,
        other => panic!("{other:?}"),
    };
    let start = p_alive(&kept);
    let trade = symbols.intern("trade");
    let mut learned = Models { version: 1, ..Models::default() };
    let mut segment = Segment::default();
    segment.population.repeat_buying.a = 0.1;
    learned.segments.insert(trade, segment);
    kept.catalog.learn(Arc::new(learned));
    assert!((p_alive(&kept) - start).abs() < 1e-12, "of another segment");
    kept.entity.set_profile(of_segment(&symbols));
    let found = p_alive(&kept);
    // Two repeats, 60 days: the odds of leaving are a tenth of .793 of those at the start.
    let odds = |p: f64| (1.0 - p) / p;
    assert!((odds(found) / odds(start) - 0.1 / 0.793).abs() < 1e-9, "{found} {start}");
}

#[test]
fn what_is_learned_on_the_way_counts_for_what_came_before_it_and_for_what_is_late() {
    let asked: Vec<String> = ["margin_shift(lines)", "discount_shift(lines)", "trend(orders)"]
        .iter()
        .flat_map(|call| ["strength", "usual", "since"].map(|figure| format!("{call}.{figure}")))
        .chain(["p_active(orders)".to_owned(), "category_dropped(lines, 0.3).count".to_owned()])
        .collect();
    let symbols = Symbols::default();
    let rules = rule_set(&rule_of(&asked), &symbols);
    let learned = |version: u32| {
        let part = f64::from(version);
        let mut segment = Segment {
            margin_deviation: 0.02 * part,
            spend_variance: 0.3 * part,
            ..Segment::default()
        };
        segment.population.repeat_buying.a = 0.1 * part;
        let mut models = Models { version, ..Models::default() };
        models.segments.insert(symbols.intern("trade"), segment);
        Arc::new(models)
    };
    let customer = || of_segment(&symbols);
    let mut events = daily(&symbols, 0..700);
    for (day, event) in events.iter_mut().enumerate() {
        let discount = [0, 3, 1, 6, 2, 5, 4][day % 7];
        event.lines[0].discount = Some(Decimal::from_micros(discount * Decimal::SCALE));
    }
    // Once learned, then told; and told while it was learned, with late events and looks between.
    let mut at_once = Kept::of(&rules, &symbols);
    at_once.entity.set_profile(customer());
    at_once.catalog.learn(learned(4));
    for event in &events {
        at_once.apply(event);
    }
    let mut on_the_way = Kept::of(&rules, &symbols);
    on_the_way.entity.set_profile(customer());
    let (last, late) = (events[699].clone(), events.remove(500));
    events.insert(660, late);
    let early = events.remove(20);
    events.insert(690, early);
    for (place, event) in events.iter().enumerate() {
        match place {
            100 => on_the_way.catalog.learn(learned(1)),
            300 => on_the_way.catalog.learn(learned(2)),
            650 => on_the_way.catalog.learn(learned(3)),
            680 => on_the_way.catalog.learn(learned(4)),
            _ => {}
        }
        on_the_way.apply(event);
        if place % 40 == 0 {
            on_the_way.refresh();
        }
    }
    assert_eq!(on_the_way.values(&last), at_once.values(&last));
    // Read before the next event, each figure by itself.
    on_the_way.catalog.learn(learned(5));
    let unrefreshed = on_the_way.values(&last);
    on_the_way.refresh();
    assert_eq!(on_the_way.values(&last), unrefreshed);
    assert_ne!(at_once.values(&last), unrefreshed, "what is learned does matter");
}
