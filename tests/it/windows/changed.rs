//! Is a rule that comes later at once what it would be had it been there from the start? On random
//! sets and streams, with a change in the middle, the new set agrees with the oracle.
//!
//! ```text
//! events ── old set ──┬── new set ──────────►
//!                     └─ refilled: here and ever after, what the whole list gives
//! ```

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Symbols;
use siaga::money::Decimal;
use siaga::rule::expression;
use siaga::rule::set::RuleSet;
use siaga::state::Entity;
use siaga::state::refill::Carried;
use siaga::state::value::Value;
use siaga::state::window::Upkeep;
use siaga::time::Span;

use crate::scene::DAY;
use crate::scene::cases;
use crate::scene::order;
use crate::scene::rule_set;
use crate::windows::Kept;
use crate::windows::Listed;
use crate::windows::arrivals;
use crate::windows::by_the_book;
use crate::windows::grammar::Sketch;
use crate::windows::grammar::expression;
use crate::windows::grammar::sketch;
use crate::windows::reps;
use crate::windows::rule_of;

/// A set that keeps histories for so many days.
fn keeping(days: i64, expressions: &[String], symbols: &Symbols) -> Arc<RuleSet> {
    let mut rules = rule_set(&rule_of(expressions), symbols);
    Arc::make_mut(&mut rules).keep(Span::from_millis(days * DAY));
    rules
}

/// What goes on in the new set.
fn between(old: &RuleSet, new: &RuleSet) -> Carried {
    let customer = EntityKind::Customer;
    Carried::between((old.plan(customer), &old.program), (new.plan(customer), &new.program))
}

impl<'a> Kept<'a> {
    pub(crate) fn of(rules: &'a RuleSet, symbols: &'a Symbols) -> Self {
        let entity = Entity::new(rules.plan(EntityKind::Customer));
        Self { rules, symbols, catalog: reps(symbols), entity }
    }

    pub(crate) fn change(&mut self, rules: &'a RuleSet) {
        let carried = between(self.rules, rules);
        let (plan, program) = (rules.plan(EntityKind::Customer), &rules.program);
        let upkeep = Upkeep { plan, program, symbols: self.symbols, catalog: &self.catalog };
        self.entity.refill(&carried, upkeep);
        self.rules = rules;
    }
}

/// Plays the events, with the new set from the event at `turn` on.
fn agrees(
    (before, after): (&[String], &[String]),
    turn: usize,
    sketches: &[Sketch],
) -> Result<(), TestCaseError> {
    let symbols = Symbols::default();
    let old = keeping(1_000, before, &symbols);
    let new = keeping(1_000, after, &symbols);
    let trees: Vec<_> = after.iter().map(|text| expression::parse(text).unwrap()).collect();
    let (mut kept, mut listed) = (Kept::of(&old, &symbols), Listed::default());
    for (step, event) in arrivals(sketches, &symbols).iter().enumerate() {
        kept.apply(event);
        listed.apply(event);
        if step == turn {
            kept.change(&new);
        }
        if step >= turn {
            by_the_book(&kept, &listed, (step, event), after.iter().zip(&trees))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(800)))]

    #[test]
    fn a_rule_that_comes_later_gives_what_the_list_gives(
        old in vec((expression(), any::<bool>()), 1..6),
        fresh in vec(expression(), 1..6),
        turn in 0..20_usize,
        sketches in vec(sketch(), 1..28),
    ) {
        let before: Vec<String> = old.iter().map(|(text, _)| text.clone()).collect();
        // What stays comes last, so that its places in program and plan are others.
        let stays = old.iter().filter(|(_, stays)| *stays).map(|(text, _)| text.clone());
        let after: Vec<String> = fresh.iter().cloned().chain(stays).collect();
        agrees((&before, &after), turn, &sketches)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(200)))]

    #[test]
    fn the_same_windows_under_other_rules_give_what_the_list_gives(
        expressions in vec(expression(), 1..6),
        turn in 0..20_usize,
        sketches in vec(sketch(), 1..28),
    ) {
        let symbols = Symbols::default();
        let sets = [(); 2].map(|()| keeping(1_000, &expressions, &symbols));
        prop_assert!(between(&sets[0], &sets[1]).keeps());
        agrees((&expressions, &expressions), turn, &sketches)?;
    }
}

#[test]
fn numbers_stay_where_both_plans_keep_the_same() {
    let symbols = Symbols::default();
    for (before, after, keeps) in [
        ("size(orders.last('30d')) > 1", "2 < size(orders.last('30d'))", true),
        ("size(orders.last('30d')) > 1", "size(orders.last('31d')) > 1", false),
        ("size(orders.last('30d')) > 1", "size(orders.between('30d', '1d')) > 1", false),
        ("size(orders.last('30d')) > 1", "size(returns.last('30d')) > 1", false),
        ("lines.sum(l, l.net)", "-lines.sum(l, l.net)", true),
        ("lines.sum(l, l.net)", "lines.sum(l, l.cost)", false),
        ("lines.sum(l, l.net)", "lines.max(l, l.net)", false),
        ("lines.filter(l, l.net > 1.0).size()", "lines.filter(l, l.net > 2.0).size()", false),
        ("lines.exists(l, l.product == 'a')", "lines.exists(l, l.product == 'b')", true),
        ("lines.exists(l, l.product == 'a')", "lines.exists(l, l.brand == 'a')", false),
        ("trend(orders).slope > 0.0", "trend(orders).slope > 1.0", true),
        ("trend(orders).slope > 0.0", "p_alive(orders) > 0.0", false),
    ] {
        let sets = [before, after].map(|text| keeping(100, &[text.to_owned()], &symbols));
        assert_eq!(between(&sets[0], &sets[1]).keeps(), keeps, "{before} and {after}");
    }
}

fn orders(symbols: &Symbols, days: impl Iterator<Item = i64>) -> Vec<Event> {
    days.map(|day| order(symbols, "c", &format!("o{day}"), day * DAY, 1)).collect()
}

#[test]
fn what_was_ever_seen_is_carried_and_only_what_is_new_is_bounded_by_the_history() {
    let symbols = Symbols::default();
    let carried = ["size(orders)", "lines.sum(l, l.net)", "lines.exists(l, l.product == 'old')"];
    let before: Vec<String> = carried.map(str::to_owned).to_vec();
    let new = ["lines.sum(l, l.quantity)", "lines.exists(l, l.product == 'old' && l.net > 0.0)"];
    let after: Vec<String> = new.iter().chain(&carried).map(|text| (*text).to_owned()).collect();
    // Histories are kept for thirty days at least; more of them is forgotten from time to time.
    let (old, new) = (keeping(0, &before, &symbols), keeping(0, &after, &symbols));
    let mut kept = Kept::of(&old, &symbols);
    let mut events = orders(&symbols, 0..400);
    events[0].lines[0].product = Some(symbols.intern("old"));
    for event in &events {
        kept.apply(event);
    }
    let remembered = kept.entity.history.len();
    assert!((30..400).contains(&remembered), "{remembered} orders are kept");
    kept.change(&new);
    let units = |count: usize| Decimal::from_micros(i64::try_from(count).unwrap() * Decimal::SCALE);
    let found: Vec<Value> = kept.values(&events[399]).into_iter().map(Result::unwrap).collect();
    let want = [
        Value::Number(units(remembered)),
        Value::Bool(false),
        Value::Int(400),
        Value::Money(units(400)),
        Value::Bool(true),
    ];
    assert_eq!(found, want);
}
