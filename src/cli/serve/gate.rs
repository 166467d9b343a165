//! Where what the engine tells goes: on to the inbox, or, in a process that stands by, nowhere yet.
//!
//! ```text
//! engine ─► gate ─┬─► open: inbox, pages, channels
//!                 └─► closed: held ─► what a snapshot of the other process covers is forgotten
//! ```
//!
//! A snapshot counts once everything that was told before it is in the inbox. What was told since the
//! newest may be there or not when a process dies; its successor tells it again, and the inbox knows
//! what it has.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc::SyncSender;

use parking_lot::Mutex;

use crate::cli::serve::settled::Settled;
use crate::engine::Output;
use crate::engine::runtime::Sink;
use crate::journal::Position;

/// Outputs that are handed on at once when the gate opens.
const BATCH: usize = 1_024;

/// A gate, closed at first.
#[derive(Default)]
pub(super) struct Gate {
    open: OnceLock<(SyncSender<Vec<Output>>, Arc<Settled>)>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    outputs: VecDeque<Output>,
    /// Outputs that were forgotten.
    gone: u64,
    /// Positions of the journal, and how many outputs there were by then.
    marks: VecDeque<(Position, u64)>,
}

impl Gate {
    /// What the engine hands its outputs to.
    pub(super) fn sink(self: &Arc<Self>) -> Sink {
        let gate = Arc::clone(self);
        Arc::new(move |found: &mut Vec<Output>| gate.take(found))
    }

    fn take(&self, found: &mut Vec<Output>) {
        if self.open.get().is_none() {
            let mut held = self.held.lock();
            // It may have been opened in between.
            if self.open.get().is_none() {
                held.outputs.extend(found.drain(..));
                return;
            }
        }
        if let Some((to, settled)) = self.open.get() {
            send((to, settled), std::mem::take(found));
        }
    }

    /// Hands on what was held, and everything that comes.
    pub(super) fn open(&self, to: SyncSender<Vec<Output>>, settled: Arc<Settled>) {
        let mut held = self.held.lock();
        while !held.outputs.is_empty() {
            let count = held.outputs.len().min(BATCH);
            send((&to, &settled), held.outputs.drain(..count).collect());
        }
        *held = Held::default();
        let _ = self.open.set((to, settled));
    }

    /// Outputs that are held.
    pub(super) fn len(&self) -> usize {
        self.held.lock().outputs.len()
    }

    /// Everything that follows from the journal before this position is here, and nothing else.
    pub(super) fn mark(&self, position: Position) {
        let mut held = self.held.lock();
        let count = held.gone + held.outputs.len() as u64;
        if held.marks.back().is_none_or(|(last, _)| *last < position) {
            held.marks.push_back((position, count));
        }
    }

    /// Forgets what follows from the journal before this position, as far as marks tell.
    pub(super) fn forget(&self, position: Position) {
        let mut held = self.held.lock();
        while let Some((_, count)) = held.marks.pop_front_if(|(mark, _)| *mark <= position) {
            let gone = usize::try_from(count - held.gone).unwrap_or(usize::MAX);
            let gone = gone.min(held.outputs.len());
            held.outputs.drain(..gone);
            held.gone = count;
        }
    }
}

fn send((to, settled): (&SyncSender<Vec<Output>>, &Settled), batch: Vec<Output>) {
    settled.sends();
    // The receiver only goes when the program ends.
    let _ = to.send(batch);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::engine::Duty;
    use crate::metrics::Metrics;

    fn told(number: usize) -> Output {
        let (id, name) = (number.to_string(), None);
        let (manager, territories, seniority) = (None, Vec::new(), None);
        Output::Duty(Duty::Rep { id, name, manager, territories, seniority })
    }

    #[test]
    fn what_no_snapshot_covers_is_told_in_order_once_the_gate_opens() {
        let gate = Arc::new(Gate::default());
        let sink = gate.sink();
        for number in 0..10 {
            sink(&mut vec![told(2 * number), told(2 * number + 1)]);
            gate.mark(Position::new(number as u64 * 100 + 100));
        }
        // Between the marks behind 8 and 10 outputs.
        gate.forget(Position::new(450));
        assert_eq!(gate.len(), 12);
        gate.forget(Position::new(300));
        assert_eq!(gate.len(), 12, "an older snapshot");
        let (to, delivered) = sync_channel(8);
        gate.open(to, Arc::new(Settled::new(None, Arc::new(Metrics::new().unwrap()))));
        sink(&mut vec![told(20)]);
        drop((sink, gate));
        let all: Vec<Output> = delivered.into_iter().flatten().collect();
        assert_eq!(all, (8..21).map(told).collect::<Vec<_>>());
    }
}
