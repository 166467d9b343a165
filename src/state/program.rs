//! A rule's expression, compiled: a tree in one array, evaluated without an allocation.
//!
//! ```text
//! recent < baseline - 0.03      [0] let 0   [1] let 1   [2] 0.03   [3] 1 - 2   [4] 0 < 3
//! ```
//!
//! A list is never built. It is a [`Scan`]: a source of items, stages that drop or change them,
//! and what is made of the rest. A window whose scan can be kept as a running sum was planned as an
//! aggregate (`window`), and costs one read.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::money::Decimal;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::item::Talk;
use crate::state::value;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::List;
use crate::state::window::Plan;
use crate::time::Span;
use crate::time::Timestamp;

/// Place of a node in its [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// Nodes of all expressions of a rule set; equal ones stand once.
#[derive(Debug, Clone, Default)]
pub struct Program {
    nodes: Vec<Node>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A constant.
    Constant(Value),
    /// A field of the innermost, next-to-innermost … item variable.
    Field(u8, Field),
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
    Aggregate(u16),
    /// What a running count of the plan decides.
    Decides(Arc<Verdict>),
    /// What a scan makes of its items.
    Scan(Arc<Scan>),
    /// A function of one value.
    Function(Function, NodeId),
    /// A function of two values.
    Function2(Function2, NodeId, NodeId),
}

/// `exists` and `all` by a running count of the items that decide: those for which the condition
/// holds, or does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Place of the count in the plan.
    pub count: u16,
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
    /// The lines of the event that set the rule off.
    EventLines,
    /// Constants.
    Values(Arc<[Value]>),
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
}

/// More different values than this are a fault.
pub const DISTINCT_MAX: usize = 256;

/// The newest so many items are looked for in so much history.
pub const NEWEST_REACH: Span = Span::from_millis(365 * Span::DAY.millis());

/// Items that one evaluation may look at.
pub const FUEL: u32 = 2_000_000;

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
    /// Values of the rule's `let` names, as far as they were asked for.
    pub lets: &'a mut [Option<Result<Value, Fault>>],
    /// Where the expressions of the `let` names stand.
    pub let_nodes: &'a [NodeId],
    /// Items that may still be looked at.
    pub fuel: u32,
    /// Item variables, the innermost last.
    pub items: Items,
}

/// Item variables of nested lists.
#[derive(Debug, Clone, Default)]
pub struct Items {
    stack: SmallVec<[Bound; 1]>,
    /// Variables below this are out of sight: a `let` does not see where it is used.
    hidden: usize,
}

/// What an item variable stands for.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// An event or a line.
    Item(Item),
    /// A plain value.
    Value(Value),
}

impl Items {
    /// Deepest nesting of lists; the checker refuses more.
    pub const DEPTH_MAX: usize = 4;

    /// With one variable bound.
    pub fn of(item: Item) -> Self {
        Self { stack: SmallVec::from_buf([Bound::Item(item)]), hidden: 0 }
    }

    fn get(&self, outwards: u8) -> Option<&Bound> {
        let place = self.stack.len().checked_sub(1 + usize::from(outwards))?;
        self.stack.get(place).filter(|_| place >= self.hidden)
    }

    fn push(&mut self, bound: Bound) {
        debug_assert!(self.stack.len() < 2 * Self::DEPTH_MAX, "the checker limits nesting");
        self.stack.push(bound);
    }

    fn pop(&mut self) {
        self.stack.pop();
    }
}

impl Program {
    /// The place of a node, new or known.
    pub fn add(&mut self, node: Node) -> NodeId {
        // A rule set has some thousand nodes at most, and is compiled once.
        let found = self.nodes.iter().position(|known| *known == node);
        let place = found.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        });
        NodeId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The node at a place.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
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

