//! What becomes of input that means harm, or was torn on its way? Each bad record is refused for a
//! stated reason, the good ones around it are applied, nothing panics and memory stays flat.
//!
//! ```text
//! good, BAD, good ─┬─► request body ─┐                 ┌─► engine: 2 events
//!                  └─► file ─────────┴─► decode ───────┴─► refused: code, what to write instead
//! ```

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use siaga::engine::runtime::Totals;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::source::BATCH_RECORDS;
use siaga::source::Batch;
use siaga::source::body::decode_body;
use siaga::source::file;

use crate::scene::DAY;
use crate::scene::Play;
use crate::scene::cases;
use crate::scene::rule_set;

/// Rules that look at all that a record can carry.
const RULES: &str = "
groups:
  - name: all
    rules:
      - alert: Sums
        family: trend
        on: [order, call, complaint]
        let:
          month: lines.last('30d').sum(l, l.net)
          rate: margin_rate(lines.last('30d'))
          spread: lines.last('30d').stddev(l, l.net)
          kinds: lines.last('30d').distinct(l, l.category)
          ever: lines.sum(l, l.quantity)
        when: month > 10.0 || rate < 0.5 || lines.exists(l, l.category == event.category)
        value: month * 12.0
        expires_after: 1d
        annotations: {summary: '{{ month }} {{ rate }} {{ spread }} {{ kinds }} {{ ever }}'}
      - alert: Quiet
        family: drift
        on: {silence: order, after: 'mean_gap(orders) * 2.5'}
        annotations: {summary: '{{ size(orders) }}'}
";

/// A sound order with this id.
fn good(id: &str) -> String {
    format!(
        r#"{{"event_id":"{id}","occurred_at":"2025-03-01T09:30:00Z","customer_id":"c1","currency":"USD","lines":[{{"product_id":"p1","category":"a","quantity":2,"unit_price":12.5,"unit_cost":8}}]}}"#
    )
}

/// A sound order but for one text in it.
fn spoilt(from: &str, to: &str) -> Vec<u8> {
    let line = good("bad");
    assert!(line.contains(from), "{from} is not in {line}");
    line.replacen(from, to, 1).into_bytes()
}

struct Desk {
    symbols: Symbols,
    play: Play,
    mapping: Arc<Mapping>,
    refused: Vec<(String, String)>,
}

impl Desk {
    fn new() -> Self {
        let symbols = Symbols::default();
        let rules = rule_set(RULES, &symbols);
        let play = Play::new(&rules, &symbols, 1, DAY);
        Self { symbols, play, mapping: Arc::new(Mapping::identity()), refused: Vec::new() }
    }

    fn note(&mut self, batch: &mut Batch) {
        self.play.engine.take(batch.records.drain(..), None).unwrap();
        for refused in batch.refused.drain(..) {
            assert!(refused.excerpt.len() <= 3 * 4_096, "{} bytes kept", refused.excerpt.len());
            let reason = refused.reason.to_string();
            assert!(reason.len() < 400, "{} bytes of reason", reason.len());
            self.refused.push((refused.reason.code().to_owned(), reason));
        }
    }

    fn body(&mut self, media: &str, bytes: &[u8]) {
        let source = Arc::from("http");
        let name = self.symbols.intern("http");
        let mut decoder = Decoder::new(Arc::clone(&self.mapping), name);
        let mut batch = Batch::default();
        let symbols = self.symbols.clone();
        decode_body(media, bytes, &source, &mut decoder, &symbols, &mut batch).unwrap();
        self.note(&mut batch);
    }

