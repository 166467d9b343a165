//! The pure core: `step(state, input) -> outputs` for the entities of one shard.
//!
//! ```text
//! event ─► deadlines that passed before it ─► history, windows ─► rules it sets off ─► life cycle
//! watermark ─► deadlines of entities that nothing more happened to ─► the same
//! models ─► deadlines that passed before it ─► what the next evaluation reads
//! rules ─► each entity changes over, when it is its turn or something happens to it
//! ```
//!
//! One thread writes a shard; the API reads its [`Entities`] beside it.

pub(crate) mod budget;
mod changeover;
mod deadline;
mod duty;
mod erase;
mod idle;
mod residence;
mod restore;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Deed;
use crate::alert::life_cycle;
use crate::alert::life_cycle::Observation;
use crate::alert::life_cycle::Phase;
use crate::alert::life_cycle::Step;
use crate::engine::ActionInput;
use crate::engine::Input;
use crate::engine::Output;
use crate::engine::entities::Entities;
use crate::engine::entities::NEAR;
use crate::engine::firing;
use crate::engine::live::Live;
use crate::engine::look::Look;
use crate::engine::look::Observer;
use crate::engine::past;
use crate::engine::shard::budget::Budgets;
use crate::engine::shard::changeover::Changeover;
use crate::engine::shard::residence::Residence;
use crate::engine::snapshot::saving::Saving;
use crate::engine::tally::Resting;
use crate::engine::tally::Tally;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Event;
use crate::event::Reference;
use crate::event::Symbols;
use crate::rule::set::Rule;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::Applied;
use crate::state::catalog::Catalog;
use crate::state::evaluate::evaluate;
use crate::state::program::FUEL;
use crate::state::program::Field;
use crate::state::program::Items;
use crate::state::program::Node;
use crate::state::program::Scope;
use crate::state::texts::Texts;
use crate::state::timer::Due;
use crate::state::timer::Wheel;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::walked::Walked;
use crate::state::window::Upkeep;
use crate::time::Span;
use crate::time::Timestamp;

/// Entities and everything that is needed to take an input.
pub struct Shard {
    rules: Arc<RuleSet>,
    symbols: Symbols,
    catalog: Catalog,
    entities: Arc<Entities>,
    wheel: Wheel,
    due: Vec<Due>,
    observer: Option<Arc<Observer>>,
    saving: Option<Saving>,
    changeover: Option<Changeover>,
    /// Which customers are in memory; none where all are.
    residence: Option<Box<Residence>>,
    /// The number of its set of rules: see [`Entity::laid_out`](crate::state::Entity).
    laid_out: u8,
    parts: Parts,
    budgets: Budgets,
    /// What was done so far.
    pub tally: Tally,
}

/// What an evaluation reads.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) symbols: &'a Symbols,
    pub(crate) catalog: &'a Catalog,
    observer: Option<&'a Observer>,
}

/// What sets an evaluation off.
#[derive(Clone, Copy)]
pub(crate) struct Cause<'a> {
    pub(crate) event: Option<&'a Event>,
    pub(crate) arrived: Option<Instant>,
}

/// What one evaluation of a rule comes by.
#[derive(Default)]
pub(crate) struct Parts {
    /// Values of its parts.
    values: Vec<Option<Result<Value, Fault>>>,
    /// Texts that it makes.
    texts: Texts,
    /// What it has in common with other rules at this moment.
    walked: Walked,
    /// The items of lists that it is at.
    items: Items,
}

impl Parts {
    /// Makes room for the parts of a rule.
    fn begin(&mut self, count: usize) {
        self.values.clear();
        self.values.resize(count, None);
        self.texts.clear();
        self.items.clear();
    }
}

impl Shard {
    /// An empty shard.
    pub fn new(rules: Arc<RuleSet>, symbols: Symbols) -> Self {
        let tally = Tally::new(&rules);
        let mut budgets = Budgets::default();
        budgets.begin(rules.rules.len());
        let entities = Arc::new(Entities::new(Arc::clone(&rules)));
        Self {
            rules,
            symbols,
            catalog: Catalog::default(),
            entities,
            wheel: Wheel::default(),
            due: Vec::new(),
            observer: None,
            saving: None,
            changeover: None,
            residence: None,
            laid_out: 0,
            parts: Parts::default(),
            budgets,
            tally,
        }
    }