/// The value of a node. What nearly every rule is made of stands here, the rest in [`rarer`]:
/// a small function has a small frame, and it calls itself.
pub fn evaluate(scope: &mut Scope<'_>, id: NodeId) -> Result<Value, Fault> {
    let program = scope.program;
    match program.node(id) {
        Node::Constant(value) => Ok(*value),
        Node::Let(place) => named(scope, *place),
        Node::Arithmetic(op, a, b) => {
            let (a, b) = (evaluate(scope, *a)?, evaluate(scope, *b)?);
            value::arithmetic(*op, a, b)
        }
        Node::Compare(op, a, b) => {
            let (a, b) = (evaluate(scope, *a)?, evaluate(scope, *b)?);
            value::compare(*op, a, b).map(Value::Bool)
        }
        Node::And(a, b) => either(scope, *a, *b, false),
        Node::Or(a, b) => either(scope, *a, *b, true),
        Node::Aggregate(place) => {
            let entity = scope.entity.ok_or(Fault::Type)?;
            let aggregate = scope.plan.aggregate(*place);
            if entity.is_irregular(aggregate) {
                irregular(scope, *place)
            } else {
                Ok(aggregate.read(entity))
            }
        }
        other => rarer(scope, other),
    }
}

/// The value of a node that is not among the usual ones.
#[inline(never)]
fn rarer(scope: &mut Scope<'_>, node: &Node) -> Result<Value, Fault> {
    match node {
        Node::Constant(_)
        | Node::Let(_)
        | Node::Arithmetic(..)
        | Node::Compare(..)
        | Node::And(..)
        | Node::Or(..)
        | Node::Aggregate(_) => Err(Fault::Type),
        Node::Field(outwards, field) => match scope.items.get(*outwards) {
            Some(Bound::Item(item)) => {
                at_home(field_of(item, *field, scope.symbols), item.head.foreign)
            }
            _ => Err(Fault::Type),
        },
        Node::Variable(outwards) => match scope.items.get(*outwards) {
            Some(Bound::Value(value)) => Ok(*value),
            _ => Err(Fault::Type),
        },
        Node::Event(field) => match scope.event {
            Some(event) => {
                at_home(event_field(event, *field, scope.symbols), is_foreign(scope, event))
            }
            None => Err(Fault::Missing),
        },
        Node::Profile(field) => Ok(profile_field(scope, *field)),
        Node::Attribute(name) => Ok(attribute(scope, name)),
        Node::Now => Ok(Value::Time(scope.now)),
        Node::Not(a) => evaluate(scope, *a)?.truth().map(|truth| Value::Bool(!truth)),
        Node::Negate(a) => {
            let value = evaluate(scope, *a)?;
            value::arithmetic(Arithmetic::Multiply, value, Value::Int(-1))
        }
        Node::Conditional(a, b, c) => {
            let branch = if evaluate(scope, *a)?.truth()? { b } else { c };
            evaluate(scope, *branch)
        }
        Node::Has(a) => match evaluate(scope, *a) {
            Ok(value) => Ok(Value::Bool(value != Value::Null)),
            Err(Fault::Missing) => Ok(Value::Bool(false)),
            // The source did say, though in another currency.
            Err(Fault::Currencies) => Ok(Value::Bool(true)),
            Err(fault) => Err(fault),
        },
        Node::In(a, values) => {
            let needle = evaluate(scope, *a)?;
            Ok(Value::Bool(values.iter().any(|value| value::equal(*value, needle))))
        }
        Node::Lookup(a, pairs) => {
            let key = evaluate(scope, *a)?;
            let found = pairs.iter().find(|(known, _)| value::equal(*known, key));
            Ok(found.map_or(Value::Null, |(_, value)| *value))
        }
        Node::Owns(set, key) => {
            let Some(entity) = scope.entity else { return Err(Fault::Type) };
            match evaluate(scope, *key) {
                Ok(Value::Text(symbol)) => Ok(Value::Bool(entity.owns(*set, Some(symbol)))),
                Ok(Value::Null) => Ok(Value::Bool(entity.owns(*set, None))),
                Ok(_) => Ok(Value::Bool(false)),
                // Of nothing, nothing is asked.
                Err(_) if entity.owns_nothing(*set) => Ok(Value::Bool(false)),
                Err(fault) => Err(fault),
            }
        }
        Node::Decides(verdict) => decides(scope, verdict),
        Node::Scan(scan) => walk(scope, scan),
        Node::Function(Function::Sells, a) => sells(scope, *a),
        Node::Function(function, a) => apply(*function, evaluate(scope, *a)?),
        Node::Function2(function, a, b) => apply2(scope, *function, *a, *b),
    }
}

