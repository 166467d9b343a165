//! The value of an expression: its code is run, and nothing is allocated.
//!
//! ```text
//! recent < baseline - 0.03      compare ─┬─ let 0 ── running value ── one read
//!                                        └─ subtract ─┬─ let 1 …   computed once per event
//!                                                     └─ 0.03
//! ```

use crate::money::Decimal;
use crate::state::assortment;
use crate::state::builtin;
use crate::state::cell::Cell;
use crate::state::detection;
use crate::state::field::at_home;
use crate::state::field::attribute;
use crate::state::field::event_field;
use crate::state::field::field_of;
use crate::state::field::is_foreign;
use crate::state::field::known_field;
use crate::state::field::product_term;
use crate::state::field::profile_field;
use crate::state::learned;
use crate::state::offers;
use crate::state::past::AlertField;
use crate::state::program::Bound;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::Function2;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Running;
use crate::state::program::Scope;
use crate::state::program::Verdict;
use crate::state::scan::walk;
use crate::state::texts;
use crate::state::value;
use crate::state::value::Arithmetic;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;
use std::sync::Arc;

/// The value of an expression.
#[inline]
pub fn evaluate(scope: &mut Scope<'_>, id: NodeId) -> Result<Value, Fault> {
    let program = scope.program;
    program.code(id).run(scope).outcome()
}

/// A running value of the plan.
#[inline]
pub(crate) fn kept(scope: &mut Scope<'_>, running: Running) -> Cell {
    match scope.entity.and_then(|entity| entity.running(running)) {
        Some(value) => value,
        None => irregular(scope, running),
    }
}

/// An item without the field, a second currency, an overflow: what the list gives as it stands.
#[cold]
#[inline(never)]
fn irregular(scope: &mut Scope<'_>, running: Running) -> Cell {
    if scope.entity.is_none() {
        return Cell::of_fault(Fault::Type);
    }
    match scope.plan.fallback(running.place) {
        Some(scan) => walk(scope, &Arc::clone(scan)).into(),
        None => Cell::of_fault(Fault::Missing),
    }
}

/// A field of the event that set the rule off.
#[inline]
pub(crate) fn happened(scope: &Scope<'_>, field: Field) -> Cell {
    let Some(event) = scope.event else { return Cell::of_fault(Fault::Missing) };
    match (event_field(event, field, scope.symbols), is_foreign(scope, event)) {
        (Value::Money(_), true) => Cell::of_fault(Fault::Currencies),
        (value, _) => value.into(),
    }
}

/// A `let` name is computed when it is first asked for, and then kept for the event.
pub(crate) fn named(scope: &mut Scope<'_>, place: u16) -> Cell {
    let place = usize::from(place);
    if let Some(Some(known)) = scope.lets.get(place) {
        return (*known).into();
    }
    let Some(&node) = scope.let_nodes.get(place) else { return Cell::of_fault(Fault::Type) };
    let hidden = std::mem::replace(&mut scope.items.hidden, scope.items.stack.len());
    let program = scope.program;
    let value = program.code(node).run(scope);
    scope.items.hidden = hidden;
    scope.texts.hold();
    if let Some(slot) = scope.lets.get_mut(place) {
        *slot = Some(value.outcome());
    }
    value
}

/// The value of a node that is more than an operation over values.
pub(crate) fn other(scope: &mut Scope<'_>, id: NodeId) -> Result<Value, Fault> {
    let program = scope.program;
    match program.node(id) {
        // Their code computes these.
        Node::Constant(_)
        | Node::Event(_)
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
        Node::OfAlert(outwards, field) => told(scope, *outwards, *field),
        Node::OfOffer(outwards, field) => match scope.items.get(*outwards) {
            Some(Bound::Offer(offer)) => Ok(offers::field(scope, offer, *field)),
            _ => Err(Fault::Type),
        },
        Node::Learned(question) => learned::answer(scope, question),
        Node::Variable(outwards) => match scope.items.get(*outwards) {
            Some(Bound::Value(value)) => Ok(*value),
            _ => Err(Fault::Type),
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
            Ok(Value::Bool(values.iter().any(|value| texts::same(scope, *value, needle))))
        }
        Node::Lookup(a, pairs) => {
            let key = evaluate(scope, *a)?;
            let found = pairs.iter().find(|(known, _)| texts::same(scope, *known, key));
            Ok(found.map_or(Value::Null, |(_, value)| *value))
        }
        Node::Owns(set, key) => owns(scope, *set, *key),
        Node::Decides(verdict) => decides(scope, verdict),
        Node::Scan(scan) => walk(scope, scan),
        Node::Detect(detection) => detection::walked::figure(scope, detection),
        Node::Function(function, a) => called(scope, *function, *a),
        Node::Function2(function, a, b) => apply2(scope, *function, *a, *b),
        Node::Call(builtin, args) => builtin::call(scope, builtin, args),
        Node::Known(field) => known_field(scope, field),
    }
}

