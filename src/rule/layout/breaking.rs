//! A condition that is too long for its line is written over several, in a block.
//!
//! ```text
//! when: a && b && c   ──►   when: |
//!                             a
//!                               && b
//!                               && c
//! ```

use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::expression;
use crate::rule::keys::Holds;
use crate::rule::layout::COLUMNS_MAX;
use crate::rule::layout::line::Lines;
use crate::rule::layout::replaced;
use crate::rule::layout::sameness;

/// The text with long conditions in blocks.
pub(super) fn broken(text: &str, yaml: &Yaml, holds: Holds) -> String {
    let lines = Lines::new(text);
    let mut parts = Vec::new();
    visit(&lines, text, yaml, holds, &mut parts);
    replaced(text, parts)
}

type Parts = Vec<(std::ops::Range<usize>, String)>;

fn visit(lines: &Lines<'_>, text: &str, yaml: &Yaml, holds: Holds, parts: &mut Parts) {
    match &yaml.shape {
        Shape::List(items) => {
            let inner = sameness::element(holds);
            for item in items {
                visit(lines, text, item, inner, parts);
            }
        }
        Shape::Map(entries) => {
            for (key, value) in entries {
                let inner = sameness::entry(holds, sameness::name(key));
                if matches!(inner, Holds::Expression) {
                    parts.extend(block(lines, text, key, value));
                } else {
                    visit(lines, text, value, inner, parts);
                }
            }
        }
        Shape::Null | Shape::Scalar(_) => {}
    }
}

/// A block in place of a value; none where it fits, or where more than the value stands there.
fn block(
    lines: &Lines<'_>,
    text: &str,
    key: &Yaml,
    value: &Yaml,
) -> Option<(std::ops::Range<usize>, String)> {
    let Shape::Scalar(scalar) = &value.shape else { return None };
    let (line, column) = (lines.of(key.span.start), lines.column(key.span.start));
    let whole = lines.get(line);
    let alone = matches!(whole.get(..column)?.trim_matches(' '), "" | "-")
        && text.get(key.span.end..value.span.start) == Some(": ")
        && text.get(value.span.end..)?.lines().next().unwrap_or("").trim().is_empty()
        && lines.of(value.span.end) == line
        && !scalar.text.contains('\n');
    if !alone || whole.chars().count() <= COLUMNS_MAX {
        return None;
    }
    let breaks = expression::breaks(&scalar.text);
    if breaks.is_empty() {
        return None;
    }
    let within = column + 2;
    let mut block = format!("|\n{}", " ".repeat(within));
    let mut done = 0;
    for blanks in breaks {
        block.push_str(scalar.text[done..blanks.start].trim());
        block.push('\n');
        block.push_str(&" ".repeat(within + 2));
        done = blanks.end;
    }
    block.push_str(scalar.text[done..].trim());
    Some((value.span.clone(), block))
}
