//! On how many days has a customer bought, and on which first and last? All that P(alive) asks.
//!
//! Purchases of one UTC day are one purchase. In the order of time the count is exact; a late
//! second purchase of a day in the middle would count as a purchase of its own.

use serde::Deserialize;
use serde::Serialize;

use crate::state::detector::days;
use crate::state::detector::repeat_buying::Repeats;
use crate::time::Timestamp;

/// Days with a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseDays {
    /// How many, at least 1.
    pub purchases: u32,
    /// Instant of the first one.
    pub first: Timestamp,
    /// Instant of the newest one.
    pub last: Timestamp,
}

impl PurchaseDays {
    /// Starts from the first purchase seen.
    pub fn first(at: Timestamp) -> Self {
        Self { purchases: 1, first: at, last: at }
    }

    /// Takes one more purchase in.
    pub fn add(&mut self, at: Timestamp) {
        let same_day = at.day() == self.last.day() || at.day() == self.first.day();
        self.purchases = self.purchases.saturating_add(u32::from(!same_day));
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }

    /// The sufficient statistics of BG/NBD at `now`; an instant before the last purchase is taken
    /// as the last purchase.
    pub fn repeats(&self, now: Timestamp) -> Repeats {
        let tx_days = days(self.last - self.first);
        Repeats { x: self.purchases - 1, tx_days, t_days: days(now - self.first).max(tx_days) }
    }

    /// Mean days between purchases, shrunk to the population with two gaps of its median.
    pub fn shrunk_gap_days(&self, gap_median_days: f64) -> f64 {
        let gaps = f64::from(self.purchases - 1);
        (days(self.last - self.first) + 2.0 * gap_median_days) / (gaps + 2.0)
    }
}
