//! Customers that lie on disk for want of memory: the alerts, what a look shows and what a snapshot
//! holds are those of a run with room for everybody, whatever happens to that disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::disk::Disk;
use siaga::disk::simulated::Faults;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::away::Figures;
use siaga::engine::away::Room;
use siaga::engine::port::IngestError;
use siaga::engine::port::Port;
use siaga::event::EntityKind;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::AWAY;
use crate::durable::stage::Stage;
use crate::durable::stage::undisturbed;

/// Room for so many bytes, in files of some customers.
fn room(disk: &SimulatedDisk, bytes_max: u64) -> Room {
    let mut room = Room::new(bytes_max, Arc::new(disk.clone()), AWAY.into());
    (room.segment_bytes, room.free_bytes_min) = (3_000, 0);
    room
}

fn start(
    bytes_max: u64,
    disk: &SimulatedDisk,
    told: &Arc<Mutex<Ledger>>,
    shards: usize,
) -> Result<Stage, String> {
    Stage::start_bounded(&room(disk, bytes_max), disk, told, shards)
}

fn figures(stage: &Stage) -> Figures {
    stage.service.away().unwrap()
}

fn files(disk: &SimulatedDisk) -> Vec<String> {
    disk.list(Path::new(AWAY)).unwrap_or_default()
}

/// The script; with several shards without reps' actions, since which alert one acts on depends on
/// which shard is quicker.
fn script_for(seed: u64, steps: usize, shards: usize) -> Vec<Step> {
    let mut script = script(seed, steps);
    script.retain(|step| shards == 1 || !matches!(step, Step::Act(..)));
    script
}

#[test]
fn the_alerts_are_the_same_with_hardly_any_room() {
    for (seed, shards) in (1..7).flat_map(|seed| [(seed, 1), (seed, 3)]) {
        let script = script_for(seed, 160, shards);
        let want = undisturbed(&script, 1);
        for bytes_max in [1, 6_000] {
            let place = format!("seed {seed}, {shards} shards, {bytes_max} bytes");
            let mut disk = SimulatedDisk::new(seed);
            let told: Arc<Mutex<Ledger>> = Arc::default();
            let (mut out, mut back) = (0, 0);
            // Stopped, killed, and without its power in between.
            let quarter = script.len() / 4;
            for (part, steps) in script.chunks(quarter + 1).enumerate() {
                let stage = start(bytes_max, &disk, &told, shards).unwrap();
                for step in steps {
                    stage.step(step).unwrap_or_else(|error| {
                        panic!("{place}: {error}, {:?}", stage.service.broken())
                    });
                }
                stage.service.drain().unwrap();
                let now = figures(&stage);
                (out, back) = (out + now.out, back + now.back);
                match part {
                    0 => {
                        stage.stop();
                        assert_eq!(files(&disk), [""; 0], "{place}: scratch that stays");
                        disk = disk.restarted();
                    }
                    1 => disk = disk.restarted(),
                    _ => disk = disk.power_loss(seed),
                }
            }
            assert!(out > 20 && back > 20, "{place}: {out} moves out, {back} back");
            let have = told.lock().unwrap().clone();
            assert_eq!(difference(&want, &have), None, "{place}");
        }
    }
}

#[test]
fn a_look_shows_a_customer_on_disk_as_it_is() {
    let script = script(5, 120);
    let (plain, bounded) = (SimulatedDisk::new(1), SimulatedDisk::new(1));
    let (want, have) = (Arc::default(), Arc::default());
    let plain = Stage::start(&plain, &want, 1).unwrap();
    let stage = start(1, &bounded, &have, 1).unwrap();
    let mut seen = 0;
    for (number, step) in script.iter().enumerate() {
        plain.step(step).unwrap();
        stage.step(step).unwrap();
        for customer in 0..6 {
            let look = |stage: &Stage| {
                let view = stage.service.entity(EntityKind::Customer, &format!("c{customer}"));
                view.map(|view| format!("{view:?}"))
            };
            let (want, have) = (look(&plain), look(&stage));
            assert_eq!(want, have, "step {number}, customer {customer}");
            seen += usize::from(have.is_some());
        }
        assert_eq!(plain.service.status().entities, stage.service.status().entities);
    }
    assert!(seen > 400 && figures(&stage).moved == 5, "{seen}, {:?}", figures(&stage));
    let opened = |told: &Arc<Mutex<Ledger>>| told.lock().unwrap().clone();
    assert_eq!(difference(&opened(&want), &opened(&have)), None);
}

#[test]
fn files_that_hold_few_customers_are_written_anew_and_go() {
    let disk = SimulatedDisk::new(3);
    let stage = start(1, &disk, &Arc::default(), 1).unwrap();
    let mut most = 0;
    for step in script(3, 400).iter().filter(|step| !matches!(step, Step::Snapshot)) {
        stage.step(step).unwrap();
        most = most.max(files(&disk).len());
    }
    let Figures { moved, disk_bytes, out, .. } = figures(&stage);
    assert!(out > 200, "{out} moves");
    // Five customers, of at most a few thousand bytes each.
    assert!(moved == 5 && most <= 12 && disk_bytes < 40_000, "{most} files, {disk_bytes} bytes");
}

