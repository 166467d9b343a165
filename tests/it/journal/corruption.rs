//! Bits flip, files are cut, mixed up and lost: it is found out, and no wrong record is read.

use std::path::PathBuf;
use std::sync::Arc;

use siaga::disk::Disk;
use siaga::disk::simulated::SimulatedDisk;
use siaga::journal::JournalError;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::Settings;

use crate::journal::run::commit;
use crate::journal::run::folder;
use crate::journal::run::open;
use crate::journal::run::payload;
use crate::journal::run::read_back;
use crate::journal::run::settings;

/// Some segments, and the position behind the last record.
fn journal() -> (SimulatedDisk, Position) {
    let disk = SimulatedDisk::new(1);
    let mut log = open(&disk).unwrap();
    for records in [3, 1, 2, 4, 1, 1, 5, 2, 3, 1] {
        commit(&mut log, records).unwrap();
    }
    let next = log.next();
    drop(log);
    (disk, next)
}

fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let names = disk.list(folder()).unwrap();
    let paths = names.iter().filter(|name| name.ends_with(".journal"));
    let paths: Vec<PathBuf> = paths.map(|name| folder().join(name)).collect();
    assert!(paths.len() > 2, "{names:?}");
    paths
}

/// Where the last commit begins in the last segment: what a crash could have torn.
fn last_commit(disk: &SimulatedDisk) -> usize {
    let last = segments(disk).pop().unwrap();
    let mut copy = open(disk).unwrap();
    let before = disk.content(&last).unwrap().len();
    // The next commit begins where this one ends.
    commit(&mut copy, 1).unwrap();
    drop(copy);
    before
}

#[test]
fn every_flipped_bit_is_found_out() {
    let (disk, next) = journal();
    // From here on only the very last record could be part of a torn commit.
    let unproven = last_commit(&disk);
    let end = next.plus(1);
    let paths = segments(&disk);
    for path in &paths {
        let content = disk.content(path).unwrap();
        for byte in 0..content.len() {
            let copy = disk.restarted();
            copy.tamper(path, |bytes| bytes[byte] ^= 1 << (byte % 8)).unwrap();
            let torn = Some(path) == paths.last() && byte >= unproven;
            let opened = open(&copy).map(|log| log.next());
            let read = read_back(&copy, Position::FIRST);
            let place = format!("{} byte {byte}", path.display());
            if torn {
                assert_eq!(read, Ok(next), "{place}");
                assert_eq!(opened, Ok(next), "{place}");
            } else {
                let error = read.expect_err(&place);
                assert!(error.contains("journal"), "{place}: {error} names no file");
                if Some(path) == paths.last() {
                    assert!(opened.is_err(), "{place}");
                    // On doubt nothing is changed.
                    let mut want = content.clone();
                    want[byte] ^= 1 << (byte % 8);
                    assert_eq!(copy.content(path).unwrap(), want, "{place}");
                }
            }
        }
    }
    assert_eq!(read_back(&disk, Position::FIRST), Ok(end));
}

