//! Single questions about what was learned across customers: peers, affinity, what was declined.
//!
//! ```text
//! peers(customer.segment).quantile('profit', 0.5)   the figure that half of the segment lies below
//! affinity(event.lines, 'Safety')                   how much likelier than for anybody
//! customer.value_tier                               A, B or C, by the profit of 52 weeks
//! ```

use smallvec::SmallVec;

use crate::state::Entity;
use crate::state::evaluate::evaluate;
use crate::state::models::Models;
use crate::state::models::Segment;
use crate::state::models::affinity::Meeting;
use crate::state::models::figures::Figures;
use crate::state::offers;
use crate::state::offers::Context;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Span;
use crate::time::Timestamp;

/// So far back the value of a customer is counted: as far as that of its peers.
pub const VALUE_REACH: Span = Span::from_millis(364 * Span::DAY.millis());

/// Customers from which on tiers are told apart.
const TIERS_MIN: u32 = 30;
/// Tiers with the share of customers that lie below them: the first fifth of the customers is A,
/// the next three tenths B. The 80/20 habit of account tiering; a choice, not a measurement.
const TIERS: [(&str, f64); 3] = [("A", 0.8), ("B", 0.5), ("C", 0.0)];

/// A question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Learned {
    /// How much likelier a category is for this context than for anybody.
    Lift(Context, NodeId),
    /// The figure that a share of a segment's customers lies below.
    Quantile(PeerFigure, NodeId, NodeId),
    /// The share of a segment's customers that lies below a figure.
    Rank(PeerFigure, NodeId, NodeId),
    /// How many customers of a segment there is something known of.
    Size(NodeId),
    /// Whether this was offered and declined.
    Declined(NodeId),
    /// The tier that the customer's value of the last 52 weeks puts it in.
    ValueTier,
}

/// A figure of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerFigure {
    /// Gross profit of 52 weeks.
    Profit,
    /// Net amount of 52 weeks.
    Net,
}

impl PeerFigure {
    /// Every figure with its name in rules.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Profit, "profit"), (Self::Net, "net")];

    fn of(self, segment: &Segment) -> &Figures {
        match self {
            Self::Profit => &segment.profit,
            Self::Net => &segment.net,
        }
    }
}

impl Learned {
    /// The nodes whose values it is asked with.
    pub(crate) fn operands(&self) -> SmallVec<[NodeId; 3]> {
        match self {
            Self::Lift(context, category) => {
                let of_context = match context {
                    Context::Category(node) => Some(*node),
                    _ => None,
                };
                of_context.into_iter().chain([*category]).collect()
            }
            Self::Quantile(_, segment, of) | Self::Rank(_, segment, of) => {
                SmallVec::from_slice(&[*segment, *of])
            }
            Self::Size(node) | Self::Declined(node) => SmallVec::from_slice(&[*node]),
            Self::ValueTier => SmallVec::new(),
        }
    }
}

/// The answer as things stand.
pub(crate) fn answer(scope: &mut Scope<'_>, question: &Learned) -> Result<Value, Fault> {
    match question {
        Learned::Lift(context, category) => {
            let category = evaluate(scope, *category)?;
            let context = offers::context(scope, *context)?;
            let affinity = &scope.catalog.models().affinity;
            let known = texts::symbol(scope, category);
            let lift = known.and_then(|name| affinity.lift(Meeting::Basket, &context, name));
            Ok(lift.map_or(Value::Null, Value::Double))
        }
        Learned::Quantile(figure, segment, share) => {
            let segment = segment_of(scope, *segment)?;
            let share = evaluate(scope, *share)?.number()?;
            let amount = figure.of(segment).quantile(share);
            Ok(offers::money(scope, amount))
        }
        Learned::Rank(figure, segment, amount) => {
            let segment = segment_of(scope, *segment)?;
            let amount = evaluate(scope, *amount)?.number()?;
            Ok(figure.of(segment).rank(amount).map_or(Value::Null, Value::Double))
        }
        Learned::Size(segment) => {
            let segment = segment_of(scope, *segment)?;
            Ok(Value::Int(i64::from(segment.customers)))
        }
        Learned::Declined(offer) => {
            let entity = scope.entity.ok_or(Fault::Type)?;
            let offer = evaluate(scope, *offer)?;
            let known = texts::symbol(scope, offer);
            Ok(Value::Bool(known.is_some_and(|offer| offers::declined(entity, offer))))
        }
        Learned::ValueTier => {
            let entity = scope.entity.ok_or(Fault::Type)?;
            let tier = value_tier(entity, scope.catalog.models(), scope.now);
            Ok(tier.map_or(Value::Null, |tier| Value::Text(scope.symbols.intern(tier))))
        }
    }
}

/// A segment by its name; all customers where it has none.
fn segment_of<'a>(scope: &mut Scope<'a>, name: NodeId) -> Result<&'a Segment, Fault> {
    let name = evaluate(scope, name)?;
    Ok(scope.catalog.models().segment(texts::symbol(scope, name)))
}

/// The tier that a customer's gross profit of 52 weeks puts it in among all customers; where costs
/// are not known, its net amount. `None` while there are few customers to compare it with.
pub fn value_tier(entity: &Entity, models: &Models, now: Timestamp) -> Option<&'static str> {
    let Segment { profit, net, .. } = &models.all;
    let known = profit.customers() >= TIERS_MIN;
    let figures = if known { profit } else { net };
    let same = entity.currency().is_none() || entity.currency() == models.currency;
    if figures.customers() < TIERS_MIN || !same {
        return None;
    }
    let oldest = now - VALUE_REACH;
    let newest = entity.history.back_from(entity.history.end());
    let year = newest.take_while(|entry| entry.time() > oldest);
    let orders = year.filter(|entry| List::Lines.holds(entry.kind()) && !entry.is_foreign());
    let mut value = 0.0;
    for line in orders.flat_map(|entry| entry.bare_lines()) {
        let Some(net) = line.net else { continue };
        let cost = line.cost.filter(|_| known);
        value += net.to_f64() - cost.map_or(0.0, crate::money::Decimal::to_f64);
    }
    let rank = figures.rank(value)?;
    TIERS.iter().find(|(_, from)| rank >= *from).map(|(tier, _)| *tier)
}
