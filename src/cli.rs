//! The command line (stub).
pub mod rules;
