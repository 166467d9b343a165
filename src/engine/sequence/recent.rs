//! Was this event among the latest? Exactly so many are remembered, by a fingerprint of `source`
//! and `id`.
//!
//! ```text
//! ring     … the fingerprints in their order; the oldest makes room for the newest
//! buckets  … where each stands in the ring, 16 to a cache line, found by their high bits
//! ```
//!
//! A bucket holds eight on average and more than sixteen once in a few hundred; what finds no room
//! is kept aside. So an event costs one cache line for itself and one for the oldest.
//!
//! The hash has to be a good one: two ids of one fingerprint are taken for a repeat, which happens
//! once in 2^63. It starts from a secret, so that hostile ids cannot be chosen to collide; a
//! journal holds its own, so that every replay remembers the same.

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

/// Buckets: half of their places are free.
const BUCKETS: usize = RECENT_EVENTS / 8;

/// Where fingerprints with equal high bits stand in the ring: a place that is taken has its highest
/// bit set, then 16 more bits of the fingerprint, then its place in the ring.
type Bucket = [u32; 16];

/// Bits of a place in the ring.
const PLACE_BITS: u32 = RECENT_EVENTS.trailing_zeros();

/// The latest events.
pub(super) struct Recent {
    pub(super) secrets: RapidSecrets,
    /// What the sources' names turn the hashes by.
    sources: HashMap<Symbol, u64, RandomState>,
    /// 0 stands for none.
    ring: Box<[u64]>,
    next: usize,
    buckets: Box<[Bucket]>,
    /// Those whose bucket was full.
    aside: Vec<u64>,
}

impl Recent {
    pub(super) fn new(secrets: RapidSecrets) -> Self {
        Self {
            secrets,
            sources: HashMap::default(),
            ring: vec![0; RECENT_EVENTS].into(),
            next: 0,
            buckets: vec![Bucket::default(); BUCKETS].into(),
            aside: Vec::new(),
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
        let bucket = &mut self.buckets[home(fingerprint)];
        let tag = tag(fingerprint);
        // All sixteen are compared at once; one in four thousand times there is one alike.
        let alike = |taken: &u32| *taken >> PLACE_BITS == tag;
        if bucket.iter().fold(false, |any, taken| any | alike(taken)) {
            let places = bucket.iter().filter(|taken| alike(taken)).map(|taken| place_of(*taken));
            if places.into_iter().any(|place| self.ring[place] == fingerprint) {
                return false;
            }
        }
        if !self.aside.is_empty() && self.aside.contains(&fingerprint) {
            return false;
        }
        match near(self.next).find(|place| bucket[*place] == 0) {
            Some(free) => bucket[free] = entry(fingerprint, self.next),
            None => self.aside.push(fingerprint),
        }
        let oldest = std::mem::replace(&mut self.ring[self.next], fingerprint);
        if oldest != 0 {
            self.forget(oldest, self.next);
        }
        self.next = (self.next + 1) % RECENT_EVENTS;
        true
    }

    /// Takes a fingerprint out that stood at a place of the ring.
    fn forget(&mut self, fingerprint: u64, place: usize) {
        let old = entry(fingerprint, place);
        let bucket = &mut self.buckets[home(fingerprint)];
        match near(place).find(|place| bucket[*place] == old) {
            Some(taken) => bucket[taken] = 0,
            None => self.aside.retain(|other| *other != fingerprint),
        }
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
    usize::try_from(fingerprint >> 40).unwrap_or(0) % BUCKETS
}

/// The places of a bucket in the order in which what stands at a place of the ring looks for one:
/// not all from the first on, so that most find one at once, and are found at once.
fn near(place: usize) -> impl Iterator<Item = usize> {
    let places = Bucket::default().len();
    (place..place + places).map(move |place| place % places)
}

/// What a bucket says of a fingerprint: that it is there, and some bits that [`home`] does not look
/// at.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
fn tag(fingerprint: u64) -> u32 {
    1 << 16 | ((fingerprint >> 16) as u32 & 0xffff)
}

/// What a bucket holds for a fingerprint at a place of the ring.
#[expect(clippy::cast_possible_truncation, reason = "a place of the ring has 15 bits")]
fn entry(fingerprint: u64, place: usize) -> u32 {
    tag(fingerprint) << PLACE_BITS | place as u32
}

/// The place in the ring that a bucket speaks of.
fn place_of(taken: u32) -> usize {
    taken as usize % RECENT_EVENTS
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
        let taken = other.buckets.iter().flatten().filter(|taken| **taken != 0).count();
        assert_eq!(taken + other.aside.len(), RECENT_EVENTS);
    }

    #[test]
    fn what_finds_no_room_in_its_bucket_is_known_too() {
        let mut recent = Recent::new(RapidSecrets::seed(7));
        // All of one bucket, one and the same tag for each two.
        let crowd = |number: u64| (number / 2) << 16 | (number % 2) << 2 | 1;
        assert!((0..40).all(|number| recent.note(crowd(number))));
        assert_eq!(recent.aside.len(), 24);
        assert!(!(0..40).any(|number| recent.note(crowd(number))));
        for number in 0..RECENT_EVENTS as u64 {
            let elsewhere = (number % (BUCKETS as u64 - 1) + 1) << 40;
            assert!(recent.note(elsewhere | number << 1 | 1));
        }
        assert!(recent.aside.is_empty(), "what is forgotten leaves its place");
        assert!((0..40).all(|number| recent.note(crowd(number))));
    }
}
