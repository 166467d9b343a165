//! Other rules for entities that are under way: everything that still means the same goes on as
//! if nothing had happened, and what is new stands where it would have stood from the start.
//!
//! ```text
//! windows      by the history ──────────────────────────────────────────► the new plan
//! alerts       rule of the same name? ── yes: goes on, acknowledged or not
//!                                     └─ no, or switched off: closed, "withdrawn"
//! past alerts  they stay, under the names that their rules had ─────────────►  `alerts`
//! deadlines    trigger means the same? ── yes: goes on
//!                                      └─ no: from the history; one that has passed is due now
//! ```
//!
//! All entities of a shard change over in one input, so every event sees one set of rules and
//! never half of one.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::alert::life_cycle;
use crate::alert::life_cycle::Phase;
use crate::engine::Output;
use crate::engine::live::Live;
use crate::engine::past;
use crate::engine::shard::Context;
use crate::engine::shard::Running;
use crate::engine::shard::Shard;
use crate::engine::tally::Tally;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::rule::file::Mode;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::alike::Comparison;
use crate::state::alike::Place;
use crate::state::refill::Carried;
use crate::state::timer::Wheel;
use crate::time::Timestamp;

const KINDS: [EntityKind; 3] = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];

/// What of one set goes on in another.
struct Changeover<'a> {
    old: &'a RuleSet,
    new: &'a RuleSet,
    /// By place in the old set: what becomes of the rule's alerts.
    follows: Vec<Follows>,
    /// By place in the new set: what becomes of its deadline.
    deadlines: Vec<Deadline>,
    /// By kind of entity.
    carried: [Carried; 3],
}

/// What becomes of a rule's alerts.
#[derive(Clone, Copy)]
enum Follows {
    /// They go on with the rule at this place.
    On(u16),
    /// The rule is there, and does not look: open ones are closed.
    Off(u16),
    /// They end with the rule.
    Ends,
}

/// What becomes of a deadline.
#[derive(Clone, Copy)]
enum Deadline {
    /// There was no such rule.
    New,
    /// The rule of this place had another trigger, or was not asked.
    Other(u16),
    /// The rule of this place has the same trigger, and another condition: what has passed is
    /// asked again.
    Trigger(u16),
    /// The rule of this place asks the same at the same time.
    Same(u16),
}

impl Shard {
    /// Runs other rules from here on.
    pub(super) fn adopt(
        &mut self,
        rules: &Arc<RuleSet>,
        watermark: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let old = std::mem::replace(&mut self.rules, Arc::clone(rules));
        let changeover = Changeover::between(&old, rules, &self.tally);
        self.tally.adopt(rules);
        self.wheel = Wheel::default();
        let first = out.len();
        let Self { rules, symbols, catalog, entities, wheel, parts, tally, observer, .. } = self;
        let mut laid_out = entities.rules.write();
        entities.map.retain(|id, live| {
            let observer = observer.as_deref();
            let context = Context { rules, symbols, catalog, observer };
            changeover.entity(context, (*id, live), watermark, out);
            // Nothing more is heard of reps or products that no rule looks at: a rule to come
            // starts with a history that has no gap.
            if id.kind != EntityKind::Customer && !rules.looks_at(id.kind) {
                return false;
            }
            let mut entity = Running { context, id: *id, live, parts, tally };
            changeover.arm(&mut entity, watermark);
            entity.set_timer(wheel);
            true
        });
        *laid_out = Arc::clone(rules);
        drop(laid_out);
        // The map has no order of its own.
        out[first..].sort_by_key(|output| match output {
            Output::Opened { alert, .. } => Some(alert.id),
            Output::Changed { id, .. } | Output::Acted { id, .. } => Some(*id),
            Output::Duty(_) => None,
        });
    }
}

impl<'a> Changeover<'a> {
    fn between(old: &'a RuleSet, new: &'a RuleSet, tally: &Tally) -> Self {
        let follows = old.rules.iter().map(|rule| Follows::of(rule, new)).collect();
        let deadlines = new.rules.iter().map(|rule| Deadline::of((old, tally), (new, rule)));
        let carried = KINDS.map(|kind| {
            Carried::between((old.plan(kind), &old.program), (new.plan(kind), &new.program))
        });
        Self { old, new, follows, deadlines: deadlines.collect(), carried }
    }