/// `&&` (absorbing `false`) and `||` (absorbing `true`): an error on one side does not matter
/// when the other side decides, on whichever side it stands (CEL's logical operators).
fn either(scope: &mut Scope<'_>, a: NodeId, b: NodeId, absorbing: bool) -> Result<Value, Fault> {
    let left = evaluate(scope, a).and_then(Value::truth);
    if left == Ok(absorbing) {
        return Ok(Value::Bool(absorbing));
    }
    let right = evaluate(scope, b).and_then(Value::truth);
    if right == Ok(absorbing) {
        return Ok(Value::Bool(absorbing));
    }
    left?;
    right.map(Value::Bool)
}

/// Whether the catalogue has a product of a category.
fn sells(scope: &mut Scope<'_>, category: NodeId) -> Result<Value, Fault> {
    match evaluate(scope, category)? {
        Value::Text(category) => Ok(Value::Bool(scope.catalog.sells(category))),
        Value::Null => Err(Fault::Missing),
        _ => Err(Fault::Type),
    }
}

/// A `let` name is computed when it is first asked for, and then kept for the event.
fn named(scope: &mut Scope<'_>, place: u16) -> Result<Value, Fault> {
    let place = usize::from(place);
    if let Some(Some(known)) = scope.lets.get(place) {
        return *known;
    }
    let node = *scope.let_nodes.get(place).ok_or(Fault::Type)?;
    let hidden = std::mem::replace(&mut scope.items.hidden, scope.items.stack.len());
    let result = evaluate(scope, node);
    scope.items.hidden = hidden;
    if let Some(slot) = scope.lets.get_mut(place) {
        *slot = Some(result);
    }
    result
}

/// An item without the field, a second currency, an overflow: what the list gives as it stands.
#[cold]
fn irregular(scope: &mut Scope<'_>, place: u16) -> Result<Value, Fault> {
    match scope.plan.fallback(place) {
        Some(scan) => walk(scope, &Arc::clone(scan)),
        None => Err(Fault::Missing),
    }
}

fn decides(scope: &mut Scope<'_>, verdict: &Verdict) -> Result<Value, Fault> {
    let entity = scope.entity.ok_or(Fault::Type)?;
    let count = scope.plan.aggregate(verdict.count);
    let found = count.read(entity) != Value::Int(0);
    match &verdict.fallback {
        Some(scan) if entity.is_irregular(count) => walk(scope, scan),
        None if entity.is_irregular(count) && !found => Err(Fault::Missing),
        _ => Ok(Value::Bool(found == verdict.decided)),
    }
}

fn walk(scope: &mut Scope<'_>, scan: &Scan) -> Result<Value, Fault> {
    let mut end = Ending::default();
    let entity = scope.entity;
    let plan = scope.plan;
    match &scan.source {
        Source::EventLines => {
            let event = scope.event.ok_or(Fault::Missing)?;
            let head = Head::of(event, is_foreign(scope, event));
            for line in &event.lines {
                let item = Item { head, body: Body::of(line) };
                if feed(scope, scan, Bound::Item(item), &mut end)? {
                    break;
                }
            }
        }
        Source::Values(values) => {
            for value in values.iter() {
                if feed(scope, scan, Bound::Value(*value), &mut end)? {
                    break;
                }
            }
        }
        Source::Window(list, span) => {
            let entity = entity.ok_or(Fault::Type)?;
            let (from, to) = entity.bounds(plan, *span);
            history_items(scope, scan, entity, (*list, from, to), &mut end)?;
        }
        Source::Newest(list, count) => {
            let entity = entity.ok_or(Fault::Type)?;
            let (from, skip) = newest(entity, *list, *count);
            end.skip = skip;
            history_items(scope, scan, entity, (*list, from, entity.history.end()), &mut end)?;
        }
    }
    end.finish(scan)
}

/// Where the newest `count` items begin: an offset, and how many of its items are too old.
pub(crate) fn newest(entity: &Entity, list: List, count: u32) -> (u32, u32) {
    let (mut from, mut seen) = (entity.history.end(), 0_u32);
    // What is older is kept or not as memory allows: it is never looked at.
    let oldest = entity.clock - NEWEST_REACH;
    for entry in entity.history.back_from(from) {
        if seen >= count || entry.time() <= oldest {
            break;
        }
        if list.holds(entry.kind()) {
            let items = if list == List::Lines { entry.lines().count() } else { 1 };
            seen += u32::try_from(items).unwrap_or(u32::MAX);
            from = entry.offset;
        }
    }
    (from, seen.saturating_sub(count))
}

