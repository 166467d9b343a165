//! What will the next line look like? Nearly always like the one before: the same names in the
//! same order, written the same way. Then there is nothing to parse but the values.
//!
//! ```text
//! learned  {"event_id":  ___  ,"ts":  ___  ,"channel":"  ___  "}
//! line     {"event_id":  123  ,"ts":  170  ,"channel":"  web  "}      compare, cut out, compare …
//! ```
//!
//! Only flat objects of plain numbers and of texts without escapes have a shape. Whatever does
//! not fit is left to the full parser, which also finds the words for what is wrong.

use crate::event::decode::eight::Eight;
use crate::event::decode::eight::Padded;
use crate::event::decode::form::NAME_BYTES_MAX;
use crate::event::decode::json::Text;
use crate::event::mapping::Field;
use crate::money::Decimal;

/// Members of an object that is worth a shape.
const MEMBERS_MAX: usize = 48;

/// How the lines of a source are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    steps: Vec<Step>,
    /// What stands behind the last value.
    tail: Literal,
    /// Lines that did not fit since one did.
    misses: u32,
}

#[derive(Debug, Clone)]
struct Step {
    /// What stands before the value, an opening quote included.
    before: Literal,
    quoted: bool,
    fields: Box<[Field]>,
}

/// Bytes that stand in every line, for comparisons without a loop: few names are longer.
#[derive(Debug, Clone)]
struct Literal {
    /// Its first sixteen bytes, zeros behind its end.
    words: [Eight; 2],
    /// The bytes of the words that count.
    masks: [Eight; 2],
    /// What comes behind them.
    rest: Box<[u8]>,
    length: usize,
}

/// A value's place in a line, how it is written there, and its number if it is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    at: usize,
    length: usize,
    form: Form,
    /// Of [`Form::Whole`] the number, of [`Form::Decimal`] its millionths.
    value: i64,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In quotes, which are not part of the cut; nothing in it is escaped.
    Text,
    /// Up to 18 digits alone, without sign and point.
    Whole,
    /// More digits than that.
    Digits,
    /// With a sign or a point, up to twelve digits before it and six behind it.
    Decimal,
    /// Any other number without an exponent: it has to be rounded or refused.
    Other,
}

/// One member as the full parser met it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its name; escaped names have no shape.
    pub(crate) name: Text<'a>,
    /// Its value; none for anything but plain numbers and texts.
    pub(crate) value: Option<Written<'a>>,
}

/// A value as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    /// Without quotes.
    pub(crate) text: &'a str,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
}

impl Shape {
    /// Whether the full parser should tell of its next line: nothing is known yet, or what is
    /// known has not fitted for a while.
    pub(crate) fn is_curious(&self) -> bool {
        self.steps.is_empty() || self.misses >= 64
    }

    /// Learns from a line that the full parser has passed as sound. `members` are all of it.
    pub(crate) fn learn<'a>(
        &mut self,
        line: &'a str,
        members: &[Member<'a>],
        fields: impl Fn(&str) -> Box<[Field]>,
    ) {
        *self = Self::default();
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return;
        }
        let mut steps = Vec::with_capacity(members.len());
        let mut at = 0;
        for Member { name, value } in members {
            let Some(Written { text, quoted }) = value.filter(|_| !name.escaped) else { return };
            // Both are slices of the line, so their distance is the value's place in it.
            let start = text.as_ptr() as usize - line.as_ptr() as usize;
            let Some(before) = line.as_bytes().get(at..start) else { return };
            steps.push(Step { before: Literal::new(before), quoted, fields: fields(name.raw) });
            at = start + text.len();
        }
        self.tail = line.as_bytes().get(at..).map(Literal::new).unwrap_or_default();
        self.steps = steps;
    }

    /// Gives the values of a line of this shape, in their order and with their places in it; none
    /// when the line is of another shape, or a value was not taken. Only at the end is it known
    /// that the line is sound: JSON, and UTF-8.
    #[inline]
    pub(crate) fn cut(
        &mut self,
        line: &Padded,
        take: impl FnMut(usize, &Cut) -> Option<()>,
    ) -> Option<()> {
        let fits = cut(&self.steps, &self.tail, line, take);
        self.misses = if fits.is_some() { 0 } else { self.misses.saturating_add(1) };
        fits
    }

    /// How many values a line has.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Every field that a value feeds, with the value's place in the order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (usize, Field)> {
        let steps = self.steps.iter().enumerate();
        steps.flat_map(|(place, step)| step.fields.iter().map(move |field| (place, *field)))
    }
}

#[inline]
fn cut(
    steps: &[Step],
    tail: &Literal,
    line: &Padded,
    mut take: impl FnMut(usize, &Cut) -> Option<()>,
) -> Option<()> {
    let mut at = 0;
    for (place, step) in steps.iter().enumerate() {
        at = step.before.end(line, at)?;
        let cut = if step.quoted { Cut::text(line, at)? } else { Cut::number(line, at)? };
        at += cut.length;
        take(place, &cut)?;
    }
    (tail.end(line, at)? == line.len()).then_some(())
}

impl Literal {
    fn new(bytes: &[u8]) -> Self {
        let (first, rest) = bytes.split_at(bytes.len().min(16));
        let words = |bytes: &[u8]| [0, 8].map(|at| Eight::first(bytes.get(at..).unwrap_or(b"")));
        Self {
            words: words(first),
            masks: words(&[0xff; 16][..first.len()]),
            rest: Box::from(rest),
            length: bytes.len(),
        }
    }

