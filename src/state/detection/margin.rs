//! The margin of a customer, and the causes of its fall.

use smallvec::SmallVec;

use crate::money::Decimal;
use crate::state::detection::Basis;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::margin_shift::MarginShift;
use crate::state::detector::margin_shift::SoldLine;
use crate::state::value::Fault;
use crate::state::value::Value;

/// What is told of a margin. Amounts are gross profit lost since all was last well, and below zero
/// where it was won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarginFigure {
    /// Whether it has fallen and not come back.
    Alarm,
    /// How far below normal it is found to be: 1 is an alarm.
    Strength,
    /// When the fall began.
    Since,
    /// The normal margin.
    Usual,
    /// The margin of the orders since.
    Recent,
    /// Those orders.
    Orders,
    /// Lost by list prices.
    Price,
    /// Lost by discounts.
    Discount,
    /// Lost by costs.
    Cost,
    /// Lost by the mix of products.
    Mix,
    /// All four.
    Gap,
}

pub(super) fn feed(
    shift: &mut MarginShift,
    basis: Basis<'_>,
    sample: &Sample<'_>,
) -> Result<(), Fault> {
    if sample.foreign {
        return Err(Fault::Currencies);
    }
    let sold: SmallVec<[SoldLine; 4]> = sample
        .lines
        .iter()
        .filter_map(|l| SoldLine::of(l.product, l.quantity, l.net, l.discount, l.cost))
        .collect();
    shift.add(&basis.margin_rule(), sample.time, &sold);
    Ok(())
}

pub(super) fn read(
    shift: &MarginShift,
    figure: MarginFigure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    const CENT: i64 = Decimal::SCALE / 100;
    let lost = |cents: i64| {
        let micros = cents.checked_mul(-CENT).ok_or(Fault::Overflow)?;
        Ok(Value::Money(Decimal::from_micros(micros)))
    };
    let (orders, revenue, profit) = shift.explained();
    let causes = shift.causes();
    match figure {
        MarginFigure::Alarm => Ok(Value::Bool(shift.is_alarmed())),
        MarginFigure::Strength => Ok(Value::Double(shift.strength(&view.basis.margin_rule()))),
        MarginFigure::Since => Ok(shift.since().map_or(Value::Null, Value::Time)),
        MarginFigure::Usual => {
            let usual = shift.normal(&view.basis.margin_rule());
            Ok(usual.map_or(Value::Null, |usual| Value::Double(usual.to_f64())))
        }
        MarginFigure::Recent if revenue > Decimal::ZERO => {
            Ok(Value::Double(profit.to_f64() / revenue.to_f64()))
        }
        MarginFigure::Recent => Ok(Value::Null),
        MarginFigure::Orders => Ok(Value::Int(i64::from(orders))),
        MarginFigure::Price => lost(causes.price),
        MarginFigure::Discount => lost(causes.discount),
        MarginFigure::Cost => lost(causes.cost),
        MarginFigure::Mix => lost(causes.mix),
        MarginFigure::Gap => lost(causes.total),
    }
}
