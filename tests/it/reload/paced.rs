//! Does it matter when an entity changes over? On random histories the same comes out whether all
//! change at once, a few after each record, or each only when something happens to it.
//!
//! ```text
//! records ── old set ──┬─ all at once ──────────┐
//!                      ├─ a few behind a record ┼─► the same alerts, and as many evaluations
//!                      └─ at the end ───────────┘
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use siaga::engine::Input;
use siaga::engine::Output;
use siaga::engine::sequence::Sequencer;
use siaga::engine::shard::Shard;
use siaga::event::Kind;
use siaga::event::Record;
use siaga::event::Reference;
use siaga::event::Symbols;
use siaga::event::reference::Customer;
use siaga::event::reference::Product;
use siaga::money::Decimal;
use siaga::rule::set::RuleSet;
use siaga::time::Span;

use crate::reload::set;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::at;
use crate::scene::cases;
use crate::scene::order;
use crate::scene::written;

/// Rules, of which a set has one for each name at most.
const RULES: [&[&str]; 8] = [
    &[
        "Big | on: [order] | when: orders.last('30d').sum(o, o.net) >= 50.0",
        "Big | on: [order] | when: orders.last('9d').sum(o, o.net) >= 20.0 | cooldown: 3d",
        "Big | on: [order] | when: orders.last('9d').sum(o, o.net) >= 20.0 | mode: shadow",
        "Big | on: [order] | when: size(orders) >= 2 | entity: rep",
    ],
    &[
        "Quiet | on: {silence: order, after: \"duration('10d')\"}",
        "Quiet | on: {silence: order, after: \"duration('4d')\"} | when: size(orders) > 1",
        "Quiet | on: {silence: call, after: \"duration('4d')\"}",
    ],
    &[
        "Daily | on: {every: 1d, at: \"12:00\"} | when: size(orders) >= 2 | expires_after: 5h",
        "Daily | on: {every: 3d, spread: 2h} | when: size(calls.last('9d')) >= 1 | expires_after: 1d",
    ],
    &[
        "Held | on: [order, call] | when: size(orders.last('6d')) >= 2 | for: 2d | keep_firing_for: 3d",
        "Held | on: [order, call] | when: size(orders.last('6d')) >= 2 | for: 5d",
    ],
    &["Owned | on: {every: 2d} | when: customer.owner == 'r1' | expires_after: 1d"],
    &[
        "Dear | on: {silence: order, after: \"duration('3d')\"} | when: orders.last(1).exists(o, o.net > 12.0)",
    ],
    &["Costly | on: {silence: order, after: \"duration('5d')\"} | when: unit_cost('p1') > 4.0"],
    &["Reps | on: {silence: order, after: \"duration('6d')\"} | entity: rep"],
];

/// What happens.
#[derive(Debug, Clone)]
enum Happens {
    /// An order or a call of a customer, so many hours later or earlier.
    Event { who: usize, hours: i64, call: bool, net: i64 },
    /// Time passes by so many hours.
    Hours(i64),
    /// A customer has this owner from now on.
    Owner { who: usize, rep: u8 },
    /// The product costs so much from now on.
    Product(i64),
}

const CUSTOMERS: usize = 9;

fn happens() -> impl Strategy<Value = Happens> {
    let who = || 0..CUSTOMERS;
    prop_oneof![
        8 => (who(), -40..80_i64, any::<bool>(), 5..20_i64)
            .prop_map(|(who, hours, call, net)| Happens::Event { who, hours, call, net }),
        2 => (1..150_i64).prop_map(Happens::Hours),
        1 => (who(), 0..3_u8).prop_map(|(who, rep)| Happens::Owner { who, rep }),
        1 => (1..9_i64).prop_map(Happens::Product),
    ]
}

/// Which rules a set has, each by its place among those of its name.
fn choice() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let names: Vec<usize> = (0..8).collect();
    (subsequence(names, 1..=8), any::<usize>()).prop_map(|(names, salt)| {
        names.into_iter().map(|name| (name, (salt >> (name * 3)) % RULES[name].len())).collect()
    })
}

fn rule_set(choice: &[(usize, usize)], symbols: &Symbols) -> Arc<RuleSet> {
    let rules: Vec<&str> = choice.iter().map(|(name, place)| RULES[*name][*place]).collect();
    set(&rules, symbols)
}

