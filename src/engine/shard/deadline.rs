//! When does a rule look at an entity although nothing happens to it?
//!
//! ```text
//! an event of a silence's kind ─► last + after ──┐
//! the first event, or a look ─► the next period ─┴─► the rule's deadline
//! ```

use crate::alert::life_cycle;
use crate::alert::life_cycle::Phase;
use crate::engine::Output;
use crate::engine::shard::Cause;
use crate::engine::shard::Running;
use crate::engine::shard::guarded;
use crate::engine::tally::Resting;
use crate::event::Event;
use crate::rule::schedule::Schedule;
use crate::rule::set::KindSet;
use crate::rule::set::Trigger;
use crate::state::evaluate::evaluate;
use crate::state::program::NodeId;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

impl Running<'_> {
    /// An event ends a silence, and sets the next deadline.
    pub(super) fn arm_silence(&mut self, place: u16, event: &Event, out: &mut Vec<Output>) {
        let rules = self.context.rules;
        let Trigger::Silence { kinds, after, .. } = rules.rules[usize::from(place)].trigger else {
            return;
        };
        let entity = &self.live.entity;
        let now = entity.clock;
        let newest = (event.time == now).then_some(event.time);
        let Some(last) = newest.or_else(|| self.last_of(kinds)) else { return };
        let fuel = self.budgets.fuel(place);
        let mut left = fuel;
        let deadline = self.silence_ends(place, last, after, &mut left);
        self.pays(place, (fuel, left), false);
        // A late event before the last one may leave the silence as long as it was: what was said
        // of it then still stands.
        let silent = deadline.is_some_and(|deadline| deadline <= now) && event.time < last;
        if silent && self.live.armed(rules, place).is_none() {
            return;
        }
        if matches!(self.live.phase(place), Some(Phase::Open(_) | Phase::Pending { .. })) {
            let mut phase = self.live.take(place);
            let over = life_cycle::resolve(&mut phase, now);
            self.live.put(rules, place, phase);
            out.extend(over.map(|(id, state)| Output::Changed { id, state, at: now }));
        }
        self.live.arm(rules, place, deadline);
    }

    /// When the newest event of these kinds happened, as far as the history reaches.
    pub(super) fn last_of(&self, kinds: KindSet) -> Option<Timestamp> {
        let history = &self.live.entity.history;
        let last = history.back_from(history.end()).find(|entry| kinds.holds(entry.kind()));
        last.map(|entry| entry.time())
    }

    /// When a silence that began at `last` will have lasted for long enough; takes from `fuel` what
    /// that costs.
    pub(super) fn silence_ends(
        &mut self,
        place: u16,
        last: Timestamp,
        after: NodeId,
        fuel: &mut u32,
    ) -> Option<Timestamp> {
        if self.tally.rules[usize::from(place)].resting.is_some() {
            return None;
        }
        let cause = Cause { event: None, arrived: None };
        let live = &*self.live;
        let now = live.entity.clock;
        self.parts.begin(self.context.rules.rules[usize::from(place)].parts.len());
        let mut scope = self.context.scope((self.id, live), place, (cause, now), self.parts);
        scope.fuel = *fuel;
        let span = guarded(|| evaluate(&mut scope, after));
        *fuel = scope.fuel;
        match span {
            Some(Ok(Value::Span(span))) if span > Span::ZERO => Some(last + span),
            Some(_) => None,
            None => {
                self.rest(place, Resting::Broken);
                None
            }
        }
    }

    /// A schedule starts with the first event of the entity.
    pub(super) fn arm_schedules(&mut self) {
        let rules = self.context.rules;
        for &place in rules.timed(self.id.kind) {
            let Trigger::Every { schedule, .. } = &rules.rules[usize::from(place)].trigger else {
                continue;
            };
            if self.live.armed(rules, place).is_some() {
                continue;
            }
            let next = self.next_look(schedule, self.live.entity.clock);
            self.live.arm(rules, place, Some(next));
        }
    }

    /// When a schedule comes round to the entity again.
    pub(super) fn next_look(&self, schedule: &Schedule, clock: Timestamp) -> Timestamp {
        schedule.after(clock, self.context.symbols.read().text(self.id.id))
    }
}
