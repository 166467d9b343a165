//! One lane a partition: between the reader that fills it and the merge that empties it.
//!
//! ```text
//! untried ─► reading ⇄ down            what an empty lane means to the merge:
//!              │                         behind   wait for it: older records may still come
//!              └─ behind, or at its end  at end   nothing to wait for
//!                                        down     wait for a while, then go past it
//! ```
//!
//! As long as the merge waits, nothing comes out of order, and a broker that restarts costs no more
//! than the time that it takes. A lane that others went past is not trusted again before all that it
//! missed has gone its way.
//!
//! A lane holds a few portions at most; a reader waits for room, and the broker for the reader.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use parking_lot::Condvar;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::event::Record;
use crate::source::Refused;
use crate::time;
use crate::time::Timestamp;

/// Portions that wait in a lane, at most.
const PORTIONS_MAX: usize = 2;

/// What one response of a broker brought.
#[derive(Debug)]
pub(crate) struct Portion {
    /// Offset at which the reader stood before it.
    pub(crate) first: i64,
    /// Sound records, each with its offset.
    pub(crate) records: VecDeque<(i64, Record)>,
    /// The others.
    pub(crate) refused: Vec<Refused>,
    /// Offset at which the reader stands after it.
    pub(crate) next: i64,
    /// When it arrived.
    pub(crate) arrived: Instant,
}

/// All lanes.
pub(crate) struct Lanes {
    state: Mutex<State>,
    changed: Condvar,
}

/// How often the merge looks again without being asked to: a lane may have been down for long.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

struct State {
    lanes: Vec<Lane>,
    /// Whether a new lane is trusted from the beginning.
    trusting: bool,
    stopping: bool,
}

/// A lane, as the merge sees it.
pub(crate) struct Lane {
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The partition.
    pub(crate) partition: u32,
    queue: VecDeque<Portion>,
    room: Arc<Notify>,
    phase: Phase,
    /// Whether nothing is missing that may be older than what others bring.
    trusted: bool,
    /// Where the reader stands; unknown before its first contact.
    read: Option<i64>,
    /// Where the partition ended when that was last heard.
    end: i64,
    /// When the end was last asked for, and what it was.
    asked: Option<(Timestamp, i64)>,
    trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Untried,
    Reading,
    Down(Instant),
}

/// A portion that does not follow the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Apart {
    /// Where the lane stands.
    pub(crate) want: Option<i64>,
}

impl Lanes {
    /// Without lanes. Those that are added are `trusted` from the beginning, or once they have been
    /// read up to their ends: where others went past them before.
    pub(crate) fn new(trusted: bool) -> Self {
        let state = State { lanes: Vec::new(), trusting: trusted, stopping: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a lane; its number. `next` is where reading goes on, if it ever began.
    pub(crate) fn add(&self, topic: &Arc<str>, partition: u32, next: Option<i64>) -> usize {
        let mut state = self.state.lock();
        let trusted = state.trusting;
        state.lanes.push(Lane {
            topic: Arc::clone(topic),
            partition,
            queue: VecDeque::new(),
            room: Arc::default(),
            phase: Phase::Untried,
            trusted,
            read: next,
            end: 0,
            asked: None,
            trouble: None,
        });
        self.changed.notify_all();
        state.lanes.len() - 1
    }

    /// Where the reader of a lane stands.
    pub(crate) fn read(&self, lane: usize) -> Option<i64> {
        self.state.lock().lanes[lane].read
    }

    /// The reader is in contact, and the partition ends there now.
    pub(crate) fn reading(&self, lane: usize, end: i64) {
        let mut state = self.state.lock();
        let lane = &mut state.lanes[lane];
        // A broker that has just been restarted may know of less than it told of before.
        lane.end = lane.end.max(end);
        (lane.phase, lane.trouble) = (Phase::Reading, None);
        self.changed.notify_all();
    }

    /// The reader lost contact, or what it should read.
    pub(crate) fn down(&self, lane: usize, trouble: String) {
        let mut state = self.state.lock();
        let lane = &mut state.lanes[lane];
        if !lane.is_down() {
            lane.phase = Phase::Down(time::steady());
        }
        lane.trouble = Some(trouble);
        self.changed.notify_all();
    }

    /// At the moment `at` the partition was asked for its end, and that was `end`.
    pub(crate) fn heard(&self, lane: usize, at: Timestamp, end: i64) {
        let mut state = self.state.lock();
        let lane = &mut state.lanes[lane];
        lane.end = lane.end.max(end);
        // An older answer that is still to be reached is worth more than a newer one: under load
        // the newest end is never reached.
        if lane.asked.is_none_or(|(_, end)| lane.read >= Some(end)) {
            lane.asked = Some((at, end));
        }
        self.changed.notify_all();
    }

    /// Whether the lane is full.
    pub(crate) fn is_full(&self, lane: usize) -> bool {
        self.state.lock().lanes[lane].queue.len() >= PORTIONS_MAX
    }

    /// Puts a portion in once there is room; refuses one that does not follow the one before. As it
    /// goes in, and before anybody sees it, `enters` is told.
    pub(crate) async fn push(
        &self,
        lane: usize,
        (portion, end): (Portion, i64),
        enters: impl FnOnce(),
    ) -> Result<(), Apart> {
        let room = Arc::clone(&self.state.lock().lanes[lane].room);
        loop {
            {
                let mut state = self.state.lock();
                let lane = &mut state.lanes[lane];
                if lane.read.is_some_and(|read| read != portion.first) {
                    return Err(Apart { want: lane.read });
                }
                if lane.queue.len() < PORTIONS_MAX {
                    lane.read = Some(portion.next);
                    // A step back: the partition was made anew, and what was known of it is void.
                    let is_anew = portion.next < portion.first;
                    lane.end = if is_anew { end } else { lane.end.max(end) };
                    lane.queue.push_back(portion);
                    enters();
                    self.changed.notify_all();
                    return Ok(());
                }
            }
            // A wake-up between the look and the wait is kept: there is one reader a lane.
            room.notified().await;
        }
    }

    /// Wakes everybody up for the last time.
    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Looks at the lanes until `look` has found something to do; `None` once all is to end.
    pub(crate) fn wait<T>(&self, mut look: impl FnMut(&mut [Lane]) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(found) = look(&mut state.lanes) {
                return Some(found);
            }
            self.changed.wait_for(&mut state, LOOK_AGAIN);
        }
    }

    /// How far the readers are behind the ends of their partitions, in records, and which of them
    /// are in contact.
    pub(crate) fn lags(&self) -> Vec<(Arc<str>, u32, i64, bool)> {
        let state = self.state.lock();
        let lag = |lane: &Lane| lane.end.saturating_sub(lane.read.unwrap_or(0)).max(0);
        let told = state.lanes.iter().map(|lane| {
            let up = lane.phase == Phase::Reading;
            (Arc::clone(&lane.topic), lane.partition, lag(lane), up)
        });
        told.collect()
    }
}

impl Portion {
    /// No record, but a step from one offset to another.
    pub(crate) fn empty(first: i64, next: i64) -> Self {
        let (records, refused) = (VecDeque::new(), Vec::new());
        Self { first, records, refused, next, arrived: time::steady() }
    }
}

impl Lane {
    /// Takes the next portion out.
    pub(crate) fn pop(&mut self) -> Option<Portion> {
        let portion = self.queue.pop_front()?;
        self.room.notify_one();
        Some(portion)
    }

