//! A service with its journal on a disk of the simulation.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use siaga::alert::Action;
use siaga::alert::CloseReason;
use siaga::disk::Disk;
use siaga::disk::simulated::SimulatedDisk;
use siaga::engine::ActionInput;
use siaga::engine::Output;
use siaga::engine::away::Room;
use siaga::engine::port::IngestError;
use siaga::engine::port::Port;
use siaga::engine::runtime::Engine;
use siaga::engine::runtime::Settings;
use siaga::engine::service::Limits;
use siaga::engine::service::Parts;
use siaga::engine::service::Service;
use siaga::engine::service::replay::compiled;
use siaga::engine::snapshot::SnapshotError;
use siaga::engine::snapshot::file::Store;
use siaga::event::EntityId;
use siaga::event::EntityKind;
use siaga::event::Symbols;
use siaga::event::mapping::Mapping;
use siaga::journal;
use siaga::journal::Journal;
use siaga::journal::JournalId;
use siaga::journal::Log;
use siaga::journal::Position;
use siaga::journal::entry::SetupEntry;
use siaga::metrics::Metrics;
use siaga::source::dead_letter::DeadLetters;
use siaga::time::Span;

use crate::durable::ledger::Ledger;
use crate::durable::script::RULES;
use crate::durable::script::Step;
use crate::scene::DAY;
use crate::scene::HOUR;
use crate::scene::MINUTE;
use crate::scene::at;

pub(crate) const JOURNAL: &str = "/data/journal";
pub(crate) const SNAPSHOTS: &str = "/data/snapshots";
pub(crate) const AWAY: &str = "/data/away";

/// Which version of the program wrote a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// This one.
    Same,
    /// One that laid out entities otherwise.
    Other,
    /// Nobody knows.
    Any,
}

/// A service, and what it told.
pub(crate) struct Stage {
    pub(crate) service: Arc<Service>,
    pub(crate) store: Store,
    pub(crate) id: JournalId,
    /// What was wrong with newer snapshots than the one that was loaded.
    pub(crate) rejected: Vec<String>,
    symbols: Symbols,
    told: Arc<Mutex<Ledger>>,
}

/// Small segments, so that a run has several.
fn settings() -> journal::Settings {
    let plain = journal::Settings::new(JournalId::new(7));
    journal::Settings { segment_bytes: 4_000, reserve_bytes: 2_000, ..plain }
}

fn setup() -> SetupEntry {
    SetupEntry {
        secret: 7,
        lateness: Span::from_millis(HOUR),
        history: Span::from_millis(400 * DAY),
        begun: true,
    }
}

impl Stage {
    /// Starts on what the disk holds; what is told adds to what was told before.
    pub(crate) fn start(
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        Self::start_as(Version::Same, disk, told, shards)
    }

    /// As [`Stage::start`]; the snapshot was written by this version of the program.
    pub(crate) fn start_as(
        version: Version,
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        Self::start_within((version, 100_000, None), disk, told, shards)
    }

    /// As [`Stage::start`]; customers have room for so many bytes in memory.
    pub(crate) fn start_bounded(
        room: &Room,
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        Self::start_within((Version::Same, 100_000, Some(room)), disk, told, shards)
    }

    /// As [`Stage::start`]; the journal is written by way of another disk.
    pub(crate) fn start_by(
        journal: Arc<dyn Disk>,
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
    ) -> Result<Self, String> {
        Self::start_on(journal, (Version::Same, 100_000, None), disk, told, 1)
    }

    /// As [`Stage::start`]; so many inputs may wait.
    pub(crate) fn start_narrow(
        waiting_max: u64,
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        Self::start_within((Version::Same, waiting_max, None), disk, told, shards)
    }

    fn start_within(
        how: (Version, u64, Option<&Room>),
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        Self::start_on(Arc::new(disk.clone()), how, disk, told, shards)
    }

