//! An event as bytes: which fields it has, then the fields.

use smallvec::SmallVec;

use crate::event::Detail;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Line;
use crate::journal::entry::EntryError;
use crate::journal::entry::names::NamesIn;
use crate::journal::entry::names::NamesOut;
use crate::journal::entry::wire::In;
use crate::journal::entry::wire::Out;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// Writes an event; its time as the distance to that of the event `before` it.
pub(super) fn put_event(out: &mut Out, names: &mut NamesOut, event: &Event, before: Timestamp) {
    out.present([
        event.customer.is_some(),
        event.rep.is_some(),
        event.territory.is_some(),
        event.channel.is_some(),
        event.order.is_some(),
        event.currency.is_some(),
        !event.lines.is_empty(),
        event.detail.is_some(),
    ]);
    out.byte(event.kind as u8);
    out.text(&event.id);
    out.number(names.place(event.source));
    out.signed(event.time.millis() - before.millis());
    for symbol in [event.customer, event.rep, event.territory, event.channel] {
        names.put(out, symbol);
    }
    if let Some(order) = &event.order {
        out.text(order);
    }
    put_currency(out, event.currency);
    if !event.lines.is_empty() {
        out.length(event.lines.len());
        for line in &event.lines {
            put_line(out, names, line);
        }
    }
    if let Some(detail) = &event.detail {
        put_detail(out, names, detail);
    }
}

/// Reads an event.
pub(super) fn get_event(
    body: &mut In<'_>,
    names: &NamesIn,
    before: Timestamp,
) -> Result<Event, EntryError> {
    let [customer, rep, territory, channel, order, currency, lines, detail] = body.present()?;
    let kind = Kind::from_u8(body.byte()?).ok_or(EntryError::Value("kind of event"))?;
    let id = body.text()?.into();
    let source = names.get(body)?;
    let millis = before.millis().checked_add(body.signed()?);
    let time = millis.and_then(|millis| Timestamp::from_millis(millis).ok());
    Ok(Event {
        id,
        source,
        kind,
        time: time.ok_or(EntryError::Value("time"))?,
        customer: names.get_if(customer, body)?,
        rep: names.get_if(rep, body)?,
        territory: names.get_if(territory, body)?,
        channel: names.get_if(channel, body)?,
        order: if order { Some(body.text()?.into()) } else { None },
        currency: get_currency(currency, body)?,
        lines: if lines { get_lines(body, names)? } else { SmallVec::new() },
        detail: if detail { Some(Box::new(get_detail(body, names)?)) } else { None },
    })
}

fn put_line(out: &mut Out, names: &mut NamesOut, line: &Line) {
    out.present([
        line.number != 0,
        line.product.is_some(),
        line.category.is_some(),
        line.brand.is_some(),
        line.net.is_some(),
        line.cost.is_some(),
        line.discount.is_some(),
        line.promotion.is_some(),
        line.non_product,
    ]);
    if line.number != 0 {
        out.number(u64::from(line.number));
    }
    for symbol in [line.product, line.category, line.brand] {
        names.put(out, symbol);
    }
    out.decimal(line.quantity);
    for amount in [line.net, line.cost, line.discount] {
        put_decimal(out, amount);
    }
    names.put(out, line.promotion);
}

fn get_lines(body: &mut In<'_>, names: &NamesIn) -> Result<SmallVec<[Line; 1]>, EntryError> {
    let count = body.length()?;
    let mut lines = SmallVec::with_capacity(count);
    for _ in 0..count {
        lines.push(get_line(body, names)?);
    }
    Ok(lines)
}

fn get_line(body: &mut In<'_>, names: &NamesIn) -> Result<Line, EntryError> {
    let [number, product, category, brand, net, cost, discount, promotion, non_product] =
        body.present()?;
    Ok(Line {
        number: if number { body.small()? } else { 0 },
        product: names.get_if(product, body)?,
        category: names.get_if(category, body)?,
        brand: names.get_if(brand, body)?,
        quantity: body.decimal()?,
        net: get_decimal(net, body)?,
        cost: get_decimal(cost, body)?,
        discount: get_decimal(discount, body)?,
        promotion: names.get_if(promotion, body)?,
        non_product,
    })
}

fn put_detail(out: &mut Out, names: &mut NamesOut, detail: &Detail) {
    let symbols = [
        detail.kind,
        detail.topic,
        detail.outcome,
        detail.direction,
        detail.product,
        detail.category,
        detail.campaign,
        detail.severity,
    ];
    let numbers = [detail.duration_s, detail.sentiment, detail.amount, detail.count];
    out.present(symbols.map(|symbol| symbol.is_some()));
    out.present(numbers.map(|number| number.is_some()));
    for symbol in symbols {
        names.put(out, symbol);
    }
    for number in numbers {
        put_decimal(out, number);
    }
}

fn get_detail(body: &mut In<'_>, names: &NamesIn) -> Result<Detail, EntryError> {
    let [kind, topic, outcome, direction, product, category, campaign, severity] =
        body.present()?;
    let [duration_s, sentiment, amount, count] = body.present()?;
    Ok(Detail {
        kind: names.get_if(kind, body)?,
        topic: names.get_if(topic, body)?,
        outcome: names.get_if(outcome, body)?,
        direction: names.get_if(direction, body)?,
        product: names.get_if(product, body)?,
        category: names.get_if(category, body)?,
        campaign: names.get_if(campaign, body)?,
        severity: names.get_if(severity, body)?,
        duration_s: get_decimal(duration_s, body)?,
        sentiment: get_decimal(sentiment, body)?,
        amount: get_decimal(amount, body)?,
        count: get_decimal(count, body)?,
    })
}

/// Writes an amount, if there is one.
pub(super) fn put_decimal(out: &mut Out, amount: Option<Decimal>) {
    if let Some(amount) = amount {
        out.decimal(amount);
    }
}

/// Reads an amount, where there is one.
#[inline]
pub(super) fn get_decimal(present: bool, body: &mut In<'_>) -> Result<Option<Decimal>, EntryError> {
    if present { body.decimal().map(Some) } else { Ok(None) }
}

/// Writes a currency, if there is one.
pub(super) fn put_currency(out: &mut Out, currency: Option<Currency>) {
    if let Some(currency) = currency {
        currency.as_str().bytes().for_each(|letter| out.byte(letter));
    }
}

/// Reads a currency, where there is one.
pub(super) fn get_currency(
    present: bool,
    body: &mut In<'_>,
) -> Result<Option<Currency>, EntryError> {
    if !present {
        return Ok(None);
    }
    let letters = [body.byte()?, body.byte()?, body.byte()?];
    let text = str::from_utf8(&letters).map_err(|_| EntryError::Value("currency"))?;
    Currency::parse(text).map(Some).map_err(|_| EntryError::Value("currency"))
}
