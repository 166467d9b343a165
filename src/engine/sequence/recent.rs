//! Was this event among the latest? Exactly so many are remembered, by a fingerprint of `source`
//! and `id`.
//!
//! ```text
//! ring     … the fingerprints in their order; the oldest makes room for the newest
//! buckets  … when each came, 15 to a cache line, found by the fingerprint's high bits
//! ```
//!
//! Nothing is taken out of a bucket: what came too long ago is recognised by its age, and the next
//! comer takes the place of the oldest. A bucket holds four that count on average and more than
//! fifteen once in a hundred thousand; what finds no room is kept aside. So an event costs one cache
//! line.
//!
//! The hash has to be a good one: two ids of one fingerprint are taken for a repeat, which happens
//! once in 2^63. It starts from a secret, so that hostile ids cannot be chosen to collide; a
//! journal holds its own, so that every replay remembers the same.

use std::collections::HashMap;
use std::hint::black_box;

use rapidhash::fast::RandomState;
use rapidhash::v3::RapidSecrets;
use rapidhash::v3::rapidhash_v3_seeded;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::Symbols;

/// So many of the latest events are remembered, whatever they carry; an unchanged repeat of an
/// older one is recognised by the history of its entity, as far as that reaches.
pub(super) const RECENT_EVENTS: usize = RECENT as usize;
const RECENT: u32 = 1 << 15;

/// Buckets: four count in each of them on average.
const BUCKETS: usize = RECENT_EVENTS / 4;

/// Fingerprints of a bucket.
const BUCKET: u32 = 15;

/// Fingerprints with equal high bits, a cache line of them.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    /// Where the oldest stands: they come in one behind the other, round and round.
    oldest: u32,
    /// What it says of each: the low bits of its number, counted by arrival, and above them some
    /// bits of the fingerprint. 0 stands for none.
    said: [u32; BUCKET as usize],
}

/// Numbers. They come round again after as many events as 32 times what is remembered; by
/// then others have long taken the place, or else an old one is taken for a young one and keeps its
/// place for as long again. What is known is seen in the ring alone.
const NUMBERS: u32 = 32 * RECENT;

/// Source and id of an event in one number.
pub(crate) type Fingerprint = u64;

/// The latest events.
pub(super) struct Recent {
    pub(super) secrets: RapidSecrets,
    /// What the sources' names turn the hashes by, and that of the latest event.
    sources: HashMap<Symbol, u64, RandomState>,
    latest: Option<(Symbol, u64)>,
    /// 0 stands for none.
    ring: Box<[u64]>,
    /// Number of the next one, whose place in the ring it tells.
    next: u32,
    buckets: Box<[Bucket]>,
    /// Those whose bucket was full, with their numbers, by which they are in order.
    aside: Vec<(u64, u32)>,
}

impl Recent {
    pub(super) fn new(secrets: RapidSecrets) -> Self {
        Self {
            secrets,
            sources: HashMap::default(),
            latest: None,
            ring: vec![0; RECENT_EVENTS].into(),
            next: 0,
            buckets: vec![Bucket::default(); BUCKETS].into(),
            aside: Vec::new(),
        }
    }

    /// Notes an event; tells whether it was noted before.
    pub(super) fn seen(
        &mut self,
        event: &Event,
        known: Option<Fingerprint>,
        symbols: &Symbols,
    ) -> bool {
        let fingerprint = match known {
            Some(fingerprint) => fingerprint,
            None => {
                let turn = self.turn(event.source, symbols);
                self.fingerprint(event, turn)
            }
        };
        !self.note(fingerprint)
    }

    /// Reads the bucket of an event that comes soon, so that it is near by then; and gives the
    /// event's fingerprint. None unless it is of the source that was met last, as nearly all are.
    #[inline]
    pub(super) fn touch(&self, event: &Event) -> Option<Fingerprint> {
        let (_, turn) = self.latest.filter(|(source, _)| *source == event.source)?;
        let fingerprint = self.fingerprint(event, turn);
        black_box(self.buckets[home(fingerprint)].oldest);
        Some(fingerprint)
    }

