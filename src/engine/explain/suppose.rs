//! What if? Parts of a rule, and fields of the event that sets it off, taken to be something else.
//!
//! ```text
//! recent=0.1                 a `let` name                the rest is evaluated with it
//! event.topic='welding'      a field of the event        in a copy of the event
//! ```

use crate::event::Detail;
use crate::event::Event;
use crate::event::Symbols;
use crate::money::Decimal;
use crate::rule::diagnostic::suggest;
use crate::rule::expression;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::expression::UnaryOp;
use crate::rule::set::Rule;
use crate::rule::vocabulary::FIELDS;
use crate::rule::vocabulary::Type;
use crate::state::program::Field;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// Something taken to be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Supposition {
    /// As it was written.
    pub text: String,
    of: Of,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Of {
    Part(u16),
    Event(Field),
}

/// Why something cannot be supposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupposeError {
    /// No `=` in it.
    #[error("`{0}` supposes nothing: write a name, `=` and a value, such as `recent=0.1`")]
    Form(String),
    /// The rule has no such part.
    #[error("rule `{rule}` has no part `{name}`: {hint}")]
    Name {
        /// The rule.
        rule: String,
        /// The name.
        name: String,
        /// What there is.
        hint: String,
    },
    /// A field that cannot be put into an event.
    #[error("`event.{0}` cannot be supposed: of events {list} can", list = settable())]
    Field(String),
    /// Not a value of this type.
    #[error("`{text}` is not {wanted}: write {example}")]
    Value {
        /// What was written.
        text: String,
        /// The type, with its article.
        wanted: &'static str,
        /// What one looks like.
        example: &'static str,
    },
}

/// Fields of an event that can be supposed.
const SETTABLE: [Field; 14] = [
    Field::Channel,
    Field::Rep,
    Field::Territory,
    Field::Category,
    Field::Product,
    Field::Net,
    Field::Topic,
    Field::Outcome,
    Field::Direction,
    Field::Campaign,
    Field::Severity,
    Field::Duration,
    Field::Sentiment,
    Field::Amount,
];

