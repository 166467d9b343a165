//! One evaluation, laid open: every sub-expression with its value, whether it was needed, and the
//! list behind it.
//!
//! ```text
//! gap >= 0.03 && spent > 100          false
//! ├─ gap >= 0.03                      false
//! │  ├─ gap = usual - recent          0.012    a `let` is opened where it is met first
//! │  └─ 0.03
//! └─ spent > 100                      true     not needed: the left side decides
//! ```
//!
//! Each node is evaluated by itself with the engine's evaluator, as the scope stood. Short cuts are
//! not taken: what was not needed has a value, too.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::alert::Evidence;
use crate::alert::life_cycle::Observation;
use crate::alert::life_cycle::Phase;
use crate::engine::explain::behind;
use crate::engine::explain::behind::Behind;
use crate::engine::explain::suppose;
use crate::engine::explain::suppose::Supposition;
use crate::engine::firing;
use crate::event::Event;
use crate::rule::set::Rule;
use crate::rule::set::Trigger;
use crate::rule::text;
use crate::rule::wording;
use crate::rule::wording::Writing;
use crate::state::Entity;
use crate::state::evaluate::evaluate;
use crate::state::program::FUEL;
use crate::state::program::Function2;
use crate::state::program::Items;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Timestamp;

/// One evaluation.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The entity's clock.
    pub now: Timestamp,
    /// The deadline that passed, where a timer set it off.
    pub deadline: Option<Timestamp>,
    /// The event that set it off.
    pub event: Option<EventSeen>,
    /// Whether the condition holds, or why it has no value.
    pub holds: Result<bool, Fault>,
    /// The condition, then what it did not need: other parts, the value, the rule's instants.
    pub sections: Vec<Section>,
    /// The lists behind the terms, which point to them by their place.
    pub lists: Vec<Behind>,
    /// The events that an alert would show, and how many there are in all.
    pub evidence: (Vec<Evidence>, u64),
    /// What would be so if suppositions held.
    pub supposed: Option<Supposed>,
    /// Where the rule stood before.
    pub phase: Option<Phase>,
    episode: u64,
    at: Timestamp,
}

/// The event that set an evaluation off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSeen {
    /// Its id in the source.
    pub id: String,
    /// `order`, `call.started` …
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
}

/// An expression of the rule.
#[derive(Debug, Clone)]
pub struct Section {
    /// `when`, `value`, the name of a part …
    pub name: String,
    /// As its author wrote it.
    pub text: String,
    /// What it is made of.
    pub term: Term,
}

/// A sub-expression.
#[derive(Debug, Clone)]
pub struct Term {
    /// Where it stands in the program.
    pub node: NodeId,
    /// What it says.
    pub text: String,
    /// What its name stands for, as its author wrote it; of a `let` alone.
    pub stands_for: Option<String>,
    /// Its value, or why it has none.
    pub value: Result<Value, Fault>,
    /// Its value, as people read it.
    pub shown: String,
    /// Whether the evaluation looked at it.
    pub needed: bool,
    /// The list that it looks at, by its place in the moment.
    pub list: Option<usize>,
    /// What it is made of; empty for a `let` that was opened before.
    pub parts: Vec<Term>,
}

/// What would be so if suppositions held.
#[derive(Debug, Clone)]
pub struct Supposed {
    /// What is supposed, as it was written.
    pub suppositions: Vec<String>,
    /// Whether the condition would hold.
    pub holds: Result<bool, Fault>,
    /// The sections under the suppositions.
    pub sections: Vec<Section>,
    episode: u64,
    at: Timestamp,
}

/// Values of a rule's parts.
type Parts = SmallVec<[Option<Result<Value, Fault>>; 4]>;

impl Moment {
    /// Lays an evaluation open; the scope is only read.
    pub fn new(
        rule: &Rule,
        suppositions: &[Supposition],
        (deadline, phase): (Option<Timestamp>, Option<&Phase>),
        scope: &Scope<'_>,
    ) -> Self {
        let mut view = View::new(rule, scope, scope.event, &[]);
        let sections = view.sections();
        let holds = view.value(rule.when).and_then(Value::truth);
        let (episode, at) = view.instants();
        let lists = std::mem::take(&mut view.lists);
        let evidence = view.evidence();
        let supposed = (!suppositions.is_empty()).then(|| {
            let event = scope.event.map(|event| suppose::event(event, suppositions));
            let mut view = View::new(rule, scope, event.as_ref(), suppositions);
            let (episode, at) = view.instants();
            Supposed {
                suppositions: suppositions.iter().map(|s| s.text.clone()).collect(),
                holds: view.value(rule.when).and_then(Value::truth),
                sections: view.sections(),
                episode,
                at,
            }
        });
        let event = scope.event.map(|event| EventSeen {
            id: event.id.to_string(),
            kind: event.kind_name(&scope.symbols.read()).to_owned(),
            time: event.time,
        });
        let now = scope.now;
        Self {
            now,
            deadline,
            event,
            holds,
            sections,
            lists,
            evidence,
            supposed,
            phase: phase.cloned(),
            episode,
            at,
        }
    }

