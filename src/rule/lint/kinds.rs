//! Is a text nearly a type of event? A source may have types of its own, so that any text is one:
//! what is told is a near miss.

use crate::event::Kind;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Node;
use crate::rule::file::RuleSource;
use crate::rule::lint::compared;
use crate::rule::lint::expressions;
use crate::rule::lint::warning;

/// Reports texts that the type of an event is compared with and that are nearly one of ours.
pub(super) fn nearly(rule: &RuleSource, found: &mut Vec<Diagnostic>) {
    for expr in expressions(rule) {
        expr.walk(&mut |expr| {
            let Some((of, "kind", texts)) = compared(expr) else { return };
            // The kind of a customer is another thing.
            if matches!(&of.node, Node::Ident(name) if name == "customer") {
                return;
            }
            for expr in texts {
                let Node::Text(text) = &expr.node else { continue };
                let near = suggest(text, Kind::ALL.iter().map(|(_, name)| *name));
                if near.is_some() && Kind::from_name(text).is_none() {
                    let message = format!("`{text}` is a type of event of your own");
                    let problem = warning(rule, "W113", &expr.span, message);
                    found.push(problem.with_suggestion(near));
                }
            }
        });
    }
}
