//! What is this? Meaning, type and a value on a small history, as Markdown.

use crate::rule::keys::Holds;
use std::fmt::Write;
use std::ops::Range;

use crate::event::EntityKind;
use crate::rule::assist::complete;
use crate::rule::assist::example;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::Shape;
use crate::rule::assist::sight;
use crate::rule::assist::sight::Sight;
use crate::rule::assist::sight::Typing;
use crate::rule::assist::written::Written;
use crate::rule::check::Record;
use crate::rule::check::Sort;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::diagnostic::codes;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::expression::token::Kind;
use crate::rule::expression::token::Tokens;
use crate::rule::vocabulary::ALERT_FIELDS;
use crate::rule::vocabulary::CUSTOMER_FIELDS;
use crate::rule::vocabulary::FIELDS;
use crate::rule::vocabulary::FORMATS;
use crate::rule::vocabulary::FUNCTIONS;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::PRODUCT_FIELDS;
use crate::rule::vocabulary::REP_FIELDS;
use crate::rule::vocabulary::SCOPE;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::VALUE_METHODS;
use crate::rule::vocabulary::detectors::figures;
use crate::rule::vocabulary::offers::OFFER_FIELDS;
use crate::rule::words;
use crate::time::Span;

/// Most characters of an expression that are repeated.
const SHOWN_MAX: usize = 400;

/// What there is to say of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// Markdown.
    pub text: String,
    /// The bytes that it is about.
    pub span: Range<usize>,
}

/// What there is to say of a byte of a file; `problems` are those of the folder.
pub fn hover(files: &Files, file: usize, offset: usize, problems: &[Diagnostic]) -> Option<Hover> {
    let outline = Outline::read(files.text(file));
    let about = About { files, file, outline: &outline };
    let found = about.at(offset);
    let here = problems.iter().filter(|problem| {
        problem.file == file && problem.span.start <= offset && offset <= problem.span.end
    });
    let mut span = found.as_ref().map(|hover| hover.span.clone());
    let mut text = found.map_or_else(String::new, |hover| hover.text);
    for problem in here {
        let Some(code) = codes::explain(problem.code) else { continue };
        let rule = if text.is_empty() { "" } else { "\n\n---\n\n" };
        let _ = write!(text, "{rule}{}", explained(code));
        span = span.or_else(|| Some(problem.span.clone()));
    }
    span.map(|span| Hover { text, span })
}

/// A code at length.
fn explained(code: &codes::Code) -> String {
    format!("**{}: {}**\n\n{}", code.code, code.title, code.explanation)
}

struct About<'a> {
    files: &'a Files,
    file: usize,
    outline: &'a Outline<'a>,
}

