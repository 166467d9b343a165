//! Snapshots: a start from one stands where a start from the journal alone stands, a corrupt one
//! is noticed, and the stream goes on while one is taken.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use siaga::disk::Access;
use siaga::disk::Disk;
use siaga::disk::File;
use siaga::disk::Lock;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::snapshot::SnapshotError;
use siaga::engine::snapshot::block::FORMAT;
use siaga::journal::Log;
use siaga::journal::Position;

use crate::durable::ledger::Ledger;
use crate::durable::ledger::difference;
use crate::durable::script::Step;
use crate::durable::script::script;
use crate::durable::stage::JOURNAL;
use crate::durable::stage::SNAPSHOTS;
use crate::durable::stage::Stage;
use crate::durable::stage::Version;
use crate::durable::stage::undisturbed;
use crate::durable::stage::undisturbed_by;
use crate::scene::DAY;
use crate::scene::at;

/// A run with snapshots after these steps, stopped after the last but `left` steps; its disk, and
/// what was told.
fn run(steps: &[Step], every: usize) -> (SimulatedDisk, Ledger) {
    let disk = SimulatedDisk::new(1);
    let told: Arc<Mutex<Ledger>> = Arc::default();
    let stage = Stage::start(&disk, &told, 1).unwrap();
    for (number, step) in steps.iter().filter(|step| !matches!(step, Step::Snapshot)).enumerate() {
        stage.step(step).unwrap();
        if number % every == every - 1 {
            stage.step(&Step::Snapshot).unwrap();
        }
    }
    stage.stop();
    let told = told.lock().unwrap().clone();
    (disk.restarted(), told)
}

/// Starts on a disk, and does what is left; what was wrong with snapshots, and the alerts.
fn go_on(
    disk: &SimulatedDisk,
    told: &Ledger,
    steps: &[Step],
    shards: usize,
) -> Result<(Vec<String>, Ledger), String> {
    go_on_from(Version::Same, disk, told, steps, shards)
}

fn go_on_from(
    version: Version,
    disk: &SimulatedDisk,
    told: &Ledger,
    steps: &[Step],
    shards: usize,
) -> Result<(Vec<String>, Ledger), String> {
    let told = Arc::new(Mutex::new(told.clone()));
    let stage = Stage::start_as(version, disk, &told, shards)?;
    for step in steps {
        stage.step(step).map_err(|error| error.to_string())?;
    }
    let rejected = stage.rejected.clone();
    stage.stop();
    let told = told.lock().unwrap().clone();
    Ok((rejected, told))
}

fn snapshots(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let names = disk.list(Path::new(SNAPSHOTS)).unwrap();
    names.into_iter().map(|name| Path::new(SNAPSHOTS).join(name)).collect()
}

#[test]
fn a_start_from_a_snapshot_goes_on_as_if_nothing_had_happened() {
    for (seed, shards) in (1..6).flat_map(|seed| [(seed, 1), (seed, 3)]) {
        let mut script = script(seed, 120);
        if shards > 1 {
            // Which alert a rep acts on depends on which shard is quicker.
            script.retain(|step| !matches!(step, Step::Act(..)));
        }
        let want = undisturbed(&script, 1);
        let (before, behind) = script.split_at(60 + usize::try_from(seed).unwrap() * 7);
        let (disk, told) = run(before, 9);
        assert_eq!(snapshots(&disk).len(), 3, "three are kept");
        let (rejected, have) = go_on(&disk, &told, behind, shards).unwrap();
        assert_eq!(rejected, [""; 0]);
        assert_eq!(difference(&want, &have), None, "seed {seed}, {shards} shards");
    }
}

#[test]
fn a_snapshot_of_a_version_that_lays_out_otherwise_is_filled_from_the_histories() {
    for seed in 1..4 {
        let script = script(seed, 120);
        let want = undisturbed(&script, 1);
        let (before, behind) = script.split_at(80);
        let (disk, told) = run(before, 9);
        let (_, have) = go_on_from(Version::Other, &disk, &told, behind, 1).unwrap();
        assert_eq!(difference(&want, &have), None, "seed {seed}");
    }
}

