//! What becomes of alerts and deadlines when the rules change while the engine runs?
//!
//! ```text
//! events ──► [rules] ──► adopt(other rules) ──► events      one diary, for one shard and for three
//! ```

mod paced;

use std::fmt::Write;
use std::sync::Arc;

use siaga::alert::Action;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::engine::ActionInput;
use siaga::engine::Input;
use siaga::engine::Output;
use siaga::engine::shard::Shard;
use siaga::engine::tally::Resting;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Symbols;
use siaga::rule::set::RuleSet;
use siaga::state::program::FUEL;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::scene::BEGIN;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::Play;
use crate::scene::at;
use crate::scene::order;
use crate::scene::rule_set;

/// A file of rules; each is what stands behind `- alert: `.
fn set(rules: &[&str], symbols: &Symbols) -> Arc<RuleSet> {
    let mut yaml = "groups:\n  - name: g\n    rules:\n".to_owned();
    for rule in rules {
        let (name, rest) = rule.split_once('|').unwrap();
        writeln!(yaml, "      - alert: {}\n        family: trend", name.trim()).unwrap();
        for line in rest.split('|') {
            writeln!(yaml, "        {}", line.trim()).unwrap();
        }
        writeln!(yaml, "        annotations: {{summary: s}}").unwrap();
    }
    let mut rules = rule_set(&yaml, symbols);
    Arc::make_mut(&mut rules).keep(Span::from_millis(400 * DAY));
    rules
}

const BIG: &str = "Big | on: [order] | when: orders.last('30d').sum(o, o.net) >= 50.0";
const BIG_OFF: &str =
    "Big | on: [order] | when: orders.last('30d').sum(o, o.net) >= 50.0 | mode: off";
const BIG_SHADOW: &str =
    "Big | on: [order] | when: orders.last('30d').sum(o, o.net) >= 50.0 | mode: shadow";
const BIG_ANEW: &str = "Big | on: [order] | when: orders.last('30d').sum(o, o.net) >= 20.0";
const BIG_OF_REPS: &str = "Big | on: [order] | when: size(orders) >= 50 | entity: rep";
const OTHER: &str = "Other | on: [order] | when: size(orders) < 0";
const QUIET_10: &str = "Quiet | on: {silence: order, after: \"duration('10d')\"}";
const QUIET_10_AGAIN: &str =
    "Quiet | on: {silence: order, after: \"duration('10d')\"} | when: size(orders) > 0";
const QUIET_20: &str = "Quiet | on: {silence: order, after: \"duration('20d')\"}";
const DAILY: &str = "Daily | on: {every: 1d, at: \"12:00\"} | when: size(orders) >= 1 | \
                     expires_after: 1h";

#[derive(Clone, Copy)]
enum Do<'a> {
    /// An order of 10 on this day.
    Order(&'a str, i64),
    /// Time passes to this day.
    Day(i64),
    Adopt(&'a [&'a str]),
    /// Somebody acknowledges the newest alert.
    Acknowledge,
}

use Do::Acknowledge;
use Do::Adopt;
use Do::Day;
use Do::Order;

/// What came out, sorted within a step: `+Rule customer@day`, and what became of it.
fn diary(first: &[&str], steps: &[Do<'_>], shards: usize) -> String {
    let symbols = Symbols::default();
    let mut play = Play::new(&set(first, &symbols), &symbols, shards, 0);
    let mut told: Vec<(AlertId, String, String)> = Vec::new();
    let mut diary = Vec::new();
    let day = |at: Timestamp| (at.millis() - BEGIN) / DAY;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Order(who, day) => {
                play.take(order(&symbols, who, &number.to_string(), day * DAY + HOUR, 10));
            }
            // Behind the hour at which people order.
            Day(day) => play.tick(day * DAY + HOUR + 1),
            Adopt(rules) => play.engine.adopt(&set(rules, &symbols)).unwrap(),
            Acknowledge => {
                let (alert, rule, who) = told.last().unwrap().clone();
                let entity = EntityId { kind: EntityKind::Customer, id: symbols.intern(&who) };
                let (action, by) = (Action::Acknowledge, "ann".to_owned());
                let input = ActionInput { entity, rule, alert, action, by, at: at(0) };
                play.engine.act(input).unwrap();
            }
        }
        play.settle();
        let mut lines = Vec::new();
        for output in play.outputs() {
            match output {
                Output::Opened { alert, .. } => {
                    let who = alert.entity_id.clone();
                    lines.push(format!("+{} {who}@{}", alert.rule, day(alert.opened_at)));
                    told.push((alert.id, alert.rule.clone(), who));
                }
                Output::Changed { id, state, at } => {
                    let alert = told.iter().find(|(known, ..)| *known == id);
                    let (_, rule, who) = alert.expect("it was told of");
                    let state = match state {
                        AlertState::Closed { reason, .. } => format!("{reason:?}").to_lowercase(),
                        state => state.name().to_owned(),
                    };
                    lines.push(format!("{rule} {who} {state}@{}", day(at)));
                }
                Output::Acted { .. } | Output::Duty(_) => {}
            }
        }
        lines.sort();
        diary.append(&mut lines);
    }
    diary.join(", ")
}

