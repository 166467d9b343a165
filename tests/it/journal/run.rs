//! A run of the log that is made from a seed, and what has to be true of the disk it leaves.

use std::path::Path;
use std::sync::Arc;

use siaga::disk::simulated::SimulatedDisk;
use siaga::journal::JournalError;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::Settings;

pub(crate) const FOLDER: &str = "/data/journal";

/// What is known after some operation of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Operations of the disk that were recorded by then.
    pub(crate) operations: usize,
    /// Records before this were acknowledged.
    pub(crate) acknowledged: Position,
    /// Records from here on may be given up.
    pub(crate) retained: Position,
}

/// A run, as far as it came.
pub(crate) struct Run {
    /// What was known, in order.
    pub(crate) known: Vec<Known>,
    /// Records before this were appended.
    pub(crate) appended: Position,
    /// Why it ended, unless it came to its end.
    pub(crate) error: Option<JournalError>,
}

/// Numbers that follow from a seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

pub(crate) fn folder() -> &'static Path {
    Path::new(FOLDER)
}

pub(crate) fn settings() -> Settings {
    let tenant = "north".to_owned();
    Settings { tenant, segment_bytes: 1_500, ..Settings::new(JournalId::new(7)) }
}

pub(crate) fn open(disk: &SimulatedDisk) -> Result<Log, JournalError> {
    Log::open(Arc::new(disk.clone()), folder(), settings()).map(|(log, _)| log)
}

/// The payload at a position: of every length from none to a few sectors, and different for each.
pub(crate) fn payload(position: Position) -> Vec<u8> {
    let mut numbers = Numbers(position.number());
    let length = match numbers.below(8) {
        0 => 0,
        1 => 600 + numbers.below(900),
        _ => numbers.below(120),
    };
    (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
}

/// Commits some records behind what is there.
pub(crate) fn commit(log: &mut Log, records: u64) -> Result<Position, JournalError> {
    let mut batch = log.batch();
    for _ in 0..records {
        batch.push(1, &payload(batch.next()))?;
    }
    log.commit(&batch)?;
    Ok(log.next())
}

/// Some twenty steps: commits of one to six records, now and then a restart or a retention.
pub(crate) fn run(disk: &SimulatedDisk, seed: u64) -> Run {
    let mut run = Run { known: Vec::new(), appended: Position::FIRST, error: None };
    run.error = steps(disk, &mut Numbers(seed), &mut run).err();
    run
}

fn steps(disk: &SimulatedDisk, numbers: &mut Numbers, run: &mut Run) -> Result<(), JournalError> {
    let mut retained = Position::FIRST;
    let mut log = open(disk)?;
    for _ in 0..20 {
        match numbers.below(10) {
            0 => {
                drop(log);
                log = open(disk)?;
            }
            1 => {
                let from = log.next().number().saturating_sub(numbers.below(12));
                retained = retained.max(Position::new(from));
                run.known.push(Known {
                    operations: disk.recorded(),
                    acknowledged: log.next(),
                    retained,
                });
                log.retain(retained)?;
            }
            _ => {
                let records = 1 + numbers.below(6);
                run.appended = log.next().plus(records);
                commit(&mut log, records)?;
                run.known.push(Known {
                    operations: disk.recorded(),
                    acknowledged: log.next(),
                    retained,
                });
            }
        }
    }
    Ok(())
}

/// Opens what a disk holds: everything acknowledged is there, whole and in order, and nothing
/// that was never appended. The position behind it, or what is wrong.
pub(crate) fn check(
    disk: &SimulatedDisk,
    known: Known,
    appended: Position,
) -> Result<Position, String> {
    let log = open(disk).map_err(|error| format!("cannot open: {error}"))?;
    let next = read_back(disk, log.first())?;
    if log.next() != next {
        return Err(format!("the log goes on at {}, replay ends before {next}", log.next()));
    }
    if next < known.acknowledged {
        return Err(format!("{} were acknowledged, {next} is the end", known.acknowledged));
    }
    if next > appended {
        return Err(format!("{appended} were appended, {next} is the end"));
    }
    if log.first() > known.retained.max(Position::FIRST) {
        return Err(format!("the journal begins with {}, {known:?}", log.first()));
    }
    Ok(next)
}

/// Replays all of it; the position behind it, or what is wrong.
pub(crate) fn read_back(disk: &SimulatedDisk, from: Position) -> Result<Position, String> {
    let mut replay =
        Replay::open(disk, folder(), from).map_err(|error| format!("cannot replay: {error}"))?;
    let mut want = from;
    while let Some(record) = replay.next_record().map_err(|error| format!("at {want}: {error}"))? {
        if record.position != want || record.kind != 1 || record.payload != payload(want) {
            return Err(format!("record {} was read in the place of {want}", record.position));
        }
        want = want.plus(1);
    }
    Ok(want)
}

/// What was known when so many operations had been recorded.
pub(crate) fn known_at(known: &[Known], operations: usize) -> Known {
    let before = known.iter().rev().find(|known| known.operations <= operations);
    let nothing = Known { operations, acknowledged: Position::FIRST, retained: Position::FIRST };
    before.copied().unwrap_or(nothing)
}