#[test]
fn what_was_learned_goes_on_behind_a_snapshot_without_the_journal_before_it() {
    for seed in 1..4 {
        let mut script = script(seed, 160);
        script.retain(|step| !matches!(step, Step::Rules(_)));
        script.insert(0, Step::Rules(2));
        let want = undisturbed(&script, 1);
        assert!(want.order.len() > 10, "{} alerts", want.order.len());
        let (before, behind) = script.split_at(90);
        let (disk, told) = run(before, 9);
        assert!(told.order.len() < want.order.len());
        let first = Log::first_in(&disk, Path::new(JOURNAL)).unwrap();
        assert!(first > Position::FIRST, "the journal is kept from its beginning");
        let (_, have) = go_on(&disk, &told, behind, 1).unwrap();
        assert_eq!(difference(&want, &have), None, "seed {seed}");
    }
}

/// Detectors over everything ever seen, of a history that is kept for two years.
const DETECTORS: &str = r#"
groups:
  - name: g
    rules:
      - alert: Seen
        family: margin
        on: [order]
        let:
          usual: margin_shift(lines).usual
          weekly: trend(orders).usual
          alive: p_alive(orders)
        when: "true"
        episode: event.time
        expires_after: 0s
        annotations: {summary: "{{ usual }} {{ weekly }} {{ alive }}"}
"#;

#[test]
fn what_the_history_forgot_is_known_behind_a_snapshot() {
    // An order each day, and more of them than are kept.
    let body = |first: i64| {
        let line = |day: i64| {
            let (time, cost) = (at(day * DAY), 60 + day % 5 + day / 100);
            format!(
                r#"{{"event_id":"e{day}","type":"order","occurred_at":"{time}","customer_id":"c","currency":"USD","lines":[{{"product_id":"p","quantity":1,"unit_price":100,"unit_cost":{cost}}}]}}"#
            )
        };
        Step::Body((first..first + 50).map(line).collect::<Vec<_>>().join("\n"))
    };
    let script: Vec<Step> = (0..32).map(|part| body(part * 50)).collect();
    let want = undisturbed_by(DETECTORS, &script, 1);
    assert_eq!(want.order.len(), 1_600);
    let (before, behind) = script.split_at(24);
    for version in [Version::Same, Version::Other] {
        let disk = SimulatedDisk::new(1);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, 1).unwrap();
        stage.adopt(DETECTORS).unwrap();
        for step in before.iter().chain([&Step::Snapshot]) {
            stage.step(step).unwrap();
        }
        stage.stop();
        let told = told.lock().unwrap().clone();
        let (_, have) = go_on_from(version, &disk.restarted(), &told, behind, 1).unwrap();
        assert_eq!(difference(&want, &have), None, "{version:?}");
    }
}

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/durable/golden/v{version}"))
}

/// The same step, with orders booked in territories and a rep who has moved.
fn in_territories(step: Step) -> Step {
    let Step::Body(body) = step else { return step };
    let mut told = String::new();
    for (number, line) in body.lines().enumerate() {
        let territory = ["north", "south"][number % 2];
        told +=
            &line.replace("\"currency\"", &format!("\"territory\":\"{territory}\",\"currency\""));
        told.push('\n');
    }
    if body.contains("\"segment\"") {
        told += r#"{"rep_id":"r0","territory_history":[{"territory":"north","from":"2025-01-01","to":"2025-01-06"},{"territory":"south","from":"2025-01-06"}]}"#;
        told.push('\n');
    }
    Step::Body(told)
}

/// `SIAGA_GOLDEN=write` makes the files of a new version; never change those of an old one.
#[test]
fn a_snapshot_of_every_version_can_be_loaded() {
    use siaga::disk::Disk;
    let mut script = script(11, 100);
    for version in 1..=FORMAT {
        if version == 3 {
            // From here on something is learned as well.
            script.retain(|step| !matches!(step, Step::Rules(_)));
            script.insert(0, Step::Rules(2));
        }
        if version == 4 {
            // From here on histories know the territories of events, and reps when they had which.
            script = script.into_iter().map(in_territories).collect();
            script[0] = Step::Rules(3);
        }
        let (before, behind) = script.split_at(70);
        let folder = golden(version);
        let asked = std::env::var_os("SIAGA_GOLDEN").is_some_and(|word| word == "write");
        if asked && !folder.exists() {
            let (disk, _) = run(before, 9);
            for part in [JOURNAL, SNAPSHOTS] {
                let to = folder.join(Path::new(part).file_name().unwrap());
                fs::create_dir_all(&to).unwrap();
                for name in disk.list(Path::new(part)).unwrap() {
                    let content = disk.content(&Path::new(part).join(&name)).unwrap();
                    fs::write(to.join(name), content).unwrap();
                }
            }
        }
        let disk = SimulatedDisk::new(1);
        disk.make_folder(Path::new("/data")).unwrap();
        for part in [JOURNAL, SNAPSHOTS] {
            disk.make_folder(Path::new(part)).unwrap();
            for entry in fs::read_dir(folder.join(Path::new(part).file_name().unwrap())).unwrap() {
                let entry = entry.unwrap();
                let file = disk.create(&Path::new(part).join(entry.file_name())).unwrap();
                siaga::disk::write_all_at(&*file, &fs::read(entry.path()).unwrap(), 0).unwrap();
            }
        }
        assert_eq!(snapshots(&disk).len(), 3, "version {version}");
        let written = disk.content(&snapshots(&disk)[2]).unwrap();
        assert_eq!(written[8..12], version.to_le_bytes(), "version {version}");
        let (_, told) = run(before, 9);
        let (rejected, have) = go_on_from(Version::Any, &disk, &told, behind, 1).unwrap();
        assert_eq!(rejected, [""; 0]);
        let want = undisturbed(&script, 1);
        assert_eq!(difference(&want, &have), None, "version {version}");
    }
}

