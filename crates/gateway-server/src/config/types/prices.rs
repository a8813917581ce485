//! What deployments cost, where the price book does not know or is wrong.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use tollgate_core::NanoUsd;
use tollgate_usage::price::{Rate, Unit};

/// The price of a deployment. Rates are US dollars: per million tokens, and for each picture, request and search.
#[derive(Clone, Debug, Default, serde::Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct PriceEntry {
    /// A price of the book that holds for all that is not said here, as `kind/model`, such as `azure/gpt-4o`. For
    /// deployments that have a name of their own.
    pub like: Option<String>,
    /// Tokens of input, but for those that have another rate below.
    pub input: Option<Dollars>,
    /// Tokens of output, but for those that have another rate below.
    pub output: Option<Dollars>,
    /// Tokens read from the provider's cache. Without it they cost what input does.
    pub cache_read: Option<Dollars>,
    /// Tokens written to the provider's cache.
    pub cache_write: Option<Dollars>,
    /// Tokens written to the provider's cache for an hour.
    pub cache_write_long: Option<Dollars>,
    /// Tokens of reasoning.
    pub reasoning: Option<Dollars>,
    /// Tokens of input that are audio.
    pub audio_input: Option<Dollars>,
    /// Tokens of output that are audio.
    pub audio_output: Option<Dollars>,
    /// Tokens of input that are pictures.
    pub image_input: Option<Dollars>,
    /// Tokens of output that are pictures.
    pub image_output: Option<Dollars>,
    /// A picture that is made.
    pub image: Option<Dollars>,
    /// A request as such.
    pub request: Option<Dollars>,
    /// A search of the web, or of documents in a rerank.
    pub search: Option<Dollars>,
    /// Rates for classes of service and for long requests, in the words of the price book: `flex.in=1.25 >200000.in=5`.
    pub terms: String,
    /// The first day on which the price holds, in UTC, such as `2026-01-31`. Absent means always.
    pub from: Option<String>,
    /// The first day on which it no longer does. Then the book's price holds again.
    pub until: Option<String>,
    /// How many tokens the model reads at most, for estimates of what a request may cost.
    pub max_input_tokens: Option<u64>,
    /// How many tokens the model writes at most, for the same.
    pub max_output_tokens: Option<u64>,
}

/// An amount of US dollars: `2.50`, `0.075` or `0`, with at most nine decimals. Displays in a form that reads back as the
/// same amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dollars(NanoUsd);

const EXPECTED: &str = "expected an amount of US dollars such as 2.50, with at most nine decimals";

// === impl PriceEntry ===

impl PriceEntry {
    /// The rates that are said, with their keys.
    pub(in crate::config) fn rates(&self) -> impl Iterator<Item = (&'static str, Unit, Dollars)> + '_ {
        let all = [
            ("input", Unit::Input, self.input),
            ("output", Unit::Output, self.output),
            ("cache_read", Unit::CacheRead, self.cache_read),
            ("cache_write", Unit::CacheWrite, self.cache_write),
            ("cache_write_long", Unit::CacheWriteLong, self.cache_write_long),
            ("reasoning", Unit::Reasoning, self.reasoning),
            ("audio_input", Unit::AudioInput, self.audio_input),
            ("audio_output", Unit::AudioOutput, self.audio_output),
            ("image_input", Unit::ImageInput, self.image_input),
            ("image_output", Unit::ImageOutput, self.image_output),
            ("image", Unit::Image, self.image),
            ("request", Unit::Request, self.request),
            ("search", Unit::Search, self.search),
        ];
        all.into_iter().filter_map(|(key, unit, dollars)| Some((key, unit, dollars?)))
    }
}

// === impl Dollars ===

impl Dollars {
    /// The amount.
    #[must_use]
    pub const fn get(self) -> NanoUsd {
        self.0
    }

    /// The rate of a unit, as it is written; `None` if it is too large.
    #[must_use]
    pub fn rate(self, unit: Unit) -> Option<Rate> {
        unit.rate(&self.to_string())
    }
}

impl FromStr for Dollars {
    type Err = tollgate_core::ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DollarsVisitor;

        impl Visitor<'_> for DollarsVisitor {
            type Value = Dollars;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&EXPECTED["expected ".len()..])
            }

            fn visit_u64<E: Error>(self, dollars: u64) -> Result<Dollars, E> {
                self.visit_str(&dollars.to_string())
            }

            fn visit_f64<E: Error>(self, dollars: f64) -> Result<Dollars, E> {
                // The shortest decimal number that is read as this one, which is what was written.
                self.visit_str(&dollars.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Dollars, E> {
                text.parse().map_err(|_| E::custom(EXPECTED))
            }
        }

        deserializer.deserialize_any(DollarsVisitor)
    }
}

#[cfg(feature = "schema")]
impl serde::Serialize for Dollars {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Dollars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^[0-9]+(\\.[0-9]{1,9})?$|\\$\\{";
        schemars::json_schema!({ "type": ["string", "number"], "format": "dollars", "minimum": 0, "pattern": pattern })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, nanos) in [("0.1", 100_000_000), ("2.50", 2_500_000_000), ("0.000000001", 1), ("75", 75_000_000_000)]
        {
            let float: f64 = text.parse().expect("a number");
            assert_eq!(float.to_string().parse(), Ok(Dollars(NanoUsd(nanos))));
            assert_eq!(text.parse(), Ok(Dollars(NanoUsd(nanos))));
        }
        assert_eq!(
            "0.04".parse::<Dollars>().ok().and_then(|each| each.rate(Unit::Image)),
            Some(Rate(40_000_000_000_000))
        );
        assert_eq!("10000000000".parse::<Dollars>().ok().and_then(|each| each.rate(Unit::Image)), None);
    }
}
