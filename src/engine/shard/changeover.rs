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
//! The set is another for every input behind the change. An entity changes over before the next
//! thing that happens to it, and else when it is its turn: a few between inputs, so that nothing
//! waits for all of them. What it comes to is the same, whenever that is: nothing has happened to it
//! meanwhile, and what is known of all entities changes only after the last of them.
//!
//! ```text
//! names 1 … next … last       what lies before `next` has changed over, and whatever an input met
//! ```

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::alert::life_cycle;
use crate::alert::life_cycle::Phase;
use crate::engine::Output;
use crate::engine::live::Live;
use crate::engine::past;
use crate::engine::shard::Cause;
use crate::engine::shard::Context;
use crate::engine::shard::Running;
use crate::engine::shard::Shard;
use crate::engine::tally::Tally;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Symbol;
use crate::rule::file::Mode;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::alike::Comparison;
use crate::state::alike::Place;
use crate::state::program::FUEL;
use crate::state::refill::Carried;
use crate::state::timer::Due;
use crate::state::timer::Wheel;
use crate::time::Timestamp;

const KINDS: [EntityKind; 3] = [EntityKind::Customer, EntityKind::Rep, EntityKind::Product];

/// Names that are looked up at a time: with what their entities cost a fraction of a millisecond.
const NAMES: u32 = 128;

/// What of one set goes on in another, and how far the entities have come.
pub(super) struct Changeover {
    old: Arc<RuleSet>,
    /// By place in the old set: what becomes of the rule's alerts.
    follows: Vec<Follows>,
    /// By place in the new set: what becomes of its deadline.
    deadlines: Vec<Deadline>,
    /// By kind of entity.
    carried: [Carried; 3],
    /// How far event time had come before the change.
    begun: Timestamp,
    /// How far it has come since.
    passed: Timestamp,
    /// Timers of the entities that have not changed over.
    wheel: Wheel,
    /// Names whose entities have not had their turn.
    names: Range<u32>,
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
    pub(super) fn adopt(&mut self, rules: &Arc<RuleSet>, watermark: Timestamp) {
        let old = std::mem::replace(&mut self.rules, Arc::clone(rules));
        let wheel = std::mem::take(&mut self.wheel);
        let names = 1..self.symbols.read().count() + 1;
        let changeover = Changeover::between((old, &self.tally), rules, watermark);
        self.changeover = Some(Changeover { wheel, names, ..changeover });
        self.tally.adopt(rules);
        self.budgets.begin(rules.rules.len());
        self.laid_out = self.laid_out.wrapping_add(1);
        self.entities.change_over(rules, self.laid_out);
    }

    /// Whether there are entities that have not changed over.
    pub fn is_changing(&self) -> bool {
        self.changeover.is_some()
    }

    /// Lets some entities change over, if there are any that have not.
    pub fn change_some(&mut self, out: &mut Vec<Output>) {
        let Some(changeover) = &mut self.changeover else { return };
        let Some(names) = changeover.turn() else {
            self.changeover = None;
            self.entities.changed_over();
            return;
        };
        let looks_at = |kind| changeover.old.looks_at(kind) || self.rules.looks_at(kind);
        let mut ids: SmallVec<[EntityId; NAMES as usize]> = SmallVec::new();
        for kind in
            KINDS.into_iter().filter(|kind| *kind == EntityKind::Customer || looks_at(*kind))
        {
            let names = names.clone().filter_map(Symbol::from_number);
            ids.extend(names.map(|id| EntityId { kind, id }));
        }
        let entities = ids.iter().map(|id| (*id, Timestamp::MIN));
        self.entities.touch(&self.rules, entities, &Live::TOUCHES);
        for id in ids {
            self.change(id, out);
        }
        self.relieve();
    }

    /// Lets all entities change over that have not.
    pub fn change_all(&mut self, out: &mut Vec<Output>) {
        while self.is_changing() {
            self.change_some(out);
        }
    }

    /// Something is about to happen to an entity: it changes over first.
    #[inline]
    pub(super) fn change_before(&mut self, id: EntityId, out: &mut Vec<Output>) {
        if self.changeover.is_some() {
            self.change(id, out);
        }
    }

    /// Lets an entity change over, unless it has or is not here.
    #[cold]
    fn change(&mut self, id: EntityId, out: &mut Vec<Output>) {
        let laid_out = self.laid_out;
        if self.residence.is_some() && !self.bring_back_old(id) {
            return;
        }
        let Self { rules, symbols, catalog, entities, wheel, parts, budgets, tally, .. } = self;
        let Some(changeover) = &self.changeover else { return };
        let Some(mut guard) = entities.map.get_mut(&id) else { return };
        let live = &mut **guard;
        if live.entity.laid_out == laid_out {
            return;
        }
        let observer = self.observer.as_deref();
        let context = Context { rules, symbols, catalog, observer };
        changeover.entity(context, (id, &mut *live), out);
        // Nothing more is heard of reps or products that no rule looks at: a rule to come starts
        // with a history that has no gap.
        if id.kind != EntityKind::Customer && !rules.looks_at(id.kind) {
            drop(guard);
            entities.map.remove(&id);
            return;
        }
        live.entity.laid_out = laid_out;
        let mut entity = Running { context, id, live, parts, budgets, tally };
        changeover.arm(&mut entity);
        // What its new rules find passed by now.
        entity.pass(changeover.passed, Cause { event: None, arrived: None }, out);
        entity.set_timer(wheel);
    }
}