    /// Where it ends, if it stands at this place of the line.
    #[inline]
    fn end(&self, line: &Padded, at: usize) -> Option<usize> {
        let [first, second] = self.words;
        let differs = line.at(at).differs(first, self.masks[0])
            || (self.length > 8 && line.at(at + 8).differs(second, self.masks[1]));
        let end = at + self.length;
        let fits = self.rest.is_empty() || line.get(at + 16..end) == Some(&*self.rest);
        // No byte of it is zero, so that it cannot end beyond the line.
        (!differs && fits).then_some(end)
    }
}

impl Default for Literal {
    fn default() -> Self {
        Self::new(b"")
    }
}

impl Cut {
    /// A text without escapes; what ends it is compared with the shape next.
    #[inline]
    fn text(line: &Padded, at: usize) -> Option<Self> {
        let (length, ascii) = line.plain(at);
        let cut = Self { at, length, form: Form::Text, value: 0 };
        (ascii || str::from_utf8(cut.bytes(line)).is_ok()).then_some(cut)
    }

    /// A number without an exponent, which would not pass for what the shape expects next.
    #[inline]
    fn number(line: &Padded, at: usize) -> Option<Self> {
        let digits = line.at(at);
        let whole = digits.digits();
        // Most numbers: up to seven digits, then perhaps a point and some more.
        if (1..8).contains(&whole) && (whole == 1 || digits.byte(0) != b'0') {
            let number = digits.some_number(whole);
            if digits.byte(whole) != b'.' {
                return Self { at, length: whole, form: Form::Whole, value: 0 }.worth(number);
            }
            let fraction = line.at(at + whole + 1);
            let places = fraction.digits();
            if (1..=6).contains(&places) {
                let parts = (fraction.some_number(places), places);
                let value = Decimal::from_parts(number, parts)?.micros();
                return Some(Self { at, length: whole + 1 + places, form: Form::Decimal, value });
            }
        }
        // Times in milliseconds, long ids: nine to fifteen digits.
        if whole == 8 && digits.byte(0) != b'0' {
            let more = line.at(at + whole);
            let places = more.digits();
            if (1..8).contains(&places) && more.byte(places) != b'.' {
                let number = digits.some_number(8) * Eight::TENS[places] + more.some_number(places);
                return Self { at, length: whole + places, form: Form::Whole, value: 0 }
                    .worth(number);
            }
        }
        Self::rare_number(line, at)
    }

    /// A number of any length.
    fn rare_number(line: &Padded, at: usize) -> Option<Self> {
        let negative = line.byte(at) == b'-';
        let sign = usize::from(negative);
        let whole = line.digits(at + sign);
        if whole == 0 || (whole > 1 && line.byte(at + sign) == b'0') {
            return None;
        }
        let length = sign + whole;
        let point = line.byte(at + length) == b'.';
        if !point && !negative {
            let form = if whole <= 18 { Form::Whole } else { Form::Digits };
            let number = if whole <= 18 { line.number(at, whole) } else { 0 };
            return Self { at, length, form, value: 0 }.worth(number);
        }
        let places = if point { line.digits(at + length + 1) } else { 0 };
        if point && places == 0 {
            return None;
        }
        let cut =
            Self { at, length: length + usize::from(point) + places, form: Form::Other, value: 0 };
        if whole > 12 || places > 6 {
            return Some(cut);
        }
        let parts = (line.number(at + length + 1, places), places);
        let number = Decimal::from_parts(line.number(at + sign, whole), parts)?;
        let number = if negative { number.negated() } else { number };
        Some(Self { form: Form::Decimal, value: number.micros(), ..cut })
    }

    /// With its number, which was kept small enough for it.
    #[inline]
    fn worth(self, number: u64) -> Option<Self> {
        Some(Self { value: i64::try_from(number).ok()?, ..self })
    }

    /// Its bytes, without quotes, as UTF-8.
    #[inline]
    pub(crate) fn bytes<'a>(&self, line: &'a Padded) -> &'a [u8] {
        line.get(self.at..self.at + self.length).unwrap_or_default()
    }

    /// Its text, when it can be the name of something.
    #[inline]
    pub(crate) fn name<'a>(&self, line: &'a Padded) -> Option<&'a str> {
        if self.is_name() { str::from_utf8(self.bytes(line)).ok() } else { None }
    }

    /// Whether it can be the name of something.
    #[inline]
    pub(crate) fn is_name(&self) -> bool {
        matches!(self.form, Form::Text | Form::Whole | Form::Digits)
            && (1..=NAME_BYTES_MAX).contains(&self.length)
    }

    /// Whether it stood in quotes.
    #[inline]
    pub(crate) fn is_text(&self) -> bool {
        self.form == Form::Text
    }

    /// One word for it, if it is short; another one for every other short value.
    #[inline]
    pub(crate) fn packed(&self, line: &Padded) -> Option<u64> {
        if self.length < 8 { Some(line.at(self.at).packed(self.length)) } else { None }
    }

    /// The number that its digits make, when it is digits alone and not absurdly many.
    #[inline]
    pub(crate) fn whole(&self) -> Option<i64> {
        (self.form == Form::Whole).then_some(self.value)
    }

    /// Its number, exactly; none for texts and for what has to be rounded or refused.
    #[inline]
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        match self.form {
            Form::Whole => Decimal::from_parts(self.value.try_into().ok()?, (0, 0)),
            Form::Decimal => Some(Decimal::from_micros(self.value)),
            Form::Text | Form::Digits | Form::Other => None,
        }
    }
}
