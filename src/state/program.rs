//! A rule's expression, compiled: a tree in one array, with straight-line code for every node.
//!
//! ```text
//! recent < baseline - 0.03      [0] let 0   [1] let 1   [2] 0.03   [3] 1 - 2   [4] 0 < 3
//! ```
//!
//! A list is never built. It is a [`Scan`]: a source of items, stages that drop or change them,
//! and what is made of the rest. A window whose scan can be kept as a running sum was planned as an
//! aggregate (`window`), and costs one read.

use std::fmt;
use std::fmt::Write;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::sync::Arc;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::state::Entity;
use crate::state::assortment::Asked;
use crate::state::builtin::Builtin;
use crate::state::catalog::Catalog;
use crate::state::code::Code;
use crate::state::detection::Detection;
use crate::state::item::Item;
use crate::state::learned::Learned;
use crate::state::models::affinity::Offer;
use crate::state::offers::Ask;
use crate::state::offers::Context;
use crate::state::offers::OfferField;
use crate::state::past::AlertField;
use crate::state::past::Reach;
use crate::state::texts::Texts;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::walked::Walked;
use crate::state::window::AggregateKind;
use crate::state::window::List;
use crate::state::window::Plan;
use crate::state::window::Unit;
use crate::time::Span;
use crate::time::Timestamp;

/// Place of a node in its [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Nodes of all expressions of a rule set; equal ones stand once.
#[derive(Clone, Default)]
pub struct Program {
    nodes: Vec<Node>,
    codes: Vec<Code>,
    /// Whether a node reads what is learned across customers.
    reads_models: bool,
    /// Where nodes stand, by what they say.
    places: HashTable<(u64, NodeId)>,
    said: RandomState,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A constant.
    Constant(Value),
    /// A field of the innermost, next-to-innermost … item variable.
    Field(u8, Field),
    /// A field of the innermost, next-to-innermost … item variable, over alerts.
    OfAlert(u8, AlertField),
    /// The value of an item variable over plain values.
    Variable(u8),
    /// A field of the event that set the rule off.
    Event(Field),
    /// A field of the customer's reference data.
    Profile(ProfileField),
    /// An attribute of the customer outside of the vocabulary.
    Attribute(Arc<str>),
    /// The entity's clock, or the deadline that passed.
    Now,
    /// The value of the rule's `value:` or of a `let` name, by its place.
    Let(u16),
    /// `a op b`
    Arithmetic(Arithmetic, NodeId, NodeId),
    /// `a op b`
    Compare(Comparison, NodeId, NodeId),
    /// `a && b`
    And(NodeId, NodeId),
    /// `a || b`
    Or(NodeId, NodeId),
    /// `!a`
    Not(NodeId),
    /// `-a`
    Negate(NodeId),
    /// `a ? b : c`
    Conditional(NodeId, NodeId, NodeId),
    /// `has(a)`: whether the source said.
    Has(NodeId),
    /// `a in [constants]`
    In(NodeId, Arc<[Value]>),
    /// `{constants: constants}[a]`; null when it is not there.
    Lookup(NodeId, Arc<[(Value, Value)]>),
    /// Whether the entity ever had the key in an owned set of the plan.
    Owns(u16, NodeId),
    /// A running value of the plan.
    Aggregate(Running),
    /// What a running count of the plan decides.
    Decides(Arc<Verdict>),
    /// What a scan makes of its items.
    Scan(Arc<Scan>),
    /// What a detector gives.
    Detect(Arc<Detection>),
    /// A function of one value.
    Function(Function, NodeId),
    /// A function of two values.
    Function2(Function2, NodeId, NodeId),
    /// A field of the innermost, next-to-innermost … offer.
    OfOffer(u8, OfferField),
    /// A question about what was learned across customers.
    Learned(Arc<Learned>),
    /// A function of the standard library.
    Call(Builtin, Arc<[NodeId]>),
    /// A field of the rep's or the product's reference data.
    Known(KnownField),
}

