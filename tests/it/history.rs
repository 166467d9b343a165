//! Does a packed history give back what was put in, in order, whatever it is?
//!
//! ```text
//! events in any order ─► insert ─► bytes ─► forwards, backwards, trimmed  =  the sorted model
//! ```

use std::sync::LazyLock;

use compact_str::CompactString;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use siaga::event::Detail;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbol;
use siaga::event::Symbols;
use siaga::money::Decimal;
use siaga::state::history::Entry;
use siaga::state::history::History;
use siaga::state::history::Unchanged;
use siaga::state::item;
use siaga::state::item::Body;
use siaga::state::item::Head;

use crate::scene::at;
use crate::scene::cases;
use crate::scene::happened;

/// Ids that a packing by numbers could mistake.
const IDS: [&str; 14] = [
    "0",
    "00",
    "007",
    "7",
    "1",
    "-1",
    "+1",
    "1e3",
    "999999999999999999",
    "1000000000000000000",
    "18446744073709551615",
    "18446744073709551616",
    "",
    "注文-Ä-🧾",
];

/// An event and whether it is in a foreign currency.
type Put = (Event, bool);

static NAMES: LazyLock<(Symbols, Vec<Symbol>)> = LazyLock::new(|| {
    let symbols = Symbols::default();
    // More than 127, so that numbers of one and of two bytes occur.
    let names = (0..300).map(|n| symbols.intern(&format!("n{n}"))).collect();
    (symbols, names)
});

fn name() -> impl Strategy<Value = Option<Symbol>> {
    option::of(prop::sample::select(NAMES.1.clone()))
}

fn id() -> impl Strategy<Value = CompactString> {
    prop_oneof![
        3 => prop::sample::select(&IDS[..]).prop_map(CompactString::from),
        3 => "[a-z0-9-]{1,12}".prop_map(CompactString::from),
        1 => "[0-9]{1,20}".prop_map(CompactString::from),
        1 => "\\PC{120,260}".prop_map(CompactString::from),
    ]
}

fn amount() -> impl Strategy<Value = Decimal> {
    const MOST: i64 = 1_000_000_000_000 * Decimal::SCALE;
    prop_oneof![
        Just(0_i64),
        (-1_000_000..1_000_000_i64).prop_map(|cents| cents * 10_000),
        -MOST..=MOST,
    ]
    .prop_map(Decimal::from_micros)
}

fn line() -> impl Strategy<Value = Line> {
    let money = (option::of(amount()), option::of(amount()), option::of(amount()));
    ((name(), name(), name(), name()), amount(), money, any::<bool>()).prop_map(
        |((product, category, brand, promotion), quantity, (net, cost, discount), non_product)| {
            let goods = Line { product, category, brand, promotion, ..Line::default() };
            Line { quantity, net, cost, discount, non_product, ..goods }
        },
    )
}

fn detail() -> impl Strategy<Value = Detail> {
    let names = (name(), name(), name(), name(), name(), name(), name(), name());
    let numbers =
        (option::of(amount()), option::of(amount()), option::of(amount()), option::of(amount()));
    (names, numbers).prop_map(
        |(
            (kind, topic, outcome, direction, product, category, campaign, severity),
            (duration_s, sentiment, amount, count),
        )| Detail {
            kind,
            topic,
            outcome,
            direction,
            product,
            category,
            campaign,
            severity,
            duration_s,
            sentiment,
            amount,
            count,
        },
    )
}

fn event() -> impl Strategy<Value = Put> {
    // Few instants, so that ties are common; and instants of all supported years.
    let millis = prop_oneof![4 => -3..4_i64, 1 => -1_000_000_000_000..3_000_000_000_000_i64];
    let kind = prop::sample::select(Kind::ALL.map(|(kind, _)| kind).to_vec());
    let lines = prop_oneof![4 => vec(line(), 0..4), 1 => vec(line(), 10..40)];
    let head = (id(), kind, millis, option::of(id()), any::<bool>());
    (head, (name(), name(), name()), lines, option::of(detail())).prop_map(
        |((id, kind, millis, order, foreign), (channel, rep, customer), lines, detail)| {
            let blank = happened(&NAMES.0, "n0", &id, millis);
            let lines = lines.into_iter().collect();
            let detail = detail.map(Box::new);
            (Event { kind, channel, rep, customer, order, lines, detail, ..blank }, foreign)
        },
    )
}

