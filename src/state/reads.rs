//! How much of a record does a scan have to read? A record keeps in front what most rules ask
//! for: its time, then the category and the numbers of its lines.
//!
//! ```text
//! gap_stddev(orders)                        the time
//! lines.filter(l, l.category == 'a')        … and what stands in front of each line
//! orders.exists(o, o.channel == 'web')      … and all the rest
//! ```

use std::ops::ControlFlow;

use crate::state::history::Entry;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::item::Talk;
use crate::state::program::Field;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scan;

/// How much of a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reads {
    /// Its kind, its time and whether its currency is a foreign one.
    Time,
    /// And the category and numbers of its lines.
    Numbers,
    /// Everything.
    All,
}

impl Reads {
    /// What the stages and the end of a scan look at.
    pub(crate) fn of(program: &Program, scan: &Scan) -> Self {
        scan.of_each().map(|node| Self::node(program, node)).fold(Self::Time, Self::max)
    }

    fn node(program: &Program, id: NodeId) -> Self {
        match program.node(id) {
            Node::Field(_, Field::Time) => Self::Time,
            Node::Field(
                _,
                Field::Category
                | Field::Quantity
                | Field::Net
                | Field::Cost
                | Field::GrossProfit
                | Field::Discount
                | Field::NonProduct,
            ) => Self::Numbers,
            // A list within may look at this item, too.
            Node::Field(..) | Node::Decides(_) | Node::Scan(_) | Node::Detect(_) => Self::All,
            node => {
                let operands = node.operands().into_iter();
                operands.map(|operand| Self::node(program, operand)).fold(Self::Time, Self::max)
            }
        }
    }

    /// Shows the lines of a record one after the other, until it is broken off.
    #[inline]
    pub(crate) fn lines<B>(
        self,
        entry: &Entry<'_>,
        mut see: impl FnMut(Item) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self == Self::All {
            let head = entry.open().head;
            entry.lines().try_for_each(|body| see(Item { head, body }))
        } else {
            let head = bare(entry);
            entry.bare_lines().try_for_each(|body| see(Item { head, body }))
        }
    }

    /// The last line of a record.
    pub(crate) fn last_line(self, entry: &Entry<'_>) -> Option<Item> {
        let (head, body) = match self {
            Self::All => (entry.open().head, entry.lines().last()?),
            Self::Time | Self::Numbers => (bare(entry), entry.bare_lines().last()?),
        };
        Some(Item { head, body })
    }

    /// A record as one item.
    pub(crate) fn whole(self, entry: &Entry<'_>) -> Item {
        match self {
            Self::Time => Item { head: bare(entry), body: Body::default() },
            // What is not an order has its category elsewhere.
            Self::Numbers if entry.has_lines_alone() => {
                Item { head: bare(entry), body: Body::total(entry.bare_lines()) }
            }
            Self::Numbers | Self::All => entry.whole(),
        }
    }
}

