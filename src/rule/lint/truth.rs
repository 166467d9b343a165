//! Which conditions hold always, or never? Found without running them, from what is written.
//!
//! ```text
//! size(orders) >= 0                  a size is never negative
//! recent < recent                    both sides are the same
//! net > 10 && net < 5                no number is both
//! 3 > 2, duration('1h') > duration('2h')
//! ```
//!
//! A condition over null has no value and does not hold, so "always" means: wherever it has one.

use crate::rule::diagnostic::Diagnostic;
use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::expression::UnaryOp;
use crate::rule::file::RuleSource;
use crate::rule::lint::expressions;
use crate::rule::lint::warning;
use crate::time::Span;

/// Reports the outermost parts of a rule's expressions that are always true or always false.
pub(super) fn conditions(rule: &RuleSource, found: &mut Vec<Diagnostic>) {
    for expr in expressions(rule) {
        visit(rule, expr, found);
    }
}

fn visit(rule: &RuleSource, expr: &Expr, found: &mut Vec<Diagnostic>) {
    // A table of truth values is written out on purpose.
    if matches!(expr.node, Node::List(_) | Node::Map(_)) {
        return;
    }
    let decided = truth(expr).filter(|_| !is_written_inside(rule, expr));
    // The part that decides is told, not all that follows from it.
    let deeper = expr.children().iter().any(|child| truth(child).is_some());
    match decided {
        Some(value) if !deeper || matches!(expr.node, Node::Bool(_)) => {
            let text = expr.to_text();
            let (code, word) = if value { ("W101", "true") } else { ("W102", "false") };
            let message = format!("`{text}` is always {word}");
            let help = if value {
                "take it away, or compare with another bound"
            } else {
                "nothing can pass it: compare with another bound"
            };
            found.push(warning(rule, code, &expr.span, message).with_help(help));
        }
        _ => expr.children().into_iter().for_each(|child| visit(rule, child, found)),
    }
}

/// `true` and `false` that stand in a comparison or as a part of its own are meant so.
fn is_written_inside(rule: &RuleSource, expr: &Expr) -> bool {
    matches!(expr.node, Node::Bool(_))
        && rule.when.as_ref().is_none_or(|when| when.expr.span != expr.span)
}

/// Whether an expression is always true or always false.
pub(super) fn truth(expr: &Expr) -> Option<bool> {
    match &expr.node {
        Node::Bool(value) => Some(*value),
        Node::Unary(UnaryOp::Not, inner) => truth(inner).map(|value| !value),
        Node::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
            let deciding = *op == BinaryOp::Or;
            match (truth(a), truth(b)) {
                (Some(value), _) | (_, Some(value)) if value == deciding => Some(deciding),
                (Some(_), Some(_)) => Some(!deciding),
                _ if *op == BinaryOp::And && contradict(expr) => Some(false),
                _ => None,
            }
        }
        Node::Binary(op, a, b) if op.is_comparison() => compared(*op, a, b),
        _ => None,
    }
}

fn compared(op: BinaryOp, a: &Expr, b: &Expr) -> Option<bool> {
    if let (Some(a), Some(b)) = (constant(a), constant(b)) {
        return holds(op, a, b);
    }
    if a == b && !matches!(a.node, Node::Bool(_) | Node::Null) {
        return Some(matches!(op, BinaryOp::Equal | BinaryOp::LessEqual | BinaryOp::GreaterEqual));
    }
    match (is_count(a), constant(b), is_count(b), constant(a)) {
        (true, Some(bound), ..) => counted(op, bound),
        (_, _, true, Some(bound)) => counted(turned(op), bound),
        _ => None,
    }
}

/// `count op bound`, where a count is a whole number from 0.
fn counted(op: BinaryOp, bound: f64) -> Option<bool> {
    match op {
        BinaryOp::GreaterEqual if bound <= 0.0 => Some(true),
        BinaryOp::Greater | BinaryOp::NotEqual if bound < 0.0 => Some(true),
        BinaryOp::Less if bound <= 0.0 => Some(false),
        BinaryOp::LessEqual | BinaryOp::Equal if bound < 0.0 => Some(false),
        _ => None,
    }
}

