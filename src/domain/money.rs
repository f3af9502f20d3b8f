//! Money in minor units of its currency (ISO 4217). What others write as decimals is read digit by digit: no float
//! ever holds an amount. Where something is no whole minor unit it is rounded half to even.

use iso_currency::Currency as Iso;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Three letters that ISO 4217 knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// A part of an amount, in hundredths of a percent: at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(u32);

/// A decimal number as it was written: 8.99 is 899 hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no currency of ISO 4217")]
pub struct UnknownCurrency;

impl Currency {
    pub fn parse(text: &str) -> Option<Currency> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        Iso::from_code(text)?;
        Some(Currency(letters))
    }
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("its letters are ASCII")
    }
    /// How many decimals its minor unit is of the major one: 2 for USD, none for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        Iso::from_code(self.as_str()).and_then(Iso::exponent).map_or(0, u32::from)
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(text: String) -> Result<Currency, UnknownCurrency> {
        Currency::parse(&text).ok_or(UnknownCurrency)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }
    pub fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }
    /// Thousandths of the major unit, whatever the currency (Apple, price).
    pub fn of_milliunits(milliunits: i64, currency: Currency) -> Option<Money> {
        Decimal { digits: milliunits.into(), scale: 3 }.money(currency)
    }
    /// In major units, as people and payment services write it.
    pub fn decimal(self) -> String {
        let (sign, digits) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        match self.currency.exponent() {
            0 => format!("{sign}{digits}"),
            exponent => {
                let whole = 10u64.pow(exponent);
                format!("{sign}{}.{:0width$}", digits / whole, digits % whole, width = exponent as usize)
            }
        }
    }
    /// So many parts of so many, rounded half to even.
    pub fn part(self, of: u32, all: u32) -> Money {
        let minor = half_even(i128::from(self.minor) * i128::from(of), all.into());
        Money { minor: minor.clamp(i64::MIN.into(), i64::MAX.into()) as i64, ..self }
    }
}

impl BasisPoints {
    pub const ALL: BasisPoints = BasisPoints(10_000);
    pub fn new(hundredths_of_a_percent: u32) -> Option<BasisPoints> {
        (hundredths_of_a_percent <= BasisPoints::ALL.0).then_some(BasisPoints(hundredths_of_a_percent))
    }
    pub fn get(self) -> u32 {
        self.0
    }
    pub fn of(self, money: Money) -> Money {
        money.part(self.0, BasisPoints::ALL.0)
    }
}

impl Decimal {
    pub const ONE: Decimal = Decimal { digits: 1, scale: 0 };

    /// A number as JSON writes it, with at most 18 decimals.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        let is_number = !unsigned.is_empty() && [unsigned, fraction].concat().bytes().all(|b| b.is_ascii_digit());
        if !is_number || whole.len() + fraction.len() > 30 {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        match u32::try_from(scale) {
            Ok(scale) => (scale <= 18).then_some(Decimal { digits, scale }),
            Err(_) => Some(Decimal { digits: digits.checked_mul(ten(scale.unsigned_abs())?)?, scale: 0 }),
        }
    }
    pub fn minus(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let digits = |one: Decimal| one.digits.checked_mul(ten(scale - one.scale)?);
        Some(Decimal { digits: digits(self)?.checked_sub(digits(other)?)?, scale })
    }
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        Some(Decimal { digits: self.digits.checked_mul(other.digits)?, scale: self.scale + other.scale })
    }
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }
    /// So many of the major unit.
    pub fn money(self, currency: Currency) -> Option<Money> {
        let minor = self.digits.checked_mul(ten(currency.exponent())?)?;
        Some(Money { minor: i64::try_from(half_even(minor, ten(self.scale)?)).ok()?, currency })
    }
}

fn ten(power: u32) -> Option<i128> {
    10i128.checked_pow(power)
}

