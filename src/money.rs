//! Exact money: whole millionths of a currency unit, so sums never drift.
//!
//! ```text
//! 129.99 USD  =  129_990_000 millionths + the currency `USD`
//! ```
//!
//! Source data carry up to six decimals. A single amount may be up to a thousand billion units;
//! a sum that leaves the range of ±9.2 thousand billion is an error, never a wrapped number.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// A decimal number with six places: amounts, quantities, prices per unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Decimal(i64);

/// Why a number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number in JSON's notation.
    #[error("`{0}` is not a number: write e.g. `129.99`")]
    Format(String),
    /// Too large to be an amount or a quantity.
    #[error("{0} is beyond ±1,000,000,000,000, the largest amount or quantity")]
    Range(String),
}

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A currency or none, in three bytes; an `Option` takes four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MaybeCurrency([u8; 3]);

/// Why a text is not a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: write the three letters of ISO 4217, e.g. `USD`")]
pub struct CurrencyError(pub String);

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole unit.
    pub const ONE: Self = Self(Self::SCALE);
    /// Millionths in a unit.
    pub const SCALE: i64 = 1_000_000;
    const MAX: i64 = 1_000_000_000_000 * Self::SCALE;

    /// From millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From whole units and a fraction of so many places, as `129` and `99` of two; `None` beyond
    /// six places and outside of the range.
    pub fn from_parts(whole: u64, (fraction, places): (u64, usize)) -> Option<Self> {
        let worth = WORTH.get(places)?;
        let micros = whole.checked_mul(WORTH[0])?.checked_add(fraction.checked_mul(*worth)?)?;
        i64::try_from(micros).ok().filter(|micros| *micros <= Self::MAX).map(Self)
    }

    /// Parses JSON's number notation exactly; digits beyond the sixth place are rounded half
    /// away from zero.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let bytes = text.as_bytes();
        parse_plain(bytes).map_or_else(|| parse_any(text), Ok)
    }

    /// The nearest binary number.
    #[expect(clippy::cast_precision_loss, reason = "meant: a ratio or a display value")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// From a binary number, rounded to the sixth place; fails for what is not finite or too large.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the line before")]
    pub fn from_f64(value: f64) -> Result<Self, DecimalError> {
        let scaled = (value * 1e6).round();
        #[expect(clippy::cast_precision_loss, reason = "a bound may be rounded")]
        if scaled.is_finite() && scaled.abs() <= Self::MAX as f64 {
            Ok(Self(scaled as i64))
        } else {
            Err(DecimalError::Range(value.to_string()))
        }
    }

    /// `self × other`, rounded half away from zero; `None` when it leaves the range.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        // Whole quantities, which nearly all are, need no rounding and no wide division.
        if other.0 % Self::SCALE == 0 {
            let product = self.0.checked_mul(other.0 / Self::SCALE)?;
            return (product.abs() <= Self::MAX).then_some(Self(product));
        }
        let product = i128::from(self.0) * i128::from(other.0);
        let half = i128::from(Self::SCALE / 2) * product.signum();
        let rounded = (product + half) / i128::from(Self::SCALE);
        i64::try_from(rounded).ok().filter(|m| m.abs() <= Self::MAX).map(Self)
    }

    /// `self + other`; `None` when it leaves the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self - other`; `None` when it leaves the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// With the sign turned round.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }
}

/// What the last digit is worth in millionths, by the number of places behind the point.
const WORTH: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

/// `123`, `-123.45`: what nearly every record holds.
fn parse_plain(bytes: &[u8]) -> Option<Decimal> {
    let negative = bytes.first() == Some(&b'-');
    let digits = &bytes[usize::from(negative)..];
    // Twelve digits and a point: longer ones may leave the range.
    if digits.len() > 13 {
        return None;
    }
    let (whole, units) = read_digits(digits);
    let fraction = match digits.get(whole) {
        None => (0, 0),
        Some(b'.') => {
            let behind = &digits[whole + 1..];
            let (places, value) = read_digits(behind);
            if places == 0 || places != behind.len() {
                return None;
            }
            (value, places)
        }
        Some(_) => return None,
    };
    let number = Decimal::from_parts(units, fraction).filter(|_| whole > 0)?;
    Some(if negative { number.negated() } else { number })
}

