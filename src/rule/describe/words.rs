//! An expression in words: `size(orders.last('30d')) >= 5` is "the number of orders of the last 30
//! days is at least 5". What has no words of its own stands as it is written.

use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::expression::UnaryOp;
use crate::time::Span;

/// The words of an expression.
pub(super) fn of(expr: &Expr) -> String {
    match &expr.node {
        Node::Null => "not known".to_owned(),
        Node::Bool(true) => "yes".to_owned(),
        Node::Bool(false) => "no".to_owned(),
        Node::Text(text) => format!("“{text}”"),
        Node::Ident(name) => name.replace('_', " "),
        Node::Select(target, field) => select(target, field),
        Node::Index(table, key) => format!("what {} has for {}", within(table), within(key)),
        Node::Call { name, target: None, args } => function(expr, name, args),
        Node::Call { name, target: Some(target), args } => method(expr, name, target, args),
        Node::Unary(UnaryOp::Not, inner) => negated(inner),
        Node::Unary(UnaryOp::Negate, inner) => format!("minus {}", within(inner)),
        Node::Binary(op, a, b) => binary(*op, a, b),
        Node::Conditional(condition, then, otherwise) => {
            format!("{} if {}, else {}", of(then), of(condition), of(otherwise))
        }
        Node::List(items) => items.iter().map(of).collect::<Vec<_>>().join(", "),
        Node::Map(entries) => format!("a table of {} entries", entries.len()),
        Node::Has(target, field) => format!("{} is known", select(target, field)),
        Node::Int(_) | Node::Uint(_) | Node::Double(_) => expr.to_text(),
    }
}

/// Of what stands in a text: how it is written is of no matter, but how exactly is.
pub(super) fn of_template(expr: &Expr) -> String {
    match &expr.node {
        Node::Call { name, target: None, args } if name == "round" && args.len() == 2 => {
            match args[1].node {
                Node::Int(0) => format!("{}, rounded", of(&args[0])),
                Node::Int(1) => format!("{}, to a decimal", of(&args[0])),
                _ => format!("{}, to {} decimals", of(&args[0]), args[1].to_text()),
            }
        }
        Node::Call { name, target: None, args }
            if matches!(name.as_str(), "percent" | "money" | "date") =>
        {
            args.first().map_or_else(String::new, of)
        }
        _ => of(expr),
    }
}

/// `30 days`, `1 hour 30 minutes`.
pub(super) fn length(span: Span) -> String {
    let mut rest = span.millis();
    let mut words = Vec::new();
    for (unit, millis) in
        [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)]
    {
        let count = rest / millis;
        rest %= millis;
        if count != 0 {
            words.push(if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") });
        }
    }
    if words.is_empty() { span.to_string() } else { words.join(" ") }
}

/// In brackets where the words alone would be ambiguous.
fn within(expr: &Expr) -> String {
    match &expr.node {
        Node::Binary(..) | Node::Conditional(..) => format!("({})", of(expr)),
        _ => of(expr),
    }
}

fn select(target: &Expr, field: &str) -> String {
    let field = match field {
        "net" => "net amount".to_owned(),
        other => other.replace('_', " "),
    };
    match &target.node {
        // A variable of a list is named in one letter, and says nothing.
        Node::Ident(name) if name.chars().count() == 1 => field,
        Node::Ident(name) => format!("the {name}'s {field}"),
        Node::Select(outer, inner) => format!("{} to {field}", select(outer, inner)),
        _ => format!("the {field} of {}", within(target)),
    }
}

fn binary(op: BinaryOp, a: &Expr, b: &Expr) -> String {
    let (left, right) = match op {
        BinaryOp::And | BinaryOp::Or => (joined(op, a), joined(op, b)),
        _ => (within(a), within(b)),
    };
    let known = matches!(b.node, Node::Null);
    let sign = match op {
        BinaryOp::And => ", and",
        BinaryOp::Or => ", or",
        BinaryOp::NotEqual if known => return format!("{left} is known"),
        BinaryOp::Equal => " is",
        BinaryOp::NotEqual => " is not",
        BinaryOp::Less => " is less than",
        BinaryOp::LessEqual => " is at most",
        BinaryOp::Greater => " is more than",
        BinaryOp::GreaterEqual => " is at least",
        BinaryOp::In => " is one of",
        BinaryOp::Add => " plus",
        BinaryOp::Subtract => " minus",
        BinaryOp::Multiply => " times",
        BinaryOp::Divide => " divided by",
        BinaryOp::Modulo => " modulo",
    };
    format!("{left}{sign} {right}")
}

