//! What a journal holds, taken by the engine once more.
//!
//! ```text
//! journal ─► entry ─┬─► records, ticks, reps' actions ─► engine
//!                   ├─► rules: their texts, compiled anew ─► engine
//!                   ├─► positions of a log ─► where its source goes on
//!                   └─► setup ─► the one order
//! ```

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::engine::ActionInput;
use crate::engine::Input;
use crate::engine::runtime::Stopped;
use crate::engine::service::Service;
use crate::event::Symbols;
use crate::journal::JournalError;
use crate::journal::Log;
use crate::journal::Position;
use crate::journal::Replay;
use crate::journal::entry;
use crate::journal::entry::ActionEntry;
use crate::journal::entry::Entry;
use crate::journal::entry::EntryError;
use crate::journal::entry::RulesEntry;
use crate::journal::replay::Progress;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::set::RuleSet;
use crate::time::Span;

/// Records between two looks at the progress.
const STEP: u64 = 1_024;

/// Why a journal could not be taken in again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record cannot be understood.
    #[error("record {position} of the journal cannot be understood: {error}")]
    Entry {
        /// Which.
        position: Position,
        /// Why.
        error: EntryError,
    },
    /// Rules that were good when they were written are not good for this program.
    #[error(
        "the rules that record {position} of the journal holds are refused by this program: run \
         the version that wrote them, or mend the journal from a snapshot\n{problems}"
    )]
    Rules {
        /// Which record.
        position: Position,
        /// What is wrong with them.
        problems: String,
    },
    /// What it holds cannot be taken by this program.
    #[error("record {position} of the journal holds a {what}: use the program that wrote it")]
    Unknown {
        /// Which record.
        position: Position,
        /// What it is.
        what: &'static str,
    },
    /// The engine stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What was taken in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Records of the journal.
    pub records: u64,
    /// Events and reference data in them.
    pub taken: u64,
    /// The position behind the last one.
    pub next: Position,
}

/// Compiles rules from their texts; what is wrong with them, for people.
pub fn compiled(
    files: &[(String, String)],
    history: Span,
    symbols: &Symbols,
) -> Result<RuleSet, String> {
    let mut read = Files::default();
    for (name, text) in files {
        read.add(name.as_str(), text.as_str());
    }
    let (sources, mut problems) = file::read(&read);
    let (mut rules, more) = compile::compile(&sources, symbols);
    problems.extend(more);
    problems.retain(Diagnostic::is_error);
    if !problems.is_empty() {
        return Err(diagnostic::render(&problems, &read, false));
    }
    rules.files = files.into();
    rules.keep(history);
    Ok(rules)
}

impl Service {
    /// Takes in what the journal in a folder holds from a position on, and nothing else meanwhile.
    pub fn replay(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        from: Position,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Replayed, ReplayError> {
        let mut replay = Replay::open(disk, folder, from)?;
        let mut replayed = Replayed { next: from, ..Replayed::default() };
        while let Some(record) = replay.next_record()? {
            let position = record.position;
            let entry = entry::decode(record.kind, record.payload, &self.symbols)
                .map_err(|error| ReplayError::Entry { position, error })?;
            replayed.taken += self.take_again(entry, position)?;
            replayed.records += 1;
            replayed.next = position.plus(1);
            if replayed.records.is_multiple_of(STEP) {
                progress(replay.progress());
            }
        }
        progress(replay.progress());
        Ok(replayed)
    }

    /// Learns from the journal before a position what was learned from it once: only the one order
    /// takes it in, no entity hears of it.
    ///
    /// Snapshots hold what was learned since their format 3; this is for older ones.
    pub fn relearn(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        to: Position,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ReplayError> {
        let first = Log::first_in(disk, folder)?;
        let mut replay = Replay::open(disk, folder, first)?;
        let mut read = 0_u64;
        while let Some(record) = replay.next_record()? {
            let position = record.position;
            if position >= to {
                break;
            }
            let entry = entry::decode(record.kind, record.payload, &self.symbols)
                .map_err(|error| ReplayError::Entry { position, error })?;
            let mut guard = self.engine.lock();
            let order = guard.as_mut().ok_or(Stopped)?.one_order();
            let nobody = &mut |_: usize, _: Input| {};
            match entry {
                Entry::Records(records) | Entry::Read { records, .. } => {
                    for record in records {
                        order.take(record, (None, None), nobody);
                    }
                }
                Entry::Tick(at) => order.tick(at),
                Entry::Action(action) => order.act(&action.rule, action.alert, &action.action),
                Entry::Rules(RulesEntry { files, .. }) => {
                    let rules = compiled(&files, Span::ZERO, &self.symbols)
                        .map_err(|problems| ReplayError::Rules { position, problems })?;
                    order.adopt(&Arc::new(rules), nobody);
                }
                Entry::Setup(setup) => order.set_up(setup.secret, setup.lateness),
                Entry::Held(held) => order.hold(held),
                Entry::Model(_) | Entry::Receipt(_) | Entry::Closed => {}
            }
            drop(guard);
            read += 1;
            if read.is_multiple_of(STEP) {
                progress(replay.progress());
            }
        }
        Ok(())
    }

    /// Takes one entry in; how many events and reference data it held.
    fn take_again(&self, entry: Entry, position: Position) -> Result<u64, ReplayError> {
        let mut guard = self.engine.lock();
        let engine = guard.as_mut().ok_or(Stopped)?;
        let mut taken = 0;
        match entry {
            Entry::Records(records) => {
                taken = records.len() as u64;
                engine.take(records, None)?;
            }
            Entry::Read { records, positions } => {
                taken = records.len() as u64;
                engine.take(records, None)?;
                self.reading.advance(&positions);
            }
            Entry::Held(held) => engine.hold(held)?,
            Entry::Tick(at) => engine.tick(at)?,
            Entry::Action(action) => engine.act(action.into())?,
            Entry::Rules(RulesEntry { files, .. }) => {
                let history = self.setup().map_or(Span::ZERO, |setup| setup.history);
                let rules = compiled(&files, history, &self.symbols)
                    .map_err(|problems| ReplayError::Rules { position, problems })?;
                let rules = Arc::new(rules);
                engine.adopt(&rules)?;
                *self.rules.write() = rules;
            }
            Entry::Setup(setup) => {
                engine.set_up(setup.secret, setup.lateness);
                *self.keeper.setup.lock() = Some(setup);
            }
            Entry::Model(_) => return Err(ReplayError::Unknown { position, what: "model" }),
            // What was sent is kept by those who send; the engine does not look at it.
            Entry::Receipt(_) | Entry::Closed => {}
        }
        self.follow(engine);
        Ok(taken)
    }
}

impl From<ActionEntry> for ActionInput {
    fn from(entry: ActionEntry) -> Self {
        let ActionEntry { entity, rule, alert, action, by, at } = entry;
        Self { entity, rule, alert, action, by, at }
    }
}

impl From<ActionInput> for ActionEntry {
    fn from(input: ActionInput) -> Self {
        let ActionInput { entity, rule, alert, action, by, at } = input;
        Self { entity, rule, alert, action, by, at }
    }
}
