//! Lengths of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A length of time: `250ms`, `10s`, `5m`, `1h` or `0`. Displays in a form that reads back as the same length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    millis: u64,
}

/// The text is not a length of time. Does not repeat the text, which may come from a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanError(&'static str);

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A number alone is refused, because whether seconds or milliseconds are meant differs from program to program.
const EXPECTED: &str = "expected a duration with a unit, such as 250ms, 10s, 5m or 1h";

// === impl Span ===

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self::from_millis(0);

    /// A length in milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// A length in seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds * 1_000)
    }

    /// A length in minutes.
    #[must_use]
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes * 60)
    }

    /// The length as the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.get()
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "" if !number.is_empty() && number.bytes().all(|digit| digit == b'0') => Some(1),
            unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
        };
        match (number, factor) {
            ("", _) | (_, None) => Err(SpanError(EXPECTED)),
            (number, Some(factor)) => {
                let millis = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
                millis.map(Self::from_millis).ok_or(SpanError("the duration is too long"))
            }
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.millis > 0 && self.millis.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.millis / factor),
            None => f.write_str("0"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;

        impl Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&EXPECTED["expected ".len()..])
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Span, E> {
                if number == 0 { Ok(Span::ZERO) } else { Err(E::custom(EXPECTED)) }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(SpanVisitor)
    }
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SpanError {}

#[cfg(feature = "schema")]
impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^([0-9]+(ms|s|m|h)|0+)$|\\$\\{";
        schemars::json_schema!({ "type": ["string", "integer"], "format": "time", "maximum": 0, "pattern": pattern })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(text.parse().ok(), expect.map(Span::from_millis), "{text:?}");
    }

    #[test]
    fn reads_durations() {
        for (text, millis) in [
            ("0", 0),
            ("00", 0),
            ("0s", 0),
            ("1ms", 1),
            ("250ms", 250),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("18446744073709551615ms", u64::MAX),
        ] {
            check(text, Some(millis));
        }
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in ["", "5", "ms", "-1s", "+1s", "1.5s", "1 s", "1S", "1M", "1d", "1h30m", "1sec", " 1s", "1s ", "inf"]
        {
            check(text, None);
        }
        for text in ["18446744073709551616ms", "9999999999999999h"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError("the duration is too long")));
        }
    }

    #[test]
    fn displays_the_largest_exact_unit() {
        for (millis, text) in [(0, "0"), (250, "250ms"), (90_000, "90s"), (5_400_000, "90m"), (7_200_000, "2h")] {
            assert_eq!(Span::from_millis(millis).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn display_reads_back(number: u64, unit in 0..4_usize) {
            for millis in [number, number / UNITS[unit].1 * UNITS[unit].1] {
                prop_assert_eq!(Span::from_millis(millis).to_string().parse(), Ok(Span::from_millis(millis)));
            }
        }
    }
}
