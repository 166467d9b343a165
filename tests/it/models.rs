//! Does what is learned across customers take effect at one place of the one order, whoever runs
//! the stream and however it is cut? And does what people say of alerts come back to the rules?

use std::sync::Arc;

use siaga::alert::Action;
use siaga::alert::Alert;
use siaga::alert::CloseReason;
use siaga::engine::ActionInput;
use siaga::engine::Output;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Event;
use siaga::event::Line;
use siaga::event::Symbols;
use siaga::model::form;
use siaga::money::Decimal;
use siaga::rule::set::RuleSet;

use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::Play;
use crate::scene::at;
use crate::scene::happened;
use crate::scene::rule_set;
use crate::scene::written;

const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: Basket
        family: cross_sell
        on: [order]
        let:
          best: next_best(event.lines, 3)
          offer: best.first().category
        when: offer != null
        cooldown: 5d
        expires_after: 5d
        value: best.first().profit.orElse(best.first().net)
        annotations: {summary: \"{{ offer }} {{ best.first().p }} {{ best.first().buyers }} of {{ best.first().peers }}\"}
      - alert: White
        family: cross_sell
        on: {every: 7d}
        let:
          offer: white_space(lines, 3).first().category
          usual: peers(customer.segment).quantile('net', 0.5)
        when: offer != null && lines.last('365d').sum(l, l.net) > usual * 0.5
        expires_after: 3d
        value: usual
        annotations: {summary: \"{{ offer }} {{ affinity(lines, offer) }} {{ customer.value_tier }}\"}
";

/// An order of one line of each category.
fn order(symbols: &Symbols, who: usize, number: usize, millis: i64, categories: &[&str]) -> Event {
    let line = |name: &&str| Line {
        product: Some(symbols.intern(name)),
        category: Some(symbols.intern(name)),
        quantity: Decimal::ONE,
        net: Some(Decimal::from_micros((50 + i64::try_from(who).unwrap()) * Decimal::SCALE)),
        cost: Some(Decimal::from_micros(30 * Decimal::SCALE)),
        ..Line::default()
    };
    let lines = categories.iter().map(line).collect();
    Event { lines, ..happened(symbols, &format!("c{who}"), &format!("o{number}"), millis) }
}

/// Three kinds of customers over `days` days; some lack what the others of their kind buy.
fn stream(symbols: &Symbols, days: i64) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..usize::try_from(days * 8).unwrap() {
        let who = (number * 37) % 150;
        let whole: &[&str] = match who % 3 {
            0 => &["Torches", "Masks", "Rods"],
            1 => &["Paint", "Brushes", "Tape"],
            _ => &["Torches", "Gas", "Gloves"],
        };
        let lacks = usize::from(who % 5 == 0);
        let turn = number % 2;
        let categories = &whole[turn..whole.len() - lacks];
        // Every ninth comes two hours late.
        let late = if number % 9 == 0 { 2 * HOUR } else { 0 };
        let millis = i64::try_from(number).unwrap() * 3 * HOUR - late + 4 * HOUR;
        events.push(order(symbols, who, number, millis, categories));
    }
    events
}

/// What a run leaves behind: alerts, and the models.
type Left = (Vec<String>, Vec<u8>);

fn run(shards: usize, cut: usize) -> Left {
    let symbols = Symbols::default();
    let rules: Arc<RuleSet> = rule_set(RULES, &symbols);
    let mut play = Play::new(&rules, &symbols, shards, HOUR);
    let mut events = stream(&symbols, 70);
    while !events.is_empty() {
        let rest = events.split_off(cut.min(events.len()));
        play.take_all(std::mem::replace(&mut events, rest));
    }
    let models = Arc::clone(play.engine.models().unwrap());
    let versions: Vec<u32> = play.engine.versions().iter().map(|one| one.version).collect();
    assert_eq!(versions, [1, 2, 3, 4], "after 7, 14, 28 and 56 days");
    let (outputs, _) = play.finish();
    let mut lines: Vec<String> = outputs.iter().map(written).collect();
    // Entities on several shards have no order among each other.
    lines.sort();
    (lines, form::encode(&models, &symbols))
}

#[test]
fn two_runs_learn_and_tell_the_same_on_one_shard_and_on_several_however_the_stream_is_cut() {
    let (alerts, models) = run(1, 100);
    assert!(alerts.iter().filter(|line| line.contains("\"rule\":\"White\"")).count() > 20);
    assert!(alerts.iter().filter(|line| line.contains("\"rule\":\"Basket\"")).count() > 20);
    for (shards, cut) in [(1, 100), (1, 7), (3, 100), (3, 13)] {
        let (others, theirs) = run(shards, cut);
        assert_eq!(models, theirs, "{shards} shards, {cut} records at once");
        assert_eq!(alerts.len(), others.len(), "{shards} shards, {cut} records at once");
        for (one, other) in alerts.iter().zip(&others) {
            assert_eq!(one, other, "{shards} shards, {cut} records at once");
        }
    }
}

#[test]
fn what_is_learned_holds_a_day_after_its_counts_were_taken_and_not_before() {
    let symbols = Symbols::default();
    let rules = rule_set(RULES, &symbols);
    let mut play = Play::new(&rules, &symbols, 1, 0);
    let mut first: Option<i64> = None;
    for event in stream(&symbols, 30) {
        let time = event.time;
        play.take(event);
        let version = play.engine.models().unwrap().version;
        if version > 0 && first.is_none() {
            first = Some((time - at(0)).millis());
        }
    }
    let first = first.unwrap();
    // The first order is of hour 2, the first survey seven days later.
    assert!((8 * DAY..9 * DAY).contains(&first), "{first}");
}

/// The alerts of a rule for a customer.
fn alerts(play: &Play, rule: &str, who: &str) -> Vec<Alert> {
    let opened = play.outputs().into_iter().filter_map(|output| match output {
        Output::Opened { alert, .. } => Some(*alert),
        Output::Changed { .. } | Output::Acted { .. } | Output::Duty(_) => None,
    });
    opened.filter(|alert| alert.rule == rule && alert.entity_id == who).collect()
}

fn offer_of(alert: &Alert) -> String {
    alert.reasons.iter().find(|reason| reason.name == "offer").unwrap().value.to_string()
}

#[test]
fn an_offer_that_was_declined_is_not_made_again_and_the_rule_is_believed_less() {
    let symbols = Symbols::default();
    let rules = rule_set(RULES, &symbols);
    let mut play = Play::new(&rules, &symbols, 1, 0);
    play.take_all(stream(&symbols, 30));
    play.outputs();
    let newcomer = |play: &mut Play, number: usize, day: i64| {
        play.take(order(&symbols, 999, 10_000 + number, day * DAY, &["Torches"]));
        alerts(play, "Basket", "c999")
    };
    let found = newcomer(&mut play, 1, 31);
    let [alert] = &found[..] else { panic!("{found:?}") };
    assert!((alert.trust - 1.0).abs() < 1e-12);
    let first = offer_of(alert);
    let action = ActionInput {
        entity: EntityId { kind: EntityKind::Customer, id: symbols.intern("c999") },
        rule: "Basket".to_owned(),
        alert: alert.id,
        action: Action::Close { reason: CloseReason::Lost, amount: None },
        by: "r1".to_owned(),
        at: at(31 * DAY + HOUR),
    };
    play.engine.act(action).unwrap();
    let mut offered = Vec::new();
    for turn in 0..8 {
        let found = newcomer(&mut play, 2 + turn, 38 + 8 * i64::try_from(turn).unwrap());
        offered.extend(found.iter().map(offer_of));
        if turn == 7 {
            // Five of even odds on either side, and one that was lost: (5 / 11) / (5 / 10).
            let trust = found.first().map(|alert| alert.trust);
            assert!(trust.is_none_or(|trust| (trust - 10.0 / 11.0).abs() < 1e-12), "{trust:?}");
        }
    }
    assert!(!offered.is_empty() && !offered.contains(&first), "{first}: {offered:?}");
}