#[test]
fn with_no_room_on_the_disk_either_all_stay_in_memory_and_it_is_told() {
    let script = script(2, 80);
    let want = undisturbed(&script, 1);
    let (disk, told) = (SimulatedDisk::new(2), Arc::<Mutex<Ledger>>::default());
    disk.set_faults(Faults { capacity: Some(1 << 20), ..Faults::default() });
    let mut room = room(&disk, 1);
    room.free_bytes_min = 1 << 20;
    let stage = Stage::start_bounded(&room, &disk, &told, 1).unwrap();
    for step in &script {
        stage.step(step).unwrap();
    }
    let now = figures(&stage);
    assert!(now.failures > 0 && now.moved == 0 && now.bytes > now.bytes_max, "{now:?}");
    stage.stop();
    assert_eq!(difference(&want, &told.lock().unwrap()), None);
}

#[test]
fn an_io_error_at_any_operation_changes_no_alert() {
    let script = script(4, 40);
    let want = undisturbed(&script, 1);
    let whole = SimulatedDisk::new(4);
    let stage = start(1, &whole, &Arc::default(), 1).unwrap();
    for step in &script {
        stage.step(step).unwrap();
    }
    drop(stage);
    for operation in (0..whole.operations()).step_by(7) {
        let mut disk = SimulatedDisk::new(operation);
        // It fails once, or goes on failing for a while.
        let fail = (operation..operation + [1, 9][usize::from(operation % 2 == 0)]).collect();
        disk.set_faults(Faults { fail, ..Faults::default() });
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let (mut done, mut starts) = (0, 0);
        while done < script.len() {
            starts += 1;
            assert!(starts < 12, "operation {operation}: it does not come back");
            let Ok(stage) = start(1, &disk, &told, 1) else {
                disk = disk.power_loss(operation);
                continue;
            };
            let broke = script[done..].iter().find_map(|step| {
                let error = stage.step(step).err();
                done += usize::from(error.is_none());
                error
            });
            if let Some(error) = broke {
                assert!(matches!(error, IngestError::Stopped), "operation {operation}: {error}");
                disk = disk.power_loss(operation);
            }
        }
        let have = told.lock().unwrap().clone();
        assert_eq!(difference(&want, &have), None, "operation {operation}");
    }
}

#[test]
fn what_cannot_be_read_back_stops_the_service_and_the_next_start_knows_it() {
    for shards in [1, 3] {
        let script = script_for(6, 120, shards);
        let want = undisturbed(&script, 1);
        let (disk, told) = (SimulatedDisk::new(6), Arc::<Mutex<Ledger>>::default());
        let stage = start(1, &disk, &told, shards).unwrap();
        let (before, behind) = script.split_at(60);
        for step in before {
            stage.step(step).unwrap();
        }
        stage.service.drain().unwrap();
        for file in files(&disk) {
            let flip = |bytes: &mut Vec<u8>| bytes.iter_mut().for_each(|byte| *byte ^= 1);
            disk.tamper(&Path::new(AWAY).join(file), flip).unwrap();
        }
        let stopped = (0..1_000).find_map(|number| {
            let error = stage.step(&behind[number % behind.len()]).err();
            std::thread::sleep(std::time::Duration::from_millis(1));
            error
        });
        assert!(matches!(stopped, Some(IngestError::Stopped)), "{stopped:?}");
        let why = stage.service.broken().unwrap();
        assert!(why.contains("is corrupt at byte") && why.contains("start again"), "{why}");
        drop(stage);
        // Whoever got no answer sends again; what was sent in vain is told once more.
        let again: Arc<Mutex<Ledger>> = Arc::default();
        let fresh = SimulatedDisk::new(6);
        let stage = start(1, &fresh, &again, shards).unwrap();
        for step in &script {
            stage.step(step).unwrap();
        }
        stage.stop();
        assert_eq!(difference(&want, &again.lock().unwrap()), None);
        let known = told.lock().unwrap().clone();
        start(1, &disk.power_loss(6), &told, shards).unwrap().stop();
        let back = told.lock().unwrap();
        assert!(known.order.iter().all(|(id, ..)| back.alerts.contains_key(id)));
    }
}

/// Plays files by the starter rules; the lines of the alerts.
fn played(folder: &Path, files: &[std::path::PathBuf], more: &[&str]) -> String {
    let alerts = folder.join("alerts.ndjson");
    let done = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .current_dir(folder)
        .args(["replay", "--output", "none", "--alerts"])
        .arg(&alerts)
        .args(more)
        .args(files)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read_to_string(alerts).unwrap()
}

#[test]
fn the_starter_rules_tell_the_demo_the_same_alerts_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let written = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["demo", "--customers", "60", "--days", "300", "--write"])
        .arg(&history)
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let files = fs::read_dir(&history).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.to_string_lossy().contains(".ndjson")).collect();
    let want = played(folder.path(), &files, &["--shards", "1"]);
    assert!(want.lines().count() > 50, "{} lines", want.lines().count());
    let bound = ["--memory-bytes-max", "20000", "--scratch", "scratch", "--shards"];
    let of = |shards| [&bound[..], &[shards]].concat();
    assert_eq!(want, played(folder.path(), &files, &of("1")), "byte by byte");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&want), sorted(&played(folder.path(), &files, &of("3"))));
}
