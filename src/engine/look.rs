//! One evaluation of a rule, as it is made: what `explain` and tests watch.

use crate::alert::life_cycle::Phase;
use crate::event::EntityId;
use crate::state::program::Scope;
use crate::state::value::Fault;
use crate::time::Timestamp;

/// Sees every evaluation of a shard, before the alert follows it. It changes nothing.
pub type Observer = dyn Fn(&Look<'_>, &Scope<'_>) + Send + Sync;

/// One evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Whose history.
    pub entity: EntityId,
    /// The rule's place in its set.
    pub rule: u16,
    /// The deadline that passed, where a timer set it off.
    pub deadline: Option<Timestamp>,
    /// Whether the condition holds, or why it has no value.
    pub holds: Result<bool, Fault>,
    /// Where the rule stood before.
    pub phase: Option<&'a Phase>,
}