fn same(entry: &Entry<'_>, (event, foreign): &Put) {
    let opened = entry.open();
    assert_eq!(entry.time(), event.time);
    assert_eq!(entry.kind(), event.kind);
    assert_eq!(opened.id, event.id);
    assert_eq!(opened.order, event.order);
    assert_eq!(opened.head, Head::of(event, *foreign));
    let lines: Vec<Body> = entry.lines().collect();
    assert_eq!(lines, event.lines.iter().map(Body::of).collect::<Vec<Body>>());
    assert_eq!(entry.whole(), item::whole(event, *foreign));
    assert_eq!(entry.is_foreign(), *foreign);
    let bare = |body: &Body| Body { product: None, brand: None, promotion: None, ..*body };
    let bare_lines: Vec<Body> = entry.bare_lines().collect();
    assert_eq!(bare_lines, lines.iter().map(bare).collect::<Vec<Body>>());
}

fn holds(history: &History, model: &[Put]) {
    assert_eq!(history.len(), model.len());
    assert_eq!(history.is_empty(), model.is_empty());
    let forwards: Vec<Entry<'_>> = history.from(0).collect();
    assert_eq!(forwards.len(), model.len());
    forwards.iter().zip(model).for_each(|(entry, put)| same(entry, put));
    let backwards: Vec<Entry<'_>> = history.back_from(history.end()).collect();
    assert_eq!(backwards.len(), model.len());
    backwards.iter().zip(model.iter().rev()).for_each(|(entry, put)| same(entry, put));
    for pair in forwards.windows(2) {
        assert_eq!(pair[0].next, pair[1].offset);
    }
    assert_eq!(forwards.last().map_or(0, |entry| entry.next), history.end());
    assert!(history.at(history.end()).is_none());
    assert!(history.before(0).is_none());
}

fn key(event: &Event) -> (i64, &str, Kind) {
    (event.time.millis(), event.id.as_str(), event.kind)
}

fn put(history: &mut History, model: &mut Vec<Put>, new: Put) {
    let place = model.binary_search_by(|(known, _)| key(known).cmp(&key(&new.0)));
    let found = history.insert(&new.0, new.1);
    match place {
        Ok(_) => assert_eq!(found, Err(Unchanged::Duplicate)),
        Err(place) => {
            let inserted = found.unwrap();
            let entry = history.at(inserted.offset).unwrap();
            same(&entry, &new);
            assert_eq!(entry.next - entry.offset, inserted.length);
            model.insert(place, new);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn what_went_in_in_any_order_comes_out_in_order(
        events in vec(event(), 0..24),
        again in vec(any::<prop::sample::Index>(), 0..6),
        cuts in vec(any::<prop::sample::Index>(), 0..3),
        after in vec(event(), 0..6),
    ) {
        let (mut history, mut model) = (History::default(), Vec::new());
        for new in &events {
            put(&mut history, &mut model, new.clone());
        }
        holds(&history, &model);
        for index in again.iter().filter(|_| !events.is_empty()) {
            put(&mut history, &mut model, index.get(&events).clone());
        }
        holds(&history, &model);
        for cut in cuts {
            let cut = cut.index(model.len() + 1);
            let offset = history.from(0).nth(cut).map_or(history.end(), |entry| entry.offset);
            history.trim(offset);
            model.drain(..cut);
            holds(&history, &model);
        }
        for new in after {
            put(&mut history, &mut model, new);
        }
        holds(&history, &model);
    }
}

#[test]
fn events_of_one_instant_stand_by_id_and_then_by_kind() {
    let symbols = Symbols::default();
    let mut history = History::default();
    let event = |id: &str, kind| Event { kind, ..happened(&symbols, "c", id, 0) };
    for (id, kind, new) in [
        ("7", Kind::Order, true),
        ("007", Kind::Order, true),
        ("7", Kind::Call, true),
        ("7", Kind::Order, false),
        ("", Kind::Order, true),
        ("007", Kind::Order, false),
        ("7", Kind::Call, false),
    ] {
        let found = history.insert(&event(id, kind), false);
        assert_eq!(found.is_ok(), new, "{id} {kind:?}");
    }
    let ids: Vec<CompactString> = history.from(0).map(|entry| entry.id_text()).collect();
    assert_eq!(ids, ["", "007", "7", "7"]);
    assert_eq!(history.from(0).last().map(|entry| entry.kind()), Some(Kind::Call));
}

#[test]
fn an_order_of_one_line_is_small() {
    let symbols = Symbols::default();
    let mut history = History::default();
    for number in 0..100_i64 {
        let id = (1_000_000 + number).to_string();
        let event = crate::scene::order(&symbols, "c", &id, number * 86_400_000, 130);
        history.insert(&event, false).unwrap();
    }
    assert!(history.end() < 30 * 100, "{} bytes for 100 orders", history.end());
    assert_eq!(history.from(0).next().map(|entry| entry.time()), Some(at(0)));
}
