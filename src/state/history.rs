//! What happened to one customer, rep or product: its events in the order of event time, packed.
//!
//! ```text
//! bytes  │ record │ record │ record │ …          a late event is inserted where it belongs
//!            ▲ a window's cursor is the offset of a record
//!
//! record │ length │ kind │ fields │ time │ currency? │ lines… │ names… │ id │ length │
//!          ▲ forwards                                                        ▲ backwards
//! ```
//!
//! Order is (time, id, kind): two events of one instant always stand in the same order, whichever
//! came first; orders and calls may be numbered alike. A record of one line takes about 30 bytes. Times are relative to the first event.

use compact_str::CompactString;

use crate::event::Event;
use crate::event::Kind;
use crate::event::Symbol;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::item::Talk;
use crate::state::varint;
use crate::state::varint::Reader;
use crate::time::Timestamp;

/// The packed list.
#[derive(Debug, Clone, Default)]
pub struct History {
    bytes: Vec<u8>,
    /// Milliseconds of the first event ever inserted.
    base: i64,
    /// Events in it.
    count: u32,
}

/// Where an inserted record came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Offset of its first byte.
    pub offset: u32,
    /// Bytes it takes.
    pub length: u32,
}

/// Why an event did not enter the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// An event of the same time, id and kind is in it already.
    Duplicate,
    /// The list has reached its bound of 4 GB.
    Full,
}

/// One record of a history, read where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Offset of its first byte.
    pub offset: u32,
    /// Offset of the next record.
    pub next: u32,
    kind: Kind,
    time: Timestamp,
    fields: u32,
    /// What stands behind the time.
    rest: Reader<'a>,
}

/// Bits of a record's `fields`.
mod field {
    pub(super) const FOREIGN: u32 = 1;
    /// Exactly one line: no count is written.
    pub(super) const ONE_LINE: u32 = 1 << 1;
    pub(super) const LINES: u32 = 1 << 2;
    pub(super) const CHANNEL: u32 = 1 << 3;
    pub(super) const REP: u32 = 1 << 4;
    pub(super) const CUSTOMER: u32 = 1 << 5;
    pub(super) const ORDER: u32 = 1 << 6;
    pub(super) const WORD: u32 = 1 << 7;
    pub(super) const TOPIC: u32 = 1 << 8;
    pub(super) const OUTCOME: u32 = 1 << 9;
    pub(super) const DIRECTION: u32 = 1 << 10;
    pub(super) const CAMPAIGN: u32 = 1 << 11;
    pub(super) const SEVERITY: u32 = 1 << 12;
    pub(super) const DURATION: u32 = 1 << 13;
    pub(super) const SENTIMENT: u32 = 1 << 14;
    pub(super) const AMOUNT: u32 = 1 << 15;
    pub(super) const COUNT: u32 = 1 << 16;
    pub(super) const PRODUCT: u32 = 1 << 17;
    pub(super) const CATEGORY: u32 = 1 << 18;
}

/// Bits of a line's `fields`.
mod line_field {
    pub(super) const PRODUCT: u32 = 1;
    pub(super) const CATEGORY: u32 = 1 << 1;
    pub(super) const NET: u32 = 1 << 2;
    pub(super) const COST: u32 = 1 << 3;
    pub(super) const QUANTITY: u32 = 1 << 4;
    pub(super) const WHOLE: u32 = 1 << 5;
    pub(super) const DISCOUNT: u32 = 1 << 6;
    pub(super) const BRAND: u32 = 1 << 7;
    pub(super) const PROMOTION: u32 = 1 << 8;
    pub(super) const NON_PRODUCT: u32 = 1 << 9;
}

impl History {
    /// Events in it.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it has no events.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all records: the offset behind the last one.
    pub fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Inserts an event at its place; equal times stand in the order of their ids and kinds.
    pub fn insert(&mut self, event: &Event, foreign: bool) -> Result<Inserted, Unchanged> {
        self.insert_after(event, foreign, None)
    }

