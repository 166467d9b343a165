//! What does an editor want to know of rule files and test files while they are being written?
//!
//! ```text
//!                        ┌► complete   what can be written here
//!  files of a folder ────┼► hover      what this is, its type, a value on a small history
//!  and a byte of one     ├► names      where a name comes from, where it is used
//!        │               ├► symbols    what the file holds
//!        │               └► problems   what is wrong, with `fix` where a word mends it
//!        ▼
//!     outline (never fails) ─► written (one value) ─► sight (names and types)
//! ```
//!
//! All of it is a function of texts: nothing is read, written or kept, so that a language server
//! is a loop around it. Meaning comes from the tables of the keys and the vocabulary, and
//! from the checker itself.

pub mod complete;
pub mod example;
pub mod fix;
pub mod hover;
pub mod names;
pub mod outline;
pub mod problems;
pub mod sight;
pub mod symbols;
pub mod written;

#[cfg(test)]
mod tests;
