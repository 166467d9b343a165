//! Rules: what an author writes in YAML becomes something that an event can be tested against.
//!
//! ```text
//!   *.rules.yaml ──► document ──► file ──────────────────────► check ──► plan ──► program
//!                    (nodes with   (groups, rules, let …)
//!                     their place)  │        ▲
//!                                   ▼        │
//!                         template ─► expression (CEL text ──► tree with its places)
//!
//!   every step that finds a mistake ──► diagnostic (file, line, what is wrong, what to write)
//! ```
//!
//! Nothing stops at the first mistake: a load reports all of them, for all files.

pub mod diagnostic;
pub mod document;
pub mod expression;
pub mod template;
pub mod vocabulary;
pub mod words;
pub mod keys;
pub mod file;
pub mod mode;
pub mod fixture;
pub mod plan;
pub mod text;
pub mod schedule;
pub mod wording;
pub mod gate;
pub mod set;
pub mod check;
pub mod compile;
pub mod starter;
pub mod layout;
pub mod schema;
pub mod page;
pub mod reference;
pub mod describe;
pub mod cost;
pub mod lint;
pub mod skeleton;
pub mod assist;

#[cfg(test)]
mod rows;