    /// As [`History::insert`]; no event in the list is later than `newest`, which spares most
    /// events the look at the one before them.
    pub(crate) fn insert_after(
        &mut self,
        event: &Event,
        foreign: bool,
        newest: Option<Timestamp>,
    ) -> Result<Inserted, Unchanged> {
        if self.count == 0 {
            self.base = event.time.millis();
        }
        let mut place = self.end();
        let last = newest.is_some_and(|newest| newest < event.time);
        while !last && let Some(before) = self.before(place) {
            let order = before
                .time
                .cmp(&event.time)
                .then_with(|| before.id_text().as_str().cmp(event.id.as_str()))
                .then(before.kind.cmp(&event.kind));
            match order {
                std::cmp::Ordering::Less => break,
                std::cmp::Ordering::Equal => return Err(Unchanged::Duplicate),
                std::cmp::Ordering::Greater => place = before.offset,
            }
        }
        let start = self.bytes.len();
        self.reserve();
        self.append(event, foreign);
        let length = self.bytes.len() - start;
        if self.bytes.len() > u32::MAX as usize {
            self.bytes.truncate(start);
            return Err(Unchanged::Full);
        }
        if (place as usize) < start {
            self.bytes[place as usize..].rotate_right(length);
        }
        self.count += 1;
        Ok(Inserted { offset: place, length: u32::try_from(length).unwrap_or(u32::MAX) })
    }

    /// Grows by a quarter at a time: doubling would leave a third of all memory unused.
    fn reserve(&mut self) {
        const RECORD: usize = 40;
        if self.bytes.capacity() - self.bytes.len() < RECORD {
            self.bytes.reserve_exact(RECORD.max(self.bytes.len() / 4));
        }
    }

    /// Drops the records before `offset`, which has to be the start of a record or the end.
    pub fn trim(&mut self, offset: u32) {
        let mut dropped = 0;
        let mut at = 0;
        while at < offset {
            let Some(entry) = self.at(at) else { break };
            at = entry.next;
            dropped += 1;
        }
        self.bytes.drain(..at as usize);
        self.count -= dropped;
    }

    /// The record that starts at `offset`; none at the end.
    #[inline]
    pub fn at(&self, offset: u32) -> Option<Entry<'_>> {
        let mut rest = Reader { rest: self.bytes.get(offset as usize..)? };
        if rest.rest.is_empty() {
            return None;
        }
        let before = rest.rest.len();
        let body = rest.small();
        let header = before - rest.rest.len();
        let kind = Kind::from_u8(rest.byte()).unwrap_or(Kind::Other);
        let fields = rest.small();
        let time = Timestamp::saturating(self.base + rest.signed());
        let next = offset + u32::try_from(2 * header).unwrap_or(0) + body;
        Some(Entry { offset, next, kind, time, fields, rest })
    }

    /// The record that ends at `offset`; none at the start.
    pub fn before(&self, offset: u32) -> Option<Entry<'_>> {
        let mut end = offset as usize;
        let (mut body, mut shift, mut header) = (0_u32, 0, 0_u32);
        loop {
            end = end.checked_sub(1)?;
            let byte = *self.bytes.get(end)?;
            body |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            header += 1;
            if byte < 0x80 || shift > 28 {
                break;
            }
        }
        self.at(offset.checked_sub(2 * header + body)?)
    }

    /// Every record from `offset` on.
    pub fn from(&self, offset: u32) -> impl Iterator<Item = Entry<'_>> + '_ {
        let mut at = offset;
        std::iter::from_fn(move || {
            let entry = self.at(at)?;
            at = entry.next;
            Some(entry)
        })
    }

    /// Every record before `offset`, the newest first.
    pub fn back_from(&self, offset: u32) -> impl Iterator<Item = Entry<'_>> + '_ {
        let mut at = offset;
        std::iter::from_fn(move || {
            let entry = self.before(at)?;
            at = entry.offset;
            Some(entry)
        })
    }

    /// Heap bytes that it occupies.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn append(&mut self, event: &Event, foreign: bool) {
        let start = self.bytes.len();
        let out = &mut self.bytes;
        // Room for the length in front: one byte serves nearly every record.
        out.push(0);
        out.push(event.kind as u8);
        varint::put(out, u64::from(fields_of(event, foreign)));
        varint::put_signed(out, event.time.millis() - self.base);
        if event.lines.len() > 1 {
            varint::put(out, event.lines.len() as u64);
        }
        for body in event.lines.iter().map(Body::of) {
            append_line(out, &body);
        }
        let name = |out: &mut Vec<u8>, name: Option<Symbol>| {
            if let Some(symbol) = name {
                varint::put(out, u64::from(symbol.number()));
            }
        };
        name(out, event.channel);
        name(out, event.rep);
        name(out, event.customer);
        if let Some(detail) = event.detail.as_deref() {
            for symbol in [
                detail.kind,
                detail.topic,
                detail.outcome,
                detail.direction,
                detail.campaign,
                detail.severity,
                detail.product,
                detail.category,
            ] {
                name(out, symbol);
            }
            for amount in [detail.duration_s, detail.sentiment, detail.amount, detail.count]
                .into_iter()
                .flatten()
            {
                varint::put_decimal(out, amount);
            }
        }
        if let Some(order) = &event.order {
            append_text(out, order);
        }
        append_text(out, &event.id);
        self.frame(start);
    }

    /// Puts the length before and behind the record whose first byte, at `start`, waits for it.
    fn frame(&mut self, start: usize) {
        let length = self.bytes.len() - start - 1;
        if let Ok(short) = u8::try_from(length)
            && short < 0x80
        {
            self.bytes[start] = short;
            self.bytes.push(short);
            return;
        }
        let mut header = Vec::with_capacity(5);
        varint::put(&mut header, length as u64);
        self.bytes.splice(start..=start, header.iter().copied());
        // Read backwards, the byte met first says by its high bit whether more follow: the same
        // groups of seven bits in the same order from the end.
        self.bytes.extend(header.iter().rev());
    }
}

