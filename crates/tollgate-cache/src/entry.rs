//! What is kept of an answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tollgate_core::Usage;
use tollgate_core::ir::Block;

use crate::Packed;
use crate::epochs::Stamp;

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The answer itself.
    pub payload: Payload,
    /// The provider that answered.
    pub provider: Arc<str>,
    /// The model that was asked.
    pub model: Arc<str>,
    /// The model as the provider named it in its answer.
    pub model_answered: Option<Arc<str>>,
    /// What the answer took, which is what each use of it saves.
    pub usage: Option<Usage>,
    /// What a translation could not carry to the provider, in the words of the client that asked.
    pub dropped: Vec<String>,
    /// Who may share it.
    pub scope: Arc<str>,
    /// Names by which it can be invalidated.
    pub tags: Vec<Arc<str>>,
    /// The epochs in which it was asked for.
    pub stamps: Vec<Stamp>,
    /// When it was stored, in milliseconds since 1970.
    pub stored_at: u64,
    /// For how long it is fresh, in milliseconds.
    pub ttl: u64,
    /// For how long after that it may stand in while a new answer is fetched or cannot be had, in milliseconds.
    pub grace: u64,
    /// How fast it came; `None` of those that were stored before that was noted.
    #[serde(default)]
    pub pace: Option<Pace>,
}

/// How fast an answer came, in milliseconds since it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Until its first piece.
    pub first: u64,
    /// Until its last piece.
    pub last: u64,
    /// In how many pieces.
    pub pieces: u64,
}

/// An answer in the form in which it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Payload {
    /// In the representation that all protocols share, without the names that an answer gets for each client anew.
    Answer(Packed),
    /// As the text that it was, for operations whose answers are not conversations.
    Text(String),
}

/// How old an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It may be served.
    Fresh,
    /// It may stand in.
    Stale,
    /// It is of no use.
    Expired,
}

impl Entry {
    /// How old it is, by a clock in milliseconds since 1970.
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        Duration::from_millis(now.saturating_sub(self.stored_at))
    }

    /// Whether it may still be served.
    #[must_use]
    pub fn freshness(&self, now: u64) -> Freshness {
        let age = now.saturating_sub(self.stored_at);
        if age < self.ttl {
            Freshness::Fresh
        } else if age < self.ttl.saturating_add(self.grace) {
            Freshness::Stale
        } else {
            Freshness::Expired
        }
    }

    /// Milliseconds from now for which keeping it makes sense.
    #[must_use]
    pub fn remaining(&self, now: u64) -> u64 {
        self.stored_at.saturating_add(self.ttl).saturating_add(self.grace).saturating_sub(now)
    }

    /// What the first choice says, if it is nothing but words.
    #[must_use]
    pub fn text(&self) -> String {
        let Payload::Answer(answer) = &self.payload else { return String::new() };
        let answer = answer.unpack();
        let is_prose = |block: &Block| matches!(block, Block::Text(_) | Block::Thinking(_));
        if answer.choices.len() != 1 || !answer.blocks().iter().all(is_prose) {
            return String::new();
        }
        answer.blocks().iter().filter_map(Block::as_text).collect()
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        /// Allocations, the tables' places, and what is too small to be counted one by one.
        const OVERHEAD: usize = 512;
        let payload = match &self.payload {
            Payload::Answer(answer) => answer.size(),
            Payload::Text(text) => text.len(),
        };
        let names = self.tags.iter().map(|tag| tag.len() + 16).sum::<usize>()
            + self.stamps.iter().map(|stamp| stamp.name.len() + 24).sum::<usize>();
        OVERHEAD + payload + names
    }

    /// How fast it came, or might have come if that was not noted.
    #[must_use]
    pub fn pace(&self) -> Pace {
        /// What is common among models: half a second, then fifty tokens in a second.
        const GUESS: Pace = Pace { first: 500, last: 500, pieces: 1 };
        const TOKEN: u64 = 20;
        self.pace.unwrap_or_else(|| {
            let tokens = self.usage.and_then(|usage| usage.output).unwrap_or(0).min(10_000);
            Pace { last: GUESS.last + TOKEN * tokens, ..GUESS }
        })
    }

    /// What using it saves, in tokens of input: one of output costs about five times as much with most providers.
    #[must_use]
    pub fn worth(&self) -> u64 {
        let usage = self.usage.unwrap_or_default();
        usage.input.unwrap_or(0).saturating_add(usage.output.unwrap_or(0).saturating_mul(5)).max(1)
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use tollgate_core::ir::{Answer, Choice};

    use super::*;

    pub(crate) fn entry(text: &str) -> Entry {
        let choice = Choice { blocks: vec![Block::text(text)], ..Choice::default() };
        Entry {
            payload: Payload::Answer(Packed::new(Answer { choices: vec![choice], ..Answer::default() })),
            provider: "p".into(),
            model: "m".into(),
            model_answered: None,
            usage: Some(Usage { input: Some(10), output: Some(2), ..Usage::default() }),
            dropped: Vec::new(),
            scope: "k".into(),
            tags: Vec::new(),
            stamps: Vec::new(),
            stored_at: 1000,
            ttl: 100,
            grace: 50,
            pace: None,
        }
    }

    #[test]
    fn entries_age() {
        let entry = entry("x");
        assert_eq!([1000, 1099, 1100, 1149, 1150].map(|now| entry.freshness(now)), {
            use Freshness::{Expired, Fresh, Stale};
            [Fresh, Fresh, Stale, Stale, Expired]
        });
        assert_eq!(entry.age(900), Duration::ZERO);
        assert_eq!(entry.remaining(1100), 50);
        assert_eq!(entry.worth(), 20);
    }

    #[test]
    fn larger_answers_are_larger() {
        assert!(entry(&"x".repeat(1000)).size() >= entry("").size() + 1000);
    }

    #[test]
    fn entries_are_written_down_and_read_again() {
        let entry = entry("ä");
        let text = serde_json::to_vec(&entry).unwrap();
        assert_eq!(serde_json::from_slice::<Entry>(&text).unwrap(), entry);
    }
}