    /// As the life cycle sees it.
    pub(super) fn observation(&self, holds: bool) -> Observation {
        Observation { holds, episode: self.episode, at: self.at, now: self.now }
    }

    /// As the life cycle would see it under the suppositions.
    pub fn supposed_observation(&self) -> Option<Observation> {
        let supposed = self.supposed.as_ref()?;
        let holds = supposed.holds == Ok(true);
        Some(Observation { holds, episode: supposed.episode, at: supposed.at, now: self.now })
    }
}

impl Term {
    /// It and all its parts, the outer before the inner.
    pub fn walk<'t>(&'t self, visit: &mut impl FnMut(&'t Self)) {
        visit(self);
        for part in &self.parts {
            part.walk(visit);
        }
    }
}

/// A scope that is read again and again.
struct View<'a> {
    rule: &'a Rule,
    scope: &'a Scope<'a>,
    event: Option<&'a Event>,
    parts: Parts,
    /// Texts that the parts stand for.
    texts: Texts,
    /// Item variables of lists, none between two evaluations.
    items: Items,
    names: Vec<&'a str>,
    /// Parts that have been laid open.
    opened: BTreeSet<u16>,
    lists: Vec<Behind>,
}

impl<'a> View<'a> {
    fn new(
        rule: &'a Rule,
        scope: &'a Scope<'a>,
        event: Option<&'a Event>,
        suppositions: &[Supposition],
    ) -> Self {
        let mut parts: Parts = SmallVec::from_elem(None, rule.parts.len());
        for (place, value) in suppositions.iter().filter_map(Supposition::part) {
            if let Some(part) = parts.get_mut(usize::from(place)) {
                *part = Some(Ok(value));
            }
        }
        let names = rule.parts.iter().map(|part| part.name.as_str()).collect();
        let (texts, items) = (Texts::default(), Items::default());
        let (opened, lists) = (BTreeSet::new(), Vec::new());
        Self { rule, scope, event, parts, texts, items, names, opened, lists }
    }

