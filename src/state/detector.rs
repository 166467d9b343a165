//! What does the behaviour of one customer, rep or product say? The mathematics of the six
//! families, as plain values: one state each, constant in size, moved by one event at a time.
//!
//! ```text
//!            ┌ rhythm, regularity ── repeat_buying (P(alive), E[N]), category_loss        drift
//!            ├ trend ──┐
//! event ───► ├ margin, discount_shift ─┴─ cusum (sums, onset)   waterfall (causes, to the cent)
//!            ├ pace, conversion                            reps
//!            ├ agreement, ladder                           alignment and up-sell
//!            └ return_rate, sentiment                      early warning
//! ```
//!
//! Nothing here reads a clock or knows other customers: instants are arguments, and what was
//! learned across customers (see `model`) comes in as parameters. Times are event times; rates
//! are per day.
//!
//! **Late events.** What only sums (decayed means and rates, counts, ladders, agreements) takes a
//! late event exactly, whatever the order. What depends on the order (a CUSUM, a closed week)
//! refuses it with [`Late`]: the history keeps the exact order, so the caller builds that state
//! anew from it.

pub mod agreement;
pub mod category_loss;
pub mod conversion;
pub mod cusum;
pub mod decay;
pub mod discount_shift;
pub mod ladder;
pub mod margin;
pub mod margin_shift;
pub mod pace;
pub mod purchase_days;
pub mod regularity;
pub mod repeat_buying;
pub mod return_rate;
pub mod rhythm;
pub mod score;
pub mod season;
pub mod sentiment;
pub mod special;
pub mod trend;
pub mod waterfall;

use crate::time::Span;

/// The event is older than the newest one that this state has seen: build the state anew from the
/// history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is older than the state: build the state anew from the history")]
pub struct Late;

/// A span in days.
#[expect(clippy::cast_precision_loss, reason = "three hundred years of milliseconds are exact")]
pub fn days(span: Span) -> f64 {
    span.millis() as f64 / Span::DAY.millis() as f64
}

/// The span of this many days, to the next whole millisecond; the longest one for what is longer.
#[expect(clippy::cast_possible_truncation, reason = "held within the range before")]
#[expect(clippy::cast_precision_loss, reason = "a bound may be rounded")]
pub fn span_of_days(days: f64) -> Span {
    let millis = (days * Span::DAY.millis() as f64).ceil();
    if millis.is_nan() {
        return Span::MAX;
    }
    Span::from_millis(millis.clamp(0.0, Span::MAX.millis() as f64) as i64)
}

/// How many, as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub fn count(number: usize) -> f64 {
    number as f64
}
