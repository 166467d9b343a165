//! Every parser that reads what others write: whatever the bytes are, it answers, and does not panic.
//!
//! ```text
//! sound inputs ─► changed by a seed: bits, bytes, pieces of each other, words of the form ─► parser
//! ```
//!
//! `SIAGA_FUZZ` says how many executions each parser gets, and `SIAGA_FUZZ_SEED` where they begin;
//! a failure names both. A parser that does more for an input gets fewer of them in every run.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use siaga::alert::AlertId;
use siaga::config::Config;
use siaga::delivery::channel::egress::Endpoint;
use siaga::delivery::channel::egress::Reach;
use siaga::delivery::channel::slack_interaction;
use siaga::delivery::line::LineForm;
use siaga::delivery::route::matcher::Matchers;
use siaga::disk::Disk;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::snapshot::file::Store;
use siaga::event::Symbols;
use siaga::event::decode::Decoder;
use siaga::event::mapping::Mapping;
use siaga::journal::JournalError;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::entry;
use siaga::journal::entry::Encoder;
use siaga::journal::entry::Entry;
use siaga::model::form;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::rule::assist::outline::Outline;
use siaga::rule::compile;
use siaga::rule::diagnostic;
use siaga::rule::diagnostic::Files;
use siaga::rule::expression;
use siaga::rule::file;
use siaga::rule::fixture;
use siaga::rule::layout;
use siaga::rule::template::Template;
use siaga::source::Batch;
use siaga::source::body::decode_body;
use siaga::source::file as file_of_records;
use siaga::state::models::Models;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::journal::run;
use crate::journal::run::Numbers;

/// Executions of a parser in a run of the tests, over what one costs.
const EXECUTIONS: u64 = 3_000;
const CHEAP: u64 = 1;
const DEAR: u64 = 20;
const DEAREST: u64 = 60;

/// Inputs are cut there.
const BYTES_MAX: usize = 16_384;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

fn place(numbers: &mut Numbers, limit: usize) -> usize {
    usize::try_from(numbers.below(limit as u64)).unwrap()
}

fn byte(numbers: &mut Numbers, limit: u64) -> u8 {
    u8::try_from(numbers.below(limit)).unwrap()
}

