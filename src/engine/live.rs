//! One entity while the engine runs: its state, where each rule stands, and its next deadline.

use crate::alert::life_cycle;
use crate::alert::life_cycle::Phase;
use crate::event::EntityKind;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::Entity;
use crate::time::Timestamp;

/// An entity with its alerts.
#[derive(Debug)]
pub struct Live {
    /// History, windows, clock.
    pub entity: Entity,
    /// Where each rule stands that is not quiet, by the rule's place.
    #[expect(clippy::box_collection, reason = "quiet entities, nearly all, pay 8 bytes")]
    phases: Option<Box<Vec<(u16, Phase)>>>,
    /// The earliest deadline for which a timer is set; [`Timestamp::MAX`] when none is.
    pub timer: Timestamp,
    /// A later one that was set before it and stands in the wheel too.
    pub later: Timestamp,
}

impl Live {
    /// One that nothing has happened to yet.
    pub fn new(rules: &RuleSet, kind: EntityKind) -> Self {
        let (entity, timer) = (Entity::new(rules.plan(kind)), Timestamp::MAX);
        Self { entity, phases: None, timer, later: timer }
    }

    /// Where a rule stands.
    pub fn phase(&self, rule: u16) -> Option<&Phase> {
        self.phases().find(|(place, _)| *place == rule).map(|(_, phase)| phase)
    }

    /// Where every rule stands that is not quiet.
    pub fn phases(&self) -> impl Iterator<Item = (u16, &Phase)> {
        let phases = self.phases.iter().flat_map(|phases| phases.iter());
        phases.map(|(place, phase)| (*place, phase))
    }

    /// Takes a rule's phase out, to be put back by [`Live::put`].
    pub fn take(&mut self, rule: u16) -> Option<Phase> {
        let phases = self.phases.as_mut()?;
        let place = phases.iter().position(|(place, _)| *place == rule)?;
        Some(phases.swap_remove(place).1)
    }

    /// Takes all phases out: their places belong to another set of rules from now on.
    pub(crate) fn take_all(&mut self) -> Vec<(u16, Phase)> {
        self.phases.take().map_or_else(Vec::new, |phases| *phases)
    }

    /// Puts a rule's phase back; none means that it is quiet.
    pub fn put(&mut self, rule: u16, phase: Option<Phase>) {
        match phase {
            Some(phase) => {
                let phases = self.phases.get_or_insert_with(|| Box::new(Vec::with_capacity(1)));
                phases.push((rule, phase));
            }
            None if self.phases.as_ref().is_some_and(|phases| phases.is_empty()) => {
                self.phases = None;
            }
            None => {}
        }
    }

    /// When the passing of time will matter next for this entity.
    #[inline]
    pub fn deadline(&self, rules: &RuleSet, kind: EntityKind) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        let mut sooner = |at: Option<Timestamp>| {
            if let Some(at) = at
                && first.is_none_or(|first| at < first)
            {
                first = Some(at);
            }
        };
        for place in rules.timed(kind) {
            sooner(self.armed(rules, *place));
        }
        if self.phases.is_some() {
            for (place, phase) in self.phases() {
                sooner(life_cycle::deadline(phase, rules.rules[usize::from(place)].timing));
            }
        }
        first
    }

    /// The deadline that a silence or a schedule is armed for.
    pub fn armed(&self, rules: &RuleSet, rule: u16) -> Option<Timestamp> {
        let slot = slot_of(rules, rule)?;
        match self.entity.slots[slot] {
            0 => None,
            millis => Some(Timestamp::saturating(millis)),
        }
    }

    /// Arms a silence or a schedule, or disarms it.
    pub fn arm(&mut self, rules: &RuleSet, rule: u16, deadline: Option<Timestamp>) {
        if let Some(slot) = slot_of(rules, rule) {
            // The first millisecond of 1970 stands for "disarmed"; nothing is due then.
            self.entity.slots[slot] = deadline.map_or(0, Timestamp::millis);
        }
    }

    /// Heap and inline bytes that it occupies.
    pub fn bytes(&self) -> usize {
        let phases = self.phases.as_ref();
        self.entity.bytes() + size_of::<Self>() - size_of::<Entity>()
            + phases.map_or(0, |phases| phases.capacity() * size_of::<(u16, Phase)>())
    }
}

fn slot_of(rules: &RuleSet, rule: u16) -> Option<usize> {
    match rules.rules[usize::from(rule)].trigger {
        Trigger::Silence { slot, .. } | Trigger::Every { slot, .. } => Some(usize::from(slot)),
        Trigger::Events(_) => None,
    }
}
