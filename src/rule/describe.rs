//! What do rules do, in words for the people who act on their alerts?
//!
//! ```text
//! RuleSource ─► words   when the number of orders of the last 30 days is at least 5 …
//!            ├► source  size(orders.last('30d')) >= 5 …
//! Rule ──────┴► cost    items that one look goes through
//! ```

mod words;

use std::collections::BTreeSet;

use crate::rule::cost;
use crate::rule::diagnostic::Files;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;
use crate::rule::file;
use crate::rule::file::RuleFile;
use crate::rule::file::RuleSource;
use crate::rule::file::Trigger;
use crate::rule::page::Block;
use crate::rule::page::Page;
use crate::rule::set::RuleSet;
use crate::rule::template::Template;
use crate::rule::template::TemplatePart;
use crate::rule::vocabulary::is_list;
use crate::time::Span;

/// A page on all rules of the files; the set is what they were compiled to.
pub fn page(title: &str, rule_files: &[RuleFile], files: &Files, set: &RuleSet) -> Page {
    let mut blocks = vec![overview(rule_files)];
    for group in rule_files.iter().flat_map(|file| &file.groups) {
        blocks.push(Block::Heading(2, format!("Group {}", group.name.value)));
        group.rules.iter().for_each(|rule| one(rule, files, set, &mut blocks));
    }
    Page { title: title.to_owned(), blocks }
}

/// The instant or money that a value stands for is not known here: its name stands for it.
fn shown(template: &Template) -> String {
    let parts = template.parts.iter().map(|part| match part {
        TemplatePart::Text(text) => text.clone(),
        TemplatePart::Expr(expr) => format!("‹{}›", words::of_template(expr)),
    });
    parts.collect()
}

fn overview(rule_files: &[RuleFile]) -> Block {
    let head = ["Rule", "Family", "Looks", "Says"].map(str::to_owned).to_vec();
    let rows = file::rules(rule_files).map(|rule| {
        vec![
            format!("`{}`", rule.alert.value),
            rule.family.value.name().replace('_', " "),
            looks(&rule.on.value),
            shown(&rule.summary),
        ]
    });
    Block::Table(head, rows.collect())
}

fn one(rule: &RuleSource, files: &Files, set: &RuleSet, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(3, rule.alert.value.clone()));
    let description = rule.description.as_ref().map(shown).unwrap_or_default();
    blocks.push(Block::Quote(format!("{}\n{description}", shown(&rule.summary)).trim().to_owned()));
    let subject = rule.entity.name();
    blocks.push(Block::Text(format!(
        "It looks at one {subject} {}{}",
        looks(&rule.on.value),
        match &rule.when {
            Some(when) => format!(", and tells when {}.", words::of(&when.expr)),
            None => ", and tells at once.".to_owned(),
        }
    )));
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(value) = &rule.value {
        facts.push(("Money at stake", words::of(&value.expr)));
    }
    if let Some(evidence) = &rule.evidence {
        facts.push(("Shown behind it", words::of(&evidence.expr)));
    }
    if let Some(episode) = &rule.episode {
        facts.push(("One alert for each", words::of(&episode.expr)));
    }
    let times = [
        ("Has to hold for", &rule.holds_for),
        ("Closes after it is false for", &rule.keep_firing_for),
        ("Closes by itself after", &rule.expires_after),
        ("Then quiet for", &rule.cooldown),
    ];
    for (what, time) in times {
        if let Some(time) = time.as_ref().filter(|time| time.value != Span::ZERO) {
            facts.push((what, words::length(time.value)));
        }
    }
    for (name, value) in &rule.labels {
        facts.push(("Label", format!("`{}` = {}", name.value, value.value)));
    }
    let windows = windows(rule);
    if !windows.is_empty() {
        facts.push(("Windows", windows.into_iter().collect::<Vec<_>>().join("; ")));
    }
    let compiled = set.place(&rule.alert.value).and_then(|place| set.rules.get(usize::from(place)));
    if let Some(compiled) = compiled {
        let cost = cost::of_rule(compiled, set);
        let text = format!("{} operations, {} items a look", cost.operations, cost.items);
        facts.push(("Cost for a busy customer", text));
    }
    facts.push(("Mode", rule.mode.name().to_owned()));
    let at = files.position(rule.file, rule.alert.span.start);
    facts.push(("Written in", format!("`{}`, line {}", files.name(rule.file), at.line)));
    let rows = facts.into_iter().map(|(what, fact)| vec![what.to_owned(), fact]).collect();
    blocks.push(Block::Table(vec![String::new(), String::new()], rows));
    if !rule.parts.is_empty() {
        let head = ["Where", "is"].map(str::to_owned).to_vec();
        let rows = rule
            .parts
            .iter()
            .map(|(name, part)| vec![format!("`{}`", name.value), words::of(&part.expr)]);
        blocks.push(Block::Table(head, rows.collect()));
    }
    blocks.push(Block::Code(source(rule)));
}

