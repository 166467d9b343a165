//! Does an alert come, stay and go as its rule and the sales person say, all the way through the
//! engine? And is it the very same alert when the events are replayed?
//!
//! ```text
//! orders, ticks, actions ─► engine ─► "+0 acknowledged@1 resolved@2"     hours of the scene
//! ```

use std::fmt::Write;

use siaga::alert::Action;
use siaga::alert::AlertId;
use siaga::alert::AlertState;
use siaga::alert::CloseReason;
use siaga::alert::Owner;
use siaga::delivery::wire::action_name;
use siaga::engine::ActionInput;
use siaga::engine::Output;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Symbols;

use crate::permutation::RULES;
use crate::scene::BEGIN;
use crate::scene::HOUR;
use crate::scene::MINUTE;
use crate::scene::Play;
use crate::scene::at;
use crate::scene::order;
use crate::scene::rule_set;
use crate::scene::written;

/// Opens when the newest order is a big one; the times in hours.
fn rule(timing: &str) -> String {
    format!(
        "
groups:
  - name: g
    rules:
      - alert: Big
        family: trend
        on: [order]
        when: orders.last(1).exists(o, o.net > 50.0)
        {timing}
        annotations: {{summary: big}}
"
    )
}

/// One step of a scene, at an hour.
enum Do {
    /// An order that makes the condition hold.
    Big(i64),
    /// An order that makes it false.
    Small(i64),
    Tick(i64),
    Act(i64, Action),
    /// An action on an alert that nobody opened.
    Stray(i64, Action),
}

use Do::Act;
use Do::Big;
use Do::Small;
use Do::Stray;
use Do::Tick;

fn hours(millis: i64) -> i64 {
    (millis - BEGIN).div_euclid(HOUR)
}

fn word(state: &AlertState) -> String {
    match state {
        AlertState::Closed { reason, .. } => match reason {
            CloseReason::Dismissed(why) => format!("dismissed({why})"),
            reason => format!("{reason:?}").to_lowercase(),
        },
        state => state.name().to_owned(),
    }
}

#[track_caller]
fn check(what: &str, timing: &str, steps: &[Do], want: &str) {
    let symbols = Symbols::default();
    let rules = rule_set(&rule(timing), &symbols);
    let mut play = Play::new(&rules, &symbols, 1, MINUTE);
    let (mut diary, mut newest) = (String::new(), None);
    for (number, step) in steps.iter().enumerate() {
        let act = |hour: i64, action: &Action, alert: AlertId| ActionInput {
            entity: EntityId { kind: EntityKind::Customer, id: symbols.intern("c") },
            rule: "Big".to_owned(),
            alert,
            action: action.clone(),
            by: "ann".to_owned(),
            at: at(hour * HOUR),
        };
        match step {
            Big(hour) | Small(hour) => {
                let net = if matches!(step, Big(_)) { 100 } else { 1 };
                play.take(order(&symbols, "c", &number.to_string(), hour * HOUR, net));
            }
            // Time has come so far when the lateness has passed too.
            Tick(hour) => play.tick(hour * HOUR + MINUTE),
            Act(hour, action) => {
                let input = act(*hour, action, newest.expect("an alert is open"));
                play.engine.act(input).unwrap();
            }
            Stray(hour, action) => {
                let id = AlertId::new("Big", "customer", "c", "never");
                play.engine.act(act(*hour, action, id)).unwrap();
            }
        }
        for output in play.outputs() {
            match output {
                Output::Opened { alert, .. } => {
                    newest = Some(alert.id);
                    write!(diary, "+{} ", hours(alert.opened_at.millis())).unwrap();
                }
                Output::Changed { id, state, at } => {
                    assert_eq!(Some(id), newest, "{what}: another alert changed");
                    write!(diary, "{}@{} ", word(&state), hours(at.millis())).unwrap();
                }
                Output::Acted { id, deed } => {
                    assert_eq!(Some(id), newest, "{what}: another alert was acted on");
                    if deed.action.leads_to(&deed.by, deed.at).is_none() {
                        let word = action_name(&deed.action);
                        write!(diary, "{word}@{} ", hours(deed.at.millis())).unwrap();
                    }
                }
                Output::Duty(_) => {}
            }
        }
    }
    assert_eq!(diary.trim_end(), want, "{what}");
}

