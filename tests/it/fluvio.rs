//! Does the Fluvio adapter read and write everything exactly as it is, whatever the broker does?
//!
//! ```text
//! stand-in (the real protocol, with faults) ◄── the unmodified client ── adapter ─► Ledger
//! ```

pub(crate) mod stand_in;
mod ledger;
mod reading;
mod loss;
mod silence;
mod restart;
mod demo;
mod writing;
mod encrypted;
mod holding;
mod many;
