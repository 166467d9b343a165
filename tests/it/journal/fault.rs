//! An I/O error at every operation, and a disk that is full: refused, never half done.

use std::sync::Arc;

use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::journal::JournalError;
use siaga::journal::Log;
use siaga::journal::Position;

use crate::journal::run::Known;
use crate::journal::run::check;
use crate::journal::run::commit;
use crate::journal::run::folder;
use crate::journal::run::open;
use crate::journal::run::payload;
use crate::journal::run::run;
use crate::journal::run::settings;

fn failing_at(operation: u64) -> Faults {
    Faults { fail: [operation].into(), ..Faults::default() }
}

fn last(known: &[Known]) -> Known {
    let start = Known { operations: 0, acknowledged: Position::FIRST, retained: Position::FIRST };
    known.last().copied().unwrap_or(start)
}

#[test]
fn an_error_at_any_operation_makes_no_false_acknowledgement() {
    for seed in 1..=6 {
        let whole = SimulatedDisk::new(seed);
        assert_eq!(run(&whole, seed).error, None);
        for operation in 0..whole.operations() {
            let disk = SimulatedDisk::new(seed ^ operation << 8);
            disk.set_faults(failing_at(operation));
            let run = run(&disk, seed);
            let told = format!("seed {seed}, operation {operation}: {:?}", run.error);
            // The process ends, and the next one finds the disk in order.
            let next = disk.restarted();
            let mut known = last(&run.known);
            let end = check(&next, known, run.appended).unwrap_or_else(|e| panic!("{told}: {e}"));
            // What it found it may show, so that counts, too.
            let mut log = open(&next).unwrap();
            known.acknowledged = commit(&mut log, 2).unwrap();
            assert_eq!(known.acknowledged, end.plus(2));
            drop(log);
            for loss in 0..6 {
                check(&next.power_loss(loss), known, known.acknowledged)
                    .unwrap_or_else(|e| panic!("{told}, loss {loss}: {e}"));
            }
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_it_is_opened_again() {
    let disk = SimulatedDisk::new(1);
    let mut log = open(&disk).unwrap();
    commit(&mut log, 1).unwrap();
    // A write and a sync.
    disk.set_faults(failing_at(disk.operations() + 1));
    let failed = commit(&mut log, 1).unwrap_err();
    assert!(matches!(failed, JournalError::Poisoned { doing: "sync", .. }), "{failed}");
    let before = disk.operations();
    assert_eq!(commit(&mut log, 1), Err(failed));
    assert_eq!(disk.operations(), before, "the disk was touched again");
    drop(log);
    assert_eq!(commit(&mut open(&disk).unwrap(), 1), Ok(Position::new(4)));
}

#[test]
fn a_full_disk_refuses_and_the_same_batch_goes_in_when_there_is_room() {
    for room in (0..4_000).step_by(7) {
        let disk = SimulatedDisk::new(room);
        let mut log = open(&disk).unwrap();
        let mut acknowledged = commit(&mut log, 2).unwrap();
        let used: u64 = (u64::MAX - 1) - free(&disk);
        disk.set_faults(Faults { capacity: Some(used + room), ..Faults::default() });
        let mut refused = false;
        for _ in 0..30 {
            let mut batch = log.batch();
            for _ in 0..3 {
                batch.push(1, &payload(batch.next())).unwrap();
            }
            match log.commit(&batch) {
                Ok(()) => {}
                Err(JournalError::Full) => {
                    refused = true;
                    let known = Known { operations: 0, acknowledged, retained: Position::FIRST };
                    check(&disk.power_loss(room), known, batch.next()).unwrap();
                    disk.set_faults(Faults::default());
                    log.commit(&batch).unwrap();
                }
                Err(other) => panic!("room {room}: {other}"),
            }
            acknowledged = log.next();
        }
        assert!(refused, "room {room} was enough");
        drop(log);
        let known = Known { operations: 0, acknowledged, retained: Position::FIRST };
        assert_eq!(check(&disk.power_loss(room), known, acknowledged), Ok(acknowledged));
    }
}

fn free(disk: &SimulatedDisk) -> u64 {
    use siaga::disk::Disk;
    disk.set_faults(Faults { capacity: Some(u64::MAX - 1), ..Faults::default() });
    disk.free_bytes(folder()).unwrap()
}

#[test]
fn a_journal_has_one_writer() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(JournalError::InUse { .. })));
    drop(log);
    open(&disk).unwrap();
}

#[test]
fn another_tenants_journal_is_refused() {
    let disk = SimulatedDisk::new(1);
    drop(open(&disk).unwrap());
    let south = siaga::journal::Settings { tenant: "south".to_owned(), ..settings() };
    let error = Log::open(Arc::new(disk), folder(), south).map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
}
