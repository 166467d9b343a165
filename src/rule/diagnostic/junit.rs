//! Results in the form of junit.xml, which build servers show: a suite for each file, and in it a
//! case for each claim that was looked at.
//!
//! ```text
//! rules check   a case for each mistake, or one that passes for a file without any
//! rules test    a case for each test
//! ```

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::render;

/// What was found in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// What was looked at.
    pub cases: Vec<Case<'a>>,
}

/// One claim. It fails if a mistake was found; a warning is told, and passes.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<'a> {
    /// What was claimed.
    pub name: String,
    /// What was found, with the files that it speaks of.
    pub found: Vec<(&'a Diagnostic, &'a Files)>,
}

impl Case<'_> {
    fn fails(&self) -> bool {
        self.found.iter().any(|(found, _)| found.is_error())
    }

    fn write(&self, class: &str, out: &mut String) {
        let name = escaped(&self.name);
        out.push_str(&format!("    <testcase classname=\"{class}\" name=\"{name}\""));
        if self.found.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push_str(">\n");
        for (found, files) in &self.found {
            let shown = escaped(&render(std::slice::from_ref(*found), files, false));
            let line = if found.is_error() {
                let (code, message) = (found.code, escaped(&found.message));
                format!("<failure type=\"{code}\" message=\"{message}\">{shown}</failure>")
            } else {
                format!("<system-out>{shown}</system-out>")
            };
            out.push_str(&format!("      {line}\n"));
        }
        out.push_str("    </testcase>\n");
    }
}

/// The whole document, under the name of the command that makes it.
pub fn junit(command: &str, suites: &[Suite<'_>]) -> String {
    let counted = |cases: &[Case<'_>]| {
        let failures = cases.iter().filter(|case| case.fails()).count();
        format!("tests=\"{}\" failures=\"{failures}\"", cases.len())
    };
    let all: Vec<Case<'_>> = suites.iter().flat_map(|suite| suite.cases.clone()).collect();
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out.push_str(&format!("<testsuites name=\"{command}\" {}>\n", counted(&all)));
    for suite in suites {
        let name = escaped(suite.name);
        out.push_str(&format!("  <testsuite name=\"{name}\" {}>\n", counted(&suite.cases)));
        suite.cases.iter().for_each(|case| case.write(&name, &mut out));
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

/// A suite for each file: what is wrong in it, a case each, or one that passes.
pub fn suites<'a>(diagnostics: &'a [Diagnostic], files: &'a Files) -> Vec<Suite<'a>> {
    let suite = |file: usize| {
        let own = diagnostics.iter().filter(|found| found.file == file);
        let cases = own.map(|found| {
            let at = files.position(found.file, found.span.start);
            let name = format!("{} at {}:{}", found.code, at.line, at.column);
            Case { name, found: vec![(found, files)] }
        });
        let mut cases: Vec<Case<'a>> = cases.collect();
        if cases.is_empty() {
            cases.push(Case { name: "check".to_owned(), found: Vec::new() });
        }
        Suite { name: files.name(file), cases }
    };
    (0..files.len()).map(suite).collect()
}

/// As XML has it; characters that XML cannot hold are left out.
fn escaped(text: &str) -> String {
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
        let text = junit("rules check", &suites(&found, &files));
        for part in [
            r#"<testsuites name="rules check" tests="3" failures="1">"#,
            r#"<testsuite name="a&amp;b.rules.yaml" tests="2" failures="1">"#,
            "name=\"E120 at 1:4\">\n      <failure type=\"E120\" message=\"no &quot;1&quot;\">",
            "<system-out>warning[W101]: odd",
            r#"<testcase classname="good.rules.yaml" name="check"/>"#,
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
