//! The entities of a shard, readable while it runs.
//!
//! Beside them stands the set of rules by which they are laid out: who reads an entity holds that
//! set meanwhile, so nobody reads one set's numbers by another set's plan. A change of rules waits
//! for readers, and readers for it.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::RwLock;
use rapidhash::fast::RandomState;

use crate::engine::live::Live;
use crate::event::EntityId;
use crate::rule::set::RuleSet;

/// One shard's entities. One thread writes them.
pub struct Entities {
    pub(crate) map: DashMap<EntityId, Box<Live>, RandomState>,
    /// The set by which all of them are laid out; taken before the map, and written while all of
    /// them change over.
    pub(crate) rules: RwLock<Arc<RuleSet>>,
}

impl Entities {
    /// None yet.
    pub(crate) fn new(rules: Arc<RuleSet>) -> Self {
        // Many small tables: one of them grows at a time, so that no event waits for a large one.
        let map = DashMap::with_hasher_and_shard_amount(RandomState::new(), 64);
        Self { map, rules: RwLock::new(rules) }
    }

    /// Reads one entity, with the rules that it is laid out by. The shard waits meanwhile: be
    /// quick, and read no other entity.
    pub fn read<T>(&self, id: &EntityId, read: impl FnOnce(&Live, &RuleSet) -> T) -> Option<T> {
        let rules = self.rules.read();
        let live = self.map.get(id)?;
        Some(read(&live, &rules))
    }

    /// Reads every entity, in no order.
    pub fn each(&self, mut read: impl FnMut(EntityId, &Live, &RuleSet)) {
        let rules = self.rules.read();
        for live in &self.map {
            read(*live.key(), live.value(), &rules);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
