//! Are two entities in the same state? A number that tells, whatever order their events came in.
//!
//! ```text
//! clock, events within the horizon, running values, sets, currency, rep ──► 64 bits
//! ```
//!
//! How the history lies in memory does not count: what it is relative to and what has been dropped
//! depends on which event came first.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::state::Entity;
use crate::state::window::Plan;

impl Entity {
    /// Equal for equal states of one process.
    pub fn fingerprint(&self, plan: &Plan) -> u64 {
        let mut hasher = DefaultHasher::new();
        let oldest = self.clock - plan.horizon;
        let place = |offset: u32| {
            let within = self.history.from(0).filter(|entry| entry.time() > oldest);
            within.filter(|entry| entry.offset < offset).count()
        };
        (self.clock, self.currency(), self.rep, self.territory()).hash(&mut hasher);
        for entry in self.history.from(0).filter(|entry| entry.time() > oldest) {
            let lines: Vec<_> = entry.lines().collect();
            format!("{:?} {:?} {lines:?}", entry.kind(), entry.open()).hash(&mut hasher);
        }
        for (span, cursors) in plan.spans.iter().enumerate() {
            let (from, to) = self.bounds(plan, u16::try_from(span).unwrap_or(u16::MAX));
            (cursors.from, cursors.to, place(from), place(to)).hash(&mut hasher);
        }
        let is_cursor = |slot: usize| plan.spans.iter().any(|s| usize::from(s.cursors) == slot);
        for (_, value) in self.slots.iter().enumerate().filter(|(slot, _)| !is_cursor(*slot)) {
            value.hash(&mut hasher);
        }
        self.owned().0.hash(&mut hasher);
        format!("{:?}", self.states()).hash(&mut hasher);
        hasher.finish()
    }
}