    /// An error when the file as such cannot be read.
    fn file(&mut self, path: &Path) -> Result<(), String> {
        let opened = file::open(path, &self.mapping, None, &self.symbols);
        let mut source = opened.map_err(|error| error.to_string())?;
        let (mut batch, mut more) = (Batch::default(), true);
        while more {
            let found = source.next_batch(&self.symbols, &mut batch);
            assert!(batch.records.len() + batch.refused.len() <= BATCH_RECORDS + 1);
            self.note(&mut batch);
            more = found.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn finish(self) -> (Totals, Vec<(String, String)>) {
        (self.play.finish().1, self.refused)
    }
}

/// Good, bad, good: as a body and as a file.
#[track_caller]
fn check(what: &str, bad: &[u8], code: &str, says: &str) {
    let mut bytes = good("g1").into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(bad);
    bytes.push(b'\n');
    bytes.extend_from_slice(good("g2").as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.ndjson");
    std::fs::write(&path, &bytes).unwrap();
    for by_file in [false, true] {
        let mut desk = Desk::new();
        if by_file {
            desk.file(&path).unwrap();
        } else {
            desk.body("application/x-ndjson", &bytes);
        }
        let (totals, refused) = desk.finish();
        assert_eq!(totals.shards.applied, 2, "{what}, by file: {by_file}");
        let codes: Vec<&str> = refused.iter().map(|(code, _)| &**code).collect();
        assert_eq!(codes, [code], "{what}, by file: {by_file}: {refused:?}");
        assert!(refused[0].1.contains(says), "{what}: {}", refused[0].1);
    }
}

#[test]
fn a_bad_record_is_refused_for_a_reason_and_the_good_ones_are_taken() {
    let deep = format!(r#"{{"event_id":"d","x":{}1{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
    let many = format!(
        r#"{{"event_id":"m","occurred_at":"2025-03-01","lines":[{}{{}}]}}"#,
        r#"{"product_id":1,"quantity":1},"#.repeat(10_001)
    );
    let long = spoilt("\"bad\"", &format!("\"{}\"", "x".repeat(2 << 20)));
    let long_id = spoilt("\"bad\"", &format!("\"{}\"", "x".repeat(300)));
    let mut not_utf8 = spoilt("\"p1\"", "\"p?\"");
    let place = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[place] = 0xff;
    let twice = spoilt("\"customer_id\"", "\"event_id\":\"x\",\"customer_id\"");
    let two_currencies = spoilt("\"category\":\"a\"", "\"currency\":\"EUR\"");
    let whole = good("bad").into_bytes();
    for (what, bad, code, says) in [
        ("truncated", whole[..90].to_vec(), "bad_json", "it ends too early"),
        ("no object", b"[1, 2]".to_vec(), "bad_json", "write one whole JSON object"),
        ("two in a row", b"{} {}".to_vec(), "bad_json", "something follows"),
        (
            "a number for a list",
            spoilt(
                "[{\"product_id\":\"p1\",\"category\":\"a\",\"quantity\":2,\"unit_price\":12.5,\"unit_cost\":8}]",
                "7",
            ),
            "wrong_type",
            "a list of lines",
        ),
        ("a text for a number", spoilt("12.5", "\"dear\""), "bad_number", "not a number"),
        ("an object for a number", spoilt("12.5", "{}"), "wrong_type", "an object"),
        ("no number of JSON", spoilt("12.5", "NaN"), "bad_json", "a value is missing"),
        ("an absurd number", spoilt("12.5", "1e400"), "bad_number", "beyond"),
        ("an absurd exponent", spoilt("12.5", "1e-99999999999999999999"), "bad_number", "not a"),
        ("absurd once multiplied", spoilt("12.5", "999999999999"), "bad_number", "multiplied"),
        ("far future", spoilt("2025", "2150"), "bad_time", "`latest`"),
        ("long ago", spoilt("2025", "1950"), "bad_time", "`earliest`"),
        ("no supported year", spoilt("2025", "9999"), "bad_time", "2025-03-01T09:30:00Z"),
        ("no such day", spoilt("03-01", "02-30"), "bad_time", "2025-03-01T09:30:00Z"),
        ("a number for a time", spoilt("\"2025-03-01T09:30:00Z\"", "7"), "bad_time", "time_unit"),
        ("no currency", spoilt("USD", "dollars"), "bad_currency", "ISO 4217"),
        ("two currencies", two_currencies, "mixed_currencies", "for each currency"),
        ("a field twice", twice, "duplicate_field", "stands twice"),
        ("an empty id", spoilt("\"bad\"", "\"\""), "empty_id", "write the id"),
        ("an endless id", long_id, "too_long", "256 bytes"),
        ("no goods", spoilt("\"product_id\":\"p1\",", ""), "missing_field", "what was sold"),
        ("no time", spoilt("occurred_at", "occured"), "missing_field", "occurred_at"),
        ("bad bytes", not_utf8, "bad_utf8", "UTF-8"),
        ("nested without end", deep.into_bytes(), "too_deep", "32 levels"),
        ("lines without end", many.into_bytes(), "too_long", "10000"),
        ("a record without end", long, "too_long", "bytes"),
        ("half a pair of surrogates", spoilt("p1", "\\ud800"), "bad_json", "surrogate"),
        ("zeros", vec![0; 100], "bad_json", "an object in braces"),
    ] {
        check(what, &bad, code, says);
    }
}

#[test]
fn what_is_odd_but_sound_is_taken() {
    for (what, odd) in [
        ("an escaped name", spoilt("event_id", "\\u0065vent_id")),
        ("unknown fields", spoilt("\"currency\"", "\"mood\":{\"deep\":[1,{}]},\"currency\"")),
        ("a number for an id", spoilt("\"bad\"", "18446744073709551616")),
        ("as much as there can be", spoilt("12.5", "499999999999.999999")),
        ("a negative price", spoilt("12.5", "-12.5")),
        ("another currency than before", spoilt("USD", "EUR")),
        ("no customer", spoilt("customer_id", "buyer")),
    ] {
        let mut desk = Desk::new();
        let lines = [good("g1").as_bytes(), &odd, good("g2").as_bytes()].join(&b'\n');
        desk.body("application/x-ndjson", &lines);
        let (totals, refused) = desk.finish();
        assert_eq!(refused, [], "{what}");
        assert_eq!(totals.sequence.events, 3, "{what}");
    }
}

#[test]
fn two_currencies_are_never_added_up() {
    let mut desk = Desk::new();
    let mut lines = String::new();
    for (id, currency) in [("1", "USD"), ("2", "USD"), ("3", "EUR"), ("4", "USD")] {
        writeln!(lines, "{}", good(id).replace("USD", currency)).unwrap();
    }
    desk.body("application/x-ndjson", lines.as_bytes());
    let outputs = desk.play.outputs();
    let (totals, _) = desk.finish();
    assert_eq!(totals.shards.applied, 4);
    // `rate < 0.5` decides as long as there is a rate: 50 in dollars, then none.
    assert_eq!(outputs.len(), 1);
    let failures: Vec<u64> = totals.shards.rules.iter().map(|rule| rule.failures).collect();
    assert_eq!(failures, [0, 0], "what was ever bought still decides");
}

/// The most memory that this process ever had, in MB.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[test]
fn megabytes_without_an_end_cost_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let before = most_memory();
    for (name, begin, megabytes, mut want) in [
        ("a.ndjson", "", 300_u64, vec!["too_long"]),
        ("a.json", "[", 24, vec!["too_long"]),
        ("a.csv", "event_id,occurred_at,kind\n\"", 300, vec!["too_long"]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, begin).unwrap();
        // A hole in the file: zeros that take no room on the disk.
        let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_len(megabytes << 20).unwrap();
        if name == "a.ndjson" {
            std::io::Write::write_all(&mut &file, b"\n").unwrap();
            std::io::Write::write_all(&mut &file, good("g").as_bytes()).unwrap();
        }
        let mut desk = Desk::new();
        desk.file(&path).unwrap();
        let (totals, refused) = desk.finish();
        let codes: Vec<&str> = refused.iter().map(|(code, _)| &**code).collect();
        assert_eq!(codes, std::mem::take(&mut want), "{name}");
        assert_eq!(totals.shards.applied, u64::from(name == "a.ndjson"), "{name}");
    }
    if let (Some(before), Some(after)) = (before, most_memory()) {
        // Other tests run beside this one; a file held whole would show all the same.
        assert!(after < before + 200, "from {before} to {after} MB");
    }
}

#[test]
fn a_flood_of_bad_records_is_taken_batch_by_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let mut lines = "{\"event_id\":\n".repeat(20_000);
    lines.push_str(&good("g"));
    std::fs::write(&path, lines).unwrap();
    let mut desk = Desk::new();
    desk.file(&path).unwrap();
    let (totals, refused) = desk.finish();
    assert_eq!((totals.shards.applied, refused.len()), (1, 20_000));
}

const MEDIA: [&str; 5] = [
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

/// What tells a packed file, a table, a list.
const BEGINNINGS: &[&[u8]] = &[
    b"",
    b"[",
    b"PAR1",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xef\xbb\xbf",
    b"event_id,occurred_at,kind\n",
];

/// Bytes that JSON gives a meaning.
const EDITS: &[u8] = b"\"{}[],:e-019\\";

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let call = r#"{"event_id":"k1","occurred_at":"2025-03-01T09:30:00+01:00","kind":"call.started","customer_id":"c1","topic":"price","sentiment":-0.5,"amount":1e2,"duration_s":3}"#;
    let cloud = r#"{"specversion":"1.0","id":"9","source":"/s","type":"call.started","subject":"c1","time":"2025-03-01T09:30:00Z","data":{"topic":"x"}}"#;
    let customer = r#"{"record":"customer","customer_id":"c1","name":"Ä","segment":"s","attributes":{"a":1,"b":"x"}}"#;
    let lines = [good("m1"), call.to_owned(), cloud.to_owned(), customer.to_owned()];
    let edits = vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..4);
    (prop::sample::select(lines.to_vec()), edits).prop_map(|(line, edits)| {
        let mut bytes = line.into_bytes();
        for (place, edit, byte) in edits {
            let place = place.index(bytes.len().max(1));
            match edit {
                0 if place < bytes.len() => bytes[place] = byte,
                1 => bytes.insert(place.min(bytes.len()), EDITS[usize::from(byte) % EDITS.len()]),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ => bytes.truncate(place.max(1)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    #[test]
    fn no_bytes_make_it_panic(
        bytes in vec(any::<u8>(), 0..300),
        media in prop::sample::select(&MEDIA[..]),
    ) {
        let mut desk = Desk::new();
        desk.body(media, &bytes);
        desk.finish();
    }

    #[test]
    fn no_mutated_line_makes_it_panic_or_hides_a_good_one(
        bad in vec(mutated(), 1..6),
        media in prop::sample::select(&MEDIA[..]),
    ) {
        let mut desk = Desk::new();
        for one in &bad {
            desk.body(media, one);
        }
        let listed = [b"[".as_slice(), &bad.join(&b','), b"]"].concat();
        desk.body("application/json", &listed);
        let mut lines = good("g1").into_bytes();
        for one in &bad {
            lines.push(b'\n');
            lines.extend_from_slice(one);
        }
        lines.push(b'\n');
        lines.extend_from_slice(good("g2").as_bytes());
        let known = desk.play.engine.sequence().events;
        desk.body("application/x-ndjson", &lines);
        let events = desk.play.engine.sequence().events;
        prop_assert!(events >= known + 2, "{known} events before, {events} after");
        desk.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn no_file_makes_it_panic(
        bytes in vec(any::<u8>(), 0..400),
        lines in vec(mutated(), 0..4),
        begin in prop::sample::select(BEGINNINGS),
        name in prop::sample::select(&[
            "a.ndjson", "a.json", "a.csv", "a.tsv", "a.parquet", "a.ndjson.gz", "a.csv.zst",
        ][..]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let lines = lines.join(&b'\n');
        std::fs::write(&path, [begin, &lines, &bytes].concat()).unwrap();
        let mut desk = Desk::new();
        if let Err(reason) = desk.file(&path) {
            prop_assert!(reason.len() > 20 && reason.contains("a."), "{reason}");
        }
        desk.finish();
    }
}
