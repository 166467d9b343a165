//! Which alerts does a rule see in `alerts`? Those of its entity that were told before the moment,
//! each as it stands; for one shard and for three, before a reload and after it.

use std::fmt::Write;
use std::sync::Arc;

use siaga::alert::Action;
use siaga::alert::Alert;
use siaga::alert::CloseReason;
use siaga::engine::ActionInput;
use siaga::engine::Output;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Symbols;
use siaga::rule::set::RuleSet;

use crate::scene::DAY;
use crate::scene::Play;
use crate::scene::at;
use crate::scene::order;
use crate::scene::rule_set;

/// Rules of customers that look at each order, `Name | line | line …`; those named `Sees…` tell the
/// value of `seen`.
fn set(rules: &[&str], symbols: &Symbols) -> Arc<RuleSet> {
    let mut yaml = "groups:\n  - name: g\n    rules:\n".to_owned();
    for rule in rules {
        let mut lines = rule.split('|').map(str::trim);
        let name = lines.next().unwrap();
        let family = if name == "Cross" { "cross_sell" } else { "trend" };
        writeln!(yaml, "      - alert: {name}\n        family: {family}\n        on: [order]")
            .unwrap();
        lines.for_each(|line| writeln!(yaml, "        {line}").unwrap());
        let summary = if name.starts_with("Sees") { "{{ seen }}" } else { "s" };
        writeln!(yaml, "        annotations: {{summary: \"{summary}\"}}").unwrap();
    }
    rule_set(&yaml, symbols)
}

/// Opens at each order of 50 and more, once a customer; closes with the next smaller one.
const LARGE: &str = "Large | when: event.net >= 50.0 | value: event.net";
const CROSS: &str = "Cross | when: event.net >= 50.0 | cooldown: 365d | expires_after: 5d";
/// Told and over.
const MOMENT: &str = "Moment | when: event.net >= 50.0 | expires_after: 0s";
const SHADOW: &str = "Shadow | when: event.net >= 50.0 | mode: shadow";

/// A rule that fires at each order and tells what it sees.
fn sees(seen: &str) -> String {
    format!("Sees | let: {{seen: \"{seen}\"}} | when: event.net > 0.0 | expires_after: 0s")
}

#[derive(Clone, Copy)]
enum Do<'a> {
    /// An order of this amount on this day.
    Order(i64, i64),
    /// A rep acts on the newest alert of the rule.
    Act(&'a str, &'a Action),
    Adopt(&'a [&'a str]),
}

use Do::Act;
use Do::Adopt;
use Do::Order;

