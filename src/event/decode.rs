//! How does a line become a record? Read, told apart, built, and refused for a stated reason.
//!
//! ```text
//! bytes ──json──► Form ──subject──┬─► activity  ──► Event      order, call, complaint …
//!                  ▲              └─► reference ──► Reference  customer, product, rep …
//! row of a table ──┘ keys, mapping            │
//!                                             └──► Refusal: code and what to write instead
//! ```
//!
//! Values are slices of the line until the record is built, so a plain line costs no allocation
//! but the event's own.

pub(crate) mod eight;
pub(crate) mod json;
pub(crate) mod refusal;
pub(crate) mod keys;
pub(crate) mod form;
pub(crate) mod lines;
pub(crate) mod shape;
mod sale;
pub(crate) mod activity;
pub(crate) mod reference;
pub(crate) mod envelope;

use std::sync::Arc;

use smallvec::SmallVec;

pub use self::envelope::Envelope;
pub use self::refusal::Refusal;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Record;
use crate::event::Spares;
use crate::event::Symbol;
use crate::event::decode::activity::Activity;
use crate::event::decode::eight::Padded;
use crate::event::decode::form::Form;
use crate::event::decode::form::Name;
use crate::event::decode::form::Value;
use crate::event::decode::json::Cursor;
use crate::event::decode::json::Json;
use crate::event::decode::json::Text;
use crate::event::decode::keys::Keys;
use crate::event::decode::lines::FLAT;
use crate::event::decode::lines::LINES_MAX;
use crate::event::decode::lines::LineDraft;
use crate::event::decode::refusal::shown;
use crate::event::decode::sale::Names;
use crate::event::decode::sale::Roles;
use crate::event::decode::shape::Member;
use crate::event::decode::shape::Shape;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::mapping::RecordKind;
use crate::event::symbol;

/// Names in one object.
const FIELDS_MAX: usize = 512;

/// Turns lines of one source into records; cheap to make, made to be reused.
#[derive(Debug, Clone)]
pub struct Decoder {
    mapping: Arc<Mapping>,
    keys: Keys,
    /// Source of records that name none.
    source: Symbol,
    /// What a record is that does not say, e.g. by the name of its file.
    hint: Option<RecordKind>,
    /// How the lines have been written so far.
    shape: Shape,
    /// The line, where the shape looks at it.
    padded: Padded,
    /// What the values of lines of the shape are, when those are plain orders.
    sales: Option<Roles>,
    names: Names,
    /// Records of the batch under way whose customers are still to be looked up, and their ids.
    awaited: Vec<(usize, u64)>,
    spares: Spares,
}

/// What a record turned out to be.
enum Subject<'a> {
    Event(Activity<'a>),
    Reference(RecordKind),
}

impl Decoder {
    /// A decoder for records of `source`, interned beforehand, in the form of `mapping`.
    pub fn new(mapping: Arc<Mapping>, source: Symbol) -> Self {
        let (keys, hint) = (Keys::new(&mapping), mapping.record);
        Self {
            mapping,
            keys,
            source,
            hint,
            shape: Shape::default(),
            padded: Padded::default(),
            sales: None,
            names: Names::default(),
            awaited: Vec::new(),
            spares: Spares::default(),
        }
    }

    /// Takes records for this, when neither they nor the mapping say what they are.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<RecordKind>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }

    /// Takes over the boxes of events that are done with.
    pub fn reuse(&mut self, spares: &mut Spares) {
        self.spares.append(spares);
    }

    /// The mapping in use.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Decodes one JSON object; a CloudEvents envelope is opened.
    pub fn decode(
        &mut self,
        line: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        if line.len() <= self.mapping.record_bytes_max
            && let Some((mut event, awaited)) = self.sale(line, symbols)
        {
            event.customer = event.customer.or(awaited.map(|key| symbols.known_or_new(key)));
            return Ok(Record::Event(event));
        }
        self.decode_any(line, symbols)
    }

