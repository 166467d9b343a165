//! Group commit: threads append at once, and each is told only when its record is durable.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use siaga::disk::Disk;
use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::disk::system::SystemDisk;
use siaga::journal::Journal;
use siaga::journal::JournalError;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::Replay;
use siaga::journal::Settings;
use siaga::journal::record;

use crate::journal::run::folder;
use crate::journal::run::open;
use crate::journal::run::settings;

/// Records of a journal: position, kind, payload.
fn records(disk: &dyn Disk, folder: &std::path::Path) -> Vec<(u64, u8, Vec<u8>)> {
    let mut replay = Replay::open(disk, folder, Position::FIRST).unwrap();
    let mut found = Vec::new();
    while let Some(record) = replay.next_record().unwrap() {
        found.push((record.position.number(), record.kind, record.payload.to_vec()));
    }
    let progress = replay.progress();
    assert_eq!(progress.bytes_done, progress.bytes_total);
    found
}

/// Eight threads append fifty records each and wait for every one; then the journal is closed.
fn append_from_threads(disk: &Arc<dyn Disk>, folder: &std::path::Path) {
    let small = Settings { buffer_bytes_max: 300, reserve_bytes: 0, ..settings() };
    let (log, opened) = Log::open(Arc::clone(disk), folder, small).unwrap();
    assert_eq!(opened.torn, None);
    let journal = Journal::start(log).unwrap();
    let told: Vec<(u64, Vec<u8>)> = thread::scope(|scope| {
        let journal = &journal;
        let threads = (0..8_u8).map(|writer| {
            scope.spawn(move || {
                (0..50_u8)
                    .map(|number| {
                        let payload = vec![writer, number, 1, 2, 3];
                        let position = journal.append(5, &payload).unwrap();
                        journal.wait(position).unwrap();
                        assert!(position < journal.durable());
                        (position.number(), payload)
                    })
                    .collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let figures = journal.figures();
    assert_eq!(figures.records, 400);
    assert!((1..=400).contains(&figures.commits));
    journal.close().unwrap();
    assert_eq!(journal.append(5, b""), Err(JournalError::Closed));
    let found = records(&**disk, folder);
    assert_eq!(found.len(), 401, "the last record is that of the close");
    assert_eq!(found[400], (401, record::CLOSED, Vec::new()));
    for (position, payload) in told {
        let index = usize::try_from(position).unwrap() - 1;
        assert_eq!(found[index], (position, 5, payload));
    }
}

#[test]
fn every_thread_is_told_of_its_own_record() {
    let disk = SimulatedDisk::new(1);
    append_from_threads(&(Arc::new(disk.clone()) as Arc<dyn Disk>), folder());
    assert_eq!(records(&disk.power_loss(1), folder()).len(), 401);
}

#[test]
fn the_operating_systems_files_do_as_well() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/journal");
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    append_from_threads(&disk, &folder);
    let (mut log, _) = Log::open(Arc::clone(&disk), &folder, settings()).unwrap();
    let again = Log::open(Arc::clone(&disk), &folder, settings()).map(|_| ()).unwrap_err();
    assert!(matches!(again, JournalError::InUse { .. }), "{again}");
    assert_eq!(log.next(), Position::new(402));
    assert!(log.free_bytes().unwrap() > 0);
    assert!(log.retain(log.next()).unwrap() > 1);
    assert!(log.first() > Position::FIRST);
    drop(log);
    let read = Replay::open(&*disk, &folder, Position::FIRST).map(|_| ()).unwrap_err();
    assert!(matches!(read, JournalError::Begins { .. }), "{read}");
}

#[test]
fn what_nobody_waits_for_is_written_together_and_soon() {
    let journal = Journal::start(open(&SimulatedDisk::new(1)).unwrap()).unwrap();
    let positions = (0..1_000).map(|_| journal.append(1, b"one").unwrap());
    let last = positions.last().unwrap();
    until(|| journal.durable() > last);
    let figures = journal.figures();
    assert_eq!(figures.records, 1_000);
    assert!(figures.commits <= 100, "{figures:?}");
    journal.close().unwrap();
}

#[test]
fn after_a_failed_sync_everybody_is_told_that_it_failed() {
    let disk = SimulatedDisk::new(1);
    let journal = Journal::start(open(&disk).unwrap()).unwrap();
    let position = journal.append(1, b"one").unwrap();
    journal.wait(position).unwrap();
    // Some of what follows is a sync.
    let from = disk.operations();
    disk.set_faults(Faults { fail: (from..from + 1_000).collect(), ..Faults::default() });
    let position = journal.append(1, b"two").unwrap();
    let failed = journal.wait(position).unwrap_err();
    assert!(matches!(failed, JournalError::Poisoned { .. }), "{failed}");
    assert_eq!(journal.append(1, b"three"), Err(failed.clone()));
    assert_eq!(journal.close(), Err(failed));
}

#[test]
fn a_full_disk_refuses_and_resumes_by_itself() {
    let disk = SimulatedDisk::new(1);
    let settings = Settings { reserve_bytes: 0, ..settings() };
    let (log, _) = Log::open(Arc::new(disk.clone()), folder(), settings).unwrap();
    let journal = Journal::start(log).unwrap();
    for cycle in 0..5_u8 {
        disk.set_faults(Faults { capacity: Some(0), ..Faults::default() });
        let position = journal.append(1, &[cycle]).unwrap();
        assert_eq!(journal.wait(position), Err(JournalError::Full));
        assert_eq!(journal.append(1, b"more"), Err(JournalError::Full));
        assert_eq!(journal.append_reserved(1, b"more"), Err(JournalError::Full));
        disk.set_faults(Faults::default());
        // What had been taken in is written without being sent again.
        until(|| journal.durable() > position);
        assert_eq!(journal.wait(position), Ok(()));
    }
    journal.close().unwrap();
    let found = records(&disk.power_loss(1), folder());
    let payloads: Vec<_> = found.iter().map(|(_, _, payload)| payload.clone()).collect();
    assert_eq!(payloads, [vec![0], vec![1], vec![2], vec![3], vec![4], vec![]]);
}

#[test]
fn the_reserve_is_for_what_takes_no_new_work_in() {
    let disk = SimulatedDisk::new(1);
    let reserve_bytes = 1_000_000;
    let settings = Settings { reserve_bytes, ..settings() };
    let (log, _) = Log::open(Arc::new(disk.clone()), folder(), settings).unwrap();
    disk.set_faults(Faults { capacity: Some(reserve_bytes - 1), ..Faults::default() });
    let journal = Journal::start(log).unwrap();
    assert_eq!(journal.append(1, b"new work"), Err(JournalError::Full));
    let position = journal.append_reserved(6, b"a receipt").unwrap();
    assert_eq!(journal.wait(position), Ok(()));
    disk.set_faults(Faults::default());
    until(|| journal.append(1, b"new work").is_ok());
    journal.close().unwrap();
}

/// Looks again and again, for as long as a slow machine may need.
fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it never came to hold");
}
