//! Was this event among the latest? Exactly so many are remembered, by a fingerprint of `source`
//! and `id`.
//!
//! ```text
//! ring   … the fingerprints in their order; the oldest makes room for the newest
//! table  … the same, found by their high bits: linear probing, no tombstones
//! ```
//!
//! The hash has to be a good one: two ids of one fingerprint are taken for a repeat, which happens
//! once in 2^63. It starts from a secret, so that hostile ids cannot be chosen to collide; a
//! journal holds its own, so that every replay remembers the same. Deleting moves what stands
//! behind (Knuth, TAOCP 6.4, algorithm R).

use std::collections::HashMap;

use rapidhash::fast::RandomState;
use rapidhash::v3::RapidSecrets;
use rapidhash::v3::rapidhash_v3_seeded;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::Symbols;

/// So many of the latest events are remembered, whatever they carry; an unchanged repeat of an
/// older one is recognised by the history of its entity, as far as that reaches.
pub(super) const RECENT_EVENTS: usize = 1 << 15;

/// Places of the table: half of them are free.
const PLACES: usize = RECENT_EVENTS * 2;

/// The latest events.
pub(super) struct Recent {
    pub(super) secrets: RapidSecrets,
    /// What the sources' names turn the hashes by.
    sources: HashMap<Symbol, u64, RandomState>,
    /// 0 stands for none.
    ring: Box<[u64]>,
    next: usize,
    table: Box<[u64]>,
}

impl Recent {
    pub(super) fn new(secrets: RapidSecrets) -> Self {
        Self {
            secrets,
            sources: HashMap::default(),
            ring: vec![0; RECENT_EVENTS].into(),
            next: 0,
            table: vec![0; PLACES].into(),
        }
    }

    /// Notes an event; tells whether it was noted before.
    pub(super) fn seen(&mut self, event: &Event, symbols: &Symbols) -> bool {
        let Self { secrets, sources, .. } = self;
        let source = *sources.entry(event.source).or_insert_with(|| {
            let names = symbols.read();
            rapidhash_v3_seeded(names.text(event.source).as_bytes(), secrets)
        });
        let id = rapidhash_v3_seeded(event.id.as_bytes(), secrets);
        !self.note(id.wrapping_add(source.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1)
    }

    /// Takes a fingerprint in, and the oldest out; tells whether it is new.
    fn note(&mut self, fingerprint: u64) -> bool {
        let place = self.find(fingerprint);
        if self.table[place] != 0 {
            return false;
        }
        self.table[place] = fingerprint;
        let oldest = std::mem::replace(&mut self.ring[self.next], fingerprint);
        self.next = (self.next + 1) % RECENT_EVENTS;
        if oldest != 0 {
            self.forget(oldest);
        }
        true
    }

    /// Where a fingerprint stands, or the free place where it would.
    fn find(&self, fingerprint: u64) -> usize {
        let mut place = home(fingerprint);
        while self.table[place] != 0 && self.table[place] != fingerprint {
            place = (place + 1) % PLACES;
        }
        place
    }

    fn forget(&mut self, fingerprint: u64) {
        let mut hole = self.find(fingerprint);
        let mut place = hole;
        loop {
            place = (place + 1) % PLACES;
            let other = self.table[place];
            if other == 0 {
                break;
            }
            // It may go where it is still found from its home on.
            let way = |from: usize| place.wrapping_sub(from) % PLACES;
            if way(home(other)) >= way(hole) {
                self.table[hole] = other;
                hole = place;
            }
        }
        self.table[hole] = 0;
    }

    /// The fingerprints, the oldest first.
    pub(super) fn fingerprints(&self) -> Vec<u64> {
        let (newer, older) = self.ring.split_at(self.next);
        older.iter().chain(newer).copied().filter(|fingerprint| *fingerprint != 0).collect()
    }

    /// Remembers these, the oldest first, and nothing else.
    pub(super) fn remember(&mut self, fingerprints: &[u64]) {
        *self = Self::new(self.secrets);
        for fingerprint in fingerprints {
            self.note(*fingerprint | 1);
        }
    }
}

fn home(fingerprint: u64) -> usize {
    usize::try_from(fingerprint >> 40).unwrap_or(0) % PLACES
}

#[cfg(test)]
mod tests {
    use smallvec::SmallVec;

    use super::*;
    use crate::event::Kind;
    use crate::time::Timestamp;

    #[test]
    fn the_latest_are_known_and_no_others() {
        let symbols = Symbols::default();
        let mut event = Event {
            id: "".into(),
            source: symbols.intern("test"),
            kind: Kind::Call,
            time: Timestamp::EPOCH,
            customer: None,
            rep: None,
            territory: None,
            channel: None,
            order: None,
            currency: None,
            lines: SmallVec::new(),
            detail: None,
        };
        let mut recent = Recent::new(RapidSecrets::seed(7));
        let mut seen = |recent: &mut Recent, id: usize| {
            event.id = format!("o-{id:06}").as_str().into();
            recent.seen(&event, &symbols)
        };
        let last = 5 * RECENT_EVENTS;
        for id in 0..last {
            assert!(!seen(&mut recent, id), "{id} was taken for a repeat");
        }
        let again = recent.fingerprints();
        assert_eq!(again.len(), RECENT_EVENTS);
        for id in last - RECENT_EVENTS..last {
            assert!(seen(&mut recent, id), "{id} of {last} is forgotten");
        }
        assert!(!seen(&mut recent, last - RECENT_EVENTS - 1), "it is too old");
        let mut other = Recent::new(RapidSecrets::seed(7));
        other.remember(&again);
        assert!(seen(&mut other, last - 1) && seen(&mut other, last - RECENT_EVENTS));
        assert!(!seen(&mut other, last - RECENT_EVENTS - 1));
        assert_eq!(other.table.iter().filter(|place| **place != 0).count(), RECENT_EVENTS);
    }
}
