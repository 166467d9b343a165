//! One entity while the engine runs: its state, where each rule stands, and its next deadline.

use smallvec::SmallVec;

use crate::alert::life_cycle;
use crate::alert::life_cycle::Phase;
use crate::event::EntityKind;
use crate::rule::set::RuleSet;
use crate::rule::set::Trigger;
use crate::state::Entity;
use crate::state::window::Plan;
use crate::time::Timestamp;

/// An entity with its alerts.
#[derive(Debug)]
pub struct Live {
    /// History, windows, clock.
    pub entity: Entity,
    /// Where the rules stand that are not quiet; quiet entities pay 8 bytes.
    phases: Option<Box<Phases>>,
    /// The earliest deadline for which a timer is set; [`Timestamp::MAX`] when none is.
    pub timer: Timestamp,
    /// A later one that was set before it and stands in the wheel too.
    pub later: Timestamp,
}

/// Where the rules of an entity stand that are not quiet. What nearly every event asks of them is
/// in front, so that it need not look any further.
#[derive(Debug, Default)]
struct Phases {
    /// A bit for each rule in the list, by its place modulo 64.
    rules: u64,
    /// When the passing of time matters next to one of them.
    due: Option<Timestamp>,
    list: SmallVec<[(u16, Phase); 1]>,
}

impl Phases {
    fn bit(rule: u16) -> u64 {
        1 << (rule % 64)
    }

    /// Whether the rule may be in the list.
    fn may_hold(&self, rule: u16) -> bool {
        self.rules & Self::bit(rule) != 0
    }

    /// Brings what stands in front up to date.
    fn settle(&mut self, rules: &RuleSet) {
        let due = |(place, phase): &(u16, Phase)| {
            life_cycle::deadline(phase, rules.rules[usize::from(*place)].timing)
        };
        self.rules = self.list.iter().fold(0, |all, (rule, _)| all | Self::bit(*rule));
        self.due = self.list.iter().filter_map(due).min();
    }
}

/// Reads a little of an entity, of the plan of its kind, at the time of what happens to it next.
pub(crate) type Touch = fn(&Live, &Plan, Timestamp) -> u64;

impl Live {
    /// One that nothing has happened to yet, by the set of rules that has this number.
    pub fn new(rules: &RuleSet, kind: EntityKind, laid_out: u8) -> Self {
        let (mut entity, timer) = (Entity::new(rules.plan(kind)), Timestamp::MAX);
        entity.laid_out = laid_out;
        Self { entity, phases: None, timer, later: timer }
    }

    /// Where a rule stands.
    pub fn phase(&self, rule: u16) -> Option<&Phase> {
        let phases = self.phases.as_ref().filter(|phases| phases.may_hold(rule))?;
        phases.list.iter().find(|(place, _)| *place == rule).map(|(_, phase)| phase)
    }

    /// Where every rule stands that is not quiet.
    pub fn phases(&self) -> impl Iterator<Item = (u16, &Phase)> {
        let phases = self.phases.iter().flat_map(|phases| phases.list.iter());
        phases.map(|(place, phase)| (*place, phase))
    }

    /// Takes a rule's phase out, to be put back by [`Live::put`].
    pub fn take(&mut self, rule: u16) -> Option<Phase> {
        let phases = self.phases.as_mut().filter(|phases| phases.may_hold(rule))?;
        let place = phases.list.iter().position(|(place, _)| *place == rule)?;
        Some(phases.list.swap_remove(place).1)
    }

    /// Takes all phases out: their places belong to another set of rules from now on.
    pub(crate) fn take_all(&mut self) -> Vec<(u16, Phase)> {
        self.phases.take().map_or_else(Vec::new, |phases| phases.list.into_vec())
    }

    /// Puts a rule's phase back; none means that it is quiet.
    pub fn put(&mut self, rules: &RuleSet, rule: u16, phase: Option<Phase>) {
        if let Some(phase) = phase {
            let phases = self.phases.get_or_insert_default();
            phases.list.push((rule, phase));
            phases.settle(rules);
        } else if let Some(phases) = self.phases.as_mut().filter(|phases| phases.may_hold(rule)) {
            phases.settle(rules);
            if phases.list.is_empty() {
                self.phases = None;
            }
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
        sooner(self.phases.as_ref().and_then(|phases| phases.due));
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

    /// Reads a little of the entity itself: all that a timer asks of it that has to be set again.
    pub(crate) const TOUCH: Touch =
        |live, _, _| live.timer.millis().cast_unsigned() ^ live.entity.touch();

    /// Each reads a little of what an event reads, so that it is near when the event comes: first
    /// the entity itself, then what it points to, then what that points to.
    pub(crate) const TOUCHES: [Touch; 3] = [
        Self::TOUCH,
        |live, plan, now| {
            live.phases.as_ref().map_or(0, |phases| phases.rules)
                ^ live.entity.history.touch()
                ^ live.entity.touch_leaving(plan, now)
        },
        |live, _, _| live.phases().map(|(_, phase)| phase.touch()).next().unwrap_or(0),
    ];

    /// Heap and inline bytes that it occupies.
    pub fn bytes(&self) -> usize {
        let phases = self.phases.as_ref();
        self.entity.bytes() + size_of::<Self>() - size_of::<Entity>()
            + phases.map_or(0, |phases| {
                let more = if phases.list.spilled() { phases.list.capacity() } else { 0 };
                size_of::<Phases>() + more * size_of::<(u16, Phase)>()
            })
    }
}

fn slot_of(rules: &RuleSet, rule: u16) -> Option<usize> {
    match rules.rules[usize::from(rule)].trigger {
        Trigger::Silence { slot, .. } | Trigger::Every { slot, .. } => Some(usize::from(slot)),
        Trigger::Events(_) => None,
    }
}