/// The head without its names.
fn bare(entry: &Entry<'_>) -> Head {
    Head {
        kind: entry.kind(),
        time: entry.time(),
        foreign: entry.is_foreign(),
        channel: None,
        rep: None,
        territory: None,
        customer: None,
        talk: Talk::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Detail;
    use crate::event::Event;
    use crate::event::Kind;
    use crate::event::Line;
    use crate::event::Symbols;
    use crate::money::Decimal;
    use crate::state::field::field_of;
    use crate::state::history::History;
    use crate::state::program::End;
    use crate::state::program::Function;
    use crate::state::program::Source;
    use crate::state::program::Stage;
    use crate::state::value::Comparison;
    use crate::state::value::Value;
    use crate::state::window::List;
    use crate::time::Timestamp;

    /// Every field, and how much of a record has to be read for it.
    const FIELDS: [(Field, Reads); 25] = [
        (Field::Time, Reads::Time),
        (Field::Category, Reads::Numbers),
        (Field::Quantity, Reads::Numbers),
        (Field::Net, Reads::Numbers),
        (Field::Cost, Reads::Numbers),
        (Field::GrossProfit, Reads::Numbers),
        (Field::Discount, Reads::Numbers),
        (Field::NonProduct, Reads::Numbers),
        (Field::Kind, Reads::All),
        (Field::Channel, Reads::All),
        (Field::Rep, Reads::All),
        (Field::Territory, Reads::All),
        (Field::Customer, Reads::All),
        (Field::Product, Reads::All),
        (Field::Brand, Reads::All),
        (Field::Promotion, Reads::All),
        (Field::Topic, Reads::All),
        (Field::Outcome, Reads::All),
        (Field::Direction, Reads::All),
        (Field::Campaign, Reads::All),
        (Field::Severity, Reads::All),
        (Field::Duration, Reads::All),
        (Field::Sentiment, Reads::All),
        (Field::Amount, Reads::All),
        (Field::Count, Reads::All),
    ];

    fn scan(stages: Vec<Stage>, end: End) -> Scan {
        Scan { source: Source::Newest(List::Orders, 1), stages, end, zero: Value::Int(0) }
    }

    /// An order of two lines, one of which says little, and a call, in which everything is said.
    fn history(symbols: &Symbols) -> History {
        let name = |text: &str| Some(symbols.intern(text));
        let amount = |units: i64| Some(Decimal::from_micros(units * Decimal::SCALE));
        let full = Line {
            product: name("p"),
            category: name("c"),
            brand: name("b"),
            promotion: name("half"),
            quantity: Decimal::ONE,
            net: amount(10),
            cost: amount(6),
            discount: amount(1),
            non_product: true,
            ..Line::default()
        };
        let bare = Line { quantity: Decimal::ONE, net: amount(5), ..Line::default() };
        let detail = Detail {
            kind: name("hotline"),
            topic: name("price"),
            outcome: name("sold"),
            direction: name("inbound"),
            campaign: name("spring"),
            severity: name("high"),
            category: name("c"),
            product: name("p"),
            duration_s: amount(60),
            sentiment: amount(-1),
            amount: amount(7),
            count: amount(2),
        };
        let order = Event {
            id: "1".into(),
            source: symbols.intern("test"),
            kind: Kind::Order,
            time: Timestamp::saturating(1_000),
            customer: name("k"),
            rep: name("r"),
            territory: name("north"),
            channel: name("web"),
            order: None,
            currency: None,
            lines: [full, bare].into_iter().collect(),
            detail: None,
        };
        let lines = std::iter::empty().collect();
        let (time, detail) = (Timestamp::saturating(2_000), Some(Box::new(detail)));
        let call = Event { id: "2".into(), kind: Kind::Call, time, lines, detail, ..order.clone() };
        let mut history = History::default();
        history.insert(&order, true).unwrap();
        history.insert(&call, false).unwrap();
        history
    }

    #[test]
    fn what_is_read_for_a_field_is_enough_for_it() {
        let symbols = Symbols::default();
        let history = history(&symbols);
        for (field, want) in FIELDS {
            let mut program = Program::default();
            let node = program.add(Node::Field(0, field));
            let reads = Reads::of(&program, &scan(Vec::new(), End::Sum(node)));
            assert_eq!(reads, want, "{field:?}");
            let value = |item: &Item| (field_of(item, field, &symbols), item.head.foreign);
            for entry in history.from(0) {
                assert_eq!(value(&reads.whole(&entry)), value(&entry.whole()), "{field:?}");
                let lines = |reads: Reads| {
                    let mut seen = Vec::new();
                    let ended = reads.lines(&entry, |item| {
                        seen.push(value(&item));
                        ControlFlow::<()>::Continue(())
                    });
                    assert_eq!(ended, ControlFlow::Continue(()));
                    assert_eq!(
                        reads.last_line(&entry).map(|item| value(&item)),
                        seen.last().copied()
                    );
                    seen
                };
                assert_eq!(lines(reads), lines(Reads::All), "{field:?} of a line");
            }
        }
    }

    #[test]
    fn the_most_that_any_part_of_a_scan_asks_for_is_read() {
        let mut program = Program::default();
        let mut field = |field| program.add(Node::Field(0, field));
        let [time, net, channel] = [Field::Time, Field::Net, Field::Channel].map(&mut field);
        let limit = program.add(Node::Constant(Value::Int(9)));
        let hour = program.add(Node::Function(Function::Hour, time));
        let early = program.add(Node::Compare(Comparison::Less, hour, limit));
        let large = program.add(Node::Compare(Comparison::Greater, net, limit));
        let both = program.add(Node::And(early, large));
        let within = Arc::new(scan(Vec::new(), End::Size));
        let other = program.add(Node::Scan(within));
        for (stages, end, want) in [
            (vec![], End::Size, Reads::Time),
            (vec![], End::GapDeviation, Reads::Time),
            (vec![Stage::Filter(early)], End::Size, Reads::Time),
            (vec![Stage::Filter(early)], End::Sum(net), Reads::Numbers),
            (vec![Stage::Filter(both)], End::Size, Reads::Numbers),
            (vec![Stage::Map(net)], End::Max(limit), Reads::Numbers),
            (vec![Stage::Filter(large)], End::Last(channel), Reads::All),
            // A list within may look at the item, too.
            (vec![Stage::Filter(other)], End::Size, Reads::All),
        ] {
            let scan = scan(stages, end);
            assert_eq!(Reads::of(&program, &scan), want, "{scan:?}");
        }
    }
}
