//! Everything that the engine takes goes through the journal first.
//!
//! ```text
//! encode ─► ┌ one lock ───────────────────────┐ ─► wait for the commit ─► answer
//!           │ append to the journal ─► engine │     (the engine works meanwhile)
//!           └─────────────────────────────────┘
//! ```
//!
//! The lock makes the order of the journal that of the engine. What the journal refuses, the
//! engine never sees. A journal that cannot be trusted any more stops the service: nothing is
//! acknowledged after that, and the next start recovers.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::engine::port::IngestError;
use crate::engine::runtime;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Stopped;
use crate::engine::service::Service;
use crate::event::Record;
use crate::event::Symbols;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::Position;
use crate::journal::entry::Encoder;
use crate::journal::entry::Entry;
use crate::journal::entry::SetupEntry;
use crate::source::log;

/// Encoders that are kept for the next input.
const ENCODERS_KEPT: usize = 64;

/// The journal behind a service, if it has one.
#[derive(Default)]
pub(super) struct Keeper {
    journal: OnceLock<Arc<Journal>>,
    /// Whether it is going to have one, and takes nothing from outside before.
    recovers: AtomicBool,
    encoders: Mutex<Vec<Encoder>>,
    /// What the engine is set up with.
    pub(super) setup: Mutex<Option<SetupEntry>>,
    failure: Mutex<Option<JournalError>>,
}

/// What is written before the engine takes an input.
pub(super) enum Kept<'a> {
    /// Records from outside: refused while the disk is nearly full.
    Records(&'a [Record]),
    /// Records from a log, and how far it is read with them: refused likewise.
    Read(&'a [Record], &'a [log::Position]),
    /// Anything else: small, and taken as long as there is any room.
    Entry(Entry),
}

/// An input as the journal gets it.
pub(super) struct Sealed {
    encoder: Encoder,
    kind: u8,
    reserved: bool,
}

impl Sealed {
    fn append(&self, journal: &Journal) -> Result<Position, JournalError> {
        if self.reserved {
            journal.append_reserved(self.kind, self.encoder.bytes())
        } else {
            journal.append(self.kind, self.encoder.bytes())
        }
    }
}

impl Keeper {
    pub(super) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.get()
    }

    pub(super) fn recovers(&self) -> bool {
        self.recovers.load(Ordering::Acquire)
    }

    /// Writes an input for the journal, if there is one.
    pub(super) fn seal(&self, kept: &Kept<'_>, symbols: &Symbols) -> Option<Sealed> {
        self.journal.get()?;
        let mut encoder = self.encoders.lock().pop().unwrap_or_default();
        let (kind, reserved) = match kept {
            Kept::Records(records) => (encoder.records(records, symbols).0, false),
            Kept::Read(records, positions) => (encoder.read(records, positions, symbols).0, false),
            Kept::Entry(entry) => (encoder.encode(entry, symbols).0, true),
        };
        Some(Sealed { encoder, kind, reserved })
    }

    fn give_back(&self, sealed: Sealed) {
        let mut encoders = self.encoders.lock();
        if encoders.len() < ENCODERS_KEPT {
            encoders.push(sealed.encoder);
        }
    }
}

impl Service {
    /// Takes nothing from outside until [`Service::set_ready`]: what the journal holds comes first.
    pub fn recover_first(&self) {
        self.keeper.recovers.store(true, Ordering::Release);
    }

    /// Writes everything that comes from here on to this journal. What it holds already has to be
    /// in the engine; a second journal is not taken.
    pub fn keep_in(&self, journal: Journal) {
        if self.keeper.journal.set(Arc::new(journal)).is_err() {
            tracing::error!("the service has a journal already");
        }
        // What is counted is counted from here on: an earlier process has counted the rest.
        let sequence = self.engine.lock().as_ref().map(Engine::sequence).unwrap_or_default();
        *self.counted.lock() = runtime::totals(sequence, &self.gauges, &self.entities);
    }

    /// Why the journal cannot be written any more, once it cannot.
    pub fn failure(&self) -> Option<JournalError> {
        self.keeper.failure.lock().clone()
    }

    /// What the engine is set up with, as its journal says.
    pub fn setup(&self) -> Option<SetupEntry> {
        *self.keeper.setup.lock()
    }

    /// Sets the engine up from here on.
    pub fn set_up(&self, setup: SetupEntry) -> Result<(), IngestError> {
        self.submit(&Kept::Entry(Entry::Setup(setup)), |engine| {
            engine.set_up(setup.secret, setup.lateness);
            Ok(())
        })?;
        *self.keeper.setup.lock() = Some(setup);
        Ok(())
    }

    /// The position of the journal that comes next; 0 without one.
    pub fn position(&self) -> u64 {
        self.keeper.journal().map_or(0, |journal| journal.next().number())
    }

    /// Returns once everything that was taken is durable.
    pub fn commit(&self) -> Result<(), IngestError> {
        let last = self.keeper.journal().and_then(|journal| journal.next().before());
        self.wait(last)
    }

    /// Hands an input to the engine, behind the journal, and waits until it is durable.
    pub(super) fn submit<T>(
        &self,
        kept: &Kept<'_>,
        apply: impl FnOnce(&mut Engine) -> Result<T, Stopped>,
    ) -> Result<T, IngestError> {
        let sealed = self.keeper.seal(kept, &self.symbols);
        let (done, position) = self.append(sealed, apply)?;
        self.wait(position)?;
        Ok(done)
    }

    /// Appends an input to the journal and hands it to the engine; where it stands.
    pub(super) fn append<T>(
        &self,
        sealed: Option<Sealed>,
        apply: impl FnOnce(&mut Engine) -> Result<T, Stopped>,
    ) -> Result<(T, Option<Position>), IngestError> {
        let appended = {
            let mut guard = self.engine.lock();
            let engine = guard.as_mut().ok_or(IngestError::Stopped)?;
            let position = match (self.keeper.journal(), &sealed) {
                (Some(journal), Some(sealed)) => sealed.append(journal).map(Some),
                _ => Ok(None),
            };
            position.map(|position| {
                let done = apply(engine).map_err(|_| IngestError::Stopped)?;
                self.follow(engine);
                Ok((done, position))
            })
        };
        if let Some(sealed) = sealed {
            self.keeper.give_back(sealed);
        }
        appended.map_err(|error| self.refused(error))?
    }

    /// Returns once an input is durable.
    pub(super) fn wait(&self, position: Option<Position>) -> Result<(), IngestError> {
        match (self.keeper.journal(), position) {
            (Some(journal), Some(position)) => {
                journal.wait(position).map_err(|error| self.refused(error))
            }
            _ => Ok(()),
        }
    }

    /// What the sender is told of an error of the journal; all but a full disk end the service.
    fn refused(&self, error: JournalError) -> IngestError {
        match error {
            JournalError::Full => IngestError::Full { retry_after_s: 5 },
            JournalError::TooLarge { .. } => IngestError::TooLarge,
            JournalError::Closed => IngestError::Stopped,
            other => {
                let first = self.keeper.failure.lock().replace(other.clone()).is_none();
                if first {
                    tracing::error!(error = %other, "nothing more is taken");
                }
                self.engine.lock().take();
                IngestError::Stopped
            }
        }
    }
}
