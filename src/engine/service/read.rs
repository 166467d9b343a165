//! The service as the taker of a log's records: what does it make of their positions and troubles?
//!
//! ```text
//! merge ─► take    records, refused ones to the dead letters
//!       ─► hold    a partition is away: event time stands still
//!       ─► report  readiness, and how far the wall clock may be believed
//! ```

use crate::engine::service::Service;
use crate::source::log::Health;
use crate::source::log::Read;
use crate::source::log::Stopped;
use crate::source::log::Taker;
use crate::time::Timestamp;

impl Service {
    /// Says that a log is going to be read: until it has been, nothing is ready, and no tick of
    /// the clock passes for the silence of a customer.
    pub fn await_log(&self) {
        self.health.lock().get_or_insert_default();
    }

    /// Whether every log has been read up to its end and goes on being read.
    pub(super) fn is_read_well(&self) -> bool {
        let health = self.health.lock();
        health.as_ref().is_none_or(|health| health.caught_up && health.trouble.is_none())
    }

    /// How far a tick may go: what was sent later may not have been heard yet.
    pub(super) fn heard_until(&self, now: Timestamp) -> Timestamp {
        let health = self.health.lock();
        let clock = |health: &Health| health.clock.unwrap_or(Timestamp::MIN);
        health.as_ref().map_or(now, |health| now.min(clock(health)))
    }
}

impl Taker for Service {
    fn take(&self, read: Read) -> Result<(), Stopped> {
        self.bury(&read.refused);
        for found in &read.refused {
            let labels = [found.reason.code()];
            self.metrics.events_refused_total.with_label_values(&labels).inc();
        }
        self.refused.fetch_add(read.refused.len() as u64, std::sync::atomic::Ordering::Relaxed);
        Self::take(self, read.records, read.arrived).map_err(|_| Stopped)?;
        Ok(())
    }

    fn hold(&self, held: bool) -> Result<(), Stopped> {
        self.metrics.source_held.set(i64::from(held));
        let mut guard = self.engine.lock();
        let engine = guard.as_mut().ok_or(Stopped)?;
        engine.hold(held).map_err(|_| Stopped)?;
        self.follow(engine);
        Ok(())
    }

    fn report(&self, health: Health) {
        let mut known = self.health.lock();
        let was = known.as_ref().and_then(|known| known.trouble.as_ref());
        match (&health.trouble, was) {
            (None, Some(_)) => tracing::info!("every partition is being read"),
            (Some(trouble), None) => tracing::warn!(trouble, "a log is not read as it should be"),
            _ => {}
        }
        *known = Some(health);
    }
}
