//! Which blanks mean nothing? Those at the ends of lines, and all empty lines but one in a row.

use crate::rule::document;
use crate::rule::document::Yaml;
use crate::rule::keys::Holds;

/// The text without them; values that reach over several lines are left alone.
pub(super) fn tidied(text: &str, yaml: &Yaml, _: Holds) -> String {
    let values = document::value_spans(yaml);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        // The line's break belongs to a value, so does all before it.
        let last = end.saturating_sub(1);
        let before = values.partition_point(|value| value.start <= last);
        let held = before.checked_sub(1).is_some_and(|value| last < values[value].end)
            && line.ends_with('\n');
        let bare = line.trim_end();
        at = end;
        if held && values[before - 1].end > end {
            out.push_str(line);
            continue;
        }
        let empty_above = out.is_empty() || out.ends_with("\n\n");
        if bare.is_empty() && empty_above {
            continue;
        }
        out.push_str(if held { line.trim_end_matches('\n') } else { bare });
        out.push('\n');
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}
