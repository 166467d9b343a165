//! Has what the engine told been kept by those whom it told?
//!
//! ```text
//! engine ─► sent: 7 ─► delivery ─► done: 7 ─► the inbox's files are synced ─► settled
//! ```
//!
//! A snapshot asks: a start from it does not tell again what was told before its cut.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// How long a delivery may take before a snapshot is given up for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Counts batches on their way to the inbox.
pub(in crate::cli) struct Settled {
    counts: Mutex<Counts>,
    done: Condvar,
    files: Vec<PathBuf>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    done: u64,
}

impl Settled {
    /// Nothing was sent yet; `inbox` is the inbox's file, none for one in memory.
    pub(super) fn new(inbox: Option<&Path>, metrics: Arc<Metrics>) -> Self {
        let log = inbox.iter().map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push("-wal");
            PathBuf::from(name)
        });
        let files = log.chain(inbox.map(Path::to_owned)).collect();
        Self { counts: Mutex::default(), done: Condvar::new(), files, metrics }
    }

    /// A batch is about to be sent.
    pub(super) fn sends(&self) {
        self.counts.lock().sent += 1;
    }

    /// A batch was delivered.
    pub(super) fn delivered(&self) {
        self.counts.lock().done += 1;
        self.done.notify_all();
    }

    /// Waits until everything that was sent by now is in the inbox for good; whether it is.
    pub(in crate::cli) fn wait(&self) -> bool {
        let mut counts = self.counts.lock();
        let sent = counts.sent;
        while counts.done < sent {
            if self.done.wait_for(&mut counts, PATIENCE).timed_out() {
                return false;
            }
        }
        drop(counts);
        // A batch that the inbox did not keep comes again with a replay from an older snapshot.
        self.metrics.inbox_failures_total.get() == 0
            && self.files.iter().all(|path| match File::open(path) {
                Ok(file) => file.sync_all().is_ok(),
                // Without changes since it was opened there is no log.
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            })
    }
}
