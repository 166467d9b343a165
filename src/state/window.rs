//! Windows: cursors into a history and running sums over what stands between them.
//!
//! ```text
//!             clock - from                   clock - to
//! history  ──────────┬──────────────────────────┬─────────►
//!   leaves the sum ◄─┤ tail                head ├◄─ enters the sum
//! ```
//!
//! All rules of a set share one [`Plan`]: equal windows have one pair of cursors, equal sums are
//! kept once. An event enters and leaves each sum once, so a window costs a constant amount of
//! work per event, however long it is.

pub(in crate::state) mod ledger;
mod members;

use std::collections::HashSet;
use std::sync::Arc;

pub(crate) use self::ledger::Arriving;
use self::ledger::Countable;
use self::ledger::Ledger;
use self::ledger::Move;
pub use self::members::Members;
use self::members::Number;
use self::members::Numbers;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::state::Entity;
use crate::state::OwnedSets;
use crate::state::Slots;
use crate::state::catalog::Catalog;
use crate::state::detection::kept::Followed;
use crate::state::evaluate::evaluate;
use crate::state::field::field_of;
use crate::state::history::Entry;
use crate::state::history::Inserted;
use crate::state::item::Item;
use crate::state::program::FUEL;
use crate::state::program::Field;
use crate::state::program::Items;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::program::Scan;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// The lists of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Orders.
    Orders,
    /// Lines of orders.
    Lines,
    /// Returns and credit memos.
    Returns,
    /// Quotes sent.
    Quotes,
    /// Calls; one that was seen to start counts once, by its start.
    Calls,
    /// Everything but transactions.
    Interactions,
    /// Complaints.
    Complaints,
    /// Answers to campaigns.
    CampaignResponses,
}

/// What is kept for the rules over one kind of entity.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Windows of time, each with its cursors.
    pub spans: Vec<SpanPlan>,
    /// All running values.
    pub aggregates: Vec<Aggregate>,
    /// Running values over everything ever seen.
    pub ever: Members,
    /// Those that an event enters which is the newest of its entity: these, and those of every
    /// window that ends at the clock.
    pub newest: Members,
    /// Sets of names ever seen.
    pub owned: Vec<Owned>,
    /// Detectors over everything ever seen.
    pub followed: Vec<Followed>,
    /// Numbers kept per entity.
    pub slots: u16,
    /// How far back the history has to reach.
    pub horizon: Span,
    /// How long after it happened an event moves a window at the earliest.
    pub shortest: Span,
    /// What an aggregate is computed by where its running value does not hold.
    pub fallbacks: Vec<Option<Arc<Scan>>>,
}

/// One window: from `from` ago (exclusive) to `to` ago (inclusive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanPlan {
    /// Length back to its older end.
    pub from: Span,
    /// Length back to its newer end; zero is the entity's clock.
    pub to: Span,
    /// Slot of the cursors: tail in the low half, head in the high half.
    pub cursors: u16,
    /// Running values over it.
    pub members: Members,
}

/// One running value.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Over which list.
    pub list: List,
    /// Which items count.
    pub filter: Filter,
    /// What of each.
    pub measure: Measure,
    /// How they are put together.
    pub kind: AggregateKind,
    /// What the result is.
    pub unit: Unit,
    /// Where it is kept.
    pub slot: u16,
    /// Where a bit tells that it met an item which it could not count.
    pub flags: u16,
    /// Its place in the plan.
    pub place: u16,
}

/// Which items of a list count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    /// All.
    All,
    /// Those of this category.
    Category(Symbol),
    /// Those for which it holds.
    Holds(NodeId),
}

/// What of an item is put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// The item itself.
    One,
    /// A plain field.
    Field(Field),
    /// An expression.
    Value(NodeId),
}

/// How measures are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateKind {
    /// How many items.
    Count,
    /// Sum.
    Sum,
    /// Smallest; only over everything ever seen.
    Min,
    /// Largest; only over everything ever seen.
    Max,
}

