//! Rules that nobody should write, beside one that somebody needs: they rest before anybody waits for
//! them, and behind a crash as in a run without one.
//!
//! ```text
//! an order each 10 ms ─► 40,000 items a look ─► rests after three looks   ─┐
//! an order each hour  ─► 40,000 items a look ─► never rests                ├─ `Needed` fires as ever
//! a loop; a silence, an alert's text that take as long ─► rest            ─┘
//! ```

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::Disk;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::Output;
use siaga::engine::tally::Resting;
use siaga::event::Symbols;
use siaga::state::program::FUEL;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::stage::SNAPSHOTS;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed_by;
use crate::scene::HOUR;
use crate::scene::Play;
use crate::scene::at;
use crate::scene::order;
use crate::scene::rule_set;

/// Goes through every pair of an order's lines.
const PAIRS: &str = "event.lines.exists(l, event.lines.exists(m, l.net + m.net < 0.0))";

/// The same, of every triple.
const TRIPLES: &str = "event.lines.exists(l, event.lines.exists(m, event.lines.exists(n, l.net + m.net + n.net < 0.0)))";

/// The rule that somebody needs, and one more.
fn rules(more: &str) -> String {
    format!(
        r#"
groups:
  - name: g
    rules:
      - alert: Needed
        family: trend
        on: [order]
        when: size(orders) > 0
        episode: event.time
        expires_after: 0s
        annotations: {{summary: "{{{{ size(orders) }}}}"}}
      - alert: Mistake
        family: quality
{more}
"#
    )
}

/// Orders of 200 lines by 20 customers, so many milliseconds apart.
const ORDERS: usize = 160;

/// A mistake, the milliseconds between two orders, and whether it rests.
fn check(what: &str, more: &str, step: i64, rests: bool) {
    let symbols = Symbols::default();
    for shards in [1, 2] {
        let rules = rule_set(&rules(more), &symbols);
        let mut play = Play::new(&rules, &symbols, shards, 0);
        for number in 0..ORDERS {
            let (who, id) = (format!("c{}", number % 20), number.to_string());
            let millis = i64::try_from(number).unwrap() * step;
            let mut event = order(&symbols, &who, &id, millis, 10);
            event.lines = vec![event.lines[0]; 200].into_iter().collect();
            play.take(event);
        }
        let (outputs, totals) = play.finish();
        let needed = outputs.iter().filter(|output| match output {
            Output::Opened { alert, .. } => alert.rule == "Needed",
            _ => false,
        });
        assert_eq!(needed.count(), ORDERS, "{what}: the other rule");
        let mistake = totals.shards.rule("Mistake");
        let want = rests.then_some(Resting::Exhausted);
        assert_eq!(mistake.resting, want, "{what}, {shards} shards: {mistake:?}");
        let shards = u64::try_from(shards).unwrap();
        if rests {
            // Of each shard: what a rule begins with, and what the time of some looks gives it.
            let most = if step == HOUR { 3 * u64::from(FUEL) } else { 80_000 };
            assert!(mistake.items <= most * shards, "{what}, {shards} shards: {mistake:?}");
        } else {
            // What a rule begins with may be less than a look takes.
            assert!(mistake.failures <= shards, "{what}: {mistake:?}");
        }
    }
}

#[test]
fn a_rule_that_takes_too_much_rests_soon_and_one_that_takes_it_rarely_does_not() {
    let when = |condition: &str| format!("        on: [order]\n        when: {condition}\n");
    let summary = |text: &str| format!("        annotations: {{summary: \"{text}\"}}\n");
    let asked = |condition: &str| format!("{}{}", when(condition), summary("never"));
    let told = format!(
        "{}        episode: event.time\n        expires_after: 0s\n{}",
        when("size(orders) > 0"),
        summary(&format!("{{{{ {PAIRS} }}}}"))
    );
    let rarely = told.replace("size(orders) > 0", "size(orders) % 2 == 0");
    let episode = format!(
        "{}        episode: \"{PAIRS}\"\n        expires_after: 0s\n{}",
        when("size(orders) > 0"),
        summary("told")
    );
    let silence = format!(
        "        on: {{silence: order, after: \"event_lines_after\"}}\n{}",
        summary("never")
    );
    let after = "lines.last('1d').exists(l, lines.last('1d').exists(m, l.net + m.net < 0.0)) ? \
                 duration('1h') : duration('30d')";
    let silence = silence.replace("event_lines_after", after);
    for (what, more, step, rests) in [
        ("pairs each 10 ms", asked(PAIRS), 10, true),
        ("pairs each hour", asked(PAIRS), HOUR, false),
        ("triples each 10 ms", asked(TRIPLES), 10, true),
        ("triples each hour", asked(TRIPLES), HOUR, true),
        ("a text of pairs each 10 ms", told.clone(), 10, true),
        ("a text of pairs each hour", told, HOUR, false),
        ("a text of pairs, now and then, each 2 ms", rarely, 2, true),
        ("an episode of pairs each 10 ms", episode, 10, true),
        ("a silence as long as pairs tell, each 10 ms", silence, 10, true),
        ("what a rule may ask each 10 ms", asked("event.lines.exists(l, l.net < 0.0)"), 10, false),
    ] {
        check(what, &more, step, rests);
    }
}

/// Orders as bodies, a millisecond apart: a look goes through 4,032 pairs of lines.
fn bodies() -> Vec<Step> {
    let mut numbers = 0..60;
    let mut bodies = Vec::new();
    while !numbers.is_empty() {
        let mut body = String::new();
        for number in numbers.by_ref().take(3) {
            let (time, who) = (at(number), number % 5);
            let line = r#"{"product_id":"p","quantity":1,"unit_price":10}"#;
            let lines = vec![line; 63].join(",");
            writeln!(
                body,
                r#"{{"event_id":"e{number}","type":"order","occurred_at":"{time}","customer_id":"c{who}","currency":"USD","lines":[{lines}]}}"#
            )
            .unwrap();
        }
        bodies.push(Step::Body(body));
    }
    bodies
}

#[test]
fn a_rule_rests_behind_a_snapshot_where_it_rests_without_one() {
    let more = "        on: [order]\n        when: \"!EXISTS\"\n        episode: event.time\n        \
                expires_after: 0s\n        annotations: {summary: told}\n";
    let rules = rules(&more.replace("EXISTS", PAIRS));
    let script = bodies();
    for shards in [1, 2] {
        let want = undisturbed_by(&rules, &script, shards);
        let told = want.order.len() - 60;
        assert!((5..45).contains(&told), "it told {told} times, and then it rested");
        for cut in 1..script.len() {
            let disk = SimulatedDisk::new(1);
            let told: Arc<Mutex<Ledger>> = Arc::default();
            let stage = Stage::start(&disk, &told, shards).unwrap();
            stage.adopt(&rules).unwrap();
            for step in script[..cut].iter().chain([&Step::Snapshot]) {
                stage.step(step).unwrap();
            }
            stage.stop();
            assert_eq!(disk.list(Path::new(SNAPSHOTS)).unwrap().len(), 1);
            let stage = Stage::start(&disk.restarted(), &told, shards).unwrap();
            for step in &script[cut..] {
                stage.step(step).unwrap();
            }
            stage.stop();
            let have = told.lock().unwrap();
            assert_eq!(difference(&want, &have), None, "cut at {cut}, {shards} shards");
        }
    }
}
