//! Where do the values of one JSON object lie? A strict reader that copies nothing.
//!
//! ```text
//! {"customer_id":4521,"lines":[{"product_id":"p1"}]}
//!  └── key ────┘ └ Number("4521")
//!                      └ Array("[{…}]"), handed out whole once it is known to be sound
//! ```
//!
//! The grammar is RFC 8259, no more and no less; nesting is limited, so no input can exhaust the
//! stack. A value stays a slice of the line until something asks for its meaning.

#![allow(
    clippy::inline_always,
    reason = "a value handed over by memory costs as much as reading it did"
)]

use std::borrow::Cow;

use crate::event::decode::eight;
use crate::event::decode::refusal::Refusal;

/// Levels of nesting in one record, its own braces included.
pub(crate) const DEPTH_MAX: usize = 32;

/// A JSON string without its quotes, not yet unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// As it stands in the line.
    pub(crate) raw: &'a str,
    /// Whether it holds a backslash.
    pub(crate) escaped: bool,
}

/// One JSON value, checked but not interpreted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    Number(&'a str),
    Text(Text<'a>),
    Array(&'a str),
    Object(&'a str),
}

/// A place in a line.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Text<'a> {
    /// A text that needs no unescaping.
    pub(crate) fn plain(raw: &'a str) -> Self {
        Self { raw, escaped: false }
    }

    /// The characters meant.
    pub(crate) fn read(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space, not consumed; 0 at the end.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                other => return *other,
            }
        }
        0
    }

    #[cold]
    fn bad(&self, what: &'static str) -> Refusal {
        let ended = self.at >= self.text.len();
        Refusal::BadJson { at: self.at, what: if ended { "it ends too early" } else { what } }
    }

    /// Goes past this byte, which must come next.
    #[inline(always)]
    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Refusal> {
        if self.peek() != byte {
            return Err(self.bad(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Refusal> {
        self.peek();
        if self.at < self.text.len() {
            Err(self.bad("something follows the object"))
        } else {
            Ok(())
        }
    }

    /// After an opening bracket or a member: whether another member follows.
    #[inline(always)]
    pub(crate) fn more(&mut self, first: bool, close: u8) -> Result<bool, Refusal> {
        match self.peek() {
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ if first => Ok(true),
            b',' => {
                self.at += 1;
                if self.peek() == close { Err(self.bad("a comma too many")) } else { Ok(true) }
            }
            _ => Err(self.bad("a comma is missing")),
        }
    }

    /// A member's name, and the colon behind it.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Text<'a>, Refusal> {
        self.expect(b'"', "a name in double quotes is missing")?;
        let key = self.string()?;
        self.expect(b':', "a colon is missing")?;
        Ok(key)
    }

    /// The value that comes next; `depth` counts the levels around it.
    #[inline(always)]
    pub(crate) fn value(&mut self, depth: usize) -> Result<Json<'a>, Refusal> {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.string().map(Json::Text)
            }
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            b'{' => self.nested(depth, b'}').map(Json::Object),
            b'[' => self.nested(depth, b']').map(Json::Array),
            b't' => self.word("true", Json::Flag(true)),
            b'f' => self.word("false", Json::Flag(false)),
            b'n' => self.word("null", Json::Null),
            _ => Err(self.bad("a value is missing")),
        }
    }

    fn word(&mut self, word: &'static str, value: Json<'a>) -> Result<Json<'a>, Refusal> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.bad("a value is missing"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// An object or a list, checked and handed out whole.
    #[inline(never)]
    fn nested(&mut self, depth: usize, close: u8) -> Result<&'a str, Refusal> {
        if depth >= DEPTH_MAX {
            return Err(Refusal::TooDeep { limit: DEPTH_MAX });
        }
        let start = self.at;
        self.at += 1;
        let mut first = true;
        while self.more(first, close)? {
            if close == b'}' {
                self.key()?;
            }
            self.value(depth + 1)?;
            first = false;
        }
        Ok(&self.text[start..self.at])
    }

    /// The rest of a string whose opening quote is behind.
    #[inline(always)]
    fn string(&mut self) -> Result<Text<'a>, Refusal> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += eight::plain(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return Err(self.bad("a control character in a text")),
                Some(_) => self.at += 1,
                None => return Err(self.bad("")),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match code_unit(rest) {
                Some(0xD800..0xDC00) => match (rest.get(5), rest.get(6..).and_then(code_unit)) {
                    (Some(b'\\'), Some(0xDC00..0xE000)) => self.at += 12,
                    _ => return Err(self.bad("half of a surrogate pair")),
                },
                Some(0xDC00..0xE000) => return Err(self.bad("half of a surrogate pair")),
                Some(_) => self.at += 6,
                None => return Err(self.bad("an unknown escape")),
            },
            _ => return Err(self.bad("an unknown escape")),
        }
        Ok(())
    }

    #[inline(always)]
    fn number(&mut self) -> Result<&'a str, Refusal> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let whole = start + usize::from(bytes[start] == b'-');
        self.at = digits(whole);
        if self.at == whole || (bytes[whole] == b'0' && self.at > whole + 1) {
            return Err(self.bad("a number that starts in no JSON way"));
        }
        if bytes.get(self.at) == Some(&b'.') {
            let fraction = self.at + 1;
            self.at = digits(fraction);
            if self.at == fraction {
                return Err(self.bad("a digit is missing"));
            }
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            let sign = self.at + 1;
            let exponent = sign + usize::from(matches!(bytes.get(sign), Some(b'+' | b'-')));
            self.at = digits(exponent);
            if self.at == exponent {
                return Err(self.bad("a digit is missing"));
            }
        }
        Ok(&self.text[start..self.at])
    }
}

