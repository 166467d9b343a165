//! Does it matter in which order events arrive? Within the lateness, and with repeats, it must
//! not: the customer ends in the same state, and as many shards as there are make the same alerts.
//!
//! ```text
//! a stream, in the order of time ─┬─► as it is ────────────┐
//!                                 └─► shuffled, repeated ──┴─► equal fingerprints of everybody
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use siaga::event::Detail;
use siaga::event::EntityId;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbols;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::rule::set::RuleSet;

use crate::scene::HOUR;
use crate::scene::Play;
use crate::scene::cases;
use crate::scene::happened;
use crate::scene::rule_set;
use crate::scene::written;

const LATENESS: i64 = 48 * HOUR;

pub(crate) const RULES: &str = "
groups:
  - name: all
    rules:
      - alert: Windows
        family: trend
        on: [order, call]
        let:
          week: lines.last('7d').sum(l, l.net)
          before: lines.between('21d', '7d').filter(l, l.category == 'a').sum(l, l.net)
          costs: margin_rate(lines.last('10d'))
          big: orders.last('14d').exists(o, o.net > 45.0)
          calls30: size(calls.last('30d'))
        when: week > before || big
        expires_after: 5d
        annotations: {summary: '{{ week }} {{ before }} {{ costs }} {{ calls30 }}'}
      - alert: Ever
        family: cross_sell
        on: [call, order]
        let:
          highest: lines.max(l, l.net)
          bought: lines.exists(l, l.category == event.category)
          last_a: lines.filter(l, l.category == 'a').max(l, l.time)
        when: highest > 40.0 && !bought
        episode: date(now)
        annotations: {summary: '{{ highest }} {{ last_a }} {{ size(orders) }}'}
      - alert: Silence
        family: drift
        on: {silence: order, after: 'mean_gap(orders) * 2'}
        when: size(orders) >= 3
        annotations: {summary: '{{ size(orders) }}'}
      - alert: Rep
        family: performance
        entity: rep
        on: [order]
        when: orders.last('7d').sum(o, o.net) > 100.0
        keep_firing_for: 2d
        annotations: {summary: '{{ size(orders.last(5)) }}'}
      - alert: Product
        family: quality
        entity: product
        on: [order, return]
        when: size(returns.last('30d')) > size(orders.last('30d'))
        for: 1d
        annotations: {summary: s}
";

/// Customer, kind, hour, how late it is in hours, whether it comes again, what it says.
type Sketch = (u8, Kind, i64, i64, bool, Said);
type Said = (Option<&'static str>, i64, Option<i64>, Option<u8>, bool);

fn sketch() -> impl Strategy<Value = Sketch> {
    let kind = select(&[Kind::Order, Kind::Order, Kind::Order, Kind::Call, Kind::Return][..]);
    let category = select(&[None, Some("a"), Some("b"), Some("c")][..]);
    let cost = prop_oneof![1 => Just(None), 6 => (0..40_i64).prop_map(Some)];
    let rep = prop::option::of(0..3_u8);
    let said = (category, 0..60_i64, cost, rep, prop::bool::weighted(0.1));
    (0..4_u8, kind, 60..1_200_i64, 0..48_i64, prop::bool::weighted(0.15), said)
}

fn event((who, kind, hour, _, _, said): &Sketch, number: usize, symbols: &Symbols) -> Event {
    let (category, net, cost, rep, euro) = said;
    let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
    let category = category.map(|name| symbols.intern(name));
    let product = Some(symbols.intern(if net % 2 == 0 { "p0" } else { "p1" }));
    let (net, cost, quantity) = (Some(units(*net)), cost.map(units), Decimal::ONE);
    let line = Line { product, category, quantity, net, cost, ..Line::default() };
    let home = if *euro { "EUR" } else { "USD" };
    let detail = (*kind == Kind::Call).then(|| Detail { category, ..Detail::default() });
    Event {
        kind: *kind,
        rep: rep.map(|rep| symbols.intern(&format!("r{rep}"))),
        currency: Some(Currency::parse(home).unwrap()),
        lines: if detail.is_some() { None } else { Some(line) }.into_iter().collect(),
        detail: detail.map(Box::new),
        ..happened(symbols, &format!("c{who}"), &(number * 37 % 997).to_string(), hour * HOUR)
    }
}

/// In the order of time, and in an order of arrival within the lateness, repeats among them.
fn streams(sketches: &[Sketch], symbols: &Symbols) -> (Vec<Event>, Vec<Event>) {
    // A customer's currency, and a rep's and a product's, is that of the event that comes first,
    // and an alert's deadline moves its clock: everybody begins and ends with an event at home.
    let everybody = |hour: i64| {
        (0..12_u8).map(move |n| {
            let said = (None, i64::from(n % 2), Some(1), Some(n % 3), false);
            (n % 4, Kind::Order, hour, 0, false, said)
        })
    };
    let sketches: Vec<Sketch> =
        everybody(0).chain(sketches.iter().copied()).chain(everybody(1_400)).collect();
    let mut sorted = Vec::new();
    let mut arriving = Vec::new();
    for (number, sketch) in sketches.iter().enumerate() {
        let (_, _, hour, late, again, _) = sketch;
        let event = event(sketch, number, symbols);
        sorted.push(event.clone());
        if *again {
            arriving.push((hour + 2 * late + 1, event.clone()));
        }
        arriving.push((hour + late, event));
    }
    sorted.sort_by_key(|event| event.time);
    arriving.sort_by_key(|(arrival, _)| *arrival);
    (sorted, arriving.into_iter().map(|(_, event)| event).collect())
}

/// What became of everybody, and the alerts as a sorted list.
fn played(
    rules: &Arc<RuleSet>,
    symbols: &Symbols,
    events: &[Event],
    shards: usize,
) -> (BTreeMap<EntityId, u64>, Vec<String>) {
    let mut play = Play::new(rules, symbols, shards, LATENESS);
    for batch in events.chunks(7) {
        play.take_all(batch.iter().cloned());
    }
    let entities = play.engine.entities().to_vec();
    let (outputs, _) = play.finish();
    let mut states = BTreeMap::new();
    for shard in &entities {
        shard.each(|id, live, rules| {
            states.insert(id, live.entity.fingerprint(rules.plan(id.kind)));
        });
    }
    let mut told: Vec<String> = outputs.iter().map(written).collect();
    told.sort();
    (states, told)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1_000)))]

    #[test]
    fn any_arrival_within_the_lateness_ends_in_the_same_state(
        sketches in vec(sketch(), 1..80),
    ) {
        let symbols = Symbols::default();
        let rules = rule_set(RULES, &symbols);
        let (sorted, arriving) = streams(&sketches, &symbols);
        let (as_it_was, _) = played(&rules, &symbols, &sorted, 1);
        let (as_it_came, told) = played(&rules, &symbols, &arriving, 1);
        prop_assert_eq!(as_it_was, as_it_came.clone());
        let (with_three, told_by_three) = played(&rules, &symbols, &arriving, 3);
        prop_assert_eq!(as_it_came, with_three);
        prop_assert_eq!(told, told_by_three);
    }
}
