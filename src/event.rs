//! What customers do: a checked, interned record of one transaction or interaction.
//!
//! ```text
//! a line of JSON, CSV, Parquet ──► decode ──► Record ─┬─ Event      an order, a call, a complaint …
//!   (strings, anything goes)       (checks)           ├─ Reference  a customer, product, rep …
//!                                                     └─ Feedback   what became of an alert
//! ```
//!
//! Everything is checked once, here at the boundary: behind it a time lies within the supported
//! years, an amount is exact, and a name is a [`Symbol`]. A field that the source lacks is absent.

pub mod symbol;
pub mod alert_id;
pub mod deed;
pub mod feedback;
pub mod spares;
pub mod reference;
pub mod mapping;
pub mod mention;
pub mod decode;

use std::hash::Hash;
use std::hash::Hasher;

use compact_str::CompactString;
use serde::Deserialize;
use serde::Serialize;
use smallvec::SmallVec;

pub use self::feedback::Feedback;
pub use self::reference::Reference;
pub use self::spares::Spares;
pub use self::symbol::Symbol;
pub use self::symbol::Symbols;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// One checked record of a source.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Something that happened.
    Event(Box<Event>),
    /// What is known of a customer, a product, a rep …
    Reference(Box<Reference>),
    /// What somebody did with an alert.
    Feedback(Box<Feedback>),
}

/// One transaction or interaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique within its `source`; a repeat of both is the same event.
    pub id: CompactString,
    /// Who sent it: CloudEvents `source`, else the name of the file or connection.
    pub source: Symbol,
    /// What happened.
    pub kind: Kind,
    /// When it happened, by the source's clock.
    pub time: Timestamp,
    /// Whose event it is; absent for a few open opportunities and anonymous sales.
    pub customer: Option<Symbol>,
    /// The sales person who took part.
    pub rep: Option<Symbol>,
    /// The sales territory it was booked in.
    pub territory: Option<Symbol>,
    /// `store`, `web`, `phone` …
    pub channel: Option<Symbol>,
    /// Order number as customer and rep know it.
    pub order: Option<CompactString>,
    /// Currency of every amount in it.
    pub currency: Option<Currency>,
    /// The lines of an order, a return, an adjustment or a quote.
    pub lines: SmallVec<[Line; 1]>,
    /// What only an interaction has.
    pub detail: Option<Box<Detail>>,
}

/// One line of an order, a return, an adjustment or a quote.
///
/// A return carries negative quantities and amounts, as in the line form of the data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Line {
    /// Its place in the order, from 1; 0 where the source does not number lines.
    pub number: u32,
    /// What was sold.
    pub product: Option<Symbol>,
    /// The product's category, as the line says, else as the product's reference data say.
    pub category: Option<Symbol>,
    /// The product's brand.
    pub brand: Option<Symbol>,
    /// Units of measure sold.
    pub quantity: Decimal,
    /// What the customer pays for the line, after discount.
    pub net: Option<Decimal>,
    /// What the goods of the line cost us: unit cost × quantity.
    pub cost: Option<Decimal>,
    /// Amount taken off the line.
    pub discount: Option<Decimal>,
    /// Campaign or promotion that the line was sold under.
    pub promotion: Option<Symbol>,
    /// Postage, fees and the like: money, but not goods.
    pub non_product: bool,
}

/// What only an interaction has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detail {
    /// The source's own word for a kind outside of the vocabulary ([`Kind::Other`]).
    pub kind: Option<Symbol>,
    /// What it was about: `car_insurance`.
    pub topic: Option<Symbol>,
    /// How it ended: `declined`.
    pub outcome: Option<Symbol>,
    /// `inbound` or `outbound`.
    pub direction: Option<Symbol>,
    /// Product it was about.
    pub product: Option<Symbol>,
    /// Category it was about.
    pub category: Option<Symbol>,
    /// Campaign it belongs to.
    pub campaign: Option<Symbol>,
    /// `low`, `high` … of a complaint.
    pub severity: Option<Symbol>,
    /// Length in seconds.
    pub duration_s: Option<Decimal>,
    /// Mood of the customer, from -1 (bad) to 1 (good).
    pub sentiment: Option<Decimal>,
    /// Money spoken of: a quote's or an opportunity's amount.
    pub amount: Option<Decimal>,
    /// How often it happened, where the source counts (visits in a month).
    pub count: Option<Decimal>,
}

