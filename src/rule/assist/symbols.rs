//! What does a file hold? Its groups, rules and named parts, or its tests, as a tree for the
//! outline of an editor.

use crate::rule::keys::Holds;
use std::ops::Range;

use crate::rule::assist::complete;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::ROOT;

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// What there is to say in a few words: a rule's family, a part's expression.
    pub detail: String,
    /// All of it.
    pub span: Range<usize>,
    /// Its name.
    pub mark: Range<usize>,
    /// What it holds.
    pub children: Vec<Self>,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A group of rules.
    Group,
    /// A rule.
    Rule,
    /// A `let` name.
    Part,
    /// A test.
    Test,
}

/// What a rule file or test file of this name holds, in its order; any other holds nothing.
pub fn symbols(name: &str, text: &str) -> Vec<Symbol> {
    if matches!(complete::top(name), Holds::Text) {
        return Vec::new();
    }
    let outline = Outline::read(text);
    let groups = items(&outline, ROOT, "groups").into_iter().filter_map(|group| {
        let rules = items(&outline, group, "rules").into_iter();
        let rules = rules.filter_map(|rule| self::rule(&outline, rule)).collect();
        named(&outline, group, ("name", SymbolKind::Group), rules)
    });
    let tests = items(&outline, ROOT, "tests").into_iter();
    let tests = tests.filter_map(|test| named(&outline, test, ("name", SymbolKind::Test), vec![]));
    groups.chain(tests).collect()
}

fn items(outline: &Outline<'_>, map: usize, key: &str) -> Vec<usize> {
    outline.entry(map, key).map_or_else(Vec::new, |list| outline.node(list).children.clone())
}

fn rule(outline: &Outline<'_>, rule: usize) -> Option<Symbol> {
    let parts = items(outline, rule, "let").into_iter().filter_map(|part| {
        let node = outline.node(part);
        Some(Symbol {
            name: outline.key(part).to_owned(),
            kind: SymbolKind::Part,
            detail: outline.raw(part).split_whitespace().collect::<Vec<_>>().join(" "),
            span: node.span.clone(),
            mark: node.key.clone()?,
            children: Vec::new(),
        })
    });
    let detail = outline.entry(rule, "family").map_or("", |family| outline.raw(family));
    let found = named(outline, rule, ("alert", SymbolKind::Rule), parts.collect())?;
    Some(Symbol { detail: detail.to_owned(), ..found })
}

fn named(
    outline: &Outline<'_>,
    item: usize,
    (key, kind): (&str, SymbolKind),
    children: Vec<Symbol>,
) -> Option<Symbol> {
    let name = outline.entry(item, key)?;
    let (text, node) = (outline.raw(name), outline.node(name));
    Some(Symbol {
        name: if text.is_empty() { "(no name)".to_owned() } else { text.to_owned() },
        kind,
        detail: String::new(),
        span: outline.node(item).span.clone(),
        mark: if node.shape.is_written() { node.value.clone() } else { node.span.clone() },
        children,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(symbols: &[Symbol], text: &str, depth: usize, out: &mut String) {
        for symbol in symbols {
            let within =
                symbol.span.start <= symbol.mark.start && symbol.mark.end <= symbol.span.end;
            assert!(within, "{symbol:?}");
            assert!(text[symbol.mark.clone()].contains(&symbol.name), "{symbol:?}");
            let (name, detail) = (&symbol.name, &symbol.detail);
            out.push_str(&format!("{}{:?} {name} {detail}\n", "  ".repeat(depth), symbol.kind));
            shown(&symbol.children, text, depth + 1, out);
        }
    }

    #[test]
    fn a_file_is_a_tree_of_names_even_when_it_is_broken() {
        let rules = "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: drift\n        let:\n          a: size(\n          b: |\n            x\n             + y\n      - alert: B\n        on: [\n  - name: h\n";
        let tests =
            "rule_files: []\ntests:\n  - name: it fires\n    quiet: [A]\n  - {name: 'and not'}\n";
        for (text, want) in [
            (
                rules,
                "Group g \n  Rule A drift\n    Part a size(\n    Part b x + y\n  Rule B \nGroup h \n",
            ),
            (tests, "Test it fires \nTest and not \n"),
            ("", ""),
        ] {
            let mut out = String::new();
            shown(&symbols("a.rules.yaml", text), text, 0, &mut out);
            assert_eq!(out, want, "{text}");
            assert_eq!(symbols("docker-compose.yaml", text), []);
        }
    }
}