/// The members of an object that [`Cursor`] has passed as sound.
pub(crate) fn members<'a>(
    object: &'a str,
    mut each: impl FnMut(Text<'a>, Json<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(object);
    cursor.expect(b'{', "an object is missing")?;
    let mut first = true;
    while cursor.more(first, b'}')? {
        first = false;
        let key = cursor.key()?;
        each(key, cursor.value(1)?)?;
    }
    Ok(())
}

/// The elements of a list that [`Cursor`] has passed as sound.
pub(crate) fn elements<'a>(
    list: &'a str,
    mut each: impl FnMut(Json<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(list);
    cursor.expect(b'[', "a list is missing")?;
    let mut first = true;
    while cursor.more(first, b']')? {
        first = false;
        each(cursor.value(1)?)?;
    }
    Ok(())
}

/// The number behind `u` of a `\uXXXX`.
fn code_unit(from_u: &[u8]) -> Option<u32> {
    let [b'u', digits @ ..] = from_u else { return None };
    digits
        .get(..4)?
        .iter()
        .try_fold(0, |sum, digit| char::from(*digit).to_digit(16).map(|value| sum * 16 + value))
}

/// The characters of a string that [`Cursor`] has passed as sound.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at + 1..];
        let (letter, length) = match escape.first() {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => {
                let unit = code_unit(escape).unwrap_or(0xFFFD);
                let low = escape.get(6..).and_then(code_unit);
                match (unit, low) {
                    (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => {
                        let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        (char::from_u32(code).unwrap_or('\u{fffd}'), 12)
                    }
                    _ => (char::from_u32(unit).unwrap_or('\u{fffd}'), 6),
                }
            }
            Some(other) => (char::from(*other), 2),
            None => break,
        };
        out.push(letter);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Json<'_>, Refusal> {
        let mut cursor = Cursor::new(text);
        let value = cursor.value(0)?;
        cursor.end()?;
        Ok(value)
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"1}",
            "{a:1}",
            "{\"a\":}",
            "[1 2]",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"",
            "1 1",
            "{}{}",
            "NaN",
        ] {
            assert!(matches!(read(text), Err(Refusal::BadJson { .. })), "{text}");
        }
    }

    #[test]
    fn escapes_mean_characters() {
        let text = r#""\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00é""#;
        let Ok(Json::Text(found)) = read(text) else { unreachable!("sound") };
        assert_eq!(found.read(), "\"\\/\u{8}\u{c}\n\r\tä😀é");
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(DEPTH_MAX)).is_ok());
        assert_eq!(read(&deep(DEPTH_MAX + 1)), Err(Refusal::TooDeep { limit: DEPTH_MAX }));
        assert_eq!(read(&deep(100_000)), Err(Refusal::TooDeep { limit: DEPTH_MAX }));
    }

    proptest::proptest! {
        #[test]
        fn the_grammar_is_that_of_an_independent_parser(text in r#"[{}\[\]",:0-9eE.+\-\\utfrnalse ]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // A number too large for a binary one is grammar all the same.
            let range = theirs.as_ref().err().is_some_and(|e| e.to_string().contains("out of range"));
            proptest::prop_assert_eq!(read(&text).is_ok(), theirs.is_ok() || range, "{}", text);
        }
    }
}
