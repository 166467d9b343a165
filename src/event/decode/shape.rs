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

use smallvec::SmallVec;

use crate::event::decode::json::Text;
use crate::event::decode::json::plain_bytes;
use crate::event::mapping::Field;

/// Members of an object that is worth a shape.
const MEMBERS_MAX: usize = 48;

/// How the lines of a source are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    steps: Vec<Step>,
    /// What stands behind the last value.
    tail: Box<[u8]>,
    /// Lines that did not fit since one did.
    misses: u32,
}

#[derive(Debug, Clone)]
struct Step {
    /// What stands before the value, an opening quote included.
    before: Box<[u8]>,
    quoted: bool,
    fields: SmallVec<[Field; 2]>,
}

/// A value cut out of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    /// Its text, without quotes.
    pub(crate) text: &'a str,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
    /// Whether it is digits alone, without sign and point.
    pub(crate) whole: bool,
}

/// One member as the full parser met it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its name; escaped names have no shape.
    pub(crate) name: Text<'a>,
    /// Its value without quotes; none for anything but plain numbers and texts.
    pub(crate) value: Option<Cut<'a>>,
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
        fields: impl Fn(&str) -> SmallVec<[Field; 2]>,
    ) {
        *self = Self::default();
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return;
        }
        let mut steps = Vec::with_capacity(members.len());
        let mut at = 0;
        for Member { name, value } in members {
            let Some(cut) = value.filter(|_| !name.escaped) else { return };
            // Both are slices of the line, so their distance is the value's place in it.
            let start = cut.text.as_ptr() as usize - line.as_ptr() as usize;
            let Some(before) = line.as_bytes().get(at..start) else { return };
            let fields = fields(name.raw);
            steps.push(Step { before: Box::from(before), quoted: cut.quoted, fields });
            at = start + cut.text.len();
        }
        self.tail = line.as_bytes().get(at..).map(Box::from).unwrap_or_default();
        self.steps = steps;
    }

    /// Hands the values of a line of this shape out, each with the fields that it feeds; `None`
    /// when the line is of another shape, or `each` does not want a value.
    #[inline]
    pub(crate) fn read<'a>(
        &mut self,
        line: &'a str,
        each: impl FnMut(&[Field], Cut<'a>) -> Option<()>,
    ) -> Option<()> {
        let fits = self.cut(line, each);
        self.misses = if fits.is_some() { 0 } else { self.misses.saturating_add(1) };
        fits
    }

    #[inline]
    fn cut<'a>(
        &self,
        line: &'a str,
        mut each: impl FnMut(&[Field], Cut<'a>) -> Option<()>,
    ) -> Option<()> {
        let bytes = line.as_bytes();
        let mut at = 0;
        for step in &self.steps {
            let start = at + step.before.len();
            if *bytes.get(at..start)? != *step.before {
                return None;
            }
            let rest = &bytes[start..];
            let (length, whole) =
                if step.quoted { (text_length(rest)?, false) } else { number_length(rest)? };
            at = start + length;
            each(&step.fields, Cut { text: line.get(start..at)?, quoted: step.quoted, whole })?;
        }
        (*bytes.get(at..)? == *self.tail).then_some(())
    }

    /// Every field that a value feeds.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.steps.iter().flat_map(|step| &step.fields)
    }
}

/// Length of a text that ends before a quote and holds no escape.
#[inline]
fn text_length(rest: &[u8]) -> Option<usize> {
    let mut length = plain_bytes(rest);
    while let Some(byte) = rest.get(length) {
        match byte {
            b'"' => return Some(length),
            b'\\' | 0..0x20 => return None,
            _ => length += 1,
        }
    }
    None
}

/// Length of a number without an exponent, and whether it is digits alone.
#[inline]
fn number_length(rest: &[u8]) -> Option<(usize, bool)> {
    let sign = usize::from(rest.first() == Some(&b'-'));
    let whole = digits(rest, sign);
    if whole == sign || (rest[sign] == b'0' && whole > sign + 1) {
        return None;
    }
    if rest.get(whole) != Some(&b'.') {
        // What follows is compared with the shape next, so an exponent does not pass for its end.
        return Some((whole, sign == 0));
    }
    let end = digits(rest, whole + 1);
    (end > whole + 1).then_some((end, false))
}

/// Where the digits from `at` on end.
#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| byte.wrapping_sub(b'0') < 10) {
        at += 1;
    }
    at
}
