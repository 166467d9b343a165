//! The shortest way from a line to an order: values cut out by a [`Shape`] go straight into the
//! event, where every one of them is plain. Anything else is left to the full builder.

use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Kind;
use crate::event::Spares;
use crate::event::Symbol;
use crate::event::decode::eight::Padded;
use crate::event::decode::lines::LineDraft;
use crate::event::decode::shape::Cut;
use crate::event::decode::shape::Shape;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::mapping::TimeForm;
use crate::event::symbol;
use crate::money::Currency;
use crate::time::Timestamp;

/// Names that come again and again (products, channels, reps), by their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    known: Vec<Option<(u64, Symbol)>>,
}

impl Names {
    /// The table has 2 to so many places: products, categories, channels, reps are some thousand.
    const BITS: u32 = 12;

    /// The symbol of a name; one of up to seven bytes is found without hashing its text.
    #[inline]
    fn find(
        &mut self,
        (line, name): (&Padded, &Cut),
        symbols: &mut symbol::Writer<'_>,
    ) -> Option<Symbol> {
        if !name.is_name() {
            return None;
        }
        let Some(key) = name.packed(line) else { return Some(symbols.intern(name.name(line)?)) };
        // Fibonacci hashing (Knuth, TAOCP 6.4).
        let place = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::BITS);
        let place = usize::try_from(place).unwrap_or(0);
        match self.known.get(place) {
            Some(Some((known, symbol))) if *known == key => Some(*symbol),
            _ => self.meet((line, name), (key, place), symbols),
        }
    }

    /// Takes a name in that stands elsewhere or nowhere yet.
    #[inline(never)]
    fn meet(
        &mut self,
        (line, name): (&Padded, &Cut),
        (key, place): (u64, usize),
        symbols: &mut symbol::Writer<'_>,
    ) -> Option<Symbol> {
        if self.known.is_empty() {
            self.known.resize(1 << Self::BITS, None);
        }
        let symbol = symbols.intern(name.name(line)?);
        self.known[place] = Some((key, symbol));
        Some(symbol)
    }
}

/// Where the values of an order of one line stand among all values of its record.
#[derive(Debug, Clone)]
pub(crate) struct Places([u8; FIELDS]);

/// Fields of the vocabulary, and the one for any other.
const FIELDS: usize = Field::ALL.len() + 1;

impl Places {
    /// Those in lines of this shape, if they are orders of one line and nothing else.
    pub(crate) fn of(shape: &Shape, mapping: &Mapping) -> Option<Self> {
        let plain = |field: Field| {
            matches!(
                field,
                Field::EventId
                    | Field::OccurredAt
                    | Field::CustomerId
                    | Field::RepId
                    | Field::Territory
                    | Field::Channel
                    | Field::OrderId
                    | Field::Currency
                    | Field::ProductId
                    | Field::Category
                    | Field::Brand
                    | Field::Quantity
                    | Field::UnitPrice
                    | Field::UnitCost
                    | Field::NetAmount
                    | Field::Discount
            )
        };
        let mut places = Self([u8::MAX; FIELDS]);
        for (place, field) in shape.fields().filter(|(_, field)| *field != Field::Unknown) {
            let known = &mut places.0[field as usize];
            if !plain(field) || *known != u8::MAX {
                return None;
            }
            *known = u8::try_from(place).ok()?;
        }
        let needed = [Field::EventId, Field::OccurredAt, Field::Quantity];
        let whole = needed.iter().all(|field| places.0[*field as usize] != u8::MAX);
        (whole && mapping.constants.is_empty()).then_some(places)
    }
}

/// The order that a line is; none when the line is of another shape, or a value is not plain.
#[inline]
pub(crate) fn order(
    (shape, places, line): (&mut Shape, &Places, &Padded),
    (mapping, source): (&Mapping, Symbol),
    names: &mut Names,
    spares: &mut Spares,
    symbols: &mut symbol::Writer<'_>,
) -> Option<Box<Event>> {
    let cuts = shape.cut(line)?;
    let cut = |field: Field| cuts.get(usize::from(places.0[field as usize]));
    let number = |field| match cut(field) {
        Some(cut) => cut.decimal(line).map(Some),
        None => Some(None),
    };
    // Customers are too many for a table of names.
    let customer = match cut(Field::CustomerId) {
        Some(cut) => Some(customer((line, cut), symbols)?),
        None => None,
    };
    let mut name = |field| match cut(field) {
        Some(cut) => names.find((line, cut), symbols).map(Some),
        None => Some(None),
    };
    let mut draft = LineDraft::default();
    draft.set_names(name(Field::ProductId)?, name(Field::Category)?, name(Field::Brand)?);
    draft.set_amounts(
        number(Field::Quantity)?,
        number(Field::NetAmount)?,
        number(Field::Discount)?,
    );
    draft.set_prices(number(Field::UnitPrice)?, number(Field::UnitCost)?);
    let mut event = Event {
        id: cut(Field::EventId)?.name(line)?.into(),
        source,
        kind: Kind::Order,
        time: time(cut(Field::OccurredAt)?, line, mapping)?,
        customer,
        rep: name(Field::RepId)?,
        territory: name(Field::Territory)?,
        channel: name(Field::Channel)?,
        order: match cut(Field::OrderId) {
            Some(cut) => Some(cut.name(line)?.into()),
            None => None,
        },
        currency: match cut(Field::Currency) {
            Some(cut) => Some(Currency::parse(cut.name(line)?).ok()?),
            None => mapping.currency,
        },
        lines: SmallVec::new(),
        detail: None,
    };
    event.lines.push(draft.finish_flat(Kind::Order).ok()?);
    Some(spares.place(event))
}

#[inline]
fn customer((line, id): (&Padded, &Cut), symbols: &mut symbol::Writer<'_>) -> Option<Symbol> {
    if !id.is_name() {
        return None;
    }
    match id.packed(line).and_then(|key| symbols.known(key)) {
        Some(known) => Some(known),
        None => Some(symbols.intern(id.name(line)?)),
    }
}

#[inline]
fn time(cut: &Cut, line: &Padded, mapping: &Mapping) -> Option<Timestamp> {
    let time = match mapping.time {
        TimeForm::Millis => Timestamp::from_millis(cut.whole(line)?.try_into().ok()?).ok()?,
        TimeForm::Rfc3339 if cut.is_text() => Timestamp::parse(cut.name(line)?).ok()?,
        _ => return None,
    };
    (mapping.earliest <= time && time < mapping.latest).then_some(time)
}
