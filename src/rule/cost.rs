//! What does a rule cost each time it looks? Known before it runs, and refused above a budget.
//!
//! ```text
//! running values, fields, comparisons    one operation each, however long the window
//! a scan                                 its operations, once for each item
//!   of a window     items = days × ITEMS_A_DAY       of the newest n   items = n
//!   of the event    items = ITEMS_OF_EVENT           within a scan     times the outer's items
//! ```
//!
//! The estimate is for a busy customer, so that a rule which passes does not starve the others
//! on the day when it meets one. The evaluator stops at [`FUEL`] items in any case.

use std::collections::HashSet;
use std::ops::Add;
use std::sync::Arc;

use crate::rule::set::Evidence;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::rule::text::TextPart;
use crate::state::detection::Detection;
use crate::state::detection::Over;
use crate::state::past;
use crate::state::past::Reach;
use crate::state::program::FUEL;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scan;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::window::Plan;
use crate::time::Span;

/// Items a day that a busy customer is taken to have in a list: one order of four lines.
pub const ITEMS_A_DAY: u64 = 4;

/// Lines that a large order is taken to have.
pub const ITEMS_OF_EVENT: u64 = 50;

/// Most items that one look may go through for a busy customer: there the evaluator would stop.
pub const ITEMS_BUDGET: u64 = FUEL as u64;

/// What one look costs for a busy customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Operations in all.
    pub operations: u64,
    /// Items of lists that are gone through one by one.
    pub items: u64,
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            operations: self.operations.saturating_add(other.operations),
            items: self.items.saturating_add(other.items),
        }
    }
}

impl Cost {
    const ONE: Self = Self { operations: 1, items: 0 };

    fn times(self, count: u64) -> Self {
        Self {
            operations: self.operations.saturating_mul(count),
            items: self.items.saturating_mul(count),
        }
    }

    /// Whether it is more than a rule may cost.
    pub fn exceeds_budget(self) -> bool {
        self.items > ITEMS_BUDGET
    }
}

/// The cost of a rule of the set, its texts and evidence included.
pub fn of_rule(rule: &Rule, set: &RuleSet) -> Cost {
    cost(rule, &set.program, set.plan(rule.entity))
}

/// The cost of a rule before its set is put together.
pub fn cost(rule: &Rule, program: &Program, plan: &Plan) -> Cost {
    let mut meter = Meter { program, plan, lets: &rule.part_nodes, seen: HashSet::new() };
    let mut roots = vec![rule.when];
    if let Trigger::Silence { after, .. } = rule.trigger {
        roots.push(after);
    }
    roots.extend(rule.episode.iter().chain(&rule.at).copied());
    for part in rule.summary.parts.iter().chain(&rule.description.parts) {
        if let TextPart::Value { node, .. } = part {
            roots.push(*node);
        }
    }
    let mut whole = meter.all(roots);
    // What no expression asks for is still shown among the reasons.
    for part in &rule.part_nodes {
        if meter.seen.insert(*part) {
            whole = whole + meter.node(*part);
        }
    }
    let evidence = match &rule.evidence {
        Evidence::Event => Cost::ONE,
        Evidence::Newest(_, count) => Cost { operations: 1, items: u64::from(*count) },
        Evidence::Window(_, span, stages) => {
            let each = meter.stages(stages) + Cost { operations: 0, items: 1 };
            each.times(window(plan, *span))
        }
    };
    whole + evidence
}

/// Alerts that an entity has in its list at most.
const ALERTS_KEPT: u64 = past::KEPT_MAX as u64;

/// Parts of a text that is split, such as a list of tags.
const PARTS_OF_TEXT: u64 = 8;

struct Meter<'a> {
    program: &'a Program,
    plan: &'a Plan,
    lets: &'a [NodeId],
    /// Named parts are computed once a look.
    seen: HashSet<NodeId>,
}

