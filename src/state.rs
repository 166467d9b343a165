//! What is kept of one customer, rep or product: its history, and what the rules' windows make
//! of it.
//!
//! ```text
//! Event ──► history (packed, in order) ──► windows: cursors, running sums ──► program: values
//!                                                      ▲
//!                                          clock: the latest event time seen, or the deadline
//!                                          that passed
//! ```

pub mod alike;
pub mod assortment;
pub mod catalog;
pub mod detection;
pub mod detector;
mod cell;
mod fingerprint;
pub mod history;
pub mod item;
pub mod learned;
pub mod models;
pub mod offers;
pub mod program;
pub mod refill;
pub mod saved;
mod code;
pub mod field;
mod quantile;
pub mod texts;
pub mod builtin;
mod reads;
mod sieve;
pub mod scan;
pub mod walked;
pub mod evaluate;
pub mod timer;
pub mod value;
pub mod past;
mod varint;
pub mod window;

use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::reference::Customer;
use crate::money::Currency;
use crate::money::MaybeCurrency;
use crate::state::cell::Cell;
use crate::state::detection::kept::Kept;
use crate::state::history::History;
use crate::state::history::Unchanged;
use crate::state::past::PastAlerts;
use crate::state::program::Running;
use crate::state::window::AggregateKind;
use crate::state::window::Arriving;
use crate::state::window::Plan;
use crate::state::window::Upkeep;
use crate::time::Timestamp;

/// One customer, rep or product.
#[derive(Debug)]
pub struct Entity {
    /// The latest event time seen, or the latest deadline that passed.
    pub clock: Timestamp,
    /// What happened.
    pub history: History,
    /// Cursors and running values, laid out by the [`Plan`].
    pub(crate) slots: Slots,
    /// What not every entity has.
    rare: Rare,
    /// Currency of the first amount seen.
    home: MaybeCurrency,
    /// Rep of the latest event that named a rep or a territory.
    pub rep: Option<Symbol>,
    /// When that event happened.
    served_at: Timestamp,
    /// Until then no window moves; an event makes it sooner.
    stirs_at: Timestamp,
    /// Which of its shard's sets of rules its numbers are laid out by: sets are counted, round and
    /// round, and two that follow each other are told apart.
    pub(crate) laid_out: u8,
}

/// An entity's numbers. A handful of windows fit beside its other fields, where the next event
/// finds them in the same cache lines.
pub(crate) type Slots = SmallVec<[i64; 14]>;

/// What not every entity has: who has nothing of it pays one word.
#[derive(Debug, Default)]
struct Rare(Option<Box<Having>>);

/// What some entities have.
#[derive(Debug, Default)]
struct Having {
    /// Names ever seen.
    owned: OwnedSets,
    /// What detectors have made of everything ever seen.
    kept: Option<Box<Kept>>,
    /// The alerts that it has had.
    past: PastAlerts,
    /// Reference data of a customer.
    profile: Option<Box<Customer>>,
    /// Territory of the latest event that named a rep or a territory.
    territory: Option<Symbol>,
}

/// Sets of names, such as the categories ever bought. Most entities have a handful. An item
/// without the name is in its set as `None`.
#[derive(Debug, Default, Clone)]
pub(crate) struct OwnedSets(Vec<Owning>);

/// A set of the plan, and one of its names; none stands for items that have no name.
type Owning = (u16, Option<Symbol>);

/// What an event did to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is the newest.
    InTime,
    /// It was put in its place among older ones.
    Late,
    /// It lies before every window: it counts in what was ever seen, and nowhere else.
    TooLate,
    /// It is in the history already: nothing changed.
    Duplicate,
}

impl Entity {
    /// One that nothing has happened to yet.
    pub fn new(plan: &Plan) -> Self {
        Self {
            clock: Timestamp::MIN,
            history: History::default(),
            slots: plan.new_slots(),
            rare: Rare::default(),
            home: MaybeCurrency::default(),
            rep: None,
            served_at: Timestamp::MIN,
            stirs_at: Timestamp::MIN,
            laid_out: 0,
        }
    }

    /// Takes an event in, and moves the clock to its time if it is the newest.
    pub fn apply(&mut self, upkeep: Upkeep<'_>, event: &Event) -> Applied {
        let foreign = match (event.currency, self.currency()) {
            (Some(new), Some(home)) => new != home,
            (new, None) => {
                self.home = new.into();
                false
            }
            (None, Some(_)) => false,
        };
        let arriving = Arriving { event, foreign };
        let late = event.time < self.clock;
        if self.clock - event.time > upkeep.plan.horizon && self.clock > Timestamp::MIN {
            self.enter_ever(upkeep, arriving);
            return Applied::TooLate;
        }
        let inserted = match self.history.insert_after(event, foreign, Some(self.clock)) {
            Ok(inserted) => inserted,
            Err(Unchanged::Duplicate) => return Applied::Duplicate,
            Err(Unchanged::Full) => return Applied::TooLate,
        };
        self.serve(event, upkeep);
        if late {
            self.enter_late(upkeep, arriving, inserted);
            self.enter_ever(upkeep, arriving);
            self.follow(upkeep, event, foreign, inserted);
            self.stirs_at = Timestamp::MIN;
            return Applied::Late;
        }
        self.enter_newest(upkeep, arriving);
        self.follow(upkeep, event, foreign, inserted);
        self.stirs_at = self.stirs_at.min(event.time + upkeep.plan.shortest);
        self.advance(upkeep, event.time);
        Applied::InTime
    }