    /// As [`Decoder::decode`], for the record that will stand at this place of a batch. Who its
    /// customer is may stay open until [`Decoder::settle`].
    pub(crate) fn decode_in_batch(
        &mut self,
        place: usize,
        line: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        if line.len() <= self.mapping.record_bytes_max
            && let Some((event, awaited)) = self.sale(line, symbols)
        {
            self.awaited.extend(awaited.map(|key| (place, key)));
            return Ok(Record::Event(event));
        }
        self.decode_any(line, symbols)
    }

    /// Looks up the customers that were left open in a batch. Customers are too many to be near, so
    /// each look waits for memory: one behind the other, the looks wait together.
    pub(crate) fn settle(&mut self, batch: &mut [Record], symbols: &mut symbol::Writer<'_>) {
        for (place, key) in self.awaited.drain(..) {
            if let Some(Record::Event(event)) = batch.get_mut(place) {
                event.customer = Some(symbols.known_or_new(key));
            }
        }
    }

    /// Decodes any JSON object.
    fn decode_any(
        &mut self,
        line: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let text = self.text(line)?;
        let mut form = Form::default();
        scan(text, &mut self.keys, &mut form, symbols)?;
        if self.shape.is_curious() && form.lines.is_none() {
            self.learn(text, &form);
        }
        if form.has(Field::SpecVersion) {
            let (envelope, data) = Envelope::from_form(&form)?;
            return self.decode_text(&envelope, data, symbols);
        }
        self.build(&mut form, symbols)
    }

    /// Decodes one CloudEvent in structured mode; any other object is refused.
    pub fn decode_structured(
        &mut self,
        line: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let text = self.text(line)?;
        let mut form = Form::default();
        scan(text, &mut self.keys, &mut form, symbols)?;
        let (envelope, data) = Envelope::from_form(&form)?;
        self.decode_text(&envelope, data, symbols)
    }

    /// Decodes the data of a CloudEvent whose envelope came apart from them.
    pub fn decode_enveloped(
        &mut self,
        envelope: &Envelope,
        data: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let text = self.text(data)?;
        self.decode_text(envelope, text, symbols)
    }

    fn decode_text(
        &mut self,
        envelope: &Envelope,
        data: &str,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        let mut form = Form::default();
        scan(data, &mut self.keys, &mut form, symbols)?;
        envelope.fill(&mut form);
        self.build(&mut form, symbols)
    }

    /// The order of one line that a record of the usual shape is, and the key of its customer if that
    /// is still to be looked up.
    #[inline]
    fn sale(
        &mut self,
        line: &[u8],
        symbols: &mut symbol::Writer<'_>,
    ) -> Option<(Box<Event>, Option<u64>)> {
        let Self { mapping, source, shape, sales, padded, names, spares, .. } = self;
        let roles = sales.as_ref()?;
        padded.fill(line);
        sale::order((shape, roles, padded), (mapping, *source), names, spares, symbols)
    }

    /// Remembers how a sound line is written.
    fn learn(&mut self, text: &str, form: &Form<'_>) {
        let members: Vec<Member<'_>> = form.members().collect();
        self.shape.learn(text, &members, |name| self.keys.fields_of(name).into());
        let orders = matches!(self.hint, None | Some(RecordKind::Order));
        self.sales = orders.then(|| Roles::of(&self.shape, &self.mapping)).flatten();
    }

