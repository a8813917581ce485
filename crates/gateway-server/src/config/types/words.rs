//! Values of limits and budgets, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

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

const PER_SPAN: &str = "a number and a span such as 60/minute, 1000/hour or 5000/day";
const EACH: &str = "`key`, or `path:2` for the first two parts of the path";

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

// === reading ===

/// Reads what is written as text.
struct Text<T>(&'static str, std::marker::PhantomData<T>);

impl<T: FromStr<Err = &'static str>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::custom(format_args!("expected {}", self.0)))
    }
}

macro_rules! written_as_text {
    ($type:ty, $expected:expr, $pattern:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($expected, std::marker::PhantomData))
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
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

written_as_text!(PerSpan, PER_SPAN, "^[0-9]+ ?/ ?(minute|hour|day)$|\\$\\{");
written_as_text!(EachName, EACH, "^(key|path:[0-9]+)$|\\$\\{");
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
}
