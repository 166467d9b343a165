//! The entities of a shard, readable while it runs.
//!
//! Beside them stand the sets of rules by which they are laid out: the set that runs, and while
//! entities change over to it, the one before. Who reads an entity gets the set that is its own, so
//! nobody reads one set's numbers by another set's plan.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::RwLock;
use rapidhash::fast::RandomState;
use smallvec::SmallVec;

use crate::engine::away::Away;
use crate::engine::away::AwayError;
use crate::engine::away::Place;
use crate::engine::live::Live;
use crate::engine::live::Touch;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::rule::set::RuleSet;
use crate::state::catalog::Catalog;
use crate::state::window::Plan;
use crate::time::Timestamp;

/// Tables of a shard. One of them grows at a time, so that no event waits for a large one.
const TABLES: usize = 64;

/// Entities that are brought near at once: as many as stay there until their turn comes.
pub(crate) const NEAR: usize = 128;

/// One shard's entities. One thread writes them.
pub struct Entities {
    pub(crate) map: DashMap<EntityId, Box<Live>, RandomState>,
    /// The sets by which they are laid out; taken before the map.
    sets: RwLock<Sets>,
    /// Those that have no room in memory; none where there is room for all.
    away: Option<Arc<Away>>,
}

/// The sets by which entities are laid out.
struct Sets {
    running: Arc<RuleSet>,
    /// Its number: see [`Entity::laid_out`](crate::state::Entity).
    number: u8,
    /// The set before it, while not all have changed over.
    before: Option<Arc<RuleSet>>,
}

impl Sets {
    /// The set of an entity.
    fn of(&self, laid_out: u8) -> &RuleSet {
        match &self.before {
            Some(before) if laid_out != self.number => before,
            _ => &self.running,
        }
    }
}

impl Entities {
    /// None yet.
    pub(crate) fn new(rules: Arc<RuleSet>) -> Self {
        let map = DashMap::with_hasher_and_shard_amount(RandomState::new(), TABLES);
        let sets = Sets { running: rules, number: 0, before: None };
        Self { map, sets: RwLock::new(sets), away: None }
    }

    /// None yet; those that have no room will lie there.
    pub(crate) fn within(rules: Arc<RuleSet>, away: Arc<Away>) -> Self {
        Self { away: Some(away), ..Self::new(rules) }
    }

    /// Those that have no room in memory, if any may have none.
    pub fn away(&self) -> Option<&Away> {
        self.away.as_deref()
    }

    /// Entities begin to change over to another set, which has this number; until
    /// [`Entities::changed_over`], those with another number are of the set before.
    pub(crate) fn change_over(&self, rules: &Arc<RuleSet>, number: u8) {
        let mut sets = self.sets.write();
        sets.before = Some(std::mem::replace(&mut sets.running, Arc::clone(rules)));
        sets.number = number;
    }

    /// All of them have.
    pub(crate) fn changed_over(&self) {
        self.sets.write().before = None;
    }

    /// Reads one entity, with the rules that it is laid out by. The shard waits meanwhile: be
    /// quick, and read no other entity. Of one on disk a copy is read, and it stays there.
    pub fn read<T>(&self, id: &EntityId, read: impl FnOnce(&Live, &RuleSet) -> T) -> Option<T> {
        let sets = self.sets.read();
        let Some(away) = &self.away else {
            let live = self.map.get(id)?;
            return Some(read(&live, sets.of(live.entity.laid_out)));
        };
        loop {
            let moves = away.moves();
            if let Some(live) = self.map.get(id) {
                return Some(read(&live, sets.of(live.entity.laid_out)));
            }
            let place = away.place(id.id).filter(|_| id.kind == EntityKind::Customer);
            if let Some(place) = place {
                match Self::copy(&sets, away, *id, place) {
                    Ok(live) => return Some(read(&live, sets.of(live.entity.laid_out))),
                    Err(AwayError::Gone) if away.moves() != moves => {}
                    Err(error) => {
                        tracing::error!(%error, "a customer on disk cannot be shown");
                        return None;
                    }
                }
            } else if away.moves() == moves {
                return None;
            }
        }
    }

    /// Notes that a customer on disk is lost to this process.
    pub(crate) fn lose(&self, error: &AwayError) {
        if let Some(away) = &self.away {
            away.fail(error);
        }
    }

    /// A copy of a customer on disk, as far as a look needs it: what it has learned of others since
    /// its last event is not looked at.
    fn copy(sets: &Sets, away: &Away, id: EntityId, place: Place) -> Result<Live, AwayError> {
        let rules = sets.of(place.laid_out);
        away.read((id.id, place), |stored| stored.live(place.timer, rules, &Catalog::default()))
    }

    /// Reads every entity, in no order; one that moves meanwhile may be missed, or read twice.
    pub fn each(&self, mut read: impl FnMut(EntityId, &Live, &RuleSet)) {
        for name in self.away.iter().flat_map(|away| away.names()) {
            let id = EntityId { kind: EntityKind::Customer, id: name };
            if !self.map.contains_key(&id) {
                self.read(&id, |live, rules| read(id, live, rules));
            }
        }
        let sets = self.sets.read();
        for live in &self.map {
            read(*live.key(), live.value(), sets.of(live.entity.laid_out));
        }
    }

    /// Brings what the next inputs need of these entities near the processor, step by step for all
    /// of them at once: what they need lies far apart, and a look that does not wait for the look
    /// before it costs a fraction of one that does. The tables are locked once for all entities,
    /// since a lock in between would make each look wait.
    pub(crate) fn touch(
        &self,
        rules: &RuleSet,
        ids: impl Iterator<Item = (EntityId, Timestamp)>,
        steps: &[Touch],
    ) {
        let tables: SmallVec<[_; TABLES]> =
            self.map.shards().iter().map(|table| table.read()).collect();
        let found = ids.filter_map(|(id, now)| {
            let hash = self.map.hasher().hash_one(id);
            let place = usize::try_from(hash).unwrap_or(0);
            let table = &tables[self.map.determine_shard(place)];
            table.get(hash, |(known, _)| *known == id).map(|(_, live)| {
                let live: &Live = live.get();
                (live, rules.plan(id.kind), now)
            })
        });
        let lives: SmallVec<[(&Live, &Plan, Timestamp); NEAR]> = found.collect();
        for step in steps {
            black_box(lives.iter().fold(0, |all, (live, plan, now)| all ^ step(live, plan, *now)));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len() + self.away.as_ref().map_or(0, |away| away.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
