//! Sums of money in several currencies, as people and as programs read them.

use std::collections::BTreeMap;

use crate::engine::backtest::comparison::Count;
use crate::money;
use crate::money::Currency;
use crate::money::Decimal;

/// A sum beyond the range of money is cut off there.
fn decimal(micros: i128) -> Decimal {
    let bound = if micros < 0 { i64::MIN } else { i64::MAX };
    Decimal::from_micros(i64::try_from(micros).unwrap_or(bound))
}

/// `$1,234.50 + €80.00`; nothing where there is none.
pub(super) fn shown(count: &Count) -> String {
    let sums = count.money.iter();
    let sums = sums.map(|(currency, micros)| money::display(decimal(*micros), *currency));
    sums.collect::<Vec<_>>().join(" + ")
}

/// Sums by the name of the currency, `none` where the events carry none.
pub(super) fn exact(count: &Count) -> BTreeMap<String, String> {
    let sums = count.money.iter().map(|(currency, micros)| {
        let name = currency.map_or_else(|| "none".to_owned(), |currency| currency.to_string());
        (name, decimal(*micros).to_string())
    });
    sums.collect()
}

/// The sum in one currency, for a plot.
#[expect(clippy::cast_precision_loss, reason = "the length of a bar")]
pub(super) fn plain(count: &Count, currency: Option<Currency>) -> f64 {
    count.money.get(&currency).map_or(0.0, |micros| *micros as f64 / 1e6)
}