impl About<'_> {
    fn at(&self, offset: usize) -> Option<Hover> {
        let top = complete::top(self.files.name(self.file));
        if matches!(top, Holds::Text) {
            return None;
        }
        let Some(index) = self.outline.at(offset) else { return self.comment(offset) };
        let node = self.outline.node(index);
        let touches = |span: &Range<usize>| span.start <= offset && offset <= span.end;
        if let Some(key) = node.key.clone().filter(touches) {
            return Some(Hover { text: self.key(index)?, span: key });
        }
        let holds = top.at(&self.outline.path(index));
        let whole = |text: String| Some(Hover { text, span: node.value.clone() });
        let raw = self.outline.raw(index);
        if self.outline.key(index) == "alert" {
            return whole(self.rule(raw)?);
        }
        match holds? {
            Holds::Choice(words) | Holds::Datum(words) => {
                whole(format!("`{raw}`: {}", words::meaning(words, raw)?))
            }
            Holds::Duration => whole(format!("`{raw}`: {}", length(raw)?)),
            Holds::Rule => whole(self.rule(raw)?),
            Holds::Expression => self.expression(index, offset, false),
            Holds::Template => self.expression(index, offset, true),
            _ => None,
        }
    }

    /// A code in a comment.
    fn comment(&self, offset: usize) -> Option<Hover> {
        let text = self.outline.text;
        let offset = text.floor_char_boundary(offset);
        let letter = |c: char| c.is_ascii_alphanumeric();
        let start = text[..offset].trim_end_matches(letter).len();
        let rest = text[offset..].trim_start_matches(letter);
        let span = start..text.len() - rest.len();
        let code = codes::explain(&text[span.clone()])?;
        Some(Hover { text: explained(code), span })
    }

    fn key(&self, index: usize) -> Option<String> {
        let (path, name) = (self.outline.path(index), self.outline.key(index));
        let (_, above) = path.split_last()?;
        let top = complete::top(self.files.name(self.file));
        let within = top.at(above)?;
        if let Holds::Named(_) = within {
            return self.part(index);
        }
        let key = within.key(name)?;
        Some(format!("**`{name}`**: {}\n\n{}", key.holds.form(), key.sentence()))
    }

    /// A `let` name where it is given.
    fn part(&self, index: usize) -> Option<String> {
        let sight = Sight::from(self.outline, index)?;
        let written = Written::of(self.outline, index)?;
        let sort = sight.typing(self.outline).sort(&written.text, &[]);
        let mut text = titled(self.outline.key(index), sort);
        self.add_example(&sight, &written.text, &mut text);
        Some(text)
    }

    /// A rule: what it looks for, and which tests name it.
    fn rule(&self, name: &str) -> Option<String> {
        let mut text = None;
        for file in (0..self.files.len()).filter(|f| complete::is_rule_file(self.files.name(*f))) {
            let outline = Outline::read(self.files.text(file));
            let Some(rule) = sight::rules(&outline).find(|rule| {
                outline.entry(*rule, "alert").is_some_and(|alert| outline.raw(alert) == name)
            }) else {
                continue;
            };
            let family = outline.entry(rule, "family").map_or("", |family| outline.raw(family));
            let what = words::meaning(&words::FAMILIES, family).unwrap_or("");
            let place = complete::last_part(self.files.name(file));
            let mut said = format!("**{name}**, a rule of {place}\n\n`{family}`: {what}");
            let summary = outline.entry(rule, "annotations");
            if let Some(summary) = summary.and_then(|texts| outline.entry(texts, "summary")) {
                let _ = write!(said, "\n\n> {}", outline.raw(summary));
            }
            text = Some(said);
        }
        let mut text = text?;
        let tests =
            (0..self.files.len()).filter(|file| !complete::is_rule_file(self.files.name(*file)));
        let naming = tests.map(|file| {
            let outline = Outline::read(self.files.text(file));
            let all = outline.entry(0, "tests").map(|tests| outline.node(tests).children.len());
            let test = |at: &usize| outline.path(*at).starts_with(&["tests", "-"]);
            let tests = outline.nodes().map(|(at, _)| at).filter(test);
            let saying =
                tests.filter(|at| outline.node(*at).shape.is_written() && outline.raw(*at) == name);
            saying.count().min(all.unwrap_or(0))
        });
        match naming.sum::<usize>() {
            0 => text.push_str("\n\nNo test of the folder names it."),
            1 => text.push_str("\n\nOne test of the folder names it."),
            several => {
                let _ = write!(text, "\n\n{several} tests of the folder name it.");
            }
        }
        Some(text)
    }

    fn expression(&self, index: usize, offset: usize, template: bool) -> Option<Hover> {
        if self.outline.node(index).shape == Shape::Alias {
            return None;
        }
        let sight = Sight::from(self.outline, index)?;
        let written = Written::of(self.outline, index)?;
        let at = written.offset(offset);
        let formulas = sight::trees(&written.text, template);
        let formula = formulas.into_iter().find(|f| f.range.start <= at && at <= f.range.end)?;
        let Some(tree) = formula.tree else {
            return word_at(&written, &formula.range, at);
        };
        let mut typing = sight.typing(self.outline);
        let format = format_of(&tree, template);
        let inner = format.map_or(&tree, |(inner, _)| inner);
        let sorts = typing.sorts(inner);
        let expr = pointed(&tree, at)?;
        if let Some((_, usage)) = format.filter(|_| expr.span == tree.span) {
            let (form, what) = complete::signature(usage);
            let text = format!("```cel\n{form}\n```\n{what}");
            return Some(Hover { text, span: written.place(&expr.mark) });
        }
        let sort = sort_of(&sorts, expr);
        let said = self.said(expr, (sort, &sorts), &typing, &sight);
        let source = &written.text[expr.span.clone()];
        let title = if source.len() <= SHOWN_MAX { source } else { "…" };
        let mut text = titled(title, sort);
        if let Some(said) = said {
            let _ = write!(text, "\n{said}");
        }
        let literal = matches!(
            expr.node,
            Tree::Null
                | Tree::Bool(_)
                | Tree::Int(_)
                | Tree::Uint(_)
                | Tree::Double(_)
                | Tree::Text(_)
        );
        if !literal {
            self.add_example(&sight, source, &mut text);
        }
        Some(Hover { text, span: written.place(&expr.mark) })
    }

    fn add_example(&self, sight: &Sight, source: &str, text: &mut String) {
        if let Some(example) = example::example(self.files, self.outline, sight, source) {
            let _ = write!(text, "\n\nExample: **{}** {}", example.value, example.source);
        }
    }

    /// What the tables say of an expression.
    fn said(
        &self,
        expr: &Expr,
        (sort, sorts): (Option<Sort>, &[(Range<usize>, Sort)]),
        typing: &Typing,
        sight: &Sight,
    ) -> Option<String> {
        match &expr.node {
            Tree::Ident(name) => {
                let known = words::meaning(&SCOPE, name);
                if let Some(what) = known.or_else(|| words::meaning(&words::OTHERS, name)) {
                    return Some(what.to_owned());
                }
                if typing.named(name).is_none() {
                    return sort.map(|_| "the item at hand".to_owned());
                }
                let lets = self.outline.entry(sight.rule, "let")?;
                let written = Written::of(self.outline, self.outline.entry(lets, name)?)?;
                let shown: String = written.text.trim().chars().take(SHOWN_MAX).collect();
                Some(format!("\n```cel\n{shown}\n```"))
            }
            Tree::Select(of, field) | Tree::Has(of, field) => {
                field_meaning(sort_of(sorts, of)?, field).map(str::to_owned)
            }
            Tree::Call { name, target, .. } => {
                let list =
                    target.as_ref().map(|of| matches!(sort_of(sorts, of), Some(Sort::List(_))));
                let usage = match list {
                    None => words::meaning(&FUNCTIONS, name),
                    Some(true) => words::meaning(&LIST_METHODS, name),
                    Some(false) => words::meaning(&VALUE_METHODS, name),
                };
                usage.map(str::to_owned)
            }
            Tree::Text(text) => length(text),
            _ => None,
        }
    }
}

