//! Alerts as lines of the reader's own form: a template with names in braces.
//!
//! ```text
//! {"rule":"{rule}","customer":"{entity}","at":{opened_ms}}   ─►   {"rule":"R1","customer":"7","at":1735689600000}
//! ```
//!
//! Only a known name in braces is replaced; every other brace stands as it is, so a line of JSON
//! needs no escaping. `{event|-1}` writes `-1` where the alert has none.

use std::io;
use std::io::Write;

use crate::alert::Alert;

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineForm {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field, String),
}

/// What of an alert can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Rule,
    Family,
    Severity,
    EntityKind,
    Entity,
    Name,
    Owner,
    Event,
    OpenedAt,
    OpenedMs,
    Value,
    Currency,
    Summary,
    Description,
}

const FIELDS: [(&str, Field); 15] = [
    ("id", Field::Id),
    ("rule", Field::Rule),
    ("family", Field::Family),
    ("severity", Field::Severity),
    ("entity_kind", Field::EntityKind),
    ("entity", Field::Entity),
    ("name", Field::Name),
    ("owner", Field::Owner),
    ("event", Field::Event),
    ("opened_at", Field::OpenedAt),
    ("opened_ms", Field::OpenedMs),
    ("value", Field::Value),
    ("currency", Field::Currency),
    ("summary", Field::Summary),
    ("description", Field::Description),
];

/// A name in braces that no alert has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an alert has no `{name}`: write one of {known}")]
pub struct LineFormError {
    name: String,
    known: String,
}

impl LineForm {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, LineFormError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            plain.push_str(&rest[..open]);
            rest = &rest[open..];
            let Some((name, instead, length)) = field(rest) else {
                plain.push('{');
                rest = &rest[1..];
                continue;
            };
            let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
                return Err(LineFormError { name: name.to_owned(), known: known.join(", ") });
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Field(*field, instead.to_owned()));
            rest = &rest[length..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// Writes one alert and a line feed.
    pub fn write(&self, to: &mut impl Write, alert: &Alert) -> io::Result<()> {
        for part in &self.parts {
            match part {
                Part::Text(text) => to.write_all(text.as_bytes())?,
                Part::Field(field, instead) => write_field(to, alert, *field, instead)?,
            }
        }
        to.write_all(b"\n")
    }
}

/// `{name}` or `{name|instead}` at the start of a text: name, instead and length.
fn field(text: &str) -> Option<(&str, &str, usize)> {
    let close = text.find('}')?;
    let inner = &text[1..close];
    let (name, instead) = inner.split_once('|').unwrap_or((inner, ""));
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    (!name.is_empty() && name.chars().all(word)).then_some((name, instead, close + 1))
}

fn write_field(to: &mut impl Write, alert: &Alert, field: Field, instead: &str) -> io::Result<()> {
    let text = match field {
        Field::Id => return write!(to, "{}", alert.id),
        Field::OpenedAt => return write!(to, "{}", alert.opened_at),
        Field::OpenedMs => return write!(to, "{}", alert.opened_at.millis()),
        Field::Owner => return to.write_all(alert.owner.key().as_bytes()),
        Field::Value => match alert.value {
            Some(value) => return write!(to, "{}", value.amount),
            None => instead,
        },
        Field::Currency => match alert.value.and_then(|value| value.currency) {
            Some(currency) => return write!(to, "{currency}"),
            None => instead,
        },
        Field::Rule => &alert.rule,
        Field::Family => alert.family.name(),
        Field::Severity => alert.severity.name(),
        Field::EntityKind => alert.entity_kind.name(),
        Field::Entity => &alert.entity_id,
        Field::Name => alert.entity_name.as_deref().unwrap_or(instead),
        Field::Event => alert.event_id.as_deref().unwrap_or(instead),
        Field::Summary => &alert.summary,
        Field::Description => &alert.description,
    };
    to.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::inbox::sample;

    #[test]
    fn only_known_names_in_braces_are_replaced() {
        let alert = sample::alert("c1", None);
        let mut out = Vec::new();
        let form = LineForm::parse(r#"{"c":"{entity}","v":{value|null},"x":{"y":1}}"#).unwrap();
        form.write(&mut out, &alert).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "{\"c\":\"c1\",\"v\":null,\"x\":{\"y\":1}}\n");
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let error = LineForm::parse("{rule} {customer}").unwrap_err().to_string();
        assert!(error.contains("no `customer`") && error.contains("entity"), "{error}");
    }
}
