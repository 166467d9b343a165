//! A server that outlives its process: what the journal holds is taken in again, and everything
//! that comes is written to it.
//!
//! ```text
//! lock, open ─► pages are served, not ready ─► replay ─► journal starts ─► ready
//! ```

use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli;
use crate::disk::system::SystemDisk;
use crate::engine::service::Service;
use crate::journal;
use crate::journal::Journal;
use crate::journal::JournalId;
use crate::journal::Log;
use crate::journal::entry::SetupEntry;
use crate::rule::set::RuleSet;
use crate::time;
use crate::time::Span;

/// The folder of the journal in the folder of everything.
const JOURNAL: &str = "journal";

/// A journal that nobody else writes, and that was not read yet.
pub(super) struct Kept {
    log: Log,
    folder: PathBuf,
}

/// What the configuration says of the engine; the journal may say otherwise.
pub(super) struct Wanted {
    pub(super) rules: Arc<RuleSet>,
    pub(super) lateness: Span,
    pub(super) history: Span,
}

impl Kept {
    /// Opens the journal in the folder of everything, or makes one.
    pub(super) fn open(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join(JOURNAL);
        let settings = journal::Settings::new(JournalId::random());
        let (log, opened) = Log::open(Arc::new(SystemDisk), &folder, settings)?;
        if let Some(torn) = opened.torn {
            tracing::warn!(
                file = torn.file,
                bytes = torn.bytes,
                "the last commit was not finished, and nobody was told of it: it is left out"
            );
        }
        Ok(Self { log, folder })
    }

    /// Brings the service where the last one stood, and lets it write to the journal from there.
    pub(super) fn take_up(self, service: &Service, wanted: &Wanted) -> anyhow::Result<()> {
        let Self { log, folder } = self;
        let (first, next) = (log.first(), log.next());
        let started = time::steady();
        if next > first {
            let count = next.number() - first.number();
            cli::say(&format!("siaga: taking in {count} records of {}", folder.display()));
            let bar = bar();
            let replayed = service.replay(&SystemDisk, &folder, first, &mut |progress| {
                bar.set_length(progress.bytes_total);
                bar.set_position(progress.bytes_done);
            })?;
            bar.finish_and_clear();
            let seconds = time::steady().saturating_duration_since(started).as_secs_f64();
            cli::say(&format!("siaga: {} records are in again, {seconds:.1} s", replayed.taken));
        }
        service.keep_in(Journal::start(log)?);
        begin(service, wanted)
    }
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