    fn text<'a>(&self, line: &'a [u8]) -> Result<&'a str, Refusal> {
        if line.len() > self.mapping.record_bytes_max {
            return Err(too_long(self.mapping.record_bytes_max));
        }
        str::from_utf8(line).map_err(|error| Refusal::BadUtf8 { at: error.valid_up_to() })
    }

    /// Builds a record from captured fields, wherever they come from.
    pub(crate) fn build<'a>(
        &'a self,
        form: &mut Form<'a>,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<Record, Refusal> {
        for (field, constant) in &self.mapping.constants {
            if !form.has(*field) {
                form.push(Text::plain(field.name()), *field, Value::text(constant));
            }
        }
        match self.subject(form)? {
            Subject::Event(activity) => {
                let event = activity::event(form, &activity, &self.mapping, self.source, symbols)?;
                Ok(Record::Event(Box::new(event)))
            }
            Subject::Reference(kind) => {
                let found = reference::reference(form, kind, &self.mapping, symbols)?;
                Ok(Record::Reference(Box::new(found)))
            }
        }
    }

    /// What the record is: by its own word, else the mapping's or the file's, else by its shape.
    fn subject<'a>(&self, form: &Form<'a>) -> Result<Subject<'a>, Refusal> {
        let known = Activity::Known;
        let mut told = self.hint;
        if let Some(word) = form.word(Field::Record) {
            let Some(kind) = RecordKind::from_name(&word) else {
                return Err(Refusal::UnknownWord {
                    field: self.mapping.theirs(Field::Record).to_owned(),
                    found: shown(&word),
                    expected: RecordKind::WORDS,
                });
            };
            told = Some(kind);
        }
        let typed = form.word(Field::Type);
        let reference = told.filter(|kind| kind.is_reference());
        if let (Some(word), None) = (&typed, reference) {
            match (Kind::from_name(word), RecordKind::from_name(word)) {
                (Some(Kind::Other) | None, Some(kind)) => told = Some(kind),
                (Some(kind), _) if kind.is_transaction() || !form.has(Field::Kind) => {
                    let word = std::borrow::Cow::Borrowed(kind.name());
                    return Ok(Subject::Event(activity::interaction(form, word)));
                }
                _ => {}
            }
        }
        if let Some(kind) = told.filter(|kind| kind.is_reference()) {
            return Ok(Subject::Reference(kind));
        }
        let happened = form.has(Field::EventId) || form.has(Field::OccurredAt);
        if !happened
            && told.is_none()
            && let Some(kind) = shape(form)
        {
            return Ok(Subject::Reference(kind));
        }
        if let Some(word) = form.word(Field::Kind).filter(|word| !word.is_empty()) {
            return Ok(Subject::Event(activity::interaction(form, word)));
        }
        let sold = form.lines.is_some() || form.seen & FLAT != 0;
        match typed {
            Some(word) if sold => Err(Refusal::UnknownWord {
                field: self.mapping.theirs(Field::Type).to_owned(),
                found: shown(&word),
                expected: "`order`, `return`, `adjustment`, `credit_memo`",
            }),
            Some(word) => Ok(Subject::Event(Activity::Other(word))),
            None if sold || told == Some(RecordKind::Order) => {
                Ok(Subject::Event(known(Kind::Order)))
            }
            None => Err(Refusal::MissingField {
                field: self.mapping.theirs(Field::Kind).to_owned(),
                instead: "write what happened, e.g. `call`, or the `lines` of an order",
            }),
        }
    }
}

impl RecordKind {
    const WORDS: &'static str =
        "`order`, `interaction`, `customer`, `product`, `product_relation`, `rep`, `agreement`";

    /// The kind of this word, singular or plural.
    pub fn from_name(word: &str) -> Option<Self> {
        Some(match word {
            "order" | "orders" | "transaction" | "transactions" => Self::Order,
            "interaction" | "interactions" => Self::Interaction,
            "customer" | "customers" => Self::Customer,
            "product" | "products" => Self::Product,
            "product_relation" | "product_relations" => Self::ProductRelation,
            "rep" | "reps" => Self::Rep,
            "agreement" | "agreements" => Self::Agreement,
            _ => return None,
        })
    }

    /// Whether it is something known, not something that happened.
    pub fn is_reference(self) -> bool {
        !matches!(self, Self::Order | Self::Interaction)
    }
}

/// The refusal of a record that is too long to be looked at.
pub(crate) fn too_long(limit: usize) -> Refusal {
    Refusal::TooLong {
        what: "the record".to_owned(),
        limit,
        unit: "bytes",
        instead: "write one record a line, or raise `record_bytes_max`",
    }
}

/// What a record without a time is, by the ids that it has.
fn shape(form: &Form<'_>) -> Option<RecordKind> {
    let ids = [
        (Field::AgreementId, RecordKind::Agreement),
        (Field::Relation, RecordKind::ProductRelation),
        (Field::CustomerId, RecordKind::Customer),
        (Field::RepId, RecordKind::Rep),
        (Field::ProductId, RecordKind::Product),
    ];
    if form.lines.is_some() || form.has(Field::Quantity) || form.has(Field::NetAmount) {
        return None;
    }
    ids.iter().find(|(field, _)| form.has(*field)).map(|(_, kind)| *kind)
}

