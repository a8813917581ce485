//! The price of a deployment, as a document.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tollgate_core::Target;
use tollgate_usage::directory::{Snapshot, kinds};
use tollgate_usage::price::{self, Override, Terms};

use crate::texts::{Object, whole};

/// What a deployment charges, in place of the price book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceTerms {
    /// The rates; of several for the same, the last.
    rates: Rates,
    /// The first day on which they hold, in UTC; before it the price book does. Left out: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Day>,
    /// How many tokens the model reads at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<Tokens>,
    /// How many tokens the model writes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<Tokens>,
}

/// At least one rate and at most 256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Rates(Vec<Object<Rate>>);

/// What is charged for one unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Rate {
    unit: Unit,
    /// Nano-dollars: per million tokens, and for each picture, request and search.
    nano_usd: NanoUsdRate,
    #[serde(default)]
    tier: Tier,
    /// The rate holds for requests with more tokens of input than this, for all of their tokens.
    #[serde(default)]
    above_input_tokens: Tokens,
}

/// What is counted and charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PriceUnit"))]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Tokens of input that no other unit stands for.
    Input,
    /// Tokens of output that no other unit stands for.
    Output,
    CacheRead,
    CacheWrite,
    /// Those that are kept for longer: an hour with Anthropic.
    CacheWriteLong,
    Reasoning,
    AudioInput,
    AudioOutput,
    ImageInput,
    ImageOutput,
    /// Pictures that were made.
    Image,
    Request,
    Search,
}

/// A class of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
enum Tier {
    #[default]
    Standard,
    Batch,
    Flex,
    Priority,
    Ultrafast,
}

/// Nano-dollars, up to 9,000 dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct NanoUsdRate(u64);

/// A number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Tokens(u64);

/// A day such as `2026-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day(jiff::civil::Date);

/// The prices of everything that is managed.
pub(crate) fn overrides(snapshot: &Snapshot) -> Vec<Override> {
    let prices = snapshot.documents.iter().filter(|document| document.kind == kinds::PRICE);
    let read = prices.filter_map(|document| {
        let (provider, model) = document.id.split_once('/')?;
        let terms = PriceTerms::read(&document.body);
        let terms = terms.map_err(|error| tracing::error!(error, id = document.id, "a price is not in use")).ok()?;
        Some(Override { target: Target::new(provider, model), terms })
    });
    read.collect()
}

// === impl PriceTerms ===

impl PriceTerms {
    /// The terms that a body says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &Value) -> Result<Terms, String> {
        Object::<Self>::deserialize(body).map(|said| said.0.into()).map_err(|error| error.to_string())
    }
}

impl From<PriceTerms> for Terms {
    fn from(said: PriceTerms) -> Self {
        let mut terms = Self::default();
        for Object(rate) in said.rates.0 {
            let unit = rate.unit.into();
            // Rates are kept for a million of everything.
            let factor = if price::Unit::is_each(unit) { 1_000_000 } else { 1 };
            let amount = price::Rate(rate.nano_usd.0.saturating_mul(factor));
            terms.set(rate.tier.into(), rate.above_input_tokens.0, unit, Some(amount));
        }
        terms.from = said.from.map(|day| day.0);
        terms.max_input = said.max_input_tokens.map(|tokens| tokens.0);
        terms.max_output = said.max_output_tokens.map(|tokens| tokens.0);
        terms
    }
}

/// What terms say, for whoever asks.
impl From<&Terms> for PriceTerms {
    fn from(terms: &Terms) -> Self {
        let variants = terms.variants().iter();
        let rates = variants.flat_map(|variant| {
            variant.rates.iter().filter_map(|(unit, price::Rate(rate))| {
                let nano_usd = NanoUsdRate(if unit.is_each() { rate / 1_000_000 } else { rate });
                let (unit, tier) = (Unit::of(unit)?, Tier::of(variant.tier)?);
                Some(Object(Rate { unit, nano_usd, tier, above_input_tokens: Tokens(variant.above) }))
            })
        });
        Self {
            rates: Rates(rates.collect()),
            from: terms.from.map(Day),
            max_input_tokens: terms.max_input.map(Tokens),
            max_output_tokens: terms.max_output.map(Tokens),
        }
    }
}

// === impl Unit ===

/// Each unit and its word.
macro_rules! units {
    ($own:ident, $theirs:path: $($name:ident)*) => {
        impl $own {
            /// `None` for one that has no word here.
            fn of(other: $theirs) -> Option<Self> {
                use $theirs as Theirs;
                match other {
                    $(Theirs::$name => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl From<$own> for $theirs {
            fn from(own: $own) -> Self {
                match own {
                    $($own::$name => Self::$name,)*
                }
            }
        }
    };
}

units! {
    Unit, price::Unit: Input Output CacheRead CacheWrite CacheWriteLong Reasoning AudioInput AudioOutput ImageInput
        ImageOutput Image Request Search
}

units! { Tier, price::Tier: Standard Batch Flex Priority Ultrafast }

// === impl Rates ===

impl Rates {
    const MAX: usize = 256;
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rates = Vec::deserialize(deserializer)?;
        if !(1..=Self::MAX).contains(&rates.len()) {
            return Err(D::Error::custom(format_args!("there must be 1 to {} rates; 0 means free", Self::MAX)));
        }
        Ok(Self(rates))
    }
}

// === impl NanoUsdRate ===

impl NanoUsdRate {
    /// A million of them still fit into 64 bits with a sign.
    const MAX: u64 = 9_000_000_000_000;
}

impl<'de> Deserialize<'de> for NanoUsdRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 0, Self::MAX).map(Self)
    }
}

// === impl Tokens ===

impl Tokens {
    const MAX: u64 = 1_000_000_000_000;
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 0, Self::MAX).map(Self)
    }
}

// === impl Day ===

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = text.parse().ok().map(Self).filter(|day| day.to_string() == text);
        day.ok_or_else(|| D::Error::custom("a day is written like 2026-01-31"))
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use super::*;
    use crate::texts::inline_schema;

    inline_schema!(Rates, generator, {
        "type": "array", "items": generator.subschema_for::<Rate>(), "minItems": 1, "maxItems": Self::MAX,
    });
    inline_schema! {
        NanoUsdRate { "type": "integer", "minimum": 0, "maximum": Self::MAX };
        Tokens { "type": "integer", "minimum": 0, "maximum": Self::MAX };
        Day { "type": "string", "format": "date" };
    }
}