fn holds(op: BinaryOp, a: f64, b: f64) -> Option<bool> {
    let order = a.partial_cmp(&b)?;
    Some(match op {
        BinaryOp::Equal => order.is_eq(),
        BinaryOp::NotEqual => order.is_ne(),
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        BinaryOp::GreaterEqual => order.is_ge(),
        _ => return None,
    })
}

/// The operator with its sides changed about.
fn turned(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}

fn is_count(expr: &Expr) -> bool {
    match &expr.node {
        Node::Call { name, target: None, .. } => name == "size",
        Node::Call { name, target: Some(_), .. } => {
            matches!(name.as_str(), "size" | "count" | "distinct")
        }
        _ => false,
    }
}

/// A number, or a length of time in milliseconds, that is written out.
#[expect(clippy::cast_precision_loss, reason = "only compared, and bounds are small numbers")]
pub(super) fn constant(expr: &Expr) -> Option<f64> {
    match &expr.node {
        Node::Int(value) => Some(*value as f64),
        Node::Double(value) => Some(*value),
        Node::Unary(UnaryOp::Negate, inner) => constant(inner).map(|value| -value),
        Node::Call { name, target: None, args } if name == "duration" => match args.as_slice() {
            [Expr { node: Node::Text(text), .. }] => {
                Span::parse(text).ok().map(|span| span.millis() as f64)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether two bounds of an `&&` chain on one expression leave no number between them, or two
/// texts are asked to be one.
fn contradict(chain: &Expr) -> bool {
    let mut parts = Vec::new();
    conjuncts(chain, &mut parts);
    let bounds: Vec<(&Expr, BinaryOp, &Expr)> = parts
        .into_iter()
        .filter_map(|part| match &part.node {
            Node::Binary(op, a, b) if op.is_comparison() => {
                let literal =
                    |expr: &Expr| constant(expr).is_some() || matches!(expr.node, Node::Text(_));
                match (literal(a), literal(b)) {
                    (false, true) => Some((&**a, *op, &**b)),
                    (true, false) => Some((&**b, turned(*op), &**a)),
                    _ => None,
                }
            }
            _ => None,
        })
        .collect();
    bounds.iter().enumerate().any(|(index, (of, op, bound))| {
        bounds[..index].iter().any(|(other, other_op, other_bound)| {
            of == other && excludes((*op, bound), (*other_op, other_bound))
        })
    })
}

fn excludes((op, bound): (BinaryOp, &Expr), (other_op, other): (BinaryOp, &Expr)) -> bool {
    if op == BinaryOp::Equal && other_op == BinaryOp::Equal {
        return bound != other && constant(bound) != constant(other).or(Some(f64::NAN));
    }
    let (Some(a), Some(b)) = (constant(bound), constant(other)) else { return false };
    // What the first allows: from low to high, each end with or without itself.
    let range = |op: BinaryOp, at: f64| match op {
        BinaryOp::Equal => Some((at, true, at, true)),
        BinaryOp::Less => Some((f64::NEG_INFINITY, true, at, false)),
        BinaryOp::LessEqual => Some((f64::NEG_INFINITY, true, at, true)),
        BinaryOp::Greater => Some((at, false, f64::INFINITY, true)),
        BinaryOp::GreaterEqual => Some((at, true, f64::INFINITY, true)),
        _ => None,
    };
    let (Some(x), Some(y)) = (range(op, a), range(other_op, b)) else { return false };
    let apart = |low: (f64, bool), high: (f64, bool)| {
        low.0 > high.0 || (low.0 >= high.0 && !(low.1 && high.1))
    };
    apart((x.0, x.1), (y.2, y.3)) || apart((y.0, y.1), (x.2, x.3))
}

fn conjuncts<'e>(expr: &'e Expr, parts: &mut Vec<&'e Expr>) {
    match &expr.node {
        Node::Binary(BinaryOp::And, a, b) => {
            conjuncts(a, parts);
            conjuncts(b, parts);
        }
        _ => parts.push(expr),
    }
}