#[test]
fn a_corrupt_snapshot_is_set_aside_and_an_older_one_tells_the_same() {
    let script = script(3, 80);
    let want = undisturbed(&script, 1);
    let (before, behind) = script.split_at(60);
    let (disk, told) = run(before, 9);
    let newest = snapshots(&disk).pop().unwrap();
    let size = disk.content(&newest).unwrap().len();
    let flips = (0..size).step_by(97).chain(0..32).map(Some);
    for place in flips.chain([None; 12]).zip(0..) {
        let (flip, number) = place;
        let disk = disk.restarted();
        disk.tamper(&newest, |bytes| match flip {
            Some(at) => bytes[at] ^= 1 << (at % 8),
            None => bytes.truncate(size * number % size),
        })
        .unwrap();
        let (rejected, have) = match go_on(&disk, &told, behind, 1) {
            Ok(done) => done,
            // A later format is not guessed at.
            Err(error) if (8..12).contains(&flip.unwrap_or(0)) => {
                assert!(error.contains("has format"), "{error}");
                continue;
            }
            Err(error) => panic!("{flip:?}: {error}"),
        };
        assert_eq!(rejected.len(), 1, "{flip:?} was not noticed");
        assert!(rejected[0].contains("is corrupt at byte"), "{rejected:?}");
        assert_eq!(difference(&want, &have), None, "{flip:?}");
        let aside = newest.with_extension("snapshot.corrupt");
        assert!(disk.content(&aside).is_ok(), "it was removed");
    }
}

#[test]
fn with_all_snapshots_corrupt_nothing_is_started_from_half_a_journal() {
    let script = script(3, 80);
    let (disk, told) = run(&script, 9);
    for path in snapshots(&disk) {
        disk.tamper(&path, |bytes| bytes[40] ^= 1).unwrap();
    }
    let error = go_on(&disk, &told, &[], 1).unwrap_err();
    assert!(error.contains("no snapshot"), "{error}");
}

#[test]
fn a_snapshot_waits_until_what_was_told_is_kept() {
    let disk = SimulatedDisk::new(1);
    let told: Arc<Mutex<Ledger>> = Arc::default();
    let stage = Stage::start(&disk, &told, 1).unwrap();
    for step in script(1, 20) {
        stage.step(&step).unwrap();
    }
    let before = snapshots(&disk).len();
    let refused = stage.service.snapshot(&stage.store, stage.id, &|| false).unwrap_err();
    assert!(matches!(refused, SnapshotError::Abandoned(_)), "{refused}");
    assert!(
        snapshots(&disk).iter().filter(|path| path.extension().unwrap() == "snapshot").count()
            == before
    );
    stage.service.snapshot(&stage.store, stage.id, &|| true).unwrap();
    stage.stop();
}

/// A disk whose files are synced once the gate is open.
#[derive(Clone)]
struct Gated(SimulatedDisk, Arc<AtomicBool>);

struct GatedFile(Box<dyn File>, Arc<AtomicBool>);

