//! Siaga (Indonesian: *standing by*): what customers do comes in, alerts that a sales person can
//! act on go out, within milliseconds.
//!
//! ```text
//!  sources            the one order                the pure core, a thread a shard         the edge
//!  ───────            ─────────────                ───────────────────────────────         ────────
//!  Fluvio ──────┐                                                                       ┌► inbox (SQLite)
//!  HTTP ingest ─┤                                 ┌► history ► windows ► rules ► alert ─┤   ► page, SSE, API
//!               ├► decode ─► journal ─► sequence ─┼►    …       life cycle: pending,    ├► outbox ► mail, Slack,
//!  files ───────┘     │      (fsync)  (duplicates,└►    …       firing, acknowledged,   │   Teams, webhooks …
//!                     ▼                watermark)               snoozed, closed         └► NDJSON
//!               dead letters   snapshots now and then: what a start loads before the journal's rest
//! ```
//!
//! Everything on the way to the journal and the snapshots goes through `disk`, which tests replace by
//! one that forgets what was not synced. At the one order `model` learns across customers; what it
//! learned comes down the flow as an input like any other, and every shard reads it.
//!
//! Who is erased goes before a start: the engine as it stood, without them, is saved anew, and what is
//! older goes (`cli::serve::erasing`). Of several processes each has a part of the customers; `gather`
//! makes one inbox of theirs.
//!
//! Before pages and API stands `access`: accounts, tokens, and who may see and do what.
//!
//! The modules stand in the order in which an event meets them; each imports only from those
//! above it, and a test holds that.

pub mod time;
pub mod money;
pub mod metrics;
pub mod tables;
pub mod disk;
pub mod event;
pub mod source;
pub mod state;
pub mod alert;
pub mod model;
pub mod journal;
pub mod rule;
pub mod engine;
pub mod delivery;
pub mod gather;
pub mod access;
pub mod api;
pub mod config;
pub mod demo;
pub mod cli;
