//! Is the value of every expression what CEL gives on the full list? On random rules and streams,
//! the compiled program agrees with the oracle on every event.
//!
//! ```text
//! random rule ─┬─► compiled: windows, running values, scans ─┐
//!              └─► parsed tree ─► oracle, over whole lists ──┴─► equal, event by event
//! ```
//!
//! Events come late, twice and at one instant; costs are missing, currencies mixed. Alerts that the
//! customer has had are told between them; that the engine tells the right ones is another test's
//! claim (`past_alerts`).

mod changed;
mod detected;
mod detectors;
mod fate;
mod fold;
mod grammar;
mod oracle;
mod truth;
mod worth;

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Reference;
use siaga::event::Symbols;
use siaga::event::reference::Rep;
use siaga::event::reference::Tenure;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::rule::expression;
use siaga::rule::expression::Expr;
use siaga::rule::set::RuleSet;
use siaga::state::Applied;
use siaga::state::Entity;
use siaga::state::catalog::Catalog;
use siaga::state::evaluate::evaluate;
use siaga::state::past::PastAlert;
use siaga::state::program::FUEL;
use siaga::state::program::Items;
use siaga::state::program::Scope;
use siaga::state::texts::Texts;
use siaga::state::value::Fault;
use siaga::state::value::Value;
use siaga::state::window::Upkeep;
use siaga::time::Timestamp;

use crate::scene::BEGIN;
use crate::scene::DAY;
use crate::scene::cases;
use crate::scene::order;
use crate::scene::rule_set;
use crate::windows::fate::Fate;
use crate::windows::fate::fate;
use crate::windows::grammar::Sketch;
use crate::windows::grammar::expression;
use crate::windows::grammar::sketch;
use crate::windows::oracle::World;

/// A rule whose parts are the expressions.
fn rule_of(expressions: &[String]) -> String {
    let mut yaml =
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: trend\n        \
         on: [order, return, credit_memo, quote, call, complaint, email]\n        let:\n"
            .to_owned();
    for (place, text) in expressions.iter().enumerate() {
        writeln!(yaml, "          part{place}: \"{text}\"").unwrap();
    }
    yaml + "        when: size(orders) >= 1\n        annotations: {summary: s}\n"
}

/// The customer as the engine keeps it.
struct Kept<'a> {
    rules: &'a RuleSet,
    symbols: &'a Symbols,
    catalog: Catalog,
    entity: Entity,
}

impl Kept<'_> {
    fn apply(&mut self, event: &Event) -> Applied {
        self.upkept(|entity, upkeep| entity.apply(upkeep, event))
    }

    /// As a look by the clock does it.
    fn refresh(&mut self) {
        self.upkept(Entity::refresh);
    }

    fn upkept<T>(&mut self, work: impl FnOnce(&mut Entity, Upkeep<'_>) -> T) -> T {
        let upkeep = Upkeep {
            plan: self.rules.plan(EntityKind::Customer),
            program: &self.rules.program,
            symbols: self.symbols,
            catalog: &self.catalog,
        };
        work(&mut self.entity, upkeep)
    }

    fn values(&self, event: &Event) -> Vec<Result<Value, Fault>> {
        let rule = &self.rules.rules[0];
        let (mut lets, mut texts) = (vec![None; rule.parts.len()], Texts::default());
        let mut scope = Scope {
            program: &self.rules.program,
            plan: self.rules.plan(EntityKind::Customer),
            entity: Some(&self.entity),
            id: event.customer,
            event: Some(event),
            now: self.entity.clock,
            catalog: &self.catalog,
            symbols: self.symbols,
            walked: None,
            texts: &mut texts,
            lets: &mut lets,
            let_nodes: &rule.part_nodes,
            fuel: FUEL,
            items: &mut Items::default(),
        };
        rule.part_nodes.iter().map(|node| evaluate(&mut scope, *node)).collect()
    }
}

