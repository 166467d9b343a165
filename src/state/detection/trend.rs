//! The weekly spend of a customer, its season removed.

use crate::money::Decimal;
use crate::state::detection::Basis;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::trend::Direction;
use crate::state::detector::trend::Trend;
use crate::state::value::Fault;
use crate::state::value::Value;

/// What is told of weekly spend. Amounts are of a usual week of the season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrendFigure {
    /// Whether the level has moved and not come back.
    Alarm,
    /// `fall` or `rise`.
    Direction,
    /// How far the movement is found to go: 1 is an alarm.
    Strength,
    /// When it began to move.
    Since,
    /// What is spent a week by now.
    Level,
    /// By how much that changes a week.
    Slope,
    /// What used to be spent a week.
    Usual,
}

pub(super) fn feed(
    trend: &mut Option<Box<Trend>>,
    basis: Basis<'_>,
    sample: &Sample<'_>,
) -> Result<(), Fault> {
    let spend = sample.net()?.to_f64();
    let rule = basis.trend_rule();
    match trend {
        Some(trend) => {
            let season = |week| basis.usual.season.index(week);
            let fed = trend.add(&rule, sample.time, spend, season);
            debug_assert!(fed.is_ok(), "events are fed in order");
        }
        None => *trend = Some(Box::new(Trend::first(&rule, sample.time, spend))),
    }
    Ok(())
}

pub(super) fn read(
    trend: Option<&Trend>,
    figure: TrendFigure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let rule = view.basis.trend_rule();
    // The weeks since the last purchase are closed for the look at them.
    let trend = trend.map(|trend| {
        let mut by_now = *trend;
        by_now.advance(&rule, view.now, |week| view.basis.usual.season.index(week));
        by_now
    });
    let alarmed = trend.as_ref().and_then(Trend::alarmed);
    let usual = trend.as_ref().and_then(|trend| trend.usual(&rule));
    // A mean of roots leaves their variance out of the mean of what they are roots of.
    let variance = usual.map_or(0.0, |(_, deviation)| deviation * deviation);
    let weekly = |root: f64| root.max(0.0) * root.max(0.0) + variance;
    let money =
        |amount: f64| Decimal::from_f64(amount).map(Value::Money).map_err(|_| Fault::Overflow);
    match (figure, &trend) {
        (TrendFigure::Alarm, _) => Ok(Value::Bool(alarmed.is_some())),
        (TrendFigure::Strength, Some(trend)) => Ok(Value::Double(trend.strength(&rule))),
        (TrendFigure::Direction, _) => Ok(alarmed.map_or(Value::Null, |(direction, _)| {
            Value::Text(view.symbols.intern(match direction {
                Direction::Fall => "fall",
                Direction::Rise => "rise",
            }))
        })),
        (TrendFigure::Since, Some(trend)) => {
            let zero = alarmed.map(|(_, sum)| sum.zero_at.or(trend.baseline_until(&rule)));
            Ok(zero.flatten().map_or(Value::Null, Value::Time))
        }
        (TrendFigure::Usual, _) => usual.map_or(Ok(Value::Null), |(root, _)| money(weekly(root))),
        (TrendFigure::Level, Some(trend)) => money(weekly(trend.level_and_slope().0)),
        (TrendFigure::Slope, Some(trend)) => {
            let (level, slope) = trend.level_and_slope();
            money(weekly(level + slope) - weekly(level))
        }
        (_, None) => Ok(Value::Null),
    }
}