    /// Lets every evaluation be seen as it is made.
    #[must_use]
    pub fn observed(mut self, observer: Arc<Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The entities, to be read beside the shard.
    pub fn entities(&self) -> Arc<Entities> {
        Arc::clone(&self.entities)
    }

    /// Takes inputs one after the other.
    pub fn steps(&mut self, inputs: &mut [Input], out: &mut Vec<Output>) {
        for near in inputs.chunks_mut(NEAR) {
            let entities = near.iter().filter_map(|input| match input {
                Input::Event { entity, event, .. } => Some((*entity, event.time)),
                _ => None,
            });
            self.entities.touch(&self.rules, entities, &Live::TOUCHES);
            for input in near.iter_mut() {
                self.step(input, out);
            }
            self.change_some(out);
            self.settle(near);
        }
    }

    /// Takes one input, whose event is completed from the reference data.
    pub fn step(&mut self, input: &mut Input, out: &mut Vec<Output>) {
        match input {
            Input::Event { entity, event, watermark, arrived } => {
                self.event(*entity, event, (*watermark, *arrived), out);
            }
            Input::Reference(reference) => self.reference(reference, out),
            Input::Action(action) => {
                self.act(action, out);
            }
            Input::Feedback(action) => {
                if !self.act(action, out) {
                    forgotten(action, out);
                }
            }
            Input::Watermark(to) => self.pass(*to, out),
            Input::Models { models, watermark } => {
                // The new rules find what they have missed by what was known when they came.
                self.change_all(out);
                self.pass(*watermark, out);
                self.catalog.learn(Arc::clone(models));
            }
            Input::Rules { rules, watermark } => {
                // Every entity changes: the snapshot under way is given up.
                self.saving = None;
                self.change_all(out);
                self.adopt(rules, *watermark);
            }
            Input::Erase(erasure) => {
                self.change_all(out);
                self.erase(erasure);
            }
            Input::Save(cut) => {
                // A snapshot has one layout.
                self.change_all(out);
                self.save(cut.take());
            }
            Input::Restore(restored) => {
                self.change_all(out);
                self.restore(restored);
            }
        }
    }

    fn event(
        &mut self,
        id: EntityId,
        event: &mut Event,
        (watermark, arrived): (Timestamp, Option<Instant>),
        out: &mut Vec<Output>,
    ) {
        if self.residence.is_some() && !self.bring_back(id) {
            return;
        }
        self.save_before(id);
        self.change_before(id, out);
        self.catalog.complete(event);
        let event = &*event;
        let laid_out = self.laid_out;
        let Self {
            rules, symbols, catalog, entities, wheel, parts, budgets, tally, observer, ..
        } = self;
        let observer = observer.as_deref();
        budgets.pass(event.time.max(watermark));
        let context = Context { rules, symbols, catalog, observer };
        let mut guard =
            entities.map.entry(id).or_insert_with(|| Box::new(Live::new(rules, id.kind, laid_out)));
        let live = &mut **guard;
        let cause = Cause { event: Some(event), arrived };
        let mut entity = Running { context, id, live, parts, budgets, tally };
        // What was due before this event happened, was due; so was what the watermark has passed.
        if entity.live.timer < event.time || entity.live.timer <= watermark {
            let before = (event.time - Span::from_millis(1)).max(watermark);
            let late_proof = Cause { event: None, arrived };
            entity.pass(before, late_proof, out);
        }
        let before = (duty::served(&entity.live.entity), entity.live.entity.clock);
        match entity.live.entity.apply(context.upkeep(id), event) {
            Applied::Duplicate => {
                tally.duplicates += 1;
                return;
            }
            Applied::InTime => {}
            Applied::Late => entity.tally.late += 1,
            Applied::TooLate => entity.tally.too_late += 1,
        }
        entity.tally.applied += 1;
        if before.0 != duty::served(&entity.live.entity) {
            out.extend(duty::after_event((id, &entity.live.entity), before, symbols));
        }
        let first = out.len();
        entity.parts.walked.begin();
        for &rule in rules.triggered(id.kind, event.kind) {
            match rules.rules[usize::from(rule)].trigger {
                Trigger::Events(_) => entity.look(rule, None, cause, out),
                Trigger::Silence { .. } => entity.arm_silence(rule, event, out),
                Trigger::Every { .. } => {}
            }
        }
        entity.parts.walked.end();
        entity.remember(&out[first..]);
        entity.arm_schedules();
        entity.set_timer(wheel);
    }

    fn reference(&mut self, reference: &Reference, out: &mut Vec<Output>) {
        if let Some(saving) = &mut self.saving {
            saving.before_reference(reference, &self.catalog, &self.symbols);
        }
        if !matches!(reference, Reference::Customer(_)) {
            // It is known of every entity: see `Input::Models`.
            self.change_all(out);
        }
        self.catalog.apply(reference);
        match reference {
            Reference::Customer(customer) => {
                let kind = EntityKind::Customer;
                let id = EntityId { kind, id: customer.id };
                if self.residence.is_some() && !self.bring_back(id) {
                    return;
                }
                self.save_before(id);
                self.change_before(id, out);
                let (rules, laid_out) = (&self.rules, self.laid_out);
                let entry = self.entities.map.entry(id);
                let mut live = entry.or_insert_with(|| Box::new(Live::new(rules, kind, laid_out)));
                let entity = &mut live.entity;
                let before = firing::keeper(entity.profile(), duty::served(entity));
                entity.set_profile(customer.clone());
                out.extend(duty::after_reference((id, entity), before, &self.symbols));
            }
            Reference::Rep(rep) => out.push(duty::of_rep(rep, &self.symbols)),
            Reference::Product(_) | Reference::Relation(_) | Reference::Agreement(_) => {}
        }
    }

    /// Does what somebody did; tells whether the alert is known here.
    fn act(&mut self, action: &ActionInput, out: &mut Vec<Output>) -> bool {
        let (id, at, by) = (action.alert, action.at, action.by.as_str());
        let Some(rule) = self.rules.place(&action.rule) else { return false };
        if self.residence.is_some() && !self.bring_back(action.entity) {
            return true;
        }
        self.save_before(action.entity);
        self.change_before(action.entity, out);
        let Some(mut guard) = self.entities.map.get_mut(&action.entity) else { return false };
        let live = &mut **guard;
        let mut phase = live.take(rule);
        if !life_cycle::is_current(phase.as_ref(), id) {
            live.put(&self.rules, rule, phase);
            return false;
        }
        let leads = action.action.leads_to(by, at);
        let state = life_cycle::act(&mut phase, id, &action.action, (by, at));
        let done = leads.is_none() || state.is_some();
        live.put(&self.rules, rule, phase);
        let first = out.len();
        out.extend(state.map(|state| Output::Changed { id, state, at }));
        if done {
            out.push(Output::Acted { id, deed: deed(action) });
        }
        let Self { rules, symbols, catalog, wheel, parts, budgets, tally, observer, .. } = self;
        let observer = observer.as_deref();
        let context = Context { rules, symbols, catalog, observer };
        let mut entity = Running { context, id: action.entity, live, parts, budgets, tally };
        entity.remember(&out[first..]);
        entity.set_timer(wheel);
        true
    }

    /// Event time has come so far: fires what is due, in the order of deadlines.
    fn pass(&mut self, to: Timestamp, out: &mut Vec<Output>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.pass(to, &mut due);
        if let Some(changeover) = &mut self.changeover {
            changeover.pass(to, &mut due);
            due.sort_unstable();
        }
        // What is set anew meanwhile and due, too, takes its place among the rest.
        let mut anew: BinaryHeap<Reverse<Due>> = BinaryHeap::new();
        for near in due.chunks(NEAR) {
            // Most of them have to be set again, no more.
            let entities = near.iter().map(|due| (due.entity, due.at));
            self.entities.touch(&self.rules, entities, &[Live::TOUCH]);
            for next in near {
                while anew.peek().is_some_and(|sooner| sooner.0 < *next)
                    && let Some(Reverse(sooner)) = anew.pop()
                {
                    anew.extend(self.fire(sooner, to, out).map(Reverse));
                }
                anew.extend(self.fire(*next, to, out).map(Reverse));
            }
        }
        while let Some(Reverse(last)) = anew.pop() {
            anew.extend(self.fire(last, to, out).map(Reverse));
        }
        due.clear();
        self.due = due;
    }

    /// Fires a timer, and sets the entity's next, unless it is due by `to`: then it is returned.
    fn fire(&mut self, due: Due, to: Timestamp, out: &mut Vec<Output>) -> Option<Due> {
        let Due { at, entity: id } = due;
        if self.residence.is_some() && !self.bring_back_due(id, at) {
            return None;
        }
        self.save_before(id);
        self.change_before(id, out);
        let Self {
            rules, symbols, catalog, entities, wheel, parts, budgets, tally, observer, ..
        } = self;
        let mut guard = entities.map.get_mut(&id)?;
        let live = &mut **guard;
        // A timer that was replaced by an earlier one finds another deadline here.
        if live.timer != at {
            return None;
        }
        live.timer = std::mem::replace(&mut live.later, Timestamp::MAX);
        let observer = observer.as_deref();
        let context = Context { rules, symbols, catalog, observer };
        let mut entity = Running { context, id, live, parts, budgets, tally };
        entity.pass(at, Cause { event: None, arrived: None }, out);
        let next = entity.next_timer()?;
        if next.at <= to {
            return Some(next);
        }
        wheel.set(next);
        None
    }

    /// What it knows of products and reps.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// An instant before which no timer is due; none when none is set.
    pub fn due(&self) -> Option<Timestamp> {
        let before = self.changeover.as_ref().and_then(Changeover::due);
        self.wheel.earliest().into_iter().chain(before).min()
    }

    /// Timers that are set.
    pub fn timers(&self) -> usize {
        self.wheel.len() + self.changeover.as_ref().map_or(0, Changeover::timers)
    }
}

impl<'a> Context<'a> {
    pub(crate) fn upkeep(self, id: EntityId) -> Upkeep<'a> {
        Upkeep {
            plan: self.rules.plan(id.kind),
            program: &self.rules.program,
            symbols: self.symbols,
            catalog: self.catalog,
        }
    }
}