impl Changeover {
    /// From one set to the other; no timers and no names yet.
    fn between((old, tally): (Arc<RuleSet>, &Tally), new: &RuleSet, begun: Timestamp) -> Self {
        let follows = old.rules.iter().map(|rule| Follows::of(rule, new)).collect();
        let deadlines = new.rules.iter().map(|rule| Deadline::of((&old, tally), (new, rule)));
        let deadlines = deadlines.collect();
        let carried = KINDS.map(|kind| {
            Carried::between((old.plan(kind), &old.program), (new.plan(kind), &new.program))
        });
        let (passed, wheel, names) = (Timestamp::MIN, Wheel::default(), 0..0);
        Self { old, follows, deadlines, carried, begun, passed, wheel, names }
    }

    /// The next names whose entities have their turn; none after the last.
    fn turn(&mut self) -> Option<Range<u32>> {
        if self.names.is_empty() {
            return None;
        }
        let end = self.names.end.min(self.names.start + NAMES);
        let turn = self.names.start..end;
        self.names.start = end;
        Some(turn)
    }

    /// Event time has come so far: takes out what is due of those that have not changed over.
    pub(super) fn pass(&mut self, to: Timestamp, due: &mut Vec<Due>) {
        self.passed = self.passed.max(to);
        self.wheel.pass(to, due);
    }

    /// The set that those are laid out by who have not changed over.
    pub(super) fn old(&self) -> &Arc<RuleSet> {
        &self.old
    }

    /// See [`Shard::due`].
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.wheel.earliest()
    }

    /// Timers of those that have not changed over; some of them are of those that have.
    pub(super) fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// Lays an entity out by the new set and settles its alerts; deadlines are armed afterwards.
    fn entity(
        &self,
        context: Context<'_>,
        (id, live): (EntityId, &mut Live),
        out: &mut Vec<Output>,
    ) {
        let rules = context.rules;
        let armed: SmallVec<[(u16, Timestamp); 8]> = rules
            .timed(id.kind)
            .iter()
            .filter_map(|&place| {
                let old = self.deadlines[usize::from(place)].old()?;
                Some((place, live.armed(&self.old, old)?))
            })
            .collect();
        live.entity.refill(&self.carried[id.kind as usize], context.upkeep(id));
        for (place, deadline) in armed {
            live.arm(rules, place, Some(deadline));
        }
        (live.timer, live.later) = (Timestamp::MAX, Timestamp::MAX);
        let now = live.entity.clock.max(self.begun);
        let first = out.len();
        for (old, phase) in live.take_all() {
            let mut phase = Some(phase);
            let mut close = |phase: &mut Option<Phase>| {
                if let Some((id, state)) = life_cycle::withdraw(phase, now) {
                    out.push(Output::Changed { id, state, at: now });
                }
            };
            match self.follows[usize::from(old)] {
                Follows::On(new) => live.put(rules, new, phase),
                Follows::Off(new) => {
                    close(&mut phase);
                    live.put(rules, new, life_cycle::unasked(phase));
                }
                Follows::Ends => close(&mut phase),
            }
        }
        past::remember(&mut live.entity, &out[first..], context.symbols);
    }

    /// Arms what the new rules wait for. What went on is armed already.
    fn arm(&self, entity: &mut Running<'_>) {
        let rules = entity.context.rules;
        for &place in rules.timed(entity.id.kind) {
            let deadline = self.deadlines[usize::from(place)];
            let armed = entity.live.armed(rules, place);
            let goes_on = match deadline {
                Deadline::Same(_) => true,
                Deadline::Trigger(_) => armed.is_some(),
                Deadline::Other(_) | Deadline::New => false,
            };
            if goes_on {
                continue;
            }
            let next = match &rules.rules[usize::from(place)].trigger {
                Trigger::Events(_) => None,
                Trigger::Every { schedule, .. } => {
                    let begun = entity.live.entity.clock > Timestamp::MIN;
                    // From now on: the days before the rule was there are not caught up with.
                    begun.then(|| {
                        entity.next_look(schedule, entity.live.entity.clock.max(self.begun))
                    })
                }
                Trigger::Silence { kinds, after, .. } => {
                    let last = entity.last_of(*kinds);
                    // A silence that is still waited for was not told of.
                    let last =
                        last.filter(|last| armed.is_some() || !told(entity.live, place, *last));
                    last.and_then(|last| entity.silence_ends(place, last, *after, &mut { FUEL }))
                }
            };
            entity.live.arm(rules, place, next);
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