/// The customer as a list.
#[derive(Default)]
struct Listed {
    events: Vec<Event>,
    alerts: Vec<PastAlert>,
    clock: Option<i64>,
    home: Option<Currency>,
}

impl Listed {
    fn apply(&mut self, event: &Event) {
        let key = |event: &Event| (event.time, event.id.clone(), event.kind);
        self.home = self.home.or(event.currency);
        if let Err(place) = self.events.binary_search_by_key(&key(event), key) {
            self.events.insert(place, event.clone());
        }
        self.clock = self.clock.max(Some(event.time.millis()));
    }

    fn open(&mut self, alert: PastAlert) {
        self.alerts.push(alert);
        self.alerts.sort_by_key(|alert| alert.opened);
    }

    fn change(&mut self, alert: PastAlert) {
        let place = self.alerts.iter().position(|known| known.id == alert.id).unwrap();
        self.alerts[place] = alert;
    }
}

/// Tells both of the alerts that open or change before an event.
fn tell(kept: &mut Kept<'_>, listed: &mut Listed, step: usize, fates: &[Fate]) {
    let symbols = kept.symbols;
    for (number, fate) in fates.iter().enumerate() {
        let alert = fate.alert(number, symbols);
        if fate.told == step {
            kept.entity.past_mut().open(alert);
            listed.open(alert);
        }
        if let Some((_, state)) = fate.ends.filter(|(later, _)| *later == step) {
            let ended = fate.ended(alert, state);
            kept.entity.past_mut().change(ended.id, ended.state, ended.closed);
            listed.change(ended);
        }
    }
}

/// Which territory was whose, from when to when: of r1 both for a while and none at the end, of r2
/// nobody says, r3 stays where it is.
const TENURES: [(&str, &str, i64, i64); 3] = [
    ("r1", "north", BEGIN + 2 * DAY, BEGIN + 40 * DAY),
    ("r1", "south", BEGIN + 20 * DAY, BEGIN + 80 * DAY),
    ("r3", "north", i64::MIN, i64::MAX),
];

/// The reps of those territories.
fn reps(symbols: &Symbols) -> Catalog {
    let mut catalog = Catalog::default();
    for id in ["r1", "r3"] {
        let mut rep = Rep {
            id: symbols.intern(id),
            name: None,
            title: None,
            manager: None,
            territories: Vec::new(),
            seniority: None,
            quotas: Vec::new(),
            tenures: Vec::new(),
        };
        for (_, territory, from, to) in TENURES.iter().filter(|(who, ..)| *who == id) {
            let territory = symbols.intern(territory);
            let (from, to) = (Timestamp::from_millis(*from), Timestamp::from_millis(*to));
            match from {
                Ok(from) => rep.tenures.push(Tenure { territory, from, to: to.ok() }),
                Err(_) => rep.territories.push(territory),
            }
        }
        catalog.apply(&Reference::Rep(rep));
    }
    catalog
}

/// In the order of arrival, repeats among them.
fn arrivals(sketches: &[Sketch], symbols: &Symbols) -> Vec<Event> {
    let mut arriving = Vec::new();
    for (number, sketch) in sketches.iter().enumerate() {
        let event = sketch.event(number, symbols);
        if sketch.twice {
            arriving.push((sketch.arrival() + sketch.delay, event.clone()));
        }
        arriving.push((sketch.arrival(), event));
    }
    arriving.sort_by_key(|(arrival, _)| *arrival);
    arriving.into_iter().map(|(_, event)| event).collect()
}