/// The word at a place of an expression that is not finished.
fn word_at(written: &Written, formula: &Range<usize>, at: usize) -> Option<Hover> {
    let tokens = Tokens::read(&written.text[formula.clone()]);
    let at = at - formula.start;
    let found = tokens.all.iter().position(|token| {
        token.kind == Kind::Word && token.span.start <= at && at <= token.span.end
    })?;
    let word = tokens.word(found);
    let tables = [&FUNCTIONS[..], &LIST_METHODS[..], &VALUE_METHODS[..], &FORMATS[..]];
    let names = [&SCOPE[..], &words::OTHERS[..], &words::CONSTANTS[..]];
    let usage = tables.iter().find_map(|table| words::meaning(table, word));
    let text = match usage {
        Some(usage) => {
            let (form, what) = complete::signature(usage);
            format!("```cel\n{form}\n```\n{what}")
        }
        None => {
            let what = names.iter().find_map(|table| words::meaning(table, word))?;
            format!("`{word}`: {what}")
        }
    };
    let span = &tokens.all[found].span;
    let span = written.place(&(span.start + formula.start..span.end + formula.start));
    Some(Hover { text, span })
}

/// A heading with the type.
fn titled(title: &str, sort: Option<Sort>) -> String {
    let title = title.trim();
    let Some(sort) = sort.filter(|sort| *sort != Sort::Value(Type::Unknown)) else {
        return format!("```cel\n{title}\n```");
    };
    let unit = match sort {
        Sort::Value(Type::Money) => ", exact, in the currency of the first order",
        Sort::Value(Type::Time) => ", in UTC",
        Sort::Value(Type::Dynamic) => ", known only when the rule runs",
        _ => "",
    };
    format!("```cel\n{title}\n```\nType: {sort}{unit}")
}