#[test]
fn every_cut_is_found_out() {
    let (disk, next) = journal();
    let paths = segments(&disk);
    for path in &paths {
        for length in 0..disk.content(path).unwrap().len() {
            let copy = disk.restarted();
            copy.tamper(path, |bytes| bytes.truncate(length)).unwrap();
            let place = format!("{} cut to {length}", path.display());
            match read_back(&copy, Position::FIRST) {
                Err(_) => {}
                // A cut at the end shows when a snapshot knows of records behind it.
                Ok(end) => {
                    assert_eq!(Some(path), paths.last(), "{place}");
                    assert!(end < next, "{place}");
                    let error = read_back(&copy, next).expect_err(&place);
                    assert!(error.contains("ends before"), "{place}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_record_that_is_gone_or_twice_is_found_out() {
    let (disk, _) = journal();
    let last = segments(&disk).pop().unwrap();
    let content = disk.content(&last).unwrap();
    // Header, then records; a frame says its length at its fifth byte.
    let mut at = 128;
    while at < content.len() {
        let length = u32::from_le_bytes(content[at + 4..at + 8].try_into().unwrap());
        let end = at + 21 + length as usize;
        let gone = disk.restarted();
        gone.tamper(&last, |bytes| drop(bytes.drain(at..end))).unwrap();
        let twice = disk.restarted();
        let record = content[at..end].to_vec();
        twice.tamper(&last, |bytes| drop(bytes.splice(at..at, record))).unwrap();
        for (copy, what) in [(gone, "gone"), (twice, "twice")] {
            if what == "gone" && end == content.len() {
                continue;
            }
            let error = read_back(&copy, Position::FIRST).expect_err(what);
            assert!(error.contains("belongs") || error.contains("commit"), "{what}: {error}");
            assert!(open(&copy).is_err(), "{what} at {at}");
        }
        at = end;
    }
}

#[test]
fn a_segment_that_is_gone_or_another_one_is_found_out() {
    let (disk, _) = journal();
    let paths = segments(&disk);
    let content = |path: &PathBuf| disk.content(path).unwrap();
    let gone = disk.restarted();
    gone.remove(&paths[1]).unwrap();
    let swapped = disk.restarted();
    swapped.tamper(&paths[1], |bytes| *bytes = content(&paths[0])).unwrap();
    let foreign = disk.restarted();
    let other = SimulatedDisk::new(2);
    let settings = Settings { id: JournalId::new(8), ..settings() };
    let (mut log, _) = Log::open(Arc::new(other.clone()), folder(), settings).unwrap();
    for records in [3, 1, 2, 4, 1, 1, 5, 2, 3, 1] {
        commit(&mut log, records).unwrap();
    }
    foreign.tamper(&paths[1], |bytes| *bytes = other.content(&paths[1]).unwrap()).unwrap();
    for (copy, want) in [
        (gone, "ends within a record"),
        (swapped, "another name"),
        (foreign, "belongs to journal 00000000000000000000000000000008"),
    ] {
        let error = read_back(&copy, Position::FIRST).unwrap_err();
        assert!(error.contains(want), "no `{want}` in: {error}");
    }
}

#[test]
fn a_segment_is_missed_even_if_the_one_before_it_is_as_long() {
    let disk = SimulatedDisk::new(1);
    let settings = Settings { segment_bytes: 1, ..settings() };
    let (mut log, _) = Log::open(Arc::new(disk.clone()), folder(), settings).unwrap();
    for _ in 0..4 {
        let mut batch = log.batch();
        batch.push(7, b"as long").unwrap();
        log.commit(&batch).unwrap();
    }
    drop(log);
    disk.remove(&segments(&disk)[1]).unwrap();
    let mut replay = Replay::open(&disk, folder(), Position::FIRST).unwrap();
    assert_eq!(replay.next_record().unwrap().unwrap().position, Position::FIRST);
    let error = replay.next_record().map(drop).unwrap_err();
    assert!(matches!(error, JournalError::Gap { want: 2, found: 3, .. }), "{error}");
}

#[test]
fn a_batch_that_another_has_overtaken_is_refused_and_the_log_goes_on() {
    let disk = SimulatedDisk::new(1);
    let mut log = open(&disk).unwrap();
    let mut overtaken = log.batch();
    overtaken.push(7, b"late").unwrap();
    commit(&mut log, 2).unwrap();
    let refused = log.commit(&overtaken).unwrap_err();
    assert_eq!(refused, JournalError::Order { want: 3, found: 1 });
    let next = commit(&mut log, 1).unwrap();
    assert_eq!(read_back(&disk, Position::FIRST), Ok(next));
}

#[test]
fn what_retention_gave_up_cannot_be_asked_for() {
    let (disk, next) = journal();
    let mut log = open(&disk).unwrap();
    assert!(log.retain(next).unwrap() > 0);
    let first = log.first();
    assert!(first > Position::FIRST);
    assert!(read_back(&disk, Position::FIRST).unwrap_err().contains("begins with record"));
    assert_eq!(read_back(&disk, first), Ok(next));
    assert_eq!(read_back(&disk, next), Ok(next));
    let behind = commit(&mut log, 2).unwrap();
    assert_eq!(read_back(&disk, next), Ok(behind));
}

#[test]
fn a_format_of_tomorrow_is_left_alone() {
    let (disk, _) = journal();
    let last = segments(&disk).pop().unwrap();
    disk.tamper(&last, |bytes| bytes[8] = 9).unwrap();
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::Newer { version: 9, .. }), "{error}");
}

#[test]
fn torn_bytes_are_left_out_and_not_thrown_away() {
    // Commits, and what a crash has torn off the end of the last one.
    for commits in [1, 2] {
        let disk = SimulatedDisk::new(1);
        let mut log = open(&disk).unwrap();
        for _ in 0..commits {
            commit(&mut log, 1).unwrap();
        }
        drop(log);
        let path = folder().join("00000000000000000001.journal");
        disk.tamper(&path, |bytes| bytes.truncate(bytes.len().saturating_sub(1))).unwrap();
        let torn = disk.content(&path).unwrap();

        let (mut log, opened) = Log::open(Arc::new(disk.clone()), folder(), settings()).unwrap();
        let found = opened.torn.unwrap();
        assert_eq!(found.offset + found.bytes, torn.len() as u64);
        disk.record();
        let next = commit(&mut log, 2).unwrap();
        drop(log);
        assert_eq!(next, Position::new(commits + 2));
        assert_eq!(read_back(&disk, Position::FIRST), Ok(next));
        // The bytes are where they were, or beside it, where their segment held nothing else.
        let kept = if commits == 1 { path.with_extension("torn-1") } else { path };
        assert_eq!(disk.content(&kept).unwrap(), torn);
        // A power loss on the way leaves them, too, under one name or the other.
        for (operations, seed) in (0..=disk.recorded()).flat_map(|n| (0..32).map(move |s| (n, s))) {
            let after = disk.crashed(operations, seed).unwrap();
            let names = after.list(folder()).unwrap();
            let mut contents =
                names.iter().filter_map(|name| after.content(&folder().join(name)).ok());
            assert!(contents.any(|content| content == torn), "{operations}, {seed}: {names:?}");
        }
        assert_eq!(open(&disk).unwrap().next(), next);
    }
}

#[test]
fn a_record_of_another_commit_is_found_out() {
    // The same three records, once as one commit and once as three.
    let content = |commits: &[u64]| {
        let disk = SimulatedDisk::new(1);
        let mut log = open(&disk).unwrap();
        for records in commits {
            commit(&mut log, *records).unwrap();
        }
        drop(log);
        let file = folder().join(format!("{:020}.journal", 1));
        (disk.content(&file).unwrap(), disk, file)
    };
    let (together, ..) = content(&[3, 1]);
    let (apart, disk, file) = content(&[1, 1, 1, 1]);
    assert_eq!(together.len(), apart.len());
    // Behind the header, and behind two frames with their payloads.
    let third = 128 + 2 * 21 + payload(Position::new(1)).len() + payload(Position::new(2)).len();
    let fourth = third + 21 + payload(Position::new(3)).len();
    disk.tamper(&file, |bytes| bytes[third..fourth].copy_from_slice(&together[third..fourth]))
        .unwrap();
    let error = read_back(&disk, Position::FIRST).unwrap_err();
    assert!(error.contains(&format!("corrupt at byte {third}")), "{error}");
    assert!(error.contains("place in its commit"), "{error}");
    assert!(matches!(open(&disk), Err(JournalError::Corrupt { .. })));
}
