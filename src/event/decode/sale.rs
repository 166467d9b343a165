//! The shortest way from a line to an order: values cut out by a [`Shape`] go straight into the
//! event, where every one of them is plain. Anything else is left to the full builder.

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::event::Event;
use crate::event::Kind;
use crate::event::Symbol;
use crate::event::decode::form::NAME_BYTES_MAX;
use crate::event::decode::lines::LineDraft;
use crate::event::decode::shape::Cut;
use crate::event::decode::shape::Shape;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::mapping::TimeForm;
use crate::event::symbol;
use crate::money::Currency;
use crate::money::Decimal;
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
    fn find(&mut self, name: &str, symbols: &mut symbol::Writer<'_>) -> Symbol {
        let Some(key) = packed(name) else { return symbols.intern(name) };
        // Fibonacci hashing (Knuth, TAOCP 6.4).
        let place = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - self.bits);
        if self.known.is_empty() {
            self.known.resize(1 << self.bits, None);
        }
        let slot = &mut self.known[usize::try_from(place).unwrap_or(0)];
        match slot {
            Some((known, symbol)) if *known == key => *symbol,
            _ => {
                let symbol = symbols.intern(name);
                *slot = Some((key, symbol));
                symbol
            }
        }
    }
}

/// Up to seven bytes and their number as one word.
#[inline]
fn packed(name: &str) -> Option<u64> {
    let bytes = name.as_bytes();
    if bytes.len() > 7 {
        return None;
    }
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    word[7] = u8::try_from(bytes.len()).unwrap_or(0);
    Some(u64::from_le_bytes(word))
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
    (shape, text): (&mut Shape, &str),
    mapping: &Mapping,
    source: Symbol,
    (names, customers): (&mut Names, &mut Names),
    symbols: &mut symbol::Writer<'_>,
) -> Option<Box<Event>> {
    // Filled where it will stay: an event is too large to be handed about.
    let mut event = Box::new(Event {
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
    let mut line = LineDraft::default();
    shape.read(text, |fields, cut| {
        for field in fields {
            match field {
                Field::EventId => event.id = CompactString::from(name(cut)?),
                Field::OccurredAt => event.time = time(cut, mapping)?,
                Field::CustomerId => event.customer = Some(customers.find(name(cut)?, symbols)),
                Field::RepId => event.rep = Some(names.find(name(cut)?, symbols)),
                Field::Territory => event.territory = Some(names.find(name(cut)?, symbols)),
                Field::Channel => event.channel = Some(names.find(name(cut)?, symbols)),
                Field::OrderId => event.order = Some(CompactString::from(name(cut)?)),
                Field::Currency => event.currency = Some(Currency::parse(cut.text).ok()?),
                Field::ProductId => line.set_product(names.find(name(cut)?, symbols)),
                Field::Category => line.set_category(names.find(name(cut)?, symbols)),
                Field::Brand => line.set_brand(names.find(name(cut)?, symbols)),
                Field::Unknown => {}
                amount => line.set_number(*amount, number(cut)?),
            }
        }
        Some(())
    })?;
    event.lines.push(line.finish_flat(Kind::Order).ok()?);
    Some(event)
}

/// A name that can be taken as it stands.
#[inline]
fn name(cut: Cut<'_>) -> Option<&str> {
    ((cut.quoted || cut.whole) && (1..=NAME_BYTES_MAX).contains(&cut.text.len()))
        .then_some(cut.text)
}

#[inline]
fn number(cut: Cut<'_>) -> Option<Decimal> {
    if cut.quoted { None } else { Decimal::parse(cut.text).ok() }
}

#[inline]
fn time(cut: Cut<'_>, mapping: &Mapping) -> Option<Timestamp> {
    let time = match mapping.time {
        TimeForm::Millis if cut.whole && cut.text.len() <= 15 => {
            let digits = cut.text.bytes();
            let millis = digits.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
            Timestamp::from_millis(millis).ok()?
        }
        TimeForm::Rfc3339 if cut.quoted => Timestamp::parse(cut.text).ok()?,
        _ => return None,
    };
    (mapping.earliest <= time && time < mapping.latest).then_some(time)
}
