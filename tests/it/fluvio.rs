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
mod anew;
mod restart;
mod demo;
mod writing;
mod encrypted;
mod holding;
mod many;
mod gathered;

/// Rounds of a fault: as many as a run of the tests takes, or as `SIAGA_CYCLES` asks for.
fn cycles(usual: usize) -> usize {
    std::env::var("SIAGA_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}
