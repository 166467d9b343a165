//! A compiled rule set: what the engine runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::Family;
use crate::alert::Severity;
use crate::alert::life_cycle::Timing;
use crate::event::EntityKind;
use crate::event::Kind;
use crate::rule::file::Mode;
use crate::rule::gate::Gate;
use crate::rule::schedule::Schedule;
use crate::rule::text::Text;
use crate::rule::vocabulary::Type;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Stage;
use crate::state::window::List;
use crate::state::window::Plan;
use crate::time::Span;

/// Rules that run together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// The rules, in the order of files and groups.
    pub rules: Vec<Rule>,
    /// All their expressions.
    pub program: Program,
    /// What is kept of a customer, a rep, a product.
    pub plans: [Plan; 3],
    /// The files that it was read from, names and texts; empty where it was read from none.
    pub files: Arc<[(String, String)]>,
    /// How far back histories are kept at least, whatever the rules need.
    pub history: Span,
    /// Rules by kind of entity and kind of event.
    triggers: [Vec<Vec<u16>>; 3],
    /// Rules by kind of entity that wait for a deadline of their own.
    timed: [Vec<u16>; 3],
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, which names its alerts everywhere.
    pub name: Arc<str>,
    /// Its family.
    pub family: Family,
    /// How urgent its alerts are.
    pub severity: Severity,
    /// Whose history it looks at.
    pub entity: EntityKind,
    /// Whether its alerts reach anybody.
    pub mode: Mode,
    /// What makes it look.
    pub trigger: Trigger,
    /// The named parts, then the value: node, name, text, type.
    pub parts: Vec<Part>,
    /// The nodes of `parts` alone, for the evaluator.
    pub part_nodes: Box<[NodeId]>,
    /// The condition.
    pub when: NodeId,
    /// What an event has to be for it.
    pub gate: Gate,
    /// The condition as its author wrote it.
    pub when_text: Arc<str>,
    /// Its times.
    pub timing: Timing,
    /// Place of the money at stake in `parts`.
    pub value: Option<u16>,
    /// What names the occurrence.
    pub episode: Option<NodeId>,
    /// The instant it speaks of.
    pub at: Option<NodeId>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The line in the inbox.
    pub summary: Text,
    /// What more there is to say.
    pub description: Text,
    /// The events shown behind it.
    pub evidence: Evidence,
}

/// A named part of a rule.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// As its author wrote it.
    pub text: Arc<str>,
    /// Its expression; a list has none.
    pub node: NodeId,
    /// Its type.
    pub ty: Type,
    /// Whether it is shown among the reasons.
    pub shown: bool,
}

/// What makes a rule look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// An event of one of these kinds.
    Events(KindSet),
    /// None of these kinds for a time that each one sets anew.
    Silence {
        /// Kinds that end the silence and arm it again.
        kinds: KindSet,
        /// How long after the last one.
        after: NodeId,
        /// Where the deadline is kept.
        slot: u16,
    },
    /// A schedule.
    Every {
        /// When.
        schedule: Schedule,
        /// Where the next time is kept.
        slot: u16,
    },
}

/// Some of the kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u32);

/// The events shown behind an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The event that set it off.
    Event,
    /// Those of a list that pass its filters: list, window of the plan, filters.
    Window(List, u16, Vec<Stage>),
    /// The newest of a list.
    Newest(List, u32),
}

impl KindSet {
    /// The kinds of a name: `call` stands for `call.started` and `call.ended` too.
    pub fn named(name: &str) -> Self {
        let of = |(kind, known): &(Kind, &str)| {
            let within = known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
            if *known == name || within { 1 << *kind as u32 } else { 0 }
        };
        Self(Kind::ALL.iter().map(of).fold(0, |all, bit| all | bit))
    }

    /// With those of another set.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a kind is in it.
    #[inline]
    pub fn holds(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl RuleSet {
    /// Puts compiled rules together.
    pub fn new(rules: Vec<Rule>, program: Program, plans: [Plan; 3]) -> Self {
        let by_kind = || vec![Vec::new(); Kind::ALL.len()];
        let mut set = Self {
            rules,
            program,
            plans,
            files: Arc::default(),
            history: Span::ZERO,
            triggers: [by_kind(), by_kind(), by_kind()],
            timed: Default::default(),
        };
        for (place, rule) in set.rules.iter().enumerate() {
            let Ok(place) = u16::try_from(place) else { break };
            if rule.mode == Mode::Off {
                continue;
            }
            let entity = rule.entity as usize;
            let kinds = match rule.trigger {
                Trigger::Events(kinds) => kinds,
                Trigger::Silence { kinds, .. } => {
                    set.timed[entity].push(place);
                    kinds
                }
                Trigger::Every { .. } => {
                    set.timed[entity].push(place);
                    KindSet::default()
                }
            };
            for (kind, _) in Kind::ALL.iter().filter(|(kind, _)| kinds.holds(*kind)) {
                set.triggers[entity][*kind as usize].push(place);
            }
        }
        set
    }

    /// Keeps histories at least so far back, so that the windows of rules to come can be filled.
    pub fn keep(&mut self, history: Span) {
        self.history = self.history.max(history);
        for plan in &mut self.plans {
            plan.horizon = plan.horizon.max(history);
        }
    }

    /// What is kept of an entity of this kind.
    pub fn plan(&self, entity: EntityKind) -> &Plan {
        &self.plans[entity as usize]
    }

    /// Rules that an event of this kind can set off, or arm.
    #[inline]
    pub fn triggered(&self, entity: EntityKind, kind: Kind) -> &[u16] {
        self.triggers[entity as usize].get(kind as usize).map_or(&[], Vec::as_slice)
    }

    /// Rules that wait for a deadline of their own.
    pub fn timed(&self, entity: EntityKind) -> &[u16] {
        &self.timed[entity as usize]
    }

    /// Whether any rule looks at entities of this kind.
    pub fn looks_at(&self, entity: EntityKind) -> bool {
        self.rules.iter().any(|rule| rule.entity == entity && rule.mode != Mode::Off)
    }

    /// Whether any expression reads what is learned across customers.
    pub fn learns(&self) -> bool {
        self.program.reads_models()
    }

    /// The rule of this name.
    pub fn place(&self, name: &str) -> Option<u16> {
        let place = self.rules.iter().position(|rule| &*rule.name == name)?;
        u16::try_from(place).ok()
    }
}