#[test]
fn an_alert_follows_its_rule() {
    for (what, timing, steps, want) in [
        ("one at a time", "", &[Big(0), Big(1), Small(2), Big(3)][..], "+0 resolved@2 +3"),
        ("held by time alone", "for: 2h", &[Big(0), Tick(5)], "+2"),
        ("held, and seen to hold", "for: 2h", &[Big(0), Big(1), Big(2)], "+2"),
        ("not held", "for: 2h", &[Big(0), Small(1), Tick(9)], ""),
        ("held from the second time on", "for: 2h", &[Big(0), Small(1), Big(2), Tick(9)], "+4"),
        ("kept", "keep_firing_for: 2h", &[Big(0), Small(1), Tick(2)], "+0"),
        ("kept, then over", "keep_firing_for: 2h", &[Big(0), Small(1), Tick(9)], "+0 resolved@3"),
        (
            "false anew",
            "keep_firing_for: 2h",
            &[Big(0), Small(1), Big(2), Small(3), Tick(9)],
            "+0 resolved@5",
        ),
        ("cooling", "cooldown: 3h", &[Big(0), Small(1), Big(2), Big(4)], "+0 resolved@1 +4"),
        ("expired", "expires_after: 2h", &[Big(0), Tick(9)], "+0 expired@2"),
        ("expired and again", "expires_after: 2h", &[Big(0), Big(3)], "+0 expired@2 +3"),
        (
            "expired and cooling",
            "expires_after: 2h\n        cooldown: 3h",
            &[Big(0), Big(3), Big(5)],
            "+0 expired@2 +5",
        ),
        (
            "a moment",
            "expires_after: 0s\n        cooldown: 2h",
            &[Big(0), Big(1), Big(2), Tick(9)],
            "+0 +2",
        ),
        (
            "one a day",
            "episode: date(now)",
            &[Big(0), Small(1), Big(2), Big(25), Big(26)],
            "+0 resolved@1 +25",
        ),
        ("the next day takes over", "episode: date(now)", &[Big(0), Big(25)], "+0 resolved@25 +25"),
        (
            "a late order of the day before tells nothing new",
            "episode: date(event.time)\n        expires_after: 0s",
            &[Big(23), Big(25), Big(22), Big(26), Big(49)],
            "+23 +25 +49",
        ),
        (
            "it speaks of the event, which was late",
            "at: event.time\n        expires_after: 0s\n        cooldown: 3h",
            &[Small(9), Big(10), Big(12), Big(13)],
            "+10 +13",
        ),
        (
            "held and expiring",
            "for: 1h\n        expires_after: 2h",
            &[Big(0), Tick(9)],
            "+1 expired@3",
        ),
    ] {
        check(what, timing, steps, want);
    }
}

#[test]
fn an_alert_waits_is_handed_on_and_talked_about() {
    let won = || Action::Close { reason: CloseReason::Won, amount: None };
    let comment = || Action::Comment { text: "calls back".to_owned() };
    let reassign = || Action::Reassign { owner: Owner::Rep("ben".to_owned()) };
    for (what, timing, steps, want) in [
        (
            "waits for the next large order",
            "",
            &[Big(0), Act(1, Action::Wait), Tick(5), Big(6), Small(7)][..],
            "+0 waiting@1 firing@6 resolved@7",
        ),
        (
            "over before anything new",
            "",
            &[Big(0), Act(1, Action::Wait), Small(7)],
            "+0 waiting@1 resolved@7",
        ),
        (
            "told and handed on, open and closed",
            "",
            &[Big(0), Act(1, comment()), Act(2, reassign()), Act(3, won()), Act(4, comment())],
            "+0 comment@1 reassign@2 won@3 comment@4",
        ),
        (
            "a comment on somebody else's alert",
            "",
            &[Big(0), Stray(1, comment()), Act(1, won()), Big(2)],
            "+0 won@1 +2",
        ),
    ] {
        check(what, timing, steps, want);
    }
}

