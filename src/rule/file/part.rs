//! How are the parts of a rule read that are more than a word: expressions and templates?

use std::ops::Range;

use crate::rule::document::Reader;
use crate::rule::document::Scalar;
use crate::rule::document::Style;
use crate::rule::document::Yaml;
use crate::rule::expression;
use crate::rule::expression::ExpressionError;
use crate::rule::file::Formula;
use crate::rule::template::Template;

/// An expression; its places become those in the file.
pub(super) fn formula(reader: &mut Reader, yaml: &Yaml, key: &str) -> Option<Formula> {
    let scalar = reader.scalar(yaml, key)?;
    if scalar.style == Style::Folded {
        let problem = reader
            .error("E124", &first_line(yaml, &scalar.text), "an expression is not written folded")
            .with_help("write `|` in place of `>`: lines may break in it as well");
        reader.report(problem);
        return None;
    }
    match expression::parse(&scalar.text) {
        Ok(tree) => {
            let place = |span: &Range<usize>| scalar.alignment.place(span);
            let text = scalar.text.trim().to_owned();
            Some(Formula { text, expr: tree.placed(&place) })
        }
        Err(error) => {
            report(reader, yaml, scalar, error);
            None
        }
    }
}

/// A text with expressions in it.
pub(super) fn template(reader: &mut Reader, yaml: &Yaml, key: &str) -> Option<Template> {
    let scalar = reader.scalar(yaml, key)?;
    if scalar.text.trim().is_empty() {
        let problem = reader.error("E104", &yaml.span, format!("`{key}` is empty"));
        reader.report(problem.with_help("say what a sales person should know"));
        return None;
    }
    match Template::parse(&scalar.text) {
        Ok(template) => Some(template.placed(&scalar.alignment)),
        Err(errors) => {
            for error in errors {
                report(reader, yaml, scalar, error);
            }
            None
        }
    }
}

fn report(reader: &mut Reader, yaml: &Yaml, scalar: &Scalar, error: ExpressionError) {
    let placed = scalar.alignment.place(&error.span);
    let span = if scalar.alignment.is_exact() { placed } else { yaml.span.clone() };
    let problem = reader.error(error.code, &span, error.message).with_label(error.label);
    reader.report(match error.help {
        Some(help) => problem.with_help(help),
        None => problem,
    });
}

/// The first line of a block.
fn first_line(yaml: &Yaml, text: &str) -> Range<usize> {
    let word = text.split([' ', '\n']).next().unwrap_or("").len();
    yaml.span.start..(yaml.span.start + word).min(yaml.span.end)
}