    #[inline]
    fn fingerprint(&self, event: &Event, turn: u64) -> Fingerprint {
        let id = rapidhash_v3_seeded(event.id.as_bytes(), &self.secrets);
        id.wrapping_add(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1
    }

    /// What a source's name turns the hashes by.
    fn turn(&mut self, source: Symbol, symbols: &Symbols) -> u64 {
        let Self { secrets, sources, latest, .. } = self;
        let turn = *sources.entry(source).or_insert_with(|| {
            let names = symbols.read();
            rapidhash_v3_seeded(names.text(source).as_bytes(), secrets)
        });
        *latest = Some((source, turn));
        turn
    }

    /// Takes a fingerprint in, and the oldest out; tells whether it is new.
    fn note(&mut self, fingerprint: u64) -> bool {
        let Self { ring, next, buckets, aside, .. } = self;
        let (number, tag) = (*next, tag(fingerprint));
        let Bucket { oldest, said } = &mut buckets[home(fingerprint)];
        // All of them are compared at once; one in a hundred times there is one alike.
        let alike = |said: &u32| *said & !(NUMBERS - 1) == tag;
        if said.iter().fold(false, |any, said| any | alike(said))
            && said.iter().any(|said| alike(said) && ring[place(*said)] == fingerprint)
        {
            return false;
        }
        if !aside.is_empty() {
            if aside.iter().any(|(known, _)| *known == fingerprint) {
                return false;
            }
            if place(aside[0].1) == place(number) {
                aside.remove(0);
            }
        }
        let leaves = &mut said[*oldest as usize % said.len()];
        if *leaves != 0 && number.wrapping_sub(*leaves) % NUMBERS < RECENT {
            aside.push((fingerprint, number));
        } else {
            *leaves = tag | number;
            *oldest = (*oldest + 1) % BUCKET;
        }
        ring[place(number)] = fingerprint;
        *next = (number + 1) % NUMBERS;
        true
    }

    /// The fingerprints, the oldest first.
    pub(super) fn fingerprints(&self) -> Vec<u64> {
        let (newer, older) = self.ring.split_at(place(self.next));
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

/// What a bucket says of a fingerprint itself, above its number: that it is there, and some bits
/// that [`home`] does not look at.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
fn tag(fingerprint: u64) -> u32 {
    1 << 31 | (fingerprint as u32) & !(NUMBERS - 1)
}

/// Where in the ring one of this number stands.
fn place(number: u32) -> usize {
    number as usize % RECENT_EVENTS
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
            recent.seen(&event, None, &symbols)
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
        let told = |(home, said): (usize, &u32)| {
            let fingerprint = other.ring[place(*said)];
            (super::home(fingerprint), tag(fingerprint)) == (home, *said & !(NUMBERS - 1))
        };
        let buckets = other.buckets.iter().enumerate();
        let said =
            buckets.flat_map(|(home, bucket)| bucket.said.iter().map(move |said| (home, said)));
        let young = said.filter(|said| told(*said)).count();
        assert_eq!(young + other.aside.len(), RECENT_EVENTS);
    }

    #[test]
    fn what_finds_no_room_in_its_bucket_is_known_too() {
        let mut recent = Recent::new(RapidSecrets::seed(7));
        // All of one bucket, one and the same tag for each two.
        let crowd = |number: u64| (number / 2) << 20 | (number % 2) << 2 | 1;
        assert!((0..40).all(|number| recent.note(crowd(number))));
        assert_eq!(recent.aside.len(), 25);
        assert!(!(0..40).any(|number| recent.note(crowd(number))));
        for number in 0..RECENT_EVENTS as u64 {
            let elsewhere = (number % (BUCKETS as u64 - 1) + 1) << 40;
            assert!(recent.note(elsewhere | number << 1 | 1));
        }
        assert!(recent.aside.is_empty(), "what is forgotten leaves its place");
        assert!((0..40).all(|number| recent.note(crowd(number))));
    }
}