fn sort_of(sorts: &[(Range<usize>, Sort)], expr: &Expr) -> Option<Sort> {
    let known = |sort: &&(Range<usize>, Sort)| sort.1 != Sort::Value(Type::Unknown);
    let same = || sorts.iter().rev().filter(|(span, _)| *span == expr.span);
    same().find(known).or_else(|| same().next()).map(|(_, sort)| *sort)
}

/// The innermost expression that the cursor points at.
fn pointed(tree: &Expr, at: usize) -> Option<&Expr> {
    let mut found = None;
    tree.walk(&mut |expr| {
        if expr.mark.start <= at && at <= expr.mark.end {
            found = Some(expr);
        }
    });
    found
}

/// `percent(x)` and the like at the top of a template's expression: what is written, and how.
fn format_of(tree: &Expr, template: bool) -> Option<(&Expr, &'static str)> {
    match &tree.node {
        Tree::Call { name, target: None, args } if template => {
            Some((args.first()?, words::meaning(&FORMATS, name)?))
        }
        _ => None,
    }
}

fn field_meaning(of: Sort, field: &str) -> Option<&'static str> {
    match of {
        Sort::Item(ItemType::Alert) => {
            let found = ALERT_FIELDS.iter().find(|(known, ..)| *known == field);
            found.map(|(.., what)| *what)
        }
        Sort::Item(ItemType::Offer) => {
            let found = OFFER_FIELDS.iter().find(|(known, ..)| *known == field);
            found.map(|(.., what)| *what)
        }
        Sort::Item(_) | Sort::Record(Record::Event, _) if field != "lines" => {
            let line = of == Sort::Item(ItemType::Line);
            let known = FIELDS.iter().filter(|(_, _, _, on_line, _)| *on_line || !line);
            known.into_iter().find(|(known, ..)| *known == field).map(|(.., what)| *what)
        }
        Sort::Finding(function) => {
            figures(function).find(|(known, ..)| *known == field).map(|(.., what)| *what)
        }
        Sort::Record(Record::Event, _) => Some("the lines of the event"),
        Sort::Record(Record::Entity, EntityKind::Customer) => {
            let found = CUSTOMER_FIELDS.iter().find(|(known, ..)| *known == field);
            found.map(|(.., what)| *what)
        }
        Sort::Record(Record::Entity, _) if field == "id" => Some("its id in the source"),
        Sort::Record(Record::Entity, kind) => {
            let known: &[_] = if kind == EntityKind::Rep { &REP_FIELDS } else { &PRODUCT_FIELDS };
            known.iter().find(|(known, ..)| *known == field).map(|(.., what)| *what)
        }
        Sort::Record(Record::Consent, _) => {
            Some("whether marketing may contact it; null where nobody asked")
        }
        _ => None,
    }
}