/// Records, each with how far the clock is by then.
fn records(script: &[Happens], symbols: &Symbols) -> Vec<(Option<Record>, i64)> {
    let names: Vec<_> = (0..CUSTOMERS)
        .map(|who| {
            // Other names lie between them, so that they do not have one turn together.
            for n in 0..70 {
                symbols.intern(&format!("between {who} {n}"));
            }
            symbols.intern(&format!("c{who}"))
        })
        .collect();
    let mut clock = 0;
    let record = |(number, happens): (usize, &Happens)| {
        let record = match happens {
            Happens::Event { who, hours, call, net } => {
                let time = (clock + hours * HOUR).max(0);
                clock = clock.max(time);
                let mut event =
                    order(symbols, &format!("c{who}"), &format!("e{number}"), time, *net);
                event.rep = Some(symbols.intern(&format!("r{}", who % 3)));
                if *call {
                    event.kind = Kind::Call;
                    event.lines.clear();
                }
                Some(Record::Event(Box::new(event)))
            }
            Happens::Hours(hours) => {
                clock += hours * HOUR;
                None
            }
            Happens::Owner { who, rep } => {
                let owner = Some(symbols.intern(&format!("r{rep}")));
                Some(Record::Reference(Box::new(Reference::Customer(Customer {
                    id: names[*who],
                    name: None,
                    kind: None,
                    segment: None,
                    tier: None,
                    territory: None,
                    owner,
                    consent_marketing: None,
                    attributes: BTreeMap::new(),
                }))))
            }
            Happens::Product(cost) => {
                Some(Record::Reference(Box::new(Reference::Product(Product {
                    id: symbols.intern("p1"),
                    name: None,
                    category: None,
                    brand: None,
                    list_price: None,
                    unit_cost: Some(Decimal::from_micros(cost * Decimal::SCALE)),
                    attributes: BTreeMap::new(),
                }))))
            }
        };
        (record, clock)
    };
    script.iter().enumerate().map(record).collect()
}

/// When entities have their turn.
#[derive(Debug, Clone, Copy)]
enum Pace {
    AtOnce,
    /// Some behind every so many records.
    Every(usize),
    AtTheEnd,
}

/// What a shard tells, sorted, and how often it asked each rule.
fn told(
    (old, new): (&Arc<RuleSet>, &Arc<RuleSet>),
    (records, turn): (&[(Option<Record>, i64)], usize),
    (symbols, pace): (&Symbols, Pace),
) -> Vec<String> {
    let mut sequencer = Sequencer::new(old, symbols, 1, Span::from_millis(DAY));
    let mut shard = Shard::new(Arc::clone(old), symbols.clone());
    let mut out: Vec<Output> = Vec::new();
    for (number, (record, clock)) in records.iter().enumerate() {
        let mut inputs = Vec::new();
        if number == turn {
            sequencer.adopt(new, &mut |_, input| inputs.push(input));
            inputs.push(Input::Watermark(sequencer.watermark()));
            shard.steps(&mut inputs, &mut out);
            inputs.clear();
            if matches!(pace, Pace::AtOnce) {
                shard.change_all(&mut out);
            }
        }
        match record {
            Some(record) => {
                sequencer.take(record.clone(), (None, None), &mut |_, input| inputs.push(input));
            }
            None => sequencer.tick(at(*clock)),
        }
        inputs.push(Input::Watermark(sequencer.watermark()));
        shard.steps(&mut inputs, &mut out);
        if matches!(pace, Pace::Every(pace) if number % pace == 0) {
            shard.change_some(&mut out);
        }
    }
    shard.change_all(&mut out);
    assert!(!shard.is_changing());
    let mut told: Vec<String> = out.iter().map(written).collect();
    told.sort();
    let asked = shard.tally.by_name();
    told.extend(
        asked.map(|(name, tally)| format!("{name} {} {}", tally.evaluations, tally.failures)),
    );
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(300)))]

    #[test]
    fn it_does_not_matter_when_an_entity_changes_over(
        before in choice(),
        after in choice(),
        turn in 0..40_usize,
        script in vec(happens(), 1..60),
    ) {
        let symbols = Symbols::default();
        let records = records(&script, &symbols);
        let (old, new) = (rule_set(&before, &symbols), rule_set(&after, &symbols));
        let run = |pace| told((&old, &new), (&records, turn), (&symbols, pace));
        let want = run(Pace::AtOnce);
        for pace in [Pace::Every(1), Pace::Every(3), Pace::AtTheEnd] {
            prop_assert_eq!(run(pace), want.clone(), "{:?}", pace);
        }
    }
}
