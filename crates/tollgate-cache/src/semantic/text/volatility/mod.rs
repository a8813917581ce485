//! How soon an answer goes stale, as far as the question tells.

mod cue;
mod model;

use std::time::Duration;

pub use model::buckets;

use super::token::tokens;

/// How soon the answer to a prompt goes stale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Volatility {
    /// The chance that the answer depends on when it is asked, 0 to 1, by a model of words.
    pub probability: f32,
    /// The class that follows from the chance and from cues.
    pub freshness: Freshness,
}

/// A class of answers by how long they stay true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freshness {
    /// Does not change: `What is the boiling point of water?`
    Static,
    /// May change within months: `What is the population of Oslo?`
    Slow,
    /// May change within days: `Who leads the league this week?`
    Daily,
    /// Changes while one asks: `What time is it?` Never answered semantically.
    Live,
}

/// From this chance on an answer is no longer static. Chosen for recall: of held-out questions whose answers change, more
/// than nineteen of twenty are above it, and what is wrongly above it only gets a shorter life.
const SLOW: f32 = 0.1;
/// From this chance on an answer is taken to change within days.
const DAILY: f32 = 0.9;

// === impl Volatility ===

impl Volatility {
    /// The volatility of the first [`MAX_BYTES`](super::MAX_BYTES) of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = super::bounded(text);
        let probability = model::probability(text);
        let by_chance = match probability {
            chance if chance >= DAILY => Freshness::Daily,
            chance if chance >= SLOW => Freshness::Slow,
            _ => Freshness::Static,
        };
        let tokens = tokens(text);
        // The model knows questions; an instruction is about what it comes with.
        let by_chance = if cue::is_instruction(&tokens) { by_chance.min(Freshness::Slow) } else { by_chance };
        let freshness = by_chance.max(cue::freshness(&tokens));
        Self { probability, freshness }
    }
}

// === impl Freshness ===

impl Freshness {
    /// How long an answer of this class is served by default: 30 days, 7 days, 6 hours, 60 seconds.
    #[must_use]
    pub const fn default_lifetime(self) -> Duration {
        const HOUR: u64 = 60 * 60;
        Duration::from_secs(match self {
            Self::Static => 30 * 24 * HOUR,
            Self::Slow => 7 * 24 * HOUR,
            Self::Daily => 6 * HOUR,
            Self::Live => 60,
        })
    }

    /// Whether only the very same request may be answered.
    #[must_use]
    pub const fn is_exact_only(self) -> bool {
        matches!(self, Self::Live)
    }

    /// A stable word for headers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Slow => "slow",
            Self::Daily => "daily",
            Self::Live => "live",
        }
    }
}
