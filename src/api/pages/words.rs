//! How pages say times, ages, owners and money.

use crate::alert::Family;
use crate::alert::Value;
use crate::delivery::inbox::query::Tally;
use crate::money;
use crate::money::Decimal;
use crate::time::Span;
use crate::time::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `1 Mar 2025, 09:30 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    format!("{} UTC", short_time(at))
}

/// `1 Mar 2025, 09:30`.
pub(super) fn short_time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}, {}", date(at), text.get(11..16).unwrap_or_default())
}

/// `1 Mar 2025`.
pub(super) fn date(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from, to| text.get(from..to).and_then(|part| part.parse::<usize>().ok());
    match (
        text.get(..4),
        part(5, 7).and_then(|month| MONTHS.get(month.checked_sub(1)?)),
        part(8, 10),
    ) {
        (Some(year), Some(month), Some(day)) => format!("{day} {month} {year}"),
        _ => text,
    }
}

/// `Call started` for `call.started`.
pub(super) fn kind(kind: &str) -> String {
    capital(&kind.replace(['.', '_'], " "))
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What an alert says, without the name that stands beside it: `Ann: margin is low` reads
/// "Margin is low".
pub(super) fn message(summary: &str, who: &str) -> String {
    let rest = summary.strip_prefix(who).filter(|_| !who.is_empty());
    // "Bo" is no name in "Bora has gone quiet", and "Bo's margin" needs it.
    let rest =
        rest.filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || "'’".contains(c)));
    let said = rest.map(|rest| rest.trim_start_matches([' ', ':', ',', '–', '-', '\'']));
    match said.filter(|said| !said.is_empty()) {
        // "Ann (tier A) was last spoken to …": what is in brackets is no beginning.
        Some(said) => match said.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
            Some((aside, rest)) => format!("{} ({aside})", capital(rest)),
            None => capital(said),
        },
        None => summary.to_owned(),
    }
}

/// `now`, `5 min`, `3 h`, `2 d`, `5 w`, `3 y`.
pub(super) fn age(span: Span) -> String {
    let minutes = span.millis() / 60_000;
    match minutes {
        ..1 => "now".to_owned(),
        1..60 => format!("{minutes} min"),
        60..1_440 => format!("{} h", minutes / 60),
        1_440..20_160 => format!("{} d", minutes / 1_440),
        20_160..1_051_200 => format!("{} w", minutes / 10_080),
        _ => format!("{} y", minutes / 525_600),
    }
}

/// `Rep r12`, `Territory North`, `Queue`.
pub(super) fn owner(key: &str) -> String {
    match key.split_once(':') {
        Some(("rep", id)) => format!("Rep {id}"),
        Some(("territory", id)) => format!("Territory {id}"),
        _ => "Queue".to_owned(),
    }
}

/// `Cross-sell`, `Drift` …
pub(super) fn family(family: Family) -> &'static str {
    match family {
        Family::CrossSell => "Cross-sell",
        Family::UpSell => "Up-sell",
        Family::SwitchSell => "Switch-sell",
        Family::Drift => "Drift",
        Family::Performance => "Performance",
        Family::Trend => "Trend",
        Family::Margin => "Margin",
        Family::Alignment => "Alignment",
        Family::Quality => "Quality",
    }
}

/// `$1,234.50`; without cents from a thousand on.
pub(super) fn value(value: Value) -> String {
    let whole = Decimal::from_micros(1_000 * Decimal::SCALE);
    let text = money::display(value.amount, value.currency);
    if value.amount >= whole || value.amount <= whole.negated() {
        let rounded = rounded(value.amount);
        return money::display(rounded, value.currency).replacen(".00", "", 1);
    }
    text
}

/// `$12,345 · €80`; the amounts of a tally, in whole units.
pub(super) fn tally(tally: &Tally) -> String {
    let amounts = tally.money.iter().map(|(currency, units)| {
        let units = units.clamp(&-9_000_000_000_000, &9_000_000_000_000);
        let amount = Decimal::from_micros(units * Decimal::SCALE);
        money::display(amount, *currency).replacen(".00", "", 1)
    });
    amounts.collect::<Vec<_>>().join(" · ")
}

/// `31 %`.
pub(super) fn share(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

fn rounded(amount: Decimal) -> Decimal {
    let half = Decimal::SCALE / 2 * amount.micros().signum();
    let units = amount.micros().saturating_add(half) / Decimal::SCALE;
    Decimal::from_micros(units.saturating_mul(Decimal::SCALE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn a_date_is_short_and_clear() {
        let at = Timestamp::parse("2025-03-01T09:30:59Z").unwrap();
        assert_eq!(time(at), "1 Mar 2025, 09:30 UTC");
        assert_eq!(date(Timestamp::parse("2024-12-31").unwrap()), "31 Dec 2024");
    }

    #[test]
    fn a_message_does_not_begin_with_the_name_beside_it() {
        for (summary, who, want) in [
            ("Ann Ltd: margin 20 %", "Ann Ltd", "Margin 20 %"),
            ("Ann Ltd usually orders", "Ann Ltd", "Usually orders"),
            ("Ann Ltd's margin", "Ann Ltd", "Ann Ltd's margin"),
            ("Ann Ltd (tier A) was last called", "Ann Ltd", "Was last called (tier A)"),
            ("Bora has gone quiet", "Bo", "Bora has gone quiet"),
            ("Ann Ltd", "Ann Ltd", "Ann Ltd"),
            ("Something happened", "Ann Ltd", "Something happened"),
            ("x", "", "x"),
        ] {
            assert_eq!(message(summary, who), want, "{summary}");
        }
        assert_eq!(kind("call.started"), "Call started");
    }

    #[test]
    fn an_age_has_one_unit() {
        for (millis, want) in [
            (-5, "now"),
            (59_999, "now"),
            (60_000, "1 min"),
            (3_600_000, "1 h"),
            (86_400_000, "1 d"),
            (14 * 86_400_000, "2 w"),
            (800 * 86_400_000, "2 y"),
        ] {
            assert_eq!(age(Span::from_millis(millis)), want);
        }
    }

    #[test]
    fn large_money_has_no_cents() {
        let currency = Currency::parse("USD").ok();
        for (amount, want) in [
            ("12.5", "$12.50"),
            ("999.99", "$999.99"),
            ("1234.5", "$1,235"),
            ("-1234.4", "-$1,234"),
            ("1000000", "$1,000,000"),
        ] {
            let amount = Decimal::parse(amount).unwrap();
            assert_eq!(value(Value { amount, currency }), want);
        }
    }
}
