//! Do two expressions of two rule sets mean the same?
//!
//! ```text
//! old set   [7] lets 0 < [3] lines.last('30d').sum(net)   places and numbers differ,
//! new set   [2] lets 4 < [9] lines.last('30d').sum(net)   the trees are one
//! ```
//!
//! Trees are compared node by node, windows and running values by what they are and not by where
//! they stand. A node that is not known here is taken for another meaning: what depends on it is
//! counted anew, which is right as far as the history reaches.

use std::collections::HashSet;

use crate::state::detection::Over;
use crate::state::detection::kept::Followed;
use crate::state::program::End;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::program::Scan;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::window::Aggregate;
use crate::state::window::Filter;
use crate::state::window::Measure;
use crate::state::window::Owned;
use crate::state::window::Plan;
use crate::time::Span;

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its nodes.
    pub program: &'a Program,
    /// The windows that they read.
    pub plan: &'a Plan,
    /// Expressions of the `let` names that they read.
    pub lets: &'a [NodeId],
}

/// A comparison of the expressions of two places.
pub struct Comparison<'a> {
    old: Place<'a>,
    new: Place<'a>,
    /// Pairs found alike, or being looked at: shared parts are walked once.
    seen: HashSet<(NodeId, NodeId)>,
}

impl<'a> Comparison<'a> {
    /// Between these places.
    pub fn new(old: Place<'a>, new: Place<'a>) -> Self {
        Self { old, new, seen: HashSet::new() }
    }

    /// Whether `old` in the one place means what `new` means in the other.
    pub fn alike(&mut self, old: NodeId, new: NodeId) -> bool {
        if !self.seen.insert((old, new)) {
            return true;
        }
        let same = self.nodes(old, new);
        if !same {
            self.seen.remove(&(old, new));
        }
        same
    }

    fn nodes(&mut self, old: NodeId, new: NodeId) -> bool {
        let (old, new) = (self.old.program.node(old), self.new.program.node(new));
        match (old, new) {
            (
                Node::Constant(_)
                | Node::Field(..)
                | Node::OfAlert(..)
                | Node::OfOffer(..)
                | Node::Variable(_)
                | Node::Event(_)
                | Node::Profile(_)
                | Node::Attribute(_)
                | Node::Known(_)
                | Node::Now,
                _,
            ) => old == new,
            (Node::Call(f, these), Node::Call(other, those)) => {
                f == other
                    && these.len() == those.len()
                    && these.iter().zip(those.iter()).all(|(a, b)| self.alike(*a, *b))
            }
            (Node::Let(a), Node::Let(b)) => {
                let a = self.old.lets.get(usize::from(*a)).copied();
                let b = self.new.lets.get(usize::from(*b)).copied();
                a.zip(b).is_some_and(|(a, b)| self.alike(a, b))
            }
            (Node::Arithmetic(op, a, b), Node::Arithmetic(other, c, d)) => {
                op == other && self.both((a, b), (c, d))
            }
            (Node::Compare(op, a, b), Node::Compare(other, c, d)) => {
                op == other && self.both((a, b), (c, d))
            }
            (Node::Function2(kind, a, b), Node::Function2(other, c, d)) => {
                kind == other && self.both((a, b), (c, d))
            }
            (Node::And(a, b), Node::And(c, d)) | (Node::Or(a, b), Node::Or(c, d)) => {
                self.both((a, b), (c, d))
            }
            (Node::Not(a), Node::Not(b))
            | (Node::Negate(a), Node::Negate(b))
            | (Node::Has(a), Node::Has(b)) => self.alike(*a, *b),
            (Node::Function(f, a), Node::Function(other, b)) => f == other && self.alike(*a, *b),
            (Node::Conditional(when, a, b), Node::Conditional(other, c, d)) => {
                self.alike(*when, *other) && self.both((a, b), (c, d))
            }
            (Node::In(a, list), Node::In(b, other)) => list == other && self.alike(*a, *b),
            (Node::Lookup(a, map), Node::Lookup(b, other)) => map == other && self.alike(*a, *b),
            (Node::Owns(a, key), Node::Owns(b, other)) => {
                let a = self.old.plan.owned.get(usize::from(*a));
                let b = self.new.plan.owned.get(usize::from(*b));
                a.zip(b).is_some_and(|(a, b)| self.sets(a, b)) && self.alike(*key, *other)
            }
            (Node::Aggregate(a), Node::Aggregate(b)) => self.running(*a, *b),
            (Node::Decides(a), Node::Decides(b)) => {
                a.decided == b.decided && self.running(a.count, b.count)
            }
            (Node::Scan(a), Node::Scan(b)) => self.scans(a, b),
            (Node::Detect(a), Node::Detect(b)) => {
                let arguments = match (a.argument, b.argument) {
                    (Some(a), Some(b)) => self.alike(a, b),
                    (a, b) => a == b,
                };
                a.figure == b.figure && arguments && self.overs(&a.over, &b.over)
            }
            _ => false,
        }
    }

    fn both(&mut self, old: (&NodeId, &NodeId), new: (&NodeId, &NodeId)) -> bool {
        self.alike(*old.0, *new.0) && self.alike(*old.1, *new.1)
    }

