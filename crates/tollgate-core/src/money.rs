//! Money, without fractions that cannot be written down.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

/// An amount in nano-dollars: billionths of a US dollar. Sums saturate and never wrap.
///
/// ```
/// use tollgate_core::NanoUsd;
///
/// let cost: NanoUsd = "0.0025".parse()?;
/// assert_eq!(cost, NanoUsd(2_500_000));
/// assert_eq!(cost.to_string(), "0.0025");
/// # Ok::<(), tollgate_core::ParseMoneyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct NanoUsd(pub u64);

/// What a request cost, and by which price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The amount.
    pub amount: NanoUsd,
    /// The id of the price by which it can be computed again; [`Cost::REPORTED`] where the provider said the amount.
    pub price: std::sync::Arc<str>,
}

/// A text that is no amount: not a decimal number, or too large, or finer than a nano-dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseMoneyError;

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// One US dollar.
    pub const DOLLAR: Self = Self(1_000_000_000);

    /// Dollars as any decimal number, such as `1.5e-07`, rounded half up to the nearest amount. For what others say, who write
    /// more decimals than there are; our own texts are parsed by [`FromStr`].
    #[must_use]
    pub fn rounded(dollars: &str) -> Option<Self> {
        scaled_decimal(dollars, 9).map(Self)
    }

    /// The sum, or the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Cost {
    /// The price id of an amount that the provider said itself.
    pub const REPORTED: &'static str = "reported";

    /// The price id of nothing, because a cache or another request's answer gave it.
    pub const CACHED: &'static str = "cached";

    /// The price id of nothing, because providers do not charge for such a request: it was refused, or only asks how many
    /// tokens a prompt has.
    pub const FREE: &'static str = "free";
}

/// A decimal number in the form of JSON's times ten to the power of `places`, rounded half up to a whole number. `None` if
/// the text is none, or negative, or too large.
#[must_use]
pub fn scaled_decimal(text: &str, places: i32) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(decimals.bytes());
    if whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut value = 0_u128;
    // How many of the digits stand before the decimal point of the result.
    let kept = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(places)?;
    let mut places_seen = 0;
    for digit in digits() {
        if places_seen >= kept {
            // The first digit that is cut off decides.
            let is_next = places_seen == kept;
            return u64::try_from(value + u128::from(is_next && digit >= b'5')).ok();
        }
        value = value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
        places_seen += 1;
    }
    while places_seen < kept && value > 0 {
        value = value.checked_mul(10)?;
        places_seen += 1;
    }
    u64::try_from(value).ok()
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = self.saturating_add(other);
    }
}

impl std::iter::Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for NanoUsd {
    /// Dollars as a decimal number, exact, without zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, nanos) = (self.0 / Self::DOLLAR.0, self.0 % Self::DOLLAR.0);
        if nanos == 0 {
            return write!(f, "{dollars}");
        }
        let decimals = format!("{nanos:09}");
        write!(f, "{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

impl FromStr for NanoUsd {
    type Err = ParseMoneyError;

    /// Parses dollars as a decimal number with up to nine decimals.
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let is_number = !whole.is_empty()
            && decimals.len() <= 9
            && !text.ends_with('.')
            && whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(ParseMoneyError);
        }
        let dollars: u64 = whole.parse().map_err(|_| ParseMoneyError)?;
        let nanos: u64 = format!("{decimals:0<9}").parse().map_err(|_| ParseMoneyError)?;
        let total = dollars.checked_mul(Self::DOLLAR.0).and_then(|all| all.checked_add(nanos));
        total.map(Self).ok_or(ParseMoneyError)
    }
}

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an amount in US dollars such as 12.50, with at most nine decimals")
    }
}

impl std::error::Error for ParseMoneyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_there_and_back() {
        for (text, nanos) in [("0", 0), ("0.000000001", 1), ("1.5", 1_500_000_000), ("18446744073.709551615", u64::MAX)]
        {
            assert_eq!(text.parse(), Ok(NanoUsd(nanos)));
            assert_eq!(NanoUsd(nanos).to_string(), text);
        }
        assert_eq!("2.50".parse(), Ok(NanoUsd(2_500_000_000)));
    }

    #[test]
    fn numbers_of_others_are_rounded_once() {
        for (text, places, expect) in [
            ("1.5e-07", 15, Some(150_000_000)),
            ("0.00006", 15, Some(60_000_000_000)),
            ("3.3333333333333335e-05", 15, Some(33_333_333_333)),
            ("0.0", 15, Some(0)),
            ("2000000.0", 0, Some(2_000_000)),
            ("0.4999999999", 0, Some(0)),
            ("0.5", 0, Some(1)),
            ("9.99", 1, Some(100)),
            ("5e-12", 9, Some(0)),
            ("12E2", 0, Some(1200)),
            ("1e30", 9, None),
            ("1e99999999999", 9, None),
            ("0e900", 9, Some(0)),
            ("-1", 9, None),
            ("", 9, None),
            (".5", 9, None),
            ("1e", 9, None),
            ("NaN", 9, None),
        ] {
            assert_eq!(scaled_decimal(text, places), expect, "{text} with {places} places");
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.0000000001", "18446744074", "18446744073.709551616"]
        {
            assert_eq!(text.parse::<NanoUsd>(), Err(ParseMoneyError), "{text}");
        }
    }
}
