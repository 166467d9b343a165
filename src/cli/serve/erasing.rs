//! Customers go for good: before a server starts, out of everything in its folder.
//!
//! ```text
//! erase.pending ─► journal: another segment begins ─► engine as it stood, without them
//!   ─► three snapshots ─► older ones go, and the segments before them
//!   ─► inbox, outbox, dead letters, what was set aside ─► audit ─► erase.pending goes
//! ```
//!
//! Nothing else happens meanwhile, and all of it may be done twice: whatever breaks it off, the next
//! start does it from the beginning. Until it is through no server runs on the folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::bail;
use serde::Deserialize;
use serde::Serialize;

use crate::access::Access;
use crate::cli;
use crate::cli::serve::House;
use crate::cli::serve::begun;
use crate::cli::serve::durable::JOURNAL;
use crate::cli::serve::durable::Kept;
use crate::cli::serve::durable::SNAPSHOTS;
use crate::cli::serve::durable::Wanted;
use crate::cli::serve::share::Shared;
use crate::config::Config;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::erase::Gone;
use crate::delivery::inbox::erase::Removed;
use crate::disk::Access as Way;
use crate::disk::Disk;
use crate::disk::read_full_at;
use crate::disk::system::SystemDisk;
use crate::disk::write_all_at;
use crate::engine::away::Room;
use crate::engine::sequence::own::Own;
use crate::engine::service::Erased;
use crate::event::EntityKind;
use crate::event::mapping::Mapping;
use crate::event::mention;
use crate::journal::Log;
use crate::journal::Position;

/// The file of those who are to go, in the folder of everything.
const FILE: &str = "erase.pending";

/// Snapshots are taken until none is older: as many as are kept.
const SNAPSHOTS_TAKEN: usize = 3;

/// Those who are to go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::cli) struct Pending {
    customers: Vec<Customer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Customer {
    id: String,
    names: Vec<String>,
    alias: String,
}