/// What the 64 bits of a running value mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A whole number.
    Int,
    /// An exact decimal.
    Number,
    /// Money.
    Money,
    /// An instant.
    Time,
}

/// A set of names, such as the categories ever bought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Owned {
    /// Over which list.
    pub list: List,
    /// Which items count.
    pub filter: Filter,
    /// Which name of each.
    pub field: Field,
}

/// What is needed to evaluate an item's expression while windows are kept.
#[derive(Clone, Copy)]
pub struct Upkeep<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where its expressions stand.
    pub program: &'a Program,
    /// Texts.
    pub symbols: &'a Symbols,
    /// Products, reps.
    pub catalog: &'a Catalog,
}

impl List {
    /// Every list with its name in rules.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Orders, "orders"),
        (Self::Lines, "lines"),
        (Self::Returns, "returns"),
        (Self::Quotes, "quotes"),
        (Self::Calls, "calls"),
        (Self::Interactions, "interactions"),
        (Self::Complaints, "complaints"),
        (Self::CampaignResponses, "campaign_responses"),
    ];

    /// Its name in rules.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether events of this kind are in it.
    #[inline]
    pub fn holds(self, kind: Kind) -> bool {
        match self {
            Self::Orders | Self::Lines => kind == Kind::Order,
            Self::Returns => matches!(kind, Kind::Return | Kind::CreditMemo),
            Self::Quotes => kind == Kind::Quote,
            Self::Calls => matches!(kind, Kind::Call | Kind::CallStarted),
            Self::Interactions => !kind.is_transaction(),
            Self::Complaints => kind == Kind::Complaint,
            Self::CampaignResponses => kind == Kind::CampaignResponse,
        }
    }
}

impl Plan {
    /// The running value at a place.
    #[inline]
    pub fn aggregate(&self, place: u16) -> &Aggregate {
        &self.aggregates[usize::from(place)]
    }

    /// What an aggregate is computed by where its running value does not hold.
    pub fn fallback(&self, place: u16) -> Option<&Arc<Scan>> {
        self.fallbacks.get(usize::from(place))?.as_ref()
    }

    /// The slots that no window and no running value has: rules have them.
    pub(crate) fn slots_of_rules(&self) -> Vec<u16> {
        let cursors = self.spans.iter().map(|span| span.cursors);
        let running =
            self.aggregates.iter().flat_map(|aggregate| [aggregate.slot, aggregate.flags]);
        let taken: HashSet<u16> = cursors.chain(running).collect();
        (0..self.slots).filter(|slot| !taken.contains(slot)).collect()
    }

    /// The numbers of a new entity.
    pub(crate) fn new_slots(&self) -> Slots {
        let mut slots = Slots::from_elem(0, usize::from(self.slots));
        for aggregate in &self.aggregates {
            slots[usize::from(aggregate.slot)] = match aggregate.kind {
                AggregateKind::Count | AggregateKind::Sum => 0,
                AggregateKind::Min => i64::MAX,
                AggregateKind::Max => i64::MIN,
            };
        }
        slots
    }
}

impl SpanPlan {
    /// Offset of its oldest record.
    #[inline]
    pub(in crate::state) fn oldest(&self, slots: &Slots) -> u32 {
        slots.get(usize::from(self.cursors)).map_or(0, |cursors| unpack(*cursors).0)
    }
}

impl Aggregate {
    /// Where it is read.
    pub fn running(&self) -> Running {
        let Self { place, slot, flags, kind, unit, .. } = *self;
        Running { place, slot, flags, kind, unit }
    }

