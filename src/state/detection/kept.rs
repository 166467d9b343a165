//! The states of an entity's detectors, kept from event to event over everything ever seen.
//!
//! ```text
//! history   │ … forgotten … ├──────────┬──────────┬───────►
//! marks                   base         ●          ●   states: fed with all of it
//!                                  late event ▲ ──┴─► fed anew from the mark before it
//! ```
//!
//! The newest event is fed at once. A late one belongs before others, and what was made of those
//! depends on it: the states go back to the mark before its place and are fed with the history
//! from there. What the history forgets is kept as the states at its beginning, so that a detector
//! never loses what it has seen; an event that comes later than the history reaches is left out.
//!
//! Some weigh an event by what was learned of other customers, or by what was agreed: these, and no
//! others, are fed anew with the whole history once that is another.

use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Kind;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::detection::Basis;
use crate::state::detection::Detector;
use crate::state::detection::Sample;
use crate::state::detection::State;
use crate::state::history::History;
use crate::state::history::Inserted;
use crate::state::item::Body;
use crate::state::item::Item;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::Arriving;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Upkeep;
use crate::state::window::ledger::Countable;

/// Events between two marks: a late event feeds at most so many more than lie behind it.
const STEP: u32 = 256;
/// Marks kept beside the base; nearly every late event lies behind the older of them.
const MARKS_MAX: usize = 2;

/// A detector of the plan, and the list that it follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// What follows it.
    pub detector: Detector,
    /// Over which list.
    pub list: List,
    /// Which of its items.
    pub filter: Filter,
}

/// The detectors of one entity, by their places in the plan.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    states: Box<[State]>,
    /// In the order of their places; the first stands at the beginning of the history if that is
    /// not the beginning of everything.
    marks: Vec<Mark>,
    /// Events since the newest mark.
    since: u32,
    stamp: Stamp,
}

/// The states before the record at a place.
#[derive(Debug, Clone)]
struct Mark {
    offset: u32,
    states: Box<[State]>,
    /// What they depend on; those at the beginning stay as they are.
    stamp: Stamp,
}

/// What the states depend on beside the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// Numbers for what is usual of margins and of weekly spend in the customer's segment. What
    /// was learned anew and came out as it was changes nothing.
    margin: u64,
    trend: u64,
    /// A number for the customer's agreements.
    contracts: u64,
}

type Lines = SmallVec<[Body; 4]>;

impl Stamp {
    fn of(entity: &Entity, catalog: &Catalog) -> Self {
        let segment = entity.profile().and_then(|profile| profile.segment);
        let usual = catalog.models().segment(segment);
        let customer = entity.history.customer();
        let contracts = customer.map_or(0, |customer| catalog.agreements_stamp(customer));
        Self { margin: usual.margin_stamp(), trend: usual.trend_stamp(), contracts }
    }

    /// Whether a detector makes something else of the same events by the other stamp.
    fn differs(self, other: Self, detector: Detector) -> bool {
        match detector {
            Detector::Margin | Detector::Discount => self.margin != other.margin,
            Detector::Trend => self.trend != other.trend,
            Detector::Agreement => self.contracts != other.contracts,
            // These weigh an event by nothing but what the event says.
            Detector::Purchases
            | Detector::Regularity
            | Detector::Categories
            | Detector::Mood
            | Detector::Pace
            | Detector::Returns => false,
        }
    }
}

impl Followed {
    fn takes(&self, kind: Kind) -> bool {
        self.detector.takes(self.list, kind)
    }

