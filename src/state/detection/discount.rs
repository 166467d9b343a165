//! The discount that a customer is given, and its rise.

use crate::money::Decimal;
use crate::state::detection::Basis;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::discount_shift::DiscountShift;
use crate::state::value::Fault;
use crate::state::value::Value;

/// What is told of a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiscountFigure {
    /// Whether it has risen and not come back.
    Alarm,
    /// How far above the usual one it is found to be: 1 is an alarm.
    Strength,
    /// When the rise began.
    Since,
    /// The usual one.
    Usual,
    /// That of the orders since.
    Recent,
    /// Those orders.
    Orders,
    /// What was given in them beyond the usual one.
    Extra,
}

pub(super) fn feed(
    shift: &mut DiscountShift,
    basis: Basis<'_>,
    sample: &Sample<'_>,
) -> Result<(), Fault> {
    if sample.foreign {
        return Err(Fault::Currencies);
    }
    let (mut list, mut given) = (Decimal::ZERO, Decimal::ZERO);
    for line in sample.lines.iter().filter(|line| !line.non_product) {
        let Some(net) = line.net.filter(|net| *net > Decimal::ZERO) else { continue };
        let discount = line.discount.unwrap_or(Decimal::ZERO);
        let sum = |one: Decimal, other| one.checked_add(other).ok_or(Fault::Overflow);
        given = sum(given, discount)?;
        list = sum(list, sum(net, discount)?)?;
    }
    shift.add(&basis.margin_rule(), sample.time, list, given);
    Ok(())
}

pub(super) fn read(
    shift: &DiscountShift,
    figure: DiscountFigure,
    view: &View<'_>,
) -> Result<Value, Fault> {
    let share = |share: Option<f64>| share.map_or(Value::Null, Value::Double);
    Ok(match figure {
        DiscountFigure::Alarm => Value::Bool(shift.is_alarmed()),
        DiscountFigure::Strength => Value::Double(shift.strength(&view.basis.margin_rule())),
        DiscountFigure::Since => shift.since().map_or(Value::Null, Value::Time),
        DiscountFigure::Usual => share(shift.usual()),
        DiscountFigure::Recent => share(shift.recent()),
        DiscountFigure::Orders => Value::Int(i64::from(shift.orders())),
        DiscountFigure::Extra => Value::Money(shift.extra().ok_or(Fault::Overflow)?),
    })
}
