//! What does an alert say? A text with expressions in it.
//!
//! ```text
//! {{ customer.name }}: margin {{ percent(recent) }}
//! └──── Expr ───────┘└─ Text ┘└────── Expr ───────┘
//! ```
//!
//! `{{ '{{' }}` writes two braces. There are no loops and no pipes: a function does it.

use std::ops::Range;

use crate::rule::document::Alignment;
use crate::rule::expression;
use crate::rule::expression::Expr;
use crate::rule::expression::ExpressionError;

/// Most characters in one template.
pub const TEMPLATE_CHARS_MAX: usize = 10_000;

/// A text with expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Texts and expressions in turn, as they are to be put together.
    pub parts: Vec<TemplatePart>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplatePart {
    /// Stands as it is.
    Text(String),
    /// Stands for its value.
    Expr(Expr),
}

impl Template {
    /// Parses a template; places count from the start of `text`. All mistakes are reported.
    pub fn parse(text: &str) -> Result<Self, Vec<ExpressionError>> {
        let (mut parts, mut errors, mut at) = (Vec::new(), Vec::new(), 0);
        if text.chars().count() > TEMPLATE_CHARS_MAX {
            let message = format!("the text has more than {TEMPLATE_CHARS_MAX} characters");
            return Err(vec![mistake(0..text.len(), message, "shorten it")]);
        }
        while at < text.len() {
            let open = text[at..].find("{{").map_or(text.len(), |offset| at + offset);
            stray_braces(text, at..open, &mut errors);
            if open > at {
                parts.push(TemplatePart::Text(text[at..open].to_owned()));
            }
            if open == text.len() {
                break;
            }
            let Some(close) = end_of_expression(text, open + 2) else {
                errors.push(mistake(
                    open..open + 2,
                    "`{{` is never closed",
                    "write `}}` behind the expression",
                ));
                break;
            };
            match expression::parse(&text[open + 2..close]) {
                Ok(tree) => {
                    let moved = |span: &Range<usize>| span.start + open + 2..span.end + open + 2;
                    parts.push(TemplatePart::Expr(tree.placed(&moved)));
                }
                Err(error) => errors.push(reworded(error, open, close)),
            }
            at = close + 2;
        }
        if errors.is_empty() { Ok(Self { parts }) } else { Err(errors) }
    }

    /// The same template with its places in the file.
    #[must_use]
    pub fn placed(self, alignment: &Alignment) -> Self {
        let place = |span: &Range<usize>| alignment.place(span);
        let parts = self.parts.into_iter().map(|part| match part {
            TemplatePart::Text(text) => TemplatePart::Text(text),
            TemplatePart::Expr(expr) => TemplatePart::Expr(expr.placed(&place)),
        });
        Self { parts: parts.collect() }
    }

    /// Its expressions, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Expr(expr) => Some(expr),
        })
    }
}

fn mistake(span: Range<usize>, message: impl Into<String>, help: &str) -> ExpressionError {
    ExpressionError {
        code: "E130",
        span,
        message: message.into(),
        label: String::new(),
        help: Some(help.to_owned()),
    }
}

/// Where the `}}` stands that ends an expression; those within texts and maps do not.
pub(in crate::rule) fn end_of_expression(text: &str, from: usize) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
    for (offset, c) in text[from..].char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '}') if text[from + offset..].starts_with("}}") => return Some(from + offset),
            (Some(_) | None, _) => {}
        }
    }
    // A text that is not closed swallows the end: then the nearest `}}` is meant.
    quote.and_then(|_| text[from..].find("}}").map(|offset| from + offset))
}

/// `}}` without `{{`, and `{name}`.
fn stray_braces(text: &str, plain: Range<usize>, errors: &mut Vec<ExpressionError>) {
    let part = &text[plain.clone()];
    for (offset, _) in part.match_indices("}}") {
        let at = plain.start + offset;
        errors.push(mistake(at..at + 2, "`}}` closes nothing", "write `{{` before the expression"));
    }
    for (offset, _) in part.match_indices('{') {
        let rest = &part[offset + 1..];
        let Some(end) = rest.find('}').filter(|end| !rest[*end..].starts_with("}}")) else {
            continue;
        };
        let name = rest[..end].trim();
        let expression = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.()".contains(c));
        if expression {
            let at = plain.start + offset;
            let help = format!("write `{{{{ {name} }}}}`");
            errors.push(mistake(at..at + end + 2, "a value stands in two braces", &help));
        }
    }
}

/// An expression's mistake, placed in the template, with the habits of other template languages.
fn reworded(error: ExpressionError, open: usize, close: usize) -> ExpressionError {
    let span = error.span.start + open + 2..error.span.end + open + 2;
    if error.code == "E123" {
        let message = "nothing stands between the braces";
        return mistake(open..close + 2, message, "write a value, e.g. `{{ customer.name }}`");
    }
    if error.message.contains("`|`") {
        let message = "there are no pipes";
        return mistake(span, message, "call the function, e.g. `{{ money(value) }}`");
    }
    if error.message.contains("`$`") {
        let message = "there are no `$` variables";
        return mistake(span, message, "write the name alone, e.g. `{{ customer.name }}`");
    }
    ExpressionError { span, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_texts_and_expressions_in_turn() {
        for (text, want) in [
            ("", vec![]),
            ("no value", vec!["no value"]),
            ("{{ a.b }}: é {{f(x)}}!", vec!["=a.b", ": é ", "=f(x)", "!"]),
            ("{{ '}}' + 'it\\'s' }}}", vec!["=\'}}\' + 'it\\'s'", "}"]),
            ("{{ {'a': {}}['a'] }}", vec!["={'a': {}}['a']"]),
            ("{{ '{{' }} { 1 } {", vec!["='{{'", " { 1 } {"]),
        ] {
            let template = Template::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let parts = template.parts.iter().map(|part| match part {
                TemplatePart::Text(text) => text.clone(),
                TemplatePart::Expr(expr) => format!("={}", &text[expr.span.clone()]),
            });
            assert_eq!(parts.collect::<Vec<_>>(), want, "{text}");
        }
    }

    #[test]
    fn a_wrong_template_is_explained() {
        for (text, at, message) in [
            ("é {{ a", "{{", "never closed"),
            ("{{ a }", "{{", "never closed"),
            ("a }} b", "}}", "closes nothing"),
            ("{ a }} b", "}}", "closes nothing"),
            ("é {{  }}", "{{  }}", "nothing stands"),
            ("{customer.name} is", "{customer.name}", "two braces"),
            ("{{ value | money }}", "|", "no pipes"),
            ("{{ $value }}", "$", "no `$`"),
            ("é {{ 'a }}", "'a ", "not closed"),
            ("é {{ a = b }}", "=", "does not compare"),
        ] {
            let errors = Template::parse(text).expect_err(text);
            assert_eq!((errors.len(), &text[errors[0].span.clone()]), (1, at), "{text}");
            assert!(errors[0].message.contains(message), "{text}: {}", errors[0]);
        }
        assert_eq!(Template::parse("{{ a = b }} {{ }} }}").unwrap_err().len(), 3);
    }
}
