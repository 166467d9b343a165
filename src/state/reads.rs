//! How much of a record does a scan have to read? A record keeps in front what most rules ask
//! for: its time, then the category and the numbers of its lines.
//!
//! ```text
//! gap_stddev(orders)                        the time
//! lines.filter(l, l.category == 'a')        … and what stands in front of each line
//! orders.exists(o, o.channel == 'web')      … and all the rest
//! ```

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

    /// The lines of a record.
    pub(crate) fn lines<'a>(self, entry: &Entry<'a>) -> impl Iterator<Item = Item> + use<'a> {
        let whole = self == Self::All;
        let head = if whole { entry.open().head } else { bare(entry) };
        let (all, front) = (whole.then(|| entry.lines()), (!whole).then(|| entry.bare_lines()));
        let bodies = all.into_iter().flatten().chain(front.into_iter().flatten());
        bodies.map(move |body| Item { head, body })
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
        customer: None,
        talk: Talk::default(),
    }
}