/// How many digits come first, and the number that they make.
#[inline]
fn read_digits(bytes: &[u8]) -> (usize, u64) {
    let (mut count, mut value) = (0, 0);
    while let Some(digit) = bytes.get(count).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        value = value * 10 + u64::from(digit);
        count += 1;
    }
    (count, value)
}

/// The whole notation: exponents and any number of digits.
fn parse_any(text: &str) -> Result<Decimal, DecimalError> {
    let shown = || text.chars().take(40).collect::<String>();
    let format = || DecimalError::Format(shown());
    let range = || DecimalError::Range(shown());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| format())?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let bare_point = mantissa.contains('.') && fraction.is_empty();
    if whole.is_empty() || bare_point || !digits().all(|b| b.is_ascii_digit()) {
        return Err(format());
    }
    // The place of a digit: 10^5 .. of a millionth; what lies below rounds the last one.
    let whole_len = i64::try_from(whole.len()).map_err(|_| range())?;
    let mut micros = 0_i128;
    let mut round_up = false;
    for (index, digit) in digits().enumerate() {
        let index = i64::try_from(index).map_err(|_| range())?;
        let place = whole_len - 1 - index + i64::from(exponent) + 6;
        let digit = i128::from(digit - b'0');
        if place > 20 && digit != 0 {
            return Err(range());
        } else if place >= 0 && digit != 0 {
            micros += digit * 10_i128.pow(u32::try_from(place).map_err(|_| range())?);
        } else if place == -1 {
            round_up = digit >= 5;
        }
    }
    let micros = micros + i128::from(round_up);
    let micros = i64::try_from(micros).map_err(|_| range())?;
    if micros > Decimal::MAX {
        return Err(range());
    }
    Ok(Decimal(if negative { -micros } else { micros }))
}

impl Currency {
    /// Three ASCII letters, in capitals.
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        match *text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(CurrencyError(text.chars().take(12).collect())),
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("???")
    }

    /// The sign that people write before an amount, where one is common.
    pub fn sign(&self) -> Option<&'static str> {
        match &self.0 {
            b"USD" => Some("$"),
            b"EUR" => Some("€"),
            b"GBP" => Some("£"),
            b"JPY" => Some("¥"),
            b"IDR" => Some("Rp "),
            b"INR" => Some("₹"),
            _ => None,
        }
    }
}

impl MaybeCurrency {
    /// The currency, if it is one.
    #[inline]
    pub(crate) fn currency(self) -> Option<Currency> {
        (self.0 != [0; 3]).then_some(Currency(self.0))
    }
}