impl Node {
    /// The nodes whose values it is computed from. What a list asks of its items is the list's own
    /// affair, and what a name stands for the rule's.
    pub(crate) fn operands(&self) -> SmallVec<[NodeId; 3]> {
        match self {
            Self::Constant(_)
            | Self::Field(..)
            | Self::OfAlert(..)
            | Self::OfOffer(..)
            | Self::Variable(_)
            | Self::Event(_)
            | Self::Profile(_)
            | Self::Attribute(_)
            | Self::Known(_)
            | Self::Now
            | Self::Let(_)
            | Self::Aggregate(_)
            | Self::Decides(_)
            | Self::Scan(_) => SmallVec::new(),
            Self::Not(a)
            | Self::Negate(a)
            | Self::Has(a)
            | Self::In(a, _)
            | Self::Lookup(a, _)
            | Self::Owns(_, a)
            | Self::Function(_, a) => SmallVec::from_slice(&[*a]),
            Self::Arithmetic(_, a, b)
            | Self::Compare(_, a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::Function2(_, a, b) => SmallVec::from_slice(&[*a, *b]),
            Self::Conditional(a, b, c) => SmallVec::from_slice(&[*a, *b, *c]),
            Self::Call(_, operands) => SmallVec::from_slice(operands),
            Self::Detect(detection) => detection.argument.into_iter().collect(),
            Self::Learned(question) => question.operands(),
        }
    }
}

impl Field {
    /// Whether its value is a name that the source gave, of who, what or where.
    pub(crate) fn is_name(self) -> bool {
        matches!(
            self,
            Self::Channel
                | Self::Rep
                | Self::Territory
                | Self::Customer
                | Self::Product
                | Self::Category
                | Self::Brand
                | Self::Promotion
        )
    }

    /// Whether its value is an amount of money.
    fn is_money(self) -> bool {
        matches!(self, Self::Net | Self::Cost | Self::GrossProfit | Self::Discount | Self::Amount)
    }
}

impl Scan {
    /// Whether every filter says yes or no of any item, and none is in doubt: whether the items
    /// that are looked at first could be the last ones.
    pub(crate) fn is_sure(&self, program: &Program) -> bool {
        self.stages.iter().all(|stage| match stage {
            Stage::Filter(node) => program.is_sure(*node),
            Stage::Map(_) => false,
        })
    }

    /// The nodes that are asked of each item.
    pub(crate) fn of_each(&self) -> impl Iterator<Item = NodeId> + '_ {
        let stages = self.stages.iter().map(|stage| match stage {
            Stage::Filter(node) | Stage::Map(node) => *node,
        });
        let end = match self.end {
            End::Size | End::GapDeviation => None,
            End::Sum(node)
            | End::Average(node)
            | End::Min(node)
            | End::Max(node)
            | End::StandardDeviation(node)
            | End::Exists(node)
            | End::All(node)
            | End::ExistsOne(node)
            | End::First(node)
            | End::Last(node)
            | End::Distinct(node)
            | End::Quantile(node, _)
            | End::At(node, _)
            | End::Join(node, _) => Some(node),
        };
        stages.chain(end)
    }

    /// The nodes that are asked once for the whole list.
    pub(crate) fn of_all(&self) -> impl Iterator<Item = NodeId> {
        let parts = match self.source {
            Source::Split(text, separator, most) => [Some(text), Some(separator), most],
            Source::Offers(Ask { context: Context::Category(category), .. }) => {
                [Some(category), None, None]
            }
            _ => [None; 3],
        };
        let end = match self.end {
            End::At(_, other) | End::Join(_, other) => Some(other),
            _ => None,
        };
        parts.into_iter().flatten().chain(end)
    }
}

/// Where a running value of the plan is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its place in the plan.
    pub place: u16,
    /// Where it is kept.
    pub slot: u16,
    /// Where a bit tells that it met an item which it could not count.
    pub flags: u16,
    /// How it is put together.
    pub kind: AggregateKind,
    /// What it means.
    pub unit: Unit,
}

