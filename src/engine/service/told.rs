//! What the service has told: does it rest on what is durable, and was it told at all?
//!
//! ```text
//! append ─► engine ─► told, perhaps before the commit ─► inbox ─► pages
//!   └─► commit ──────────────────────────────────────► confirm ─► channels outside
//! ```
//!
//! A crash may take the end of the journal with it, and what that end had told stands in the inbox
//! all the same. The engine that comes back does not know of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::alert::Alert;
use crate::engine::port::Port as _;
use crate::engine::runtime::Engine;
use crate::engine::runtime::Stopped;
use crate::engine::service::Service;
use crate::event::EntityId;
use crate::state::past;

/// How long to wait before it is looked again whether the shards are done.
const PAUSE: Duration = Duration::from_millis(1);

impl Service {
    /// Returns once everything that was told by now follows from what is durable. `false`: that
    /// cannot be said at the moment, since the journal is still being taken in, the disk is full,
    /// or the journal has failed.
    pub fn confirm(&self) -> bool {
        let is_back = !self.keeper.recovers() || self.ready.load(Ordering::Acquire);
        is_back && self.failure().is_none() && self.commit().is_ok()
    }

    /// Whether the engine has told of this alert, as far as it remembers: the newest of each entity.
    pub fn knows(&self, alert: &Alert) -> bool {
        let Some(id) = self.symbols.read().find(&alert.entity_id) else { return false };
        let entity = EntityId { kind: alert.entity_kind, id };
        let known = self.entities.iter().find_map(|shard| {
            shard.read(&entity, |live, _| {
                let mut all = live.entity.past().all();
                let forgets = all.len() >= past::KEPT_MAX
                    && live
                        .entity
                        .past()
                        .at(0)
                        .is_some_and(|oldest| alert.opened_at <= oldest.opened);
                forgets || all.any(|known| known.id == alert.id.bits())
            })
        });
        known.unwrap_or(false)
    }

    /// Waits until the shards are through with everything that was taken.
    pub fn drain(&self) -> Result<(), Stopped> {
        while self.status().queue_depth > 0 {
            if !self.engine.lock().as_ref().is_some_and(Engine::is_whole) {
                return Err(Stopped);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}