impl From<Option<Currency>> for MaybeCurrency {
    #[inline]
    fn from(currency: Option<Currency>) -> Self {
        Self(currency.map_or([0; 3], |currency| currency.0))
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(text: String) -> Result<Self, CurrencyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Decimal {
    /// The shortest exact notation: `129.99`, `-0.057188`, `3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

impl Decimal {
    /// Lends its shortest exact notation: `129.99`, `-0.057188`, `3`.
    pub fn written<T>(self, to: impl FnOnce(&str) -> T) -> T {
        // From the right, into a buffer that holds the longest: a sign, 13 digits, a point, 6.
        let mut buffer = [0_u8; 21];
        let mut start = buffer.len();
        let mut put = |byte: u8| {
            start -= 1;
            buffer[start] = byte;
        };
        let digit = |number: u64| b'0' + u8::try_from(number % 10).unwrap_or(0);
        let (mut whole, mut fraction) =
            (self.0.unsigned_abs() / 1_000_000, self.0.unsigned_abs() % 1_000_000);
        if fraction != 0 {
            let mut places = 6;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                places -= 1;
            }
            for _ in 0..places {
                put(digit(fraction));
                fraction /= 10;
            }
            put(b'.');
        }
        loop {
            put(digit(whole));
            whole /= 10;
            if whole == 0 {
                break;
            }
        }
        if self.0 < 0 {
            put(b'-');
        }
        to(str::from_utf8(&buffer[start..]).unwrap_or_default())
    }
}

/// An amount as people read it: `$1,234.50`, `-€80.00`, `1,234.50 CHF`.
pub fn display(amount: Decimal, currency: Option<Currency>) -> String {
    let cents = (amount.0.unsigned_abs() + 5_000) / 10_000;
    let (whole, cents) = (cents / 100, cents % 100);
    let mut out = String::with_capacity(24);
    if amount.0 < 0 && whole + cents > 0 {
        out.push('-');
    }
    out.push_str(currency.and_then(|currency| currency.sign()).unwrap_or_default());
    group(whole, &mut out);
    out.push('.');
    for digit in [cents / 10, cents % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
    if let Some(currency) = currency.filter(|currency| currency.sign().is_none()) {
        out.push(' ');
        out.push_str(currency.as_str());
    }
    out
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let mut out = String::new();
    group(number, &mut out);
    out
}

fn group(number: u64, out: &mut String) {
    let mut groups = [0_u16; 7];
    let (mut rest, mut count) = (number, 0);
    loop {
        groups[count] = u16::try_from(rest % 1_000).unwrap_or_default();
        (rest, count) = (rest / 1_000, count + 1);
        if rest == 0 {
            break;
        }
    }
    let digit = |digit: u16| char::from(b'0' + u8::try_from(digit % 10).unwrap_or_default());
    for (place, group) in groups[..count].iter().rev().enumerate() {
        if place > 0 {
            out.push(',');
        }
        for unit in [100, 10, 1] {
            if place > 0 || *group >= unit || unit == 1 {
                out.push(digit(group / unit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_exactly() {
        for (text, micros) in [
            ("0", 0),
            ("-0", 0),
            ("129.99", 129_990_000),
            ("-0.057188", -57_188),
            ("0.1", 100_000),
            ("3e2", 300_000_000),
            ("1.5E-3", 1_500),
            ("0.0000005", 1),
            ("0.00000049", 0),
            ("-0.0000005", -1),
            ("1000000000000", 1_000_000_000_000_000_000),
            ("00012.50", 12_500_000),
            ("0.000000000000000000000000000000001", 0),
        ] {
            assert_eq!(Decimal::parse(text), Ok(Decimal(micros)), "{text}");
        }
    }

    #[test]
    fn an_absurd_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e",
            "NaN",
            "Infinity",
            "1,5",
            "--1",
            "1e400",
            "1e99999999999",
            "1000000000001",
            "99999999999999999999999999",
            "0x10",
            "1_000",
            "１",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_product_rounds_half_away_from_zero() {
        let d = |t| Decimal::parse(t).unwrap();
        assert_eq!(d("0.0005").checked_mul(d("0.001")), Some(d("0.000001")));
        assert_eq!(d("-0.0005").checked_mul(d("0.001")), Some(d("-0.000001")));
        assert_eq!(d("1000000000000").checked_mul(d("2")), None);
    }

    #[test]
    fn money_is_shown_as_people_write_it() {
        let usd = Currency::parse("USD").ok();
        let chf = Currency::parse("CHF").ok();
        for (text, currency, want) in [
            ("1234.5", usd, "$1,234.50"),
            ("-80", usd, "-$80.00"),
            ("-0.001", usd, "$0.00"),
            ("1234567.891", chf, "1,234,567.89 CHF"),
            ("999.995", None, "1,000.00"),
        ] {
            assert_eq!(display(Decimal::parse(text).unwrap(), currency), want);
        }
    }
}