/// `exists` and `all` by a running count of the items that decide: those for which the condition
/// holds, or does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The count.
    pub count: Running,
    /// What one such item decides: true for `exists`, false for `all`.
    pub decided: bool,
    /// What the list gives where the count met an item that it could not judge. Without one, such
    /// an item matters only as long as no other decides.
    pub fallback: Option<Arc<Scan>>,
}

/// Functions of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Midnight, UTC, of an instant's day.
    Date,
    /// Milliseconds since 1970 of an instant, or of a length of time.
    Millis,
    /// Length of time in days, as a number.
    Days,
    /// As a double.
    Double,
    /// As an int, towards zero.
    Int,
    /// Without its sign.
    Abs,
    /// An int or double as money of the entity's currency.
    Amount,
    /// Hour of the day, UTC, 0 to 23.
    Hour,
    /// Day of the week, UTC, 0 is Sunday (CEL's `getDayOfWeek`).
    DayOfWeek,
    /// Whether the catalogue has a product of the category.
    Sells,
    /// Price of a product before discount, as the catalogue has it.
    ListPrice,
    /// What a unit of a product costs us, as the catalogue has it.
    UnitCost,
    /// Lowest margin at which a product may be sold, as the catalogue has it.
    MarginFloor,
    /// What else the catalogue says of a product.
    Of(Asked),
}

/// Functions of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function2 {
    /// The larger.
    Greatest,
    /// The smaller.
    Least,
    /// Whether a text starts with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a text contains another.
    Contains,
    /// The first, unless it is null.
    OrElse,
}

/// Fields of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// When it happened.
    Time,
    /// The dotted name of its kind.
    Kind,
    /// Store, web …
    Channel,
    /// The sales person.
    Rep,
    /// The sales territory it was booked in.
    Territory,
    /// Who bought.
    Customer,
    /// What was sold or spoken of.
    Product,
    /// Its category.
    Category,
    /// Its brand.
    Brand,
    /// Promotion.
    Promotion,
    /// Units.
    Quantity,
    /// After discount.
    Net,
    /// Of the goods.
    Cost,
    /// Net less cost.
    GrossProfit,
    /// Taken off.
    Discount,
    /// Postage and the like.
    NonProduct,
    /// What it was about.
    Topic,
    /// How it ended.
    Outcome,
    /// Inbound or outbound.
    Direction,
    /// Campaign.
    Campaign,
    /// Of a complaint.
    Severity,
    /// Seconds.
    Duration,
    /// -1 to 1.
    Sentiment,
    /// Money spoken of.
    Amount,
    /// How often.
    Count,
}

/// Fields of a customer's reference data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileField {
    /// Its id.
    Id,
    /// What people call it.
    Name,
    /// Business, consumer …
    Kind,
    /// Line of business.
    Segment,
    /// A, B …
    Tier,
    /// Sales territory.
    Territory,
    /// Its rep.
    Owner,
    /// Whether marketing may contact it.
    ConsentMarketing,
}

/// Fields of the reference data of reps and products.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KnownField {
    /// What people call the rep, else its id.
    RepName,
    /// Position.
    RepTitle,
    /// The rep's manager.
    RepManager,
    /// Where the rep sells now, if that is one territory.
    RepTerritory,
    /// Senior, junior …
    RepSeniority,
    /// What is to be sold in the period that it is now.
    RepQuota,
    /// First instant of that period.
    RepQuotaFrom,
    /// First instant after that period.
    RepQuotaTo,
    /// Share of the decided quotes that all reps win.
    TeamWinRate,
    /// What people call the product, else its id.
    ProductName,
    /// Its category.
    ProductCategory,
    /// Its brand.
    ProductBrand,
    /// Price before discount.
    ProductListPrice,
    /// What one unit costs us.
    ProductUnitCost,
    /// Anything else that the source says of the product, by its name.
    ProductAttribute(Arc<str>),
}

/// A list that is walked, not built.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Where the items come from.
    pub source: Source,
    /// What is dropped or changed on the way.
    pub stages: Vec<Stage>,
    /// What is made of the rest.
    pub end: End,
    /// The sum of no items: zero of the sum's type.
    pub zero: Value,
}

