//! Mistakes in the form of junit.xml, which build servers show: a suite for each file, a case for
//! each mistake, and one that passes for a file without any.

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::render;

/// The whole document.
pub fn junit(sets: &[(&[Diagnostic], &Files)]) -> String {
    let errors = |diagnostics: &[Diagnostic]| diagnostics.iter().filter(|d| d.is_error()).count();
    let (mut suites, mut tests, mut failures) = (String::new(), 0, 0);
    for (diagnostics, files) in sets {
        for file in 0..files.len() {
            let own: Vec<Diagnostic> =
                diagnostics.iter().filter(|found| found.file == file).cloned().collect();
            let (count, failed) = (own.len().max(1), errors(&own));
            tests += count;
            failures += failed;
            let name = escaped(files.name(file));
            suites.push_str(&format!(
                "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\">\n"
            ));
            for found in &own {
                suites.push_str(&case(&name, found, files));
            }
            if own.is_empty() {
                suites.push_str(&format!("    <testcase classname=\"{name}\" name=\"check\"/>\n"));
            }
            suites.push_str("  </testsuite>\n");
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rules check\" tests=\"{tests}\" failures=\"{failures}\">\n{suites}</testsuites>\n"
    )
}

/// A warning passes, and is told.
fn case(class: &str, found: &Diagnostic, files: &Files) -> String {
    let at = files.position(found.file, found.span.start);
    let message = escaped(&found.message);
    let shown = escaped(&render(std::slice::from_ref(found), files, false));
    let inner = if found.is_error() {
        format!("<failure type=\"{}\" message=\"{message}\">{shown}</failure>", found.code)
    } else {
        format!("<system-out>{shown}</system-out>")
    };
    format!(
        "    <testcase classname=\"{class}\" name=\"{} at {}:{}\">{inner}</testcase>\n",
        found.code, at.line, at.column
    )
}

/// As XML has it; characters that XML cannot hold are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_suite_and_only_errors_fail() {
        let mut files = Files::default();
        let bad = files.add("a&b.rules.yaml", "x: <1>\n");
        files.add("good.rules.yaml", "");
        let found = [
            Diagnostic::error("E120", bad, 3..6, "no \"1\""),
            Diagnostic::warning("W101", bad, 0..1, "odd"),
        ];
        let text = junit(&[(&found, &files)]);
        for part in [
            r#"<testsuites name="rules check" tests="3" failures="1">"#,
            r#"<testsuite name="a&amp;b.rules.yaml" tests="2" failures="1">"#,
            r#"name="E120 at 1:4"><failure type="E120" message="no &quot;1&quot;">"#,
            "<system-out>warning[W101]: odd",
            r#"<testcase classname="good.rules.yaml" name="check"/>"#,
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
