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
/// The same, with a dip forgiven.
const KEPT: &str = "Large | when: event.net >= 50.0 | keep_firing_for: 9d";
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
                play.take(order(&symbols, "c", &number.to_string(), day * DAY, *net));
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

/// Others in the list than those of `Sees`.
const OTHERS: &str = "alerts.filter(a, a.rule != 'Sees').map(a, a.rule + ' ' + a.state).join(', ')";

/// Whether `Sees` tells this at each order, beside these rules.
#[track_caller]
fn check(rules: &[&str], seen: &str, steps: &[Do<'_>], want: &[&str]) {
    let sees = sees(seen);
    let first: Vec<&str> = rules.iter().copied().chain([sees.as_str()]).collect();
    // Which rule stands first does not matter.
    let last: Vec<&str> = first.iter().rev().copied().collect();
    for shards in [1, 3] {
        assert_eq!(told(&first, steps, shards), want, "{seen}, {shards} shards");
        assert_eq!(told(&last, steps, shards), want, "{seen}, {shards} shards, first");
    }
}

#[test]
fn a_rule_sees_the_alerts_told_before_this_moment_as_they_stand() {
    let steps = [Order(0, 60), Order(6, 9), Order(7, 9)];
    for (rule, want) in [
        // Nothing that the same event sets off, opened or closed.
        (LARGE, ["", "Large firing", "Large resolved"]),
        (CROSS, ["", "Cross expired", "Cross expired"]),
        (MOMENT, ["", "Moment expired", "Moment expired"]),
        (SHADOW, ["", "", ""]),
    ] {
        check(&[rule], OTHERS, &steps, &want);
    }
    check(&[], "size(alerts)", &steps, &["0", "1", "2"]);
}

#[test]
fn an_alert_has_a_family_a_value_and_its_times() {
    let steps = [Order(0, 60), Order(3, 9), Order(4, 9)];
    let family = "alerts.exists(a, a.family == 'cross_sell')";
    check(&[CROSS], family, &steps, &["no", "yes", "yes"]);
    let large = "alerts.filter(a, a.rule == 'Large').last()";
    check(&[LARGE], &format!("{large}.value"), &steps, &["–", "60.00", "60.00"]);
    let open_for = format!("days({large}.closed - {large}.opened)");
    check(&[LARGE], &open_for, &steps, &["?", "?", "3"]);
    let recent = "size(alerts.last('3d').filter(a, a.rule == 'Large'))";
    check(&[LARGE], recent, &steps, &["0", "0", "0"]);
    check(&[LARGE], recent, &[Order(0, 60), Order(2, 9), Order(3, 9)], &["0", "1", "0"]);
}

#[test]
fn what_reps_have_done_is_seen() {
    let closed = |reason| Action::Close { reason, amount: None };
    let state = "alerts.filter(a, a.rule == 'Large').last().state";
    for (action, want) in [
        (Action::Acknowledge, "acknowledged"),
        (Action::Snooze { until: at(400 * DAY) }, "snoozed"),
        (closed(CloseReason::Won), "won"),
        (closed(CloseReason::Lost), "lost"),
        (closed(CloseReason::Dismissed("no".to_owned())), "dismissed"),
    ] {
        let reopened = Act("Large", &Action::Reopen);
        let steps = [Order(0, 60), Act("Large", &action), Order(1, 9), reopened, Order(2, 60)];
        check(&[KEPT], state, &steps, &["–", want, "firing"]);
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
