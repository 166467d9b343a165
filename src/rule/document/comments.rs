//! Where are the comments of a YAML text? A `#` that follows a blank and is no part of a value.

use std::ops::Range;

use crate::rule::document::Shape;
use crate::rule::document::Yaml;

/// The bytes of every comment, from its `#` to the end of its line.
pub fn comments(text: &str, yaml: &Yaml) -> Vec<Range<usize>> {
    let values = value_spans(yaml);
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(offset) = text[from..].find('#') {
        let at = from + offset;
        from = at + 1;
        let blank_before = text[..at].chars().next_back().is_none_or(char::is_whitespace);
        let before = values.partition_point(|value| value.start <= at);
        let inside = before.checked_sub(1).is_some_and(|value| at < values[value].end);
        if blank_before && !inside {
            let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
            found.push(at..end);
            from = end;
        }
    }
    found
}

/// What the comments say, in alphabetical order: moving lines about loses none and makes none up.
pub fn comment_texts<'t>(text: &'t str, yaml: &Yaml) -> Vec<&'t str> {
    let mut texts: Vec<&str> =
        comments(text, yaml).into_iter().map(|place| text[place].trim_end()).collect();
    texts.sort_unstable();
    texts
}

/// The bytes of all single values and keys, in order.
pub fn value_spans(yaml: &Yaml) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    collect(yaml, &mut found);
    found.sort_by_key(|span: &Range<usize>| (span.start, span.end));
    found.dedup();
    found
}

fn collect(yaml: &Yaml, found: &mut Vec<Range<usize>>) {
    match &yaml.shape {
        Shape::Null => {}
        Shape::Scalar(_) => found.push(yaml.span.clone()),
        Shape::List(items) => items.iter().for_each(|item| collect(item, found)),
        Shape::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect(key, found);
            collect(value, found);
        }),
    }
}
