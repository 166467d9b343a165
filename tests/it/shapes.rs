//! Does a decoder that has learned how lines look read them as one that has not? The short way is
//! only ever a faster way.
//!
//! ```text
//! sound lines ─► learned decoder ─┐
//! an odd line ────────────────────┼─► the same record, or the same refusal
//!              fresh decoder ─────┘
//! ```

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;

use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;

use crate::scene::cases;

/// Values that a member may have, most of them odd.
const VALUES: &[&str] = &[
    "0",
    "-0",
    "00",
    "007",
    "-1",
    "1.",
    "1.5",
    "-1.50",
    "1e3",
    "12345678901234567890",
    "1735689600123",
    "99999999999999999",
    "-1735689600123",
    "999999999999.9999999",
    "0.0000005",
    "true",
    "null",
    "\"\"",
    "\"a\"",
    "\"web\"",
    "\"EUR\"",
    "\"eur\"",
    "\"12.5\"",
    "\" 12\"",
    "\"2025-03-01T09:30:00Z\"",
    "\"2025-03-01T09:30:00.250+01:00\"",
    "\"2025-03-01\"",
    "\"1950-03-01\"",
    "\"\\u0061\"",
    "\"Ä\"",
    "\"a,b\"",
    "\"return\"",
    "[]",
    "{}",
];

/// Members of every flat order, under the names of the mapping.
const NEEDED: &[(&str, &str)] = &[
    ("event_id", "\"e1\""),
    ("occurred_at", "\"2025-03-01T09:30:00Z\""),
    ("product_id", "\"p1\""),
    ("quantity", "3"),
];

/// Members of some.
const MORE: &[(&str, &str)] = &[
    ("customer_id", "17"),
    ("category", "\"a\""),
    ("brand", "\"b\""),
    ("unit_price", "129.99"),
    ("unit_cost", "88.10"),
    ("discount", "0.5"),
    ("channel", "\"web\""),
    ("rep_id", "77"),
    ("territory", "\"north\""),
    ("currency", "\"USD\""),
    ("mood", "\"good\""),
    ("net_amount", "12"),
    ("order_id", "9"),
];

/// The needed members and some others, in any order; rarely one that makes it no plain order.
fn members() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let more = prop::sample::subsequence(MORE.to_vec(), 0..=MORE.len());
    let other = prop_oneof![
        6 => Just(None),
        1 => select(&[("type", "\"order\""), ("kind", "\"call\""), ("promotion", "7")][..])
            .prop_map(Some),
    ];
    let all = (more, other).prop_map(|(more, other)| {
        NEEDED.iter().copied().chain(more).chain(other).collect::<Vec<_>>()
    });
    all.prop_shuffle()
}

fn line(members: &[(&str, &str)], gap: &str) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("\"{name}\":{gap}{value}")).collect();
    format!("{{{}}}", members.join(&format!(",{gap}")))
}

/// A line like the sound one but for a few values, and now and then a few bytes.
fn odd(
    sound: &[(&'static str, &'static str)],
    values: &[(Index, &'static str)],
    bytes: &[(Index, u8)],
    gap: &str,
) -> Vec<u8> {
    let mut members = sound.to_vec();
    for (place, value) in values {
        let place = place.index(members.len());
        members[place].1 = value;
    }
    let mut line = line(&members, gap).into_bytes();
    for (place, byte) in bytes {
        let place = place.index(line.len());
        line[place] = *byte;
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1_500)))]

    #[test]
    fn the_short_way_reads_what_the_long_way_reads(
        sound in members(),
        millis in any::<bool>(),
        gap in select(&["", " "][..]),
        lines in vec(
            (
                vec((any::<Index>(), select(VALUES)), 0..3),
                prop_oneof![3 => vec((any::<Index>(), any::<u8>()), 0..1),
                            1 => vec((any::<Index>(), select(&b"\"{}[],:0e.-\\ "[..])), 1..3)],
            ),
            1..12,
        ),
    ) {
        let mapping = if millis { "record = \"order\"\ntime_unit = \"ms\"\n" } else { "" };
        let mapping = Arc::new(Mapping::parse(mapping).unwrap());
        let symbols = Symbols::default();
        let source = symbols.intern("test");
        let mut learned = Decoder::new(Arc::clone(&mapping), source);
        let sound: Vec<_> = sound
            .into_iter()
            .map(|(name, value)| match (name, millis) {
                ("occurred_at", true) => (name, "1735689600123"),
                _ => (name, value),
            })
            .collect();
        let warm = line(&sound, gap);
        for (values, bytes) in &lines {
            let _ = learned.decode(warm.as_bytes(), &mut symbols.write());
            let line = odd(&sound, values, bytes, gap);
            let short = learned.decode(&line, &mut symbols.write());
            let mut fresh = Decoder::new(Arc::clone(&mapping), source);
            let long = fresh.decode(&line, &mut symbols.write());
            prop_assert_eq!(short, long, "{}", String::from_utf8_lossy(&line));
        }
    }
}
