//! A customer goes for good: out of the engine, and out of the names that snapshots write down.
//!
//! What is on disk by then stays there: who asks for this takes new snapshots and lets the journal
//! before them go. So nothing else may be taken in meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::Erasure;
use crate::engine::runtime::Stopped;
use crate::engine::service::Service;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::mention;

/// What an erased customer leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Whether there was anything.
    pub was_known: bool,
    /// The id is that of a product or a rep as well, or stands in a rule: as theirs it stays.
    pub keeps_id: bool,
}

impl Service {
    /// What people call a customer, as the reference data have it.
    pub fn called(&self, customer: &str) -> Option<String> {
        let id = self.symbols.read().find(customer)?;
        let entity = EntityId { kind: EntityKind::Customer, id };
        self.entities.iter().find_map(|shard| {
            shard.read(&entity, |live, _| live.entity.profile().and_then(|of| of.name.clone()))?
        })
    }

    /// Lets a customer go, who was called `names`. What others remember of its events is, from here
    /// on, that of `alias`, which nothing may be called.
    pub fn erase(&self, customer: &str, names: &[String], alias: &str) -> Result<Erased, Stopped> {
        let (id, mut names) = {
            let symbols = self.symbols.read();
            let Some(id) = symbols.find(customer) else { return Ok(Erased::default()) };
            (id, names.iter().filter_map(|name| symbols.find(name)).collect::<BTreeSet<_>>())
        };
        names.insert(id);
        let erasure = Arc::new(Erasure {
            customer: EntityId { kind: EntityKind::Customer, id },
            names: Mutex::new(names),
            elsewhere: Mutex::default(),
        });
        self.engine.lock().as_mut().ok_or(Stopped)?.erase(&erasure)?;
        self.drain()?;
        let rules = self.rule_set();
        let elsewhere: BTreeSet<_> = std::mem::take(&mut *erasure.elsewhere.lock());
        let mut erased = Erased { was_known: true, keeps_id: false };
        let mut symbols = self.symbols.write();
        for (number, name) in erasure.names.lock().iter().enumerate() {
            let in_rules =
                rules.files.iter().any(|(_, rules)| mention::mentions(rules, symbols.text(*name)));
            let stays = elsewhere.contains(name)
                || in_rules
                || !symbols.rename(*name, &format!("{alias}-{number}"));
            erased.keeps_id |= stays && *name == id;
        }
        Ok(erased)
    }
}