    /// The scope anew: nothing is left in it of what was evaluated before, but the parts.
    fn fresh(&mut self) -> Scope<'_> {
        let Self { rule, scope, event, parts, texts, items, .. } = self;
        items.clear();
        Scope {
            program: scope.program,
            plan: scope.plan,
            entity: scope.entity,
            id: scope.id,
            event: *event,
            now: scope.now,
            catalog: scope.catalog,
            symbols: scope.symbols,
            walked: None,
            texts,
            lets: parts.as_mut_slice(),
            let_nodes: &rule.part_nodes,
            fuel: FUEL,
            items,
        }
    }

    fn value(&mut self, node: NodeId) -> Result<Value, Fault> {
        evaluate(&mut self.fresh(), node)
    }

    fn writing(&self) -> Writing<'_> {
        let Scope { program, plan, symbols, .. } = self.scope;
        Writing { program, plan, symbols, entity: self.rule.entity, names: &self.names }
    }

    /// The episode's number and the instant that the rule speaks of, as the engine takes them.
    fn instants(&mut self) -> (u64, Timestamp) {
        let at = match self.rule.at.map(|node| self.value(node)) {
            Some(Ok(Value::Time(at))) => at,
            _ => self.scope.now,
        };
        let episode = self.rule.episode.map(|node| self.value(node));
        let episode = match episode {
            Some(Ok(value)) => firing::episode_hash(value, &self.fresh()),
            Some(Err(_)) | None => 0,
        };
        (episode, at)
    }

    fn sections(&mut self) -> Vec<Section> {
        let rule = self.rule;
        let text = |node: NodeId, view: &Self| wording::of(view.writing(), node);
        let when =
            if rule.when_text.is_empty() { "true".to_owned() } else { rule.when_text.to_string() };
        let mut sections =
            vec![Section { name: "when".to_owned(), text: when, term: self.term(rule.when, true) }];
        let mut add = |view: &mut Self, name: &str, text: String, node: NodeId| {
            let term = view.term(node, false);
            sections.push(Section { name: name.to_owned(), text, term });
        };
        if let Trigger::Silence { after, .. } = rule.trigger {
            let text = text(after, self);
            add(self, "after", text, after);
        }
        for (place, part) in rule.parts.iter().enumerate() {
            let Ok(place) = u16::try_from(place) else { break };
            if part.shown && !self.opened.contains(&place) {
                self.opened.insert(place);
                add(self, &part.name, part.text.to_string(), part.node);
            }
        }
        for (name, node) in [("episode", rule.episode), ("at", rule.at)] {
            if let Some(node) = node {
                let text = text(node, self);
                add(self, name, text, node);
            }
        }
        sections
    }

    /// A node with everything below it. Of an item's expression, which has a value for each item
    /// only, the list as a whole is shown.
    fn term(&mut self, id: NodeId, needed: bool) -> Term {
        let value = self.value(id);
        let program = self.scope.program;
        let mut stands_for = None;
        let mut parts = Vec::new();
        match program.node(id) {
            Node::Let(place) => {
                let rule = self.rule;
                let part = rule.parts.get(usize::from(*place));
                if let Some(part) = part.filter(|_| self.opened.insert(*place)) {
                    stands_for = Some(part.text.to_string());
                    let inner = self.term(part.node, needed);
                    // A part that is a leaf has nothing below it but its list.
                    let list = inner.list;
                    let shown = self.shown(value);
                    return Term {
                        node: id,
                        text: part.name.clone(),
                        stands_for,
                        value,
                        shown,
                        needed,
                        list,
                        parts: inner.parts,
                    };
                }
            }
            Node::And(a, b) => parts = self.either((*a, *b), false, needed),
            Node::Or(a, b) => parts = self.either((*a, *b), true, needed),
            Node::Conditional(a, b, c) => {
                let chosen = self.value(*a).and_then(Value::truth);
                parts.push(self.term(*a, needed));
                parts.push(self.term(*b, needed && chosen == Ok(true)));
                parts.push(self.term(*c, needed && chosen == Ok(false)));
            }
            Node::Function2(Function2::OrElse, a, b) => {
                let left = self.value(*a);
                parts.push(self.term(*a, needed));
                parts.push(self.term(*b, needed && left == Ok(Value::Null)));
            }
            Node::Arithmetic(_, a, b) | Node::Compare(_, a, b) | Node::Function2(_, a, b) => {
                parts = self.operands(&[*a, *b], needed);
            }
            Node::Call(_, args) => parts = self.operands(args, needed),
            Node::Not(a)
            | Node::Negate(a)
            | Node::Has(a)
            | Node::In(a, _)
            | Node::Lookup(a, _)
            | Node::Owns(_, a)
            | Node::Function(_, a) => parts.push(self.term(*a, needed)),
            Node::Detect(found) => parts = self.operands(found.argument.as_slice(), needed),
            Node::Learned(question) => parts = self.operands(&question.operands(), needed),
            Node::Constant(_)
            | Node::Field(..)
            | Node::OfAlert(..)
            | Node::OfOffer(..)
            | Node::Variable(_)
            | Node::Event(_)
            | Node::Profile(_)
            | Node::Attribute(_)
            | Node::Known(_)
            | Node::Now
            | Node::Aggregate(_)
            | Node::Decides(_)
            | Node::Scan(_) => {}
        }
        // A constant says its value itself.
        parts.retain(|part| !matches!(program.node(part.node), Node::Constant(_)));
        let (text, shown, list) =
            (wording::of(self.writing(), id), self.shown(value), self.list(id));
        Term { node: id, text, stands_for, value, shown, needed, list, parts }
    }

    /// Each is asked where those before it have a value.
    fn operands(&mut self, operands: &[NodeId], mut needed: bool) -> Vec<Term> {
        let mut terms = Vec::with_capacity(operands.len());
        for operand in operands {
            terms.push(self.term(*operand, needed));
            needed &= self.value(*operand).is_ok();
        }
        terms
    }

    /// The right side is asked where the left one does not decide.
    fn either(&mut self, (a, b): (NodeId, NodeId), absorbing: bool, needed: bool) -> Vec<Term> {
        let left = self.value(a).and_then(Value::truth);
        let first = self.term(a, needed);
        vec![first, self.term(b, needed && left != Ok(absorbing))]
    }

    fn shown(&mut self, value: Result<Value, Fault>) -> String {
        let currency = self.scope.entity.and_then(Entity::currency);
        text::outcome(value, currency, &self.fresh()).into()
    }

    /// The list that a node looks at; equal ones stand once.
    fn list(&mut self, id: NodeId) -> Option<usize> {
        let text = wording::list_of(self.writing(), id)?;
        let known = self.lists.iter().position(|list| list.text == text);
        if known.is_some() {
            return known;
        }
        let found = behind::of(&mut self.fresh(), id, text)?;
        self.lists.push(found);
        Some(self.lists.len() - 1)
    }

    fn evidence(&mut self) -> (Vec<Evidence>, u64) {
        let rule = self.rule;
        firing::evidence(rule, &mut self.fresh())
    }
}