/// What a scene is about, its first set, what happens, and what comes of it.
type Scene<'a> = (&'a str, &'a str, Vec<Do<'a>>, &'a str);

fn play(scenes: &[Scene<'_>]) {
    for (what, first, steps, want) in scenes {
        for shards in [1, 3] {
            let came = diary(&[first], steps, shards);
            assert_eq!(came, *want, "{what}, with {shards} shards");
        }
    }
}

#[test]
fn alerts_outlive_a_change_of_rules() {
    let five = [Order("a", 0), Order("a", 1), Order("a", 2), Order("a", 3), Order("a", 4)];
    let after_five = |more: &[Do<'static>]| [&five[..], more].concat();
    play(&[
        (
            "a new rule fires at the next event",
            OTHER,
            after_five(&[Adopt(&[BIG]), Order("a", 5)]),
            "+Big a@5",
        ),
        (
            "the same rule keeps its alert",
            BIG,
            after_five(&[Adopt(&[OTHER, BIG]), Order("a", 5)]),
            "+Big a@4",
        ),
        (
            "so does one with another condition, acknowledged",
            BIG,
            after_five(&[Acknowledge, Adopt(&[BIG_ANEW]), Order("a", 31), Order("a", 70)]),
            "+Big a@4, Big a acknowledged@0, Big a resolved@70",
        ),
        ("a rule that is gone", BIG, after_five(&[Adopt(&[OTHER])]), "+Big a@4, Big a withdrawn@4"),
        (
            "a rule that is switched off, and on again",
            BIG,
            after_five(&[Adopt(&[BIG_OFF]), Adopt(&[BIG]), Order("a", 5)]),
            "+Big a@4, Big a withdrawn@4, +Big a@5",
        ),
        (
            "a rule that looks at reps from now on",
            BIG,
            after_five(&[Adopt(&[BIG_OF_REPS])]),
            "+Big a@4, Big a withdrawn@4",
        ),
        (
            "out of the shadow an alert fires anew",
            BIG_SHADOW,
            after_five(&[Adopt(&[BIG]), Order("a", 5)]),
            "+Big a@4, Big a withdrawn@4, +Big a@5",
        ),
    ]);
}

#[test]
fn deadlines_outlive_a_change_of_rules() {
    let quiet = |more: &[Do<'static>]| [&[Order("a", 0), Order("b", 3)][..], more].concat();
    play(&[
        (
            "a silence that is waited for",
            QUIET_10,
            quiet(&[Adopt(&[OTHER, QUIET_10]), Day(10), Day(13)]),
            "+Quiet a@10, +Quiet b@13",
        ),
        (
            "a new silence finds who is silent now",
            OTHER,
            quiet(&[Day(12), Adopt(&[QUIET_10]), Day(13)]),
            "+Quiet a@10, +Quiet b@13",
        ),
        (
            "a longer silence: who was told of is not told of again",
            QUIET_10,
            quiet(&[Day(12), Adopt(&[QUIET_20]), Day(40)]),
            "+Quiet a@10, +Quiet b@23",
        ),
        (
            "a shorter one finds who is silent now",
            QUIET_20,
            quiet(&[Day(12), Adopt(&[QUIET_10]), Day(40)]),
            "+Quiet a@10, +Quiet b@13",
        ),
        (
            "another condition does not tell of it again",
            QUIET_10,
            quiet(&[Day(12), Adopt(&[QUIET_10_AGAIN]), Day(40)]),
            "+Quiet a@10, +Quiet b@13",
        ),
        (
            "nor does a third set, and an order still ends it",
            QUIET_10,
            quiet(&[Day(12), Adopt(&[QUIET_20]), Adopt(&[QUIET_10]), Order("a", 13), Day(15)]),
            "+Quiet a@10, Quiet a resolved@13, +Quiet b@13",
        ),
        (
            "a schedule begins with the change",
            OTHER,
            quiet(&[Day(5), Adopt(&[DAILY]), Day(6)]),
            "+Daily a@5, +Daily b@5, Daily a expired@5, Daily b expired@5",
        ),
    ]);
}

/// One shard whose evaluations are watched by a program with a mistake.
fn broken(rules: &Arc<RuleSet>, symbols: &Symbols, at_rule: u16) -> Shard {
    let shard = Shard::new(Arc::clone(rules), symbols.clone());
    shard.observed(Arc::new(move |look, _| assert_ne!(look.rule, at_rule, "a mistake")))
}

#[test]
fn a_rule_that_breaks_rests_alone_until_the_rules_change() {
    let symbols = Symbols::default();
    let rules = set(&[BIG_ANEW, QUIET_10], &symbols);
    let mut opened = Vec::new();
    let mut shard = broken(&rules, &symbols, 0);
    let mut take = |shard: &mut Shard, day: i64| {
        let event = Box::new(order(&symbols, "a", &format!("o{day}"), day * DAY, 10));
        let id = EntityId { kind: EntityKind::Customer, id: symbols.intern("a") };
        let (mut outputs, watermark) = (Vec::new(), at(day * DAY - 1));
        let mut input = Input::Event { entity: id, event, watermark, arrived: None };
        shard.step(&mut input, &mut outputs);
        for output in outputs {
            if let Output::Opened { alert, .. } = output {
                opened.push(format!("{}@{day}", alert.rule));
            }
        }
    };
    take(&mut shard, 0);
    take(&mut shard, 1);
    assert_eq!(shard.tally.rules[0].resting, Some(Resting::Broken));
    assert_eq!(shard.tally.rules[0].evaluations, 1, "it is not asked any more");
    take(&mut shard, 12);
    let watermark = at(12 * DAY);
    // In the next set another rule stands at the place that breaks.
    let rules = set(&[OTHER, BIG_ANEW, QUIET_10], &symbols);
    shard.step(&mut Input::Rules { rules, watermark }, &mut Vec::new());
    take(&mut shard, 13);
    assert_eq!(opened, ["Quiet@12", "Big@13"]);
    let by_name = |name: &str| shard.tally.rule(name);
    assert_eq!((by_name("Big").evaluations, by_name("Big").resting), (2, None));
    assert_eq!(by_name("Other").resting, Some(Resting::Broken));
}

/// Goes through every triple of an order's lines, and finds none.
const GREEDY: &str = "Greedy | on: [order] | when: \
    event.lines.exists(l, event.lines.exists(m, event.lines.exists(n, l.net > n.net)))";

#[test]
fn a_rule_that_eats_its_fuel_three_times_rests_alone() {
    let symbols = Symbols::default();
    let rules = set(&[GREEDY, BIG], &symbols);
    let mut play = Play::new(&rules, &symbols, 1, 0);
    for (day, lines) in [(0, 1), (1, 200), (2, 200), (3, 200), (4, 1)] {
        let mut event = order(&symbols, "a", &day.to_string(), day * DAY, 10);
        event.lines = vec![event.lines[0]; lines].into_iter().collect();
        play.take(event);
    }
    let (outputs, totals) = play.finish();
    let opened = outputs.iter().filter(|output| matches!(output, Output::Opened { .. }));
    assert_eq!(opened.count(), 1, "the other rule is as it was");
    let greedy = totals.shards.rule("Greedy");
    assert_eq!((greedy.evaluations, greedy.failures), (4, 3), "{greedy:?}");
    assert_eq!(greedy.resting, Some(Resting::Exhausted));
    // At first it had what a rule begins with, then all that a look may take.
    assert!(greedy.items >= 2 * u64::from(FUEL), "{greedy:?}");
    assert_eq!(totals.shards.rule("Big").evaluations, 5);
}
