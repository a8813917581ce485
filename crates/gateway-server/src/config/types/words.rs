//! Values of limits and budgets, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use tollgate_core::NanoUsd;

/// So many in a span: `60/minute`, `1000/hour` or `5000/day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerSpan {
    /// How many.
    pub limit: u64,
    /// In which span.
    pub unit: SpanUnit,
}

/// A minute, an hour or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SpanUnit {
    Minute,
    Hour,
    Day,
}

/// What is counted apart: `key`, or `path:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EachName {
    /// Each key.
    Key,
    /// Each beginning of the path with so many parts.
    Path(u8),
}

/// An amount of US dollars: `500`, `12.5` or `"12.50"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dollars(pub NanoUsd);

const PER_SPAN: &str = "a number and a span such as 60/minute, 1000/hour or 5000/day";
const EACH: &str = "`key`, or `path:2` for the first two parts of the path";
const DOLLARS: &str = "an amount in US dollars such as 500 or 12.50, with at most nine decimals";

/// The deepest path that can be told apart.
const DEEPEST: u8 = 16;

// === impl PerSpan ===

impl FromStr for PerSpan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (limit, unit) = text.split_once('/').ok_or(PER_SPAN)?;
        let unit = match unit.trim() {
            "minute" => SpanUnit::Minute,
            "hour" => SpanUnit::Hour,
            "day" => SpanUnit::Day,
            _ => return Err(PER_SPAN),
        };
        let limit = limit.trim();
        let is_number = limit.bytes().all(|digit| digit.is_ascii_digit());
        let limit = is_number.then(|| limit.parse().ok()).flatten().ok_or(PER_SPAN)?;
        Ok(Self { limit, unit })
    }
}

impl fmt::Display for PerSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            SpanUnit::Minute => "minute",
            SpanUnit::Hour => "hour",
            SpanUnit::Day => "day",
        };
        write!(f, "{}/{unit}", self.limit)
    }
}

// === impl EachName ===

impl FromStr for EachName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix("path:") {
            None if text == "key" => Ok(Self::Key),
            None => Err(EACH),
            Some(depth) => match depth.parse() {
                Ok(depth) if (1..=DEEPEST).contains(&depth) => Ok(Self::Path(depth)),
                _ => Err(EACH),
            },
        }
    }
}

impl fmt::Display for EachName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Path(depth) => write!(f, "path:{depth}"),
        }
    }
}

// === impl Dollars ===

impl FromStr for Dollars {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| DOLLARS)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === reading ===

/// Reads what is written as text, or as a number that stands for its text.
struct Text<T>(&'static str, std::marker::PhantomData<T>);

impl<T: FromStr<Err = &'static str>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        // The shortest text that reads as the same number is what was written.
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::custom(format_args!("expected {}", self.0)))
    }
}

macro_rules! written_as_text {
    ($type:ty, $expected:expr, $pattern:expr, $schema_type:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text($expected, std::marker::PhantomData))
            }
        }

        #[cfg(feature = "schema")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": $schema_type, "pattern": $pattern })
            }
        }
    };
}

written_as_text!(PerSpan, PER_SPAN, "^[0-9]+ ?/ ?(minute|hour|day)$|\\$\\{", "string");
written_as_text!(EachName, EACH, "^(key|path:[0-9]+)$|\\$\\{", "string");
written_as_text!(Dollars, DOLLARS, "^[0-9]+(\\.[0-9]{1,9})?$|\\$\\{", ["string", "number"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let of = |limit, unit| Ok(PerSpan { limit, unit });
        assert_eq!("60/minute".parse(), of(60, SpanUnit::Minute));
        assert_eq!("5000 / day".parse(), of(5000, SpanUnit::Day));
        for wrong in ["60", "60/second", "/minute", "-1/minute", "1.5/hour", "60/", "99999999999999999999/day"] {
            assert_eq!(wrong.parse::<PerSpan>(), Err(PER_SPAN), "{wrong}");
        }
    }

    #[test]
    fn what_is_counted_apart() {
        assert_eq!("key".parse(), Ok(EachName::Key));
        assert_eq!("path:3".parse(), Ok(EachName::Path(3)));
        for wrong in ["", "path", "path:", "path:0", "path:17", "tag"] {
            assert_eq!(wrong.parse::<EachName>(), Err(EACH), "{wrong}");
        }
    }

    #[test]
    fn dollars() {
        let read = |json: &str| serde_json::from_str::<Dollars>(json).ok().map(|dollars| dollars.0.0);
        assert_eq!(read("500"), Some(500_000_000_000));
        assert_eq!(read("12.5"), Some(12_500_000_000));
        assert_eq!(read("0.1"), Some(100_000_000));
        assert_eq!(read("\"0.000000001\""), Some(1));
        for wrong in ["-1", "\"1e3\"", "\"$5\"", "true", "\"0.0000000001\""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