    /// Lays an entity out by the new set and settles its alerts; deadlines are armed afterwards.
    fn entity(
        &self,
        context: Context<'_>,
        (id, live): (EntityId, &mut Live),
        watermark: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let armed: SmallVec<[(u16, Timestamp); 8]> = self
            .new
            .timed(id.kind)
            .iter()
            .filter_map(|&place| {
                let old = self.deadlines[usize::from(place)].old()?;
                Some((place, live.armed(self.old, old)?))
            })
            .collect();
        live.entity.refill(&self.carried[id.kind as usize], context.upkeep(id));
        for (place, deadline) in armed {
            live.arm(self.new, place, Some(deadline));
        }
        (live.timer, live.later) = (Timestamp::MAX, Timestamp::MAX);
        let now = live.entity.clock.max(watermark);
        let first = out.len();
        for (old, phase) in live.take_all() {
            let mut phase = Some(phase);
            let mut close = |phase: &mut Option<Phase>| {
                if let Some((id, state)) = life_cycle::withdraw(phase, now) {
                    out.push(Output::Changed { id, state, at: now });
                }
            };
            match self.follows[usize::from(old)] {
                Follows::On(new) => live.put(self.new, new, phase),
                Follows::Off(new) => {
                    close(&mut phase);
                    live.put(self.new, new, life_cycle::unasked(phase));
                }
                Follows::Ends => close(&mut phase),
            }
        }
        past::remember(&mut live.entity.past, &out[first..], context.symbols);
    }

    /// Arms what the new rules wait for. What went on is armed already.
    fn arm(&self, entity: &mut Running<'_>, watermark: Timestamp) {
        for &place in self.new.timed(entity.id.kind) {
            let deadline = self.deadlines[usize::from(place)];
            let armed = entity.live.armed(self.new, place);
            let goes_on = match deadline {
                Deadline::Same(_) => true,
                Deadline::Trigger(_) => armed.is_some(),
                Deadline::Other(_) | Deadline::New => false,
            };
            if goes_on {
                continue;
            }
            let next = match &self.new.rules[usize::from(place)].trigger {
                Trigger::Events(_) => None,
                Trigger::Every { schedule, .. } => {
                    let begun = entity.live.entity.clock > Timestamp::MIN;
                    // From now on: the days before the rule was there are not caught up with.
                    begun.then(|| {
                        entity.next_look(schedule, entity.live.entity.clock.max(watermark))
                    })
                }
                Trigger::Silence { kinds, after, .. } => {
                    let last = entity.last_of(*kinds);
                    // A silence that is still waited for was not told of.
                    let last =
                        last.filter(|last| armed.is_some() || !told(entity.live, place, *last));
                    last.and_then(|last| entity.silence_ends(place, last, *after))
                }
            };
            entity.live.arm(self.new, place, next);
        }
    }
}

/// Whether the silence that began at `last` has its alert already, or is about to.
fn told(live: &Live, rule: u16, last: Timestamp) -> bool {
    match live.phase(rule) {
        Some(Phase::Open(_) | Phase::Pending { .. }) => true,
        Some(Phase::Closed { at, .. }) => *at > last,
        None => false,
    }
}

impl Follows {
    fn of(old: &Rule, new: &RuleSet) -> Self {
        let Some(place) = new.place(&old.name) else { return Self::Ends };
        let rule = &new.rules[usize::from(place)];
        if rule.entity != old.entity {
            return Self::Ends;
        }
        match (old.mode, rule.mode) {
            (_, Mode::Off) | (Mode::Live, Mode::Shadow) => Self::Off(place),
            // Nobody was told of what fires in the shadow: in the light it fires anew.
            (Mode::Shadow, Mode::Live) => Self::Ends,
            _ => Self::On(place),
        }
    }
}

impl Deadline {
    fn of((old, tally): (&RuleSet, &Tally), (new, rule): (&RuleSet, &Rule)) -> Self {
        let known = old.place(&rule.name).map(|place| (place, &old.rules[usize::from(place)]));
        let known = known.filter(|(_, known)| known.entity == rule.entity);
        let Some((place, known)) = known else { return Self::New };
        let kind = rule.entity;
        let before = Place { program: &old.program, plan: old.plan(kind), lets: &known.part_nodes };
        let after = Place { program: &new.program, plan: new.plan(kind), lets: &rule.part_nodes };
        let mut comparison = Comparison::new(before, after);
        let asked = known.mode != Mode::Off && tally.rule(&rule.name).resting.is_none();
        let same = match (&known.trigger, &rule.trigger) {
            (
                Trigger::Silence { kinds: old, after: before, .. },
                Trigger::Silence { kinds: new, after, .. },
            ) => old == new && comparison.alike(*before, *after),
            (Trigger::Every { schedule: old, .. }, Trigger::Every { schedule: new, .. }) => {
                old == new
            }
            _ => false,
        };
        let told = known.mode == rule.mode;
        if !same || !asked {
            return Self::Other(place);
        }
        if told && comparison.alike(known.when, rule.when) {
            Self::Same(place)
        } else {
            Self::Trigger(place)
        }
    }

    /// The rule's old place.
    fn old(self) -> Option<u16> {
        match self {
            Self::New => None,
            Self::Other(place) | Self::Trigger(place) | Self::Same(place) => Some(place),
        }
    }
}
