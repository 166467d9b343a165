//! What does a CloudEvents envelope say of the record inside? (CloudEvents 1.0.2, section 3.)
//!
//! ```text
//! specversion  id        source  type        subject      time         data
//!              event_id  source  type, kind  customer_id  occurred_at  the record
//! ```
//!
//! Identity is the envelope's: `source` and `id`. For the rest, what the data say themselves
//! comes first. A dotted type is read from its end: `com.shop.call.started` is `call.started`.

use crate::event::Kind;
use crate::event::decode::form::Form;
use crate::event::decode::form::NAME_BYTES_MAX;
use crate::event::decode::form::Value;
use crate::event::decode::json::Json;
use crate::event::decode::json::Text;
use crate::event::decode::refusal::Refusal;
use crate::event::mapping::Field;
use crate::event::mapping::RecordKind;
use crate::time::Timestamp;

/// The context attributes of one CloudEvent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique within `source`.
    pub id: String,
    /// Who sent it.
    pub source: String,
    /// What happened.
    pub kind: String,
    /// Whom it is about: the customer.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Option<Timestamp>,
}

impl Envelope {
    /// Checks the context attributes, which `get` looks up by their names.
    pub fn from_attributes<'a>(
        mut get: impl FnMut(&str) -> Option<std::borrow::Cow<'a, str>>,
    ) -> Result<Self, Refusal> {
        if get("specversion").as_deref() != Some("1.0") {
            return Err(Refusal::BadEnvelope("`specversion` is not `1.0`: write `\"1.0\"`"));
        }
        let mut required = |name, missing| match get(name) {
            Some(text) if !text.is_empty() => Ok(text.into_owned()),
            _ => Err(Refusal::BadEnvelope(missing)),
        };
        let id = required("id", "`id` is missing: write an id unique within `source`")?;
        let source = required("source", "`source` is missing: write who sends, e.g. `/shop`")?;
        let kind = required("type", "`type` is missing: write e.g. `order` or `call.started`")?;
        let subject = get("subject").map(std::borrow::Cow::into_owned).filter(|s| !s.is_empty());
        for text in [Some(&id), Some(&source), Some(&kind), subject.as_ref()].into_iter().flatten()
        {
            if text.len() > NAME_BYTES_MAX {
                return Err(Refusal::TooLong {
                    what: "an attribute of the envelope".to_owned(),
                    limit: NAME_BYTES_MAX,
                    unit: "bytes",
                    instead: "write shorter ids",
                });
            }
        }
        let media = get("datacontenttype");
        if media.is_some_and(|media| !media.contains("json")) {
            return Err(Refusal::BadEnvelope("`datacontenttype` is not JSON: send JSON `data`"));
        }
        let time = match get("time") {
            None => None,
            Some(text) => Some(Timestamp::parse(&text).map_err(|_| {
                Refusal::BadEnvelope("`time` is not RFC 3339: write e.g. `2025-03-01T09:30:00Z`")
            })?),
        };
        Ok(Self { id, source, kind, subject, time })
    }

    /// From the members of a structured event; also gives its `data`.
    pub(crate) fn from_form<'a>(form: &Form<'a>) -> Result<(Self, &'a str), Refusal> {
        let find = |name: &str| form.slots.iter().find(|slot| slot.key.raw == name);
        let envelope = Self::from_attributes(|name| match find(name)?.value {
            Value::Json(Json::Text(text)) => Some(text.read()),
            Value::Json(Json::Number(text)) if name != "specversion" => Some(text.into()),
            _ => None,
        })?;
        if find("data_base64").is_some() {
            return Err(Refusal::BadEnvelope("`data_base64` is not read: write JSON into `data`"));
        }
        match find("data").map(|slot| slot.value) {
            Some(Value::Json(Json::Object(object))) => Ok((envelope, object)),
            None | Some(Value::Json(Json::Null)) => Ok((envelope, "{}")),
            Some(_) => Err(Refusal::BadEnvelope("`data` is no object: write the record there")),
        }
    }

    /// Puts what the envelope says beside what the data say.
    pub(crate) fn fill<'a>(&'a self, form: &mut Form<'a>) {
        for (field, name, text) in
            [(Field::EventId, "id", &self.id), (Field::Source, "source", &self.source)]
        {
            form.slots.retain(|slot| slot.field != field);
            form.push(Text::plain(name), field, Value::text(text));
        }
        if let (false, Some(time)) = (form.has(Field::OccurredAt), self.time) {
            form.push(Text::plain("time"), Field::OccurredAt, Value::Time(time));
        }
        if let (false, Some(subject)) = (form.has(Field::CustomerId), &self.subject) {
            form.push(Text::plain("subject"), Field::CustomerId, Value::text(subject));
        }
        let told = Field::Type.bit() | Field::Kind.bit() | Field::Record.bit();
        if form.seen & told == 0 {
            form.push(Text::plain("type"), Field::Type, Value::text(known_end(&self.kind)));
        }
    }
}

/// The part of a dotted type that is a word of ours, else all of it.
fn known_end(kind: &str) -> &str {
    let mut end = kind;
    loop {
        if Kind::from_name(end).is_some() || RecordKind::from_name(end).is_some() {
            return end;
        }
        match end.split_once('.') {
            Some((_, rest)) => end = rest,
            None => return kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_type_is_read_from_its_end() {
        for (kind, want) in [
            ("com.shop.call.started", "call.started"),
            ("com.shop.order", "order"),
            ("customer", "customer"),
            ("com.shop.wishlist", "com.shop.wishlist"),
        ] {
            assert_eq!(known_end(kind), want);
        }
    }
}
