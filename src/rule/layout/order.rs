//! Keys in the order of their table. An entry moves with the comments above it.
//!
//! ```text
//!   - when: …                 - alert: A            the dash stays where it is;
//!     # named after …    ──►    # named after …  ◄─ but above the dash where its key comes first
//!     alert: A                  when: …
//! ```

use std::ops::Range;

use crate::rule::document;
use crate::rule::document::Yaml;
use crate::rule::keys::Holds;
use crate::rule::keys::Key;
use crate::rule::layout::line::Lines;
use crate::rule::layout::sameness;

/// Mappings within mappings are put in order one level at a time; files have no more levels.
const LEVELS_MAX: usize = 8;

/// The text with the keys of every mapping in order.
pub(super) fn ordered(text: &str, yaml: &Yaml, holds: Holds) -> String {
    let (mut text, mut yaml) = (text.to_owned(), yaml.clone());
    for _ in 0..LEVELS_MAX {
        let lines = Lines::new(&text);
        let mut moves = Vec::new();
        collect(&lines, &yaml, holds, &mut moves);
        if moves.is_empty() {
            break;
        }
        let next = moved(&lines, moves);
        let Ok(nodes) = document::read(0, &next) else { return text };
        (text, yaml) = (next, nodes);
    }
    text
}

/// Lines of a mapping and what takes their place.
struct Move {
    lines: Range<usize>,
    to: Vec<String>,
}

/// The innermost mappings that are out of order; whether there are any.
fn collect(lines: &Lines<'_>, yaml: &Yaml, holds: Holds, moves: &mut Vec<Move>) {
    let found = moves.len();
    match &yaml.shape {
        document::Shape::List(items) => {
            let inner = sameness::element(holds);
            for item in items {
                collect(lines, item, inner, moves);
            }
        }
        document::Shape::Map(entries) => {
            for (key, value) in entries {
                let inner = sameness::entry(holds, sameness::name(key));
                collect(lines, value, inner, moves);
            }
            if moves.len() == found
                && let Some(known) = sameness::known(holds, entries)
            {
                moves.extend(reordered(lines, entries, known));
            }
        }
        document::Shape::Null | document::Shape::Scalar(_) => {}
    }
}

fn reordered(lines: &Lines<'_>, entries: &[(Yaml, Yaml)], known: &[Key]) -> Option<Move> {
    let rank = |key: &Yaml| known.iter().position(|k| Some(k.name) == sameness::name(key));
    let ranks: Vec<usize> = entries.iter().map(|(key, _)| rank(key)).collect::<Option<_>>()?;
    if ranks.is_sorted() {
        return None;
    }
    let starts: Vec<usize> = entries.iter().map(|(key, _)| lines.of(key.span.start)).collect();
    let column = lines.column(entries[0].0.span.start);
    let first = lines.get(starts[0]).get(..column)?;
    let plain = entries[1..].iter().all(|(key, _)| {
        lines.column(key.span.start) == column && lines.indent(lines.of(key.span.start)) == column
    });
    let opens = first.trim_matches(' ');
    if !plain || !starts.is_sorted_by(|a, b| a < b) || !matches!(opens, "" | "-") {
        return None;
    }
    let tops: Vec<usize> =
        starts.iter().enumerate().map(|(i, at)| lines.above(*at, column, i)).collect();
    let end = lines.end_of_entry(*starts.last()?, column);
    let ends = tops[1..].iter().copied().chain([end]);
    let mut chunks: Vec<(usize, usize, usize, usize)> = ranks
        .iter()
        .zip(tops.iter().zip(&starts).zip(ends))
        .map(|(rank, ((top, start), end))| (*rank, *top, *start, end))
        .collect();
    chunks.sort_by_key(|(rank, ..)| *rank);
    let dash_column = first.len() - first.trim_start_matches(' ').len();
    let mut to = Vec::new();
    for (place, (_, top, start, end)) in chunks.into_iter().enumerate() {
        for line in top..start {
            match (place, opens, lines.get(line).trim()) {
                (0, _, "") => {}
                (0, "-", comment) => to.push(format!("{}{comment}", " ".repeat(dash_column))),
                _ => to.push(lines.get(line).to_owned()),
            }
        }
        let key = &lines.get(start)[column..];
        to.push(if place == 0 { format!("{first}{key}") } else { " ".repeat(column) + key });
        to.extend((start + 1..end).map(|line| lines.get(line).to_owned()));
    }
    Some(Move { lines: tops[0]..end, to })
}

fn moved(lines: &Lines<'_>, mut moves: Vec<Move>) -> String {
    moves.sort_by_key(|one| one.lines.start);
    let (mut out, mut at) = (String::new(), 0);
    let mut push = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    for one in moves {
        (at..one.lines.start).for_each(|line| push(lines.get(line)));
        one.to.iter().for_each(|line| push(line));
        at = one.lines.end;
    }
    (at..lines.len()).for_each(|line| push(lines.get(line)));
    out
}