/// A length of time in words; none for what is none.
fn length(text: &str) -> Option<String> {
    let span = Span::parse(text).ok()?;
    let day = Span::DAY.millis();
    let (number, unit) = [(day, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")]
        .into_iter()
        .find(|(unit, _)| span.millis() >= *unit && span.millis() % unit == 0)
        .map_or((span.millis(), "millisecond"), |(unit, word)| (span.millis() / unit, word));
    Some(format!("{number} {unit}{}", if number == 1 { "" } else { "s" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: Tested  # see E203
        family: margin
        on: [order, call.started]
        let:
          month: lines.last('30d')
          rate: margin_rate(month)
        when: rate < 0.5 && month.exists(l, l.category == 'a') && event.topic != 'é' && !alerts.last('7d').exists(a, a.state == 'won')
        keep_firing_for: 36h
        value: month.sum(l, l.net)
        annotations: {summary: \"é {{ percent(rate) }} {{ customer.name }} {{ value }}\"}
      - alert: Broken
        when: size(orders) > && now
";

    #[track_caller]
    fn check(text: &str, shift: usize, wanted: &[&str]) {
        let mut files = Files::default();
        files.add("a.rules.yaml", RULES);
        files.add("a.test.yaml", "tests:\n  - name: x\n    quiet: [Tested]\n");
        let at = RULES.find(text).unwrap() + shift;
        let found = hover(&files, 0, at, &[]).map(|hover| hover.text).unwrap_or_default();
        for want in wanted {
            assert!(found.contains(want), "no `{want}` at `{text}`:\n{found}");
        }
        assert_eq!(found.is_empty(), wanted.is_empty(), "{text}: {found}");
    }

    #[test]
    fn a_place_is_told_with_its_meaning_its_type_and_a_value() {
        for (text, shift, wanted) in [
            (
                "keep_firing_for",
                3,
                &["length of time", "must be false before the alert closes"][..],
            ),
            ("36h", 1, &["36 hours"]),
            ("family", 0, &["What kind of chance"]),
            ("margin\n", 0, &["below the customer's own normal"]),
            ("call.started", 2, &["on the phone now"]),
            ("Tested", 2, &["a rule of a.rules.yaml", "One test of the folder"]),
            ("E203", 1, &["E203: ", "no such field"]),
            ("month:", 1, &["list of lines", "Example: **"]),
            ("rate:", 1, &["Type: double", "Example: **0."]),
            ("rate < 0.5", 2, &["Type: double", "margin_rate(month)", "Example: **0."]),
            ("< 0.5", 0, &["Type: bool", "Example: **yes**"]),
            ("margin_rate(", 3, &["share of the net amount", "Type: double"]),
            ("lines.last", 2, &["lines of those orders", "list of lines"]),
            ("last('30d')", 1, &["the items of the last 30 days", "Type: list of lines"]),
            ("'30d'", 2, &["30 days"]),
            ("l, l.category", 0, &["a line of an order", "the item at hand"]),
            ("category ==", 1, &["Type: string", "category of the product"]),
            ("topic !=", 1, &["Type: string", "what it was about", "Example: **welding**"]),
            ("alerts.last", 2, &["own past alerts", "list of alerts"]),
            ("a, a.state", 0, &["an alert", "the item at hand"]),
            ("state ==", 1, &["Type: string", "why it was closed"]),
            ("sum(l", 1, &["the sum", "Type: money, exact", "Example: **$"]),
            ("percent(", 1, &["percent(0.123)"]),
            ("rate) }}", 1, &["Type: double", "margin_rate(month)"]),
            ("customer.name", 10, &["what people call it", "Example: **Example Ltd**"]),
            ("value }}", 1, &["Type: money", "the rule's `value`"]),
            ("size(orders) >", 1, &["size(list)"]),
            ("orders) > &&", 1, &["orders of the entity"]),
            ("# see", 1, &[]),
        ] {
            check(text, shift, wanted);
        }
    }

    #[test]
    fn a_mistake_is_explained_at_its_place() {
        let mut files = Files::default();
        files.add("a.rules.yaml", RULES);
        let at = RULES.find("topic").unwrap();
        let problem = Diagnostic::error("E203", 0, at..at + 5, "x");
        let found = hover(&files, 0, at, &[problem]).unwrap();
        assert!(found.text.contains("what it was about") && found.text.contains("**E203: "));
    }
}