    /// The lines of an event that pass the filter; none where the event does not.
    fn sift(&self, counted: &impl Countable, upkeep: Upkeep<'_>) -> Result<Option<Lines>, Fault> {
        let passes = |item: &Item| match self.filter {
            Filter::All => Ok(true),
            Filter::Category(category) => Ok(item.body.category == Some(category)),
            Filter::Holds(node) => upkeep.evaluate(item, node).and_then(Value::truth),
        };
        if !self.detector.is_of_lines() {
            let held = passes(&counted.whole())?;
            return Ok(held.then(|| counted.bodies().collect()));
        }
        let mut lines = Lines::new();
        for item in counted.lines() {
            if passes(&item)? {
                lines.push(item.body);
            }
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}

/// Feeds the wanted ones of all detectors that take such an event.
fn feed(
    states: &mut [State],
    upkeep: Upkeep<'_>,
    basis: Basis<'_>,
    counted: &impl Countable,
    wanted: impl Fn(&Followed) -> bool,
) {
    // Most detectors follow whole lists: the lines of an event are read once for all of these.
    let mut all = None;
    for (state, followed) in states.iter_mut().zip(&upkeep.plan.followed) {
        if followed.takes(counted.kind()) && wanted(followed) {
            feed_one((state, followed), upkeep, basis, counted, &mut all);
        }
    }
}

/// Feeds a detector that takes such an event; `all` keeps the event's lines for others.
fn feed_one(
    (state, followed): (&mut State, &Followed),
    upkeep: Upkeep<'_>,
    basis: Basis<'_>,
    counted: &impl Countable,
    all: &mut Option<Lines>,
) {
    let sifted;
    let lines = if followed.filter == Filter::All {
        let lines = all.get_or_insert_with(|| counted.bodies().collect());
        if lines.is_empty() && followed.detector.is_of_lines() {
            return;
        }
        &*lines
    } else {
        match followed.sift(counted, upkeep) {
            Ok(Some(lines)) => {
                sifted = lines;
                &sifted
            }
            Ok(None) => return,
            Err(fault) => {
                *state = State::Broken(fault);
                return;
            }
        }
    };
    let mood = match followed.detector {
        Detector::Mood => counted.whole().head.talk.sentiment,
        _ => None,
    };
    let (kind, time, foreign) = (counted.kind(), counted.time(), counted.is_foreign());
    state.feed(basis, &Sample { kind, time, foreign, mood, lines });
}

fn starts(followed: &[Followed]) -> Box<[State]> {
    followed.iter().map(|followed| followed.detector.start()).collect()
}

impl Kept {
    /// Takes the state at the end of the history as a mark, if it is time for one.
    fn mark(&mut self, offset: u32) {
        self.since += 1;
        if self.since < STEP {
            return;
        }
        self.since = 0;
        let base = usize::from(self.marks.first().is_some_and(|mark| mark.offset == 0));
        if self.marks.len() >= base + MARKS_MAX {
            self.marks.remove(base);
        }
        self.marks.push(Mark { offset, states: self.states.clone(), stamp: self.stamp });
    }

    /// What a detector had made of what the history has forgotten.
    fn begin(&self, place: usize, followed: &Followed) -> State {
        let base = self.marks.first().filter(|mark| mark.offset == 0);
        base.and_then(|mark| mark.states.get(place)).cloned().unwrap_or(followed.detector.start())
    }

    /// Feeds those detectors anew, with the history up to a place, for which what `states` depend
    /// on has become another.
    fn renew(
        &self,
        (states, stamp): (&mut [State], Stamp),
        to: u32,
        history: &History,
        (upkeep, basis): (Upkeep<'_>, Basis<'_>),
    ) {
        let stale = |one: &Followed| stamp.differs(self.stamp, one.detector);
        let mut found = false;
        for (place, (state, one)) in states.iter_mut().zip(&upkeep.plan.followed).enumerate() {
            if stale(one) {
                *state = self.begin(place, one);
                found = true;
            }
        }
        if found {
            for entry in history.from(0).take_while(|entry| entry.offset < to) {
                feed(states, upkeep, basis, &entry, stale);
            }
        }
    }

    /// Brings the states, which hold the history up to a place, to another stamp.
    fn refresh(&mut self, stamp: Stamp, to: u32, history: &History, with: (Upkeep<'_>, Basis<'_>)) {
        let before = std::mem::replace(&mut self.stamp, stamp);
        let mut states = std::mem::take(&mut self.states);
        self.renew((&mut states, before), to, history, with);
        self.states = states;
    }

    /// Goes back to the newest mark that is not behind a place, and feeds the history from there.
    fn anew(&mut self, from: u32, history: &History, upkeep: Upkeep<'_>, basis: Basis<'_>) {
        self.marks.retain(|mark| mark.offset <= from);
        let mut offset = 0;
        self.states = match self.marks.pop() {
            Some(mut mark) => {
                offset = mark.offset;
                if offset > 0 {
                    self.renew((&mut mark.states, mark.stamp), offset, history, (upkeep, basis));
                    mark.stamp = self.stamp;
                }
                let states = mark.states.clone();
                self.marks.push(mark);
                states
            }
            None => starts(&upkeep.plan.followed),
        };
        self.since = 0;
        for entry in history.from(offset) {
            feed(&mut self.states, upkeep, basis, &entry, |_| true);
            self.mark(entry.next);
        }
    }

    fn heap_bytes(&self) -> usize {
        let of = |states: &[State]| {
            size_of_val(states) + states.iter().map(State::heap_bytes).sum::<usize>()
        };
        let marks = self.marks.iter().map(|mark| of(&mark.states)).sum::<usize>();
        of(&self.states) + self.marks.capacity() * size_of::<Mark>() + marks
    }
}

impl Entity {
    /// Feeds the detectors with an event that has come into the history.
    #[inline]
    pub(in crate::state) fn follow(
        &mut self,
        upkeep: Upkeep<'_>,
        event: &Event,
        foreign: bool,
        inserted: Inserted,
    ) {
        if !upkeep.plan.followed.is_empty() {
            self.feed_kept(upkeep, event, foreign, inserted);
        }
    }

    fn feed_kept(&mut self, upkeep: Upkeep<'_>, event: &Event, foreign: bool, inserted: Inserted) {
        let followed = &upkeep.plan.followed;
        let stamp = Stamp::of(self, upkeep.catalog);
        let mut kept =
            self.rare.take_kept().unwrap_or_else(|| Box::new(Kept::new(followed, stamp)));
        let basis = Basis::of(self, upkeep.catalog);
        let Inserted { offset, length } = inserted;
        let at_end = offset + length == self.history.end();
        let is_taken = followed.iter().any(|one| one.takes(event.kind));
        if kept.stamp != stamp {
            let to = if is_taken { offset } else { self.history.end() };
            kept.refresh(stamp, to, &self.history, (upkeep, basis));
        }
        if !is_taken {
            let behind = kept.marks.iter_mut().filter(|mark| mark.offset > offset);
            behind.for_each(|mark| mark.offset += length);
        } else if at_end {
            feed(&mut kept.states, upkeep, basis, &Arriving { event, foreign }, |_| true);
            kept.mark(self.history.end());
        } else {
            kept.anew(offset, &self.history, upkeep, basis);
        }
        self.rare.keep(kept);
    }

    /// Brings the detectors to what was learned since the last event, so that a look at many of
    /// their figures does not do it for each.
    pub fn refresh(&mut self, upkeep: Upkeep<'_>) {
        let Some(mut kept) = self.rare.take_kept() else { return };
        let stamp = Stamp::of(self, upkeep.catalog);
        if kept.stamp != stamp {
            let with = (upkeep, Basis::of(self, upkeep.catalog));
            kept.refresh(stamp, self.history.end(), &self.history, with);
        }
        self.rare.keep(kept);
    }

    /// Keeps the states at a place of the history whose records before it will be forgotten.
    pub(in crate::state) fn rest_on(&mut self, cut: u32, upkeep: Upkeep<'_>) {
        let Some(mut kept) = self.rare.take_kept() else { return };
        let stamp = Stamp::of(self, upkeep.catalog);
        let basis = Basis::of(self, upkeep.catalog);
        if kept.stamp != stamp {
            kept.refresh(stamp, self.history.end(), &self.history, (upkeep, basis));
        }
        let before = kept.marks.iter().rposition(|mark| mark.offset <= cut);
        let (mut at, mut states) = match before.and_then(|place| kept.marks.get(place)) {
            Some(mark) => {
                let mut states = mark.states.clone();
                if mark.offset > 0 {
                    let stale = (&mut *states, mark.stamp);
                    kept.renew(stale, mark.offset, &self.history, (upkeep, basis));
                }
                (mark.offset, states)
            }
            None => (0, starts(&upkeep.plan.followed)),
        };
        while at < cut
            && let Some(entry) = self.history.at(at)
        {
            feed(&mut states, upkeep, basis, &entry, |_| true);
            at = entry.next;
        }
        kept.marks.retain(|mark| mark.offset > cut);
        kept.marks.iter_mut().for_each(|mark| mark.offset -= cut);
        kept.marks.sort_by_key(|mark| mark.offset);
        kept.marks.insert(0, Mark { offset: 0, states, stamp });
        self.rare.keep(kept);
    }

    /// Lays the detectors out by another plan, where each knows its place in the old one, and
    /// feeds them with the history.
    pub(in crate::state) fn follow_by(&mut self, places: &[Option<u16>], upkeep: Upkeep<'_>) {
        let followed = &upkeep.plan.followed;
        let old = self.rare.take_kept();
        let rests = old.as_deref().is_some_and(|old| !old.marks.is_empty());
        if followed.is_empty() || self.history.is_empty() && !rests {
            return;
        }
        let base = old.as_deref().and_then(|old| old.marks.first());
        let base = base.filter(|mark| mark.offset == 0);
        let mut kept = Kept::new(followed, Stamp::of(self, upkeep.catalog));
        if let Some(base) = base {
            let mut states = starts(followed);
            for (state, place) in states.iter_mut().zip(places) {
                if let Some(known) = place.and_then(|place| base.states.get(usize::from(place))) {
                    *state = known.clone();
                }
            }
            let stamp = kept.stamp;
            kept.marks.push(Mark { offset: 0, states, stamp });
        }
        kept.anew(0, &self.history, upkeep, Basis::of(self, upkeep.catalog));
        self.rare.keep(Box::new(kept));
    }

    /// What a detector has made of everything ever seen, by what is known now.
    pub(crate) fn followed<T>(
        &self,
        place: u16,
        upkeep: Upkeep<'_>,
        read: impl FnOnce(&State) -> T,
    ) -> Option<T> {
        let place = usize::from(place);
        let Some(kept) = self.rare.kept() else {
            let followed = upkeep.plan.followed.get(place)?;
            return Some(read(&followed.detector.start()));
        };
        let one = upkeep.plan.followed.get(place)?;
        if !kept.stamp.differs(Stamp::of(self, upkeep.catalog), one.detector) {
            return kept.states.get(place).map(read);
        }
        // More was learned since the last event.
        let basis = Basis::of(self, upkeep.catalog);
        let mut fresh = kept.begin(place, one);
        for entry in self.history.from(0).filter(|entry| one.takes(entry.kind())) {
            feed_one((&mut fresh, one), upkeep, basis, &entry, &mut None);
        }
        Some(read(&fresh))
    }

    /// The states of its detectors, for those who compare entities.
    pub(in crate::state) fn states(&self) -> &[State] {
        self.rare.kept().map_or(&[], |kept| &kept.states)
    }

    /// What its detectors made of the part of the history that was forgotten; none where nothing
    /// was.
    pub(in crate::state) fn rests_on(&self) -> Option<&[State]> {
        let base = self.rare.kept()?.marks.first()?;
        (base.offset == 0).then_some(&*base.states)
    }

    /// Has its detectors rest on what they made of the forgotten part; they follow the history
    /// from there once they are fed with it.
    pub(in crate::state) fn rest_again(&mut self, base: Vec<State>) {
        let stamp = Stamp { margin: 0, trend: 0, contracts: 0 };
        let marks = vec![Mark { offset: 0, states: base.into(), stamp }];
        self.rare.keep(Box::new(Kept { states: Box::default(), marks, since: 0, stamp }));
    }
}

impl Kept {
    fn new(followed: &[Followed], stamp: Stamp) -> Self {
        Self { states: starts(followed), marks: Vec::new(), since: 0, stamp }
    }

    /// Bytes that it occupies, with its own.
    pub(in crate::state) fn bytes(&self) -> usize {
        size_of::<Self>() + self.heap_bytes()
    }
}
