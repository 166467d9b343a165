//! Does an expression give what the CEL specification says? Its conformance cases, as far as they
//! apply to rules, as a table of facts.
//!
//! ```text
//! 7 / 2        3           as written: a rule's `let`, parsed, checked and compiled
//! │                        and once more with `[7].first() / [2].first()`: nothing is known before
//! └─ expression └─ value   the rule runs
//! ```
//!
//! A value is written as CEL writes it; `error` is no value when the rule runs, `refused` a mistake
//! that the checker finds before. What is left out, and why, stands in `rules/README.md`.

use std::sync::Arc;

use siaga::event::EntityKind;
use siaga::event::Symbols;
use siaga::rule::compile;
use siaga::rule::diagnostic::Files;
use siaga::rule::expression;
use siaga::rule::expression::Expr;
use siaga::rule::expression::Node;
use siaga::rule::file;
use siaga::rule::set::RuleSet;
use siaga::state::Entity;
use siaga::state::catalog::Catalog;
use siaga::state::evaluate::evaluate;
use siaga::state::program::FUEL;
use siaga::state::program::Items;
use siaga::state::program::Scope;
use siaga::state::texts;
use siaga::state::texts::Texts;
use siaga::state::value::Value;

use crate::scene::happened;

/// The tables: subject and cases.
const TABLES: [(&str, &str); 8] = [
    ("arithmetic", include_str!("cel/arithmetic.txt")),
    ("comparisons", include_str!("cel/comparisons.txt")),
    ("logic", include_str!("cel/logic.txt")),
    ("conversions", include_str!("cel/conversions.txt")),
    ("lists", include_str!("cel/lists.txt")),
    ("strings", include_str!("cel/strings.txt")),
    ("math", include_str!("cel/math.txt")),
    ("time", include_str!("cel/time.txt")),
];

/// A line of a table.
struct Case<'t> {
    expression: &'t str,
    want: &'t str,
}

fn cases() -> impl Iterator<Item = Case<'static>> {
    let lines = TABLES.iter().flat_map(|(_, table)| table.lines());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (expression, want) = line.rsplit_once("  ").unwrap_or_else(|| panic!("{line}"));
        Case { expression: expression.trim_end(), want }
    })
}

/// A rule with this expression, if the checker lets it pass.
fn rule(expression: &str, symbols: &Symbols) -> Option<Arc<RuleSet>> {
    let mut files = Files::default();
    files.add(
        "cel.rules.yaml",
        format!(
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: trend\n        \
             on: [order]\n        let:\n          part: |\n            {expression}\n        \
             when: size(orders) >= 1\n        annotations: {{summary: s}}\n"
        ),
    );
    let (read, problems) = file::read(&files);
    let (rules, more) = compile::compile(&read, symbols);
    let sound = problems.into_iter().chain(more).all(|problem| !problem.is_error());
    sound.then(|| Arc::new(rules))
}

/// What an expression gives, as a table writes it.
fn found(expression: &str) -> String {
    let symbols = Symbols::default();
    let Some(rules) = rule(expression, &symbols) else { return "refused".to_owned() };
    let plan = rules.plan(EntityKind::Customer);
    let (entity, catalog) = (Entity::new(plan), Catalog::default());
    let event = happened(&symbols, "c", "1", 0);
    let (mut lets, mut made) = (vec![None], Texts::default());
    let mut scope = Scope {
        program: &rules.program,
        plan,
        entity: Some(&entity),
        id: event.customer,
        event: Some(&event),
        now: event.time,
        catalog: &catalog,
        symbols: &symbols,
        walked: None,
        texts: &mut made,
        lets: &mut lets,
        let_nodes: &rules.rules[0].part_nodes,
        fuel: FUEL,
        items: &mut Items::default(),
    };
    match evaluate(&mut scope, rules.rules[0].part_nodes[0]) {
        Err(_) => "error".to_owned(),
        Ok(Value::Null) => "null".to_owned(),
        Ok(Value::Bool(truth)) => truth.to_string(),
        Ok(Value::Int(int)) => int.to_string(),
        Ok(Value::Double(double)) => format!("{double:?}"),
        Ok(text @ (Value::Text(_) | Value::Made(_))) => {
            format!("'{}'", texts::read(&scope, text, str::to_owned).unwrap())
        }
        Ok(other) => format!("{other:?}"),
    }
}

/// The same expression with every literal put where only the running rule finds it, but for those
/// that have to be written out: elements of lists, patterns, arguments of `duration` and the like.
fn hidden(expression: &str) -> String {
    fn literals(expr: &Expr, all: &mut Vec<std::ops::Range<usize>>) {
        match &expr.node {
            Node::Bool(_) | Node::Int(_) | Node::Double(_) | Node::Text(_) => {
                all.push(expr.span.clone());
            }
            Node::List(_) | Node::Map(_) => {}
            Node::Call { name, target, args } => {
                if let Some(target) = target {
                    literals(target, all);
                }
                let written = ["matches", "duration", "timestamp"].contains(&name.as_str());
                let hides = |arg: &&Expr| !(written && matches!(arg.node, Node::Text(_)));
                args.iter().filter(hides).for_each(|arg| literals(arg, all));
            }
            _ => expr.children().into_iter().for_each(|child| literals(child, all)),
        }
    }
    let tree = expression::parse(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let mut places = Vec::new();
    literals(&tree, &mut places);
    places.sort_by_key(|place| std::cmp::Reverse(place.start));
    places.into_iter().fold(expression.to_owned(), |mut text, place| {
        let literal = format!("[{}].first()", &text[place.clone()]);
        text.replace_range(place, &literal);
        text
    })
}

#[test]
fn an_expression_gives_what_the_specification_says() {
    let wrong: Vec<String> = cases()
        .filter_map(|case| {
            let found = found(case.expression);
            // A constant without a result is a mistake that is seen before the rule runs.
            let seen = case.want == "error" && found == "refused";
            (found != case.want && !seen)
                .then(|| format!("{}  {found}, not {}", case.expression, case.want))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_changes_when_it_is_known_only_as_the_rule_runs() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in cases().filter(|case| case.want != "refused") {
        let text = hidden(case.expression);
        if text == case.expression {
            continue;
        }
        let found = found(&text);
        tried += 1;
        if found != case.want {
            wrong.push(format!("{text}  {found}, not {}", case.want));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 300, "{tried}");
}

#[test]
fn five_hundred_cases_of_the_specification_apply() {
    let all: Vec<&str> = cases().map(|case| case.expression).collect();
    assert!(all.len() >= 500, "{}", all.len());
    let different: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(different.len(), all.len(), "a case stands twice");
}
