//! One record of a history: an event, packed.
//!
//! ```text
//! record │ length │ kind │ fields │ time │ lines… │ names… │ order │ id │ length │
//!          ▲ forwards                                                  ▲ backwards
//! line   │ fields │ net │ cost │ discount │ quantity │ category │ names… │
//! ```
//!
//! What windows ask of a record stands in front: nearly all look at its time, and at a line's
//! amounts. Times are relative to the history's first event, and its customer, which in the
//! history of a customer is that of every event, is not repeated. A record of one line takes about
//! 26 bytes.

use compact_str::CompactString;

use crate::event::Detail;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Line;
use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::item::Talk;
use crate::state::varint;
use crate::state::varint::Reader;
use crate::state::varint::Writer;
use crate::time::Timestamp;

/// What the records of a history are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// Milliseconds of the first event.
    pub(super) millis: i64,
    /// Its customer.
    pub(super) customer: Option<Symbol>,
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
    /// Customer of the records that name none of their own.
    customer: Option<Symbol>,
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

/// Bits of a record's `fields`.
mod field {
    /// The customer is the history's, and not written.
    pub(super) const SAME_CUSTOMER: u32 = 1;
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
    pub(super) const FOREIGN: u32 = 1 << 19;
    /// Since form 2 of the histories.
    pub(super) const TERRITORY: u32 = 1 << 20;
}

/// Bits of a line's `fields`.
mod line_field {
    pub(super) const NET: u32 = 1;
    pub(super) const COST: u32 = 1 << 1;
    pub(super) const DISCOUNT: u32 = 1 << 2;
    /// The quantity is written in whole units.
    pub(super) const WHOLE: u32 = 1 << 3;
    pub(super) const CATEGORY: u32 = 1 << 4;
    pub(super) const PRODUCT: u32 = 1 << 5;
    pub(super) const BRAND: u32 = 1 << 6;
    pub(super) const PROMOTION: u32 = 1 << 7;
    pub(super) const NON_PRODUCT: u32 = 1 << 8;
    /// The names that a bare line goes without.
    pub(super) const NAMES: u32 = PRODUCT | BRAND | PROMOTION;
}

/// Nearly every record fits so many bytes, on the stack.
pub(super) const SHORT: usize = 192;
/// Room for the length in front.
const FRONT: usize = 5;

/// More bytes than the event takes.
pub(super) fn size_max(event: &Event) -> usize {
    const LINE: usize = 2 + 4 * varint::NUMBER_MAX + 4 * 5;
    const DETAIL: usize = 8 * 5 + 4 * varint::NUMBER_MAX;
    // Both lengths, kind, fields, time, number of lines, four names, two lengths of texts.
    const REST: usize = 2 * 5 + 1 + 3 + varint::NUMBER_MAX + 5 + 4 * 5 + 2 * 10;
    let detail = if event.detail.is_some() { DETAIL } else { 0 };
    let order = event.order.as_deref().map_or(0, str::len);
    REST + event.lines.len() * LINE + detail + order + event.id.len()
}

/// Packs an event into a room of [`size_max`] bytes.
pub(super) fn pack<'a>(
    room: &'a mut [u8],
    event: &Event,
    foreign: bool,
    origin: Origin,
) -> &'a [u8] {
    let same_customer = event.customer.is_some() && event.customer == origin.customer;
    let mut out = Writer::at(room, FRONT);
    out.byte(event.kind as u8);
    out.number(u64::from(fields_of(event, foreign, same_customer)));
    out.signed(event.time.millis() - origin.millis);
    if event.lines.len() > 1 {
        out.number(event.lines.len() as u64);
    }
    for line in &event.lines {
        pack_line(&mut out, line);
    }
    pack_name(&mut out, event.channel);
    pack_name(&mut out, event.rep);
    if !same_customer {
        pack_name(&mut out, event.customer);
    }
    if let Some(detail) = event.detail.as_deref() {
        pack_detail(&mut out, detail);
    }
    pack_name(&mut out, event.territory);
    if let Some(order) = &event.order {
        pack_text(&mut out, order);
    }
    pack_text(&mut out, &event.id);
    framed(out)
}

