//! Whether anything stored could be like a prompt, told by its words alone.
//!
//! A vector costs milliseconds, and most requests have nothing that they could be answered with. So a request is only
//! embedded while it waits if a stored prompt of its namespace has enough of its words.

use std::collections::{HashMap, VecDeque};

use crate::index::Namespace;
use crate::semantic::text::Analysis;

/// How many prompts are remembered; the oldest is forgotten first.
const MAX_PROMPTS: usize = 200_000;
/// How many places of one word are looked at: words of more are too common to tell prompts apart.
const MAX_PLACES: usize = 4096;
/// The share of a prompt's weight that a stored one must have.
const ENOUGH: f32 = 0.2;

/// The words of stored prompts.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    words: HashMap<(u64, u32), Vec<u32>>,
    prompts: VecDeque<(u64, Vec<u32>)>,
    /// The number of the first of `prompts`.
    first: u32,
}

impl Prefilter {
    /// Remembers a stored prompt.
    pub(super) fn insert(&mut self, namespace: &Namespace, analysis: &Analysis) {
        let place = short(namespace);
        if self.prompts.len() >= MAX_PROMPTS {
            self.forget_oldest();
        }
        let number = self.first.wrapping_add(u32::try_from(self.prompts.len()).unwrap_or(u32::MAX));
        let words: Vec<u32> = analysis.content.iter().map(|content| content.word).collect();
        for word in &words {
            let places = self.words.entry((place, *word)).or_default();
            if places.last() != Some(&number) && places.len() <= MAX_PLACES {
                places.push(number);
            }
        }
        self.prompts.push_back((place, words));
    }

    fn forget_oldest(&mut self) {
        let Some((place, words)) = self.prompts.pop_front() else { return };
        for word in words {
            if let Some(places) = self.words.get_mut(&(place, word)) {
                places.retain(|number| *number != self.first);
                if places.is_empty() {
                    self.words.remove(&(place, word));
                }
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
            if places.len() > MAX_PLACES {
                return true;
            }
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
}
