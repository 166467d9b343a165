//! How fast does the journal append, commit and replay on this machine's disk?
//!
//! ```text
//! append   some threads, each a batch of events at a time, each waiting for its commit
//! records  one thread, small records, nobody waits: the rate of the log itself
//! replay   both journals read back, checksums and all; the first one decoded as well
//! ```
//!
//! `benches/journal/run [FOLDER] [SECONDS]` builds it and runs it; see there.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a bench reads the clock, tells what it found, and stops where it fails"
)]

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use siaga::disk::system::SystemDisk;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Record;
use siaga::event::Symbols;
use siaga::journal::Journal;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::Settings;
use siaga::journal::entry;
use siaga::journal::entry::Encoder;
use siaga::journal::entry::Entry;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::time::Timestamp;

/// Events in one batch, as an HTTP client sends them.
const EVENTS: usize = 200;
/// Threads that append and wait.
const WRITERS: usize = 8;
/// Bytes of a small record.
const SMALL: usize = 64;
/// Small records between two waits.
const BURST: u64 = 20_000;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(folder) = words.next().map(PathBuf::from) else {
        println!("usage: benches/journal/run FOLDER [SECONDS]");
        return;
    };
    let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or(5);
    batches(&folder.join("batches"), Duration::from_secs(seconds));
    records(&folder.join("records"), Duration::from_secs(seconds));
}

fn open(folder: &Path) -> Journal {
    let settings = Settings::new(JournalId::random());
    let (log, _) = Log::open(Arc::new(SystemDisk), folder, settings).expect("an empty folder");
    Journal::start(log).expect("a thread")
}

fn events(symbols: &Symbols, seed: usize) -> Vec<Record> {
    let (source, channel) = (symbols.intern("shop"), symbols.intern("web"));
    let event = |number: usize| {
        let line = Line {
            number: 1,
            product: Some(symbols.intern(&format!("p-{}", number % 5_000))),
            category: Some(symbols.intern(&format!("category {}", number % 40))),
            quantity: Decimal::ONE,
            net: Some(Decimal::from_micros(129_990_000)),
            cost: Some(Decimal::from_micros(90_028_594)),
            ..Line::default()
        };
        let event = Event {
            id: format!("o-{number:09}").into(),
            source,
            kind: Kind::Order,
            time: Timestamp::saturating(1_740_000_000_000 + number as i64 * 37),
            customer: Some(symbols.intern(&format!("c-{}", number % 100_000))),
            rep: Some(symbols.intern(&format!("r-{}", number % 300))),
            territory: None,
            channel: Some(channel),
            order: None,
            currency: Currency::parse("EUR").ok(),
            lines: [line].into_iter().collect(),
            detail: None,
        };
        Record::Event(Box::new(event))
    };
    (0..EVENTS).map(|place| event(seed * EVENTS + place)).collect()
}

fn batches(folder: &Path, span: Duration) {
    let (journal, symbols) = (open(folder), Symbols::default());
    let began = Instant::now();
    let mut waits: Vec<Duration> = thread::scope(|scope| {
        let (journal, symbols) = (&journal, &symbols);
        let writers = (0..WRITERS).map(|writer| {
            scope.spawn(move || {
                let mut encoder = Encoder::default();
                let batches: Vec<_> = (0..50).map(|n| events(symbols, writer * 50 + n)).collect();
                let mut waits = Vec::new();
                for batch in batches.iter().cycle() {
                    if began.elapsed() > span {
                        break;
                    }
                    let asked = Instant::now();
                    let (kind, bytes) = encoder.records(batch, symbols);
                    let position = journal.append(kind, bytes).unwrap();
                    journal.wait(position).unwrap();
                    waits.push(asked.elapsed());
                }
                waits
            })
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let took = began.elapsed().as_secs_f64();
    let figures = journal.figures();
    journal.close().unwrap();
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let events = figures.records * EVENTS as u64;
    println!(
        "batches   {:.0} events/s, {:.1} MB/s, {} B an event, {:.0} commits/s; encode to durable \
         p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
        events as f64 / took,
        figures.bytes as f64 / took / 1e6,
        figures.bytes / events,
        figures.commits as f64 / took,
        at(0.5),
        at(0.99),
        at(0.999),
    );
    let (found, bytes, took) = replay(folder, |_, _| ());
    println!(
        "  read    {:.0} records/s, {:.0} MB/s",
        found as f64 / took,
        bytes as f64 / took / 1e6
    );
    let (symbols, mut decoded) = (Symbols::default(), 0_u64);
    let (_, _, took) = replay(folder, |kind, payload| {
        if let Entry::Records(records) = entry::decode(kind, payload, &symbols).unwrap() {
            decoded += records.len() as u64;
        }
    });
    println!("  decode  {:.2} M events/s", decoded as f64 / took / 1e6);
}

fn records(folder: &Path, span: Duration) {
    let journal = open(folder);
    let began = Instant::now();
    let payload = [7; SMALL];
    let (mut appended, mut syncs) = (0_u64, Vec::new());
    while began.elapsed() < span {
        let mut last = Position::ZERO;
        for _ in 0..BURST {
            last = journal.append(1, &payload).unwrap();
        }
        appended += BURST;
        let asked = Instant::now();
        journal.wait(last).unwrap();
        syncs.push(asked.elapsed());
    }
    let took = began.elapsed().as_secs_f64();
    journal.close().unwrap();
    syncs.sort_unstable();
    println!(
        "records   {:.2} M records/s of {SMALL} B; wait for the last of {BURST} p50 {:.2} ms",
        appended as f64 / took / 1e6,
        syncs[syncs.len() / 2].as_secs_f64() * 1e3
    );
    let (found, bytes, took) = replay(folder, |_, _| ());
    println!(
        "  read    {:.1} M records/s, {:.0} MB/s",
        found as f64 / took / 1e6,
        bytes as f64 / took / 1e6
    );
}

/// Reads all of it: records, bytes, seconds.
fn replay(folder: &Path, mut each: impl FnMut(u8, &[u8])) -> (u64, u64, f64) {
    let began = Instant::now();
    let mut replay = Replay::open(&SystemDisk, folder, Position::FIRST).unwrap();
    let mut found = 0;
    while let Some(record) = replay.next_record().unwrap() {
        each(record.kind, record.payload);
        found += 1;
    }
    (found, replay.progress().bytes_total, began.elapsed().as_secs_f64())
}