fn history_items(
    scope: &mut Scope<'_>,
    scan: &Scan,
    entity: &Entity,
    (list, from, to): (List, u32, u32),
    end: &mut Ending,
) -> Result<(), Fault> {
    for entry in entity.history.from(from).take_while(|entry| entry.offset < to) {
        if !list.holds(entry.kind()) {
            continue;
        }
        if list == List::Lines {
            let head = entry.open().head;
            for body in entry.lines() {
                if feed(scope, scan, Bound::Item(Item { head, body }), end)? {
                    return Ok(());
                }
            }
        } else if feed(scope, scan, Bound::Item(entry.whole()), end)? {
            return Ok(());
        }
    }
    Ok(())
}

/// What a scan has made of its items so far.
#[derive(Default)]
struct Ending {
    /// Items still to be passed over.
    skip: u32,
    count: i64,
    decided: Option<bool>,
    /// Of an item that would matter if no other decided.
    undecided: Option<Fault>,
    total: Total,
    best: Option<Value>,
    /// Of the first item or the last.
    chosen: Option<Result<Value, Fault>>,
    distinct: Vec<Value>,
    mean: f64,
    squares: f64,
    before: Option<Timestamp>,
}

/// A sum that knows what it adds up.
#[derive(Clone, Copy, PartialEq, Default)]
enum Total {
    #[default]
    Nothing,
    Int(i64),
    Money(i128),
    Number(i128),
    Double(f64),
}

/// Takes one item; tells whether the result is settled.
fn feed(scope: &mut Scope<'_>, scan: &Scan, bound: Bound, end: &mut Ending) -> Result<bool, Fault> {
    if end.skip > 0 {
        end.skip -= 1;
        return Ok(false);
    }
    scope.fuel = scope.fuel.checked_sub(1).ok_or(Fault::Fuel)?;
    scope.items.push(bound);
    let settled = stages(scope, scan, end);
    scope.items.pop();
    settled
}

fn stages(scope: &mut Scope<'_>, scan: &Scan, end: &mut Ending) -> Result<bool, Fault> {
    for stage in &scan.stages {
        match stage {
            Stage::Filter(node) => {
                if !evaluate(scope, *node)?.truth()? {
                    return Ok(false);
                }
            }
            Stage::Map(node) => {
                let value = evaluate(scope, *node)?;
                scope.items.pop();
                scope.items.push(Bound::Value(value));
            }
        }
    }
    end.count += 1;
    // A filter that fails on a later item fails for the whole list: only without one is the rest
    // not looked at.
    let settles = scan.stages.is_empty();
    match scan.end {
        End::Size => {}
        End::Sum(node) | End::Average(node) => {
            let value = said(scope, node)?;
            end.total = end.total.plus(value)?;
        }
        End::Min(node) | End::Max(node) => {
            let value = said(scope, node)?;
            end.extreme(value, matches!(scan.end, End::Min(_)))?;
        }
        End::StandardDeviation(node) => {
            let value = said(scope, node)?.number()?;
            end.spread(value, end.count);
        }
        End::GapDeviation => match scope.items.get(0) {
            Some(Bound::Item(item)) => end.gap(item.head.time)?,
            _ => return Err(Fault::Type),
        },
        // `exists` is a chain of `||`, `all` one of `&&`: an error on one item does not matter
        // when another decides.
        End::Exists(node) | End::All(node) => {
            let deciding = matches!(scan.end, End::Exists(_));
            match evaluate(scope, node).and_then(Value::truth) {
                Ok(truth) if truth == deciding => {
                    end.decided = Some(deciding);
                    return Ok(settles);
                }
                Ok(_) => {}
                Err(Fault::Fuel) => return Err(Fault::Fuel),
                Err(fault) => end.undecided = end.undecided.or(Some(fault)),
            }
        }
        End::ExistsOne(node) => {
            end.count -= i64::from(!evaluate(scope, node)?.truth()?);
        }
        // Only the chosen item is asked: what another one lacks does not matter.
        End::First(_) if end.chosen.is_some() => {}
        End::First(node) => {
            end.chosen = Some(evaluate(scope, node));
            return Ok(settles);
        }
        End::Last(node) => end.chosen = Some(evaluate(scope, node)),
        End::Distinct(node) => {
            let value = evaluate(scope, node)?;
            if !end.distinct.iter().any(|known| value::equal(*known, value)) {
                if end.distinct.len() >= DISTINCT_MAX {
                    return Err(Fault::Overflow);
                }
                end.distinct.push(value);
            }
        }
    }
    Ok(false)
}