/// One of the inputs, changed in up to six places.
fn changed(numbers: &mut Numbers, seeds: &[&[u8]], words: &[&str]) -> Vec<u8> {
    let mut bytes = seeds[place(numbers, seeds.len())].to_vec();
    for _ in 0..=numbers.below(6) {
        let at = place(numbers, bytes.len() + 1);
        match numbers.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << byte(numbers, 8),
            1 if at < bytes.len() => bytes[at] = byte(numbers, 256),
            2 => bytes.insert(at, byte(numbers, 256)),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let end = (at + place(numbers, 40)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + place(numbers, 60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = place(numbers, bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            6 => {
                let other = seeds[place(numbers, seeds.len())];
                let from = place(numbers, other.len() + 1);
                let end = (from + place(numbers, 200)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            7 if !words.is_empty() => {
                let word = words[place(numbers, words.len())];
                bytes.splice(at..at, word.bytes());
            }
            _ => bytes.truncate(at.max(1)),
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// Runs a parser over changed inputs; the inputs themselves have to be read as sound.
#[track_caller]
fn fuzz(
    (name, cost): (&str, u64),
    (seeds, words): (&[&[u8]], &[&str]),
    is_read: impl Fn(&[u8]) -> bool,
) {
    for seed in seeds {
        assert!(is_read(seed), "{name} refuses {:?}", text(seed));
    }
    let executions = asked("SIAGA_FUZZ").unwrap_or(EXECUTIONS / cost);
    let first = asked("SIAGA_FUZZ_SEED").unwrap_or(1);
    let mut read = 0_u64;
    for number in first..first + executions {
        let bytes = changed(&mut Numbers(number.wrapping_mul(0x9e37_79b9)), seeds, words);
        let Ok(was_read) = catch_unwind(AssertUnwindSafe(|| is_read(&bytes))) else {
            panic!(
                "{name} breaks with SIAGA_FUZZ_SEED={number} SIAGA_FUZZ=1, on {:?}",
                text(&bytes)
            );
        };
        read += u64::from(was_read);
    }
    assert!(executions < 100 || read < executions, "{name}: all were read");
    eprintln!("{name}: {executions} executions from {first}, {read} of them were read");
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

const ORDER: &str = r#"{"event_id":"m1","type":"order","occurred_at":"2025-03-01T09:30:00Z","customer_id":"c1","rep_id":"r1","currency":"USD","lines":[{"product_id":"p1","category":"a","quantity":2,"unit_price":12.5,"unit_cost":8}]}"#;
const CALL: &str = r#"{"event_id":"k1","occurred_at":"2025-03-01T09:30:00+01:00","kind":"call.started","customer_id":"c1","topic":"price","sentiment":-0.5,"amount":1e2,"duration_s":3}"#;
const CLOUD: &str = r#"{"specversion":"1.0","id":"9","source":"/s","type":"call.started","subject":"c1","time":"2025-03-01T09:30:00Z","data":{"topic":"x"}}"#;
const CUSTOMER: &str = r#"{"record":"customer","customer_id":"c1","name":"Ä","segment":"s","attributes":{"a":1,"b":"x"}}"#;
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u00e9",
    "\\ud800",
    "1e400",
    "-0",
    "null",
    "true",
    "\"lines\":[",
    "\"event_id\":",
    "\"customer_id\":\"\"",
    "\"quantity\":-1",
    "\n",
    "\u{feff}",
    "99999999999999999999",
    "0.0000001",
    "\"kind\":\"return\"",
    "\"kind\":\"quote\"",
];

fn decoded(media: &str, bytes: &[u8], symbols: &Symbols) -> Batch {
    let mut decoder = Decoder::new(Arc::new(Mapping::identity()), symbols.intern("http"));
    let (mut batch, source) = (Batch::default(), Arc::from("http"));
    decode_body(media, bytes, &source, &mut decoder, symbols, &mut batch).unwrap();
    batch
}

fn is_body(media: &str, bytes: &[u8]) -> bool {
    let batch = decoded(media, bytes, &Symbols::default());
    for refused in &batch.refused {
        assert!(refused.reason.to_string().len() < 400 && refused.excerpt.len() <= 3 * 4_096);
    }
    !batch.records.is_empty()
}

#[test]
fn bodies_of_events() {
    let both = format!("{ORDER}\n{CALL}\n{CUSTOMER}\n");
    let seeds = [ORDER.as_bytes(), CALL.as_bytes(), CUSTOMER.as_bytes(), both.as_bytes()];
    fuzz(("NDJSON", CHEAP), (&seeds, JSON), |bytes| is_body("application/x-ndjson", bytes));
    let list = format!("[{ORDER},{CALL}]");
    let seeds = [ORDER.as_bytes(), list.as_bytes(), CUSTOMER.as_bytes()];
    fuzz(("JSON", CHEAP), (&seeds, JSON), |bytes| is_body("application/json", bytes));
    let list = format!("[{CLOUD},{CLOUD}]");
    let seeds = [CLOUD.as_bytes(), list.as_bytes()];
    fuzz(("CloudEvents", CHEAP), (&seeds, JSON), |bytes| {
        is_body("application/cloudevents-batch+json", bytes)
    });
}

#[test]
fn files_of_events() {
    let csv = "event_id,occurred_at,customer_id,product_id,quantity,unit_price,currency\n\
               e1,2025-03-01T09:30:00Z,c1,p1,2,12.5,USD\ne2,2025-03-02,c2,\"p,1\",1,3,USD\n";
    let words = [",", "\"", "\n", "\r\n", ";", "\t", "2025-13-01", "1e9", "\u{feff}", "PAR1"];
    let folder = tempfile::tempdir().unwrap();
    let is_file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (symbols, mapping) = (Symbols::default(), Arc::new(Mapping::identity()));
        let Ok(mut source) = file_of_records::open(&path, &mapping, None, &symbols) else {
            return false;
        };
        let (mut batch, mut read, mut more) = (Batch::default(), 0, true);
        while more {
            let Ok(next) = source.next_batch(&symbols, &mut batch) else { break };
            read += batch.records.len();
            batch.clear();
            more = next;
        }
        read > 0
    };
    fuzz(("CSV", DEAR), (&[csv.as_bytes()], &words), |bytes| is_file("a.csv", bytes));
    let packed = zstd::encode_all(csv.as_bytes(), 1).unwrap();
    fuzz(("CSV in zstd", DEAR), (&[&packed], &[]), |bytes| is_file("a.csv.zst", bytes));
}

#[test]
fn mappings_and_configurations() {
    let mapping = include_str!("../../benches/salert4/salert4.mapping.toml");
    let words = ["[", "]", "=", "\"", "'''", "\n", "true", "1979-05-27", "{ a = 1 }", "[[x]]"];
    fuzz(("mapping", DEAR), (&[mapping.as_bytes()], &words), |bytes| {
        Mapping::parse(&text(bytes)).is_ok()
    });
    let config = include_str!("../../deploy/siaga.example.toml");
    fuzz(("configuration", DEAREST), (&[config.as_bytes()], &words), |bytes| {
        Config::read(&text(bytes), "a.toml", []).is_ok()
    });
}

const RULE: &str = "
groups:
  - name: g
    rules:
      - alert: Big
        family: trend
        on: [order]
        let:
          month: lines.last('30d').sum(l, l.net)
        when: month > 10.0 && lines.exists(l, l.category == event.category)
        cooldown: 5d
        annotations: {summary: '{{ customer.name }} {{ money(month) }}'}
";
const QUIET: &str = "
groups:
  - name: g
    rules:
      - alert: Quiet
        family: drift
        on: {silence: order, after: \"mean_gap(orders) * 2.5\"}
        when: size(orders.last('60d')) >= 3
        annotations: {summary: \"{{ size(orders) }}\"}
";
const YAML: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "'",
    "\"",
    "{{",
    "}}",
    "[",
    "]",
    "&a",
    "*a",
    "!!str",
    "|\n",
    ">-\n",
    "when:",
    "on:",
    "let:",
    "last('1d')",
    ".sum(l, l.net)",
    "?",
    "#",
    "%",
    "1e999",
    "\t",
    "duration('1d')",
    "orders",
    "event.",
];

#[test]
fn rules_and_their_tests() {
    let seeds = [RULE.as_bytes(), QUIET.as_bytes()];
    fuzz(("rules", DEAREST), (&seeds, YAML), |bytes| {
        let mut files = Files::default();
        files.add("a.rules.yaml", &*text(bytes));
        let (read, mut problems) = file::read(&files);
        let (rules, more) = compile::compile(&read, &Symbols::default());
        problems.extend(more);
        diagnostic::render(&problems, &files, false);
        !rules.rules.is_empty()
    });
    fuzz(("layout of rules", DEAREST), (&seeds, YAML), |bytes| {
        let Ok(laid_out) = layout::layout("a.rules.yaml", &text(bytes)) else { return false };
        let again = layout::layout("a.rules.yaml", &laid_out);
        assert!(again.is_ok_and(|again| again == laid_out), "laid out twice");
        true
    });
    fuzz(("outline of rules", DEAR), (&seeds, YAML), |bytes| {
        let _ = Outline::read(&text(bytes));
        std::str::from_utf8(bytes).is_ok()
    });
    let tests = include_str!("../../rules/quality.test.yaml");
    let start: Vec<&str> = tests.lines().take(30).collect();
    let start = start.join("\n");
    fuzz(("tests of rules", DEAREST), (&[start.as_bytes()], YAML), |bytes| {
        let mut files = Files::default();
        files.add("a.test.yaml", &*text(bytes));
        fixture::read(0, &files).0.is_some()
    });
}

#[test]
fn expressions_and_templates() {
    let seeds: [&[u8]; 4] = [
        b"orders.last('30d').sum(o, o.net) >= 300.0 && !(customer.tier in ['A', 'B'])",
        b"lines.filter(l, l.category == 'tools').exists(l, l.net > 1.5e3) ? 'x' : string(1)",
        b"duration('9d') * 2 + mean_gap(orders)",
        b"[1, -2, 3][0] == 1",
    ];
    let words = [
        "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "r'", "&&", "||", "!", "-", "?", ":", "..",
        "in", "0x", "1e9", "null", "has(", ".map(", "/*", "//", "\u{0}", "é",
    ];
    fuzz(("expressions", DEAR), (&seeds, &words), |bytes| expression::parse(&text(bytes)).is_ok());
    let seeds: [&[u8]; 2] =
        [b"{{ customer.name }} owes {{ money(value) }}.", b"no more than {{ 1 + 2 }}"];
    let words = ["{{", "}}", "{", "}", "'", "{{ '}}' }}"];
    fuzz(("templates", DEAR), (&seeds, &words), |bytes| Template::parse(&text(bytes)).is_ok());
}

#[test]
fn amounts_times_and_names() {
    let seeds: [&[u8]; 4] = [b"12.50", b"-0.000001", b"499999999999.999999", b"0"];
    fuzz(("amounts", CHEAP), (&seeds, &["e", "E", "+", "-", ".", "0"]), |bytes| {
        let read = Decimal::parse(&text(bytes));
        if let Ok(amount) = read {
            assert_eq!(Decimal::parse(&amount.to_string()).ok(), Some(amount));
        }
        read.is_ok()
    });
    fuzz(("currencies", CHEAP), (&[b"USD", b"EUR"], &["U", "\u{e9}"]), |bytes| {
        Currency::parse(&text(bytes)).is_ok()
    });
    let seeds: [&[u8]; 4] =
        [b"2025-03-01T09:30:00Z", b"2025-03-01T09:30:00.123+01:00", b"2025-03-01", b"2038-01-19"];
    let words = ["-", ":", "T", "Z", "+", "[UTC]", "9999", "60"];
    fuzz(("times", CHEAP), (&seeds, &words), |bytes| {
        let read = Timestamp::parse(&text(bytes));
        if let Ok(time) = read {
            assert_eq!(Timestamp::parse(&time.to_string()).ok(), Some(time));
        }
        read.is_ok()
    });
    let seeds: [&[u8]; 3] = [b"30d", b"1h30m", b"200ms"];
    fuzz(("spans", CHEAP), (&seeds, &["d", "h", "-", "99999999999"]), |bytes| {
        Span::parse(&text(bytes)).is_ok()
    });
    let id = AlertId::new("rule", "customer", "c1", "1").to_string();
    fuzz(("ids of alerts", CHEAP), (&[id.as_bytes()], &["g", "0"]), |bytes| {
        text(bytes).parse::<AlertId>().is_ok()
    });
}

#[test]
fn what_comes_by_requests_and_commands() {
    let seeds: [&[u8]; 2] = [b"{tier=\"A\", family=~\"drift|trend\"}", b"owner!=\"r1\""];
    let words = ["=", "!=", "=~", "!~", "\"", ",", "{", "}", "(", "*", "[a", "\\"];
    fuzz(("matchers", DEAR), (&seeds, &words), |bytes| Matchers::parse(&text(bytes)).is_ok());
    let seeds: [&[u8]; 2] = [b"https://hooks.example.com/a?b=c", b"https://8.8.8.8/"];
    let words = ["0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "@", "#", "%00", "localhost", ":0"];
    fuzz(("destinations", CHEAP), (&seeds, &words), |bytes| {
        Endpoint::parse(&text(bytes), Reach::default()).is_ok()
    });
    let seeds: [&[u8]; 1] = [b"{rule} {entity} {value}"];
    fuzz(("forms of lines", CHEAP), (&seeds, &["{", "}", "|-1"]), |bytes| {
        LineForm::parse(&text(bytes)).is_ok()
    });
    let id = AlertId::new("rule", "customer", "c1", "1");
    let pressed = format!(
        "payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U1%22%7D%2C\
         %22actions%22%3A%5B%7B%22action_id%22%3A%22siaga%3Aacknowledge%22%2C%22value%22%3A%22{id}%22%7D%5D%7D"
    );
    let words = ["%", "%22", "&", "=", "+", "%7B", "%2C"];
    fuzz(("buttons of Slack", CHEAP), (&[pressed.as_bytes()], &words), |bytes| {
        slack_interaction::read(bytes, Timestamp::EPOCH).is_ok()
    });
}

#[test]
fn entries_and_models() {
    let symbols = Symbols::default();
    let lines = format!("{ORDER}\n{CALL}\n{CUSTOMER}\n");
    let batch = decoded("application/x-ndjson", lines.as_bytes(), &symbols);
    let mut encoder = Encoder::default();
    let (kind, payload) = encoder.records(&batch.records, &symbols);
    let records = [&[kind][..], payload].concat();
    let (kind, payload) = encoder.encode(&Entry::Tick(Timestamp::EPOCH), &symbols);
    let tick = [&[kind][..], payload].concat();
    fuzz(("entries of the journal", CHEAP), (&[&records, &tick], &[]), |bytes| {
        let Some((kind, payload)) = bytes.split_first() else { return false };
        entry::decode(*kind, payload, &Symbols::default()).is_ok()
    });
    let models = form::encode(&Models::default(), &symbols);
    fuzz(("models", CHEAP), (&[&models], &[]), |bytes| {
        form::decode(bytes, &Symbols::default()).is_ok()
    });
}

#[test]
fn snapshots_and_segments() {
    let snapshot = include_bytes!("durable/golden/v4/snapshots/00000000000000000045.snapshot");
    let path = Path::new("/snapshots/00000000000000000001.snapshot");
    fuzz(("snapshots", DEAR), (&[&snapshot[..]], &[]), |bytes| {
        let disk = SimulatedDisk::new(1);
        let store = Store::open(Arc::new(disk.clone()), Path::new("/snapshots")).unwrap();
        disk.create(path).unwrap();
        disk.tamper(path, |all| *all = bytes.to_vec()).unwrap();
        store.newest().is_ok_and(|found| found.sound.is_some())
    });
    let disk = SimulatedDisk::new(1);
    let mut log = run::open(&disk).unwrap();
    let mut batch = log.batch();
    for number in 1..6 {
        batch.push(3, &run::payload(Position::new(number))).unwrap();
    }
    log.commit(&batch).unwrap();
    drop(log);
    let path = run::folder().join("00000000000000000001.journal");
    let segment = disk.content(&path).unwrap();
    fuzz(("segments of the journal", DEAR), (&[&segment], &[]), |bytes| {
        let disk = SimulatedDisk::new(1);
        drop(run::open(&disk).unwrap());
        disk.tamper(&path, |all| *all = bytes.to_vec()).unwrap();
        let read = || {
            let mut replay = Replay::open(&disk, run::folder(), Position::FIRST)?;
            while replay.next_record()?.is_some() {}
            Ok::<(), JournalError>(())
        };
        let is_read = read().is_ok();
        let _ = Log::open(Arc::new(disk.clone()), run::folder(), run::settings());
        is_read
    });
}
