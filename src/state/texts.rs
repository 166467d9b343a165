//! Texts that a rule makes while it runs: `a + b`, `x.lowerAscii()`.
//!
//! A name of the data is a [`Symbol`](crate::event::Symbol), stored once and for good. What a rule
//! makes is new with every event, and lives no longer than the evaluation:
//!
//! ```text
//! bytes   acme gmbhACMEsales           one string, which is emptied, not given back
//! ends             9   13   18         Made(1) is "ACME"
//! ```
//!
//! A list gives back what it made for an item before it goes on to the next. Two made texts may
//! read the same: they are compared by what they say ([`same`], [`order`]), never by their place.

use std::cmp::Ordering;

use crate::event::Symbol;
use crate::event::symbol::Reader;
use crate::state::program::Scope;
use crate::state::value;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;

/// Most bytes of text that one evaluation may hold.
pub const TEXT_BYTES_MAX: usize = 1 << 16;

/// A text that was made, as its place in [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made(u32);

/// The texts that one evaluation has made.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: String,
    /// Where each ends in `bytes`.
    ends: Vec<u32>,
    /// The next one, while it is written.
    draft: String,
    /// So many are held by a `let` name, and stay.
    held: u32,
}

/// How many texts there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(u32);

impl Made {
    /// Its number.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The text with this number; it must have come from [`Made::number`].
    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }
}

impl Texts {
    /// Forgets all texts; their room is kept for the next evaluation.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.held = 0;
    }

    /// What a made text says.
    pub fn text(&self, made: Made) -> &str {
        let end = |place: u32| self.ends.get(place as usize).map_or(0, |end| *end as usize);
        let start = made.0.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(made.0)).unwrap_or_default()
    }

    /// What a text says, made or not.
    pub(crate) fn read<'t>(
        &'t self,
        names: &'t Reader<'_>,
        value: Value,
    ) -> Result<&'t str, Fault> {
        match value {
            Value::Text(symbol) => Ok(names.text(symbol)),
            Value::Made(made) => Ok(self.text(made)),
            Value::Null => Err(Fault::Missing),
            _ => Err(Fault::Type),
        }
    }

    /// Makes a text of what `write` puts into it.
    pub(crate) fn make(
        &mut self,
        write: impl FnOnce(&Self, &mut String) -> Result<(), Fault>,
    ) -> Result<Value, Fault> {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        let made = write(self, &mut draft).and_then(|()| self.push(&draft));
        self.draft = draft;
        made
    }

    fn push(&mut self, text: &str) -> Result<Value, Fault> {
        append(&mut self.bytes, text)?;
        let place = u32::try_from(self.ends.len()).map_err(|_| Fault::Overflow)?;
        self.ends.push(u32::try_from(self.bytes.len()).map_err(|_| Fault::Overflow)?);
        Ok(Value::Made(Made(place)))
    }

    /// To come back to with [`Texts::release`] or [`Texts::keep`].
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.len())
    }

    /// Whether a value is a text that was made since.
    pub(crate) fn is_since(&self, mark: Mark, value: Value) -> bool {
        matches!(value, Value::Made(made) if made.0 >= mark.0.max(self.held))
    }

    fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Forgets what was made since, but for what a `let` name holds.
    #[inline]
    pub(crate) fn release(&mut self, mark: Mark) {
        if self.len() > mark.0 {
            self.cut(mark.0.max(self.held));
        }
    }

    fn cut(&mut self, len: u32) {
        self.ends.truncate(len as usize);
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.truncate(end);
    }

    /// As [`Texts::release`], but for this value, which may change its place.
    pub(crate) fn keep(&mut self, mark: Mark, value: Value) -> Result<Value, Fault> {
        let Value::Made(made) = value else {
            self.release(mark);
            return Ok(value);
        };
        if !self.is_since(mark, value) {
            self.release(mark);
            return Ok(value);
        }
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        draft.push_str(self.text(made));
        self.release(mark);
        let kept = self.push(&draft);
        self.draft = draft;
        kept
    }

    /// Holds all texts there are until the evaluation ends: a `let` name may stand for one.
    pub(crate) fn hold(&mut self) {
        self.held = self.len();
    }
}

