//! What happened? Builds the event of a transaction or an interaction.
//!
//! ```text
//! type: order, return …          kind: call + status: started ──► call.started
//!   lines[]  or  one flat line   kind: quote + status: lost   ──► quote.lost
//!                                kind: anything else          ──► other + Detail::kind
//! ```

use compact_str::CompactString;

use crate::event::Detail;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Line;
use crate::event::Symbol;
use crate::event::decode::form::Form;
use crate::event::decode::form::Slot;
use crate::event::decode::lines::FLAT;
use crate::event::decode::lines::LineDraft;
use crate::event::decode::refusal::Refusal;
use crate::event::mapping::Field;
use crate::event::mapping::Mapping;
use crate::event::symbol;
use crate::money::Currency;
use crate::money::Decimal;
use smallvec::SmallVec;

/// What an event is, in our words or, where we have none, in the source's.
pub(crate) enum Activity<'a> {
    Known(Kind),
    Other(std::borrow::Cow<'a, str>),
}

/// The kind behind an interaction's `kind` and `status`.
pub(crate) fn interaction<'a>(form: &Form<'a>, word: std::borrow::Cow<'a, str>) -> Activity<'a> {
    let kind = Kind::from_name(&word);
    let status = match kind {
        Some(Kind::Call | Kind::Quote) => form.word(Field::Status),
        _ => None,
    };
    match (kind, status.as_deref()) {
        (Some(Kind::Call), Some("started")) => Activity::Known(Kind::CallStarted),
        (Some(Kind::Call), Some("ended")) => Activity::Known(Kind::CallEnded),
        (Some(Kind::Quote), Some("accepted")) => Activity::Known(Kind::QuoteAccepted),
        (Some(Kind::Quote), Some("lost")) => Activity::Known(Kind::QuoteLost),
        (Some(Kind::Quote), Some("expired")) => Activity::Known(Kind::QuoteExpired),
        (Some(Kind::Other) | None, _) => Activity::Other(word),
        (Some(known), _) => Activity::Known(known),
    }
}

/// Builds and checks the event.
#[expect(clippy::too_many_lines, reason = "a table: one field after the other")]
pub(crate) fn event(
    form: &Form<'_>,
    activity: &Activity<'_>,
    mapping: &Mapping,
    source: Symbol,
    symbols: &mut symbol::Writer<'_>,
) -> Result<Event, Refusal> {
    let kind = match activity {
        Activity::Known(kind) => *kind,
        Activity::Other(_) => Kind::Other,
    };
    let mut event = Event {
        id: CompactString::const_new(""),
        source,
        kind,
        time: Mapping::EARLIEST,
        customer: None,
        rep: None,
        territory: None,
        channel: None,
        order: None,
        currency: None,
        lines: SmallVec::new(),
        detail: None,
    };
    let flat = kind.is_transaction() && form.lines.is_none();
    let mut draft = LineDraft::default();
    let mut detail = Detail::default();
    let mut timed = false;
    for slot in &form.slots {
        let (value, name) = (slot.value, slot.name());
        let mut intern =
            |id| -> Result<Option<Symbol>, Refusal> { value.symbol(name, id, symbols) };
        match slot.field {
            Field::EventId => {
                if let Some(text) = value.name(name, true)? {
                    event.id = CompactString::from(text);
                }
            }
            Field::OccurredAt => {
                if let Some(time) = value.time(name, mapping)? {
                    event.time = time;
                    timed = true;
                }
            }
            Field::CustomerId => event.customer = intern(true)?,
            Field::RepId => event.rep = intern(true)?,
            Field::Territory => event.territory = intern(false)?,
            Field::Channel => event.channel = intern(false)?,
            Field::Source => event.source = intern(true)?.unwrap_or(source),
            Field::OrderId | Field::QuoteId => {
                if let Some(text) = value.name(name, true)? {
                    event.order = Some(CompactString::from(text));
                }
            }
            Field::Currency => event.currency = value.currency(name)?,
            field if flat && draft.set(field, value, name, symbols)? => {}
            Field::Amount if flat && kind == Kind::CreditMemo => {
                if let Some(amount) = value.decimal(name)? {
                    draft.set_amount(amount);
                }
            }
            _ if !kind.is_transaction() => set_detail(&mut detail, slot, symbols)?,
            _ => {}
        }
    }
    let missing = |field, instead| {
        Err(Refusal::MissingField { field: mapping.theirs(field).to_owned(), instead })
    };
    if event.id.is_empty() {
        return missing(Field::EventId, "write an id that no other event of the source has");
    }
    if !timed {
        return missing(Field::OccurredAt, "write when it happened, e.g. `2025-03-01T09:30:00Z`");
    }
    if let Activity::Other(word) = activity {
        detail.kind = Some(symbols.intern(word));
    }
    if let Some(drafts) = &form.lines {
        event.currency = one_currency(event.currency, drafts)?;
        event.lines.reserve_exact(drafts.len());
        for (place, draft) in drafts.iter().enumerate() {
            event.lines.push(draft.finish_listed(kind, place)?);
        }
    } else if flat && form.seen & (FLAT | amount_of(kind)) != 0 {
        event.lines.push(draft.finish_flat(kind)?);
    }
    if kind.is_transaction() && event.lines.is_empty() {
        return missing(Field::Lines, "write at least one line, or `product_id` and `quantity`");
    }
    event.currency = event.currency.or(mapping.currency);
    if detail != Detail::default() {
        event.detail = Some(Box::new(detail));
    }
    Ok(event)
}

