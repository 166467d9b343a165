//! What is learned across customers, from the stream itself.
//!
//! ```text
//! counts kept by the stream ──► fit, in the background ──► parameters ──► detectors, rules
//!   rhythms of all customers      drift      BG/NBD by maximum likelihood, by segment
//!   features then, outcomes now   logistic   weights of a learned score
//!   pairs in baskets, owners      affinity   item-item weights; white_space: lift
//!   lines by type and brand       switching  propensity to take the own brand
//!   figures by segment            peers      quantiles
//!   weekly totals                 season     indices
//!   activities, their cost        service    cost of a visit, a call, a delivery
//! ```
//!
//! A fit is a pure function of its counts: no clock, no chance, a fixed order of iteration, so the
//! same input gives the same bits. Each has a sane answer from nothing, and each shrinks to a
//! simpler one while there is little to learn from.

pub mod affinity;
pub mod drift;
pub mod logistic;
pub mod matrix;
pub mod minimise;
pub mod season;
pub mod switching;
pub mod white_space;
