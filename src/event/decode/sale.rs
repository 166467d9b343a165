//! The shortest way from a line to an order: values cut out by a [`Shape`] go straight into the
//! event, where every one of them is plain. Anything else is left to the full builder.

use compact_str::CompactString;
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
#[derive(Debug, Clone)]
pub(crate) struct Names {
    known: Vec<Option<(u64, Symbol)>>,
    /// The table has 2 to this many places.
    bits: u32,
}

impl Names {
    /// Products, categories, channels, reps: some thousand.
    pub(crate) const COMMON: u32 = 12;
    /// Customers are many, but few of them make most events.
    pub(crate) const CUSTOMERS: u32 = 14;

    /// A table of 2 to so many places; it takes its memory when the first name comes.
    pub(crate) fn new(bits: u32) -> Self {
        Self { known: Vec::new(), bits }
    }

    /// The symbol of a name; one of up to seven bytes is found without hashing its text.
    #[inline]
    fn find(&mut self, name: Cut<'_>, symbols: &mut symbol::Writer<'_>) -> Option<Symbol> {
        if !name.is_name() {
            return None;
        }
        let Some(key) = name.packed() else { return intern(name, symbols) };
        // Fibonacci hashing (Knuth, TAOCP 6.4).
        let place = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - self.bits);
        let place = usize::try_from(place).unwrap_or(0);
        match self.known.get(place) {
            Some(Some((known, symbol))) if *known == key => Some(*symbol),
            _ => self.meet(name, (key, place), symbols),
        }
    }

    /// Takes a name in that stands elsewhere or nowhere yet.
    #[inline(never)]
    fn meet(
        &mut self,
        name: Cut<'_>,
        (key, place): (u64, usize),
        symbols: &mut symbol::Writer<'_>,
    ) -> Option<Symbol> {
        self.known.resize(1 << self.bits, None);
        let symbol = intern(name, symbols)?;
        self.known[place] = Some((key, symbol));
        Some(symbol)
    }
}

fn intern(name: Cut<'_>, symbols: &mut symbol::Writer<'_>) -> Option<Symbol> {
    str::from_utf8(name.bytes()).ok().map(|text| symbols.intern(text))
}

/// Whether lines of this shape are orders of one line and nothing else.
pub(crate) fn fits(shape: &Shape, mapping: &Mapping) -> bool {
    let plain = |field: &Field| {
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
                | Field::Unknown
        )
    };
    let mut seen = 0;
    for field in shape.fields() {
        let twice = *field != Field::Unknown && seen & field.bit() != 0;
        if !plain(field) || twice {
            return false;
        }
        seen |= field.bit();
    }
    let needed = [Field::EventId, Field::OccurredAt, Field::Quantity];
    mapping.constants.is_empty() && needed.iter().all(|field| seen & field.bit() != 0)
}

/// The order that the values make; none when one of them is not plain.
#[inline]
pub(crate) fn order(
    (shape, line): (&mut Shape, &Padded),
    (mapping, source): (&Mapping, Symbol),
    (names, customers): (&mut Names, &mut Names),
    spares: &mut Spares,
    symbols: &mut symbol::Writer<'_>,
) -> Option<Box<Event>> {
    // Filled where it will stay: an event is too large to be handed about.
    let mut event = spares.place(Event {
        id: CompactString::const_new(""),
        source,
        kind: Kind::Order,
        time: Mapping::EARLIEST,
        customer: None,
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: mapping.currency,
        lines: SmallVec::new(),
        detail: None,
    });
    let mut draft = LineDraft::default();
    shape.read(line, |fields, cut| {
        for field in fields {
            match field {
                Field::EventId => event.id = text(cut)?,
                Field::OccurredAt => event.time = time(cut, mapping)?,
                Field::CustomerId => event.customer = Some(customers.find(cut, symbols)?),
                Field::RepId => event.rep = Some(names.find(cut, symbols)?),
                Field::Territory => event.territory = Some(names.find(cut, symbols)?),
                Field::Channel => event.channel = Some(names.find(cut, symbols)?),
                Field::OrderId => event.order = Some(text(cut)?),
                Field::Currency => event.currency = Some(currency(cut)?),
                Field::ProductId => draft.set_product(names.find(cut, symbols)?),
                Field::Category => draft.set_category(names.find(cut, symbols)?),
                Field::Brand => draft.set_brand(names.find(cut, symbols)?),
                Field::Unknown => {}
                amount => draft.set_number(*amount, cut.decimal()?),
            }
        }
        Some(())
    })?;
    event.lines.push(draft.finish_flat(Kind::Order).ok()?);
    Some(event)
}

#[inline]
fn text(cut: Cut<'_>) -> Option<CompactString> {
    if cut.is_name() { CompactString::from_utf8(cut.bytes()).ok() } else { None }
}

#[inline]
fn time(cut: Cut<'_>, mapping: &Mapping) -> Option<Timestamp> {
    let time = match mapping.time {
        TimeForm::Millis => Timestamp::from_millis(cut.whole()?.try_into().ok()?).ok()?,
        TimeForm::Rfc3339 if cut.is_text() => {
            Timestamp::parse(str::from_utf8(cut.bytes()).ok()?).ok()?
        }
        _ => return None,
    };
    (mapping.earliest <= time && time < mapping.latest).then_some(time)
}

fn currency(cut: Cut<'_>) -> Option<Currency> {
    Currency::parse(str::from_utf8(cut.bytes()).ok()?).ok()
}
