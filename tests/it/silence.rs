//! Does a silence speak up at its very deadline, and only then?
//!
//! ```text
//! order ──── order ─────────── deadline            an alert, if nothing came: by the events of
//!              └──── `after` ────►│                others, or by ticks alone
//! ```

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::engine::Output;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Symbols;

use crate::scene::BEGIN;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::MINUTE;
use crate::scene::Play;
use crate::scene::SECOND;
use crate::scene::cases;
use crate::scene::order;
use crate::scene::rule_set;

const QUIET: &str = "
groups:
  - name: drift
    rules:
      - alert: Quiet
        family: drift
        on: {silence: order, after: \"duration('10d')\"}
        annotations: {summary: '{{ size(orders) }}'}
";

/// What came out: `+customer@millis` for an opening, `-millis` for a closing.
fn diary(outputs: &[Output]) -> Vec<String> {
    let told = outputs.iter().map(|output| match output {
        Output::Opened { alert, .. } => {
            format!("+{}@{}", alert.entity_id, alert.opened_at.millis() - BEGIN)
        }
        Output::Changed { state: AlertState::Closed { reason, .. }, at, .. } => {
            assert_eq!(*reason, CloseReason::Resolved);
            format!("-{}", at.millis() - BEGIN)
        }
        Output::Changed { state, .. } => unreachable!("{state:?}"),
        Output::Acted { deed, .. } => unreachable!("{deed:?}"),
        Output::Duty(duty) => unreachable!("{duty:?}"),
    });
    told.collect()
}

fn play(rules: &str, lateness: i64, act: impl FnOnce(&mut Play, &Symbols)) -> Vec<String> {
    let symbols = Symbols::default();
    let rules = rule_set(rules, &symbols);
    let mut play = Play::new(&rules, &symbols, 1, lateness);
    act(&mut play, &symbols);
    diary(&play.finish().0)
}

/// One step of a scene: who ordered when, or a tick.
#[derive(Clone, Copy)]
enum Do {
    Order(&'static str, i64),
    Tick(i64),
}

#[test]
fn a_silence_speaks_at_its_deadline() {
    use Do::Order;
    use Do::Tick;
    const DEADLINE: i64 = 10 * DAY;
    const LATE: i64 = HOUR;
    for (what, steps, want) in [
        ("nothing moves time", &[Order("a", 0)][..], &[][..]),
        ("a tick short of it", &[Order("a", 0), Tick(DEADLINE + LATE - 1)], &[]),
        ("a tick at it", &[Order("a", 0), Tick(DEADLINE + LATE)], &["+a@864000000"]),
        ("a tick beyond it", &[Order("a", 0), Tick(40 * DAY)], &["+a@864000000"]),
        ("another customer", &[Order("a", 0), Order("b", DEADLINE + LATE)], &["+a@864000000"]),
        ("another one, earlier", &[Order("a", 0), Order("b", DEADLINE + LATE - 1)], &[]),
        ("an order at the deadline", &[Order("a", 0), Order("a", DEADLINE), Tick(15 * DAY)], &[]),
        (
            "an order at the deadline, seen after another's",
            &[Order("a", 0), Order("b", DEADLINE), Order("a", DEADLINE), Tick(15 * DAY)],
            &[],
        ),
        (
            "an order behind it proves it, and ends it",
            &[Order("a", 0), Order("a", DEADLINE + 1)],
            &["+a@864000000", "-864000001"],
        ),
        (
            "a late order before it",
            &[Order("a", 0), Order("b", DEADLINE + 1), Order("a", DEADLINE - 1), Tick(15 * DAY)],
            &[],
        ),
        (
            "ended by an order and armed again",
            &[Order("a", 0), Tick(12 * DAY), Order("a", 13 * DAY), Tick(24 * DAY)],
            &["+a@864000000", "-1123200000", "+a@1987200000"],
        ),
        (
            "a late order that breaks the silence after all",
            &[Order("a", 0), Tick(12 * DAY), Order("a", 5 * DAY), Tick(20 * DAY)],
            &["+a@864000000", "-864000000", "+a@1296000000"],
        ),
        (
            "a late order before the last one leaves the alert as it is",
            &[Order("a", 2 * DAY), Tick(14 * DAY), Order("a", DAY), Tick(20 * DAY)],
            &["+a@1036800000"],
        ),
    ] {
        let found = play(QUIET, LATE, |play, symbols| {
            for (number, step) in steps.iter().enumerate() {
                match *step {
                    Order(who, millis) => {
                        play.take(order(symbols, who, &number.to_string(), millis, 10));
                    }
                    Tick(millis) => play.tick(millis),
                }
            }
        });
        assert_eq!(found, want, "{what}");
    }
}

#[test]
fn without_any_lateness_an_instant_is_over_before_it_counts_as_silence() {
    let found = play(QUIET, 0, |play, symbols| {
        play.take(order(symbols, "a", "1", 0, 10));
        play.take(order(symbols, "b", "2", 10 * DAY, 10));
        play.take(order(symbols, "a", "3", 10 * DAY, 10));
        play.take(order(symbols, "b", "4", 10 * DAY + 1, 10));
    });
    assert_eq!(found, Vec::<String>::new());
}

/// Deadlines of a customer by the book: ten days after each order that no other follows in time;
/// the next order proves it, or the watermark.
fn due(orders: &[i64], watermark: i64) -> Vec<i64> {
    let mut orders = orders.to_vec();
    orders.sort_unstable();
    let ends = orders.iter().skip(1).copied().map(Some).chain([None]);
    let silences = orders.iter().map(|at| at + 10 * DAY).zip(ends);
    let proven = silences.filter(|(deadline, next)| match next {
        Some(next) => deadline < next,
        None => *deadline <= watermark,
    });
    proven.map(|(deadline, _)| deadline).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn a_month_of_ticks_fires_exactly_what_is_due_in_order(
        orders in vec((0..40_u32, 0..30 * DAY / SECOND), 1..200),
        ticks in vec(1..3 * DAY / MINUTE, 30),
    ) {
        let symbols = Symbols::default();
        let rules = rule_set(QUIET, &symbols);
        let mut play = Play::new(&rules, &symbols, 1, HOUR);
        let mut orders: Vec<(i64, u32)> =
            orders.into_iter().map(|(who, second)| (second * SECOND, who)).collect();
        orders.sort_unstable();
        let mut by_customer: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for (number, (millis, who)) in orders.iter().enumerate() {
            let id = number.to_string();
            play.take(order(&symbols, &format!("c{who}"), &id, *millis, 10));
            by_customer.entry(*who).or_default().push(*millis);
        }
        let mut fired = diary(&play.outputs());
        // Then nothing more happens, and time goes on.
        let (mut now, mut newest) = (orders.last().map_or(0, |(millis, _)| *millis), 0);
        for minutes in ticks {
            now += minutes * MINUTE;
            play.tick(now);
            let told = play.outputs();
            for output in &told {
                let Output::Opened { alert, .. } = output else { continue };
                let deadline = alert.opened_at.millis() - BEGIN;
                prop_assert!(newest <= deadline && deadline <= now - HOUR);
                newest = deadline;
            }
            fired.extend(diary(&told));
        }
        fired.retain(|line| line.starts_with('+'));
        fired.sort();
        let silences = by_customer.iter().flat_map(|(who, orders)| {
            due(orders, now - HOUR).into_iter().map(move |deadline| format!("+c{who}@{deadline}"))
        });
        let mut want: Vec<String> = silences.collect();
        want.sort();
        prop_assert_eq!(fired, want);
    }
}

const BUSY: &str = "
groups:
  - name: busy
    rules:
      - alert: Quiet
        family: drift
        on: {silence: order, after: \"duration('90d')\"}
        annotations: {summary: s}
      - alert: Pending
        family: trend
        on: [order]
        when: size(orders.last('1h')) >= 1
        for: 30m
        annotations: {summary: s}
      - alert: Daily
        family: trend
        on: {every: 1d, at: '07:00'}
        when: size(orders.last('1d')) >= 1
        expires_after: 20m
        annotations: {summary: s}
";

#[test]
fn timers_that_are_set_again_and_again_do_not_pile_up() {
    let symbols = Symbols::default();
    let rules = rule_set(BUSY, &symbols);
    let mut play = Play::new(&rules, &symbols, 1, MINUTE);
    let customers = 20_i64;
    for step in 0..4_000_i64 {
        let (who, id) = (format!("c{}", step % customers), step.to_string());
        play.take(order(&symbols, &who, &id, step * 10 * MINUTE, 10));
        let timers = play.engine.gauges()[0].timers.load(std::sync::atomic::Ordering::Relaxed);
        assert!(timers <= 3 * customers.unsigned_abs(), "{timers} timers after {step} orders");
    }
}

#[test]
fn a_rule_that_speaks_of_the_past_does_not_wait_for_ever() {
    let rules = "
groups:
  - name: past
    rules:
      - alert: Held
        family: trend
        on: [order, call]
        when: size(orders) >= 1
        for: 1h
        at: orders.first().time
        annotations: {summary: s}
      - alert: Kept
        family: trend
        on: [order, call]
        when: size(orders.last('1h')) >= 1
        keep_firing_for: 2h
        at: orders.first().time
        annotations: {summary: s}
";
    let found = play(rules, MINUTE, |play, symbols| {
        play.take(order(symbols, "a", "1", 0, 10));
        let call = order(symbols, "a", "2", 3 * HOUR, 10);
        play.take(Event { kind: Kind::Call, ..call });
        play.tick(9 * HOUR);
    });
    // `Held` opens after its hour; `Kept` closes two hours after its condition was seen to fail.
    assert_eq!(found, ["+a@0", "+a@0", "-18000000"]);
}
