//! Functions of texts. A place in a text counts its code points, from 0.

use crate::event::symbol::Reader;
use crate::state::builtin::Builtin;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::texts::append;
use crate::state::value::Fault;
use crate::state::value::Value;

/// The value of a function whose first argument is a text.
pub(super) fn of(
    scope: &mut Scope<'_>,
    builtin: &Builtin,
    values: &[Value],
) -> Result<Value, Fault> {
    let symbols = scope.symbols;
    let names = symbols.read();
    if let Builtin::Size | Builtin::IndexOf | Builtin::LastIndexOf = builtin {
        let place = number(builtin, &Args { texts: scope.texts, names: &names, values })?;
        let place = place.map_or(Ok(-1), i64::try_from);
        return place.map(Value::Int).map_err(|_| Fault::Overflow);
    }
    scope.texts.make(|texts, out| write(builtin, &Args { texts, names: &names, values }, out))
}

/// The arguments of a call, with what their texts say.
struct Args<'a> {
    texts: &'a Texts,
    names: &'a Reader<'a>,
    values: &'a [Value],
}

impl<'a> Args<'a> {
    fn text(&self, place: usize) -> Result<&'a str, Fault> {
        let value = self.values.get(place).copied().ok_or(Fault::Type)?;
        self.texts.read(self.names, value)
    }

    /// The byte at which the place stands in a text that this argument names, where it is given.
    fn place(&self, place: usize, text: &str) -> Result<Option<usize>, Fault> {
        self.values.get(place).map(|place| place_in(text, *place)).transpose()
    }
}

fn number(builtin: &Builtin, args: &Args<'_>) -> Result<Option<usize>, Fault> {
    let text = args.text(0)?;
    if *builtin == Builtin::Size {
        return Ok(Some(text.chars().count()));
    }
    let from = args.place(2, text)?;
    Ok(found(text, args.text(1)?, from, *builtin == Builtin::LastIndexOf))
}

fn write(builtin: &Builtin, args: &Args<'_>, out: &mut String) -> Result<(), Fault> {
    let text = args.text(0)?;
    match builtin {
        Builtin::Concat => {
            append(out, text)?;
            append(out, args.text(1)?)
        }
        Builtin::LowerAscii => {
            append(out, text)?;
            out.make_ascii_lowercase();
            Ok(())
        }
        Builtin::UpperAscii => {
            append(out, text)?;
            out.make_ascii_uppercase();
            Ok(())
        }
        Builtin::Trim => append(out, text.trim()),
        Builtin::Reverse => {
            out.extend(text.chars().rev());
            Ok(())
        }
        Builtin::CharAt => {
            let at = args.place(1, text)?.ok_or(Fault::Type)?;
            out.extend(text[at..].chars().next());
            Ok(())
        }
        Builtin::Substring => {
            let from = args.place(1, text)?.ok_or(Fault::Type)?;
            let to = args.place(2, text)?.unwrap_or(text.len());
            append(out, text.get(from..to).ok_or(Fault::Index)?)
        }
        Builtin::Replace => {
            let most = match args.values.get(3) {
                Some(Value::Int(most)) => usize::try_from(*most).unwrap_or(usize::MAX),
                Some(_) => return Err(Fault::Type),
                None => usize::MAX,
            };
            replace(out, text, (args.text(1)?, args.text(2)?), most)
        }
        _ => Err(Fault::Type),
    }
}

/// The byte at which a place stands; the end of the text is a place.
fn place_in(text: &str, place: Value) -> Result<usize, Fault> {
    let Value::Int(place) = place else { return Err(Fault::Type) };
    let place = usize::try_from(place).map_err(|_| Fault::Index)?;
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.nth(place).ok_or(Fault::Index)
}

/// At which place a part stands: the first from `from` on, or the last that begins there or before.
fn found(text: &str, part: &str, from: Option<usize>, last: bool) -> Option<usize> {
    let at = if last {
        let upto = from.map_or(text.len(), |from| (from + part.len()).min(text.len()));
        // Within a code point nothing ends, and what ends behind it begins too late.
        let upto = (0..=upto).rev().find(|end| text.is_char_boundary(*end))?;
        text[..upto].rfind(part)
    } else {
        let from = from.unwrap_or(0);
        text[from..].find(part).map(|at| at + from)
    };
    at.map(|at| text[..at].chars().count())
}

fn replace(
    out: &mut String,
    text: &str,
    (part, with): (&str, &str),
    most: usize,
) -> Result<(), Fault> {
    let mut end = 0;
    for (at, found) in text.match_indices(part).take(most) {
        append(out, &text[end..at])?;
        append(out, with)?;
        end = at + found.len();
    }
    append(out, &text[end..])
}

/// The next part of a text that is split: where it begins and ends, and where to go on, if it is not
/// the last. Between every two code points if nothing separates.
pub(crate) fn next_part(
    text: &str,
    separator: &str,
    from: usize,
    last: bool,
) -> (std::ops::Range<usize>, Option<usize>) {
    let rest = text.get(from..).unwrap_or_default();
    if last {
        return (from..text.len(), None);
    }
    if separator.is_empty() {
        let end = from + rest.chars().next().map_or(0, char::len_utf8);
        return (from..end, (end < text.len()).then_some(end));
    }
    match rest.find(separator) {
        Some(at) => (from..from + at, Some(from + at + separator.len())),
        None => (from..text.len(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_code_points() {
        for (text, part, from, first, last) in [
            ("tacocat", "a", None, Some(1), Some(5)),
            ("tacocat", "none", None, None, None),
            ("tacocat", "", None, Some(0), Some(7)),
            ("ta©o©αT", "©", None, Some(2), Some(4)),
            ("ta©o©αT", "©", Some(3), Some(4), Some(2)),
            ("ta©o©αT", "©αT", Some(3), Some(4), None),
            ("hello mellow", "ello", Some(2), Some(7), Some(1)),
            ("hello mellow", "ello", Some(6), Some(7), Some(1)),
            ("", "", None, Some(0), Some(0)),
        ] {
            let at = |place: Option<i64>| place.map(|p| place_in(text, Value::Int(p)).unwrap());
            assert_eq!(found(text, part, at(from), false), first, "{part} in {text} {from:?}");
            assert_eq!(found(text, part, at(from), true), last, "last {part} in {text} {from:?}");
        }
        assert_eq!(place_in("aé", Value::Int(3)), Err(Fault::Index));
        assert_eq!(place_in("aé", Value::Int(-1)), Err(Fault::Index));
        assert_eq!(place_in("aé", Value::Int(2)), Ok(3));
    }

    #[test]
    fn a_text_is_split_at_its_separators() {
        for (text, separator, want) in [
            ("a,b,c", ",", vec!["a", "b", "c"]),
            (",a,", ",", vec!["", "a", ""]),
            ("", ",", vec![""]),
            ("aéb", "", vec!["a", "é", "b"]),
            ("a--b", "--", vec!["a", "b"]),
        ] {
            let (mut parts, mut from) = (Vec::new(), Some(0));
            while let Some(at) = from {
                let (part, next) = next_part(text, separator, at, false);
                parts.push(&text[part]);
                from = next;
            }
            assert_eq!(parts, want, "{text:?} at {separator:?}");
        }
    }
}