fn agrees(
    expressions: &[String],
    sketches: &[Sketch],
    fates: &[Fate],
) -> Result<(), TestCaseError> {
    let symbols = Symbols::default();
    let rules = rule_set(&rule_of(expressions), &symbols);
    let plan = rules.plan(EntityKind::Customer);
    let trees: Vec<_> = expressions.iter().map(|text| expression::parse(text).unwrap()).collect();
    let (catalog, entity) = (reps(&symbols), Entity::new(plan));
    let mut kept = Kept { rules: &rules, symbols: &symbols, catalog, entity };
    let mut listed = Listed::default();
    for (step, event) in arrivals(sketches, &symbols).iter().enumerate() {
        tell(&mut kept, &mut listed, step, fates);
        let known = listed.events.contains(event);
        if known && kept.entity.clock - event.time >= plan.horizon {
            // A repeat of what is no longer kept is recognised before it comes here.
            continue;
        }
        let applied = kept.apply(event);
        prop_assert_eq!(applied == Applied::Duplicate, known);
        listed.apply(event);
        by_the_book(&kept, &listed, (step, event), expressions.iter().zip(&trees))?;
    }
    Ok(())
}

/// Whether every expression has the value that the list gives.
fn by_the_book<'e>(
    kept: &Kept<'_>,
    listed: &Listed,
    (step, event): (usize, &Event),
    expressions: impl Iterator<Item = (&'e String, &'e Expr)>,
) -> Result<(), TestCaseError> {
    let world = World {
        events: &listed.events,
        alerts: &listed.alerts,
        clock: listed.clock.unwrap_or_default(),
        event,
        home: listed.home,
        symbols: kept.symbols,
        tenures: &TENURES,
    };
    for ((text, tree), found) in expressions.zip(kept.values(event)) {
        let want = world.value(tree);
        let equal = match (&want, found) {
            (Ok(want), Ok(found)) => want.is(found, kept.symbols),
            (want, found) => want.is_err() == found.is_err(),
        };
        prop_assert!(equal, "{text}\nat event {step}: {found:?}, by the book {want:?}");
    }
    Ok(())
}

/// Streams that are tried, and rules on each: together the cases of the property.
const STREAMS: u32 = 1_300;
const RULES: usize = 16;
const _: () = assert!(STREAMS as usize * RULES >= 20_000);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(STREAMS)))]

    #[test]
    fn a_compiled_expression_gives_what_the_list_gives(
        expressions in vec(expression(), RULES),
        sketches in vec(sketch(), 0..28),
        fates in vec(fate(), 0..7),
    ) {
        agrees(&expressions, &sketches, &fates)?;
    }
}

/// Three orders, a day apart: 40 with a cost of 10, 10 of an unknown cost, 30 with a cost of 20.
fn three_orders(symbols: &Symbols) -> Vec<Event> {
    let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
    let orders = [("1", 40, Some(10)), ("2", 10, None), ("3", 30, Some(20))];
    let orders = orders.into_iter().enumerate().map(|(day, (id, net, cost))| {
        let day = i64::try_from(day).unwrap();
        let mut event = order(symbols, "c", id, day * DAY, net);
        event.lines[0].cost = cost.map(units);
        event
    });
    orders.collect()
}