impl Disk for Gated {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.make_folder(folder)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(GatedFile(self.0.create(path)?, Arc::clone(&self.1))))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        Ok(Box::new(GatedFile(self.0.open(path, access)?, Arc::clone(&self.1))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.sync_folder(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        self.0.free_bytes(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
}

impl File for GatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        while !self.1.load(Ordering::Acquire) {
            std::thread::sleep(LOOK);
        }
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
}

/// Opens a gate in the end.
struct Opens<'a>(&'a AtomicBool);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Between two looks at what another thread does.
const LOOK: Duration = Duration::from_millis(5);

#[test]
fn a_snapshot_waits_until_the_journal_before_it_is_durable() {
    let (disk, gate) = (SimulatedDisk::new(1), Arc::new(AtomicBool::new(true)));
    let told: Arc<Mutex<Ledger>> = Arc::default();
    let journal = Arc::new(Gated(disk.clone(), Arc::clone(&gate)));
    let stage = Stage::start_by(journal, &disk, &told).unwrap();
    for step in script(1, 20) {
        stage.step(&step).unwrap();
    }
    let before = snapshots(&disk);
    gate.store(false, Ordering::Release);
    // It is taken, and not durable yet.
    stage.service.tick(at(400 * DAY)).unwrap();
    let (settled, is_settled) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        let taken = scope.spawn(|| {
            let settle = || settled.send(()).is_ok();
            stage.service.snapshot(&stage.store, stage.id, &settle).map(|_| ())
        });
        // Whatever is found, nobody waits for ever.
        let _open = Opens(&gate);
        is_settled.recv_timeout(Duration::from_mins(1)).unwrap();
        for _ in 0..40 {
            std::thread::sleep(LOOK);
            let lost = disk.power_loss(1);
            Stage::start(&lost, &Arc::default(), 1).unwrap().stop();
        }
        let whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "snapshot");
        let is_old = |path: &PathBuf| !whole(path) || before.contains(path);
        let early = snapshots(&disk).into_iter().find(|path| !is_old(path));
        assert_eq!(early, None, "it has its name already");
        gate.store(true, Ordering::Release);
        taken.join().unwrap().unwrap();
    });
    assert_ne!(snapshots(&disk), before);
    stage.stop();
}

#[test]
fn the_journal_is_kept_from_the_oldest_snapshot_on() {
    let script = script(7, 420);
    let (disk, told) = run(&script, 60);
    let kept = snapshots(&disk);
    let oldest: u64 = kept[0].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let first = Log::first_in(&disk, Path::new(JOURNAL)).unwrap();
    assert!(first > Position::FIRST, "nothing was given up");
    assert!(first <= Position::new(oldest), "{first} is behind {oldest}");
    for path in &kept[1..] {
        disk.tamper(path, |bytes| bytes[40] ^= 1).unwrap();
    }
    let (rejected, have) = go_on(&disk, &told, &[], 1).unwrap();
    assert_eq!((rejected.len(), difference(&told, &have)), (2, None));
}

#[test]
fn the_stream_goes_on_while_snapshots_are_taken() {
    for (seed, shards) in [(1, 1), (2, 3), (3, 2)] {
        let script = script(seed, 300);
        // Which alert a rep acts on depends on which shard is quicker.
        let quiet = |step: &Step| !matches!(step, Step::Snapshot | Step::Act(..));
        let script: Vec<Step> = script.into_iter().filter(quiet).collect();
        let want = undisturbed(&script, 1);
        let disk = SimulatedDisk::new(1);
        let told: Arc<Mutex<Ledger>> = Arc::default();
        let stage = Stage::start(&disk, &told, shards).unwrap();
        let over = AtomicBool::new(false);
        let taken = std::thread::scope(|scope| {
            let snapshots = scope.spawn(|| {
                let mut taken = 0;
                while !over.load(Ordering::Acquire) {
                    match stage.service.snapshot(&stage.store, stage.id, &|| true) {
                        Ok(_) => taken += 1,
                        // Other rules came in between.
                        Err(SnapshotError::Abandoned(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                taken
            });
            for step in &script {
                stage.step(step).unwrap();
            }
            over.store(true, Ordering::Release);
            snapshots.join().unwrap()
        });
        assert!(taken > 0, "not one snapshot");
        stage.stop();
        let told = told.lock().unwrap().clone();
        assert_eq!(difference(&want, &told), None, "seed {seed}, live");
        // What the engine knows of its entities shows in what it tells from here on.
        let more = crate::durable::script::behind(seed, 60);
        let more: Vec<Step> = more.into_iter().filter(quiet).collect();
        let whole: Vec<Step> = script.iter().chain(&more).cloned().collect();
        let (_, have) = go_on(&disk.restarted(), &told, &more, 1).unwrap();
        assert_eq!(difference(&undisturbed(&whole, 1), &have), None, "seed {seed}, behind it");
    }
}