    /// Where its reader stands; with nothing waiting, everything before that has been taken out.
    pub(crate) fn stands_at(&self) -> Option<i64> {
        self.read
    }

    /// Whether older records may come than those that others have, and are to be waited for; for a
    /// lane that is down, for so long.
    pub(crate) fn is_awaited(&self, patience: Duration) -> bool {
        match self.phase {
            Phase::Untried => true,
            Phase::Reading => !self.is_at_end(),
            Phase::Down(since) => time::steady().saturating_duration_since(since) < patience,
        }
    }

    /// Whether everything up to the end has been taken out.
    pub(crate) fn is_at_end(&self) -> bool {
        let whole = self.read.is_some_and(|read| read >= self.end);
        self.phase == Phase::Reading && self.queue.is_empty() && whole
    }

    /// Whether its reader has no contact.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Down(_))
    }

    /// Others went past it: what it brings next comes too late for them.
    pub(crate) fn distrust(&mut self) {
        self.trusted = false;
    }

    /// Whether nothing is missing that is older than what has gone. A lane that others went past is
    /// trusted again once it is `settled`: everything up to its end has gone its way.
    pub(crate) fn trust(&mut self, settled: bool) -> bool {
        self.trusted |= settled && self.is_at_end();
        self.trusted
    }

    /// The latest moment of which we know that everything sent before it was taken, when all
    /// records before `taken` were.
    pub(crate) fn confirmed(&self, taken: Option<i64>) -> Option<Timestamp> {
        self.asked.filter(|(_, end)| taken >= Some(*end)).map(|(at, _)| at)
    }

    /// What keeps it from being read, for people; without one, how far it is behind.
    pub(crate) fn trouble(&self) -> Option<String> {
        let name = || format!("{}/{}", self.topic, self.partition);
        match (&self.trouble, self.phase) {
            (Some(trouble), _) => Some(format!("{}: {trouble}", name())),
            (None, Phase::Untried) => Some(format!("{}: not connected yet", name())),
            (None, _) => None,
        }
    }
}

/// How long to wait before the next attempt: from 50 ms up to `most`, doubling, spread by half so
/// that the readers of many partitions do not all come at once.
pub(crate) fn pause(lane: usize, attempt: u32, most: Duration) -> Duration {
    let doubled = Duration::from_millis(50).saturating_mul(1 << attempt.min(16)).min(most);
    let seed = (lane as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(attempt);
    let share = u32::try_from(seed % 512).unwrap_or(0);
    doubled / 2 + doubled / 1024 * share
}