/// An entity while an input is at work on it.
struct Running<'a> {
    context: Context<'a>,
    id: EntityId,
    live: &'a mut Live,
    /// Where the values of a rule's parts stand while it is looked at.
    parts: &'a mut Parts,
    budgets: &'a mut Budgets,
    tally: &'a mut Tally,
}

impl Running<'_> {
    /// Fires what is due up to `limit`, the earliest first.
    fn pass(&mut self, limit: Timestamp, cause: Cause<'_>, out: &mut Vec<Output>) {
        let rules = self.context.rules;
        while let Some(at) = self.live.deadline(rules, self.id.kind).filter(|at| *at <= limit) {
            self.tally.timers += 1;
            let first = out.len();
            self.live.entity.advance(self.context.upkeep(self.id), at);
            self.parts.walked.begin();
            for &rule in rules.timed(self.id.kind) {
                if self.live.armed(rules, rule) == Some(at) {
                    let next = match &rules.rules[usize::from(rule)].trigger {
                        Trigger::Every { schedule, .. } => Some(self.next_look(schedule, at)),
                        _ => None,
                    };
                    self.live.arm(rules, rule, next);
                    self.live.entity.refresh(self.context.upkeep(self.id));
                    self.look(rule, Some(at), cause, out);
                }
            }
            let waiting: SmallVec<[u16; 8]> = self
                .live
                .phases()
                .filter(|(rule, phase)| {
                    let timing = rules.rules[usize::from(*rule)].timing;
                    life_cycle::deadline(phase, timing).is_some_and(|due| due <= at)
                })
                .map(|(rule, _)| rule)
                .collect();
            for rule in waiting {
                self.wake(rule, at, cause, out);
            }
            self.parts.walked.end();
            self.remember(&out[first..]);
        }
    }

    /// What was told in a moment that is over is seen from the next one on.
    fn remember(&mut self, told: &[Output]) {
        past::remember(&mut self.live.entity, told, self.context.symbols);
    }

    /// The passing of time matters to an open or pending alert.
    fn wake(&mut self, rule: u16, at: Timestamp, cause: Cause<'_>, out: &mut Vec<Output>) {
        let mut phase = self.live.take(rule);
        let changed = life_cycle::pass(&mut phase, at);
        let settled = changed.is_some();
        if let Some((id, state)) = changed {
            out.push(Output::Changed { id, state, at });
        }
        self.live.put(self.context.rules, rule, phase);
        if !settled {
            self.look(rule, Some(at), cause, out);
        }
    }

    /// Evaluates a rule and lets its alert follow. `deadline` is the timer's, if one fired.
    fn look(
        &mut self,
        place: u16,
        deadline: Option<Timestamp>,
        cause: Cause<'_>,
        out: &mut Vec<Output>,
    ) {
        let rules = self.context.rules;
        let rule = &rules.rules[usize::from(place)];
        let now = self.live.entity.clock;
        let tally = &mut self.tally.rules[usize::from(place)];
        if tally.resting.is_some() {
            return self.unasked(place);
        }
        tally.evaluations += 1;
        let barred = deadline.is_none() && cause.event.is_some_and(|event| rule.gate.bars(event));
        let phase = self.live.phase(place);
        let is_moot = barred && life_cycle::is_idle(phase, false)
            || life_cycle::is_quiet(phase, rule.timing, now) && !looks_ahead(rules, rule);
        if is_moot && self.context.observer.is_none() {
            return tally.passed();
        }
        // Deadlines come once in a while, and in an order that a replay need not have.
        let is_timed = deadline.is_some();
        let fuel = if is_timed { FUEL } else { self.budgets.fuel(place) };
        let live = &*self.live;
        self.parts.begin(rule.parts.len());
        let mut scope = self.context.scope((self.id, live), place, (cause, now), self.parts);
        scope.fuel = fuel;
        let holds = guarded(|| {
            let holds = evaluate(&mut scope, rule.when).and_then(Value::truth);
            if let Some(observer) = self.context.observer {
                let phase = live.phase(place);
                observer(&Look { entity: self.id, rule: place, deadline, holds, phase }, &scope);
            }
            holds
        });
        let Some(holds) = holds else { return self.rest(place, Resting::Broken) };
        tally.note(holds.err(), fuel - scope.fuel);
        if !is_timed {
            self.budgets.spend(place, fuel - scope.fuel);
        }
        if holds == Err(Fault::Fuel) {
            if tally.strike() {
                return self.rest(place, Resting::Exhausted);
            }
        } else if is_timed || self.budgets.is_well_off(place) {
            tally.exhausted = 0;
        }
        let holds = match holds {
            Ok(holds) => holds,
            Err(_) => match (deadline, live.phase(place)) {
                // Without an event a condition over one cannot be asked again: what was pending
                // has held, what was false has stayed so.
                (Some(_), Some(Phase::Pending { .. })) => true,
                (Some(_), Some(Phase::Open(open))) if open.false_since.is_some() => false,
                _ => return,
            },
        };
        if life_cycle::is_idle(live.phase(place), holds) {
            return;
        }
        // Of what is not, nobody asks when and which.
        let before = scope.fuel;
        let occurrence =
            if holds { guarded(|| occurrence(rule, &mut scope)) } else { Some((now, 0)) };
        let Some((at, episode)) = occurrence else { return self.rest(place, Resting::Broken) };
        let left = scope.fuel;
        if self.pays(place, (before, left), is_timed) {
            let seen = Observation { holds, episode, at, now };
            if !life_cycle::is_settled(self.live.phase(place), rule.timing, seen) {
                let fuel = if is_timed { FUEL } else { self.budgets.left(place) };
                let left = self.follow(place, (seen, fuel), cause, out);
                self.pays(place, (fuel, left), is_timed);
            }
        }
    }

    /// What a rule went through beside its condition counts as well; whether it had enough.
    fn pays(&mut self, place: u16, (before, left): (u32, u32), is_timed: bool) -> bool {
        let tally = &mut self.tally.rules[usize::from(place)];
        tally.items += u64::from(before - left);
        if is_timed || before == left {
            return true;
        }
        self.budgets.spend(place, before - left);
        if left == 0 && tally.strike() && tally.resting.is_none() {
            self.rest(place, Resting::Exhausted);
        }
        left > 0
    }

    /// Lets a rule's alert follow what was seen of its condition; what is left of `fuel` behind what
    /// it says.
    fn follow(
        &mut self,
        place: u16,
        (seen, fuel): (Observation, u32),
        cause: Cause<'_>,
        out: &mut Vec<Output>,
    ) -> u32 {
        let rules = self.context.rules;
        let rule = &rules.rules[usize::from(place)];
        let Observation { holds, at, now, .. } = seen;
        let mut left = fuel;
        let mut phase = self.live.take(place);
        let before = life_cycle::episode(phase.as_ref());
        let step = life_cycle::observe(&mut phase, rule.timing, seen);
        let opens = match step {
            Step::Nothing => {
                let back = if holds { self.stirred(&mut phase) } else { None };
                out.extend(back.map(|(id, state)| Output::Changed { id, state, at: now }));
                false
            }
            Step::Open => true,
            Step::Close(id, state) => {
                out.push(Output::Changed { id, state, at: now });
                false
            }
            Step::Renew(id, state) => {
                out.push(Output::Changed { id, state, at: now });
                true
            }
        };
        if opens {
            let live = &*self.live;
            let mut scope = self.context.scope((self.id, live), place, (cause, now), self.parts);
            let alert = guarded(|| firing::alert(self.context, rule, &mut scope, at, fuel));
            left = scope.fuel;
            let Some(alert) = alert else {
                self.live.put(rules, place, phase);
                self.rest(place, Resting::Broken);
                return left;
            };
            self.tally.rules[usize::from(place)].alerts += 1;
            phase = Some(life_cycle::opened(alert.id, rule.timing, seen, before));
            out.push(Output::Opened { alert: Box::new(alert), arrived: cause.arrived });
        }
        self.live.put(rules, place, phase);
        left
    }

    /// An alert that is put aside until something new happens comes back, once it has.
    fn stirred(&self, phase: &mut Option<Phase>) -> Option<(AlertId, AlertState)> {
        if !matches!(phase, Some(Phase::Open(open)) if open.waits()) {
            return None;
        }
        let history = &self.live.entity.history;
        life_cycle::stir(phase, history.before(history.end()).map(|entry| entry.time()))
    }

    /// From here on the rule is not asked any more, until the rules are loaded again.
    #[cold]
    fn rest(&mut self, place: u16, why: Resting) {
        self.tally.rules[usize::from(place)].resting = Some(why);
        self.unasked(place);
    }

    /// Nothing of a rule that rests may wait for its answer: time would wait with it.
    #[cold]
    fn unasked(&mut self, place: u16) {
        let phase = self.live.take(place);
        self.live.put(self.context.rules, place, life_cycle::unasked(phase));
    }

    /// Sets a timer for the entity's next deadline, unless an earlier one is set already.
    fn set_timer(&mut self, wheel: &mut Wheel) {
        if let Some(due) = self.next_timer() {
            wheel.set(due);
        }
    }

    /// The timer to be set for the entity's next deadline; none where an earlier one is set.
    fn next_timer(&mut self) -> Option<Due> {
        let at = self.live.deadline(self.context.rules, self.id.kind)?;
        if at >= self.live.timer {
            return None;
        }
        // The wheel still holds the replaced timer: it is waited for again, not set again.
        if self.live.later == Timestamp::MAX {
            self.live.later = self.live.timer;
        }
        self.live.timer = at;
        Some(Due { at, entity: self.id })
    }
}