/// Puts the length before the record, into the room left for it, and behind.
fn framed(out: Writer<'_>) -> &[u8] {
    let (end, room) = out.finish();
    let length = end - FRONT;
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        room[FRONT - 1] = short;
        room[end] = short;
        return &room[FRONT - 1..=end];
    }
    let mut digits = [0; FRONT];
    let mut header = Writer::at(&mut digits, 0);
    header.number(length as u64);
    let (size, digits) = header.finish();
    room[FRONT - size..FRONT].copy_from_slice(&digits[..size]);
    // Read backwards, the byte met first says by its high bit whether more follow: the same
    // groups of seven bits in the same order from the end.
    digits[..size].reverse();
    room[end..end + size].copy_from_slice(&digits[..size]);
    &room[FRONT - size..end + size]
}

fn fields_of(event: &Event, foreign: bool, same_customer: bool) -> u32 {
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
    mark(field::SAME_CUSTOMER, same_customer);
    mark(field::CUSTOMER, event.customer.is_some() && !same_customer);
    mark(field::ORDER, event.order.is_some());
    mark(field::TERRITORY, event.territory.is_some());
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

fn pack_line(out: &mut Writer<'_>, line: &Line) {
    const UNIT: i64 = Decimal::SCALE;
    let mut fields = 0;
    let mut mark = |bit: u32, present: bool| {
        if present {
            fields |= bit;
        }
    };
    let quantity = line.quantity.micros();
    let whole = quantity % UNIT == 0;
    mark(line_field::NET, line.net.is_some());
    mark(line_field::COST, line.cost.is_some());
    mark(line_field::DISCOUNT, line.discount.is_some());
    mark(line_field::WHOLE, whole);
    mark(line_field::CATEGORY, line.category.is_some());
    mark(line_field::PRODUCT, line.product.is_some());
    mark(line_field::BRAND, line.brand.is_some());
    mark(line_field::PROMOTION, line.promotion.is_some());
    mark(line_field::NON_PRODUCT, line.non_product);
    out.number(u64::from(fields));
    for amount in [line.net, line.cost, line.discount] {
        pack_amount(out, amount);
    }
    out.signed(if whole { quantity / UNIT } else { quantity });
    for name in [line.category, line.product, line.brand, line.promotion] {
        pack_name(out, name);
    }
}

fn pack_detail(out: &mut Writer<'_>, detail: &Detail) {
    for name in [
        detail.kind,
        detail.topic,
        detail.outcome,
        detail.direction,
        detail.campaign,
        detail.severity,
        detail.product,
        detail.category,
    ] {
        pack_name(out, name);
    }
    for amount in [detail.duration_s, detail.sentiment, detail.amount, detail.count] {
        pack_amount(out, amount);
    }
}

#[inline]
fn pack_name(out: &mut Writer<'_>, name: Option<Symbol>) {
    if let Some(symbol) = name {
        out.number(u64::from(symbol.number()));
    }
}

#[inline]
fn pack_amount(out: &mut Writer<'_>, amount: Option<Decimal>) {
    if let Some(amount) = amount {
        out.decimal(amount);
    }
}

/// A text; one that is a plain number takes the bytes of the number.
fn pack_text(out: &mut Writer<'_>, text: &str) {
    if let Some(number) = plain_number(text.as_bytes()) {
        out.number(number << 1);
    } else {
        out.number(((text.len() as u64) << 1) | 1);
        out.bytes(text.as_bytes());
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

/// Numbers and category of a line, and the fields of its other names, which come next.
#[inline]
fn read_bare_line(reader: &mut Reader<'_>) -> (Body, u32) {
    let fields = reader.small();
    let has = |bit: u32| fields & bit != 0;
    let net = has(line_field::NET).then(|| reader.decimal());
    let cost = has(line_field::COST).then(|| reader.decimal());
    let discount = has(line_field::DISCOUNT).then(|| reader.decimal());
    let unit = if has(line_field::WHOLE) { Decimal::SCALE } else { 1 };
    let quantity = Some(Decimal::from_micros(reader.signed() * unit));
    let category =
        if has(line_field::CATEGORY) { Symbol::from_number(reader.small()) } else { None };
    let non_product = has(line_field::NON_PRODUCT);
    let body = Body { category, quantity, net, cost, discount, non_product, ..Body::default() };
    (body, fields & line_field::NAMES)
}

fn read_line(reader: &mut Reader<'_>) -> Body {
    let (bare, names) = read_bare_line(reader);
    let mut name = |bit| if names & bit != 0 { Symbol::from_number(reader.small()) } else { None };
    let product = name(line_field::PRODUCT);
    let brand = name(line_field::BRAND);
    let promotion = name(line_field::PROMOTION);
    Body { product, brand, promotion, ..bare }
}

impl<'a> Entry<'a> {
    /// The record that the bytes, which stand at `offset`, begin with; none of no bytes.
    #[inline]
    pub(super) fn read(bytes: &'a [u8], offset: u32, origin: Origin) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let mut rest = Reader { rest: bytes };
        let length = rest.small();
        let frame = 2 * u32::try_from(bytes.len() - rest.rest.len()).unwrap_or(0);
        let kind = Kind::from_u8(rest.byte()).unwrap_or(Kind::Other);
        let fields = rest.small();
        let time = Timestamp::saturating(origin.millis + rest.signed());
        let next = offset + frame + length;
        Some(Self { offset, next, kind, time, fields, rest, customer: origin.customer })
    }

    /// What happened.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When.
    #[inline]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether its lines are all that it has of goods.
    #[inline]
    pub fn has_lines_alone(&self) -> bool {
        self.fields & (field::ONE_LINE | field::LINES) != 0 && self.fields & field::CATEGORY == 0
    }

    /// Number of its lines.
    #[inline]
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

    /// Its lines, of whose names only the category is read: all that most windows ask of a line.
    #[inline]
    pub fn bare_lines(&self) -> impl Iterator<Item = Body> + use<'a> {
        let mut reader = self.rest;
        let mut left = self.lines_len(&mut reader);
        // Of the line before: not read before it is known that another line follows.
        let mut names = 0_u32;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            for _ in 0..names.count_ones() {
                reader.skip();
            }
            let (body, behind) = read_bare_line(&mut reader);
            names = behind;
            Some(body)
        })
    }

    /// Whether its amounts are in another currency than the entity's first event was.
    #[inline]
    pub fn is_foreign(&self) -> bool {
        self.fields & field::FOREIGN != 0
    }

    /// The whole record: its head, an interaction's product and category, order number and id.
    pub fn open(&self) -> Opened {
        self.open_with(|_| {})
    }

    /// As [`Entry::open`]; its lines are shown on the way.
    pub fn open_with(&self, mut show: impl FnMut(&Body)) -> Opened {
        let mut reader = self.rest;
        for _ in 0..self.lines_len(&mut reader) {
            show(&read_line(&mut reader));
        }
        let has = |bit: u32| self.fields & bit != 0;
        let mut name = |bit: u32| if has(bit) { Symbol::from_number(reader.small()) } else { None };
        let channel = name(field::CHANNEL);
        let rep = name(field::REP);
        let own = name(field::CUSTOMER);
        let customer = if has(field::SAME_CUSTOMER) { self.customer } else { own };
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
        let territory =
            if has(field::TERRITORY) { Symbol::from_number(reader.small()) } else { None };
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
        let (kind, time, foreign) = (self.kind, self.time, self.is_foreign());
        let head = Head { kind, time, foreign, channel, rep, territory, customer, talk };
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
