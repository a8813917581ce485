//! What is kept of an answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use tollgate_core::Usage;
use tollgate_core::ir::Block;

use crate::epochs::Stamp;
use crate::written::WrittenEntry;
use crate::{Packed, PackedUsage, Provenance};

/// A stored answer. There are many, so it is small: what others have as well is shared, and counts are packed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenEntry", into = "WrittenEntry")]
pub struct Entry {
    /// The answer itself.
    pub payload: Payload,
    /// Who answered, and for whom.
    pub provenance: Arc<Provenance>,
    /// The tags by which it can be invalidated, with the epochs in which it was asked for.
    pub tags: Box<[Stamp]>,
    /// What the answer took, which is what each use of it saves. See [`Entry::usage`].
    pub usage: Option<PackedUsage>,
    /// When it was stored, in milliseconds since 1970.
    pub stored_at: u64,
    /// For how long it is fresh, in milliseconds.
    pub ttl: u64,
    /// For how long after that it may stand in while a new answer is fetched or cannot be had, in milliseconds.
    pub grace: u64,
    /// How fast it came; `None` of those that were stored before that was noted.
    pub pace: Option<Pace>,
}

/// How fast an answer came, in milliseconds since it was asked for; what is more than 32 bits can tell is the most that they
/// can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Until its first piece.
    #[serde(deserialize_with = "saturated")]
    pub first: u32,
    /// Until its last piece.
    #[serde(deserialize_with = "saturated")]
    pub last: u32,
    /// In how many pieces.
    #[serde(deserialize_with = "saturated")]
    pub pieces: u32,
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

    /// The names of its tags.
    pub fn tag_names(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().filter_map(Stamp::tag)
    }

    /// All epochs in which it was asked for, those of its tags at the end.
    pub fn stamps(&self) -> impl Iterator<Item = &Stamp> {
        self.provenance.stamps.iter().chain(&self.tags)
    }

    /// What the answer took, unpacked.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().map(PackedUsage::unpack)
    }

    /// About how many bytes of memory it takes in a store, without its [`provenance`](Self::provenance), which is not its
    /// own.
    #[must_use]
    pub fn size(&self) -> usize {
        /// The places of one key in the store's tables, the counters of what is shared, and what an allocator adds.
        const OVERHEAD: usize = 128;
        let payload = match &self.payload {
            Payload::Answer(answer) => answer.size(),
            Payload::Text(text) => text.len(),
        };
        let tags: usize = self.tags.iter().map(|stamp| size_of::<Stamp>() + stamp.name.len()).sum();
        let usage = self.usage.as_ref().map_or(0, PackedUsage::size);
        OVERHEAD + size_of::<Self>() + payload + tags + usage
    }

    /// How fast it came, or might have come if that was not noted.
    #[must_use]
    pub fn pace(&self) -> Pace {
        /// What is common among models: half a second, then fifty tokens in a second.
        const GUESS: Pace = Pace { first: 500, last: 500, pieces: 1 };
        const TOKEN: u32 = 20;
        const MOST: u32 = 10_000;
        self.pace.unwrap_or_else(|| {
            let (_, output) = self.input_and_output();
            let tokens = u32::try_from(output.unwrap_or(0)).unwrap_or(MOST).min(MOST);
            Pace { last: GUESS.last + TOKEN * tokens, ..GUESS }
        })
    }

    /// What using it saves, in tokens of input: one of output costs about five times as much with most providers.
    #[must_use]
    pub fn worth(&self) -> u64 {
        let (input, output) = self.input_and_output();
        input.unwrap_or(0).saturating_add(output.unwrap_or(0).saturating_mul(5)).max(1)
    }

    fn input_and_output(&self) -> (Option<u64>, Option<u64>) {
        self.usage.as_ref().map(PackedUsage::input_and_output).unwrap_or_default()
    }
}

/// A count that may have been written by who keeps larger ones.
fn saturated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u64::deserialize(deserializer).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
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
    use crate::provenance::tests::provenance;

    pub(crate) fn entry(text: &str) -> Entry {
        let choice = Choice { blocks: vec![Block::text(text)], ..Choice::default() };
        Entry {
            payload: Payload::Answer(Packed::new(Answer { choices: vec![choice], ..Answer::default() })),
            provenance: Arc::new(provenance("k")),
            tags: Box::default(),
            usage: Some(Usage { input: Some(10), output: Some(2), ..Usage::default() }.into()),
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
    fn an_entry_is_small() {
        let size = size_of::<Entry>();
        assert!(
            size <= 104,
            "{size} bytes: each of many thousand answers pays for it, so share or pack what was added"
        );
        assert!(size_of::<Option<Pace>>() <= 16);
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
