//! What happens, from a seed: orders and calls, late ones and repeats, reference data, the passing
//! of time, reps' actions, other rules.

use std::fmt::Write;

use crate::journal::run::Numbers;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::MINUTE;
use crate::scene::at;

/// One step; who gets no answer does it again.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A body of events, and reference data.
    Body(String),
    /// Time has come so far.
    Tick(i64),
    /// A rep acts on the alert of this number, modulo how many there are.
    Act(u64, u8),
    /// The rules of this number.
    Rules(usize),
    /// A snapshot is taken.
    Snapshot,
}

/// Two sets of rules that have some in common, one that reads what is learned, and one that reads
/// where orders were booked besides.
pub(crate) const RULES: [&str; 4] = [
    r#"
groups:
  - name: g
    rules:
      - alert: Big
        family: trend
        on: [order]
        when: orders.last('30d').sum(o, o.net) >= 400.0
        cooldown: 5d
        value: orders.last('30d').sum(o, o.net)
        annotations: {summary: "{{ customer.name }} {{ money(value) }}"}
      - alert: Quiet
        family: drift
        on: {silence: order, after: "duration('9d')"}
        when: size(orders.last('60d')) >= 3
        annotations: {summary: "quiet"}
      - alert: Daily
        family: trend
        on: {every: 1d, at: "12:00"}
        when: size(orders.last('3d')) >= 3
        expires_after: 20h
        annotations: {summary: "busy"}
      - alert: New
        family: cross_sell
        on: [order]
        let:
          tools: lines.filter(l, l.category == 'tools').exists(l, true)
        when: tools && !lines.exists(l, l.category == 'gloves')
        expires_after: 4d
        annotations: {summary: "no gloves yet"}
"#,
    r#"
groups:
  - name: g
    rules:
      - alert: Quiet
        family: drift
        on: {silence: order, after: "duration('9d')"}
        when: size(orders.last('60d')) >= 3
        annotations: {summary: "quiet"}
      - alert: Big
        family: trend
        on: [order]
        when: orders.last('30d').sum(o, o.net) >= 600.0
        cooldown: 5d
        annotations: {summary: "{{ customer.name }} again"}
      - alert: OfRep
        family: performance
        entity: rep
        on: [order]
        when: size(orders.last('10d')) >= 6
        annotations: {summary: "busy"}
"#,
    r#"
groups:
  - name: g
    rules:
      - alert: Likely
        family: cross_sell
        on: [order]
        let:
          lift: affinity(event.lines, 'gloves')
        when: lift > 0.0
        expires_after: 0s
        cooldown: 1d
        annotations: {summary: "{{ lift }}"}
"#,
    r#"
groups:
  - name: g
    rules:
      - alert: Likely
        family: cross_sell
        on: [order]
        let:
          lift: affinity(event.lines, 'gloves')
        when: lift > 0.0
        expires_after: 0s
        cooldown: 1d
        annotations: {summary: "{{ lift }}"}
      - alert: Elsewhere
        family: alignment
        on: [order]
        let:
          others: orders.last('20d').count(o, in_territory(o.rep, o.territory, o.time) == false)
        when: others > 0
        episode: others
        annotations: {summary: "{{ others }} orders, the last in {{ event.territory }}"}
"#,
];

/// So many steps.
pub(crate) fn script(seed: u64, steps: usize) -> Vec<Step> {
    let script = vec![Step::Rules(0), Step::Body(reference())];
    steps_from(script, (seed, 0, 0), steps)
}

/// Steps of days that lie behind those of every script.
pub(crate) fn behind(seed: u64, steps: usize) -> Vec<Step> {
    steps_from(Vec::new(), (seed ^ 0xff, 1_000 * DAY, 1_000_000), steps)
}

fn steps_from(
    mut script: Vec<Step>,
    (seed, mut now, mut id): (u64, i64, u64),
    steps: usize,
) -> Vec<Step> {
    let mut numbers = Numbers(seed);
    let mut sent: Vec<String> = Vec::new();
    while script.len() < steps {
        match numbers.below(20) {
            0 => script.push(Step::Act(numbers.below(40), u8::try_from(numbers.below(4)).unwrap())),
            1 => script.push(Step::Snapshot),
            2 if numbers.below(3) == 0 => {
                script.push(Step::Rules(usize::try_from(numbers.below(2)).unwrap()));
            }
            2..5 => {
                now += i64::try_from(numbers.below(3 * 24)).unwrap() * HOUR;
                script.push(Step::Tick(now));
            }
            5 if !sent.is_empty() => {
                let which = usize::try_from(numbers.below(sent.len() as u64)).unwrap();
                script.push(Step::Body(sent[which].clone()));
            }
            _ => {
                let mut body = String::new();
                for _ in 0..=numbers.below(3) {
                    id += 1;
                    now += i64::try_from(numbers.below(12 * 60)).unwrap() * MINUTE;
                    let late = if numbers.below(6) == 0 { 2 * DAY } else { 0 };
                    writeln!(body, "{}", event(&mut numbers, id, now - late)).unwrap();
                }
                sent.push(body.clone());
                script.push(Step::Body(body));
            }
        }
    }
    script
}

fn reference() -> String {
    (0..5).fold(String::new(), |mut all, n| {
        writeln!(all, r#"{{"customer_id":"c{n}","name":"Customer {n}","segment":"s{n}"}}"#)
            .unwrap();
        all
    })
}

fn event(numbers: &mut Numbers, id: u64, millis: i64) -> String {
    let (customer, rep) = (numbers.below(5), numbers.below(2));
    let category = ["tools", "gloves", "paint"][usize::try_from(numbers.below(3)).unwrap()];
    let price = 20 + numbers.below(100);
    format!(
        r#"{{"event_id":"e{id}","type":"order","occurred_at":"{}","customer_id":"c{customer}","rep_id":"r{rep}","currency":"USD","lines":[{{"product_id":"p{price}","category":"{category}","quantity":1,"unit_price":{price}}}]}}"#,
        at(millis)
    )
}