/// A side of `&&` or `||`; the other of the two stands in brackets.
fn joined(op: BinaryOp, side: &Expr) -> String {
    match &side.node {
        Node::Binary(inner @ (BinaryOp::And | BinaryOp::Or), ..) if *inner != op => {
            format!("({})", of(side))
        }
        Node::Conditional(..) => format!("({})", of(side)),
        _ => of(side),
    }
}

fn negated(expr: &Expr) -> String {
    match &expr.node {
        Node::Call { name, target: Some(target), args } if name == "exists" => {
            format!("none of {} has {}", of(target), condition(args))
        }
        Node::Has(target, field) => format!("{} is not known", select(target, field)),
        _ => format!("it is not so that {}", within(expr)),
    }
}

/// The second argument of `exists(x, …)` and the like.
fn condition(args: &[Expr]) -> String {
    args.get(1).map_or_else(String::new, of)
}

fn function(expr: &Expr, name: &str, args: &[Expr]) -> String {
    let first = || args.first().map_or_else(String::new, within);
    match (name, args) {
        ("size", [_]) => format!("the number of {}", first()),
        ("margin_rate", [_]) => format!("the margin of {}", first()),
        ("mean_gap", [_]) => format!("the usual time between {}", first()),
        ("gap_stddev", [_]) => format!("how much the time between {} varies", first()),
        ("duration", [text]) => duration(text).unwrap_or_else(|| expr.to_text()),
        ("days", [_]) => format!("{} in days", first()),
        ("date", [_]) => format!("the day of {}", first()),
        ("abs", [_]) => format!("{} without its sign", first()),
        ("double" | "int" | "amount", [_]) => first(),
        ("sells", [_]) => format!("{} is sold here", first()),
        ("list_price", [_]) => format!("the list price of {}", first()),
        ("unit_cost", [_]) => format!("the unit cost of {}", first()),
        ("margin_floor", [_]) => format!("the lowest margin allowed for {}", first()),
        ("grade", [_]) => format!("the grade of {}", first()),
        ("own_brand", [_]) => format!("{} is of an own brand", first()),
        ("next_break", [_, _]) => format!("the next price break of {}", first()),
        ("price_at", [_, quantity]) => {
            format!("the price of {} at a quantity of {}", first(), within(quantity))
        }
        ("substitute", [_]) => format!("what takes the place of {}", first()),
        ("p_switch", [..]) => format!("the chance that the own brand of {} is taken", first()),
        ("p_alive", [_]) => format!("the chance, by {}, that the customer has not left", first()),
        ("expected_purchases", [_, span]) => {
            let span = duration(span).unwrap_or_else(|| within(span));
            format!("the number of {} to come in {span}", first())
        }
        ("drift_deadline", [_, level]) => {
            format!("as long as the chance, by {}, takes to fall to {}", first(), within(level))
        }
        ("p_active", [_]) => {
            format!("the chance, by the rhythm of {}, that the customer has not left", first())
        }
        ("silence_limit", [_, level]) => format!(
            "as long as the chance, by the rhythm of {}, takes to fall to {}",
            first(),
            within(level)
        ),
        ("category_dropped", [_, chance]) => format!(
            "the categories of {} still bought with a chance of {} at most",
            first(),
            within(chance)
        ),
        ("discount_shift", [_]) => format!("the shift of the discount on {}", first()),
        ("category_loss", [_, gaps]) => {
            format!("the categories of {} given up for {} of their gaps", first(), within(gaps))
        }
        ("margin_shift", [_]) => format!("the shift of the margin of {}", first()),
        ("trend", [_]) => format!("the trend of {}", first()),
        ("pace", [_]) => "the pace".to_owned(),
        ("win_rate_below", [won, lost, team]) => format!(
            "the chance that {} won and {} lost quotes are of a share below 0.8 of {}",
            within(won),
            within(lost),
            within(team)
        ),
        ("in_territory", [rep, territory, _]) => {
            format!("{} was in {} then", within(rep), within(territory))
        }
        ("agreement", [_]) => "the agreement".to_owned(),
        ("return_rate", [_]) => "the return rate".to_owned(),
        ("sentiment", [_]) => format!("the mood of {}", first()),
        ("greatest", [a, b]) => format!("the larger of {} and {}", within(a), within(b)),
        ("least", [a, b]) => format!("the smaller of {} and {}", within(a), within(b)),
        ("timestamp", [Expr { node: Node::Text(text), .. }]) => text.clone(),
        _ => expr.to_text(),
    }
}