    /// What any item adds; none when it does not count.
    fn by_item(&self, item: &Item, upkeep: Upkeep<'_>) -> Result<Option<i64>, Fault> {
        if let Filter::Holds(node) = self.filter
            && !upkeep.evaluate(item, node)?.truth()?
        {
            return Ok(None);
        }
        if let Filter::Category(symbol) = self.filter
            && item.body.category != Some(symbol)
        {
            return Ok(None);
        }
        let Measure::Value(node) = self.measure else {
            let numbers = Numbers::of(item.head.time, item.head.foreign, &item.body);
            let number = Number::of(self.measure).ok_or(Fault::Type)?;
            return numbers.get(number).map(Some).ok_or(Fault::Missing);
        };
        match (self.unit, upkeep.evaluate(item, node)?) {
            (_, Value::Null) => Err(Fault::Missing),
            (Unit::Int, Value::Int(int)) => Ok(Some(int)),
            (Unit::Number, Value::Number(number)) => Ok(Some(number.micros())),
            (Unit::Money, Value::Money(_)) if item.head.foreign => Err(Fault::Currencies),
            (Unit::Money, Value::Money(amount)) => Ok(Some(amount.micros())),
            (Unit::Time, Value::Time(at)) => Ok(Some(at.millis())),
            _ => Err(Fault::Type),
        }
    }
}

impl Upkeep<'_> {
    /// The value of an expression for an item, of which alone it may speak.
    pub(in crate::state) fn evaluate(self, item: &Item, node: NodeId) -> Result<Value, Fault> {
        let mut scope = Scope {
            program: self.program,
            plan: self.plan,
            entity: None,
            id: None,
            event: None,
            now: item.head.time,
            catalog: self.catalog,
            symbols: self.symbols,
            walked: None,
            texts: &mut Texts::default(),
            lets: &mut [],
            let_nodes: &[],
            // For lists of constants within the expression; it cannot reach a history.
            fuel: FUEL,
            items: &mut Items::of(*item),
        };
        evaluate(&mut scope, node)
    }
}

impl Entity {
    /// Puts the newest event into all running values that it enters at once. No cursor moves for
    /// it; windows that end before the clock are entered as time passes.
    pub(crate) fn enter_newest(&mut self, upkeep: Upkeep<'_>, arriving: Arriving<'_>) {
        let mut ledger = Ledger { slots: &mut self.slots, upkeep };
        ledger.count(&upkeep.plan.newest, &arriving, Move::In);
        self.own(upkeep, arriving.event);
    }

    /// Puts an event into what is known of everything ever seen.
    pub(crate) fn enter_ever(&mut self, upkeep: Upkeep<'_>, arriving: Arriving<'_>) {
        let mut ledger = Ledger { slots: &mut self.slots, upkeep };
        ledger.count(&upkeep.plan.ever, &arriving, Move::In);
        self.own(upkeep, arriving.event);
    }

    /// Puts an event's names into the sets.
    #[inline]
    fn own(&mut self, upkeep: Upkeep<'_>, event: &Event) {
        for (set, owned) in upkeep.plan.owned.iter().enumerate() {
            self.rare.begin().owned.take_in(
                set,
                *owned,
                &Arriving { event, foreign: false },
                upkeep,
            );
        }
    }

    /// Makes room in every cursor for the record of a late event, and counts it in the windows
    /// that hold its time.
    pub(crate) fn enter_late(
        &mut self,
        upkeep: Upkeep<'_>,
        arriving: Arriving<'_>,
        inserted: Inserted,
    ) {
        let Inserted { offset, length } = inserted;
        let time = arriving.event.time;
        let at_end = offset + length == self.history.end();
        let mut ledger = Ledger { slots: &mut self.slots, upkeep };
        for span in &upkeep.plan.spans {
            let slot = usize::from(span.cursors);
            let (mut tail, mut head) = unpack(ledger.slots[slot]);
            let behind_tail = time <= self.clock - span.from;
            let behind_head = time <= self.clock - span.to;
            if behind_tail {
                tail += length;
            }
            if behind_head && span.to > Span::ZERO {
                head += length;
            }
            debug_assert!(at_end || tail <= offset || behind_tail, "order is by time");
            ledger.slots[slot] = pack(tail, head);
            if !behind_tail && (behind_head || span.to == Span::ZERO) {
                ledger.count(&span.members, &arriving, Move::In);
            }
        }
    }