/// Captures the members of one object.
fn scan<'a>(
    text: &'a str,
    keys: &mut Keys,
    form: &mut Form<'a>,
    symbols: &mut symbol::Writer<'_>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(text);
    cursor.expect(b'{', "an object in braces is expected")?;
    let (mut first, mut behind) = (true, Keys::RECORD);
    while cursor.more(first, b'}')? {
        first = false;
        let key = cursor.key()?;
        behind = find(keys, behind, key);
        if keys.fields(behind) == [Field::Lines] && cursor.peek() == b'[' {
            if form.lines.is_some() {
                return Err(duplicate(key.raw));
            }
            form.lines = Some(SmallVec::new());
            scan_lines(&mut cursor, keys, form, symbols)?;
            continue;
        }
        let value = cursor.value(1)?;
        capture(keys.fields(behind), key, value, form)?;
        if form.slots.len() > FIELDS_MAX {
            return Err(Refusal::TooLong {
                what: "the record".to_owned(),
                limit: FIELDS_MAX,
                unit: "fields",
                instead: "leave out what is not needed",
            });
        }
    }
    cursor.end()
}

#[inline]
fn find(keys: &mut Keys, behind: keys::Key, key: Text<'_>) -> keys::Key {
    if key.escaped { keys.find(behind, &key.read()) } else { keys.find(behind, key.raw) }
}

fn duplicate(key: &str) -> Refusal {
    Refusal::DuplicateField { field: shown(key) }
}

#[inline]
fn capture<'a>(
    fields: &[Field],
    key: Text<'a>,
    value: Json<'a>,
    form: &mut Form<'a>,
) -> Result<(), Refusal> {
    for field in fields {
        if form.has(*field) {
            return Err(duplicate(key.raw));
        }
        match (field, value) {
            (_, Json::Null) if *field != Field::Unknown => {}
            (Field::Lines, _) => {
                return Err(Refusal::WrongType {
                    field: shown(key.raw),
                    found: "no list".to_owned(),
                    expected: "a list of lines, e.g. `[{\"product_id\": \"p1\", \"quantity\": 1}]`",
                });
            }
            _ => form.push(key, *field, Value::Json(value)),
        }
    }
    Ok(())
}

/// Reads the list of an order's lines.
fn scan_lines(
    cursor: &mut Cursor<'_>,
    keys: &mut Keys,
    form: &mut Form<'_>,
    symbols: &mut symbol::Writer<'_>,
) -> Result<(), Refusal> {
    let Some(lines) = &mut form.lines else { return Ok(()) };
    cursor.expect(b'[', "a list is missing")?;
    while cursor.more(lines.is_empty(), b']')? {
        if lines.len() == LINES_MAX {
            return Err(activity::too_many_lines());
        }
        if cursor.peek() != b'{' {
            cursor.value(2)?;
            return Err(Refusal::WrongType {
                field: format!("lines[{}]", lines.len()),
                found: "no object".to_owned(),
                expected: "an object, e.g. `{\"product_id\": \"p1\", \"quantity\": 1}`",
            });
        }
        let line = scan_line(cursor, lines.len(), keys, symbols)?;
        lines.push(line);
    }
    Ok(())
}

fn scan_line(
    cursor: &mut Cursor<'_>,
    place: usize,
    keys: &mut Keys,
    symbols: &mut symbol::Writer<'_>,
) -> Result<LineDraft, Refusal> {
    cursor.expect(b'{', "an object is missing")?;
    let mut draft = LineDraft::default();
    let (mut first, mut behind, mut seen) = (true, Keys::LINE, 0_u64);
    while cursor.more(first, b'}')? {
        first = false;
        let key = cursor.key()?;
        behind = find(keys, behind, key);
        let value = cursor.value(3)?;
        let name = Name { within: Some(("lines", place)), key: key.raw };
        for field in keys.fields(behind) {
            if seen & field.bit() != 0 {
                return Err(duplicate(&name.text()));
            }
            seen |= field.bit();
            draft.set(*field, Value::Json(value), name, symbols)?;
        }
    }
    Ok(draft)
}

#[cfg(test)]
mod tests;
