//! Which customers, reps and products are this process's, where several have read the same?
//!
//! ```text
//! id ─► partition that its key belongs to, p ─► process p mod n
//! ```
//!
//! Topics are keyed by customer, so a customer is of the process that claims its partition; reps and
//! products are divided in the same way.

use crate::event::Symbol;
use crate::event::Symbols;
use crate::source::fluvio::partition;

/// The entities of one process among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    ordinal: u32,
    processes: u32,
    partitions: u32,
    /// By the numbers of the names: whether each is its own, once it was asked for.
    known: Vec<Option<bool>>,
}

impl Own {
    /// Those of process `ordinal` of `processes`, over topics of so many partitions.
    pub fn new((ordinal, processes): (u32, u32), partitions: u32) -> Self {
        Self { ordinal, processes: processes.max(1), partitions, known: Vec::new() }
    }

    /// Whether the entity of this id is one of them.
    pub(super) fn has(&mut self, id: Symbol, symbols: &Symbols) -> bool {
        let place = id.number() as usize;
        if let Some(known) = self.known.get(place).copied().flatten() {
            return known;
        }
        let partition = partition::of_key(symbols.read().text(id).as_bytes(), self.partitions);
        let own = partition % self.processes == self.ordinal;
        if place >= self.known.len() {
            self.known.resize(place + 1, None);
        }
        self.known[place] = Some(own);
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entity_is_of_the_process_that_has_its_partition() {
        let symbols = Symbols::default();
        let mut all: Vec<Own> = (0..3).map(|ordinal| Own::new((ordinal, 3), 7)).collect();
        for number in 0..200 {
            let text = format!("c{number}");
            let id = symbols.intern(&text);
            let home = partition::of_key(text.as_bytes(), 7) % 3;
            // Asked twice: the second answer is remembered.
            for _ in 0..2 {
                let found: Vec<bool> = all.iter_mut().map(|own| own.has(id, &symbols)).collect();
                let want: Vec<bool> = (0..3).map(|ordinal| ordinal == home).collect();
                assert_eq!(found, want, "{text}");
            }
        }
    }
}