    fn running(&mut self, old: Running, new: Running) -> bool {
        let window = |plan: &Plan, place: u16| -> Option<(Span, Span)> {
            let span = plan.spans.iter().find(|span| span.members.iter().any(|p| p == place))?;
            Some((span.from, span.to))
        };
        window(self.old.plan, old.place) == window(self.new.plan, new.place)
            && self
                .aggregates(self.old.plan.aggregate(old.place), self.new.plan.aggregate(new.place))
    }

    /// Whether two running values put the same together, whatever their windows are.
    pub fn aggregates(&mut self, old: &Aggregate, new: &Aggregate) -> bool {
        let measures = match (old.measure, new.measure) {
            (Measure::Value(a), Measure::Value(b)) => self.alike(a, b),
            (a, b) => a == b,
        };
        measures
            && (old.list, old.kind, old.unit) == (new.list, new.kind, new.unit)
            && self.filters(old.filter, new.filter)
    }

    /// Whether two sets hold the same names.
    pub fn sets(&mut self, old: &Owned, new: &Owned) -> bool {
        (old.list, old.field) == (new.list, new.field) && self.filters(old.filter, new.filter)
    }

    /// Whether two detectors follow the same.
    pub fn followed(&mut self, old: &Followed, new: &Followed) -> bool {
        (old.detector, old.list) == (new.detector, new.list) && self.filters(old.filter, new.filter)
    }

    /// Whether both plans keep the same in the same places.
    pub fn plans(&mut self) -> bool {
        let (old, new) = (self.old.plan, self.new.plan);
        let places = |plan: &Plan| -> Vec<_> {
            plan.aggregates.iter().map(|one| (one.place, one.slot, one.flags)).collect()
        };
        old.slots == new.slots
            && old.spans == new.spans
            && old.ever == new.ever
            && places(old) == places(new)
            && self.each(&old.aggregates, &new.aggregates, Self::aggregates)
            && self.each(&old.owned, &new.owned, Self::sets)
            && self.each(&old.followed, &new.followed, Self::followed)
    }

    fn each<T>(&mut self, old: &[T], new: &[T], alike: fn(&mut Self, &T, &T) -> bool) -> bool {
        old.len() == new.len() && old.iter().zip(new).all(|(old, new)| alike(self, old, new))
    }

    fn overs(&mut self, old: &Over, new: &Over) -> bool {
        match (old, new) {
            (Over::Ever(a), Over::Ever(b)) => {
                let a = self.old.plan.followed.get(usize::from(*a));
                let b = self.new.plan.followed.get(usize::from(*b));
                a.zip(b).is_some_and(|(a, b)| self.followed(a, b))
            }
            (Over::Part(a, stages), Over::Part(b, others)) => {
                self.sources(a, b) && self.stages(stages, others)
            }
            _ => false,
        }
    }

    fn filters(&mut self, old: Filter, new: Filter) -> bool {
        match (old, new) {
            (Filter::Holds(a), Filter::Holds(b)) => self.alike(a, b),
            (a, b) => a == b,
        }
    }

    fn scans(&mut self, old: &Scan, new: &Scan) -> bool {
        self.sources(&old.source, &new.source)
            && old.zero == new.zero
            && self.stages(&old.stages, &new.stages)
            && self.ends(old.end, new.end)
    }

    fn sources(&mut self, old: &Source, new: &Source) -> bool {
        match (old, new) {
            (Source::Window(a, span), Source::Window(b, other)) => {
                let length = |plan: &Plan, place: u16| {
                    plan.spans.get(usize::from(place)).map(|span| (span.from, span.to))
                };
                a == b && length(self.old.plan, *span) == length(self.new.plan, *other)
            }
            (
                Source::Newest(..) | Source::Alerts(_) | Source::EventLines | Source::Values(_),
                _,
            ) => old == new,
            (Source::Split(text, by, most), Source::Split(other, with, limit)) => {
                let limits = match (most, limit) {
                    (Some(most), Some(limit)) => self.alike(*most, *limit),
                    (most, limit) => most == limit,
                };
                limits && self.both((text, by), (other, with))
            }
            _ => false,
        }
    }

    fn stages(&mut self, old: &[Stage], new: &[Stage]) -> bool {
        old.len() == new.len()
            && old.iter().zip(new).all(|stages| match stages {
                (Stage::Filter(a), Stage::Filter(b)) | (Stage::Map(a), Stage::Map(b)) => {
                    self.alike(*a, *b)
                }
                _ => false,
            })
    }

    fn ends(&mut self, old: End, new: End) -> bool {
        match (old, new) {
            (End::Size, End::Size) | (End::GapDeviation, End::GapDeviation) => true,
            (End::Sum(a), End::Sum(b))
            | (End::Average(a), End::Average(b))
            | (End::Min(a), End::Min(b))
            | (End::Max(a), End::Max(b))
            | (End::StandardDeviation(a), End::StandardDeviation(b))
            | (End::Exists(a), End::Exists(b))
            | (End::All(a), End::All(b))
            | (End::ExistsOne(a), End::ExistsOne(b))
            | (End::First(a), End::First(b))
            | (End::Last(a), End::Last(b))
            | (End::Distinct(a), End::Distinct(b)) => self.alike(a, b),
            (End::Quantile(a, share), End::Quantile(b, other)) => {
                share.to_bits() == other.to_bits() && self.alike(a, b)
            }
            (End::At(a, b), End::At(c, d)) | (End::Join(a, b), End::Join(c, d)) => {
                self.both((&a, &b), (&c, &d))
            }
            _ => false,
        }
    }
}
