//! A rep's way to the quota: what was sold day by day, against the quota periods of the reference
//! data.
//!
//! Sales are kept by days, UTC, so that a quota that comes later, or is changed, finds them in its
//! period: a day belongs to the period that its midnight lies in. Returns count as sales below zero.

use serde::Deserialize;
use serde::Serialize;

use crate::event::reference::Quota;
use crate::event::reference::Rep;
use crate::money::Decimal;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::pace::Outlook;
use crate::state::detector::pace::Pace;
use crate::state::detector::pace::Plan;
use crate::state::detector::pace::season_share;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// Days that are kept: two years and a quarter.
const DAYS: i64 = 822;
/// Past periods that tell what is usual.
const PAST_MAX: usize = 4;
/// Periods that the team's curve counts for beside the rep's own.
const TEAM_PERIODS: f64 = 2.0;
/// Periods that an even course counts for beside all curves: one quarter, even of many reps, is no
/// season.
const EVEN_PERIODS: f64 = 4.0;
/// Standard deviation of one period's sales, as a share of what is usual; a choice.
const PERIOD_DEVIATION: f64 = 0.25;
/// Orders that a quota is taken to be made of while nothing else is known.
const ORDERS_OF_QUOTA: f64 = 20.0;

/// What is told of a rep's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaceFigure {
    /// The chance that the quota is reached.
    PAttain,
    /// What will have been sold by the end.
    Expected,
    /// The shortfall to be expected.
    Gap,
    /// Sold so far.
    Sold,
    /// Sold so far as a share of the quota.
    Attainment,
    /// Share of the period that is over.
    Elapsed,
}

/// A rep's sales by days.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SalesByDay {
    days: Vec<SalesOfDay>,
}

/// The sales of one day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SalesOfDay {
    day: i64,
    sold: Decimal,
    /// Sum of the squares of orders.
    squares: f64,
    orders: u32,
}

impl SalesByDay {
    pub(super) fn feed(&mut self, sample: &Sample<'_>) -> Result<(), Fault> {
        let net = sample.net()?;
        let (day, amount) = (sample.time.day(), net.to_f64());
        let orders = u32::from(net > Decimal::ZERO);
        match self.days.last_mut().filter(|last| last.day == day) {
            Some(last) => {
                last.sold = last.sold.checked_add(net).ok_or(Fault::Overflow)?;
                last.squares += amount * amount;
                last.orders = last.orders.saturating_add(orders);
            }
            None => {
                let old = self.days.partition_point(|known| known.day <= day - DAYS);
                self.days.drain(..old);
                self.days.push(SalesOfDay { day, sold: net, squares: amount * amount, orders });
            }
        }
        Ok(())
    }

    /// The sales of the days whose midnights lie between two instants.
    fn between(&self, from: Timestamp, to: Timestamp) -> &[SalesOfDay] {
        let place = |at: Timestamp| {
            self.days.partition_point(|known| {
                Timestamp::saturating(known.day.saturating_mul(Span::DAY.millis())) < at
            })
        };
        self.days.get(place(from)..place(to).max(place(from))).unwrap_or(&[])
    }

    fn sold(&self, from: Timestamp, to: Timestamp) -> Decimal {
        let of = self.between(from, to).iter();
        of.fold(Decimal::ZERO, |sum, day| sum.checked_add(day.sold).unwrap_or(sum))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.days.capacity() * size_of::<SalesOfDay>()
    }

    /// How a period stands.
    fn outlook(&self, quota: &Quota, rep: &Rep, view: &View<'_>) -> (f64, Decimal, Outlook) {
        let length = (quota.to - quota.from).millis().max(1);
        let elapsed = ratio((view.now - quota.from).millis(), length).clamp(0.0, 1.0);
        let so_far = self.between(quota.from, quota.to);
        let own = Pace {
            sold: self.sold(quota.from, quota.to).to_f64(),
            orders: so_far.iter().fold(0, |sum, day| day.orders.saturating_add(sum)),
            squares: so_far.iter().map(|day| day.squares).sum(),
        };
        let first = self.days.first().map_or(Timestamp::MAX, |first| {
            Timestamp::saturating(first.day.saturating_mul(Span::DAY.millis()))
        });
        // Whole periods before this one, the newest first.
        let mut past: Vec<&Quota> =
            rep.quotas.iter().filter(|past| past.to <= quota.from && first <= past.from).collect();
        past.sort_by_key(|past| std::cmp::Reverse(past.from));
        past.truncate(PAST_MAX);
        let (mut totals, mut by_now, mut periods) = (0.0, 0.0, 0_u32);
        for past in past {
            #[expect(clippy::cast_possible_truncation, reason = "a share of a length of time")]
            let then = (ratio((past.to - past.from).millis(), 1) * elapsed) as i64;
            let total = self.sold(past.from, past.to).to_f64();
            if total > 0.0 {
                totals += total;
                by_now += self.sold(past.from, past.from + Span::from_millis(then)).to_f64();
                periods += 1;
            }
        }
        let amount = quota.amount.to_f64();
        let team = view.team;
        let curve = (periods > 0).then(|| (by_now / totals, periods));
        let seasonal = season_share(curve, team.share_by(elapsed), TEAM_PERIODS);
        let curves = f64::from(periods) + TEAM_PERIODS;
        let plan = Plan {
            quota: amount,
            // The quota itself counts as one period: a new rep is measured by it alone.
            usual_total: (totals + amount) / f64::from(periods + 1),
            share_by_now: (seasonal * curves + elapsed * EVEN_PERIODS) / (curves + EVEN_PERIODS),
            elapsed,
            team_order_size: team.order_size.unwrap_or(amount / ORDERS_OF_QUOTA),
            deviation_of_usual: PERIOD_DEVIATION / f64::from(periods + 1).sqrt(),
        };
        (elapsed, self.sold(quota.from, quota.to), own.outlook(&plan))
    }

    pub(super) fn read(&self, figure: PaceFigure, view: &View<'_>) -> Result<Value, Fault> {
        let Some(rep) = view.rep else { return Ok(Value::Null) };
        let running = |quota: &&Quota| quota.from <= view.now && view.now < quota.to;
        let Some(quota) = rep.quotas.iter().find(running) else { return Ok(Value::Null) };
        if let (Some(home), Some(theirs)) = (view.home, quota.currency)
            && home != theirs
        {
            return Err(Fault::Currencies);
        }
        let (elapsed, sold, outlook) = self.outlook(quota, rep, view);
        let money =
            |amount: f64| Decimal::from_f64(amount).map(Value::Money).map_err(|_| Fault::Overflow);
        match figure {
            PaceFigure::PAttain => Ok(Value::Double(outlook.p_attain)),
            PaceFigure::Expected => money(outlook.end),
            PaceFigure::Gap => money(outlook.shortfall),
            PaceFigure::Sold => Ok(Value::Money(sold)),
            PaceFigure::Attainment if quota.amount > Decimal::ZERO => {
                Ok(Value::Double(sold.to_f64() / quota.amount.to_f64()))
            }
            PaceFigure::Attainment => Ok(Value::Null),
            PaceFigure::Elapsed => Ok(Value::Double(elapsed)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of time, far below 2^53 ms")]
fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}