/// What `Sees` told at each order.
fn told(rules: &[&str], steps: &[Do<'_>], shards: usize) -> Vec<String> {
    let symbols = Symbols::default();
    let mut play = Play::new(&set(rules, &symbols), &symbols, shards, 0);
    let (mut told, mut alerts) = (Vec::new(), Vec::<Alert>::new());
    for (number, step) in steps.iter().enumerate() {
        match step {
            Order(day, net) => {
                play.take(order(&symbols, "c", &number.to_string(), day * DAY, *net))
            }
            Act(rule, action) => {
                let alert = alerts.iter().rfind(|alert| alert.rule == *rule).unwrap();
                let entity = EntityId { kind: EntityKind::Customer, id: symbols.intern("c") };
                let (rule, action, by) = ((*rule).to_owned(), (*action).clone(), "ann".to_owned());
                let input = ActionInput { entity, rule, alert: alert.id, action, by, at: at(0) };
                play.engine.act(input).unwrap();
            }
            Adopt(rules) => play.engine.adopt(&set(rules, &symbols)).unwrap(),
        }
        play.settle();
        for output in play.outputs() {
            if let Output::Opened { alert, .. } = output {
                if alert.rule.starts_with("Sees") {
                    told.push(alert.summary.clone());
                }
                alerts.push(*alert);
            }
        }
    }
    play.finish();
    told
}

#[test]
fn a_rule_sees_the_alerts_told_before_this_moment_as_they_stand() {
    let closed = |reason| Action::Close { reason };
    let (won, no) = (closed(CloseReason::Won), closed(CloseReason::Dismissed(String::new())));
    let snooze = Action::Snooze { until: at(400 * DAY) };
    let acts = [Action::Acknowledge, snooze, won, no, Action::Reopen];
    let [acknowledge, snooze, won, no, reopen] = &acts;
    let others = "alerts.filter(a, a.rule != 'Sees').map(a, a.rule + ' ' + a.state).join(', ')";
    let large = |field: &str| format!("alerts.filter(a, a.rule == 'Large').last().{field}");
    for (what, rules, seen, steps, want) in [
        (
            "not what the same event sets off",
            &[LARGE][..],
            others.to_owned(),
            &[Order(0, 60), Order(1, 60)][..],
            &["", "Large firing"][..],
        ),
        (
            "what was resolved",
            &[LARGE],
            others.to_owned(),
            &[Order(0, 60), Order(1, 9), Order(2, 9)],
            &["", "Large firing", "Large resolved"],
        ),
        (
            "what has expired by then",
            &[CROSS],
            others.to_owned(),
            &[Order(0, 60), Order(6, 9), Order(7, 9)],
            &["", "Cross expired", "Cross expired"],
        ),
        (
            "a moment is over at once",
            &[MOMENT],
            others.to_owned(),
            &[Order(0, 60), Order(1, 9)],
            &["", "Moment expired"],
        ),
        (
            "nothing of the shadow",
            &[SHADOW],
            others.to_owned(),
            &[Order(0, 60), Order(1, 60)],
            &["", ""],
        ),
        (
            "what reps have done",
            &[LARGE],
            large("state"),
            &[
                Order(0, 60),
                Act("Large", acknowledge),
                Order(1, 60),
                Act("Large", snooze),
                Order(2, 60),
                Act("Large", reopen),
                Order(3, 60),
                Act("Large", won),
                Order(4, 60),
            ],
            &["–", "acknowledged", "snoozed", "firing", "won"],
        ),
        (
            "what was dismissed",
            &[LARGE],
            large("state"),
            &[Order(0, 60), Act("Large", no), Order(1, 9)],
            &["–", "dismissed"],
        ),
        (
            "the family",
            &[CROSS],
            "alerts.exists(a, a.family == 'cross_sell')".to_owned(),
            &[Order(0, 60), Order(1, 9)],
            &["no", "yes"],
        ),
        ("the money", &[LARGE], large("value"), &[Order(0, 60), Order(1, 9)], &["–", "60.00"]),
        (
            "the times",
            &[LARGE],
            format!("days({} - {})", large("closed"), large("opened")),
            &[Order(0, 60), Order(3, 9), Order(4, 9)],
            &["?", "?", "3"],
        ),
        (
            "a window by the time of opening",
            &[LARGE],
            "size(alerts.last('3d').filter(a, a.rule == 'Large'))".to_owned(),
            &[Order(0, 60), Order(1, 9), Order(2, 60), Order(3, 9), Order(5, 9)],
            &["0", "1", "1", "1", "0"],
        ),
        (
            "its own",
            &[],
            "size(alerts)".to_owned(),
            &[Order(0, 9), Order(1, 9), Order(2, 9)],
            &["0", "1", "2"],
        ),
    ] {
        for shards in [1, 3] {
            let sees = sees(&seen);
            let first: Vec<&str> = rules.iter().copied().chain([sees.as_str()]).collect();
            assert_eq!(told(&first, steps, shards), want, "{what}, {shards} shards");
            // Which rule stands first does not matter.
            let last: Vec<&str> = first.iter().rev().copied().collect();
            assert_eq!(told(&last, steps, shards), want, "{what}, the other way round");
        }
    }
}

#[test]
fn alerts_outlive_their_rules() {
    let seen = "alerts.map(a, a.rule + ' ' + a.state).join(', ')";
    let sees = sees(&format!("alerts.filter(a, a.rule != 'Sees').{}", &seen["alerts.".len()..]));
    let steps = [Order(0, 60), Adopt(&[&sees]), Order(1, 60), Order(2, 60)];
    for shards in [1, 3] {
        let found = told(&[LARGE, &sees], &steps, shards);
        assert_eq!(found, ["", "Large withdrawn", "Large withdrawn"]);
        // A rule that comes later sees what was told before it came.
        let found = told(&[LARGE], &[Order(0, 60), Adopt(&[LARGE, &sees]), Order(1, 9)], shards);
        assert_eq!(found, ["Large firing"]);
    }
}

#[test]
fn an_alert_is_not_repeated_where_the_rule_asks_for_the_last_one() {
    let once = "Once | when: event.net > 0.0 && size(alerts.last('30d').filter(a, a.rule == 'Once')) \
                == 0 | expires_after: 1d";
    let sees = sees("size(alerts.filter(a, a.rule == 'Once'))");
    let steps: Vec<Do<'_>> = (0..40).map(|day| Order(day, 9)).collect();
    let found = told(&[once, &sees], &steps, 1);
    let opened = [0, 30];
    let want = (0..40).map(|day| opened.iter().filter(|on| **on < day).count().to_string());
    assert_eq!(found, want.collect::<Vec<_>>());
}
