//! What is different between two texts? A unified diff of their lines.
//!
//! Lines that both share at the start and at the end are set aside; of what is left, the longest
//! common subsequence stays. Source: Hunt and others, "An algorithm for differential file
//! comparison", 1976, in its plain quadratic form.

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// Largest table of the comparison; beyond it, all that differs is one change.
const CELLS_MAX: usize = 16_000_000;

/// One line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Same(&'t str),
    Gone(&'t str),
    New(&'t str),
}

/// The change of one file; empty where nothing differs.
pub(super) fn unified(name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = compared(&old, &new);
    let is_change = |line: &Line<'_>| !matches!(line, Line::Same(_));
    let mut out = String::new();
    let mut at = 0;
    while let Some(offset) = lines[at..].iter().position(is_change) {
        let start = (at + offset).saturating_sub(CONTEXT).max(at);
        let mut end = at + offset;
        while let Some(next) = lines[end..].iter().take(2 * CONTEXT + 1).position(is_change) {
            end += next + 1;
        }
        let end = (end + CONTEXT).min(lines.len());
        if out.is_empty() {
            out.push_str(&format!("--- {name}\n+++ {name}\n"));
        }
        hunk(&lines, start..end, &mut out);
        at = end;
    }
    out
}

fn hunk(lines: &[Line<'_>], range: std::ops::Range<usize>, out: &mut String) {
    let olds = |lines: &[Line<'_>]| lines.iter().filter(|l| !matches!(l, Line::New(_))).count();
    let news = |lines: &[Line<'_>]| lines.iter().filter(|l| !matches!(l, Line::Gone(_))).count();
    let (before, within) = (&lines[..range.start], &lines[range]);
    out.push_str(&format!(
        "@@ -{},{} +{},{} @@\n",
        olds(before) + 1,
        olds(within),
        news(before) + 1,
        news(within)
    ));
    for line in within {
        let (sign, text) = match line {
            Line::Same(text) => (' ', text),
            Line::Gone(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        out.push(sign);
        out.push_str(text);
        out.push('\n');
    }
}

fn compared<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..], &new[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let mut lines: Vec<Line<'t>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    let width = b.len() + 1;
    let mut longest = Vec::new();
    if (a.len() + 1).saturating_mul(width) <= CELLS_MAX {
        longest = vec![0_u32; (a.len() + 1) * width];
        for row in (0..a.len()).rev() {
            for column in (0..b.len()).rev() {
                longest[row * width + column] = if a[row] == b[column] {
                    longest[(row + 1) * width + column + 1] + 1
                } else {
                    longest[(row + 1) * width + column].max(longest[row * width + column + 1])
                };
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < a.len() || column < b.len() {
        let of = |row: usize, column: usize| longest.get(row * width + column).copied();
        if row < a.len() && column < b.len() && a[row] == b[column] && !longest.is_empty() {
            lines.push(Line::Same(a[row]));
            (row, column) = (row + 1, column + 1);
        } else if row < a.len() && (column == b.len() || of(row + 1, column) >= of(row, column + 1))
        {
            lines.push(Line::Gone(a[row]));
            row += 1;
        } else {
            lines.push(Line::New(b[column]));
            column += 1;
        }
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\nc\nd\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\na\nb\nc\nd\ne\n";
        let want = "\
--- x
+++ x
@@ -2,7 +2,7 @@
 2
 3
 4
-5
+five
 6
 7
 8
@@ -11,3 +11,4 @@
 b
 c
 d
+e
";
        assert_eq!(unified("x", old, new), want);
        assert_eq!(unified("x", old, old), "");
    }

    #[test]
    fn lines_that_moved_are_gone_and_new() {
        let want = "--- x\n+++ x\n@@ -1,3 +1,3 @@\n-a\n b\n c\n+a\n";
        assert_eq!(unified("x", "a\nb\nc\n", "b\nc\na\n"), want);
    }
}