fn fields_of(event: &Event, foreign: bool) -> u32 {
    let mut fields = 0;
    let mut mark = |bit: u32, present: bool| {
        if present {
            fields |= bit;
        }
    };
    mark(field::FOREIGN, foreign);
    mark(field::ONE_LINE, event.lines.len() == 1);
    mark(field::LINES, event.lines.len() > 1);
    mark(field::CHANNEL, event.channel.is_some());
    mark(field::REP, event.rep.is_some());
    mark(field::CUSTOMER, event.customer.is_some());
    mark(field::ORDER, event.order.is_some());
    if let Some(detail) = event.detail.as_deref() {
        mark(field::WORD, detail.kind.is_some());
        mark(field::TOPIC, detail.topic.is_some());
        mark(field::OUTCOME, detail.outcome.is_some());
        mark(field::DIRECTION, detail.direction.is_some());
        mark(field::CAMPAIGN, detail.campaign.is_some());
        mark(field::SEVERITY, detail.severity.is_some());
        mark(field::PRODUCT, detail.product.is_some());
        mark(field::CATEGORY, detail.category.is_some());
        mark(field::DURATION, detail.duration_s.is_some());
        mark(field::SENTIMENT, detail.sentiment.is_some());
        mark(field::AMOUNT, detail.amount.is_some());
        mark(field::COUNT, detail.count.is_some());
    }
    fields
}

fn append_line(out: &mut Vec<u8>, body: &Body) {
    const UNIT: i64 = crate::money::Decimal::SCALE;
    let mut fields = 0;
    let mut mark = |bit: u32, present: bool| {
        if present {
            fields |= bit;
        }
    };
    let quantity = body.quantity.unwrap_or_default().micros();
    mark(line_field::PRODUCT, body.product.is_some());
    mark(line_field::CATEGORY, body.category.is_some());
    mark(line_field::BRAND, body.brand.is_some());
    mark(line_field::PROMOTION, body.promotion.is_some());
    mark(line_field::QUANTITY, body.quantity.is_some());
    mark(line_field::WHOLE, quantity % UNIT == 0);
    mark(line_field::NET, body.net.is_some());
    mark(line_field::COST, body.cost.is_some());
    mark(line_field::DISCOUNT, body.discount.is_some());
    mark(line_field::NON_PRODUCT, body.non_product);
    varint::put(out, u64::from(fields));
    for symbol in [body.product, body.category, body.brand, body.promotion].into_iter().flatten() {
        varint::put(out, u64::from(symbol.number()));
    }
    if body.quantity.is_some() {
        varint::put_signed(out, if quantity % UNIT == 0 { quantity / UNIT } else { quantity });
    }
    for amount in [body.net, body.cost, body.discount].into_iter().flatten() {
        varint::put_decimal(out, amount);
    }
}

/// A text; one that is a plain number takes the bytes of the number.
fn append_text(out: &mut Vec<u8>, text: &str) {
    if let Some(number) = plain_number(text.as_bytes()) {
        varint::put(out, number << 1);
    } else {
        varint::put(out, ((text.len() as u64) << 1) | 1);
        out.extend_from_slice(text.as_bytes());
    }
}

/// The number that these digits are, if writing it gives the same digits again.
fn plain_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

fn read_text(reader: &mut Reader<'_>) -> CompactString {
    let tag = reader.number();
    if tag & 1 == 0 {
        return decimal_digits(tag >> 1);
    }
    let length = usize::try_from(tag >> 1).unwrap_or(0);
    CompactString::from_utf8_lossy(reader.bytes(length))
}

