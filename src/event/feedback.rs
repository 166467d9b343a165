//! Feedback: what became of an alert, as a topic has it.
//!
//! ```text
//! {"alert_id":"0f…","rule":"DriftSilence","customer_id":"c7","action":"close","reason":"won",
//!  "amount":1250.5,"by":"rep:r07","occurred_at":"2025-03-04T09:30:00Z"}
//! ```
//!
//! Keyed by the customer as all other records, so that whoever has the customer has the deed. The words
//! are those of the API; an envelope of CloudEvents around it is opened.

use compact_str::CompactString;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::alert_id::AlertId;
use crate::event::decode::Refusal;
use crate::event::decode::refusal::shown;
use crate::event::deed::Action;
use crate::event::deed::CloseReason;
use crate::event::deed::Deed;
use crate::event::deed::Owner;
use crate::event::symbol;
use crate::money::Decimal;
use crate::time::Timestamp;

/// What somebody did with an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// Which alert.
    pub alert: AlertId,
    /// Whose alert it is.
    pub entity: EntityId,
    /// Name of the rule.
    pub rule: CompactString,
    /// What, who and when.
    pub deed: Deed,
}

/// Most bytes of a record.
const BYTES_MAX: usize = 64 * 1024;
const TEXT_CHARS_MAX: usize = 500;
const ENTITIES: [(&str, EntityKind); 3] = [
    ("customer_id", EntityKind::Customer),
    ("rep_id", EntityKind::Rep),
    ("product_id", EntityKind::Product),
];

impl Feedback {
    /// Reads a record of the topic.
    pub fn decode(line: &[u8], symbols: &mut symbol::Writer<'_>) -> Result<Self, Refusal> {
        if line.len() > BYTES_MAX {
            let (what, unit) = ("the record".to_owned(), "bytes");
            let instead = "write one deed a record";
            return Err(Refusal::TooLong { what, limit: BYTES_MAX, unit, instead });
        }
        let value: Value = serde_json::from_slice(line).map_err(|error| Refusal::BadJson {
            at: error.column(),
            what: "it does not follow the grammar",
        })?;
        let fields = match value {
            Value::Object(mut fields) if fields.contains_key("specversion") => {
                match fields.remove("data") {
                    Some(Value::Object(data)) => data,
                    _ => return Err(Refusal::BadEnvelope("`data` is no object")),
                }
            }
            Value::Object(fields) => fields,
            _ => return Err(Refusal::BadJson { at: 1, what: "it is no object" }),
        };
        let fields = Fields(fields);
        let entity = ENTITIES.iter().find(|(name, _)| fields.0.contains_key(*name));
        let Some((name, kind)) = entity else {
            return Err(missing("customer_id", "write whose alert it is, as the alert has it"));
        };
        let id = fields.text(name, "write the id")?;
        let alert = fields.text("alert_id", "write the `id` of the alert")?;
        let alert = alert.parse().map_err(|_| Refusal::WrongType {
            field: "alert_id".to_owned(),
            found: shown(alert),
            expected: "the `id` of an alert, 32 hexadecimal digits",
        })?;
        let at = fields.time("occurred_at")?;
        let by = fields.text("by", "write who did it, e.g. `rep:r07`")?;
        let deed = Deed { action: fields.action()?, by: by.chars().take(100).collect(), at };
        let rule = fields.text("rule", "write the `rule` of the alert")?.into();
        Ok(Self { alert, entity: EntityId { kind: *kind, id: symbols.intern(id) }, rule, deed })
    }

