//! A process that stands by takes the place of one that is killed under load, against the oracle of
//! [`crate::durable::kill`]; and a follower reads what a writer writes, as it writes it.
//!
//! ```text
//! bodies ─► [runs] ─► killed       journal, inbox       [stands by] ─► takes over ─► [runs] ─► killed …
//!              └──────────────────► one folder ◄───────────────┘
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver as Heard;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use siaga::disk::Disk;
use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::journal;
use siaga::journal::Follow;
use siaga::journal::JournalError;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;

use crate::durable::kill::LOOKS;
use crate::durable::kill::Server;
use crate::durable::kill::body;
use crate::durable::kill::compare;
use crate::durable::kill::overhear;
use crate::durable::kill::post;
use crate::durable::kill::send;
use crate::durable::kill::send_again;
use crate::durable::kill::set_up;
use crate::durable::kill::spawn;
use crate::journal::run::Numbers;

/// Processes that are killed and replaced in a run of the tests; `SIAGA_TAKEOVERS` asks for more.
const TAKEOVERS: usize = 5;

/// A process that stands by, ended with the test.
struct Standby {
    server: Option<Server>,
    heard: Heard<String>,
}

impl Standby {
    fn start(folder: &Path) -> Self {
        let (child, lines) = spawn(folder, &["--standby"]);
        let (say, heard) = sync_channel(1_000);
        let of = folder.to_owned();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                overhear(&of, &line);
                let _ = say.send(line);
            }
        });
        let mut server = Server { child, address: String::new() };
        server.address = hear(&heard, "siaga: stands by, and says so on http://");
        server.address = server.address.trim_end_matches("/-/ready").to_owned();
        Self { server: Some(server), heard }
    }

    fn address(&self) -> &str {
        &self.server.as_ref().unwrap().address
    }

    /// The record up to which it has followed.
    fn position(&self) -> u64 {
        let (status, text) = ask(self.address(), "/-/ready");
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("standby: this process has followed the journal"), "{text}");
        let digits = text.split("to record ").nth(1).unwrap();
        digits.split(',').next().unwrap().parse().unwrap()
    }

    /// The server that it has become, and the milliseconds that it says it took.
    fn succeeded(mut self) -> (Server, u64) {
        let mut server = self.server.take().unwrap();
        server.address = hear(&self.heard, "siaga: open http://");
        let took = hear(&self.heard, "siaga: took over, ");
        (server, took.split(' ').next().unwrap().parse().unwrap())
    }
}

/// What comes behind these words, in the line that begins with them.
fn hear(heard: &Heard<String>, words: &str) -> String {
    let mut all = Vec::new();
    loop {
        let line = heard.recv_timeout(Duration::from_mins(1));
        let line = line.unwrap_or_else(|_| panic!("it does not say `{words}`: {all:#?}"));
        if let Some(rest) = line.strip_prefix(words) {
            return rest.to_owned();
        }
        all.push(line);
    }
}

fn ask(address: &str, path: &str) -> (u16, String) {
    send(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
        .unwrap()
}

/// Sends bodies until so many are acknowledged.
fn send_some(address: &str, from: usize, count: usize) -> usize {
    let mut done = from;
    let mut looks = 0;
    while done < from + count {
        match post(address, &body(done)) {
            Ok((202, _)) => done += 1,
            Ok((503, _)) => std::thread::sleep(Duration::from_millis(2)),
            other => panic!("{other:?}"),
        }
        looks += 1;
        assert!(looks < LOOKS, "nothing is taken");
    }
    done
}

#[test]
fn a_standby_takes_the_place_of_a_killed_process_and_no_alert_is_lost_or_told_twice() {
    let takeovers = std::env::var("SIAGA_TAKEOVERS").ok().and_then(|n| n.parse().ok());
    let takeovers: usize = takeovers.unwrap_or(TAKEOVERS);
    let (place, receiver) = set_up();
    let (first, _) = Standby::start(place.path()).succeeded();
    let (mut server, mut sent, mut took) = (first, 0, Vec::new());
    for cycle in 0..takeovers {
        let standby = Standby::start(place.path());
        if cycle % 3 == 1 {
            // A second one waits as well, and goes on waiting or takes over itself.
            drop(Standby::start(place.path()));
        }
        let (status, text) = post(standby.address(), &body(sent)).unwrap();
        assert_eq!(status, 503, "{text}");
        assert_eq!(ask(standby.address(), "/-/healthy").0, 200);
        sent = send_some(&server.address, sent, 30);
        // It follows while the other writes: every body is a record at least.
        let mut looks = 0;
        while standby.position() < sent as u64 {
            looks += 1;
            assert!(looks < LOOKS, "it does not follow: {} of {sent}", standby.position());
            std::thread::sleep(Duration::from_millis(5));
        }
        // Killed in the middle of taking more.
        let address = server.address.clone();
        let (begun, next) = std::thread::scope(|scope| {
            let more = scope.spawn(|| {
                let mut next = sent;
                while let Ok((202, _)) = post(&address, &body(next)) {
                    next += 1;
                }
                next
            });
            std::thread::sleep(Duration::from_millis(40));
            server.child.kill().unwrap();
            let begun = siaga::time::steady();
            server.child.wait().unwrap();
            (begun, more.join().unwrap())
        });
        sent = next;
        let (next, said) = standby.succeeded();
        let before = sent;
        // What got no answer is sent again.
        sent = send_some(&next.address, sent, 1);
        assert_eq!(sent, before + 1);
        took.push((begun.elapsed().as_millis(), said));
        server = next;
    }
    send_again(&server.address, sent);
    let alerts = compare(server, place.path(), sent, &receiver);
    println!("{takeovers} took over, {sent} bodies, {alerts} alerts; kill to answer, ms: {took:?}");
}

#[test]
fn one_that_stands_by_ends_when_it_is_told_to_and_leaves_the_other_alone() {
    let (place, receiver) = set_up();
    let (server, _) = Standby::start(place.path()).succeeded();
    let mut standby = Standby::start(place.path());
    let sent = send_some(&server.address, 0, 20);
    standby.server.take().unwrap().stop();
    let sent = send_some(&server.address, sent, 5);
    compare(server, place.path(), sent - 1, &receiver);
}

const JOURNAL: &str = "/data/journal";

fn log(disk: &SimulatedDisk) -> Result<Log, JournalError> {
    let plain = journal::Settings::new(JournalId::new(7));
    let settings = journal::Settings { segment_bytes: 600, reserve_bytes: 0, ..plain };
    Log::open(Arc::new(disk.clone()), Path::new(JOURNAL), settings).map(|(log, _)| log)
}

fn follow(disk: &SimulatedDisk, from: u64) -> Follow {
    Follow::new(Arc::new(disk.clone()), Path::new(JOURNAL), Position::new(from))
}

/// Everything that there is for now.
fn read(follow: &mut Follow) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
    let mut all = Vec::new();
    while let Some(record) = follow.next_record()? {
        all.push((record.position.number(), record.payload.to_vec()));
    }
    Ok(all)
}

