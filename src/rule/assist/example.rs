//! What does an expression give on a small history? Computed by the evaluator that serves.
//!
//! ```text
//! a test that makes the rule fire ──► its events, up to the alert ─┐
//! else the history in example.test.yaml ──► all of it ─────────────┴─► entity ─► value
//! ```

use crate::event::EntityKind;
use crate::event::Event;
use crate::event::Record;
use crate::event::Reference;
use crate::event::Symbol;
use crate::event::reference::Customer;
use crate::rule::assist::outline::Outline;
use crate::rule::assist::sight::Sight;
use crate::rule::assist::sight::Typing;
use crate::rule::check::Checked;
use crate::rule::check::ItemRef;
use crate::rule::check::Sort;
use crate::rule::diagnostic::Files;
use crate::rule::expression;
use crate::rule::fixture;
use crate::rule::fixture::Expected;
use crate::rule::fixture::TEST_FILE_SUFFIX;
use crate::rule::fixture::Test;
use crate::rule::set::KindSet;
use crate::rule::text;
use crate::rule::vocabulary::Type;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::evaluate::evaluate;
use crate::state::program::FUEL;
use crate::state::program::Items;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scope;
use crate::state::program::Source;
use crate::state::texts::Texts;
use crate::state::window::Upkeep;
use crate::time::Timestamp;

/// Most events of a test that are taken in; a longer one shows the built-in history.
const EVENTS_MAX: usize = 2_000;

/// The history where no test has one.
const BUILT_IN: &str = include_str!("example.test.yaml");

/// A value on a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The value as people read it, or why there is none.
    pub value: String,
    /// Whose history it is.
    pub source: String,
}

/// A history and the moment at which it is looked at.
struct History {
    test: Test,
    /// Id of the entity; without one, that of the first event.
    about: Option<String>,
    /// When the rule fires.
    until: Option<Timestamp>,
    source: String,
}

/// What an expression of a rule gives on the history of its test, or on a built-in one; none where
/// it is no value, or names an item that only the list around it knows.
pub fn example(files: &Files, outline: &Outline<'_>, sight: &Sight, text: &str) -> Option<Example> {
    let alert = outline.entry(sight.rule, "alert").map_or("", |alert| outline.raw(alert));
    let mut typing = sight.typing(outline);
    let node = compiled(&mut typing, text)?;
    let history = tested(files, alert, sight.entity).or_else(|| built_in(sight.entity))?;
    let kinds = outline.entry(sight.rule, "on").map_or_else(KindSet::default, |on| {
        let names = outline.node(on).children.iter().map(|item| KindSet::named(outline.raw(*item)));
        names.fold(KindSet::default(), KindSet::with)
    });
    let place = Moment { history: &history, kinds: sight.has_event.then_some(kinds) };
    let value = place.value(&typing, node, sight.entity)?;
    Some(Example { value, source: history.source })
}

/// What the expression is compiled to: a list is told by its size.
fn compiled(typing: &mut Typing, text: &str) -> Option<NodeId> {
    let tree = expression::parse(text).ok()?;
    let checked = typing.with(|checker| checker.check(&tree));
    let typed = match checked {
        Checked::Value(typed) => typed,
        Checked::List(_) => {
            let size = expression::parse(&format!("({text}).size()")).ok()?;
            typing.with(|checker| checker.value(&size))
        }
        Checked::Item(ItemRef::Chosen(..))
            if matches!(checked.sort(EntityKind::Customer), Sort::Value(_)) =>
        {
            typing.with(|checker| checker.value(&tree))
        }
        Checked::Item(_) | Checked::Record(_) | Checked::Finding(_) | Checked::Table(..) => {
            return None;
        }
    };
    (typed.ty != Type::Unknown).then_some(typed.node)
}

