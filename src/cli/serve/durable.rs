//! A server that outlives its process: what was there is taken in again, and everything that comes
//! is written down.
//!
//! ```text
//! lock, open ─► newest sound snapshot ─► pages are served, not ready ─► its entities
//!    ─► the journal behind it ─► ready ─► a snapshot now and then, and one at the end
//! ```

use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::bail;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli;
use crate::disk::system::SystemDisk;
use crate::engine::service::Service;
use crate::engine::service::replay::compiled;
use crate::engine::service::snapshots::Taken;
use crate::engine::snapshot::Head;
use crate::engine::snapshot::SnapshotError;
use crate::engine::snapshot::file::Sound;
use crate::engine::snapshot::file::Store;
use crate::event::Symbols;
use crate::journal;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::JournalId;
use crate::journal::Log;
use crate::journal::entry::SetupEntry;
use crate::rule::set::RuleSet;
use crate::time;
use crate::time::Span;

/// The folder of the journal in the folder of everything.
pub(super) const JOURNAL: &str = "journal";

/// The folder of the snapshots.
pub(super) const SNAPSHOTS: &str = "snapshots";

/// What an earlier process left, and that was not read yet.
pub(super) struct Kept {
    log: Log,
    folder: PathBuf,
    store: Store,
    snapshot: Option<(Sound, Head)>,
    /// The service has taken it in already.
    is_known: bool,
}

/// A start that is worth a snapshot at once.
const LONG: Duration = Duration::from_secs(5);

/// What the configuration says of the engine; the journal may say otherwise.
pub(super) struct Wanted {
    pub(super) rules: Arc<RuleSet>,
    pub(super) lateness: Span,
    pub(super) history: Span,
}

/// Takes snapshots of a service.
pub(super) struct Keeping {
    store: Store,
    id: JournalId,
}

impl Kept {
    /// Opens journal and snapshots in the folder of everything, or makes them. The names of the
    /// snapshot get their numbers: nobody may have named anything before.
    pub(super) fn open(data: &Path, symbols: &Symbols) -> anyhow::Result<Self> {
        let folder = data.join(JOURNAL);
        let log = Self::log(data)?;
        let store = Self::store(data)?;
        let found = store.newest()?;
        for error in &found.rejected {
            tracing::error!(%error, "a snapshot is left out, and set aside as `.corrupt`");
        }
        let snapshot = match found.sound {
            None => None,
            Some(sound) => {
                let head = sound.head()?;
                let (found, want) = (head.place.journal, log.id());
                if found != want {
                    let file = sound.name();
                    return Err(SnapshotError::Foreign { file, found, want }.into());
                }
                sound.names(symbols)?;
                Some((sound, head))
            }
        };
        if snapshot.is_none() && log.first() != journal::Position::FIRST {
            bail!(
                "the journal in {} begins with record {}, and no snapshot is sound: restore one \
                 to {}",
                folder.display(),
                log.first(),
                data.join(SNAPSHOTS).display()
            );
        }
        Ok(Self { log, folder, store, snapshot, is_known: false })
    }

    /// Opens the journal in the folder of everything, or makes one.
    pub(super) fn log(data: &Path) -> Result<Log, JournalError> {
        let settings = journal::Settings::new(JournalId::random());
        let (log, opened) = Log::open(Arc::new(SystemDisk), &data.join(JOURNAL), settings)?;
        if let Some(torn) = opened.torn {
            tracing::warn!(
                file = torn.file,
                bytes = torn.bytes,
                "the last commit was not finished, and nobody was told of it: it is left out"
            );
        }
        Ok(log)
    }

    /// Opens the snapshots in the folder of everything.
    pub(super) fn store(data: &Path) -> Result<Store, SnapshotError> {
        Store::open(Arc::new(SystemDisk), &data.join(SNAPSHOTS))
    }

    /// Journal and snapshots of a service that has taken in everything to the journal's end.
    pub(super) fn followed(log: Log, store: Store, data: &Path) -> Self {
        Self { log, folder: data.join(JOURNAL), store, snapshot: None, is_known: true }
    }

    /// The rules by which the service begins: those of the snapshot, or none.
    pub(super) fn rules(&self, symbols: &Symbols) -> anyhow::Result<Arc<RuleSet>> {
        let Some((sound, head)) = &self.snapshot else { return Ok(Arc::default()) };
        match compiled(&head.files, head.history, symbols) {
            Ok(rules) => Ok(Arc::new(rules)),
            Err(problems) => Err(SnapshotError::Rules { file: sound.name(), problems }.into()),
        }
    }