fn method(expr: &Expr, name: &str, target: &Expr, args: &[Expr]) -> String {
    let list = within(target);
    let measure = || {
        let measure = condition(args);
        if measure.is_empty() { "the values".to_owned() } else { measure }
    };
    match (name, args) {
        ("last", []) => format!("the newest of {list}"),
        ("first", []) => format!("the oldest of {list}"),
        ("last", [Expr { node: Node::Int(count), .. }]) => format!("the newest {count} {list}"),
        ("last", [length]) => match duration(length) {
            Some(length) => format!("{list} of the last {length}"),
            None => expr.to_text(),
        },
        ("between", [from, to]) => match (duration(from), duration(to)) {
            (Some(from), Some(to)) => format!("{list} from {from} to {to} ago"),
            _ => expr.to_text(),
        },
        ("filter", _) => format!("{list} where {}", condition(args)),
        ("map", _) => format!("{} of {list}", condition(args)),
        ("exists", _) => format!("one of {list} has {}", condition(args)),
        ("all", _) => format!("all of {list} have {}", condition(args)),
        ("exists_one", _) => format!("exactly one of {list} has {}", condition(args)),
        ("size", []) => format!("the number of {list}"),
        ("count", _) => format!("the number of {list} where {}", condition(args)),
        ("sum", _) => format!("the sum of {} over {list}", measure()),
        ("avg", _) => format!("the mean of {} over {list}", measure()),
        ("min", _) => format!("the smallest {} of {list}", measure()),
        ("max", _) => format!("the largest {} of {list}", measure()),
        ("stddev", _) => format!("how much {} varies over {list}", measure()),
        ("distinct", _) => format!("the number of different values of {} over {list}", measure()),
        ("orElse", [other]) => format!("{list}, or {} where that is not known", within(other)),
        ("startsWith", [part]) => format!("{list} begins with {}", of(part)),
        ("endsWith", [part]) => format!("{list} ends with {}", of(part)),
        ("contains", [part]) => format!("{list} contains {}", of(part)),
        _ => expr.to_text(),
    }
}

/// A length of time that is written out.
fn duration(expr: &Expr) -> Option<String> {
    match &expr.node {
        Node::Text(text) => Span::parse(text).ok().map(length),
        Node::Call { name, target: None, args } if name == "duration" => {
            args.first().and_then(duration)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::expression::parse;

    #[test]
    fn an_expression_is_told_in_words() {
        for (text, words) in [
            (
                "size(orders.last('30d')) >= 5 && recent < baseline - 0.03",
                "the number of orders of the last 30 days is at least 5, and recent is less than (baseline minus 0.03)",
            ),
            ("!lines.exists(l, l.category == 'Safety')", "none of lines has category is “Safety”"),
            ("a || (b && c)", "a, or (b, and c)"),
            ("event.topic in ['a', 'b']", "the event's topic is one of “a”, “b”"),
            (
                "customer.consent.marketing != false",
                "the customer's consent to marketing is not no",
            ),
            ("orders.last().time", "the time of the newest of orders"),
            ("offer != null", "offer is known"),
            (
                "lines.between('210d', '30d').sum(l, l.net)",
                "the sum of net amount over lines from 210 days to 30 days ago",
            ),
            ("has(l.cost) ? 1 : -x", "1 if cost is known, else minus x"),
            ("duration('1h30m')", "1 hour 30 minutes"),
            ("orders.last(12)", "the newest 12 orders"),
        ] {
            assert_eq!(of(&parse(text).unwrap()), words, "{text}");
        }
        for (text, words) in [
            ("round(days(gap), 0)", "gap in days, rounded"),
            ("round(rate, 1)", "rate, to a decimal"),
            ("round(rate, 2)", "rate, to 2 decimals"),
            ("money(value)", "value"),
        ] {
            assert_eq!(of_template(&parse(text).unwrap()), words, "{text}");
        }
    }
}
