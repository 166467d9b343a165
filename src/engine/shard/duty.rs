//! Duty: does somebody else look after a customer now, and who are the reps?
//!
//! ```text
//! reference data: another owner ─┐   before ≠ after?
//! an event that names a rep ─────┴─► Output::Duty ─► the inbox hands the customer's alerts over
//! ```
//!
//! Of a customer without an event nothing is said: there is no alert to hand over.

use crate::engine::Duty;
use crate::engine::Output;
use crate::engine::firing;
use crate::event::EntityId;
use crate::event::EntityKind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::reference::Rep;
use crate::state::Entity;
use crate::time::Timestamp;

/// Who served a customer last: rep and territory.
pub(super) type Served = (Option<Symbol>, Option<Symbol>);

/// Who served the entity last.
#[inline]
pub(super) fn served(entity: &Entity) -> Served {
    (entity.rep, entity.territory())
}

/// What follows from an event that named somebody else than served the entity `before`.
#[cold]
pub(super) fn after_event(
    (id, entity): (EntityId, &Entity),
    before: (Served, Timestamp),
    symbols: &Symbols,
) -> Option<Output> {
    let (before, clock) = before;
    if id.kind != EntityKind::Customer || clock == Timestamp::MIN {
        return None;
    }
    let profile = entity.profile();
    let changed = firing::keeper(profile, before) != firing::keeper(profile, served(entity));
    changed.then(|| handed_over(id, entity, symbols))
}

/// What follows from other reference data of a customer who was looked after by `before`.
pub(super) fn after_reference(
    (id, entity): (EntityId, &Entity),
    before: Served,
    symbols: &Symbols,
) -> Option<Output> {
    let now = firing::keeper(entity.profile(), served(entity));
    let changed = entity.clock > Timestamp::MIN && before != now;
    changed.then(|| handed_over(id, entity, symbols))
}

/// What the reference data say of a rep.
pub(super) fn of_rep(rep: &Rep, symbols: &Symbols) -> Output {
    let text = |symbol: Symbol| symbols.text(symbol);
    Output::Duty(Duty::Rep {
        id: text(rep.id),
        name: rep.name.clone(),
        manager: rep.manager.map(text),
        territories: rep.territories.iter().copied().map(text).collect(),
        seniority: rep.seniority.map(text),
    })
}

fn handed_over(id: EntityId, customer: &Entity, symbols: &Symbols) -> Output {
    let owner = firing::customer_owner(symbols, customer);
    Output::Duty(Duty::Customer { id: symbols.text(id.id), owner, at: customer.clock })
}
