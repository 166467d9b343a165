//! Rules that change while the program runs: what has changed is read, checked and adopted, and
//! the last good set stays where it is bad.
//!
//! ```text
//! folder, once a second ─► another stamp, twice alike? ─┐
//! SIGHUP ───────────────────────────────────────────────┴─► compile ─┬─► good ─► the engine
//!                                                                    └─► bad ──► log, metric, API
//! ```
//!
//! A stamp is taken twice before it counts, so that nobody's file is read half written. It follows
//! symbolic links: Kubernetes changes a `ConfigMap` by turning one link.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::cli;
use crate::cli::serve::share;
use crate::engine::port::IngestError;
use crate::engine::service::Service;
use crate::event::Symbols;
use crate::rule::file::RULE_FILE_SUFFIX;
use crate::time::Span;

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Rule files, and what they looked like when they were last read.
pub(in crate::cli) struct Folder {
    paths: Vec<PathBuf>,
    read: Stamp,
    /// Another look, seen once.
    seen: Option<Stamp>,
}

/// Every file with its length, its time in nanoseconds and its number on the disk.
type Stamp = Vec<(PathBuf, u64, i128, u64)>;

/// Brings changed rules into the running engine.
pub(in crate::cli) struct Reloader {
    pub(in crate::cli) folder: Folder,
    /// How far back histories are kept at least.
    pub(in crate::cli) history: Span,
    pub(in crate::cli) symbols: Symbols,
    pub(in crate::cli) service: Arc<Service>,
    /// Whether it is one of several processes and sees the events of its own customers only.
    pub(in crate::cli) sees_a_part: bool,
}

impl Folder {
    /// What is read: files and folders; none where the built-in rules run.
    pub(in crate::cli) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// These files and folders as they are now; none where the built-in rules run.
    pub(in crate::cli) fn new(paths: Vec<PathBuf>) -> Self {
        let read = stamp(&paths);
        Self { paths, read, seen: None }
    }

    /// Whether the files are others than those that were read, and have come to rest.
    fn has_changed(&mut self) -> bool {
        let now = stamp(&self.paths);
        if now == self.read {
            self.seen = None;
            return false;
        }
        if self.seen.as_ref() != Some(&now) {
            self.seen = Some(now);
            return false;
        }
        true
    }
}

impl Reloader {
    /// Follows the folder, and whoever asks, until the engine has stopped.
    pub(in crate::cli) fn run(mut self, asked: &Receiver<()>) {
        loop {
            let wanted = match asked.recv_timeout(EVERY) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => self.folder.has_changed(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if wanted && self.reload().is_err() {
                return;
            }
        }
    }

    /// Reads the rules; adopts them if they are good. Fails when the engine has stopped.
    fn reload(&mut self) -> Result<(), IngestError> {
        if self.folder.paths.is_empty() {
            tracing::warn!("the built-in rules run: there is nothing to load again");
            return Ok(());
        }
        // What changes from here on is seen by the next look.
        self.folder.read = stamp(&self.folder.paths);
        self.folder.seen = None;
        let read = cli::compiled(&self.folder.paths, &self.symbols);
        let problems = read.problems(false);
        if let Some(reason) = read.refusal() {
            tracing::error!("the rules stay as they were: {reason}\n{problems}");
            self.service.refuse(format!("{reason}\n{problems}").trim_end().to_owned());
            return Ok(());
        }
        if self.sees_a_part
            && let Err(reason) = share::fits(&read.rules)
        {
            tracing::error!("the rules stay as they were: {reason}");
            self.service.refuse(reason);
            return Ok(());
        }
        if !problems.is_empty() {
            tracing::warn!("the new rules are adopted, with warnings\n{problems}");
        }
        let mut rules = read.rules;
        rules.keep(self.history);
        let count = rules.rules.len();
        self.service.adopt(Arc::new(rules))?;
        tracing::info!(rules = count, "other rules run from here on");
        Ok(())
    }
}

fn stamp(paths: &[PathBuf]) -> Stamp {
    let mut stamp = Stamp::new();
    for path in paths {
        if path.is_dir() {
            let files = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
            let files = files.map(|file| file.path());
            let rules = files.filter(|file| file.to_string_lossy().ends_with(RULE_FILE_SUFFIX));
            rules.for_each(|file| stamp.push(one(&file)));
        } else {
            stamp.push(one(path));
        }
    }
    stamp.sort();
    stamp
}

fn one(path: &Path) -> (PathBuf, u64, i128, u64) {
    let about = fs::metadata(path).ok();
    let about = about.map(|about| {
        let nanos = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        (about.len(), nanos, about.ino())
    });
    let (length, time, number) = about.unwrap_or_default();
    (path.to_owned(), length, time, number)
}

#[cfg(test)]
mod tests;
