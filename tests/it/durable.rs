//! Does the engine behind its journal stand where it stood, whatever happens to process and disk?
//!
//! ```text
//! a seeded script ─┬─► a service that nothing happens to ──────────────────► alerts ─┐ equal
//!                  └─► a service that is killed, loses power, meets faults ─► alerts ─┘
//!                         who got no answer sends again, as HTTP clients do
//! ```

mod away;
mod crash;
mod erase;
mod fault;
mod kill;
pub(crate) mod ledger;
mod mistakes;
mod overload;
mod reload;
mod replay;
pub(crate) mod script;
mod snapshot;
pub(crate) mod stage;
mod standby;
mod streams;
