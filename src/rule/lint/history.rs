//! What does a rule wait for that a history never has? Types of events, and names in texts.

use std::collections::BTreeSet;

use crate::event::Kind;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::file::RuleSource;
use crate::rule::file::Trigger;
use crate::rule::lint::compared;
use crate::rule::lint::expressions;
use crate::rule::lint::warning;
use crate::rule::set::KindSet;

/// Most different names of a field that are kept; a field with more is no vocabulary.
const NAMES_MAX: usize = 10_000;

/// Fields whose values are a vocabulary: a name that a history never has is likely a slip.
const FIELDS: [&str; 8] =
    ["category", "brand", "topic", "outcome", "direction", "channel", "severity", "campaign"];

/// What a history holds.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    kinds: BTreeSet<&'static str>,
    names: [BTreeSet<String>; FIELDS.len()],
}

impl Seen {
    /// Takes a record in.
    pub fn record(&mut self, record: &Record, symbols: &Symbols) {
        match record {
            Record::Event(event) => {
                self.kinds.insert(event.kind.name());
                self.name("channel", event.channel, symbols);
                for line in &event.lines {
                    self.name("category", line.category, symbols);
                    self.name("brand", line.brand, symbols);
                }
                if let Some(detail) = &event.detail {
                    self.name("category", detail.category, symbols);
                    self.name("topic", detail.topic, symbols);
                    self.name("outcome", detail.outcome, symbols);
                    self.name("direction", detail.direction, symbols);
                    self.name("severity", detail.severity, symbols);
                    self.name("campaign", detail.campaign, symbols);
                }
            }
            Record::Feedback(_) => {}
            Record::Reference(reference) => {
                if let Reference::Product(product) = &**reference {
                    self.name("category", product.category, symbols);
                    self.name("brand", product.brand, symbols);
                }
            }
        }
    }

    fn name(&mut self, field: &str, name: Option<Symbol>, symbols: &Symbols) {
        let Some(name) = name else { return };
        let Some(place) = FIELDS.iter().position(|known| *known == field) else { return };
        if self.names[place].len() < NAMES_MAX {
            self.names[place].insert(symbols.text(name));
        }
    }

    /// The names of a field; none where it is no vocabulary.
    fn names(&self, field: &str) -> Option<&BTreeSet<String>> {
        let place = FIELDS.iter().position(|known| *known == field)?;
        let names = &self.names[place];
        (!names.is_empty() && names.len() < NAMES_MAX).then_some(names)
    }
}

/// Reports what the history never has.
pub(super) fn unseen(rule: &RuleSource, seen: &Seen, found: &mut Vec<Diagnostic>) {
    let (names, silent) = match &rule.on.value {
        Trigger::Events(names) => (names.iter().collect(), false),
        Trigger::Silence { event, .. } => (vec![event], true),
        Trigger::Every { .. } => (Vec::new(), false),
    };
    for name in names {
        let kinds = KindSet::named(&name.value);
        let comes = |(kind, known): &(Kind, &str)| kinds.holds(*kind) && seen.kinds.contains(known);
        if !kinds.is_empty() && !Kind::ALL.iter().any(comes) {
            let what =
                if silent { "so the silence never begins" } else { "so the rule never looks" };
            let message = format!("the history has no `{}`, {what}", name.value);
            let known: Vec<&str> = seen.kinds.iter().copied().collect();
            let problem = warning(rule, "W108", &name.span, message);
            found.push(problem.with_help(format!("it has {}", known.join(", "))));
        }
    }
    for expr in expressions(rule) {
        expr.walk(&mut |expr| compare(rule, expr, seen, found));
    }
}

/// `l.category == 'tyrse'`, `event.topic in ['a', 'b']`.
fn compare(rule: &RuleSource, expr: &Expr, seen: &Seen, found: &mut Vec<Diagnostic>) {
    let Some((_, field, texts)) = compared(expr) else { return };
    let Some(names) = seen.names(field) else { return };
    for expr in texts {
        let Node::Text(text) = &expr.node else { continue };
        if names.contains(text) {
            continue;
        }
        let message = format!("the history has no {field} `{text}`");
        let problem = warning(rule, "W109", &expr.span, message);
        let near = suggest(text, names.iter().map(String::as_str));
        found.push(match near {
            Some(_) => problem.with_suggestion(near),
            None => problem.with_help(format!("it has {} others", names.len())),
        });
    }
}
