//! The one integration crate: what only shows when the parts stand together, or apart.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking and says what it leaves out, in its helpers too"
)]

mod backtest;
mod browser;
mod cel;
mod durable;
mod duty;
mod golden;
mod doctor;
mod explain;
mod fluvio;
mod fuzz;
mod hostile;
mod history;
mod journal;
mod known;
mod layers;
mod life_cycle;
mod lsp;
mod permutation;
mod reload;
mod replay;
mod salert4;
mod scene;
mod shapes;
mod silence;
mod watching;
mod windows;
mod reps_day;
mod rule_reference;
mod rule_tools;
mod typos;
mod oidc;
mod operations;
mod operators;
mod outbox;
mod past_alerts;
mod many_rules;
mod models;
mod starter_rules;
mod tutorial;
mod week;