fn settable() -> String {
    let names = FIELDS.iter().filter(|(_, field, ..)| SETTABLE.contains(field));
    names.map(|(name, ..)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Supposition {
    /// Reads `name=value` for a rule. The value is a constant of the rule language; lengths of
    /// time may be written `30d`, texts without quotes.
    pub fn parse(text: &str, rule: &Rule, symbols: &Symbols) -> Result<Self, SupposeError> {
        let form = || SupposeError::Form(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(form)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() || value.starts_with('=') {
            return Err(form());
        }
        let (of, ty) = match name.strip_prefix("event.") {
            Some(field) => {
                let known = FIELDS.iter().find(|(known, ..)| *known == field);
                let known = known.filter(|(_, field, ..)| SETTABLE.contains(field));
                let (_, field, ty, ..) =
                    known.ok_or_else(|| SupposeError::Field(field.to_owned()))?;
                (Of::Event(*field), *ty)
            }
            None => part(name, rule)?,
        };
        Ok(Self { text: text.to_owned(), of, value: constant(value, ty, symbols)? })
    }

    /// The part it is of, and its value.
    pub(super) fn part(&self) -> Option<(u16, Value)> {
        match self.of {
            Of::Part(place) => Some((place, self.value)),
            Of::Event(_) => None,
        }
    }
}

fn part(name: &str, rule: &Rule) -> Result<(Of, Type), SupposeError> {
    // A list has no value: it cannot be put in its place.
    let parts = || rule.parts.iter().filter(|part| part.ty != Type::Unknown);
    let place = rule.parts.iter().position(|part| part.name == name && part.ty != Type::Unknown);
    if let Some(place) = place
        && let Ok(number) = u16::try_from(place)
    {
        return Ok((Of::Part(number), rule.parts[place].ty));
    }
    let near = suggest(name, parts().map(|part| part.name.as_str()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<_> = parts().map(|part| format!("`{}`", part.name)).collect();
            match names.as_slice() {
                [] => "it has none; fields of the event are written `event.topic`".to_owned(),
                names => format!("it has {}; of the event `event.topic` …", names.join(", ")),
            }
        }
    };
    Err(SupposeError::Name { rule: rule.name.to_string(), name: name.to_owned(), hint })
}

/// A constant of this type.
fn constant(text: &str, ty: Type, symbols: &Symbols) -> Result<Value, SupposeError> {
    let (wanted, example) = (ty.noun(), example(ty));
    let wrong = || SupposeError::Value { text: text.to_owned(), wanted, example };
    if text == "null" {
        return Ok(Value::Null);
    }
    let found = match ty {
        Type::Span => Span::parse(inner(text, "duration")).ok().map(Value::Span),
        Type::Time => Timestamp::parse(inner(text, "timestamp")).ok().map(Value::Time),
        Type::Money => Decimal::parse(inner(text, "amount")).ok().map(Value::Money),
        Type::Text => Some(Value::Text(symbols.intern(inner(text, "")))),
        Type::Bool => match text {
            "true" | "yes" => Some(Value::Bool(true)),
            "false" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        Type::Int => text.parse().ok().map(Value::Int),
        Type::Double => text.parse().ok().filter(|f: &f64| f.is_finite()).map(Value::Double),
        Type::Null | Type::Dynamic | Type::Unknown => {
            expression::parse(text).ok().and_then(|expr| literal(&expr, symbols))
        }
    };
    found.ok_or_else(wrong)
}

fn literal(expr: &Expr, symbols: &Symbols) -> Option<Value> {
    Some(match &expr.node {
        Node::Null => Value::Null,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Int(int) => Value::Int(*int),
        Node::Double(double) => Value::Double(*double),
        Node::Text(text) => Value::Text(symbols.intern(text)),
        Node::Ident(word) => Value::Text(symbols.intern(word)),
        Node::Unary(UnaryOp::Negate, inner) => match literal(inner, symbols)? {
            Value::Int(int) => Value::Int(int.checked_neg()?),
            Value::Double(double) => Value::Double(-double),
            _ => return None,
        },
        _ => return None,
    })
}

/// What stands in `call('…')`, in quotes, or alone.
fn inner<'t>(text: &'t str, call: &str) -> &'t str {
    let bare = text.strip_prefix(call).and_then(|rest| rest.strip_prefix('('));
    let bare = bare.and_then(|rest| rest.strip_suffix(')')).unwrap_or(text).trim();
    for quote in ['\'', '"'] {
        if let Some(rest) = bare.strip_prefix(quote)
            && let Some(rest) = rest.strip_suffix(quote)
        {
            return rest;
        }
    }
    bare
}

fn example(ty: Type) -> &'static str {
    match ty {
        Type::Span => "`30d` or `36h`",
        Type::Time => "`2025-03-01` or `2025-03-01T09:30:00Z`",
        Type::Money => "`1234.50`",
        Type::Bool => "`true` or `false`",
        Type::Int => "`5`",
        Type::Double => "`0.1`",
        _ => "a number, `true`, `false`, `null` or a text in quotes",
    }
}

/// The event with what is supposed of it. An amount stands for that of the whole event: it is put
/// into its first line, and the others have none.
pub(super) fn event(event: &Event, suppositions: &[Supposition]) -> Event {
    let mut event = event.clone();
    for Supposition { of, value, .. } in suppositions {
        let Of::Event(field) = of else { continue };
        let symbol = match value {
            Value::Text(symbol) => Some(*symbol),
            _ => None,
        };
        let number = match value {
            Value::Money(amount) | Value::Number(amount) => Some(*amount),
            Value::Double(double) => Decimal::from_f64(*double).ok(),
            _ => None,
        };
        match field {
            Field::Channel => event.channel = symbol,
            Field::Rep => event.rep = symbol,
            Field::Territory => event.territory = symbol,
            Field::Category | Field::Product | Field::Net if !event.lines.is_empty() => {
                for (index, line) in event.lines.iter_mut().enumerate() {
                    match field {
                        Field::Category => line.category = symbol,
                        Field::Product => line.product = symbol,
                        _ if index == 0 => line.net = number,
                        _ => line.net = number.map(|_| Decimal::ZERO),
                    }
                }
            }
            _ => detail(event.detail.get_or_insert_default(), *field, (symbol, number)),
        }
    }
    event
}

fn detail(
    detail: &mut Detail,
    field: Field,
    (symbol, number): (Option<crate::event::Symbol>, Option<Decimal>),
) {
    match field {
        Field::Category => detail.category = symbol,
        Field::Product => detail.product = symbol,
        Field::Topic => detail.topic = symbol,
        Field::Outcome => detail.outcome = symbol,
        Field::Direction => detail.direction = symbol,
        Field::Campaign => detail.campaign = symbol,
        Field::Severity => detail.severity = symbol,
        Field::Duration => detail.duration_s = number,
        Field::Sentiment => detail.sentiment = number,
        Field::Amount => detail.amount = number,
        _ => {}
    }
}