/// Adds to a text as long as it is not too long.
pub(crate) fn append(text: &mut String, part: &str) -> Result<(), Fault> {
    if text.len() + part.len() > TEXT_BYTES_MAX {
        return Err(Fault::Overflow);
    }
    text.push_str(part);
    Ok(())
}

/// What a text of this scope says, handed to `with`.
pub fn read<T>(scope: &Scope<'_>, value: Value, with: impl FnOnce(&str) -> T) -> Result<T, Fault> {
    match value {
        Value::Made(made) => Ok(with(scope.texts.text(made))),
        value => scope.texts.read(&scope.symbols.read(), value).map(with),
    }
}

/// The symbol of a text, if it is the name of anything at all.
pub(crate) fn symbol(scope: &Scope<'_>, value: Value) -> Option<Symbol> {
    match value {
        Value::Text(symbol) => Some(symbol),
        Value::Made(made) => scope.symbols.read().find(scope.texts.text(made)),
        _ => None,
    }
}

/// Equality as [`value::equal`] defines it; of texts, by what they say.
pub(crate) fn same(scope: &Scope<'_>, left: Value, right: Value) -> bool {
    match (left, right) {
        (Value::Made(_), Value::Text(_) | Value::Made(_)) | (Value::Text(_), Value::Made(_)) => {
            order(scope, left, right) == Ok(Ordering::Equal)
        }
        _ => value::equal(left, right),
    }
}

/// Which of two values comes first; texts are in the order of their code points, which is that of
/// their UTF-8 bytes.
pub(crate) fn order(scope: &Scope<'_>, left: Value, right: Value) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Made(_) | Value::Text(_), Value::Made(_) | Value::Text(_)) => {
            let names = scope.symbols.read();
            let left = scope.texts.read(&names, left)?;
            Ok(left.cmp(scope.texts.read(&names, right)?))
        }
        _ => value::order(left, right),
    }
}

/// `left op right`, where either may be a made text or both are ordered texts.
pub(crate) fn compare(
    scope: &Scope<'_>,
    op: Comparison,
    left: Value,
    right: Value,
) -> Result<bool, Fault> {
    match op {
        Comparison::Equal => Ok(same(scope, left, right)),
        Comparison::NotEqual => Ok(!same(scope, left, right)),
        _ => order(scope, left, right).map(|order| op.holds(order)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(texts: &mut Texts, text: &str) -> Made {
        match texts.make(|_, out| append(out, text)) {
            Ok(Value::Made(made)) => made,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_made_since_a_mark_is_given_back() {
        let mut texts = Texts::default();
        let first = made(&mut texts, "first");
        let mark = texts.mark();
        for _ in 0..100_000 {
            let second = made(&mut texts, "second");
            let third = made(&mut texts, "third");
            assert_eq!((texts.text(second), texts.text(third)), ("second", "third"));
            texts.release(mark);
        }
        let fourth = made(&mut texts, "fourth");
        let fifth = made(&mut texts, "fifth");
        let kept = texts.keep(mark, Value::Made(fifth));
        assert_eq!(kept, Ok(Value::Made(fourth)), "it has moved into the fourth's place");
        assert_eq!((texts.text(first), texts.text(fourth)), ("first", "fifth"));
    }

    #[test]
    fn what_a_name_stands_for_is_held() {
        let mut texts = Texts::default();
        let mark = texts.mark();
        let named = made(&mut texts, "named");
        texts.hold();
        let passing = made(&mut texts, "passing");
        texts.release(mark);
        assert_eq!((texts.text(named), texts.text(passing)), ("named", ""));
        texts.clear();
        assert_eq!(texts.text(named), "");
    }

    #[test]
    fn texts_are_bounded() {
        let mut texts = Texts::default();
        let long = "x".repeat(TEXT_BYTES_MAX / 2);
        made(&mut texts, &long);
        made(&mut texts, &long);
        assert_eq!(texts.make(|_, out| append(out, "y")), Err(Fault::Overflow));
    }
}