/// Its expressions as they are written.
fn source(rule: &RuleSource) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = |name: &str, text: &str| {
        lines.push(format!("{name}: {}", text.replace('\n', "\n  ")));
    };
    if let Trigger::Silence { after, .. } = &rule.on.value {
        line("after", &after.text);
    }
    rule.parts.iter().for_each(|(name, part)| line(&name.value, &part.text));
    let named = [
        ("when", &rule.when),
        ("value", &rule.value),
        ("episode", &rule.episode),
        ("at", &rule.at),
        ("evidence", &rule.evidence),
    ];
    for (name, formula) in named {
        if let Some(formula) = formula {
            line(name, &formula.text);
        }
    }
    lines.join("\n")
}

/// What makes it look, after `It looks`.
fn looks(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Events(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.value)).collect();
            format!("at each {}", names.join(" or "))
        }
        Trigger::Silence { event, after } => {
            format!("when no `{}` comes for {}", event.value, words::of(&after.expr))
        }
        Trigger::Every { every, at, zone, spread } => {
            let at = at.as_ref().map_or_else(String::new, |at| {
                let minutes = at.value.millis() / 60_000;
                let zone = zone.as_ref().map_or("UTC", |zone| zone.value.as_str());
                format!(" at {:02}:{:02} {zone}", minutes / 60, minutes % 60)
            });
            let spread = spread.as_ref().map_or_else(String::new, |spread| {
                format!(", each within {} after it", words::length(spread.value))
            });
            format!("every {}{at}{spread}", words::length(every.value))
        }
    }
}

/// The windows of all its expressions, in words.
fn windows(rule: &RuleSource) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let formulas = rule.parts.iter().map(|(_, part)| part);
    let formulas = formulas.chain(rule.when.iter()).chain(&rule.value).chain(&rule.evidence);
    for formula in formulas {
        formula.expr.walk(&mut |expr: &Expr| {
            if let Node::Call { name, target: Some(target), args } = &expr.node
                && matches!(name.as_str(), "last" | "between")
                && !args.is_empty()
                && let Node::Ident(list) = &target.node
                && is_list(list)
            {
                found.insert(words::of(expr));
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;
    use crate::rule::compile;
    use crate::rule::starter;

    #[test]
    fn the_starter_rules_are_told_in_words_and_with_their_source() {
        let files = starter::files();
        let (rule_files, _) = file::read(&files);
        let (set, _) = compile::compile(&rule_files, &Symbols::default());
        let page = page("Rules", &rule_files, &files, &set);
        let text = page.to_markdown();
        for part in [
            "### DriftSilence",
            "It looks at one customer when no `order` comes for as long as the chance, by",
            "‹the customer's name› usually orders every ‹gap in days, rounded› days",
            "| Closes by itself after | 15 minutes |",
            "| Windows | lines of the last 365 days; the newest 12 orders |",
            "`drift.rules.yaml`, line 11",
            "value: spent * margin * (91.0 / least(days(known), 365.0)) * (1.0 - p_active(orders))",
            "| Label | `play` = win_back |",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        for rule in file::rules(&rule_files) {
            assert!(page.to_html().contains(&format!("<h3 id=\"{0}\">{0}</h3>", rule.alert.value)));
        }
    }
}
