//! A shard and snapshots: it writes what it held at a cut, and takes back what was saved.

use std::sync::Arc;

use crate::engine::Restored;
use crate::engine::live::Live;
use crate::engine::shard::Context;
use crate::engine::shard::Running;
use crate::engine::shard::Shard;
use crate::engine::snapshot::Cut;
use crate::engine::snapshot::Head;
use crate::engine::snapshot::RuleState;
use crate::engine::snapshot::RuleStates;
use crate::engine::snapshot::saving::Progress;
use crate::engine::snapshot::saving::Saving;
use crate::event::EntityId;
use crate::event::Record;
use crate::state::Entity;
use crate::time::Timestamp;

impl Shard {
    /// Begins to save what it holds now.
    pub(super) fn save(&mut self, cut: Option<Cut>) {
        let rules = self.tally.rules.iter().zip(0_u16..);
        let rules = rules.filter(|(tally, _)| tally.resting.is_some() || tally.exhausted > 0);
        let states = rules
            .map(|(tally, rule)| {
                let (exhausted, resting) = (tally.exhausted, tally.resting);
                RuleState { rule, exhausted, resting }
            })
            .collect();
        if self.has_failed() {
            return;
        }
        let (clock, budgets) = self.budgets.saved();
        let share = cut.as_ref().map(|cut| cut.share);
        let rules = RuleStates { states, share, clock, budgets: budgets.to_vec() };
        self.saving = cut.map(|cut| Saving::begin(cut, &self.symbols, &self.catalog, &rules));
    }

    /// An entity is about to change: as it stands, it belongs to the snapshot under way.
    #[inline]
    pub(super) fn save_before(&mut self, id: EntityId) {
        if let Some(saving) = &mut self.saving {
            let live = self.entities.map.get(&id);
            saving.before(id, live.as_deref().map(|live| &**live), &self.symbols);
        }
    }

    /// Whether a snapshot is under way.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Writes a little of the snapshot under way; whether there is more that could be written now.
    pub fn save_some(&mut self) -> bool {
        let Some(saving) = &mut self.saving else { return false };
        match saving.step(&self.entities, &self.catalog, &self.symbols) {
            Progress::More => true,
            Progress::Waits => false,
            Progress::Over => {
                self.saving = None;
                false
            }
        }
    }

    /// Takes back what was saved; nothing is told of it.
    pub(super) fn restore(&mut self, restored: &mut Restored) {
        match restored {
            Restored::Catalog(records) => {
                for record in records.iter() {
                    if let Record::Reference(reference) = record {
                        self.catalog.apply(reference);
                    }
                }
            }
            Restored::Entities(entities, head) => {
                for (id, saved, phases) in entities.drain(..) {
                    let mut live = Live::new(&self.rules, id.kind, self.laid_out);
                    live.entity = Entity::restored(saved);
                    live.entity.laid_out = self.laid_out;
                    self.put_back(id, live, phases, head);
                }
            }
            Restored::Rules(rules, head) => {
                let place =
                    |rule: usize| head.rules.get(rule).and_then(|(name, _)| self.rules.place(name));
                for state in &rules.states {
                    let tally = place(state.rule.into())
                        .and_then(|place| self.tally.rules.get_mut(usize::from(place)));
                    if let Some(tally) = tally {
                        tally.exhausted = tally.exhausted.max(state.exhausted);
                        tally.resting = tally.resting.max(state.resting);
                    }
                }
                self.budgets.restore(rules.clock);
                for (rule, budget) in rules.budgets.iter().enumerate() {
                    if let Some(place) = place(rule) {
                        self.budgets.restore_rule(place, *budget);
                    }
                }
            }
        }
    }

    fn put_back(
        &mut self,
        id: EntityId,
        mut live: Live,
        phases: Vec<(u16, crate::alert::life_cycle::Phase)>,
        head: &Arc<Head>,
    ) {
        let Self {
            rules, symbols, catalog, entities, wheel, parts, budgets, tally, observer, ..
        } = self;
        let context = Context { rules, symbols, catalog, observer: observer.as_deref() };
        if let Some(carried) = head.carried(rules, id.kind) {
            // Another program laid it out: windows are filled from the history.
            let slots = live.entity.saved(|parts| parts.slots.to_vec());
            live.entity.refill(carried, context.upkeep(id));
            for (name, slot) in &head.rules {
                let armed = slot.and_then(|slot| slots.get(usize::from(slot)).copied());
                if let (Some(millis @ 1..), Some(rule)) = (armed, rules.place(name)) {
                    live.arm(rules, rule, Some(Timestamp::saturating(millis)));
                }
            }
        } else {
            live.entity.follow_again(context.upkeep(id));
        }
        for (place, phase) in phases {
            let rule = head.rules.get(usize::from(place)).and_then(|(name, _)| rules.place(name));
            if let Some(rule) = rule {
                live.put(rules, rule, Some(phase));
            }
        }
        Running { context, id, live: &mut live, parts, budgets, tally }.set_timer(wheel);
        let bytes = live.bytes();
        entities.map.insert(id, Box::new(live));
        if let Some(residence) = &mut self.residence {
            residence.came(id, bytes);
        }
    }
}
