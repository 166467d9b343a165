//! Which names does an expression of a rule see, and what are they?
//!
//! ```text
//! let:
//!   recent: margin_rate(lines.last('30d'))     sees lists, `event`, `customer`, `now`
//!   gap: usual - recent                        … and `recent`
//! when: gap > 0.03                             … and all of `let`
//! annotations: {summary: "{{ money(value) }}"} … and `value`, and how values are written
//! ```
//!
//! Mistakes elsewhere in the rule do not matter here: what cannot be understood is of no known type.

use crate::rule::keys;
use crate::rule::keys::Holds;
use std::ops::Range;

use crate::event::EntityKind;
use crate::event::Symbols;
use crate::rule::assist::outline;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::outline::Shape;
use crate::rule::assist::written::Written;
use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::Named;
use crate::rule::check::Sort;
use crate::rule::check::Typed;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::expression;
use crate::rule::expression::Expr;
use crate::rule::plan::Planner;
use crate::rule::template;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::state::program::Node;
use crate::state::program::Program;
use crate::state::value::Value;

/// Where the rules of a rule file stand.
const RULE_PATH: [&str; 4] = ["groups", "-", "rules", "-"];

/// Operations of a list whose first argument names its item.
pub const BINDING: [&str; 12] = [
    "filter",
    "map",
    "exists",
    "all",
    "exists_one",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "distinct",
];

/// What can be seen from a place in a rule.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The rule.
    pub rule: usize,
    /// Whose history the lists are.
    pub entity: EntityKind,
    /// Whether there is an event.
    pub has_event: bool,
    /// Nodes of the `let` names above, in order.
    pub lets: Vec<usize>,
    /// The node of `value:`, where the name `value` can be seen.
    pub value: Option<usize>,
}

/// An expression within a written value, where it stands there, and what it says.
pub struct Formula {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Its tree, places counted from the start of the text; none when it is not finished.
    pub tree: Option<Expr>,
}

/// Names with their types, to check expressions with.
pub struct Typing {
    /// What the expressions are compiled to.
    pub program: Program,
    /// The windows that they ask for.
    pub planner: Planner,
    /// Texts.
    pub symbols: Symbols,
    /// The `let` names.
    pub lets: Vec<Named>,
    value: Option<Typed>,
    entity: EntityKind,
    has_event: bool,
    problems: Vec<Diagnostic>,
}

/// The rule that a node is in.
pub fn rule_of(outline: &Outline<'_>, node: usize) -> Option<usize> {
    let mut chain = vec![node];
    let mut at = node;
    while at != 0 {
        at = outline.node(at).parent;
        chain.push(at);
    }
    chain.into_iter().find(|node| outline.path(*node) == RULE_PATH)
}

/// All rules of a rule file.
pub fn rules<'o>(outline: &'o Outline<'_>) -> impl Iterator<Item = usize> + 'o {
    let groups = outline.entry(0, "groups").map(|groups| outline.node(groups).children.as_slice());
    let rules = groups.unwrap_or_default().iter().filter_map(|g| outline.entry(*g, "rules"));
    rules.flat_map(|rules| outline.node(rules).children.iter().copied())
}

/// What an expression or template can be found in, within a rule.
pub fn formulas(outline: &Outline<'_>, rule: usize) -> Vec<(usize, bool)> {
    let end = outline.node(rule).span.end;
    let inside = outline.nodes().skip(rule + 1).take_while(|(_, node)| node.span.start < end);
    // What an alias stands for is part of the rule in which it is written out.
    let here = |node: &outline::Node| node.shape.is_written() && node.shape != Shape::Alias;
    let written = inside.filter(|(_, node)| here(node));
    let taking =
        written.filter_map(|(index, _)| match keys::of_file(false).at(&outline.path(index))? {
            Holds::Expression => Some((index, false)),
            Holds::Template => Some((index, true)),
            _ => None,
        });
    taking.collect()
}

/// The expressions of a written value.
pub fn trees(text: &str, template: bool) -> Vec<Formula> {
    let parsed = |range: Range<usize>| {
        let tree = expression::parse(&text[range.clone()]).ok();
        let moved = |span: &Range<usize>| span.start + range.start..span.end + range.start;
        Formula { tree: tree.map(|tree| tree.placed(&moved)), range }
    };
    if !template {
        return vec![parsed(0..text.len())];
    }
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(open) = text[at..].find("{{").map(|offset| at + offset + 2) {
        let close = template::end_of_expression(text, open).unwrap_or(text.len());
        found.push(parsed(open..close));
        at = close;
    }
    found
}

