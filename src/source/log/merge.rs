//! In which order do the records of several partitions go on? By time, as far as they are there.
//!
//! ```text
//! lane 0  behind  ▒▒▒▒▒▒ ─┐   the lane with the oldest record goes first; one that is behind
//! lane 1  behind  ▒▒▒ ────┼─► and empty is waited for, one at its end is not
//! lane 2  at end          ┘
//! ```
//!
//! So a backlog of days is taken in the order in which it happened, whatever its partitions, and
//! what is live goes on at once. Events of one instant go by their ids, as they do from files.
//! Reference data have no time and never wait.
//!
//! What was done with an alert comes behind what it was done after, and that may be no record: an
//! alert that the passing of time opened is there only once time has come so far. So a deed begins a
//! batch, and before it event time passes up to it, as far as every lane was heard of by then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

use crate::event::Record;
use crate::source::BATCH_RECORDS;
use crate::source::log::Health;
use crate::source::log::Position;
use crate::source::log::Read;
use crate::source::log::Stopped;
use crate::source::log::Taker;
use crate::source::log::lanes::Lane;
use crate::source::log::lanes::Lanes;
use crate::source::log::lanes::Portion;
use crate::time::Timestamp;

/// Troubles that are told of at once; of more than these, only how many there are.
const TROUBLES_TOLD: usize = 3;

/// Behind every id that an event has.
const LAST_ID: &str = "\u{10ffff}";

/// How long a lane that is down is waited for at least while a backlog is taken: nobody waits for an
/// alert that is old already, and what others went past cannot be put in order any more.
const PATIENCE_BEHIND: Duration = Duration::from_mins(2);

/// Merges until everything stops; waits so long for a lane that is down. Event time may stand still
/// already (`held`).
pub(crate) fn run(lanes: &Lanes, taker: &dyn Taker, patience: Duration, held: bool) {
    let mut merge = Merge { patience, held, ..Merge::default() };
    while let Some(step) = lanes.wait(|lanes| merge.look(lanes)) {
        if merge.follow(step, taker).is_err() {
            break;
        }
    }
    lanes.stop();
}

/// What the merge holds of each lane.
#[derive(Default)]
struct Merge {
    patience: Duration,
    tracks: Vec<Track>,
    held: bool,
    health: Health,
    told: Option<Health>,
}

#[derive(Default)]
struct Track {
    name: Option<(Arc<str>, u32)>,
    portion: Option<Portion>,
    /// Offset of the next record to be given away.
    taken: Option<i64>,
    clock: Option<Timestamp>,
}

/// What is to be done outside of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    hold: Option<bool>,
    report: bool,
    give: bool,
    /// Up to when event time passes before a deed is given.
    pass: Option<Timestamp>,
}

impl Merge {
    /// Fetches portions, and sees what is to be done; nothing to do is `None`.
    fn look(&mut self, lanes: &mut [Lane]) -> Option<Step> {
        self.tracks.resize_with(lanes.len(), Track::default);
        let (mut waits, mut any) = (false, false);
        let is_behind = !self.health.caught_up && !self.held;
        let patience = self.patience.max(if is_behind { PATIENCE_BEHIND } else { Duration::ZERO });
        let mut clock = Some(Timestamp::MAX);
        // The same of lanes at their ends alone: the others have records that are to come.
        let mut heard = Some(Timestamp::MAX);
        let mut caught_up = !lanes.is_empty();
        for (lane, track) in lanes.iter_mut().zip(&mut self.tracks) {
            track.name.get_or_insert_with(|| (Arc::clone(&lane.topic), lane.partition));
            if track.portion.is_none() {
                track.portion = lane.pop();
            }
            let stands = track.portion.as_ref().map_or(lane.stands_at(), |p| Some(p.first));
            track.taken = track.taken.or(stands);
            let empty = track.portion.is_none();
            any |= !empty;
            waits |= empty && lane.is_awaited(patience);
            caught_up &= empty && lane.is_at_end();
            track.clock = track.clock.max(lane.confirmed(track.taken));
            clock = clock.min(track.clock);
            if empty && !lane.is_down() {
                heard = heard.min(track.clock);
            }
        }
        let deed = self.next_deed();
        // Its alert may be one that opens before a lane was asked for its end for the first time.
        waits |= deed.is_some() && is_behind && heard.is_none();
        let health = Health {
            caught_up: self.health.caught_up || caught_up,
            trouble: trouble(lanes),
            clock: clock.filter(|_| !lanes.is_empty()),
        };
        let report = self.told.as_ref() != Some(&health);
        self.health = health;
        let (give, mut trusted) = (any && !waits, true);
        for (lane, track) in lanes.iter_mut().zip(&self.tracks) {
            let empty = track.portion.is_none();
            if give && empty && lane.is_down() {
                lane.distrust();
            }
            trusted &= lane.trust(empty);
        }
        // Without lanes nobody knows what is missing. As long as all wait, nothing has to be held:
        // no record goes, and the clock stands where the lane was last heard of.
        let hold = (!lanes.is_empty() && self.held == trusted).then_some(!trusted);
        let pass = deed.min(heard).filter(|_| give);
        (hold.is_some() || report || give).then_some(Step { hold, report, give, pass })
    }