    /// Moves the entity's clock, and with it every window; the clock never goes back.
    pub fn advance(&mut self, upkeep: Upkeep<'_>, to: Timestamp) {
        if to <= self.clock {
            return;
        }
        self.clock = to;
        if to < self.stirs_at {
            return;
        }
        // The history is looked through for what may be forgotten once a day at least.
        let mut stirs_at = to + Span::DAY;
        let history = &self.history;
        let mut ledger = Ledger { slots: &mut self.slots, upkeep };
        for span in &upkeep.plan.spans {
            let slot = usize::from(span.cursors);
            let (mut tail, mut head) = unpack(ledger.slots[slot]);
            if span.to > Span::ZERO {
                while let Some(entry) = history.at(head) {
                    let enters_at = entry.time() + span.to;
                    if enters_at > to {
                        stirs_at = stirs_at.min(enters_at);
                        break;
                    }
                    ledger.count(&span.members, &entry, Move::In);
                    head = entry.next;
                }
            }
            while let Some(entry) = history.at(tail) {
                let leaves_at = entry.time() + span.from;
                if leaves_at > to {
                    stirs_at = stirs_at.min(leaves_at);
                    break;
                }
                ledger.count(&span.members, &entry, Move::Out);
                tail = entry.next;
            }
            ledger.slots[slot] = pack(tail, head);
        }
        self.stirs_at = stirs_at;
        self.forget(upkeep);
    }

    /// Offsets of a window's first record and of the record behind its last.
    pub fn bounds(&self, plan: &Plan, span: u16) -> (u32, u32) {
        let span = &plan.spans[usize::from(span)];
        let (tail, head) = unpack(self.slots[usize::from(span.cursors)]);
        (tail, if span.to > Span::ZERO { head } else { self.history.end() })
    }

    /// Drops records that no window reaches any more, once they are a quarter of all.
    fn forget(&mut self, upkeep: Upkeep<'_>) {
        let plan = upkeep.plan;
        let limit = self.clock - plan.horizon;
        let spans = plan.spans.iter();
        let oldest = spans
            .map(|span| unpack(self.slots[usize::from(span.cursors)]).0)
            .min()
            .unwrap_or_else(|| self.history.end());
        if oldest < 64 || oldest < self.history.end() / 4 {
            return;
        }
        let within = |entry: &Entry<'_>| entry.time() <= limit && entry.offset < oldest;
        let cut = self.history.from(0).take_while(within).last().map_or(0, |entry| entry.next);
        if cut == 0 || cut < self.history.end() / 4 {
            return;
        }
        self.rest_on(cut, upkeep);
        self.history.trim(cut);
        for span in &plan.spans {
            let slot = usize::from(span.cursors);
            let (tail, head) = unpack(self.slots[slot]);
            self.slots[slot] = pack(tail - cut, head.saturating_sub(cut));
        }
    }
}

impl OwnedSets {
    /// Puts the names of what an event holds into a set.
    pub(in crate::state) fn take_in(
        &mut self,
        set: usize,
        owned: Owned,
        counted: &impl Countable,
        upkeep: Upkeep<'_>,
    ) {
        if !owned.list.holds(counted.kind()) {
            return;
        }
        for mut item in counted.lines() {
            // Names are asked for: in which currency the amounts are does not matter.
            item.head.foreign = false;
            let counts = match owned.filter {
                Filter::All => true,
                Filter::Category(symbol) => item.body.category == Some(symbol),
                Filter::Holds(node) => {
                    upkeep.evaluate(&item, node).and_then(Value::truth) == Ok(true)
                }
            };
            if counts {
                let name = field_of(&item, owned.field, upkeep.symbols);
                let name = if let Value::Text(symbol) = name { Some(symbol) } else { None };
                self.add(set, name);
            }
        }
    }
}

pub(in crate::state) fn pack(tail: u32, head: u32) -> i64 {
    i64::from_ne_bytes((u64::from(tail) | (u64::from(head) << 32)).to_ne_bytes())
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn unpack(slot: i64) -> (u32, u32) {
    let bits = u64::from_ne_bytes(slot.to_ne_bytes());
    (bits as u32, (bits >> 32) as u32)
}