/// The history of the first test that makes the rule fire.
fn tested(files: &Files, alert: &str, entity: EntityKind) -> Option<History> {
    let tests = (0..files.len()).filter(|file| files.name(*file).ends_with(TEST_FILE_SUFFIX));
    let mut fixtures = tests.filter_map(|file| fixture::read(file, files).0);
    fixtures.find_map(|fixture| {
        let file = crate::rule::assist::complete::last_part(files.name(fixture.file)).to_owned();
        fixture.tests.into_iter().find_map(|test| {
            let expected: &Expected = test.alerts.iter().find(|a| a.rule.value == alert)?;
            let about = match entity {
                EntityKind::Customer => expected.customer_id.clone(),
                EntityKind::Rep => expected.rep_id.clone(),
                EntityKind::Product => expected.product_id.clone(),
            };
            let until = expected.opened_at;
            let events: usize = test.events.iter().map(|e| e.repeat.map_or(1, |r| r.count)).sum();
            let source = format!("in the test \u{201c}{}\u{201d} of {file}", test.name.value);
            (events <= EVENTS_MAX).then_some(History { test, about, until, source })
        })
    })
}

fn built_in(entity: EntityKind) -> Option<History> {
    let mut files = Files::default();
    let file = files.add("example.test.yaml", BUILT_IN);
    let test = fixture::read(file, &files).0?.tests.into_iter().next()?;
    let source = format!("for a {} made up for the purpose", entity.name());
    Some(History { test, about: None, until: None, source })
}

/// When the history is looked at: at an event that sets the rule off, or at a deadline.
struct Moment<'h> {
    history: &'h History,
    kinds: Option<KindSet>,
}

impl Moment<'_> {
    fn value(&self, typing: &Typing, node: NodeId, kind: EntityKind) -> Option<String> {
        let (symbols, plan) = (&typing.symbols, &typing.planner.plan);
        let mut about = self.history.about.as_deref().map(|id| symbols.intern(id));
        let (mut catalog, mut customers, mut events) = (Catalog::default(), Vec::new(), Vec::new());
        let lines = self.history.test.records(0, symbols);
        for record in lines.references.into_iter().chain(lines.events) {
            match record {
                Record::Reference(reference) => {
                    catalog.apply(&reference);
                    customers.extend(profile(*reference));
                }
                Record::Feedback(_) => {}
                Record::Event(event) => {
                    about = about.or_else(|| owner(&event, kind));
                    events.extend(about.and_then(|id| seen_by(event, kind, id)));
                }
            }
        }
        if let Some(until) = self.history.until {
            events.retain(|event| event.time <= until);
        }
        // With an event, the clock stands at the last one that sets the rule off.
        let last = match self.kinds {
            Some(kinds) => events.iter().rposition(|event| kinds.holds(event.kind)),
            None => events.len().checked_sub(1),
        };
        events.truncate(last? + 1);
        let mut entity = Entity::new(plan);
        if let Some(profile) = customers.into_iter().find(|c| Some(c.id) == about) {
            entity.set_profile(profile);
        }
        for event in &mut events {
            catalog.complete(event);
        }
        let upkeep = Upkeep { plan, program: &typing.program, symbols, catalog: &catalog };
        for event in &events {
            entity.apply(upkeep, event);
        }
        if let (None, Some(until)) = (self.kinds, self.history.until) {
            entity.advance(upkeep, until);
        }
        let let_nodes: Vec<NodeId> = typing
            .lets
            .iter()
            .map(|named| match &named.checked {
                Checked::Value(typed) => typed.node,
                _ => node,
            })
            .collect();
        // No rule runs here, so there are no alerts to look at.
        if asks_of_alerts(&typing.program, &let_nodes, node) {
            return None;
        }
        let mut lets = vec![None; let_nodes.len()];
        let mut scope = Scope {
            program: &typing.program,
            plan,
            entity: Some(&entity),
            id: about,
            event: events.last().filter(|_| self.kinds.is_some()).map(|event| &**event),
            now: entity.clock,
            catalog: &catalog,
            symbols,
            walked: None,
            texts: &mut Texts::default(),
            lets: &mut lets,
            let_nodes: &let_nodes,
            fuel: FUEL,
            items: &mut Items::default(),
        };
        let result = evaluate(&mut scope, node);
        Some(text::outcome(result, entity.currency(), &scope).into())
    }
}

/// Whether the value of an expression comes from the list of alerts.
fn asks_of_alerts(program: &Program, lets: &[NodeId], id: NodeId) -> bool {
    let asks = |id: NodeId| asks_of_alerts(program, lets, id);
    match program.node(id) {
        Node::Let(place) => lets.get(usize::from(*place)).copied().is_some_and(asks),
        Node::Scan(scan) => {
            matches!(scan.source, Source::Alerts(_))
                || scan.of_each().chain(scan.of_all()).any(asks)
        }
        node => node.operands().into_iter().any(asks),
    }
}

