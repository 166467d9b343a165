//! What has to be kept of an entity so that all rules of a set can be evaluated: each window,
//! running value and set once, however many rules ask for it.

use std::sync::Arc;

use crate::state::detection::REACH;
use crate::state::detection::kept::Followed;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scan;
use crate::state::window::Aggregate;
use crate::state::window::AggregateKind;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Measure;
use crate::state::window::Members;
use crate::state::window::Owned;
use crate::state::window::Plan;
use crate::state::window::SpanPlan;
use crate::state::window::Unit;
use crate::time::Span;

/// Which part of a history a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything ever seen.
    Ever,
    /// From `from` ago to `to` ago.
    Time {
        /// Its older end.
        from: Span,
        /// Its newer end.
        to: Span,
    },
    /// The newest so many items.
    Newest(u32),
}

/// A running value that a rule asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Over which list.
    pub list: List,
    /// Over which window; not [`Window::Newest`].
    pub window: Window,
    /// Which items count.
    pub filter: Filter,
    /// What of each.
    pub measure: Measure,
    /// How they are put together.
    pub kind: AggregateKind,
    /// What the result is.
    pub unit: Unit,
    /// What it is computed by where the running value does not hold.
    pub fallback: Option<Arc<Scan>>,
}

/// Most numbers kept per entity: 8 bytes each.
pub const SLOTS_MAX: u16 = 4_096;

/// A plan in the making.
#[derive(Debug, Default)]
pub struct Planner {
    /// What was asked for so far.
    pub plan: Plan,
    /// Where the latest 64 running values have their flags.
    flags: u16,
}

/// The rules ask for more than can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules keep more than {SLOTS_MAX} numbers per customer: use fewer different windows")]
pub struct PlanFull;

impl Planner {
    /// A number of the entity's own.
    pub fn slot(&mut self) -> Result<u16, PlanFull> {
        if self.plan.slots >= SLOTS_MAX {
            return Err(PlanFull);
        }
        self.plan.slots += 1;
        Ok(self.plan.slots - 1)
    }

    /// The place of a window of time.
    pub fn span(&mut self, from: Span, to: Span) -> Result<u16, PlanFull> {
        self.plan.horizon = self.plan.horizon.max(from);
        let known = self.plan.spans.iter().position(|span| span.from == from && span.to == to);
        if let Some(known) = known {
            return place(known);
        }
        let cursors = self.slot()?;
        let first = if to > Span::ZERO { to } else { from };
        let shortest = self.plan.spans.is_empty() || first < self.plan.shortest;
        self.plan.shortest = if shortest { first } else { self.plan.shortest };
        self.plan.spans.push(SpanPlan { from, to, cursors, members: Members::default() });
        place(self.plan.spans.len() - 1)
    }

    /// The node that reads a running value.
    pub fn aggregate(&mut self, asked: Asked, program: &mut Program) -> Result<NodeId, PlanFull> {
        let span = match asked.window {
            Window::Time { from, to } => Some(self.span(from, to)?),
            Window::Ever | Window::Newest(_) => None,
        };
        let members = match span {
            Some(span) => &self.plan.spans[usize::from(span)].members,
            None => &self.plan.ever,
        };
        let known = members.iter().find(|place| {
            let known = self.plan.aggregate(*place);
            (known.list, known.filter, known.measure, known.kind, known.unit)
                == (asked.list, asked.filter, asked.measure, asked.kind, asked.unit)
        });
        let place = match known {
            Some(known) => known,
            None => self.keep(asked, span, program)?,
        };
        Ok(program.add(Node::Aggregate(self.plan.aggregate(place).running())))
    }

    fn keep(
        &mut self,
        asked: Asked,
        span: Option<u16>,
        program: &Program,
    ) -> Result<u16, PlanFull> {
        let slot = self.slot()?;
        let place = place(self.plan.aggregates.len())?;
        if place.is_multiple_of(64) {
            self.flags = self.slot()?;
        }
        let flags = self.flags;
        let Asked { list, filter, measure, kind, unit, fallback, .. } = asked;
        let aggregate = Aggregate { list, filter, measure, kind, unit, slot, flags, place };
        let (members, ends_now) = match span {
            Some(span) => {
                let span = &mut self.plan.spans[usize::from(span)];
                (&mut span.members, span.to == Span::ZERO)
            }
            None => (&mut self.plan.ever, true),
        };
        members.add(&aggregate, program);
        if ends_now {
            self.plan.newest.add(&aggregate, program);
        }
        self.plan.aggregates.push(aggregate);
        self.plan.fallbacks.push(fallback);
        Ok(place)
    }

    /// The place of a set of names ever seen.
    pub fn owned(&mut self, owned: Owned) -> Result<u16, PlanFull> {
        let known = self.plan.owned.iter().position(|known| *known == owned);
        known.map_or_else(
            || {
                self.plan.owned.push(owned);
                place(self.plan.owned.len() - 1)
            },
            place,
        )
    }

    /// The place of a detector over everything ever seen.
    pub fn follow(&mut self, followed: Followed) -> Result<u16, PlanFull> {
        self.reach(REACH);
        let known = self.plan.followed.iter().position(|known| *known == followed);
        known.map_or_else(
            || {
                self.plan.followed.push(followed);
                place(self.plan.followed.len() - 1)
            },
            place,
        )
    }

    /// The history has to reach back at least so far.
    pub fn reach(&mut self, horizon: Span) {
        self.plan.horizon = self.plan.horizon.max(horizon);
    }
}

fn place(index: usize) -> Result<u16, PlanFull> {
    u16::try_from(index).map_err(|_| PlanFull)
}