    /// Writes a record of the topic, about the entity of this id.
    pub fn encode(&self, entity: &str) -> Vec<u8> {
        let Self { alert, deed, .. } = self;
        let kind = ENTITIES.iter().find(|(_, kind)| *kind == self.entity.kind);
        let mut line = json!({
            "alert_id": alert.to_string(),
            "rule": self.rule,
            kind.map_or("customer_id", |(name, _)| name): entity,
            "by": deed.by,
            "occurred_at": deed.at.to_string(),
        });
        let (action, more) = match &deed.action {
            Action::Acknowledge => ("acknowledge", Value::Null),
            Action::Wait => ("wait", Value::Null),
            Action::Reopen => ("reopen", Value::Null),
            Action::Snooze { until } => ("snooze", json!({"until": until.to_string()})),
            Action::Reassign { owner } => ("reassign", json!({"owner": owner.key()})),
            Action::Comment { text } => ("comment", json!({"note": text})),
            Action::Retract { text } => ("retract", json!({"note": text})),
            Action::Close { reason, amount } => {
                let (reason, note) = match reason {
                    CloseReason::Lost => ("lost", None),
                    CloseReason::Dismissed(note) => ("dismissed", Some(note)),
                    // Nobody closes an alert as the engine does.
                    _ => ("won", None),
                };
                let amount = amount.map(|amount| amount.to_string());
                ("close", json!({"reason": reason, "note": note, "amount": amount}))
            }
        };
        line["action"] = action.into();
        if let Value::Object(more) = more {
            more.into_iter().filter(|(_, value)| !value.is_null()).for_each(|(name, value)| {
                line[name] = value;
            });
        }
        line.to_string().into_bytes()
    }
}

/// The fields of a record.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&self, field: &str, instead: &'static str) -> Result<&str, Refusal> {
        match self.0.get(field) {
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(Refusal::EmptyId { field: field.to_owned() })
            }
            Some(Value::String(text)) => Ok(text),
            None | Some(Value::Null) => Err(missing(field, instead)),
            Some(other) => Err(Refusal::WrongType {
                field: field.to_owned(),
                found: shown(&other.to_string()),
                expected: "a text",
            }),
        }
    }

    fn note(&self) -> Result<String, Refusal> {
        let note = self.text("note", "write what there is to say")?;
        Ok(note.trim().chars().take(TEXT_CHARS_MAX).collect())
    }

    fn time(&self, field: &str) -> Result<Timestamp, Refusal> {
        let text = self.text(field, "write when, e.g. `2025-03-01T09:30:00Z`")?;
        Timestamp::parse(text).map_err(|_| Refusal::BadTime {
            field: field.to_owned(),
            found: shown(text),
            expected: "RFC 3339, e.g. `2025-03-01T09:30:00Z`".to_owned(),
        })
    }

    fn word(&self, field: &str, expected: &'static str) -> Refusal {
        let found = self.text(field, expected).map(shown).unwrap_or_default();
        Refusal::UnknownWord { field: field.to_owned(), found, expected }
    }

    fn action(&self) -> Result<Action, Refusal> {
        let known = "acknowledge, snooze, wait, close, reopen, reassign, comment, retract";
        Ok(match self.text("action", "write what was done, e.g. `acknowledge`")? {
            "acknowledge" => Action::Acknowledge,
            "wait" => Action::Wait,
            "reopen" => Action::Reopen,
            "snooze" => Action::Snooze { until: self.time("until")? },
            "comment" => Action::Comment { text: self.note()? },
            "retract" => Action::Retract { text: self.note()? },
            "reassign" => {
                let key = self.text("owner", "write who it goes to, e.g. `rep:r07`")?;
                let owner = Owner::from_key(key);
                if owner.key() != key {
                    return Err(self.word("owner", "rep:ID, territory:NAME, queue"));
                }
                Action::Reassign { owner }
            }
            "close" => Action::Close { reason: self.reason()?, amount: self.amount()? },
            _ => return Err(self.word("action", known)),
        })
    }

    fn reason(&self) -> Result<CloseReason, Refusal> {
        match self.text("reason", "write `won`, `lost` or `dismissed`")? {
            "won" => Ok(CloseReason::Won),
            "lost" => Ok(CloseReason::Lost),
            "dismissed" => Ok(CloseReason::Dismissed(self.note()?)),
            _ => Err(self.word("reason", "won, lost, dismissed")),
        }
    }

    /// A number, or its digits as a text.
    fn amount(&self) -> Result<Option<Decimal>, Refusal> {
        let text = match self.0.get("amount") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let amount = Decimal::parse(&text)
            .map_err(|reason| Refusal::BadNumber { field: "amount".to_owned(), reason })?;
        if amount < Decimal::ZERO {
            let (field, found, expected) = ("amount".to_owned(), shown(&text), "of 0 or more");
            return Err(Refusal::NumberOutside { field, found, expected });
        }
        Ok(Some(amount))
    }
}