/// Where the items of a list come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A window of the entity's history, by its place in the plan.
    Window(List, u16),
    /// The newest so many items of the history.
    Newest(List, u32),
    /// Alerts that the entity has had.
    Alerts(Reach),
    /// The lines of the event that set the rule off.
    EventLines,
    /// Constants.
    Values(Arc<[Value]>),
    /// What can be offered to the customer.
    Offers(Ask),
    /// The parts of a text between separators: text, separator, and how many at most.
    Split(NodeId, NodeId, Option<NodeId>),
}

/// One stage of a scan; its expression sees the item as the innermost variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Keeps what holds.
    Filter(NodeId),
    /// Puts a value in the item's place.
    Map(NodeId),
}

/// What is made of a scan's items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// How many.
    Size,
    /// Sum of an expression.
    Sum(NodeId),
    /// Mean of an expression; null of nothing.
    Average(NodeId),
    /// Smallest; null of nothing.
    Min(NodeId),
    /// Largest; null of nothing.
    Max(NodeId),
    /// Sample standard deviation; null of fewer than two.
    StandardDeviation(NodeId),
    /// Whether it holds for one at least.
    Exists(NodeId),
    /// Whether it holds for all.
    All(NodeId),
    /// Whether it holds for exactly one.
    ExistsOne(NodeId),
    /// Value of an expression for the first item; null of nothing.
    First(NodeId),
    /// Value of an expression for the last item; null of nothing.
    Last(NodeId),
    /// How many different values an expression takes; at most [`DISTINCT_MAX`].
    Distinct(NodeId),
    /// Sample standard deviation of the times between neighbours; null of fewer than three items.
    GapDeviation,
    /// The value below which this share of the values lies, interpolated; null of nothing.
    Quantile(NodeId, f64),
    /// Value of the first expression for the item whose place, from 0, the second gives.
    At(NodeId, NodeId),
    /// The texts, joined by the second expression.
    Join(NodeId, NodeId),
}

/// More values than this have no quantile: they are all held at once.
pub const QUANTILE_MAX: usize = 65_536;

/// More different values than this are a fault.
pub const DISTINCT_MAX: usize = 256;

/// The newest so many items are looked for in so much history.
pub const NEWEST_REACH: Span = Span::from_millis(365 * Span::DAY.millis());

/// Items that one evaluation may look at.
pub const FUEL: u32 = 200_000;

/// What an expression can see.
pub struct Scope<'a> {
    /// Where the nodes stand.
    pub program: &'a Program,
    /// The windows.
    pub plan: &'a Plan,
    /// Whose history; absent while a window is being maintained.
    pub entity: Option<&'a Entity>,
    /// Its id.
    pub id: Option<Symbol>,
    /// What set the rule off.
    pub event: Option<&'a Event>,
    /// The entity's clock.
    pub now: Timestamp,
    /// Products, reps.
    pub catalog: &'a Catalog,
    /// Texts.
    pub symbols: &'a Symbols,
    /// Lists that were walked for other rules at the same moment.
    pub walked: Option<&'a mut Walked>,
    /// Texts that the rule makes; they live as long as the values of its `let` names.
    pub texts: &'a mut Texts,
    /// Values of the rule's `let` names, as far as they were asked for.
    pub lets: &'a mut [Option<Result<Value, Fault>>],
    /// Where the expressions of the `let` names stand.
    pub let_nodes: &'a [NodeId],
    /// Items that may still be looked at.
    pub fuel: u32,
    /// Item variables, the innermost last.
    pub items: &'a mut Items,
}

/// Item variables of nested lists.
#[derive(Debug, Clone, Default)]
pub struct Items {
    pub(crate) stack: SmallVec<[Bound; 1]>,
    /// Variables below this are out of sight: a `let` does not see where it is used.
    pub(crate) hidden: usize,
}

