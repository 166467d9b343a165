//! How is a mistake shown: with its source line underlined, or as a line of JSON?

use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use annotate_snippets::renderer::DecorStyle;
use serde_json::json;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::Severity;

/// For people: every mistake with its source line underlined; in colour where a terminal shows it.
pub fn render(diagnostics: &[Diagnostic], files: &Files, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&renderer.render(&[group(diagnostic, files)]));
        out.push_str("\n\n");
    }
    out
}

/// For programs: one JSON object a line; lines and columns count from 1, offsets are bytes.
pub fn json_lines(diagnostics: &[Diagnostic], files: &Files) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let secondary: Vec<_> = diagnostic
            .secondary
            .iter()
            .map(|s| {
                let from = files.position(s.file, s.span.start);
                json!({
                    "file": files.name(s.file), "line": from.line, "column": from.column,
                    "start": s.span.start, "end": s.span.end, "label": s.label,
                })
            })
            .collect();
        let from = files.position(diagnostic.file, diagnostic.span.start);
        let to = files.position(diagnostic.file, diagnostic.span.end);
        let line = json!({
            "severity": diagnostic.severity.name(),
            "code": diagnostic.code,
            "message": diagnostic.message,
            "file": files.name(diagnostic.file),
            "line": from.line,
            "column": from.column,
            "end_line": to.line,
            "end_column": to.column,
            "start": diagnostic.span.start,
            "end": diagnostic.span.end,
            "label": diagnostic.label,
            "help": diagnostic.help,
            "secondary": secondary,
        });
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

impl Severity {
    /// The lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake, in the words of the renderer.
fn group<'a>(diagnostic: &'a Diagnostic, files: &'a Files) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let text = files.text(diagnostic.file);
    let primary = AnnotationKind::Primary.span(within(text, &diagnostic.span));
    let primary = match diagnostic.label.as_str() {
        "" => primary,
        label => primary.label(label),
    };
    let mut snippet = Snippet::source(text).path(files.name(diagnostic.file)).annotation(primary);
    for other in diagnostic.secondary.iter().filter(|s| s.file == diagnostic.file) {
        let context = AnnotationKind::Context.span(within(text, &other.span));
        snippet = snippet.annotation(context.label(other.label.as_str()));
    }
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let mut group = title.element(snippet);
    for other in diagnostic.secondary.iter().filter(|s| s.file != diagnostic.file) {
        let text = files.text(other.file);
        let context = AnnotationKind::Context.span(within(text, &other.span));
        let snippet = Snippet::source(text).path(files.name(other.file));
        group = group.element(snippet.annotation(context.label(other.label.as_str())));
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// The nearest span that lies within the text and on whole characters.
fn within(text: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    start..text.ceil_char_boundary(span.end.clamp(start, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Files, Diagnostic) {
        let mut files = Files::default();
        let file = files.add("rules/a.rules.yaml", "alert: Ä\nwhen: event.topik == 'x'\n");
        let other = files.add("rules/b.rules.yaml", "alert: Ä\n");
        let diagnostic = Diagnostic::error("E203", file, 22..27, "no field `topik`")
            .with_label("here")
            .with_help("did you mean `topic`?")
            .with_secondary(other, 7..9, "first here");
        (files, diagnostic)
    }

    #[test]
    fn a_mistake_is_shown_with_its_line_underlined() {
        let (files, diagnostic) = example();
        let want = "\
error[E203]: no field `topik`
 --> rules/a.rules.yaml:2:13
  |
2 | when: event.topik == 'x'
  |             ^^^^^ here
  |
 ::: rules/b.rules.yaml:1:8
  |
1 | alert: Ä
  |        - first here
  |
  = help: did you mean `topic`?

";
        assert_eq!(render(std::slice::from_ref(&diagnostic), &files, false), want);
        assert!(render(&[diagnostic], &files, true).contains('\u{1b}'));
    }

    #[test]
    fn a_place_outside_of_the_file_is_shown_at_its_end() {
        let mut files = Files::default();
        let empty = files.add("missing.rules.yaml", "");
        let far = Diagnostic::warning("W001", empty, 7..9, "no rules");
        assert!(render(&[far], &files, false).contains("warning[W001]: no rules"));
    }

    #[test]
    fn a_mistake_is_one_line_of_json() {
        let (files, diagnostic) = example();
        let lines = json_lines(&[diagnostic.clone(), diagnostic], &files);
        assert_eq!(lines.lines().count(), 2);
        let value: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&value["line"], &value["column"], &value["end_column"]),
            (&json!(2), &json!(13), &json!(18))
        );
        assert_eq!(value["secondary"][0]["file"], "rules/b.rules.yaml");
    }
}
