//! What a rule sees of one event or one line: the items of its lists.
//!
//! ```text
//! orders, calls, …   one item an event          lines   one item a line, with its event's head
//! ```

use crate::event::Event;
use crate::event::Kind;
use crate::event::Line;
use crate::event::Symbol;
use crate::money::Decimal;
use crate::time::Timestamp;

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// The event it is or belongs to.
    pub head: Head,
    /// The line, or the sums of the event's lines.
    pub body: Body,
}

/// The part that every line of an event shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// What happened.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// Whether its amounts are in another currency than the entity's first event was.
    pub foreign: bool,
    /// Store, web, phone …
    pub channel: Option<Symbol>,
    /// The sales person.
    pub rep: Option<Symbol>,
    /// The sales territory it was booked in.
    pub territory: Option<Symbol>,
    /// Who bought, where the entity is a rep or a product.
    pub customer: Option<Symbol>,
    /// What only an interaction has.
    pub talk: Talk,
}

/// What only an interaction has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Talk {
    /// The source's own word for its kind.
    pub word: Option<Symbol>,
    /// What it was about.
    pub topic: Option<Symbol>,
    /// How it ended.
    pub outcome: Option<Symbol>,
    /// Inbound or outbound.
    pub direction: Option<Symbol>,
    /// Campaign.
    pub campaign: Option<Symbol>,
    /// Severity of a complaint.
    pub severity: Option<Symbol>,
    /// Seconds.
    pub duration_s: Option<Decimal>,
    /// -1 to 1.
    pub sentiment: Option<Decimal>,
    /// Money spoken of.
    pub amount: Option<Decimal>,
    /// How often, where the source counts.
    pub count: Option<Decimal>,
}

/// Goods and money of a line, or of all lines of an event together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Body {
    /// What was sold.
    pub product: Option<Symbol>,
    /// Its category.
    pub category: Option<Symbol>,
    /// Its brand.
    pub brand: Option<Symbol>,
    /// Promotion it was sold under.
    pub promotion: Option<Symbol>,
    /// Units.
    pub quantity: Option<Decimal>,
    /// After discount.
    pub net: Option<Decimal>,
    /// What the goods cost us.
    pub cost: Option<Decimal>,
    /// Taken off.
    pub discount: Option<Decimal>,
    /// Postage, fees and the like.
    pub non_product: bool,
}

impl Head {
    /// The head of an event; `foreign` as the entity knows it.
    pub fn of(event: &Event, foreign: bool) -> Self {
        let talk = event.detail.as_deref().map_or_else(Talk::default, |detail| Talk {
            word: detail.kind,
            topic: detail.topic,
            outcome: detail.outcome,
            direction: detail.direction,
            campaign: detail.campaign,
            severity: detail.severity,
            duration_s: detail.duration_s,
            sentiment: detail.sentiment,
            amount: detail.amount,
            count: detail.count,
        });
        Self {
            kind: event.kind,
            time: event.time,
            foreign,
            channel: event.channel,
            rep: event.rep,
            territory: event.territory,
            customer: event.customer,
            talk,
        }
    }
}

impl Body {
    /// One line.
    pub fn of(line: &Line) -> Self {
        Self {
            product: line.product,
            category: line.category,
            brand: line.brand,
            promotion: line.promotion,
            quantity: Some(line.quantity),
            net: line.net,
            cost: line.cost,
            discount: line.discount,
            non_product: line.non_product,
        }
    }

    /// All lines together: sums of what every line has; a name only where all lines agree.
    pub fn total(lines: impl Iterator<Item = Self>) -> Self {
        lines.reduce(Self::with).unwrap_or_default()
    }

    /// The sum of two: what they have in common, and their numbers together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let sum = |a: Option<Decimal>, b: Option<Decimal>| a?.checked_add(b?);
        let same = |a: Option<Symbol>, b: Option<Symbol>| if a == b { a } else { None };
        Self {
            product: same(self.product, other.product),
            category: same(self.category, other.category),
            brand: same(self.brand, other.brand),
            promotion: same(self.promotion, other.promotion),
            quantity: sum(self.quantity, other.quantity),
            net: sum(self.net, other.net),
            cost: sum(self.cost, other.cost),
            // A line without a discount has none taken off; it does not hide the others'.
            discount: match (self.discount, other.discount) {
                (Some(a), Some(b)) => a.checked_add(b),
                (one, other) => one.or(other),
            },
            non_product: self.non_product && other.non_product,
        }
    }
}

/// The items of an event that is at hand, not yet in a history: its lines.
pub fn lines_of(event: &Event) -> impl Iterator<Item = Body> + '_ {
    event.lines.iter().map(Body::of)
}

/// An event as one item; an interaction's own product and category stand in for lines.
pub fn whole(event: &Event, foreign: bool) -> Item {
    let mut body = Body::total(lines_of(event));
    if let Some(detail) = event.detail.as_deref() {
        body.product = body.product.or(detail.product);
        body.category = body.category.or(detail.category);
    }
    Item { head: Head::of(event, foreign), body }
}