/// Writes commits of some records each; their payloads in order.
fn commits(log: &mut Log, numbers: &mut Numbers, count: usize, written: &mut Vec<Vec<u8>>) {
    for _ in 0..count {
        let mut batch = log.batch();
        for _ in 0..=numbers.below(4) {
            let length = usize::try_from(numbers.below(120)).unwrap();
            let payload: Vec<u8> =
                (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
            batch.push(1, &payload).unwrap();
            written.push(payload);
        }
        log.commit(&batch).unwrap();
    }
}

#[test]
fn a_follower_reads_every_record_once_and_in_order_however_far_the_writer_has_come() {
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        disk.set_faults(Faults { short: true, ..Faults::default() });
        disk.record();
        let (mut numbers, mut written) = (Numbers(seed), Vec::new());
        disk.make_folder(Path::new("/data")).unwrap();
        let mut log = log(&disk).unwrap();
        commits(&mut log, &mut numbers, 12, &mut written);
        // The writer as it was after each operation, with half a record at its end.
        let begin = 1 + numbers.below(3);
        let mut reader = follow(&disk, begin);
        let whole = read(&mut reader).unwrap();
        for operations in 0..=disk.recorded() {
            let then = disk.at(operations).unwrap();
            let mut early = follow(&then, begin);
            let got = match read(&mut early) {
                Ok(got) => got,
                Err(error) => panic!("seed {seed}, operation {operations}: {error}"),
            };
            assert!(whole.starts_with(&got), "seed {seed}, operation {operations}");
            assert_eq!(early.next_position().number(), begin + got.len() as u64);
        }
        let first = usize::try_from(begin - 1).unwrap();
        let want = (begin..).zip(written[first..].iter().cloned());
        assert_eq!(whole, want.collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_follower_goes_on_over_segments_torn_ends_and_other_writers() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let (mut numbers, mut written, mut got) = (Numbers(seed), Vec::new(), Vec::new());
        disk.make_folder(Path::new("/data")).unwrap();
        let mut reader = follow(&disk, 1);
        assert_eq!(read(&mut reader).unwrap(), [], "nobody has begun");
        for _ in 0..6 {
            let mut log = log(&disk).unwrap();
            for _ in 0..4 {
                let count = usize::try_from(numbers.below(5)).unwrap();
                commits(&mut log, &mut numbers, count, &mut written);
                if numbers.below(2) == 0 {
                    got.extend(read(&mut reader).unwrap());
                }
            }
            drop(log);
            // A writer that is killed leaves half a record behind its last one.
            let names = disk.list(Path::new(JOURNAL)).unwrap();
            let last = names.iter().rev().find(|name| name.ends_with(".journal")).unwrap();
            let torn = usize::try_from(numbers.below(30)).unwrap();
            disk.tamper(&Path::new(JOURNAL).join(last), |bytes| {
                bytes.extend((0..torn).map(|_| 0xa5));
            })
            .unwrap();
            got.extend(read(&mut reader).unwrap());
        }
        let want: Vec<(u64, Vec<u8>)> = (1..).zip(written).collect();
        assert_eq!(got, want, "seed {seed}");
    }
}

#[test]
fn a_follower_says_when_records_are_gone_or_corrupt() {
    let disk = SimulatedDisk::new(1);
    disk.make_folder(Path::new("/data")).unwrap();
    let (mut numbers, mut written) = (Numbers(1), Vec::new());
    let mut log = log(&disk).unwrap();
    commits(&mut log, &mut numbers, 40, &mut written);
    let middle = written.len() as u64 / 2;
    log.retain(Position::new(middle)).unwrap();
    let gone = read(&mut follow(&disk, 1)).unwrap_err();
    assert!(matches!(gone, JournalError::Begins { .. }), "{gone}");
    let names = disk.list(Path::new(JOURNAL)).unwrap();
    let first = names.iter().find(|name| name.ends_with(".journal")).unwrap();
    disk.tamper(&Path::new(JOURNAL).join(first), |bytes| bytes[150] ^= 1).unwrap();
    let mut reader = follow(&disk, middle);
    let told = (0..1_000).find_map(|_| read(&mut reader).err()).unwrap();
    assert!(matches!(told, JournalError::Corrupt { .. }), "{told}");
}
