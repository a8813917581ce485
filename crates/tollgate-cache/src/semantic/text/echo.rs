//! The answer-echo rule: an answer that speaks of what only the cached prompt named answers another question.

use super::analysis::Analysis;
use super::compact::Malformed;
use super::hash::hash32;
use super::lexicon;
use super::token::{Kind, tokens};

/// How many different words of an answer are kept.
const WORDS: usize = 4096;
/// How much of an answer is read, in bytes.
const BYTES: usize = 64 * 1024;

/// The different words of an answer, as sorted hashes of their stems.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AnswerWords {
    words: Vec<u32>,
    /// Whether the answer was longer than what is kept, so that the absence of a word says nothing.
    is_cut: bool,
}

/// What of the cached prompt alone its answer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Echo {
    /// How many words of content.
    pub words: u8,
    /// Whether one of them is a name.
    pub has_name: bool,
}

// === impl AnswerWords ===

impl AnswerWords {
    /// The words of the first 64 KiB of `answer`.
    #[must_use]
    pub fn of(answer: &str) -> Self {
        let end = (0..=answer.len().min(BYTES)).rev().find(|end| answer.is_char_boundary(*end)).unwrap_or_default();
        let tokens = tokens(&answer[..end]);
        let content = tokens.iter().filter(|token| token.kind != Kind::Symbol);
        // Function words are kept too: a prompt's `US` is content, and an answer may well write `us`.
        let mut words: Vec<u32> = content.map(|token| hash32(&lexicon::canonical(&token.folded))).collect();
        words.sort_unstable();
        words.dedup();
        let is_cut = end < answer.len() || words.len() > WORDS;
        words.truncate(WORDS);
        Self { words, is_cut }
    }

    /// The share of the words of both that both have, 0 to 1.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> f32 {
        let shared = self.words.iter().filter(|word| other.words.binary_search(word).is_ok()).count();
        let all = self.words.len() + other.words.len() - shared;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand words")]
        if all == 0 { 0.0 } else { shared as f32 / all as f32 }
    }

    /// What the answer to `cached` repeats of it that `new` does not have.
    ///
    /// Words that most texts have anyway (`make`, `time`, `good`) do not count. Of an answer that is too long to be kept
    /// whole, every word is taken to be repeated.
    #[must_use]
    pub fn echo(&self, cached: &Analysis, new: &Analysis) -> Echo {
        let mut echo = Echo::default();
        for content in &cached.content {
            let counts = content.is_entity || (!content.is_weak && content.weight >= 100);
            let is_repeated = || self.is_cut || self.words.binary_search(&content.word).is_ok();
            let is_shared = || new.content.iter().any(|other| other.word == content.word);
            if counts && !is_shared() && is_repeated() {
                echo.words = echo.words.saturating_add(1);
                echo.has_name |= content.is_entity;
            }
        }
        echo
    }

    /// The compact form: four bytes for each different word.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        std::iter::once(u8::from(self.is_cut)).chain(self.words.iter().flat_map(|word| word.to_le_bytes())).collect()
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes were not written by [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (is_cut, words) = bytes.split_first().ok_or(Malformed)?;
        let (words, rest) = words.as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let is_sound = rest.is_empty() && *is_cut <= 1 && words.is_sorted();
        is_sound.then_some(Self { words, is_cut: *is_cut == 1 }).ok_or(Malformed)
    }
}

// === impl Echo ===

impl Echo {
    /// Whether the answer may be served as far as this rule goes.
    #[must_use]
    pub fn is_silent(self) -> bool {
        self.words == 0
    }
}
