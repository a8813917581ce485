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
    fn what_is_no_amount() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.0000000001", "18446744074", "18446744073.709551616"]
        {
            assert_eq!(text.parse::<NanoUsd>(), Err(ParseMoneyError), "{text}");
        }
    }
}