/// The value of an item's expression, which has to be there.
fn said(scope: &mut Scope<'_>, node: NodeId) -> Result<Value, Fault> {
    match evaluate(scope, node)? {
        Value::Null => Err(Fault::Missing),
        value => Ok(value),
    }
}

/// Money of a second currency can neither be added to the first nor compared with it.
fn at_home(value: Value, foreign: bool) -> Result<Value, Fault> {
    match value {
        Value::Money(_) if foreign => Err(Fault::Currencies),
        value => Ok(value),
    }
}

/// Whether the event at hand is in another currency than the entity's first was.
fn is_foreign(scope: &Scope<'_>, event: &Event) -> bool {
    let home = scope.entity.and_then(|entity| entity.currency);
    home.is_some() && event.currency.is_some() && home != event.currency
}

impl Total {
    fn plus(self, value: Value) -> Result<Self, Fault> {
        Ok(match (self, value) {
            (Self::Nothing, Value::Int(int)) => Self::Int(int),
            (Self::Nothing, Value::Money(amount)) => Self::Money(amount.micros().into()),
            (Self::Nothing, Value::Number(number)) => Self::Number(number.micros().into()),
            (Self::Nothing, Value::Double(double)) => Self::Double(double),
            (Self::Int(a), Value::Int(b)) => Self::Int(a.checked_add(b).ok_or(Fault::Overflow)?),
            (Self::Money(a), Value::Money(b)) => Self::Money(a + i128::from(b.micros())),
            (Self::Number(a), Value::Number(b)) => Self::Number(a + i128::from(b.micros())),
            (Self::Double(a), b) => Self::Double(a + b.number()?),
            (Self::Int(_) | Self::Number(_), b) => {
                Self::Double(self.value()?.number()? + b.number()?)
            }
            _ => return Err(Fault::Type),
        })
    }

    fn value(self) -> Result<Value, Fault> {
        let decimal =
            |micros| i64::try_from(micros).map(Decimal::from_micros).map_err(|_| Fault::Overflow);
        Ok(match self {
            Self::Nothing => Value::Null,
            Self::Int(int) => Value::Int(int),
            Self::Money(micros) => Value::Money(decimal(micros)?),
            Self::Number(micros) => Value::Number(decimal(micros)?),
            Self::Double(double) => Value::Double(double),
        })
    }
}

