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
    /// The values of the line that was read last.
    cuts: Vec<Cut>,
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

/// A value's place in a line, and how it is written there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    at: usize,
    length: usize,
    form: Form,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In quotes, which are not part of the cut; nothing in it is escaped.
    Text,
    /// Digits alone, without sign and point.
    Whole,
    /// A sign or none, so many digits, then a point and more digits or nothing.
    Number { negative: bool, whole: usize },
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

    /// Finds the values of a line of this shape, in their order; none when the line is of another
    /// shape. A line that fits is sound: it is JSON, and it is UTF-8.
    #[inline]
    pub(crate) fn cut(&mut self, line: &Padded) -> Option<&[Cut]> {
        self.cuts.clear();
        let fits = cut(&self.steps, &self.tail, line, &mut self.cuts);
        self.misses = if fits.is_some() { 0 } else { self.misses.saturating_add(1) };
        fits.map(|()| self.cuts.as_slice())
    }

    /// Every field that a value feeds, with the value's place in the order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (usize, Field)> {
        let steps = self.steps.iter().enumerate();
        steps.flat_map(|(place, step)| step.fields.iter().map(move |field| (place, *field)))
    }
}

#[inline]
fn cut(steps: &[Step], tail: &Literal, line: &Padded, cuts: &mut Vec<Cut>) -> Option<()> {
    let mut at = 0;
    for step in steps {
        at = step.before.end(line, at)?;
        let cut = if step.quoted { Cut::text(line, at)? } else { Cut::number(line, at)? };
        at += cut.length;
        cuts.push(cut);
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
        let cut = Self { at, length, form: Form::Text };
        (ascii || str::from_utf8(cut.bytes(line)).is_ok()).then_some(cut)
    }

    /// A number without an exponent, which would not pass for what the shape expects next.
    #[inline]
    fn number(line: &Padded, at: usize) -> Option<Self> {
        let negative = line.byte(at) == b'-';
        let sign = usize::from(negative);
        let whole = line.digits(at + sign);
        if whole == 0 || (whole > 1 && line.byte(at + sign) == b'0') {
            return None;
        }
        let length = sign + whole;
        if line.byte(at + length) == b'.' {
            let places = line.digits(at + length + 1);
            let length = length + 1 + places;
            let form = Form::Number { negative, whole };
            return (places > 0).then_some(Self { at, length, form });
        }
        let form = if negative { Form::Number { negative, whole } } else { Form::Whole };
        Some(Self { at, length, form })
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
        matches!(self.form, Form::Text | Form::Whole) && (1..=NAME_BYTES_MAX).contains(&self.length)
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
    pub(crate) fn whole(&self, line: &Padded) -> Option<u64> {
        let plain = self.form == Form::Whole && self.length <= 18;
        if plain { Some(line.number(self.at, self.length)) } else { None }
    }

    /// Its number, exactly; none for texts and for what has to be rounded or refused.
    #[inline]
    pub(crate) fn decimal(&self, line: &Padded) -> Option<Decimal> {
        let (negative, whole) = match self.form {
            Form::Text => return None,
            Form::Whole => (false, self.length),
            Form::Number { negative, whole } => (negative, whole),
        };
        let behind = usize::from(negative) + whole;
        let places = self.length.saturating_sub(behind + 1);
        if whole > 12 || places > 6 {
            return None;
        }
        let end = self.at + behind;
        let fraction = line.number(end + 1, places);
        let number = Decimal::from_parts(line.number(end - whole, whole), (fraction, places))?;
        Some(if negative { number.negated() } else { number })
    }
}