/// What an item variable stands for.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// An event or a line.
    Item(Item),
    /// An alert that the entity has had, by its place among them.
    Alert(usize),
    /// What can be offered.
    Offer(Offer),
    /// A plain value.
    Value(Value),
}

impl Items {
    /// Deepest nesting of lists; the checker refuses more.
    pub const DEPTH_MAX: usize = 4;

    /// With no variable bound.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.stack.clear();
        self.hidden = 0;
    }

    /// With one variable bound.
    pub fn of(item: Item) -> Self {
        Self::one(Bound::Item(item))
    }

    /// With one variable bound to whatever it is.
    pub fn one(bound: Bound) -> Self {
        Self { stack: SmallVec::from_buf([bound]), hidden: 0 }
    }

    pub(crate) fn get(&self, outwards: u8) -> Option<&Bound> {
        let place = self.stack.len().checked_sub(1 + usize::from(outwards))?;
        self.stack.get(place).filter(|_| place >= self.hidden)
    }

    pub(crate) fn push(&mut self, bound: Bound) {
        debug_assert!(self.stack.len() < 2 * Self::DEPTH_MAX, "the checker limits nesting");
        self.stack.push(bound);
    }

    pub(crate) fn pop(&mut self) {
        self.stack.pop();
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.nodes).finish()
    }
}

impl Program {
    /// Notes that a node reads [`Models`](crate::state::models::Models): they are learned only where
    /// some node does.
    pub fn read_models(&mut self) {
        self.reads_models = true;
    }

    /// Whether a node reads what is learned across customers.
    pub fn reads_models(&self) -> bool {
        self.reads_models
    }

    /// The place of a node, new or known.
    pub fn add(&mut self, node: Node) -> NodeId {
        let said = self.said(&node);
        let known = self.places.find(said, |(_, id)| *self.node(*id) == node);
        if let Some((_, id)) = known {
            return *id;
        }
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.codes.push(Code::of(self, id, &node));
        self.nodes.push(node);
        self.places.insert_unique(said, (said, id), |(said, _)| *said);
        id
    }

    /// A number for what a node says. Nodes hold doubles, which have no hash of their own; what is
    /// written alike is alike. (0.0 and -0.0 are equal and written otherwise: they stand apart.)
    fn said(&self, node: &Node) -> u64 {
        struct Heard<H>(H);
        impl<H: Hasher> Write for Heard<H> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut heard = Heard(self.said.build_hasher());
        // Nothing there can fail.
        let _ = write!(heard, "{node:?}");
        heard.0.finish()
    }

    /// The code that computes a node.
    #[inline]
    pub(crate) fn code(&self, id: NodeId) -> &Code {
        &self.codes[id.0 as usize]
    }

    /// Whether a condition over an item is true or false, whatever the item is.
    fn is_sure(&self, condition: NodeId) -> bool {
        // An amount may be in another currency, and then it is no amount.
        let is_plain = |node: NodeId| match self.node(node) {
            Node::Field(_, field) => !field.is_money(),
            Node::Constant(_) => true,
            _ => false,
        };
        match *self.node(condition) {
            Node::And(a, b) | Node::Or(a, b) => self.is_sure(a) && self.is_sure(b),
            Node::Not(a) => self.is_sure(a),
            Node::Has(value) => matches!(self.node(value), Node::Field(..)),
            Node::In(value, _) => is_plain(value),
            Node::Compare(Comparison::Equal | Comparison::NotEqual, a, b) => {
                is_plain(a) && is_plain(b)
            }
            _ => false,
        }
    }

    /// The node at a place.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// A text in which every number of a node is replaced by what the node says, as far down as
    /// it goes: the same for the same expression in any program.
    pub(crate) fn spelled(&self, text: &str) -> String {
        let mut parts = text.split("NodeId(");
        let mut spelled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = part.split_once(')').unwrap_or((part, ""));
            let node = number.parse().ok().and_then(|number: usize| self.nodes.get(number));
            if let Some(node) = node {
                spelled += &self.spelled(&format!("{node:?}"));
            }
            spelled += rest;
        }
        spelled
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
