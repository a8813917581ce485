//! Whether anything stored could be like a prompt, told by its words alone.
//!
//! A vector costs milliseconds, and most requests have nothing that they could be answered with. So a request is only
//! embedded while it waits if a stored prompt of its namespace has enough of its words.

use std::collections::{HashMap, VecDeque};

use crate::index::Namespace;
use crate::semantic::text::Analysis;

/// How many prompts are remembered; the oldest is forgotten first. Three times as many as an index holds by default, so that
/// what is forgotten here is long gone there.
const MAX_PROMPTS: usize = 200_000;
/// In how many prompts a word is told apart: one of more is too common.
const MAX_PLACES: usize = 4096;
/// The share of a prompt's weight that a stored one must have.
const ENOUGH: f32 = 0.2;

/// The words of stored prompts.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    words: HashMap<(u64, u32), Places>,
    /// The namespace of each prompt and how many words it has, the oldest first.
    prompts: VecDeque<(u64, u16)>,
    /// Their words, one prompt after the other.
    spelled: VecDeque<u32>,
    /// The number of the first of `prompts`.
    first: u32,
}

/// Which prompts have a word.
#[derive(Debug)]
enum Places {
    /// These, in order.
    These(Vec<u32>),
    /// So many. It stays so until none is left, because which they are is no longer known.
    Many(usize),
}

// === impl Prefilter ===

impl Prefilter {
    /// Remembers a stored prompt.
    pub(super) fn insert(&mut self, namespace: &Namespace, analysis: &Analysis) {
        let place = short(namespace);
        if self.prompts.len() >= MAX_PROMPTS {
            self.forget_oldest();
        }
        let number = self.first.wrapping_add(u32::try_from(self.prompts.len()).unwrap_or(u32::MAX));
        let mut words: Vec<u32> = analysis.content.iter().map(|content| content.word).collect();
        words.sort_unstable();
        words.dedup();
        words.truncate(usize::from(u16::MAX));
        for word in &words {
            self.words.entry((place, *word)).or_insert_with(|| Places::These(Vec::with_capacity(1))).add(number);
        }
        self.prompts.push_back((place, u16::try_from(words.len()).unwrap_or(u16::MAX)));
        self.spelled.extend(words);
    }

    fn forget_oldest(&mut self) {
        let Some((place, words)) = self.prompts.pop_front() else { return };
        for word in self.spelled.drain(..usize::from(words)) {
            if let Some(places) = self.words.get_mut(&(place, word))
                && places.take(self.first)
            {
                self.words.remove(&(place, word));
            }
        }
        self.first = self.first.wrapping_add(1);
    }

    /// Whether a stored prompt of the namespace may be like this one.
    pub(super) fn is_plausible(&self, namespace: &Namespace, analysis: &Analysis) -> bool {
        let place = short(namespace);
        let total: f32 = analysis.content.iter().map(|content| f32::from(content.weight)).sum();
        if total == 0.0 {
            return false;
        }
        let mut shared: HashMap<u32, f32> = HashMap::new();
        for content in &analysis.content {
            let Some(places) = self.words.get(&(place, content.word)) else { continue };
            let weight = f32::from(content.weight);
            // A word of very many prompts says that there is something, but not which.
            let Places::These(places) = places else { return true };
            for number in places {
                let sum = shared.entry(*number).or_default();
                *sum += weight;
                if *sum >= ENOUGH * total {
                    return true;
                }
            }
        }
        false
    }
}

// === impl Places ===

impl Places {
    fn add(&mut self, number: u32) {
        match self {
            Self::These(places) if places.len() < MAX_PLACES => places.push(number),
            Self::These(places) => *self = Self::Many(places.len() + 1),
            Self::Many(count) => *count += 1,
        }
    }

    /// Takes out the oldest; whether none is left.
    fn take(&mut self, number: u32) -> bool {
        match self {
            Self::These(places) => {
                places.retain(|each| *each != number);
                places.is_empty()
            }
            Self::Many(count) => {
                *count = count.saturating_sub(1);
                *count == 0
            }
        }
    }
}

fn short(namespace: &Namespace) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *namespace.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prompts_with_common_words_are_plausible() {
        let mut prefilter = Prefilter::default();
        let (here, there) = (Namespace::new([1; 32]), Namespace::new([2; 32]));
        let of = Analysis::of;
        assert!(!prefilter.is_plausible(&here, &of("How do I reset my password?")));
        prefilter.insert(&here, &of("How can I reset my password?"));
        assert!(prefilter.is_plausible(&here, &of("I forgot my password")));
        assert!(!prefilter.is_plausible(&here, &of("What do whales eat?")));
        assert!(!prefilter.is_plausible(&there, &of("How do I reset my password?")));
        prefilter.forget_oldest();
        assert!(!prefilter.is_plausible(&here, &of("How do I reset my password?")));
        assert!(prefilter.words.is_empty());
    }

    #[test]
    fn a_word_of_too_many_prompts_stays_plausible_until_the_last_is_forgotten() {
        let mut prefilter = Prefilter::default();
        let here = Namespace::new([1; 32]);
        let (common, asked) = (Analysis::of("password"), Analysis::of("my password"));
        (0..=MAX_PLACES).for_each(|_| prefilter.insert(&here, &common));
        // Half of them go, so that there are few enough again; those that are left are no less there.
        (0..=MAX_PLACES / 2).for_each(|_| prefilter.forget_oldest());
        prefilter.insert(&here, &common);
        assert!(prefilter.is_plausible(&here, &asked));
        (0..MAX_PLACES).for_each(|_| prefilter.forget_oldest());
        assert!(!prefilter.is_plausible(&here, &asked));
        assert!(prefilter.words.is_empty() && prefilter.spelled.is_empty());
    }
}
