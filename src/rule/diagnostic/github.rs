//! Mistakes as workflow commands of GitHub Actions: each stands beside its line in a pull request.
//!
//! ```text
//! ::error file=rules/a.rules.yaml,line=7,col=21,title=E203::event has no field `topik`
//! ```
//!
//! Source: GitHub Docs, "Workflow commands for GitHub Actions".

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;

/// One line for each mistake.
pub fn github(diagnostics: &[Diagnostic], files: &Files) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let from = files.position(diagnostic.file, diagnostic.span.start);
        let to = files.position(diagnostic.file, diagnostic.span.end);
        let mut place = format!("line={},col={},endLine={}", from.line, from.column, to.line);
        // An end column is only allowed in the line of the start.
        if from.line == to.line {
            place.push_str(&format!(",endColumn={}", to.column.max(from.column)));
        }
        let mut message = diagnostic.message.clone();
        for more in [Some(&diagnostic.label), diagnostic.help.as_ref()].into_iter().flatten() {
            if !more.is_empty() {
                message.push('\n');
                message.push_str(more);
            }
        }
        out.push_str(&format!(
            "::{} file={},{place},title={}::{}\n",
            diagnostic.severity.name(),
            property(files.name(diagnostic.file)),
            diagnostic.code,
            escaped(&message),
        ));
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// In a property, the signs that part properties are escaped, too.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line_whatever_it_says() {
        let mut files = Files::default();
        let file = files.add("a,b.rules.yaml", "x\nwhen: 100%\n");
        let found = [
            Diagnostic::error("E120", file, 8..12, "100% is\nnothing").with_help("write `1.0`"),
            Diagnostic::warning("W001", file, 0..4, "x"),
        ];
        let want = "::error file=a%2Cb.rules.yaml,line=2,col=7,endLine=2,endColumn=11,title=E120::100%25 is%0Anothing%0Awrite `1.0`\n\
                    ::warning file=a%2Cb.rules.yaml,line=1,col=1,endLine=2,title=W001::x\n";
        assert_eq!(github(&found, &files), want);
    }
}
