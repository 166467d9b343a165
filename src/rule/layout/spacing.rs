//! Blanks within a line: `key: value`, expressions in one spacing, two before a comment.

use std::ops::Range;

use crate::rule::document;
use crate::rule::document::Scalar;
use crate::rule::document::Shape;
use crate::rule::document::Style;
use crate::rule::document::Yaml;
use crate::rule::expression;
use crate::rule::keys::Holds;
use crate::rule::layout::replaced;
use crate::rule::layout::sameness;
use crate::rule::template;

type Parts = Vec<(Range<usize>, String)>;

/// The text with one blank where one belongs.
pub(super) fn spaced(text: &str, yaml: &Yaml, holds: Holds) -> String {
    let mut parts = Parts::new();
    visit(text, yaml, holds, &mut parts);
    parts.sort_by_key(|(span, _)| (span.start, span.end));
    parts.dedup();
    for comment in document::comments(text, yaml) {
        before_comment(text, comment.start, &mut parts);
    }
    replaced(text, parts)
}

fn visit(text: &str, yaml: &Yaml, holds: Holds, parts: &mut Parts) {
    match &yaml.shape {
        Shape::Null => {}
        Shape::Scalar(scalar) => match holds {
            Holds::Expression => expression_gaps(text, scalar, 0..scalar.text.len(), parts),
            Holds::Template => template_gaps(text, scalar, parts),
            _ => {}
        },
        Shape::List(items) => {
            let inner = sameness::element(holds);
            for item in items {
                visit(text, item, inner, parts);
            }
        }
        Shape::Map(entries) => {
            for (key, value) in entries {
                after_key(text, key.span.end, parts);
                visit(text, value, sameness::entry(holds, sameness::name(key)), parts);
            }
        }
    }
}

/// `key :   value` becomes `key: value`.
fn after_key(text: &str, end: usize, parts: &mut Parts) {
    let rest = &text[end..];
    let colon = rest.len() - rest.trim_start_matches(' ').len();
    let Some(behind) = rest[colon..].strip_prefix(':') else { return };
    let blanks = behind.len() - behind.trim_start_matches(' ').len();
    let goes_on = behind[blanks..].starts_with(|c: char| !matches!(c, '\n' | '\r' | '#'));
    if goes_on && blanks > 0 && (colon, blanks) != (0, 1) {
        parts.push((end..end + colon + 1 + blanks, ": ".to_owned()));
    }
}

/// Lays the gaps of an expression, a part of the scalar's text, over the file.
fn expression_gaps(text: &str, scalar: &Scalar, part: Range<usize>, parts: &mut Parts) {
    if !scalar.alignment.is_exact() || scalar.style == Style::Folded {
        return;
    }
    for gap in expression::spacing(&scalar.text[part.clone()]) {
        // In plain scalars a colon and a blank would end the value.
        if gap.colon && scalar.style == Style::Plain {
            continue;
        }
        let within = part.start + gap.span.start..part.start + gap.span.end;
        // An empty gap has no bytes of its own: it stands where the word before it ends.
        let start = scalar.alignment.place(&(within.start - 1..within.start)).end;
        let end = scalar.alignment.place(&(within.end..within.end + 1)).start;
        if text.get(start..end).is_some_and(|found| found.bytes().all(|b| b == b' ')) {
            parts.push((start..end, gap.wanted.to_owned()));
        }
    }
}

fn template_gaps(text: &str, scalar: &Scalar, parts: &mut Parts) {
    let (whole, mut at) = (scalar.text.as_str(), 0);
    while let Some(open) = whole[at..].find("{{").map(|offset| at + offset + 2) {
        let Some(close) = template::end_of_expression(whole, open) else { return };
        let inner = whole[open..close].trim();
        let from = open + whole[open..close].find(inner).unwrap_or(0);
        expression_gaps(text, scalar, from..from + inner.len(), parts);
        for blanks in [open..from, from + inner.len()..close] {
            let start = scalar.alignment.place(&(blanks.start - 1..blanks.start)).end;
            let end = scalar.alignment.place(&(blanks.end..blanks.end + 1)).start;
            let found = text.get(start..end).unwrap_or("x");
            let loose = found != " " && found.bytes().all(|b| b == b' ');
            if loose && scalar.alignment.is_exact() && scalar.style != Style::Folded {
                parts.push((start..end, " ".to_owned()));
            }
        }
        at = close + 2;
    }
}

/// A comment behind a value keeps its column if the value leaves it two blanks.
fn before_comment(text: &str, at: usize, parts: &mut Parts) {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[line_start..at].trim_end_matches(' ');
    if before.trim().is_empty() {
        return;
    }
    let end = line_start + before.len();
    let here = parts.iter().filter(|(span, _)| line_start <= span.start && span.end <= end);
    let width = here.fold(before.chars().count(), |width, (span, wanted)| {
        (width + wanted.len()).saturating_sub(span.len())
    });
    let column = text[line_start..at].chars().count();
    let blanks = " ".repeat(column.max(width + 2) - width);
    if text[end..at] != blanks {
        parts.push((end..at, blanks));
    }
}