impl Ending {
    /// Takes the `count`th value by Welford's recurrence: no cancellation of large squares.
    #[expect(clippy::cast_precision_loss, reason = "a count of items in memory")]
    fn spread(&mut self, value: f64, count: i64) {
        let delta = value - self.mean;
        self.mean += delta / count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Keeps the smallest value, or the largest.
    fn extreme(&mut self, value: Value, smallest: bool) -> Result<(), Fault> {
        use std::cmp::Ordering::Greater;
        use std::cmp::Ordering::Less;
        let wanted = if smallest { Less } else { Greater };
        match self.best {
            Some(best) if value::order(value, best)? != wanted => {}
            _ => self.best = Some(value),
        }
        Ok(())
    }

    /// Takes the time from the item before to this one.
    fn gap(&mut self, at: Timestamp) -> Result<(), Fault> {
        if let Some(before) = self.before.replace(at) {
            let gap = Value::Span(at - before).number()?;
            self.spread(gap, self.count - 1);
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of items in memory")]
    fn finish(self, scan: &Scan) -> Result<Value, Fault> {
        match scan.end {
            End::Size => Ok(Value::Int(self.count)),
            End::Sum(_) if self.total == Total::Nothing => Ok(scan.zero),
            End::Sum(_) => self.total.value(),
            End::Average(_) if self.count == 0 => Ok(Value::Null),
            End::Average(_) => {
                let total = self.total.value()?;
                value::arithmetic(
                    Arithmetic::Divide,
                    total.widened(),
                    Value::Double(self.count as f64),
                )
            }
            End::Min(_) | End::Max(_) => Ok(self.best.unwrap_or(Value::Null)),
            End::First(_) | End::Last(_) => self.chosen.unwrap_or(Ok(Value::Null)),
            End::StandardDeviation(_) if self.count < 2 => Ok(Value::Null),
            End::StandardDeviation(_) => {
                Ok(Value::Double((self.squares / (self.count - 1) as f64).sqrt()))
            }
            End::GapDeviation if self.count < 3 => Ok(Value::Null),
            End::GapDeviation => {
                value::span_of((self.squares / (self.count - 2) as f64).sqrt().floor())
            }
            End::Exists(_) | End::All(_) => match (self.decided, self.undecided) {
                (Some(decided), _) => Ok(Value::Bool(decided)),
                (None, Some(fault)) => Err(fault),
                (None, None) => Ok(Value::Bool(matches!(scan.end, End::All(_)))),
            },
            End::ExistsOne(_) => Ok(Value::Bool(self.count == 1)),
            End::Distinct(_) => {
                Ok(Value::Int(i64::try_from(self.distinct.len()).unwrap_or(i64::MAX)))
            }
        }
    }
}

fn named_text(symbol: Option<Symbol>) -> Value {
    symbol.map_or(Value::Null, Value::Text)
}

fn talk_field(talk: &Talk, field: Field) -> Value {
    let number = |decimal: Option<Decimal>| decimal.map_or(Value::Null, Value::Number);
    match field {
        Field::Topic => named_text(talk.topic),
        Field::Outcome => named_text(talk.outcome),
        Field::Direction => named_text(talk.direction),
        Field::Campaign => named_text(talk.campaign),
        Field::Severity => named_text(talk.severity),
        Field::Duration => number(talk.duration_s),
        Field::Sentiment => number(talk.sentiment),
        Field::Count => number(talk.count),
        Field::Amount => talk.amount.map_or(Value::Null, Value::Money),
        _ => Value::Null,
    }
}

/// A field of an item; null when the source did not say.
pub fn field_of(item: &Item, field: Field, symbols: &Symbols) -> Value {
    let money = |amount: Option<Decimal>| amount.map_or(Value::Null, Value::Money);
    let (head, body) = (&item.head, &item.body);
    match field {
        Field::Time => Value::Time(head.time),
        Field::Kind => match head.talk.word {
            Some(word) => Value::Text(word),
            None => Value::Text(symbols.intern(head.kind.name())),
        },
        Field::Channel => named_text(head.channel),
        Field::Rep => named_text(head.rep),
        Field::Customer => named_text(head.customer),
        Field::Product => named_text(body.product),
        Field::Category => named_text(body.category),
        Field::Brand => named_text(body.brand),
        Field::Promotion => named_text(body.promotion),
        Field::Quantity => body.quantity.map_or(Value::Null, Value::Number),
        Field::Net => money(body.net),
        Field::Cost => money(body.cost),
        Field::GrossProfit => money(body.net.and_then(|net| net.checked_sub(body.cost?))),
        Field::Discount => money(body.discount),
        Field::NonProduct => Value::Bool(body.non_product),
        _ => talk_field(&head.talk, field),
    }
}

/// A field of the event at hand, without making an item of all of it where one line will do.
fn event_field(event: &Event, field: Field, symbols: &Symbols) -> Value {
    match (field, event.lines.as_slice()) {
        (Field::Time, _) => Value::Time(event.time),
        (Field::Channel, _) => named_text(event.channel),
        (Field::Rep, _) => named_text(event.rep),
        (Field::Customer, _) => named_text(event.customer),
        (Field::Category, [line]) => named_text(line.category),
        (Field::Product, [line]) => named_text(line.product),
        (Field::Net, [line]) => line.net.map_or(Value::Null, Value::Money),
        _ => field_of(&crate::state::item::whole(event, false), field, symbols),
    }
}

fn profile_field(scope: &Scope<'_>, field: ProfileField) -> Value {
    if field == ProfileField::Id {
        return named_text(scope.id);
    }
    let Some(profile) = scope.entity.and_then(|entity| entity.profile.as_deref()) else {
        // Of a customer without reference data the id is known, and people call it by that.
        return if field == ProfileField::Name { named_text(scope.id) } else { Value::Null };
    };
    match field {
        ProfileField::Id => named_text(scope.id),
        ProfileField::Name => match &profile.name {
            Some(name) => Value::Text(scope.symbols.intern(name)),
            None => named_text(scope.id),
        },
        ProfileField::Kind => named_text(profile.kind),
        ProfileField::Segment => named_text(profile.segment),
        ProfileField::Tier => named_text(profile.tier),
        ProfileField::Territory => named_text(profile.territory),
        ProfileField::Owner => named_text(profile.owner),
        ProfileField::ConsentMarketing => {
            profile.consent_marketing.map_or(Value::Null, Value::Bool)
        }
    }
}

fn attribute(scope: &Scope<'_>, name: &str) -> Value {
    use crate::event::reference::Attribute;
    let profile = scope.entity.and_then(|entity| entity.profile.as_deref());
    match profile.and_then(|profile| profile.attributes.get(name)) {
        None => Value::Null,
        Some(Attribute::Flag(flag)) => Value::Bool(*flag),
        Some(Attribute::Number(number)) => Value::Double(*number),
        Some(Attribute::Text(text)) => Value::Text(scope.symbols.intern(text)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "CEL's int() truncates; the range is checked")]
#[expect(clippy::cast_precision_loss, reason = "lengths of time in days")]
fn apply(function: Function, value: Value) -> Result<Value, Fault> {
    match (function, value.widened()) {
        (_, Value::Null) => Err(Fault::Missing),
        (Function::Date, Value::Time(at)) => {
            Ok(Value::Time(Timestamp::saturating(at.day() * Span::DAY.millis())))
        }
        (Function::Hour, Value::Time(at)) => {
            Ok(Value::Int(at.millis().rem_euclid(Span::DAY.millis()) / 3_600_000))
        }
        // 1970-01-01 was a Thursday.
        (Function::DayOfWeek, Value::Time(at)) => Ok(Value::Int((at.day() + 4).rem_euclid(7))),
        (Function::Millis, Value::Time(at)) => Ok(Value::Int(at.millis())),
        (Function::Millis, Value::Span(span)) => Ok(Value::Int(span.millis())),
        (Function::Days, Value::Span(span)) => {
            Ok(Value::Double(span.millis() as f64 / Span::DAY.millis() as f64))
        }
        (Function::Double, value) => value.number().map(Value::Double),
        (Function::Int, Value::Int(int)) => Ok(Value::Int(int)),
        (Function::Int, value) => {
            let number = value.number()?;
            if number.is_finite() && number.abs() < 9.2e18 {
                Ok(Value::Int(number as i64))
            } else {
                Err(Fault::Overflow)
            }
        }
        (Function::Abs, Value::Int(int)) => {
            int.checked_abs().map(Value::Int).ok_or(Fault::Overflow)
        }
        (Function::Abs, Value::Double(double)) => Ok(Value::Double(double.abs())),
        (Function::Abs, Value::Money(amount)) => {
            Ok(Value::Money(if amount < Decimal::ZERO { amount.negated() } else { amount }))
        }
        (Function::Abs, Value::Span(span)) => {
            Ok(Value::Span(Span::from_millis(span.millis().abs())))
        }
        (Function::Amount, value) => {
            Decimal::from_f64(value.number()?).map(Value::Money).map_err(|_| Fault::Overflow)
        }
        _ => Err(Fault::Type),
    }
}

fn apply2(
    scope: &mut Scope<'_>,
    function: Function2,
    a: NodeId,
    b: NodeId,
) -> Result<Value, Fault> {
    let left = evaluate(scope, a)?;
    if function == Function2::OrElse {
        return if left == Value::Null { evaluate(scope, b) } else { Ok(left) };
    }
    let right = evaluate(scope, b)?;
    match function {
        Function2::Greatest | Function2::Least => {
            let wanted = if function == Function2::Least {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Less
            };
            Ok(if value::order(left, right)? == wanted { right } else { left })
        }
        _ => {
            let (Value::Text(text), Value::Text(part)) = (left, right) else {
                return Err(if left == Value::Null || right == Value::Null {
                    Fault::Missing
                } else {
                    Fault::Type
                });
            };
            let reader = scope.symbols.read();
            let (text, part) = (reader.text(text), reader.text(part));
            Ok(Value::Bool(match function {
                Function2::StartsWith => text.starts_with(part),
                Function2::EndsWith => text.ends_with(part),
                _ => text.contains(part),
            }))
        }
    }
}
