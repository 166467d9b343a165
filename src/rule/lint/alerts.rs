//! What is asked of `alerts` that no alert can be? A rule that is not there, a state or a family of
//! another name: the condition is valid, and never true.

use crate::alert::Family;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::file::RuleSource;
use crate::rule::lint::compared;
use crate::rule::lint::expressions;
use crate::rule::lint::of_items;
use crate::rule::lint::warning;
use crate::rule::vocabulary::ALERTS;
use crate::state::past::Standing;

/// Reports texts that are compared with a field of an alert and are none of its values. `rules` are
/// the names of all rules.
pub(super) fn unheard_of(rule: &RuleSource, rules: &[&str], found: &mut Vec<Diagnostic>) {
    for expr in expressions(rule) {
        expr.walk(&mut |outer| {
            let Some((_, item, body)) = of_items(outer) else { return };
            let Node::Call { target: Some(list), .. } = &outer.node else { return };
            if is_of_alerts(rule, list, rule.parts.len()) {
                body.walk(&mut |inner| compare(rule, (item, inner), rules, found));
            }
        });
    }
}

/// Whether the items of a list are alerts; it may be named by the first `parts` parts of the rule.
fn is_of_alerts(rule: &RuleSource, list: &Expr, parts: usize) -> bool {
    match &list.node {
        Node::Ident(name) => {
            let named = rule.parts[..parts].iter().position(|(part, _)| part.value == *name);
            match named {
                Some(place) => is_of_alerts(rule, &rule.parts[place].1.expr, place),
                None => name == ALERTS,
            }
        }
        Node::Call { name, target: Some(target), .. } => {
            matches!(name.as_str(), "last" | "between" | "filter")
                && is_of_alerts(rule, target, parts)
        }
        _ => false,
    }
}

/// `a.state == 'one'`, `a.rule in ['A', 'B']`.
fn compare(
    rule: &RuleSource,
    (item, expr): (&Expr, &Expr),
    rules: &[&str],
    found: &mut Vec<Diagnostic>,
) {
    let Some((of, field, texts)) = compared(expr) else { return };
    if of != item {
        return;
    }
    let (known, what): (Vec<&str>, _) = match field {
        "rule" => (rules.to_vec(), "these files have no rule"),
        "state" => (Standing::ALL.map(|(_, name)| name).to_vec(), "an alert has no state"),
        "family" => (Family::ALL.map(|(_, name)| name).to_vec(), "there is no family"),
        _ => return,
    };
    for expr in texts {
        let Node::Text(text) = &expr.node else { continue };
        if known.contains(&text.as_str()) {
            continue;
        }
        let problem = warning(rule, "W112", &expr.span, format!("{what} `{text}`"));
        let near = suggest(text, known.iter().copied());
        found.push(match near {
            Some(_) => problem.with_suggestion(near),
            None if field == "rule" => {
                problem.with_help("write the name behind `alert:` of a rule")
            }
            None => problem.with_help(format!("write one of {}", known.join(", "))),
        });
    }
}