    /// Remembers who served the entity last, by event time and not by arrival.
    fn serve(&mut self, event: &Event, upkeep: Upkeep<'_>) {
        let named = event.rep.is_some() || event.territory.is_some();
        let newer = event.time > self.served_at
            || (event.time == self.served_at && {
                // Two events of one instant may disagree; a symbol's number differs between runs.
                let names = upkeep.symbols.read();
                let name = |symbol: Option<Symbol>| symbol.map(|symbol| names.text(symbol));
                (name(event.rep), name(event.territory)) > (name(self.rep), name(self.territory()))
            });
        if named && newer {
            self.rep = event.rep;
            self.set_territory(event.territory);
            self.served_at = event.time;
        }
    }

    /// Currency of the first amount seen.
    #[inline]
    pub fn currency(&self) -> Option<Currency> {
        self.home.currency()
    }

    /// Has all amounts in other currencies be foreign.
    pub fn set_currency(&mut self, currency: Currency) {
        self.home = Some(currency).into();
    }

    /// Territory of the latest event that named a rep or a territory.
    pub fn territory(&self) -> Option<Symbol> {
        self.rare.0.as_ref()?.territory
    }

    fn set_territory(&mut self, territory: Option<Symbol>) {
        if self.territory() != territory {
            self.rare.begin().territory = territory;
        }
    }

    /// Whether an item with this name, or without one, was ever seen.
    pub(crate) fn owns(&self, set: u16, name: Option<Symbol>) -> bool {
        self.owned().0.binary_search(&(set, name)).is_ok()
    }

    /// The names in a set, in no order that means anything.
    pub(crate) fn owned_names(&self, set: u16) -> impl Iterator<Item = Symbol> + '_ {
        let names = self.owned().0.iter().filter(move |(known, _)| *known == set);
        names.filter_map(|(_, name)| *name)
    }

    /// Whether no item of the set was ever seen.
    pub(crate) fn owns_nothing(&self, set: u16) -> bool {
        !self.owned().0.iter().any(|(known, _)| *known == set)
    }

    fn owned(&self) -> &OwnedSets {
        const NOTHING: &OwnedSets = &OwnedSets(Vec::new());
        self.rare.0.as_ref().map_or(NOTHING, |having| &having.owned)
    }

    /// The alerts that it has had.
    pub fn past(&self) -> &PastAlerts {
        self.rare.0.as_ref().map_or(PastAlerts::NONE, |having| &having.past)
    }

    /// The same, to be brought up to date.
    pub fn past_mut(&mut self) -> &mut PastAlerts {
        &mut self.rare.begin().past
    }

    /// Reference data of a customer.
    pub fn profile(&self) -> Option<&Customer> {
        self.rare.0.as_ref()?.profile.as_deref()
    }

    /// Takes in what is told of a customer.
    pub fn set_profile(&mut self, profile: Customer) {
        self.rare.begin().profile = Some(Box::new(profile));
    }

    /// A running value as it stands; none where it met an item that it could not count. It is
    /// null where nothing was ever seen.
    #[inline]
    pub(crate) fn running(&self, running: Running) -> Option<Cell> {
        let slots = self.slots.as_slice();
        if slots[usize::from(running.flags)] & (1 << (running.place % 64)) != 0 {
            return None;
        }
        let raw = slots[usize::from(running.slot)];
        let unseen = match running.kind {
            AggregateKind::Count | AggregateKind::Sum => false,
            AggregateKind::Min => raw == i64::MAX,
            AggregateKind::Max => raw == i64::MIN,
        };
        Some(if unseen { Cell::NULL } else { Cell::of_running(running.unit, raw) })
    }

    /// Reads the oldest record of each window, if one may leave its window by `now`.
    #[inline]
    pub(crate) fn touch_leaving(&self, plan: &Plan, now: Timestamp) -> u64 {
        if now < self.stirs_at {
            return 0;
        }
        let oldest = plan.spans.iter().map(|span| span.oldest(&self.slots));
        oldest.fold(0, |all, offset| all ^ self.history.touch_at(offset))
    }

    /// Reads a little of each of its cache lines, so that they are near when they are needed.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let slots = self.slots.first().zip(self.slots.last());
        let slots = slots.map_or(0, |(first, last)| first ^ last);
        (self.clock.millis() ^ slots ^ self.stirs_at.millis()).cast_unsigned()
    }

    /// Heap and inline bytes that it occupies.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.history.heap_bytes()
            + if self.slots.spilled() { self.slots.capacity() * 8 } else { 0 }
            + self.rare.0.as_ref().map_or(0, |having| having.bytes())
    }
}

impl Rare {
    /// All of it, to be changed.
    fn begin(&mut self) -> &mut Having {
        self.0.get_or_insert_default()
    }

    fn kept(&self) -> Option<&Kept> {
        self.0.as_ref()?.kept.as_deref()
    }

    /// What detectors have made, out of its place; [`Rare::keep`] puts it back.
    fn take_kept(&mut self) -> Option<Box<Kept>> {
        self.0.as_mut()?.kept.take()
    }

    fn keep(&mut self, kept: Box<Kept>) {
        self.begin().kept = Some(kept);
    }
}

impl Having {
    /// Heap bytes that it occupies, with its own.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.past.heap_bytes()
            + self.owned.0.capacity() * size_of::<Owning>()
            + self.kept.as_deref().map_or(0, Kept::bytes)
            + self.profile.as_deref().map_or(0, size_of_val)
    }
}

impl OwnedSets {
    pub(crate) fn add(&mut self, set: usize, name: Option<Symbol>) {
        let Ok(set) = u16::try_from(set) else { return };
        if let Err(place) = self.0.binary_search(&(set, name)) {
            self.0.insert(place, (set, name));
        }
    }
}
