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
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    known: Vec<Near>,
}

/// Names of one place, the latest met in front: they fill a cache line, so that looking at four
/// costs what looking at one does.
type Near = [Option<(u64, Symbol)>; 4];

impl Names {
    /// The table has 2 to so many places: products, categories, channels, reps are some thousand.
    const BITS: u32 = 11;

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
        for (known, symbol) in self.known.get(place).into_iter().flatten().flatten() {
            if *known == key {
                return Some(*symbol);
            }
        }
        self.meet((line, name), (key, place), symbols)
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
            self.known.resize(1 << Self::BITS, Near::default());
        }
        let symbol = symbols.intern(name.name(line)?);
        let near = &mut self.known[place];
        near.rotate_right(1);
        near[0] = Some((key, symbol));
        Some(symbol)
    }
}

/// What each value of a line's shape is to an order of one line, in the order of the values.
#[derive(Debug, Clone)]
pub(crate) struct Roles(Box<[Role]>);

/// What a value is to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Nothing that we know.
    Nothing,
    Id,
    Time,
    Customer,
    Order,
    Currency,
    Named(Named),
    Counted(Counted),
}

/// Whose or what name a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Product,
    Category,
    Brand,
    Rep,
    Territory,
    Channel,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Quantity,
    Net,
    Discount,
    Price,
    Cost,
}

impl Role {
    /// What a field is to an order; none where the full builder has to see it.
    fn of(field: Field) -> Option<Self> {
        Some(match field {
            Field::Unknown => Self::Nothing,
            Field::EventId => Self::Id,
            Field::OccurredAt => Self::Time,
            Field::CustomerId => Self::Customer,
            Field::OrderId => Self::Order,
            Field::Currency => Self::Currency,
            Field::ProductId => Self::Named(Named::Product),
            Field::Category => Self::Named(Named::Category),
            Field::Brand => Self::Named(Named::Brand),
            Field::RepId => Self::Named(Named::Rep),
            Field::Territory => Self::Named(Named::Territory),
            Field::Channel => Self::Named(Named::Channel),
            Field::Quantity => Self::Counted(Counted::Quantity),
            Field::NetAmount => Self::Counted(Counted::Net),
            Field::Discount => Self::Counted(Counted::Discount),
            Field::UnitPrice => Self::Counted(Counted::Price),
            Field::UnitCost => Self::Counted(Counted::Cost),
            _ => return None,
        })
    }
}

impl Roles {
    /// Those in lines of this shape, if they are orders of one line and nothing else, and each
    /// value is one thing at most.
    pub(crate) fn of(shape: &Shape, mapping: &Mapping) -> Option<Self> {
        let mut roles = vec![Role::Nothing; shape.len()];
        for (place, field) in shape.fields() {
            let role = Role::of(field)?;
            if role == Role::Nothing {
                continue;
            }
            if roles.contains(&role) || roles[place] != Role::Nothing {
                return None;
            }
            roles[place] = role;
        }
        let needed = [Role::Id, Role::Time, Role::Counted(Counted::Quantity)];
        let whole = needed.iter().all(|role| roles.contains(role));
        (whole && mapping.constants.is_empty()).then(|| Self(roles.into()))
    }
}

/// The order that a line is; none when the line is of another shape, or a value is not plain. A
/// customer with a short id is left open, and the key of the id given.
#[inline]
pub(crate) fn order(
    (shape, roles, line): (&mut Shape, &Roles, &Padded),
    (mapping, source): (&Mapping, Symbol),
    known: &mut Names,
    spares: &mut Spares,
    symbols: &mut symbol::Writer<'_>,
) -> Option<(Box<Event>, Option<u64>)> {
    let (mut names, mut numbers) = ([None; 6], [None; 5]);
    let (mut id, mut at, mut customer, mut order) = (None, None, None, None);
    let mut awaited = None;
    let mut currency = mapping.currency;
    shape.cut(line, |place, cut| {
        match *roles.0.get(place)? {
            Role::Nothing => {}
            Role::Id => id = Some(text(cut, line)?),
            Role::Time => at = Some(time(cut, line, mapping)?),
            Role::Customer if !cut.is_name() => return None,
            Role::Customer => match cut.packed(line) {
                Some(key) => awaited = Some(key),
                None => customer = Some(symbols.intern(cut.name(line)?)),
            },
            Role::Order => order = Some(text(cut, line)?),
            Role::Currency => currency = Some(Currency::parse(cut.name(line)?).ok()?),
            Role::Named(what) => {
                names[what as usize] = Some(known.find((line, cut), symbols)?);
            }
            Role::Counted(what) => numbers[what as usize] = Some(cut.decimal()?),
        }
        Some(())
    })?;
    let name = |what: Named| names[what as usize];
    let number = |what: Counted| numbers[what as usize];
    let mut draft = LineDraft::default();
    draft.set_names(name(Named::Product), name(Named::Category), name(Named::Brand));
    draft.set_amounts(number(Counted::Quantity), number(Counted::Net), number(Counted::Discount));
    draft.set_prices(number(Counted::Price), number(Counted::Cost));
    let event = Event {
        id: id?,
        source,
        kind: Kind::Order,
        time: at?,
        customer,
        rep: name(Named::Rep),
        territory: name(Named::Territory),
        channel: name(Named::Channel),
        order,
        currency,
        lines: SmallVec::new(),
        detail: None,
    };
    let line = draft.finish_flat(Kind::Order).ok()?;
    Some((spares.place(event, line), awaited))
}

/// An id as it is written.
#[inline]
fn text(id: &Cut, line: &Padded) -> Option<CompactString> {
    Some(id.name(line)?.into())
}

#[inline]
fn time(cut: &Cut, line: &Padded, mapping: &Mapping) -> Option<Timestamp> {
    let time = match mapping.time {
        TimeForm::Millis => Timestamp::from_millis(cut.whole()?).ok()?,
        TimeForm::Rfc3339 if cut.is_text() => Timestamp::parse(cut.name(line)?).ok()?,
        _ => return None,
    };
    (mapping.earliest <= time && time < mapping.latest).then_some(time)
}
