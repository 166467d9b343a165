//! An I/O error at any operation, a full disk: refused or stopped, never a false acknowledgement,
//! and the alerts are those of a run that nothing happened to.

use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::port::IngestError;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::RULES;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed;

/// Every so many operations one is made to fail; `SIAGA_EVERY_OPERATION=1` fails each of them.
const STRIDE: u64 = 11;

/// Disks that are full, each at another place; `SIAGA_FULL_DISKS` asks for more.
const FULL_DISKS: u64 = 24;

#[test]
fn an_io_error_at_any_operation_stops_or_refuses_and_changes_no_alert() {
    let stride = if std::env::var_os("SIAGA_EVERY_OPERATION").is_some() { 1 } else { STRIDE };
    let script = script(2, 60);
    let want = undisturbed(&script, 1);
    let whole = SimulatedDisk::new(2);
    let stage = Stage::start(&whole, &Arc::default(), 1).unwrap();
    for step in &script {
        stage.step(step).unwrap();
    }
    stage.stop();
    for operation in (0..whole.operations()).step_by(usize::try_from(stride).unwrap()) {
        let disk = SimulatedDisk::new(operation);
        disk.set_faults(Faults { fail: [operation].into(), ..Faults::default() });
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let mut disk = disk;
        let mut acknowledged = 0;
        // Each round is a process; it ends when a step gets no answer.
        for round in 0.. {
            assert!(round < 4, "operation {operation}: one error ends one process");
            if let Ok(stage) = Stage::start(&disk, &told, 1) {
                while let Some(step) = script.get(acknowledged) {
                    match stage.step(step) {
                        Ok(()) => acknowledged += 1,
                        Err(IngestError::Stopped) => break,
                        Err(error) => panic!("operation {operation}: {error}"),
                    }
                }
                let _ = stage.service.stop();
            }
            disk = disk.restarted().power_loss(operation);
            if acknowledged == script.len() {
                break;
            }
        }
        // What was acknowledged is there, and tells the same.
        let again: Arc<Mutex<Ledger>> = Arc::new(Mutex::new(told.lock().unwrap().clone()));
        Stage::start(&disk, &again, 1)
            .unwrap_or_else(|error| panic!("operation {operation}: {error}"))
            .stop();
        let have = again.lock().unwrap();
        if let Some(difference) = difference(&want, &have) {
            panic!("operation {operation}: {difference}");
        }
    }
}

#[test]
fn a_full_disk_refuses_events_keeps_what_it_took_and_resumes_by_itself() {
    let script = script(4, 80);
    let want = undisturbed(&script, 1);
    let disks = std::env::var("SIAGA_FULL_DISKS").ok().and_then(|n| n.parse().ok());
    let disks: u64 = disks.unwrap_or(FULL_DISKS);
    for room in (0..disks).map(|step| 2_500 + step * 12_000 / disks) {
        let disk = SimulatedDisk::new(room);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, 1).unwrap();
        disk.set_faults(Faults { capacity: Some(room), ..Faults::default() });
        let mut refusals = 0;
        for step in &script {
            while let Err(error) = stage.step(step) {
                assert!(matches!(error, IngestError::Full { .. }), "room {room}: {error}");
                refusals += 1;
                assert!(refusals < 10_000, "room {room}: it does not resume");
                // Somebody makes room; nobody starts anything again.
                disk.set_faults(Faults::default());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        assert!(refusals > 0, "room {room} was enough");
        stage.stop();
        let again: Arc<Mutex<Ledger>> = Arc::new(Mutex::new(told.lock().unwrap().clone()));
        Stage::start(&disk.power_loss(room), &again, 1).unwrap().stop();
        let have = again.lock().unwrap();
        assert_eq!(difference(&want, &have), None, "room {room}");
    }
}

#[test]
fn nothing_is_confirmed_that_a_power_loss_would_take_back() {
    let mut script = script(4, 80);
    // A start tells everything again.
    script.retain(|step| !matches!(step, Step::Snapshot));
    for room in [2_500, 4_000, 6_000, 9_000] {
        let disk = SimulatedDisk::new(room);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, 1).unwrap();
        disk.set_faults(Faults { capacity: Some(room), ..Faults::default() });
        let is_kept = || {
            let (lost, again) = (disk.power_loss(room), Arc::<Mutex<Ledger>>::default());
            Stage::start(&lost, &again, 1).unwrap().stop();
            let (have, told) = (again.lock().unwrap(), told.lock().unwrap());
            told.alerts.keys().all(|id| have.alerts.contains_key(id))
        };
        assert!(script.iter().any(|step| stage.step(step).is_err()), "room {room} was enough");
        assert!(!stage.service.confirm() || is_kept(), "room {room}: events are refused");
        // What is no event goes on for a while, until not even that has room.
        let mut tries = 0;
        while stage.service.confirm() {
            tries += 1;
            assert!(tries < 20, "room {room}: there is always some left");
            let _ = stage.adopt(RULES[tries % 2]);
        }
        disk.set_faults(Faults::default());
        while !stage.service.confirm() {
            tries += 1;
            assert!(tries < 1_000, "room {room}: it does not resume");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(is_kept(), "room {room}: confirmed, and gone");
        stage.stop();
    }
}
