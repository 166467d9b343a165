//! Which rules can run, but hardly as meant? Warnings of `rules check`; none of them stops a rule.
//!
//! ```text
//! the text of a file   a comment that swallows a key                              W107
//! labels               a name that is nearly `severity` or `play`                 W106
//! expressions          always true, always false; a name for nothing; `//`        W101 W102 W104 W105
//!                      a text that begins or ends with a blank                    W110
//!                      a list within a list that asks nothing of the outer item   W111
//! alerts               a rule, a state or a family that no alert has              W112
//! types of events      a text that is nearly one                                  W113
//! the whole rule       nothing will ever close its alerts                         W103
//! with a history       events and names that it never has                         W108 W109
//! ```

mod alerts;
mod closing;
mod history;
mod kinds;
mod truth;

pub use self::history::Seen;

use std::ops::Range;

use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::suggest;
use crate::rule::document;
use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::expression;
use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::file;
use crate::rule::file::RuleFile;
use crate::rule::file::RuleSource;
use crate::rule::file::Trigger;
use crate::rule::keys;
use crate::rule::template::Template;

/// What is odd in rules that were read without a mistake. `seen` is what a history holds, where
/// one was given.
pub fn lint(rule_files: &[RuleFile], files: &Files, seen: Option<&Seen>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for file in rule_files {
        text(file.file, files, &mut found);
    }
    let names: Vec<&str> = file::rules(rule_files).map(|rule| rule.alert.value.as_str()).collect();
    for rule in file::rules(rule_files) {
        labels(rule, &mut found);
        alerts::unheard_of(rule, &names, &mut found);
        kinds::nearly(rule, &mut found);
        truth::conditions(rule, &mut found);
        closing::never(rule, &mut found);
        for expr in expressions(rule) {
            unused_variables(rule, expr, &mut found);
            padded_texts(rule, expr, &mut found);
            forgotten_items(rule, expr, &mut found);
        }
        if let Some(seen) = seen {
            history::unseen(rule, seen, &mut found);
        }
    }
    found
}

/// All expressions of a rule, those in its texts included.
fn expressions(rule: &RuleSource) -> impl Iterator<Item = &Expr> {
    let after = match &rule.on.value {
        Trigger::Silence { after, .. } => Some(after),
        Trigger::Events(_) | Trigger::Every { .. } => None,
    };
    let formulas = rule.parts.iter().map(|(_, part)| part).chain(after).chain(&rule.when);
    let formulas = formulas.chain(&rule.value).chain(&rule.episode).chain(&rule.at);
    let texts = rule.summary.expressions();
    let texts = texts.chain(rule.description.iter().flat_map(Template::expressions));
    formulas.chain(&rule.evidence).map(|formula| &formula.expr).chain(texts)
}

fn warning(rule: &RuleSource, code: &'static str, span: &Range<usize>, text: String) -> Diagnostic {
    Diagnostic::warning(code, rule.file, span.clone(), text)
}

/// A label may have any name, so `severty` would be one, and its alerts no longer critical.
fn labels(rule: &RuleSource, found: &mut Vec<Diagnostic>) {
    let known = keys::names(&keys::LABELS);
    for (name, _) in &rule.labels {
        if known.contains(&name.value.as_str()) {
            continue;
        }
        if let Some(near) = suggest(&name.value, known.iter().copied()) {
            let message = format!("`{}` is a label of your own", name.value);
            let problem = warning(rule, "W106", &name.span, message);
            found.push(problem.with_suggestion(Some(near)));
        }
    }
}

/// The function over a list's items that an expression is: its name, the item, what is asked of it.
fn of_items(expr: &Expr) -> Option<(&str, &Expr, &Expr)> {
    let Node::Call { name, target: Some(_), args } = &expr.node else { return None };
    let [item, body] = args.as_slice() else { return None };
    (matches!(item.node, Node::Ident(_)) && name != "between").then_some((name, item, body))
}

/// `x.field == 'a'`, `'a' != x.field`, `x.field in ['a', 'b']`: what is asked, which field of it, and
/// what it is compared with.
fn compared(expr: &Expr) -> Option<(&Expr, &str, &[Expr])> {
    let Node::Binary(op, a, b) = &expr.node else { return None };
    let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
    match (&a.node, &b.node) {
        (Node::Select(of, field), Node::Text(_)) if equality => {
            Some((&**of, field.as_str(), std::slice::from_ref(&**b)))
        }
        (Node::Text(_), Node::Select(of, field)) if equality => {
            Some((&**of, field.as_str(), std::slice::from_ref(&**a)))
        }
        (Node::Select(of, field), Node::List(items)) if *op == BinaryOp::In => {
            Some((&**of, field.as_str(), items.as_slice()))
        }
        _ => None,
    }
}

/// Whether a name stands anywhere in an expression.
fn speaks_of(expr: &Expr, name: &Expr) -> bool {
    let mut spoken = false;
    expr.walk(&mut |inner| spoken |= inner == name);
    spoken
}

