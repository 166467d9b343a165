//! For tests of what is told of a rule: one row a slip, checked by one table.
//!
//! ```text
//! lines of a rule, `E203`, what is underlined, a part of what is shown
//! ```

use crate::rule::diagnostic;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::codes;

/// Lines of a rule that take the place of its own, the code, what is underlined (with `…` at its
/// end: how it begins), and a part of what is shown.
pub(super) type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

/// What is told of one slip: the code, what is underlined, all that is shown.
pub(super) type Told = (&'static str, String, String);

/// A file with a rule that is fine but for these lines. The event is one that comes seldom.
pub(super) fn rule_with(event: &str, lines: &str) -> String {
    let on = format!("on: [{event}]");
    let own = [
        ("family", "family: drift"),
        ("on", on.as_str()),
        ("when", "when: size(orders.last('9d')) > 0"),
        ("annotations", "annotations: {summary: x}"),
    ];
    let given = |key: &str| lines.lines().any(|line| line.starts_with(&format!("{key}:")));
    let own = own.into_iter().filter(|(key, _)| !given(key)).map(|(_, line)| line);
    let mut text = "groups:\n  - name: g\n    rules:\n      - alert: A\n".to_owned();
    for line in own.chain(lines.lines()) {
        text.push_str(&format!("        {line}\n"));
    }
    text
}

/// What is told, as a row has it. Each code is explained, and each slip has its help.
pub(super) fn told(problems: &[Diagnostic], files: &Files) -> Vec<Told> {
    let told = problems.iter().map(|problem| {
        assert!(codes::explain(problem.code).is_some(), "{}", problem.code);
        let shown = diagnostic::render(std::slice::from_ref(problem), files, false);
        assert!(problem.help.is_some() || !problem.label.is_empty(), "it needs help:\n{shown}");
        (problem.code, files.slice(problem.file, problem.span.clone()).to_owned(), shown)
    });
    told.collect()
}

/// Whether exactly what a row says is told of each.
#[track_caller]
pub(super) fn check(rows: &[Row<'_>], of: impl Fn(&str) -> Vec<Told>) {
    let mut wrong = Vec::new();
    for (lines, code, place, part) in rows {
        let found = of(lines);
        let underlined = |found: &str| match place.strip_suffix('…') {
            Some(start) => found.starts_with(start),
            None => found == *place,
        };
        let same = matches!(&found[..], [(known, at, shown)]
            if known == code && underlined(at) && shown.contains(part));
        if !same {
            let shown = found.iter().map(|(known, at, shown)| format!("{known} `{at}`\n{shown}"));
            let shown: String = shown.collect();
            wrong.push(format!("{lines}: want {code} `{place}` {part}, found\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