fn decimal_digits(mut number: u64) -> CompactString {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    CompactString::from_utf8(&digits[start..]).unwrap_or_default()
}

fn read_line(reader: &mut Reader<'_>) -> Body {
    let fields = reader.small();
    let has = |bit: u32| fields & bit != 0;
    let mut name = |bit: u32| if has(bit) { Symbol::from_number(reader.small()) } else { None };
    let product = name(line_field::PRODUCT);
    let category = name(line_field::CATEGORY);
    let brand = name(line_field::BRAND);
    let promotion = name(line_field::PROMOTION);
    let quantity = has(line_field::QUANTITY).then(|| {
        let number = reader.signed();
        let unit = if has(line_field::WHOLE) { crate::money::Decimal::SCALE } else { 1 };
        crate::money::Decimal::from_micros(number * unit)
    });
    let net = has(line_field::NET).then(|| reader.decimal());
    let cost = has(line_field::COST).then(|| reader.decimal());
    let discount = has(line_field::DISCOUNT).then(|| reader.decimal());
    let non_product = has(line_field::NON_PRODUCT);
    Body { product, category, brand, promotion, quantity, net, cost, discount, non_product }
}

impl<'a> Entry<'a> {
    /// What happened.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Number of its lines.
    fn lines_len(&self, reader: &mut Reader<'a>) -> u32 {
        if self.fields & field::ONE_LINE != 0 {
            1
        } else if self.fields & field::LINES != 0 {
            reader.small()
        } else {
            0
        }
    }

    /// Its lines.
    #[inline]
    pub fn lines(&self) -> impl Iterator<Item = Body> + use<'a> {
        let mut reader = self.rest;
        let mut left = self.lines_len(&mut reader);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            Some(read_line(&mut reader))
        })
    }

    /// Time, kind and whether it is in a foreign currency: all that most windows ask of a head.
    #[inline]
    pub fn bare_head(&self) -> Head {
        Head {
            kind: self.kind,
            time: self.time,
            foreign: self.fields & field::FOREIGN != 0,
            channel: None,
            rep: None,
            customer: None,
            talk: Talk::default(),
        }
    }

    /// The whole record: its head, an interaction's product and category, order number and id.
    pub fn open(&self) -> Opened {
        let mut reader = self.rest;
        for _ in 0..self.lines_len(&mut reader) {
            read_line(&mut reader);
        }
        let has = |bit: u32| self.fields & bit != 0;
        let mut name = |bit: u32| if has(bit) { Symbol::from_number(reader.small()) } else { None };
        let channel = name(field::CHANNEL);
        let rep = name(field::REP);
        let customer = name(field::CUSTOMER);
        let word = name(field::WORD);
        let topic = name(field::TOPIC);
        let outcome = name(field::OUTCOME);
        let direction = name(field::DIRECTION);
        let campaign = name(field::CAMPAIGN);
        let severity = name(field::SEVERITY);
        let product = name(field::PRODUCT);
        let category = name(field::CATEGORY);
        let mut amount = |bit: u32| has(bit).then(|| reader.decimal());
        let duration_s = amount(field::DURATION);
        let sentiment = amount(field::SENTIMENT);
        let money = amount(field::AMOUNT);
        let count = amount(field::COUNT);
        let order = has(field::ORDER).then(|| read_text(&mut reader));
        let id = read_text(&mut reader);
        let talk = Talk {
            word,
            topic,
            outcome,
            direction,
            campaign,
            severity,
            duration_s,
            sentiment,
            amount: money,
            count,
        };
        let head = Head { channel, rep, customer, talk, ..self.bare_head() };
        Opened { head, product, category, order, id }
    }

    /// Its id in the source.
    pub fn id_text(&self) -> CompactString {
        self.open().id
    }

    /// As one item: head and sums over the lines.
    pub fn whole(&self) -> Item {
        let opened = self.open();
        let mut body = Body::total(self.lines());
        body.product = body.product.or(opened.product);
        body.category = body.category.or(opened.category);
        Item { head: opened.head, body }
    }
}

/// A record read in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The head of the event.
    pub head: Head,
    /// Product that an interaction was about.
    pub product: Option<Symbol>,
    /// Category that an interaction was about.
    pub category: Option<Symbol>,
    /// Order number.
    pub order: Option<CompactString>,
    /// Id in the source.
    pub id: CompactString,
}