/// `filter(l, lines.exists(x, x.net > x.cost))`: whether it holds is the same for every `l`, so that
/// one of the names is likely the other.
fn forgotten_items(rule: &RuleSource, expr: &Expr, found: &mut Vec<Diagnostic>) {
    expr.walk(&mut |outer| {
        let Some((_, item, body)) = of_items(outer) else { return };
        // Where nothing speaks of the item, that is told.
        if !speaks_of(body, item) {
            return;
        }
        body.walk(&mut |inner| {
            // An amount to compare each item with, such as an average, is the same on purpose.
            let Some(("exists" | "all" | "exists_one", ..)) = of_items(inner) else { return };
            if !speaks_of(inner, item) {
                let item = item.to_text();
                let message = format!("this is the same for every `{item}`");
                let help =
                    format!("ask something of `{item}` in it, or ask it outside of the list");
                found.push(warning(rule, "W111", &inner.span, message).with_help(help));
            }
        });
    });
}

/// `lines.exists(x, l.net > 0)`: the item was named, and then another name was used.
fn unused_variables(rule: &RuleSource, expr: &Expr, found: &mut Vec<Diagnostic>) {
    expr.walk(&mut |expr| {
        let Some((name, item, body)) = of_items(expr) else { return };
        if !speaks_of(body, item) {
            let (variable, span) = (item.to_text(), &item.span);
            let message = format!("`{variable}` is named here and never used");
            let help =
                format!("ask something of each item: `.{name}({variable}, {variable}.net …)`");
            found.push(warning(rule, "W104", span, message).with_help(help));
        }
    });
}

/// `' Welding'`: no name of the data begins or ends with a blank.
fn padded_texts(rule: &RuleSource, expr: &Expr, found: &mut Vec<Diagnostic>) {
    expr.walk(&mut |expr| {
        // A part of a text that is looked for may well begin with a blank.
        if !matches!(expr.node, Node::Binary(..) | Node::List(_) | Node::Map(_)) {
            return;
        }
        for child in expr.children() {
            let Node::Text(text) = &child.node else { continue };
            if text.trim() != text && !text.trim().is_empty() {
                let message = "this text begins or ends with a blank".to_owned();
                let help = format!("write `'{}'`", text.trim());
                found.push(warning(rule, "W110", &child.span, message).with_help(help));
            }
        }
    });
}

/// What only shows in the text: comments in YAML and in expressions.
fn text(file: usize, files: &Files, found: &mut Vec<Diagnostic>) {
    let text = files.text(file);
    let Ok(yaml) = document::read(file, text) else { return };
    for comment in document::comments(text, &yaml) {
        found.extend(swallowed_key(file, text, &comment));
    }
    scalars(&yaml, &mut |scalar| {
        for (at, _) in scalar.text.match_indices("//") {
            let line = scalar.text[at..].lines().next().unwrap_or("");
            let rest = line[2..].trim();
            let before = &scalar.text[..at];
            // Within a text it is no comment: then what stands before it is no expression either.
            let quotes = before.matches(['\'', '"']).count();
            let divides = quotes % 2 == 0
                && before.lines().next_back().is_some_and(|line| !line.trim().is_empty())
                && expression::parse(rest).is_ok();
            if divides && scalar.alignment.is_exact() {
                let span = scalar.alignment.place(&(at..at + line.trim_end().len()));
                let message = "what stands behind `//` is a comment, and reads like an expression";
                let problem = Diagnostic::warning("W105", file, span, message);
                found.push(problem.with_help("write `/` once to divide"));
            }
        }
    });
}

/// `# A comment.        value: spent`: the line break between the two is gone.
fn swallowed_key(file: usize, text: &str, comment: &Range<usize>) -> Option<Diagnostic> {
    let said = &text[comment.clone()];
    for (at, _) in said.match_indices("  ") {
        let word = said[at..].trim_start_matches(' ');
        let start = at + said[at..].len() - word.len();
        let (key, _) = word.split_once(':')?;
        let known = keys::RULE.iter().chain(&keys::ANNOTATIONS).any(|known| known.name == key);
        if known && at > 1 {
            let from = comment.start + start;
            let message = format!("`{key}:` is part of a comment here");
            return Some(
                Diagnostic::warning("W107", file, from..from + key.len(), message)
                    .with_help("if it is meant as a key, begin a new line before it"),
            );
        }
    }
    None
}

fn scalars(yaml: &Yaml, visit: &mut impl FnMut(&document::Scalar)) {
    match &yaml.shape {
        Shape::Null => {}
        Shape::Scalar(scalar) => visit(scalar),
        Shape::List(items) => items.iter().for_each(|item| scalars(item, visit)),
        Shape::Map(entries) => entries.iter().for_each(|(_, value)| scalars(value, visit)),
    }
}

#[cfg(test)]
mod tests;