/// What happened, in the words of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// Goods or services sold.
    #[serde(rename = "order")]
    Order,
    /// Goods taken back; amounts are negative.
    #[serde(rename = "return")]
    Return,
    /// A correction of stock or amount.
    #[serde(rename = "adjustment")]
    Adjustment,
    /// Money given back without goods.
    #[serde(rename = "credit_memo")]
    CreditMemo,
    /// A quote was sent.
    #[serde(rename = "quote")]
    Quote,
    /// The customer accepted a quote.
    #[serde(rename = "quote.accepted")]
    QuoteAccepted,
    /// The customer declined a quote.
    #[serde(rename = "quote.lost")]
    QuoteLost,
    /// A quote ran out.
    #[serde(rename = "quote.expired")]
    QuoteExpired,
    /// A telephone call, known only as a whole.
    #[serde(rename = "call")]
    Call,
    /// The customer is on the phone now.
    #[serde(rename = "call.started")]
    CallStarted,
    /// The call is over.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// An e-mail, in either direction.
    #[serde(rename = "email")]
    Email,
    /// A meeting.
    #[serde(rename = "meeting")]
    Meeting,
    /// A visit by a rep.
    #[serde(rename = "visit")]
    Visit,
    /// A visit to the web site.
    #[serde(rename = "web")]
    Web,
    /// A chat.
    #[serde(rename = "chat")]
    Chat,
    /// A complaint or support case.
    #[serde(rename = "complaint")]
    Complaint,
    /// A campaign's message went out.
    #[serde(rename = "campaign_sent")]
    CampaignSent,
    /// The customer answered a campaign.
    #[serde(rename = "campaign_response")]
    CampaignResponse,
    /// A survey was answered.
    #[serde(rename = "survey")]
    Survey,
    /// A sales opportunity was opened.
    #[serde(rename = "opportunity_opened")]
    OpportunityOpened,
    /// A sales opportunity was won.
    #[serde(rename = "opportunity_won")]
    OpportunityWon,
    /// A sales opportunity was lost.
    #[serde(rename = "opportunity_lost")]
    OpportunityLost,
    /// Any other interaction; [`Detail::kind`] has the source's word.
    #[serde(rename = "other")]
    Other,
}

impl Kind {
    /// Every kind with its dotted name, as rules and records write it.
    pub const ALL: [(Self, &'static str); 24] = [
        (Self::Order, "order"),
        (Self::Return, "return"),
        (Self::Adjustment, "adjustment"),
        (Self::CreditMemo, "credit_memo"),
        (Self::Quote, "quote"),
        (Self::QuoteAccepted, "quote.accepted"),
        (Self::QuoteLost, "quote.lost"),
        (Self::QuoteExpired, "quote.expired"),
        (Self::Call, "call"),
        (Self::CallStarted, "call.started"),
        (Self::CallEnded, "call.ended"),
        (Self::Email, "email"),
        (Self::Meeting, "meeting"),
        (Self::Visit, "visit"),
        (Self::Web, "web"),
        (Self::Chat, "chat"),
        (Self::Complaint, "complaint"),
        (Self::CampaignSent, "campaign_sent"),
        (Self::CampaignResponse, "campaign_response"),
        (Self::Survey, "survey"),
        (Self::OpportunityOpened, "opportunity_opened"),
        (Self::OpportunityWon, "opportunity_won"),
        (Self::OpportunityLost, "opportunity_lost"),
        (Self::Other, "other"),
    ];

    /// The dotted name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The kind of this dotted name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }

    /// The kind with this number, as [`Kind`] `as u8` gave it.
    pub(crate) fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(kind, _)| *kind)
    }

    /// Whether it moves goods or money and so has lines.
    pub fn is_transaction(self) -> bool {
        matches!(self, Self::Order | Self::Return | Self::Adjustment | Self::CreditMemo)
    }
}

/// Whose history a list is: customers, reps and products are entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// Who buys.
    Customer,
    /// Who sells.
    Rep,
    /// What is sold.
    Product,
}

/// One customer, rep or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntityId {
    /// Which of the three.
    pub kind: EntityKind,
    /// Its id in the source.
    pub id: Symbol,
}

impl Hash for EntityId {
    /// One word: it is hashed for every event.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.id.number()) | ((self.kind as u64) << 32));
    }
}

impl EntityKind {
    /// The lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Rep => "rep",
            Self::Product => "product",
        }
    }
}

impl Event {
    /// Sum of the lines' net amounts; `None` when a line has none, or there are no lines.
    pub fn net(&self) -> Option<Decimal> {
        if self.lines.is_empty() {
            return None;
        }
        self.lines.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.net?))
    }

    /// The name of its kind; for [`Kind::Other`] the source's own word.
    pub fn kind_name<'a>(&self, symbols: &'a symbol::Reader<'_>) -> &'a str {
        match (self.kind, self.detail.as_ref().and_then(|d| d.kind)) {
            (Kind::Other, Some(word)) => symbols.text(word),
            (kind, _) => kind.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_number_and_its_name() {
        for (index, (kind, name)) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
            assert_eq!(Kind::from_name(name), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{name}\""));
        }
    }
}