#[test]
fn a_rep_acts_on_an_alert() {
    let close = |reason| Action::Close { reason, amount: None };
    let won = || close(CloseReason::Won);
    let snooze = |hour: i64| Action::Snooze { until: at(hour * HOUR) };
    let tired = || close(CloseReason::Dismissed("tired".to_owned()));
    for (what, timing, steps, want) in [
        (
            "acknowledged, then over",
            "",
            &[Big(0), Act(1, Action::Acknowledge), Small(2)][..],
            "+0 acknowledged@1 resolved@2",
        ),
        ("snoozed", "", &[Big(0), Act(1, snooze(3)), Tick(9)], "+0 snoozed@1 firing@3"),
        (
            "over while snoozed",
            "",
            &[Big(0), Act(1, snooze(5)), Small(2), Tick(9)],
            "+0 snoozed@1 resolved@2",
        ),
        (
            "expired while snoozed",
            "expires_after: 2h",
            &[Big(0), Act(1, snooze(5)), Tick(9)],
            "+0 snoozed@1 expired@2",
        ),
        ("won, and a new chance", "", &[Big(0), Act(1, won()), Big(2)], "+0 won@1 +2"),
        (
            "won, and quiet for a while",
            "cooldown: 3h",
            &[Big(0), Act(1, won()), Big(2), Big(4)],
            "+0 won@1 +4",
        ),
        (
            "lost, and opened again by hand",
            "",
            &[Big(0), Act(1, close(CloseReason::Lost)), Act(2, Action::Reopen), Small(3)],
            "+0 lost@1 firing@2 resolved@3",
        ),
        (
            "dismissed within its episode",
            "episode: date(now)",
            &[Big(0), Act(1, tired()), Big(2), Big(30)],
            "+0 dismissed(tired)@1 +30",
        ),
        (
            "closed twice, acknowledged too late",
            "",
            &[Big(0), Act(1, won()), Act(2, won()), Act(3, Action::Acknowledge)],
            "+0 won@1",
        ),
        (
            "opened again, it does not expire",
            "expires_after: 2h",
            &[Big(0), Act(1, won()), Act(1, Action::Reopen), Tick(9)],
            "+0 won@1 firing@1",
        ),
        (
            "somebody else's alert",
            "",
            &[Big(0), Stray(1, Action::Acknowledge), Stray(1, won())],
            "+0",
        ),
    ] {
        check(what, timing, steps, want);
    }
}

/// A busy stream over everything that the rules of `permutation` look at.
fn stream(symbols: &Symbols) -> Vec<Event> {
    let mut events = Vec::new();
    for step in 0..1_500_i64 {
        let (who, net) = (format!("c{}", step * 7 % 23), step * 31 % 97);
        let millis = step * 40 * MINUTE - step % 5 * 3 * HOUR;
        let mut event = order(symbols, &who, &step.to_string(), millis.max(0), net);
        event.rep = Some(symbols.intern(if step % 3 == 0 { "r1" } else { "r2" }));
        event.kind = match step % 11 {
            3 => Kind::Call,
            7 => Kind::Return,
            _ => Kind::Order,
        };
        event.lines.iter_mut().for_each(|line| line.category = Some(symbols.intern("a")));
        events.push(event);
    }
    events
}

fn replayed(shards: usize) -> Vec<String> {
    let symbols = Symbols::default();
    let rules = rule_set(RULES, &symbols);
    let mut play = Play::new(&rules, &symbols, shards, 12 * HOUR);
    for batch in stream(&symbols).chunks(100) {
        play.take_all(batch.iter().cloned());
    }
    play.finish().0.iter().map(written).collect()
}

#[test]
fn a_replay_says_the_same_byte_by_byte() {
    let first = replayed(1);
    assert!(first.len() > 100, "{} outputs only", first.len());
    assert_eq!(first, replayed(1));
    let sorted = |mut told: Vec<String>| {
        told.sort();
        told
    };
    let first = sorted(first);
    for shards in [2, 5] {
        assert_eq!(first, sorted(replayed(shards)), "{shards} shards");
    }
}
