//! Does the journal keep what it acknowledged, whatever the disk does?
//!
//! ```text
//! a seeded run of commits, rolls, restarts ─► a disk that forgets, fails, fills up, rots
//!                                          └► reopened: acknowledged ⊆ read back ⊆ appended
//! ```

mod corruption;
mod crash;
mod entries;
mod fault;
mod group;
pub(crate) mod run;