impl Meter<'_> {
    fn node(&mut self, id: NodeId) -> Cost {
        let inner = match self.program.node(id) {
            Node::Let(place) => match self.lets.get(usize::from(*place)).copied() {
                Some(part) if self.seen.insert(part) => self.node(part),
                _ => Cost::default(),
            },
            Node::Scan(scan) => self.scan(&Arc::clone(scan)),
            Node::Detect(detection) => self.detection(&Arc::clone(detection)),
            node => self.all(node.operands()),
        };
        inner + Cost::ONE
    }

    fn items(&self, source: &Source) -> u64 {
        match source {
            Source::Window(_, span) => window(self.plan, *span),
            Source::Newest(_, count) => u64::from(*count),
            Source::Offers(ask) => u64::from(ask.number),
            Source::Alerts(Reach::Newest(count)) => u64::from(*count).min(ALERTS_KEPT),
            Source::Alerts(_) => ALERTS_KEPT,
            Source::EventLines => ITEMS_OF_EVENT,
            Source::Values(values) => values.len() as u64,
            Source::Split(..) => PARTS_OF_TEXT,
        }
    }

    /// What is kept costs a read; of a part of the history every item is fed anew.
    fn detection(&mut self, detection: &Detection) -> Cost {
        let fed = match &detection.over {
            Over::Ever(_) => Cost::default(),
            Over::Part(source, stages) => {
                let each = self.stages(stages) + Cost { operations: 1, items: 1 };
                each.times(self.items(source))
            }
        };
        self.all(detection.argument) + fed
    }

    fn scan(&mut self, scan: &Scan) -> Cost {
        let items = self.items(&scan.source);
        let each = self.all(scan.of_each()) + Cost { operations: 1, items: 1 };
        self.all(scan.of_all()) + each.times(items)
    }

    fn all(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Cost {
        nodes.into_iter().map(|node| self.node(node)).fold(Cost::default(), Add::add)
    }

    fn stages(&mut self, stages: &[Stage]) -> Cost {
        let nodes = stages.iter().map(|stage| match stage {
            Stage::Filter(node) | Stage::Map(node) => *node,
        });
        self.all(nodes)
    }
}

/// Items of a window of a busy customer.
fn window(plan: &Plan, span: u16) -> u64 {
    let Some(span) = plan.spans.get(usize::from(span)) else { return 0 };
    let length = span.from.millis() - span.to.millis();
    let days = length.div_euclid(Span::DAY.millis()) + 1;
    u64::try_from(days).unwrap_or(0) * ITEMS_A_DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;
    use crate::rule::compile;
    use crate::rule::diagnostic::Files;
    use crate::rule::file;
    use crate::rule::starter;

    fn cost_of(when: &str) -> Cost {
        let mut files = Files::default();
        files.add(
            "a.rules.yaml",
            format!(
                "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: drift\n        on: [order]\n        when: |\n          {when}\n        annotations: {{summary: x}}\n"
            ),
        );
        let (rule_files, problems) = file::read(&files);
        assert_eq!(problems, [], "{when}");
        let (set, problems) = compile::compile(&rule_files, &Symbols::default());
        assert_eq!(problems, [], "{when}");
        of_rule(&set.rules[0], &set)
    }

    #[test]
    fn what_is_kept_costs_a_read_and_a_scan_costs_its_items() {
        for (when, items) in [
            ("size(orders.last('365d')) > 3", 0),
            ("lines.last('30d').sum(l, l.net) > 3", 0),
            ("orders.last(20).max(o, o.net) > 3", 20),
            ("lines.last('29d').max(l, l.net) > 3", 120),
            ("event.lines.max(l, l.net) > 3", 50),
            ("lines.last('29d').filter(l, l.net > 3).max(l, l.net) > 3", 120),
            (
                "lines.last('29d').filter(l, lines.last('9d').max(x, x.net) > l.net).max(l, l.net) > 3",
                120 * 41,
            ),
        ] {
            assert_eq!(cost_of(when).items, items, "{when}");
        }
    }

    #[test]
    fn the_starter_rules_are_below_half_of_the_budget() {
        let (rule_files, _) = file::read(&starter::files());
        let (set, _) = compile::compile(&rule_files, &Symbols::default());
        assert!(set.rules.len() >= 20);
        for rule in &set.rules {
            let cost = of_rule(rule, &set);
            assert!(
                cost.items * 2 < ITEMS_BUDGET && cost.operations > 5,
                "{}: {cost:?}",
                rule.name
            );
        }
    }
}