/// What is known of a customer, if it is one.
fn profile(reference: Reference) -> Option<Customer> {
    if let Reference::Customer(customer) = reference { Some(customer) } else { None }
}

/// Whose history an event is part of.
fn owner(event: &Event, kind: EntityKind) -> Option<Symbol> {
    match kind {
        EntityKind::Customer => event.customer,
        EntityKind::Rep => event.rep,
        EntityKind::Product => event.lines.first().and_then(|line| line.product),
    }
}

/// The event as the history of this entity has it: a product sees its own lines.
fn seen_by(mut event: Box<Event>, kind: EntityKind, id: Symbol) -> Option<Box<Event>> {
    let its = match kind {
        EntityKind::Customer => event.customer == Some(id),
        EntityKind::Rep => event.rep == Some(id),
        EntityKind::Product => {
            event.lines.retain(|line| line.product == Some(id));
            let spoken_of = event.detail.as_deref().and_then(|detail| detail.product);
            !event.lines.is_empty() || spoken_of == Some(id)
        }
    };
    its.then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::vocabulary::ALERTS;

    const RULES: &str = "
groups:
  - name: g
    rules:
      - alert: Tested
        on: [order]
        let:
          month: lines.last('30d')
          spent: month.sum(l, l.net)
        when: spent > 5
      - alert: Free
        on: {every: 1d}
        when: true
      - alert: OverReps
        entity: rep
        on: [call]
        when: true
";
    const TESTS: &str = "
rule_files: [a.rules.yaml]
tests:
  - name: it fires
    customers: [{customer_id: c2, name: Acme}]
    events:
      - {at: 2025-01-01, customer_id: c1, type: order, currency: USD, lines: [{product_id: p, quantity: 1, net_amount: 1}]}
      - {at: 2025-01-01, every: 1d, count: 5, customer_id: c2, type: order, currency: USD, lines: [{product_id: p, quantity: 1, net_amount: 10}]}
    alerts: [{rule: Tested, customer_id: c2, opened_at: 2025-01-03}]
";

    #[test]
    fn a_value_is_that_of_the_test_at_the_moment_it_speaks_of() {
        let mut files = Files::default();
        files.add("a.rules.yaml", RULES);
        files.add("x/a.test.yaml", TESTS);
        let outline = Outline::read(RULES);
        let rules: Vec<usize> = crate::rule::assist::sight::rules(&outline).collect();
        for (rule, text, want) in [
            (0, "spent", Some("$30.00")),
            (0, "month", Some("3")),
            (0, "customer.name", Some("Acme")),
            (0, "event.net + spent", Some("$40.00")),
            (0, "spent / 0", Some("no value (division by zero: test the divisor first)")),
            (0, "lines.last('1d')", Some("1")),
            (0, "now", Some("2025-01-03")),
            (0, "l.net", None),
            (0, "customer", None),
            (0, "size(", None),
            (1, "event.net", None),
            (2, "size(calls) > 0", Some("yes")),
            (2, "event.topic", Some("welding")),
        ] {
            let node = outline.entry(rules[rule], "when").unwrap();
            let sight = Sight::from(&outline, node).unwrap();
            let found = example(&files, &outline, &sight, text);
            assert_eq!(found.as_ref().map(|found| found.value.as_str()), want, "{text}");
            if let Some(found) = found {
                assert_eq!(found.source.contains("it fires"), rule == 0, "{}", found.source);
            }
        }
    }

    #[test]
    fn the_built_in_history_has_something_of_every_list() {
        let outline = Outline::read(RULES);
        let rule = crate::rule::assist::sight::rules(&outline).nth(1).unwrap();
        let node = outline.entry(rule, "when").unwrap();
        let sight = Sight::from(&outline, node).unwrap();
        for (list, _) in crate::rule::words::LISTS {
            let found = example(&Files::default(), &outline, &sight, list);
            // Without rules that run there are no alerts.
            let has_some = found.is_some_and(|found| found.value != "0");
            assert_eq!(has_some, *list != ALERTS, "{list}");
        }
        let rate = example(&Files::default(), &outline, &sight, "margin_rate(lines.last('90d'))");
        assert!(rate.unwrap().value.starts_with("0."));
    }
}