    /// When that was done which comes next, if it is a deed.
    fn next_deed(&self) -> Option<Timestamp> {
        let portions = self.tracks.iter().filter_map(|track| track.portion.as_ref());
        portions.min_by_key(|portion| portion.head())?.deed()
    }

    /// Does it. A hold comes before the records that it is about, its end behind them.
    fn follow(&mut self, step: Step, taker: &dyn Taker) -> Result<(), Stopped> {
        if let Some(held) = step.hold {
            taker.hold(held)?;
            self.held = held;
        }
        if let Some(to) = step.pass {
            taker.pass(to)?;
        }
        if step.give {
            let read = self.next_batch();
            taker.take(read)?;
        }
        if step.report {
            taker.report(self.health.clone());
            self.told = Some(self.health.clone());
        }
        Ok(())
    }

    /// The oldest records at hand, up to a batch, to the end of the first portion, or to a deed.
    fn next_batch(&mut self) -> Read {
        let mut read = Read::default();
        let mut heads: BinaryHeap<Reverse<(Timestamp, CompactString, usize)>> = BinaryHeap::new();
        let mut touched = vec![false; self.tracks.len()];
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let Some(portion) = &mut track.portion else { continue };
            read.refused.append(&mut portion.refused);
            read.arrived = read.arrived.into_iter().chain([portion.arrived]).min();
            let (time, id) = portion.head();
            heads.push(Reverse((time, id.into(), index)));
        }
        while let Some(Reverse((_, _, index))) = heads.pop() {
            let track = &mut self.tracks[index];
            let Some(portion) = &mut track.portion else { continue };
            if !read.records.is_empty() && portion.deed().is_some() {
                break;
            }
            touched[index] = true;
            // The next lane's oldest record: up to it, this one needs not be compared again.
            let until = heads.peek().map(|Reverse((time, id, _))| (*time, id.as_str()));
            while read.records.len() < BATCH_RECORDS
                && let Some((offset, record)) = portion.records.pop_front()
            {
                read.records.push(record);
                track.taken = Some(offset + 1);
                if portion.deed().is_some() || until.is_some_and(|until| portion.head() > until) {
                    break;
                }
            }
            if portion.records.is_empty() {
                track.taken = Some(portion.next);
                track.portion = None;
                break;
            }
            if read.records.len() >= BATCH_RECORDS {
                break;
            }
            let (time, id) = portion.head();
            heads.push(Reverse((time, id.into(), index)));
        }
        let touched = self.tracks.iter().zip(touched).filter(|(_, touched)| *touched);
        let positions = touched.filter_map(|(track, _)| {
            let (topic, partition) = track.name.clone()?;
            Some(Position { topic, partition, next: track.taken? })
        });
        read.positions = positions.collect();
        read
    }
}

impl Portion {
    /// Time and id of its next record; before all others where it has none.
    fn head(&self) -> (Timestamp, &str) {
        match self.records.front() {
            Some((_, Record::Event(event))) => (event.time, &event.id),
            // Behind the events of its instant: its alert may be of one of them.
            Some((_, Record::Feedback(feedback))) => (feedback.deed.at, LAST_ID),
            Some((_, Record::Reference(_))) | None => (Timestamp::MIN, ""),
        }
    }

    /// When that was done which its next record tells of, if it tells of a deed.
    fn deed(&self) -> Option<Timestamp> {
        match self.records.front() {
            Some((_, Record::Feedback(feedback))) => Some(feedback.deed.at),
            _ => None,
        }
    }
}

/// What keeps the lanes from being read, for people.
fn trouble(lanes: &[Lane]) -> Option<String> {
    let mut troubles = lanes.iter().filter_map(Lane::trouble);
    let told: Vec<String> = troubles.by_ref().take(TROUBLES_TOLD).collect();
    let more = match troubles.count() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!told.is_empty()).then(|| told.join("; ") + &more)
}

#[cfg(test)]
mod tests;
