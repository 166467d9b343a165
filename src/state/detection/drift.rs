//! Drift: the chance that a customer has not left, purchases to come, the deadline of a silence, and
//! categories given up.

use crate::event::Symbol;
use crate::state::detection::Figure;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::category_loss::CategorySlots;
use crate::state::detector::category_loss::LossRule;
use crate::state::detector::days;
use crate::state::detector::purchase_days::PurchaseDays;
use crate::state::detector::regularity::Regularity;
use crate::state::detector::regularity::Usual;
use crate::state::detector::span_of_days;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Timestamp;

/// Purchases of a category before it counts as the customer's own.
const PURCHASES_MIN: u32 = 4;

/// What is told of categories that were given up; all but the number of the one given up last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossFigure {
    /// How many.
    Count,
    /// Which.
    Category,
    /// When it was last bought.
    Since,
    /// Its usual gap.
    Gap,
    /// Days with a purchase of it.
    Purchases,
    /// When the next one will be lost if nothing is bought.
    Next,
}

/// What is told of categories that were given up, by lines; all but the number of the one whose
/// loss is clearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DroppedFigure {
    /// How many.
    Count,
    /// Which.
    Category,
    /// When it was last bought.
    Since,
    /// Its mean gap.
    Gap,
    /// Lines of other categories since.
    Missed,
    /// The chance that it is still bought.
    Chance,
}

pub(super) fn purchase(days: &mut Option<PurchaseDays>, at: Timestamp) {
    match days {
        Some(days) => days.add(at),
        None => *days = Some(PurchaseDays::first(at)),
    }
}

pub(super) fn gap(days: &mut Option<Regularity>, at: Timestamp) {
    match days {
        Some(days) => days.add(at),
        None => *days = Some(Regularity::first(at)),
    }
}

pub(super) fn categories(slots: &mut CategorySlots<Symbol>, sample: &Sample<'_>) {
    let goods = sample.lines.iter().filter(|line| !line.non_product);
    slots.add(goods.filter_map(|line| line.category), sample.time);
}

/// P(alive) and what follows from it; null of nothing.
pub(super) fn read(
    bought: Option<&PurchaseDays>,
    figure: Figure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let Some(bought) = bought else { return Ok(Value::Null) };
    let model = view.basis.usual.population.repeat_buying;
    let repeats = bought.repeats(view.now);
    Ok(match (figure, view.argument) {
        (Figure::PAlive, None) => Value::Double(model.p_alive(repeats)),
        (Figure::ExpectedPurchases, Some(Value::Span(horizon))) => {
            Value::Double(model.expected_purchases(repeats, days(horizon)))
        }
        (Figure::DriftDeadline, Some(level)) => {
            let silence = model.deadline_days(repeats.x, repeats.tx_days, level.number()?);
            silence.map_or(Value::Null, |days| Value::Span(span_of_days(days)))
        }
        _ => return Err(Fault::Type),
    })
}

/// What is told of categories that were given up: silent for so many of their shrunk gaps.
pub(super) fn loss(
    slots: &CategorySlots<Symbol>,
    figure: LossFigure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let gaps = view.argument.unwrap_or(Value::Null).number()?;
    let gap_median_days = view.basis.usual.population.gap_median_days;
    let rule = LossRule { gap_median_days, gaps, purchases_min: PURCHASES_MIN };
    if figure == LossFigure::Next {
        return Ok(slots.next_deadline(&rule, view.now).map_or(Value::Null, Value::Time));
    }
    let lost = slots.lost(&rule, view.now);
    if figure == LossFigure::Count {
        return Ok(Value::Int(i64::try_from(lost.count()).unwrap_or(i64::MAX)));
    }
    // Of equals the one that was bought more often.
    let Some(slot) = lost.max_by_key(|slot| (slot.deadline(&rule), slot.purchases)) else {
        return Ok(Value::Null);
    };
    Ok(match figure {
        LossFigure::Category => Value::Text(slot.name),
        LossFigure::Since => Value::Time(slot.last),
        LossFigure::Gap => Value::Span(span_of_days(slot.shrunk_gap_days(gap_median_days))),
        LossFigure::Purchases => Value::Int(i64::from(slot.purchases)),
        LossFigure::Count | LossFigure::Next => return Err(Fault::Type),
    })
}

/// The chance that the customer has not left, by the regularity of its gaps, and the silence that it
/// takes to fall; null of nothing.
pub(super) fn regular(
    bought: Option<&Regularity>,
    figure: Figure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let Some(bought) = bought else { return Ok(Value::Null) };
    let segment = view.basis.usual;
    let usual = Usual {
        repeat_buying: segment.population.repeat_buying,
        gap_median_days: segment.population.gap_median_days,
        gap_spread: segment.gap_spread,
    };
    match (figure, view.argument) {
        (Figure::PActive, None) => Ok(Value::Double(bought.p_active(&usual, view.now))),
        (Figure::SilenceLimit, Some(level)) => {
            let limit = bought.silence_limit_days(&usual, level.number()?);
            Ok(limit.map_or(Value::Null, |days| Value::Span(span_of_days(days))))
        }
        _ => Err(Fault::Type),
    }
}

/// What is told of categories that were given up: too many lines of others since.
pub(super) fn dropped(
    slots: &CategorySlots<Symbol>,
    figure: DroppedFigure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let chance = view.argument.unwrap_or(Value::Null).number()?;
    let mut dropped = slots.dropped(PURCHASES_MIN, chance);
    if figure == DroppedFigure::Count {
        return Ok(Value::Int(i64::try_from(dropped.count()).unwrap_or(i64::MAX)));
    }
    let Some(first) = dropped.next() else { return Ok(Value::Null) };
    // Of equals the one that stands first.
    let (slot, chance) = dropped.fold((first, slots.chance(first)), |least, slot| {
        let chance = slots.chance(slot);
        if chance < least.1 { (slot, chance) } else { least }
    });
    Ok(match figure {
        DroppedFigure::Category => Value::Text(slot.name),
        DroppedFigure::Since => Value::Time(slot.last),
        DroppedFigure::Gap => Value::Span(span_of_days(slot.gap_days())),
        DroppedFigure::Missed => Value::Int(i64::from(slots.missed(slot))),
        DroppedFigure::Chance => Value::Double(chance),
        DroppedFigure::Count => return Err(Fault::Type),
    })
}