fn amount_of(kind: Kind) -> u64 {
    if kind == Kind::CreditMemo { Field::Amount.bit() } else { 0 }
}

/// The currency of an order whose lines may carry their own.
fn one_currency(
    order: Option<Currency>,
    drafts: &[LineDraft],
) -> Result<Option<Currency>, Refusal> {
    let mut currency = order;
    for (place, draft) in drafts.iter().enumerate() {
        match (currency, draft.currency) {
            (Some(known), Some(own)) if known != own => {
                return Err(Refusal::MixedCurrencies {
                    field: format!("lines[{place}].currency"),
                    line: own.to_string(),
                    order: known.to_string(),
                });
            }
            (None, Some(own)) => currency = Some(own),
            _ => {}
        }
    }
    Ok(currency)
}

fn set_detail(
    detail: &mut Detail,
    slot: &Slot<'_>,
    symbols: &mut symbol::Writer<'_>,
) -> Result<(), Refusal> {
    let (value, name) = (slot.value, slot.name());
    let mut intern = |id| -> Result<Option<Symbol>, Refusal> { value.symbol(name, id, symbols) };
    match slot.field {
        Field::Topic => detail.topic = intern(false)?,
        Field::Subject => detail.topic = detail.topic.or(intern(false)?),
        Field::Outcome => detail.outcome = intern(false)?,
        Field::Direction => detail.direction = intern(false)?,
        Field::ProductId => detail.product = intern(true)?,
        Field::Category => detail.category = intern(false)?,
        Field::CampaignId => detail.campaign = intern(true)?,
        Field::Severity => detail.severity = intern(false)?,
        Field::DurationS => detail.duration_s = value.decimal(name)?,
        Field::Sentiment => {
            detail.sentiment = value.decimal(name)?;
            let one = Decimal::ONE;
            if let Some(mood) = detail.sentiment.filter(|s| *s > one || *s < one.negated()) {
                return Err(Refusal::NumberOutside {
                    field: name.text(),
                    found: mood.to_string(),
                    expected: "from -1 (bad) to 1 (good)",
                });
            }
        }
        Field::Amount => detail.amount = value.decimal(name)?,
        Field::Count => detail.count = value.decimal(name)?,
        _ => {}
    }
    Ok(())
}

/// Joins the lines of two rows of one order, unless they are of different currencies.
pub(crate) fn join(event: &mut Event, other: &Event) -> Result<(), Refusal> {
    if let (Some(order), Some(own)) = (event.currency, other.currency)
        && order != own
    {
        return Err(Refusal::MixedCurrencies {
            field: "currency".to_owned(),
            line: own.to_string(),
            order: order.to_string(),
        });
    }
    if event.lines.len() + other.lines.len() > crate::event::decode::lines::LINES_MAX {
        return Err(too_many_lines());
    }
    event.lines.extend(other.lines.iter().copied().map(|line: Line| line));
    Ok(())
}

/// The refusal of an order that never ends.
pub(crate) fn too_many_lines() -> Refusal {
    Refusal::TooLong {
        what: "`lines`".to_owned(),
        limit: crate::event::decode::lines::LINES_MAX,
        unit: "lines",
        instead: "split the order",
    }
}
