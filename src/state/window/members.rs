//! The running values over one window, sorted by what they ask of an item.
//!
//! ```text
//! counted lines    category and numbers of a line     16 bytes tell all that counting one needs
//! judged lines     expressions over a line            by their place in the plan
//! counted events   the time of an event               16 bytes again
//! judged events    anything else of an event          by their place in the plan
//! ```

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::item::Body;
use crate::state::program::Field;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::value::Arithmetic;
use crate::state::value::Value;
use crate::state::window::Aggregate;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Measure;
use crate::time::Timestamp;

/// The running values over one window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Over lines, by their category and numbers.
    pub(super) lines: Vec<Counter>,
    /// Over lines, by expressions: these are shown the whole line, by their place in the plan.
    pub(super) judged_lines: Vec<u16>,
    /// Over events, by their time.
    pub(super) events: Vec<Counter>,
    /// Over events, by more of them, by their place in the plan.
    pub(super) judged_events: Vec<u16>,
}

/// A running value that takes a plain number of each item: what counting needs of its
/// [`Aggregate`], and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) running: Running,
    pub(super) list: List,
    pub(super) number: Number,
    /// The category that alone counts.
    category: Option<Symbol>,
    /// A bit for each number that a line has to have said: `has(l.net) && has(l.cost)`.
    needs: u8,
}

/// Which number of an item, by its place among [`Numbers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    One,
    Time,
    Quantity,
    Net,
    Cost,
    Discount,
    /// Net less cost.
    Profit,
}

/// The numbers of an item: taken out of it once for all that count it.
pub(super) struct Numbers {
    values: [i64; 7],
    /// A bit for each of them that the item has.
    known: u8,
    /// The same, with those that are amounts in another currency.
    said: u8,
}

impl Members {
    /// Takes a running value in, whose expressions stand in this program.
    pub(crate) fn add(&mut self, aggregate: &Aggregate, program: &Program) {
        let lines = aggregate.list == List::Lines;
        let plain = Counter::of(aggregate, program).filter(|counter| {
            let tells_more = counter.category.is_some() || counter.needs != 0;
            lines || (counter.number.is_timely() && !tells_more)
        });
        match (plain, lines) {
            (Some(counter), true) => self.lines.push(counter),
            (Some(counter), false) => self.events.push(counter),
            (None, true) => self.judged_lines.push(aggregate.place),
            (None, false) => self.judged_events.push(aggregate.place),
        }
    }

    /// The places of all of them in the plan.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let counted = self.lines.iter().chain(&self.events).map(|counter| counter.running.place);
        counted.chain(self.judged_lines.iter().chain(&self.judged_events).copied())
    }
}

impl Counter {
    /// What counting needs of a running value; none of one whose expressions ask for more than
    /// numbers.
    fn of(aggregate: &Aggregate, program: &Program) -> Option<Self> {
        let number = match aggregate.measure {
            Measure::Value(node) => Number::computed(program, node)?,
            measure => Number::of(measure)?,
        };
        let (category, needs) = match aggregate.filter {
            Filter::All => (None, 0),
            Filter::Category(category) => (Some(category), 0),
            Filter::Holds(node) => (None, needs(program, node)?),
        };
        Some(Self { running: aggregate.running(), list: aggregate.list, number, category, needs })
    }

    /// Whether a line counts.
    #[inline]
    pub(super) fn takes(&self, body: &Body, numbers: &Numbers) -> bool {
        (self.category.is_none() || self.category == body.category)
            && numbers.said & self.needs == self.needs
    }
}

/// The numbers that a line has to have said for a condition to hold; none where it asks for more.
fn needs(program: &Program, condition: NodeId) -> Option<u8> {
    match *program.node(condition) {
        Node::Has(value) => Number::computed(program, value).map(Number::bit),
        Node::And(a, b) => Some(needs(program, a)? | needs(program, b)?),
        Node::Conditional(a, b, other) => match program.node(other) {
            Node::Constant(Value::Bool(false)) => Some(needs(program, a)? | needs(program, b)?),
            _ => None,
        },
        _ => None,
    }
}

impl Number {
    /// The number that a measure is; none of expressions and of fields that are no numbers.
    pub(super) fn of(measure: Measure) -> Option<Self> {
        Some(match measure {
            Measure::One => Self::One,
            Measure::Field(Field::Time) => Self::Time,
            Measure::Field(Field::Quantity) => Self::Quantity,
            Measure::Field(Field::Net) => Self::Net,
            Measure::Field(Field::Cost) => Self::Cost,
            Measure::Field(Field::Discount) => Self::Discount,
            Measure::Field(Field::GrossProfit) => Self::Profit,
            Measure::Field(_) | Measure::Value(_) => return None,
        })
    }

    /// The number of a line that an expression is.
    fn computed(program: &Program, expression: NodeId) -> Option<Self> {
        match *program.node(expression) {
            Node::Field(0, Field::Time) => None,
            Node::Field(0, field) => Self::of(Measure::Field(field)),
            Node::Arithmetic(Arithmetic::Subtract, a, b) => {
                let (from, less) = (Self::computed(program, a)?, Self::computed(program, b)?);
                (from == Self::Net && less == Self::Cost).then_some(Self::Profit)
            }
            _ => None,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether the time of an event tells it.
    fn is_timely(self) -> bool {
        matches!(self, Self::One | Self::Time)
    }
}

impl Numbers {
    /// Those of a line.
    #[inline]
    pub(super) fn of(time: Timestamp, foreign: bool, body: &Body) -> Self {
        let mut all = Self::of_event(time);
        let numbers = [body.quantity, body.net, body.cost, body.discount];
        for (place, number) in numbers.into_iter().enumerate() {
            all.values[place + 2] = number.map_or(0, Decimal::micros);
            all.known |= u8::from(number.is_some()) << (place + 2);
        }
        let profit = body.net.and_then(|net| net.checked_sub(body.cost?));
        all.values[Number::Profit as usize] = profit.map_or(0, Decimal::micros);
        all.known |= u8::from(profit.is_some()) << Number::Profit as u8;
        all.said = all.known;
        // An amount in another currency is none that could be counted.
        if foreign {
            all.known &= 0b111;
        }
        all
    }

    /// Those of an event of which only the time matters.
    #[inline]
    pub(super) fn of_event(time: Timestamp) -> Self {
        Self { values: [1, time.millis(), 0, 0, 0, 0, 0], known: 0b11, said: 0b11 }
    }

    /// One of them; none where the item lacks it.
    #[inline]
    pub(super) fn get(&self, number: Number) -> Option<i64> {
        let place = number as usize;
        (self.known >> place & 1 != 0).then_some(self.values[place])
    }
}