    /// Brings the service where the last one stood, and lets it write to the journal from there.
    pub(super) fn take_up(self, service: &Service, wanted: &Wanted) -> anyhow::Result<Keeping> {
        let Self { log, folder, store, snapshot, is_known } = self;
        let started = time::steady();
        let seconds = || time::steady().saturating_duration_since(started).as_secs_f64();
        let mut from = if is_known { log.next() } else { log.first() };
        if let Some((sound, head)) = snapshot {
            from = head.place.position;
            if !head.is_alike(&service.rule_set()) {
                tracing::warn!(
                    "another version of the program wrote the snapshot: windows are filled from \
                     the histories; what was counted over everything ever seen, by conditions \
                     that this version reads otherwise, is counted as far as they reach"
                );
            }
            if sound.lacks_learning(&head) {
                cli::say(&format!("siaga: learning from {} again", folder.display()));
                let bar = bar();
                service.relearn(&SystemDisk, &folder, from, &mut |progress| {
                    bar.set_length(progress.bytes_total);
                    bar.set_position(progress.bytes_done);
                })?;
                bar.finish_and_clear();
            }
            cli::say(&format!("siaga: loading {}, {} bytes", sound.name(), sound.bytes));
            let bar = bar();
            bar.set_length(sound.bytes);
            service.load(&sound, head, &mut |bytes| bar.set_position(bytes))?;
            bar.finish_and_clear();
        }
        if log.next() > from {
            let count = log.next().number() - from.number();
            cli::say(&format!("siaga: taking in {count} records of {}", folder.display()));
        }
        if !is_known && (log.next() != log.first() || from > log.next()) {
            let bar = bar();
            let replayed = service.replay(&SystemDisk, &folder, from, &mut |progress| {
                bar.set_length(progress.bytes_total);
                bar.set_position(progress.bytes_done);
            })?;
            bar.finish_and_clear();
            cli::say(&format!(
                "siaga: everything is back, {} events and reference data by replay, {:.1} s",
                replayed.taken,
                seconds()
            ));
        }
        // What the journal tells is known before anybody asks for it.
        service.drain()?;
        let id = log.id();
        service.keep_in(Journal::start(log)?);
        begin(service, wanted)?;
        Ok(Keeping { store, id })
    }
}

impl Keeping {
    /// Takes a snapshot now.
    pub(super) fn take(
        &self,
        service: &Service,
        settle: &dyn Fn() -> bool,
    ) -> Result<Taken, SnapshotError> {
        service.snapshot(&self.store, self.id, settle)
    }

    /// Takes a snapshot now and then, until it is told to stop, and one at the end; the first one at
    /// once, where the start `took` long.
    pub(super) fn run(
        &self,
        service: &Service,
        (every, took): (Span, Duration),
        settle: &dyn Fn() -> bool,
        stop: &Receiver<()>,
    ) {
        let every = Duration::from_millis(u64::try_from(every.millis()).unwrap_or(0).max(100));
        let mut pause = first_pause(every, took);
        let mut last = 0;
        loop {
            let stops = stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
            pause = every;
            let position = service.position();
            if position == last {
                // Nothing has happened since.
            } else {
                match self.take(service, settle) {
                    Ok(taken) => {
                        last = taken.position.number();
                        tracing::debug!(bytes = taken.bytes, position = last, "a snapshot");
                    }
                    Err(SnapshotError::Stopped) => return,
                    Err(error) => tracing::warn!(%error, "no snapshot"),
                }
            }
            if stops {
                return;
            }
        }
    }
}

/// How long the first snapshot waits behind a start that took so long. Whoever is ended soon after
/// each start would else take in all of it again, and more each time.
fn first_pause(every: Duration, took: Duration) -> Duration {
    if took >= LONG.min(every) { Duration::ZERO } else { every }
}

/// What the configuration says that the journal does not holds from here on.
fn begin(service: &Service, wanted: &Wanted) -> anyhow::Result<()> {
    let Wanted { rules, lateness, history } = wanted;
    let known = service.setup();
    let (secret, begun) = known.map_or((secret(), false), |known| (known.secret, known.begun));
    let setup = SetupEntry { secret, lateness: *lateness, history: *history, begun };
    if known != Some(setup) {
        service.set_up(setup)?;
    }
    let running = service.rule_set();
    if running.files != rules.files || running.history != rules.history {
        service.adopt(Arc::clone(rules))?;
    }
    Ok(())
}

/// A number that nobody can guess.
fn secret() -> u64 {
    use std::hash::BuildHasher;
    // The keys of a `RandomState` come from the operating system.
    std::collections::hash_map::RandomState::new().hash_one(0_u8)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let form = "{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    let style = ProgressStyle::with_template(form).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_long_start_there_is_a_snapshot_at_once() {
        let (short, quarter) = (Duration::from_millis(200), Duration::from_mins(15));
        for (every, took, want) in [
            (quarter, Duration::from_secs(4), quarter),
            (quarter, Duration::from_secs(5), Duration::ZERO),
            (short, Duration::from_millis(199), short),
            (short, Duration::from_millis(200), Duration::ZERO),
        ] {
            assert_eq!(first_pause(every, took), want, "each {every:?}, behind {took:?}");
        }
    }
}
