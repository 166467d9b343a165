//! Timers in event time: a hierarchical wheel that fires when the watermark passes a deadline.
//!
//! ```text
//! level 0   64 slots of  1 ms   ┐
//! level 1   64 slots of 64 ms   ├ a deadline stands at the level of the highest digit (base 64)
//! level 2   64 slots of  4 s    │ in which it differs from the wheel's time, and falls one level
//!   …                           ┘ each time the wheel's time reaches its slot
//! ```
//!
//! Setting costs O(1), passing empty time costs nothing. Source: Varghese and Lauck, "Hashed and
//! Hierarchical Timing Wheels", SOSP 1987.

use crate::event::EntityId;
use crate::time::Timestamp;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// 64^8 ms are 8,900 years: all of supported time.
const LEVELS: usize = 8;

/// Timers for which an empty slot keeps its memory, at most.
const SLOT_KEPT: usize = 256;

/// Deadlines of many entities.
#[derive(Debug)]
pub struct Wheel {
    /// Milliseconds since [`Timestamp::MIN`]; everything before it has fired.
    now: u64,
    levels: [Level; LEVELS],
    /// Set in the past: due at once.
    overdue: Vec<Due>,
    len: usize,
}

/// One set timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// For whom.
    pub entity: EntityId,
}

#[derive(Debug)]
struct Level {
    slots: [Vec<Due>; SLOTS],
    /// A bit for each slot that is not empty.
    occupied: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        let level = || Level { slots: std::array::from_fn(|_| Vec::new()), occupied: 0 };
        Self { now: 0, levels: std::array::from_fn(|_| level()), overdue: Vec::new(), len: 0 }
    }
}

impl Wheel {
    /// Timers that are set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a timer; one in the past is due at the next [`Wheel::pass`].
    pub fn set(&mut self, due: Due) {
        self.len += 1;
        self.place(due);
    }

    fn place(&mut self, due: Due) {
        let at = ticks(due.at);
        if at < self.now {
            self.overdue.push(due);
            return;
        }
        let level = level_of(at ^ self.now);
        let slot = slot_of(at, level);
        let level = &mut self.levels[level];
        level.slots[slot].push(due);
        level.occupied |= 1 << slot;
    }

    /// Moves time to `to` and takes out every timer due by then, in the order of deadline and
    /// entity.
    pub fn pass(&mut self, to: Timestamp, fired: &mut Vec<Due>) {
        let start = fired.len();
        fired.append(&mut self.overdue);
        // Everything at `to` itself is due, so the wheel's time comes to stand behind it.
        let end = ticks(to) + 1;
        while self.now < end {
            let Some((level, slot)) = self.next_occupied(end) else {
                self.now = end;
                break;
            };
            let width = 1_u64 << (BITS * u32::try_from(level).unwrap_or(0));
            let above = width << BITS;
            let slot_start = (self.now / above) * above + slot as u64 * width;
            self.now = self.now.max(slot_start);
            self.levels[level].occupied &= !(1 << slot);
            let mut taken = std::mem::take(&mut self.levels[level].slots[slot]);
            for due in taken.drain(..) {
                if ticks(due.at) < end { fired.push(due) } else { self.place(due) }
            }
            if taken.capacity() <= SLOT_KEPT {
                // The slot keeps its memory: it will be filled again.
                self.levels[level].slots[slot] = taken;
            }
            if level == 0 {
                self.now = self.now.max(slot_start + 1);
            }
        }
        self.len -= fired.len() - start;
        fired[start..].sort_unstable();
    }

    /// An instant before which no timer is due; it may lie before the first by as much as the
    /// width of that one's slot. None when none is set.
    pub fn earliest(&self) -> Option<Timestamp> {
        if !self.overdue.is_empty() {
            return Some(Timestamp::MIN);
        }
        let firsts = (0..LEVELS).filter_map(|level| self.first_of(level));
        let start = firsts.map(|(_, start)| start).min()?.max(self.now);
        let millis = i64::try_from(start).unwrap_or(i64::MAX);
        Some(Timestamp::saturating(Timestamp::MIN.millis().saturating_add(millis)))
    }

    /// The first slot of a level that has timers, and when its time begins.
    fn first_of(&self, index: usize) -> Option<(usize, u64)> {
        let shift = BITS * u32::try_from(index).unwrap_or(0);
        let ahead = self.levels[index].occupied & (u64::MAX << slot_of(self.now, index));
        if ahead == 0 {
            return None;
        }
        let slot = ahead.trailing_zeros() as usize;
        let above = 1_u64 << (shift + BITS);
        Some((slot, (self.now / above) * above + ((slot as u64) << shift)))
    }

    /// The first slot with timers whose time has begun before `end`, the finest level first.
    fn next_occupied(&self, end: u64) -> Option<(usize, usize)> {
        for level in 0..LEVELS {
            if let Some((slot, start)) = self.first_of(level) {
                return (start < end).then_some((level, slot));
            }
        }
        None
    }
}

fn ticks(at: Timestamp) -> u64 {
    u64::try_from(at.millis() - Timestamp::MIN.millis()).unwrap_or(0)
}

fn level_of(difference: u64) -> usize {
    let digits = (u64::BITS - (difference | 1).leading_zeros() - 1) / BITS;
    (digits as usize).min(LEVELS - 1)
}

#[expect(clippy::cast_possible_truncation, reason = "masked to six bits")]
fn slot_of(at: u64, level: usize) -> usize {
    (at >> (BITS * u32::try_from(level).unwrap_or(0))) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::EntityKind;
    use crate::event::Symbol;

    fn due(at: i64, entity: u32) -> Due {
        let id = Symbol::from_number(entity).unwrap();
        let entity = EntityId { kind: EntityKind::Customer, id };
        Due { at: Timestamp::saturating(at), entity }
    }

    proptest! {
        #[test]
        fn timers_fire_in_order_exactly_when_time_passes_them(
            steps in prop::collection::vec(
                (prop::collection::vec((-5_000_i64..3_000_000_000, 1_u32..9), 0..8), 0_i64..400_000_000),
                1..40,
            )
        ) {
            let mut wheel = Wheel::default();
            let (mut model, mut now): (Vec<Due>, i64) = (Vec::new(), 0);
            for (sets, step) in steps {
                for (ahead, entity) in sets {
                    let timer = due(now + ahead, entity);
                    wheel.set(timer);
                    model.push(timer);
                }
                now += step;
                let mut fired = Vec::new();
                wheel.pass(Timestamp::saturating(now), &mut fired);
                let mut want: Vec<Due> =
                    model.extract_if(.., |timer| timer.at.millis() <= now).collect();
                want.sort_unstable();
                prop_assert_eq!(fired, want);
                prop_assert_eq!(wheel.len(), model.len());
                let first = model.iter().map(|timer| timer.at).min();
                let earliest = wheel.earliest();
                prop_assert_eq!(earliest.is_some(), first.is_some());
                prop_assert!(earliest <= first, "{:?} after {:?}", earliest, first);
            }
        }
    }

    #[test]
    fn a_deadline_fires_at_its_very_millisecond() {
        let mut wheel = Wheel::default();
        let mut fired = Vec::new();
        wheel.set(due(1_735_689_600_123, 1));
        wheel.pass(Timestamp::saturating(1_735_689_600_122), &mut fired);
        assert!(fired.is_empty());
        wheel.pass(Timestamp::saturating(1_735_689_600_123), &mut fired);
        assert_eq!(fired.len(), 1);
        assert!(wheel.is_empty());
    }
}
