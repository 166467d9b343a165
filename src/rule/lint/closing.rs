//! Which alerts stay open for ever? Those whose condition, once true, cannot become false.
//!
//! ```text
//! size(orders) >= 5                 orders are never taken back: it only grows
//! now - orders.first().time > …     time does not go back
//! event.topic == 'x'                the rule looks again at the next such event only, if ever
//! ```
//!
//! A silence ends with the next event, and `expires_after` closes an alert in any case.

use crate::event::Kind;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::file::RuleSource;
use crate::rule::file::Trigger;
use crate::rule::lint::truth;
use crate::rule::lint::warning;
use crate::rule::vocabulary::is_list;
use crate::state::window::List;

/// Reports a rule whose alerts nothing will close.
pub(super) fn never(rule: &RuleSource, found: &mut Vec<Diagnostic>) {
    if rule.expires_after.is_some() || matches!(rule.on.value, Trigger::Silence { .. }) {
        return;
    }
    let Some(when) = &rule.when else { return };
    // That it is always true was told already.
    if truth::truth(&when.expr).is_some() {
        return;
    }
    let whole = resolved(rule, &when.expr);
    let message = if stays_true(&whole) {
        "once this is true it stays true, so nothing closes its alerts"
    } else if seldom(rule) && asks_event_only(&whole) {
        "this asks about one event, so nothing closes its alert but the next such event"
    } else {
        return;
    };
    let problem = warning(rule, "W103", &when.expr.span, message.to_owned());
    found.push(problem.with_help("say when the moment passes, e.g. `expires_after: 14d`"));
}

/// Whether the events that set it off may stay away for ever: customers order again, or are told
/// by a silence; nobody has to call twice.
fn seldom(rule: &RuleSource) -> bool {
    let Trigger::Events(names) = &rule.on.value else { return false };
    names.iter().all(|name| Kind::from_name(&name.value).is_none_or(|kind| !kind.is_transaction()))
}

/// The condition with the named parts put in their places.
fn resolved(rule: &RuleSource, expr: &Expr) -> Expr {
    let mut whole = expr.clone();
    // A part uses only those above it.
    for (name, part) in rule.parts.iter().rev() {
        put(&mut whole, &name.value, &part.expr);
    }
    whole
}

fn put(expr: &mut Expr, name: &str, part: &Expr) {
    if matches!(&expr.node, Node::Ident(ident) if ident == name) {
        *expr = part.clone();
        return;
    }
    match &mut expr.node {
        Node::Select(of, _) | Node::Has(of, _) | Node::Unary(_, of) => put(of, name, part),
        Node::Index(a, b) | Node::Binary(_, a, b) => {
            put(a, name, part);
            put(b, name, part);
        }
        Node::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|e| put(e, name, part)),
        Node::Call { target, args, .. } => {
            target.as_deref_mut().into_iter().chain(args).for_each(|e| put(e, name, part));
        }
        Node::List(items) => items.iter_mut().for_each(|e| put(e, name, part)),
        _ => {}
    }
}

/// Whether a condition that is true now is true ever after.
fn stays_true(expr: &Expr) -> bool {
    match &expr.node {
        Node::Binary(BinaryOp::And | BinaryOp::Or, a, b) => stays_true(a) && stays_true(b),
        Node::Binary(BinaryOp::Greater | BinaryOp::GreaterEqual, a, b) => {
            grows(a) && truth::constant(b).is_some()
        }
        Node::Binary(BinaryOp::Less | BinaryOp::LessEqual, a, b) => {
            grows(b) && truth::constant(a).is_some()
        }
        Node::Call { name, target: Some(target), .. } => name == "exists" && is_ever(target),
        _ => false,
    }
}

/// Whether a number never becomes smaller.
fn grows(expr: &Expr) -> bool {
    match &expr.node {
        Node::Ident(name) => name == "now",
        Node::Call { name, target: None, args } => {
            name == "size" && args.first().is_some_and(is_ever)
        }
        Node::Call { name, target: Some(target), .. } => {
            matches!(name.as_str(), "size" | "count") && is_ever(target)
        }
        Node::Binary(BinaryOp::Subtract, a, b) => {
            matches!(&a.node, Node::Ident(name) if name == "now") && is_first_time(b)
        }
        _ => false,
    }
}

/// A list of everything ever seen, filtered or not.
fn is_ever(expr: &Expr) -> bool {
    match &expr.node {
        Node::Ident(name) => List::ALL.iter().any(|(_, known)| known == name),
        Node::Call { name, target: Some(target), .. } => name == "filter" && is_ever(target),
        _ => false,
    }
}

fn is_first_time(expr: &Expr) -> bool {
    let Node::Select(of, field) = &expr.node else { return false };
    let Node::Call { name, target: Some(target), .. } = &of.node else { return false };
    field == "time" && name == "first" && is_ever(target)
}

/// Whether every part of a condition asks about the event: lists change, the event does not.
fn asks_event_only(expr: &Expr) -> bool {
    let (mut event, mut other) = (false, false);
    expr.walk(&mut |inner| {
        if let Node::Ident(name) = &inner.node {
            event |= name == "event";
            other |= name == "now" || is_list(name);
        }
    });
    event && !other
}