#[test]
fn an_item_without_the_field_matters_only_where_no_other_decides() {
    let truth = |truth| Ok(Value::Bool(truth));
    let money = |units: i64| Ok(Value::Money(Decimal::from_micros(units * Decimal::SCALE)));
    for (text, want) in [
        ("lines.last('30d').exists(l, l.cost > 15.0)", truth(true)),
        ("lines.last('30d').exists(l, l.cost > 50.0)", Err(Fault::Missing)),
        ("lines.last('30d').all(l, l.cost < 15.0)", truth(false)),
        ("lines.last('30d').all(l, l.cost < 50.0)", Err(Fault::Missing)),
        ("lines.exists(l, l.cost > 15.0)", truth(true)),
        ("lines.exists(l, l.cost > 50.0)", Err(Fault::Missing)),
        ("lines.last(2).exists(l, l.cost > 15.0)", truth(true)),
        ("lines.last('30d').count(l, l.cost > 15.0)", Err(Fault::Missing)),
        ("lines.last('30d').exists_one(l, l.cost > 15.0)", Err(Fault::Missing)),
        ("lines.last('30d').filter(l, l.cost > 15.0).exists(l, l.net > 0.0)", Err(Fault::Missing)),
        ("lines.filter(l, l.cost > 15.0).exists(l, l.net > 0.0)", Err(Fault::Missing)),
        ("lines.filter(l, has(l.cost)).filter(l, l.cost > 5.0).size() == 2", truth(true)),
        ("lines.filter(l, l.cost > 5.0).filter(l, l.net > 90.0).size() == 0", Err(Fault::Missing)),
        ("lines.filter(l, ['p1'].exists(p, p == l.product)).sum(l, l.net)", money(80)),
        ("lines.last('30d').sum(l, l.cost)", Err(Fault::Missing)),
        // The order without a cost is two days old at the end.
        ("lines.last('1d').sum(l, l.cost)", money(20)),
        ("lines.between('30d', '36h').sum(l, l.cost)", money(10)),
        ("lines.last(1).sum(l, l.cost)", money(20)),
        ("lines.last('30d').first().cost", money(10)),
    ] {
        let symbols = Symbols::default();
        let rules = rule_set(&rule_of(&[text.to_owned()]), &symbols);
        let entity = Entity::new(rules.plan(EntityKind::Customer));
        let catalog = Catalog::default();
        let mut kept = Kept { rules: &rules, symbols: &symbols, catalog, entity };
        let mut found = Vec::new();
        for event in three_orders(&symbols) {
            kept.apply(&event);
            found = kept.values(&event);
        }
        assert_eq!(found, [want], "{text}");
    }
}

#[test]
fn one_running_value_that_fails_leaves_a_hundred_others_alone() {
    let sums = (0..100).map(|n| format!("lines.filter(l, l.net > {n}.5).sum(l, l.net)"));
    let expressions: Vec<String> =
        std::iter::once("lines.sum(l, l.cost)".to_owned()).chain(sums).collect();
    let symbols = Symbols::default();
    let rules = rule_set(&rule_of(&expressions), &symbols);
    let entity = Entity::new(rules.plan(EntityKind::Customer));
    let catalog = Catalog::default();
    let mut kept = Kept { rules: &rules, symbols: &symbols, catalog, entity };
    let mut found = Vec::new();
    for event in three_orders(&symbols) {
        kept.apply(&event);
        found = kept.values(&event);
    }
    assert_eq!(found[0], Err(Fault::Missing));
    assert!(found[1..].iter().all(Result::is_ok), "{found:?}");
}

#[test]
fn what_is_made_for_an_item_is_given_back_before_the_next() {
    let error = Err(Fault::Overflow);
    for (text, want) in [
        // 200 kB of text pass by; 64 KiB may be held.
        ("event.lines.count(l, l.category + '!' == 'abcdefgh!')", Ok(Value::Int(20_000))),
        ("event.lines.distinct(l, l.category.upperAscii())", Ok(Value::Int(1))),
        ("event.lines.map(l, l.category + '!').last() == 'abcdefgh!'", Ok(Value::Bool(true))),
        ("event.lines.map(l, l.category + '!')[19999] == 'abcdefgh!'", Ok(Value::Bool(true))),
        ("event.lines.map(l, l.category).join(',') == ''", error),
        (
            "event.lines.all(l, (l.category + '').split('').join('-').size() == 15)",
            Ok(Value::Bool(true)),
        ),
        ("size((event.channel + ',').split('')) == 4", Ok(Value::Bool(true))),
    ] {
        let symbols = Symbols::default();
        let rules = rule_set(&rule_of(&[text.to_owned()]), &symbols);
        let entity = Entity::new(rules.plan(EntityKind::Customer));
        let kept = Kept { rules: &rules, symbols: &symbols, catalog: Catalog::default(), entity };
        let mut event = order(&symbols, "c", "1", 0, 1);
        event.lines[0].category = Some(symbols.intern("abcdefgh"));
        event.channel = Some(symbols.intern("web"));
        let line = event.lines[0];
        event.lines = std::iter::repeat_n(line, 20_000).collect();
        assert_eq!(kept.values(&event), [want], "{text}");
    }
}