/// A function of one value, some of which look it up in the catalogue.
fn called(scope: &mut Scope<'_>, function: Function, a: NodeId) -> Result<Value, Fault> {
    if function == Function::Sells {
        return sells(scope, a);
    }
    let value = evaluate(scope, a)?;
    match function {
        Function::ListPrice | Function::UnitCost | Function::MarginFloor => {
            product_term(scope, function, value)
        }
        Function::Of(asked) => assortment::answer(scope, asked, value),
        function => apply(function, value),
    }
}

/// A field of an alert that the entity has had.
fn told(scope: &Scope<'_>, outwards: u8, field: AlertField) -> Result<Value, Fault> {
    let (Some(Bound::Alert(place)), Some(entity)) = (scope.items.get(outwards), scope.entity)
    else {
        return Err(Fault::Type);
    };
    let alert = entity.past().at(*place).ok_or(Fault::Type)?;
    Ok(alert.field(field, scope.symbols))
}

/// Whether the entity ever had the key in a set.
fn owns(scope: &mut Scope<'_>, set: u16, key: NodeId) -> Result<Value, Fault> {
    let Some(entity) = scope.entity else { return Err(Fault::Type) };
    match evaluate(scope, key) {
        Ok(Value::Text(symbol)) => Ok(Value::Bool(entity.owns(set, Some(symbol)))),
        Ok(made @ Value::Made(_)) => {
            let known = texts::symbol(scope, made);
            Ok(Value::Bool(known.is_some() && entity.owns(set, known)))
        }
        Ok(Value::Null) => Ok(Value::Bool(entity.owns(set, None))),
        Ok(_) => Ok(Value::Bool(false)),
        // Of nothing, nothing is asked.
        Err(_) if entity.owns_nothing(set) => Ok(Value::Bool(false)),
        Err(fault) => Err(fault),
    }
}

/// Whether the catalogue has a product of a category.
fn sells(scope: &mut Scope<'_>, category: NodeId) -> Result<Value, Fault> {
    match evaluate(scope, category)? {
        Value::Text(category) => Ok(Value::Bool(scope.catalog.sells(category))),
        made @ Value::Made(_) => {
            let known = texts::symbol(scope, made);
            Ok(Value::Bool(known.is_none_or(|category| scope.catalog.sells(category))))
        }
        Value::Null => Err(Fault::Missing),
        _ => Err(Fault::Type),
    }
}

fn decides(scope: &mut Scope<'_>, verdict: &Verdict) -> Result<Value, Fault> {
    let entity = scope.entity.ok_or(Fault::Type)?;
    let irregular = entity.running(verdict.count).is_none();
    let found = entity.slots[usize::from(verdict.count.slot)] != 0;
    match &verdict.fallback {
        Some(scan) if irregular => walk(scope, scan),
        None if irregular && !found => Err(Fault::Missing),
        _ => Ok(Value::Bool(found == verdict.decided)),
    }
}

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
        (Function::Int, value) => value::whole(value.number()?),
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
            Ok(if texts::order(scope, left, right)? == wanted { right } else { left })
        }
        _ => {
            let names = scope.symbols.read();
            let text = scope.texts.read(&names, left)?;
            let part = scope.texts.read(&names, right)?;
            Ok(Value::Bool(match function {
                Function2::StartsWith => text.starts_with(part),
                Function2::EndsWith => text.ends_with(part),
                _ => text.contains(part),
            }))
        }
    }
}