fn deed(action: &ActionInput) -> Deed {
    Deed { action: action.action.clone(), by: action.by.clone(), at: action.at }
}

/// What comes of an act on an alert that is not known here any more: an inbox may still have it.
fn forgotten(action: &ActionInput, out: &mut Vec<Output>) {
    let (id, at) = (action.alert, action.at);
    let state = action.action.leads_to(&action.by, at);
    out.extend(state.map(|state| Output::Changed { id, state, at }));
    out.push(Output::Acted { id, deed: deed(action) });
}

/// Whether a rule may speak of an instant that is still to come: an event that is there is not.
fn looks_ahead(rules: &RuleSet, rule: &Rule) -> bool {
    rule.at.is_some_and(|at| !matches!(rules.program.node(at), Node::Event(Field::Time)))
}

/// The instant that a rule speaks of, and a number for the episode that it belongs to.
fn occurrence(rule: &Rule, scope: &mut Scope<'_>) -> (Timestamp, u64) {
    let at = match rule.at.map(|node| evaluate(scope, node)) {
        Some(Ok(Value::Time(at))) => at,
        _ => scope.now,
    };
    let episode = match rule.episode.map(|node| evaluate(scope, node)) {
        Some(Ok(value)) => firing::episode_hash(value, scope),
        Some(Err(_)) | None => 0,
    };
    (at, episode)
}

/// Does some of a rule's work; none where the program breaks on it. An entity is only read
/// meanwhile, so nothing is left half done but the scope, which is not used again.
#[inline]
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

impl<'a> Context<'a> {
    // Inlined, so that it is made where it stands: it is large.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call would copy it, 250 bytes an evaluation")]
    fn scope<'s>(
        self,
        (id, live): (EntityId, &'s Live),
        rule: u16,
        (cause, now): (Cause<'s>, Timestamp),
        parts: &'s mut Parts,
    ) -> Scope<'s>
    where
        'a: 's,
    {
        Scope {
            program: &self.rules.program,
            plan: self.rules.plan(id.kind),
            entity: Some(&live.entity),
            id: Some(id.id),
            event: cause.event,
            now,
            catalog: self.catalog,
            symbols: self.symbols,
            walked: Some(&mut parts.walked),
            texts: &mut parts.texts,
            lets: &mut parts.values,
            let_nodes: &self.rules.rules[usize::from(rule)].part_nodes,
            fuel: FUEL,
            items: &mut parts.items,
        }
    }
}