impl Pending {
    /// Those who are to go from this folder.
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged: ask for the erasure again", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it down for good; without anybody in it the file goes.
    fn keep(&self, disk: &dyn Disk, folder: &Path) -> anyhow::Result<()> {
        let (path, unfinished) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let write = || {
            if self.customers.is_empty() {
                return disk.remove(&path);
            }
            if disk.exists(&unfinished)? {
                disk.remove(&unfinished)?;
            }
            let file = disk.create(&unfinished)?;
            write_all_at(&*file, &serde_json::to_vec(self)?, 0)?;
            file.sync_data()?;
            disk.rename(&unfinished, &path)
        };
        write()
            .and_then(|()| disk.sync_folder(folder))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Asks that customers go from this folder; those who were asked for before are among them.
    pub(in crate::cli) fn ask(folder: &Path, customers: &[String]) -> anyhow::Result<()> {
        let mut pending = Self::read(folder)?;
        for id in customers {
            if !pending.customers.iter().any(|known| known.id == *id) {
                let mut random = [0; 8];
                getrandom::fill(&mut random)?;
                let alias = format!("erased-{:016x}", u64::from_le_bytes(random));
                pending.customers.push(Customer { id: id.clone(), names: Vec::new(), alias });
            }
        }
        pending.keep(&SystemDisk, folder)
    }
}

/// As [`finish`], where no server is about to start.
pub(in crate::cli) fn finish_alone(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let shared = Shared::new(config, folder, &[])?;
    let own = shared.as_ref().and_then(Shared::own);
    finish(config, (folder, own.as_ref()), &Arc::new(Mapping::identity()))
}

/// Lets everybody go who was asked for, if anybody was.
pub(super) fn finish(
    config: &Config,
    (folder, own): (&Path, Option<&Own>),
    mapping: &Arc<Mapping>,
) -> anyhow::Result<()> {
    let mut pending = Pending::read(folder)?;
    if pending.customers.is_empty() {
        return Ok(());
    }
    cli::say(&format!("siaga: erasing {} customers", pending.customers.len()));
    let stored = folder.join("inbox.sqlite");
    let inbox = Inbox::open(&stored, config.inbox.clone())?;
    let access = Access::open(&folder.join(Access::FILE), config.access.clone())?;
    // What comes from here on stands apart from what was there.
    let from = Kept::log(folder)?.turn()?;
    let erased = forget(config, (folder, own), mapping, (inbox, &stored), &mut pending)?;
    check(folder, from)?;
    set_aside(&SystemDisk, folder)?;
    // Customers on disk are scratch, and begin anew with the next start.
    let scratch: Arc<dyn Disk> = Arc::new(SystemDisk);
    Room::take(0, &scratch, &folder.join("away"))?;
    // Behind the engine, which may have told of them once more.
    let inbox = Inbox::open(&stored, config.inbox.clone())?;
    for (customer, erased) in pending.customers.iter().zip(erased) {
        let Customer { id, names, alias } = customer.clone();
        let gone = Gone { id, names, alias };
        let removed = inbox.erase(&gone)?;
        let letters = dead_letters(&SystemDisk, folder, &gone)?;
        access.note(
            "cli",
            "customer.erase",
            &format!("customer:{}", gone.alias),
            &told(removed),
        )?;
        say(&gone, erased, removed, letters);
    }
    Pending::default().keep(&SystemDisk, folder)
}

/// Brings the engine where it stood, lets them go, and takes snapshots without them.
fn forget(
    config: &Config,
    of_data: (&Path, Option<&Own>),
    mapping: &Arc<Mapping>,
    (inbox, stored): (Inbox, &Path),
    pending: &mut Pending,
) -> anyhow::Result<Vec<Erased>> {
    let folder = of_data.0;
    let Some((core, kept, _)) = begun(false, config, of_data, mapping)? else {
        return Ok(Vec::new());
    };
    // What the journal tells once more reaches the inbox: nothing of others is lost.
    let house = House::open_on((inbox, Some(stored)), core)?;
    let House { service, settled, deliverer, inbox, .. } = house;
    service.recover_first();
    let running = service.rule_set();
    let (lateness, history) = (config.engine.lateness, config.engine.history);
    let keeping = kept.take_up(&service, &Wanted { rules: running, lateness, history })?;
    service.drain()?;
    if !settled.wait() {
        bail!("what the engine tells again was not kept: look at the disk, and try again");
    }
    for customer in &mut pending.customers {
        let mut names = inbox.called(EntityKind::Customer, &customer.id)?;
        names.extend(service.called(&customer.id));
        names.retain(|name| !customer.names.contains(name));
        customer.names.append(&mut names);
        customer.names.dedup();
    }
    // Who begins anew has to know what they were called.
    pending.keep(&SystemDisk, folder)?;
    let mut erased = Vec::new();
    for Customer { id, names, alias } in &pending.customers {
        erased.push(service.erase(id, names, alias)?);
    }
    for _ in 0..SNAPSHOTS_TAKEN {
        // Each has a place of its own.
        if let Some(setup) = service.setup() {
            service.set_up(setup)?;
        }
        keeping.take(&service, &|| settled.wait())?;
    }
    service.stop()?;
    drop((keeping, service));
    if deliverer.join().is_err() {
        bail!("what the engine told was not kept: try again");
    }
    Ok(erased)
}

/// Whether everything from before is gone from journal and snapshots.
fn check(folder: &Path, from: Position) -> anyhow::Result<()> {
    let first = Log::first_in(&SystemDisk, &folder.join(JOURNAL))?;
    let oldest = Kept::store(folder)?.list()?.first().copied();
    if first < from || oldest.is_none_or(|oldest| oldest < from) {
        bail!("old segments or snapshots could not be removed: look at the disk, and try again");
    }
    Ok(())
}

/// Removes what was left of journal and snapshots by crashes and corruption.
fn set_aside(disk: &dyn Disk, folder: &Path) -> anyhow::Result<()> {
    for (name, ending) in [(JOURNAL, "journal"), (SNAPSHOTS, "snapshot")] {
        let within = folder.join(name);
        for file in disk.list(&within)? {
            let is_kept = file.ends_with(&format!(".{ending}")) || file == "lock";
            if !is_kept {
                disk.remove(&within.join(file))?;
            }
        }
        disk.sync_folder(&within)?;
    }
    Ok(())
}

/// Takes out the dead letters that mention a customer; how many they were.
fn dead_letters(disk: &dyn Disk, folder: &Path, gone: &Gone) -> anyhow::Result<usize> {
    let path = folder.join("dead-letters.ndjson");
    if !disk.exists(&path)? {
        return Ok(0);
    }
    let file = disk.open(&path, Way::Write)?;
    let mut text = vec![0; usize::try_from(file.size()?)?];
    let length = read_full_at(&*file, &mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let words: Vec<&str> =
        std::iter::once(&gone.id).chain(&gone.names).map(String::as_str).collect();
    let (gone, kept): (Vec<&str>, Vec<&str>) = text
        .split_inclusive('\n')
        .partition(|line| words.iter().any(|word| mention::mentions(line, word)));
    if !gone.is_empty() {
        // It is a file of one process: the next start begins it anew.
        write_all_at(&*file, &vec![b'\n'; length], 0)?;
        file.sync_data()?;
        disk.remove(&path)?;
        write_all_at(&*disk.create(&path)?, kept.concat().as_bytes(), 0)?;
    }
    Ok(gone.len())
}

fn told(removed: Removed) -> String {
    let Removed { alerts, deliveries, mentions } = removed;
    format!("{alerts} alerts, {deliveries} deliveries, {mentions} mentions")
}

fn say(gone: &Gone, erased: Erased, removed: Removed, letters: usize) {
    let alias = &gone.alias;
    let known = if erased.was_known { "" } else { " (the engine did not know it)" };
    cli::say(&format!(
        "siaga: erased, from here on {alias}{known}: {}, {letters} dead letters",
        told(removed)
    ));
    if erased.keeps_id {
        cli::say(
            "siaga: the id is also that of a product, a rep or the like, or stands in a rule: as \
             theirs it stays",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::simulated::SimulatedDisk;

    fn content(disk: &SimulatedDisk, path: &Path) -> String {
        String::from_utf8_lossy(&disk.content(path).unwrap()).into_owned()
    }

    fn write(disk: &SimulatedDisk, path: &Path, text: &str) {
        let file = disk.create(path).unwrap();
        write_all_at(&*file, text.as_bytes(), 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_folder(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn whom_to_erase_outlasts_a_power_loss_and_so_does_that_it_is_done() {
        let folder = Path::new("/data");
        let of = |id: &str| Customer { id: id.into(), names: Vec::new(), alias: "erased-1".into() };
        for seed in 0..40 {
            let disk = SimulatedDisk::new(seed);
            disk.make_folder(folder).unwrap();
            disk.sync_folder(Path::new("/")).unwrap();
            for customers in [vec![of("c1")], vec![of("c1"), of("c2")]] {
                let pending = Pending { customers };
                pending.keep(&disk, folder).unwrap();
                let written = content(&disk.power_loss(seed), &folder.join(FILE));
                assert_eq!(serde_json::from_str::<Pending>(&written).unwrap(), pending);
            }
            Pending::default().keep(&disk, folder).unwrap();
            assert!(!disk.power_loss(seed).exists(&folder.join(FILE)).unwrap(), "seed {seed}");
        }
    }

    #[test]
    fn a_journal_or_a_snapshot_from_before_is_not_taken_for_an_erased_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Kept::log(folder.path()).unwrap();
        Kept::store(folder.path()).unwrap();
        let told = |from: u64| check(folder.path(), Position::new(from)).is_err();
        assert!(told(1), "there is no snapshot");
        let file = folder.path().join(SNAPSHOTS).join("00000000000000000003.snapshot");
        std::fs::write(file, "").unwrap();
        assert!(!told(1));
        assert!(told(2), "the journal begins before it");
        let mut batch = log.batch();
        for _ in 0..8 {
            batch.push(1, b"x").unwrap();
        }
        log.commit(&batch).unwrap();
        log.turn().unwrap();
        log.retain(Position::new(9)).unwrap();
        assert!(told(9), "a snapshot is older");
    }

    #[test]
    fn what_crashes_left_and_dead_letters_that_tell_of_a_customer_do_not_come_back() {
        let folder = Path::new("/data");
        let gone = Gone {
            id: "kd-4711".to_owned(),
            names: vec!["Canary Ltd".to_owned()],
            alias: "erased-1".to_owned(),
        };
        for seed in 0..40 {
            let disk = SimulatedDisk::new(seed);
            let within = [JOURNAL, SNAPSHOTS].map(|name| folder.join(name));
            for path in [folder].into_iter().chain(within.iter().map(std::path::PathBuf::as_path)) {
                disk.make_folder(path).unwrap();
                disk.sync_folder(path.parent().unwrap()).unwrap();
            }
            let (torn, corrupt) = (within[0].join("1.torn"), within[1].join("1.snapshot.corrupt"));
            write(&disk, &torn, "Canary Ltd");
            write(&disk, &corrupt, "Canary Ltd");
            write(&disk, &within[1].join("2.snapshot"), "others");
            set_aside(&disk, folder).unwrap();
            let letters = folder.join("dead-letters.ndjson");
            write(&disk, &letters, "{\"record\":\"kd-4711\"}\n{\"record\":\"kd-47110\"}\n");
            assert_eq!(dead_letters(&disk, folder, &gone).unwrap(), 1);
            assert_eq!(content(&disk, &letters), "{\"record\":\"kd-47110\"}\n");
            let after = disk.power_loss(seed);
            for path in [&torn, &corrupt] {
                assert!(!after.exists(path).unwrap(), "seed {seed}: {}", path.display());
            }
            assert_eq!(content(&after, &within[1].join("2.snapshot")), "others");
            if after.exists(&letters).unwrap() {
                assert!(!content(&after, &letters).contains("kd-4711\""), "seed {seed}");
            }
        }
    }
}