/// The nearest whole number; of two that are equally near the even one.
fn half_even(of: i128, by: i128) -> i128 {
    let (whole, rest) = (of.div_euclid(by), of.rem_euclid(by));
    let up = match (rest * 2).cmp(&by) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => whole.rem_euclid(2) == 1,
        std::cmp::Ordering::Greater => true,
    };
    whole + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(text: &str) -> Currency {
        Currency::parse(text).unwrap()
    }

    #[test]
    fn currencies() {
        for (text, exponent) in
            [("USD", Some(2)), ("EUR", Some(2)), ("JPY", Some(0)), ("KRW", Some(0)), ("CLP", Some(0)), ("KWD", Some(3))]
        {
            assert_eq!(Currency::parse(text).map(Currency::exponent), exponent, "{text}");
        }
        for bad in ["", "US", "usd", "USDX", "QQQ", "€"] {
            assert_eq!(Currency::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn milliunits_and_decimals_come_to_the_same() {
        // (milliunits, decimal, currency) -> minor units, and how they are written
        for (milliunits, decimal, code, minor, written) in [
            (1_990, "1.99", "USD", 199, "1.99"),
            (1_990, "1.990", "USD", 199, "1.99"),
            (8_390, "8.389999999999999", "EUR", 839, "8.39"),
            (8_390, "8.390000000000001", "EUR", 839, "8.39"),
            (300_000, "300", "JPY", 300, "300"),
            (300_000, "3e2", "JPY", 300, "300"),
            (300_000, "3.00E+2", "JPY", 300, "300"),
            (1_250, "1.25", "KWD", 1_250, "1.250"),
            (5, "0.005", "USD", 0, "0.00"),
            (15, "0.015", "USD", 2, "0.02"),
            (25, "0.025", "USD", 2, "0.02"),
            (26, "0.026", "USD", 3, "0.03"),
            (500, "0.5", "JPY", 0, "0"),
            (1_500, "1.5", "JPY", 2, "2"),
            (-9_990, "-9.99", "USD", -999, "-9.99"),
            (-15, "-0.015", "USD", -2, "-0.02"),
            (0, "0", "USD", 0, "0.00"),
        ] {
            let money = Money::new(minor, currency(code));
            assert_eq!(Money::of_milliunits(milliunits, currency(code)), Some(money), "{milliunits} {code}");
            let read = Decimal::parse(decimal).unwrap();
            assert_eq!(read.money(currency(code)), Some(money), "{decimal}");
            assert_eq!(read.is_negative(), milliunits < 0, "{decimal}");
            assert_eq!(money.decimal(), written);
        }
    }

    #[test]
    fn what_is_no_number() {
        let long = "9".repeat(40);
        for bad in ["", "-", ".", "1.2.3", "NaN", "Infinity", "1e", "0x1", "1,5", " 1", "+1", "1e-30", "1e99", &long] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse("99999999999999999999").and_then(|read| read.money(currency("USD"))), None);
    }

    #[test]
    fn parts() {
        for (minor, points, part) in [
            (999, 2_000, 200),
            (1, 2_000, 0),
            (2, 2_500, 0),
            (6, 2_500, 2),
            (10, 2_500, 2),
            (100, 10_000, 100),
            (-999, 2_000, -200),
            (i64::MAX, 10_000, i64::MAX),
        ] {
            let usd = currency("USD");
            assert_eq!(BasisPoints::new(points).unwrap().of(Money::new(minor, usd)), Money::new(part, usd), "{minor}");
        }
        assert_eq!(BasisPoints::new(10_001), None);
    }

    #[test]
    fn what_is_left_after_deductions() {
        let left = |price: &str, tax: &str, commission: &str| {
            let share = Decimal::ONE.minus(Decimal::parse(tax)?)?.minus(Decimal::parse(commission)?)?;
            Decimal::parse(price)?.times(share)?.money(currency("EUR"))
        };
        for (price, tax, commission, minor) in
            [("9.99", "0", "0.3", 699), ("9.99", "0.1597", "0.2521", 588), ("8.389999999999999", "0.1667", "0.15", 573)]
        {
            assert_eq!(left(price, tax, commission).map(|money| money.minor), Some(minor), "{price}");
        }
    }
}
