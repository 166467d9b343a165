//! Do two YAML documents say the same? The judge over each step of the layout.
//!
//! Keys of a mapping that the program knows may stand in any order, the author's own may not:
//! `let` names build on those above them. Expressions are compared as trees, all else as it reads.

use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::expression;
use crate::rule::keys;
use crate::rule::keys::Holds;
use crate::rule::keys::Key;
use crate::rule::template::Template;

/// Whether both say the same, where they hold this.
pub(super) fn says_the_same(a: &Yaml, b: &Yaml, holds: Holds) -> bool {
    match (&a.shape, &b.shape) {
        (Shape::Null, Shape::Null) => true,
        (Shape::Scalar(a), Shape::Scalar(b)) => {
            (a.text == b.text && (a.style == b.style || !matches!(holds, Holds::Record(_))))
                || same_text(&a.text, &b.text, holds)
        }
        (Shape::List(a), Shape::List(b)) => {
            let inner = element(holds);
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| says_the_same(a, b, inner))
        }
        (Shape::Map(a), Shape::Map(b)) if a.len() != b.len() => false,
        (Shape::Map(a), Shape::Map(b)) => match known(holds, a) {
            Some(known) => a.iter().all(|(key, value)| {
                let name = name(key);
                let other = b.iter().find(|(key, _)| self::name(key) == name);
                let inner = known.iter().find(|key| Some(key.name) == name);
                let inner = inner.map_or(Holds::Text, |key| key.holds);
                other.is_some_and(|(_, other)| says_the_same(value, other, inner))
            }),
            None => a.iter().zip(b).all(|(a, b)| {
                name(&a.0).is_some()
                    && name(&a.0) == name(&b.0)
                    && says_the_same(&a.1, &b.1, entry(holds, name(&a.0)))
            }),
        },
        _ => false,
    }
}

/// What an item of a list holds.
pub(super) fn element(holds: Holds) -> Holds {
    if let Holds::List(inner) = holds { *inner } else { Holds::Text }
}

/// What an entry of a mapping holds.
pub(super) fn entry(holds: Holds, name: Option<&str>) -> Holds {
    let of = |keys: &'static [Key]| {
        let key = keys.iter().find(|key| Some(key.name) == name);
        key.map_or(Holds::Text, |key| key.holds)
    };
    match holds {
        Holds::Mapping(keys) | Holds::Record(keys) => of(keys),
        Holds::Named(inner) => *inner,
        Holds::Trigger => match name {
            Some("silence" | "after") => of(&keys::SILENCE),
            _ => of(&keys::SCHEDULE),
        },
        _ => Holds::Text,
    }
}

/// The keys of a mapping that the program knows; none where they are the author's own.
pub(super) fn known(holds: Holds, entries: &[(Yaml, Yaml)]) -> Option<&'static [Key]> {
    match holds {
        Holds::Mapping(keys) => Some(keys),
        Holds::Trigger => {
            let silence = entries.iter().any(|(key, _)| name(key) == Some("silence"));
            Some(if silence { &keys::SILENCE } else { &keys::SCHEDULE })
        }
        _ => None,
    }
}

/// A key as it reads.
pub(super) fn name(key: &Yaml) -> Option<&str> {
    if let Shape::Scalar(scalar) = &key.shape { Some(&scalar.text) } else { None }
}

fn same_text(a: &str, b: &str, holds: Holds) -> bool {
    match holds {
        Holds::Expression => expression::parse(a).is_ok_and(|a| expression::parse(b) == Ok(a)),
        Holds::Template => Template::parse(a).is_ok_and(|a| Template::parse(b) == Ok(a)),
        _ => false,
    }
}