fn missing(field: &str, instead: &'static str) -> Refusal {
    Refusal::MissingField { field: field.to_owned(), instead }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;

    const ALERT: &str = "0123456789abcdef0123456789abcdef";

    fn read(line: &str) -> Result<Feedback, Refusal> {
        Feedback::decode(line.as_bytes(), &mut Symbols::default().write())
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let at = Timestamp::parse("2025-03-04T09:30:00.250Z").unwrap();
        let symbols = Symbols::default();
        let amount = Decimal::parse("1250.5").ok();
        let note = || "Müller \"says\" no".to_owned();
        for action in [
            Action::Acknowledge,
            Action::Wait,
            Action::Reopen,
            Action::Snooze { until: at },
            Action::Close { reason: CloseReason::Won, amount },
            Action::Close { reason: CloseReason::Lost, amount: None },
            Action::Close { reason: CloseReason::Dismissed(note()), amount: None },
            Action::Reassign { owner: Owner::Rep("r1".to_owned()) },
            Action::Reassign { owner: Owner::Queue },
            Action::Comment { text: note() },
            Action::Retract { text: note() },
        ] {
            for (kind, id) in [(EntityKind::Customer, "c1"), (EntityKind::Rep, "r1")] {
                let written = Feedback {
                    alert: ALERT.parse().unwrap(),
                    entity: EntityId { kind, id: symbols.intern(id) },
                    rule: "Big".into(),
                    deed: Deed { action: action.clone(), by: "rep:r1".to_owned(), at },
                };
                let line = written.encode(id);
                let read = Feedback::decode(&line, &mut symbols.write());
                assert_eq!(read, Ok(written), "{}", String::from_utf8_lossy(&line));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_to_write() {
        let of = |more: &str| {
            format!(
                r#"{{"alert_id":"{ALERT}","rule":"Big","customer_id":"c1","by":"crm","occurred_at":"2025-03-04T09:30:00Z",{more}}}"#
            )
        };
        let good = of(r#""action":"acknowledge""#);
        assert!(read(&good).is_ok());
        let envelope = format!(r#"{{"specversion":"1.0","id":"1","data":{good}}}"#);
        assert_eq!(read(&envelope).unwrap().rule, "Big");
        for (line, want) in [
            ("nonsense".to_owned(), "bad_json"),
            ("[1]".to_owned(), "bad_json"),
            (r#"{"specversion":"1.0"}"#.to_owned(), "bad_envelope"),
            (good.replace("customer_id", "client"), "missing_field"),
            (good.replace(ALERT, "7"), "wrong_type"),
            (good.replace("\"crm\"", "7"), "wrong_type"),
            (good.replace("\"crm\"", "\" \""), "empty_id"),
            (good.replace("2025-03-04T09:30:00Z", "soon"), "bad_time"),
            (of(r#""action":"dance""#), "unknown_word"),
            (of(r#""action":"snooze""#), "missing_field"),
            (of(r#""action":"close","reason":"resolved""#), "unknown_word"),
            (of(r#""action":"close","reason":"dismissed""#), "missing_field"),
            (of(r#""action":"close","reason":"won","amount":-1"#), "bad_number"),
            (of(r#""action":"close","reason":"won","amount":"much""#), "bad_number"),
            (of(r#""action":"reassign","owner":"somebody""#), "unknown_word"),
            (of(&format!(r#""action":"comment","note":"{}""#, "x".repeat(BYTES_MAX))), "too_long"),
        ] {
            let refused = read(&line).map_err(|refusal| refusal.code());
            assert_eq!(refused.err(), Some(want), "{line:.200}");
        }
    }
}