    fn start_on(
        journal: Arc<dyn Disk>,
        (version, waiting_max, room): (Version, u64, Option<&Room>),
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
    ) -> Result<Self, String> {
        let (symbols, kept) = (Symbols::default(), Arc::clone(told));
        let sink = Arc::new(move |some: &mut Vec<Output>| {
            kept.lock().unwrap().note(&std::mem::take(some));
        });
        let settings_of_engine = Settings { shards, lateness: Span::ZERO };
        let told_error = |error: &dyn std::fmt::Display| error.to_string();
        let (log, _) = Log::open(journal, Path::new(JOURNAL), settings())
            .map_err(|error| told_error(&error))?;
        let store = Store::open(Arc::new(disk.clone()), Path::new(SNAPSHOTS))
            .map_err(|error| told_error(&error))?;
        let found = store.newest().map_err(|error| told_error(&error))?;
        let rejected = found.rejected.iter().map(ToString::to_string).collect();
        let (mut rules, mut from, mut snapshot) = (Arc::default(), log.first(), None);
        if let Some(sound) = found.sound {
            let mut head = sound.head().map_err(|error| told_error(&error))?;
            assert_eq!(head.place.journal, log.id());
            sound.names(&symbols).map_err(|error| told_error(&error))?;
            from = head.place.position;
            rules = Arc::new(compiled(&head.files, head.history, &symbols)?);
            if version == Version::Other {
                head.layouts.iter_mut().for_each(|layout| layout.id ^= 1);
            }
            if version != Version::Any {
                let alike = version == Version::Same;
                assert_eq!(head.is_alike(&rules), alike, "a compilation lays out in its own way");
            }
            snapshot = Some((sound, head));
        } else if log.first() != Position::FIRST {
            return Err("there is no snapshot before the journal".to_owned());
        }
        let engine = Engine::start_within(room, (&rules, &symbols), settings_of_engine, sink)
            .map_err(|error| told_error(&error))?;
        let service = Arc::new(Service::new(Parts {
            engine,
            rules,
            symbols: symbols.clone(),
            mapping: Arc::new(Mapping::identity()),
            dead: DeadLetters::counting(),
            metrics: Arc::new(Metrics::new().unwrap()),
            limits: Limits { waiting_max, ahead_max: None },
        }));
        service.recover_first();
        if let Some((sound, head)) = snapshot {
            if sound.lacks_learning(&head) {
                service
                    .relearn(disk, Path::new(JOURNAL), from, &mut |_| {})
                    .map_err(|error| told_error(&error))?;
            }
            service.load(&sound, head, &mut |_| {}).map_err(|error| told_error(&error))?;
        }
        service
            .replay(disk, Path::new(JOURNAL), from, &mut |_| {})
            .map_err(|error| told_error(&error))?;
        let id = log.id();
        service.keep_in(Journal::start(log).unwrap());
        let told = Arc::clone(told);
        let stage = Self { service, store, id, rejected, symbols, told };
        if stage.service.setup() != Some(setup()) {
            stage.service.set_up(setup()).map_err(|error| error.to_string())?;
        }
        stage.service.set_ready();
        Ok(stage)
    }

    /// Lets a customer go, as a start does that was asked for it, and starts on what is left. All of
    /// it may be done again.
    pub(crate) fn erase(
        disk: &SimulatedDisk,
        told: &Arc<Mutex<Ledger>>,
        shards: usize,
        customer: &str,
    ) -> Result<Self, String> {
        let (mut log, _) = Log::open(Arc::new(disk.clone()), Path::new(JOURNAL), settings())
            .map_err(|error| error.to_string())?;
        let from = log.turn().map_err(|error| error.to_string())?;
        drop(log);
        let stage = Self::start(disk, told, shards)?;
        stage.service.erase(customer, &[], "erased").map_err(|error| error.to_string())?;
        for _ in 0..3 {
            stage.service.set_up(setup()).map_err(|error| error.to_string())?;
            let taken = stage.service.snapshot(&stage.store, stage.id, &|| true);
            taken.map_err(|error| error.to_string())?;
        }
        let oldest = stage.store.list().map_err(|error| error.to_string())?[0];
        stage.service.stop().map_err(|error| error.to_string())?;
        let first = Log::first_in(disk, Path::new(JOURNAL)).map_err(|error| error.to_string())?;
        if first < from || oldest < from {
            return Err(format!("{first} and {oldest} are before {from}"));
        }
        Self::start(disk, told, shards)
    }

