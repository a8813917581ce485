//! What is charged for, and how much.

use std::fmt;

use tollgate_core::NanoUsd;

/// Nano-dollars per million of whatever it is a rate of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

/// What providers count and charge for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Tokens of input that no other unit stands for.
    Input,
    /// Tokens of output that no other unit stands for.
    Output,
    /// Tokens of input that were read from the provider's cache.
    CacheRead,
    /// Tokens of input that were written to the provider's cache.
    CacheWrite,
    /// Those of them that are kept for longer: an hour with Anthropic.
    CacheWriteLong,
    /// Tokens of output spent on reasoning.
    Reasoning,
    /// Tokens of input that were audio.
    AudioInput,
    /// Tokens of output that were audio.
    AudioOutput,
    /// Tokens of input that were pictures.
    ImageInput,
    /// Tokens of output that were pictures.
    ImageOutput,
    /// Pictures that were made.
    Image,
    /// The request as such.
    Request,
    /// Searches of the web, or of documents in a rerank.
    Search,
}

/// A rate for each unit that is charged for apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<Rate>; Unit::ALL.len()]);

/// A class of service with rates of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// What one gets without asking for anything.
    #[default]
    Standard,
    /// Answered within a day.
    Batch,
    /// Answered when there is room.
    Flex,
    /// Answered before others.
    Priority,
    /// Answered by faster machines.
    Ultrafast,
}

// === impl Rate ===

impl Rate {
    /// Dollars per million, such as `0.15`, as the lists of providers have it.
    pub(super) fn per_million(dollars: &str) -> Option<Self> {
        dollars.parse::<NanoUsd>().ok().map(|amount| Self(amount.0))
    }

    /// Dollars for each.
    pub(super) fn each(dollars: &str) -> Option<Self> {
        dollars.parse::<NanoUsd>().ok()?.0.checked_mul(1_000_000).map(Self)
    }
}

// === impl Unit ===

impl Unit {
    /// All units.
    pub const ALL: [Self; 13] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWriteLong,
        Self::Reasoning,
        Self::AudioInput,
        Self::AudioOutput,
        Self::ImageInput,
        Self::ImageOutput,
        Self::Image,
        Self::Request,
        Self::Search,
    ];

    /// The name in the text of a price.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "in",
            Self::Output => "out",
            Self::CacheRead => "read",
            Self::CacheWrite => "write",
            Self::CacheWriteLong => "write_long",
            Self::Reasoning => "reasoning",
            Self::AudioInput => "audio_in",
            Self::AudioOutput => "audio_out",
            Self::ImageInput => "image_in",
            Self::ImageOutput => "image_out",
            Self::Image => "per_image",
            Self::Request => "per_request",
            Self::Search => "per_search",
        }
    }

    /// Whether its rate is written in dollars for each, not in dollars per million.
    #[must_use]
    pub const fn is_each(self) -> bool {
        matches!(self, Self::Image | Self::Request | Self::Search)
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == name)
    }

    /// A rate in dollars as it is written: per million tokens, or for each of what is not counted in tokens.
    #[must_use]
    pub fn rate(self, dollars: &str) -> Option<Rate> {
        if self.is_each() { Rate::each(dollars) } else { Rate::per_million(dollars) }
    }
}

// === impl Rates ===

impl Rates {
    /// The rate of a unit.
    #[must_use]
    pub const fn get(&self, unit: Unit) -> Option<Rate> {
        self.0[unit as usize]
    }

    /// Sets the rate of a unit, or takes it away.
    pub const fn set(&mut self, unit: Unit, rate: Option<Rate>) {
        self.0[unit as usize] = rate;
    }

    /// Takes over every rate that `other` has.
    pub(super) fn overlay(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = other.or(*own);
        }
    }

    /// The units that have a rate, and their rates.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, Rate)> + '_ {
        Unit::ALL.into_iter().filter_map(|unit| Some((unit, self.get(unit)?)))
    }
}

// === impl Tier ===

impl Tier {
    /// All classes of service.
    pub const ALL: [Self; 5] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority, Self::Ultrafast];

    /// The name in the text of a price; empty for the standard one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Ultrafast => "ultrafast",
        }
    }

    /// The class that a provider's word stands for. `None` for capacity that is paid for otherwise, and for words that are
    /// not known: then what a request costs is not known either.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            // OpenAI, Anthropic and Google, Groq.
            "" | "default" | "standard" | "auto" | "on_demand" => Some(Self::Standard),
            word => Self::named(word),
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