impl Sight {
    /// What is seen from a node; none outside of rules.
    pub fn from(outline: &Outline<'_>, node: usize) -> Option<Self> {
        let rule = rule_of(outline, node)?;
        let part = outline.path(node);
        let key = part.get(RULE_PATH.len()).copied().unwrap_or("");
        let lets = outline.entry(rule, "let").map(|lets| outline.node(lets).children.clone());
        let mut lets = lets.unwrap_or_default();
        if key == "let" {
            lets.retain(|named| *named < node);
        }
        let entity = outline.entry(rule, "entity").map(|entity| outline.raw(entity));
        let on = outline.entry(rule, "on").map(|on| outline.node(on).shape);
        let sees_value = ["annotations", "evidence", "episode", "at"].contains(&key);
        Some(Self {
            rule,
            entity: match entity {
                Some("rep") => EntityKind::Rep,
                Some("product") => EntityKind::Product,
                _ => EntityKind::Customer,
            },
            has_event: on != Some(Shape::Map),
            lets,
            value: outline.entry(rule, "value").filter(|_| sees_value),
        })
    }

    /// The names with their types.
    pub fn typing(&self, outline: &Outline<'_>) -> Typing {
        let mut typing = Typing {
            program: Program::default(),
            planner: Planner::default(),
            symbols: Symbols::default(),
            lets: Vec::new(),
            value: None,
            entity: self.entity,
            has_event: self.has_event,
            problems: Vec::new(),
        };
        for node in &self.lets {
            let checked = Written::of(outline, *node)
                .and_then(|written| expression::parse(&written.text).ok())
                .map(|tree| typing.with(|checker| checker.named_part(&tree)));
            let checked = checked.unwrap_or_else(|| Checked::Value(typing.unknown()));
            typing.lets.push(Named { name: outline.key(*node).to_owned(), checked });
        }
        if let Some(value) = self.value {
            let tree = Written::of(outline, value).and_then(|w| expression::parse(&w.text).ok());
            let typed = tree.map(|tree| typing.with(|checker| checker.value(&tree)));
            typing.value = Some(typed.unwrap_or_else(|| typing.unknown()));
        }
        typing
    }
}

impl Typing {
    fn unknown(&mut self) -> Typed {
        let node = self.program.add(Node::Constant(Value::Null));
        Typed { node, ty: Type::Unknown, depends: 0 }
    }

    /// Lets a checker that knows the names do something.
    pub fn with<T>(&mut self, ask: impl FnOnce(&mut Checker<'_>) -> T) -> T {
        let place = (0, self.entity, self.has_event);
        let kept = (&mut self.program, &mut self.planner);
        let mut checker = Checker::new(place, kept, &self.symbols, &mut self.problems);
        checker.lets = std::mem::take(&mut self.lets);
        checker.value = self.value;
        let answer = ask(&mut checker);
        self.lets = checker.lets;
        answer
    }

    /// What an expression is, with item variables, the outermost first; none when it is not one.
    pub fn sort(&mut self, text: &str, variables: &[(String, ItemType)]) -> Option<Sort> {
        let tree = expression::parse(text).ok()?;
        let entity = self.entity;
        let checked = self.with(|checker| {
            for (name, item) in variables {
                checker.bind(name, *item);
            }
            checker.check(&tree)
        });
        Some(checked.sort(entity))
    }

    /// Where each sub-expression stands, and what it is.
    pub fn sorts(&mut self, tree: &Expr) -> Vec<(Range<usize>, Sort)> {
        self.with(|checker| {
            checker.seen = Some(Vec::new());
            checker.check(tree);
            checker.seen.take().unwrap_or_default()
        })
    }

    /// What a `let` name stands for.
    pub fn named(&self, name: &str) -> Option<Sort> {
        let named = self.lets.iter().find(|named| named.name == name)?;
        Some(named.checked.sort(self.entity))
    }

    /// The type of `value`, where it can be seen.
    pub fn value(&self) -> Option<Type> {
        self.value.map(|typed| typed.ty)
    }
}