    /// Does one step; an error is an answer that did not come.
    pub(crate) fn step(&self, step: &Step) -> Result<(), IngestError> {
        match step {
            Step::Body(body) => {
                let report =
                    self.service.ingest("application/x-ndjson", &[], body.as_bytes(), "t")?;
                assert!(report.refused.is_empty(), "{:?}", report.refused);
                Ok(())
            }
            Step::Tick(millis) => {
                self.service.tick(at(*millis))?;
                // Timers wait while the disk is full; here nothing comes that would tick again.
                let passed = at(*millis) - setup().lateness - Span::from_millis(MINUTE);
                if self.service.status().watermark.is_none_or(|watermark| watermark < passed) {
                    return Err(IngestError::Full { retry_after_s: 1 });
                }
                self.service.commit()
            }
            Step::Rules(number) => self.adopt(RULES[*number]),
            Step::Act(number, action) => self.act(*number, *action),
            Step::Snapshot => match self.service.snapshot(&self.store, self.id, &|| true) {
                // A disk that is full or fails leaves the service as it is.
                Ok(_) | Err(SnapshotError::Disk { .. }) => Ok(()),
                Err(SnapshotError::Stopped) => Err(IngestError::Stopped),
                Err(error) => panic!("{error}"),
            },
        }
    }

    pub(crate) fn adopt(&self, rules: &str) -> Result<(), IngestError> {
        let files = [("a.rules.yaml".to_owned(), rules.to_owned())];
        let rules = compiled(&files, Span::from_millis(400 * DAY), &self.symbols).unwrap();
        self.service.adopt(Arc::new(rules))
    }

    fn act(&self, number: u64, action: u8) -> Result<(), IngestError> {
        let (alert, rule, entity) = {
            let told = self.told.lock().unwrap();
            let Some(count) = u64::try_from(told.order.len()).ok().filter(|count| *count > 0)
            else {
                return Ok(());
            };
            told.order[usize::try_from(number % count).unwrap()].clone()
        };
        let now = self.service.status().clock.unwrap_or(at(0));
        let action = match action {
            0 => Action::Acknowledge,
            1 => Action::Snooze { until: now + Span::from_millis(DAY) },
            2 => Action::Reopen,
            _ => Action::Close { reason: CloseReason::Won, amount: None },
        };
        let kind = if rule == "OfRep" { EntityKind::Rep } else { EntityKind::Customer };
        let entity = EntityId { kind, id: self.symbols.intern(&entity) };
        let input = ActionInput { entity, rule, alert, action, by: "ann".to_owned(), at: now };
        match self.service.act(input) {
            // It is not the rule's current alert any more.
            Err(IngestError::Unknown(_)) => Ok(()),
            other => other,
        }
    }

    /// Stops in order.
    pub(crate) fn stop(self) {
        self.service.stop().unwrap();
    }
}

/// What a service tells that nothing happens to.
pub(crate) fn undisturbed(script: &[Step], shards: usize) -> Ledger {
    undisturbed_by(RULES[0], script, shards)
}

/// As [`undisturbed`], with other rules to begin with.
pub(crate) fn undisturbed_by(rules: &str, script: &[Step], shards: usize) -> Ledger {
    let told = Arc::default();
    let stage = Stage::start(&SimulatedDisk::new(0), &told, shards).unwrap();
    stage.adopt(rules).unwrap();
    for step in script {
        stage.step(step).unwrap();
    }
    stage.stop();
    told.lock().unwrap().clone()
}
