//! What is learned across customers, from the stream itself.
//!
//! ```text
//! one order ─► learner: counts ─► survey ─► fitting, in the background ─► Models, a version
//!   rhythms of all customers       drift      BG/NBD by maximum likelihood, by segment
//!   features then, outcomes now    logistic   weights of a learned score
//!   pairs in baskets, owners       affinity   item-item weights
//!   lines by type and brand        switching  propensity to take the own brand
//!   weekly totals                  season     indices
//! ```
//!
//! A fit is a pure function of its counts: no clock, no chance, a fixed order of iteration, so the
//! same input gives the same bits. Each has a sane answer from nothing, and each shrinks to a
//! simpler one while there is little to learn from. What rules read of it is
//! [`Models`](crate::state::models::Models).

pub mod affinity;
pub mod drift;
pub mod fitting;
pub mod learner;
pub mod logistic;
pub mod matrix;
pub mod minimise;
pub mod form;
pub mod report;
pub mod season;
mod shelf;
pub mod survey;
pub mod switching;
