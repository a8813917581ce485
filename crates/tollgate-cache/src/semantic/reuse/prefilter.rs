//! Whether anything stored could be like a prompt, told by its words alone.
//!
//! A vector costs milliseconds, and most requests have nothing that they could be answered with. So a request is only
//! embedded while it waits if a stored prompt of its namespace has enough of its words.

use std::collections::hash_map::Entry;
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
    /// By namespace and word, as [`spot`] gives them. Most words are of few prompts, and many of one, whose number is here
    /// then; else it is the number of a list, with [`LISTED`].
    words: HashMap<u32, u32>,
    lists: Vec<Places>,
    /// Lists that no word has.
    free: Vec<u32>,
    /// The namespace of each prompt and how many words it has, the oldest first.
    prompts: VecDeque<(u32, u16)>,
    /// Their words, one prompt after the other.
    spelled: VecDeque<u32>,
    /// The number of the first of `prompts`; numbers are below [`LISTED`].
    first: u32,
}

const LISTED: u32 = 1 << 31;

/// Which prompts have a word, if they are several.
#[derive(Debug)]
enum Places {
    /// These, in order.
    These(Vec<u32>),
    /// So many. It stays so until none is left, because which they are is no longer known.
    Many(usize),
}

enum Found<'a> {
    These(&'a [u32]),
    Many,
}

// === impl Prefilter ===

impl Prefilter {
    /// Remembers a stored prompt.
    pub(super) fn insert(&mut self, namespace: &Namespace, analysis: &Analysis) {
        let place = short(namespace);
        if self.prompts.len() >= MAX_PROMPTS {
            self.forget_oldest();
        }
        let number = self.first.wrapping_add(u32::try_from(self.prompts.len()).unwrap_or(u32::MAX)) % LISTED;
        let mut words: Vec<u32> = analysis.content.iter().map(|content| content.word).collect();
        words.sort_unstable();
        words.dedup();
        words.truncate(usize::from(u16::MAX));
        for word in &words {
            self.add(spot(place, *word), number);
        }
        self.prompts.push_back((place, u16::try_from(words.len()).unwrap_or(u16::MAX)));
        self.spelled.extend(words);
    }

    fn forget_oldest(&mut self) {
        let Some((place, words)) = self.prompts.pop_front() else { return };
        for word in self.spelled.drain(..usize::from(words)) {
            let spot = spot(place, word);
            let Some(known) = self.words.get(&spot).copied() else { continue };
            let list = if known < LISTED { None } else { self.lists.get_mut((known % LISTED) as usize) };
            let is_last = match list {
                Some(list) => list.take(self.first),
                None => known == self.first,
            };
            if is_last {
                self.words.remove(&spot);
                self.free.extend((known >= LISTED).then_some(known % LISTED));
            }
        }
        self.first = (self.first + 1) % LISTED;
    }

    fn add(&mut self, spot: u32, number: u32) {
        let known = match self.words.entry(spot) {
            Entry::Vacant(vacant) => {
                vacant.insert(number);
                return;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if *known < LISTED {
            let list = Places::These(vec![*known, number]);
            *known = LISTED
                | match self.free.pop() {
                    Some(place) => {
                        self.lists[place as usize] = list;
                        place
                    }
                    None => {
                        self.lists.push(list);
                        // As many as prompts at most.
                        u32::try_from(self.lists.len() - 1).unwrap_or_default()
                    }
                };
        } else if let Some(list) = self.lists.get_mut((*known % LISTED) as usize) {
            list.add(number);
        }
    }

    /// Which prompts have a word.
    fn places(&self, spot: u32) -> Option<Found<'_>> {
        let known = self.words.get(&spot)?;
        if *known < LISTED {
            return Some(Found::These(std::slice::from_ref(known)));
        }
        match self.lists.get((*known % LISTED) as usize)? {
            Places::These(numbers) => Some(Found::These(numbers)),
            Places::Many(_) => Some(Found::Many),
        }
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
            let Some(places) = self.places(spot(place, content.word)) else { continue };
            let weight = f32::from(content.weight);
            // A word of very many prompts says that there is something, but not which.
            let Found::These(places) = places else { return true };
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
            Self::These(places) if places.len() < MAX_PLACES => {
                if places.len() == places.capacity() {
                    // Without the doubling that would leave half of it empty.
                    places.reserve_exact(places.len() / 4 + 1);
                }
                places.push(number);
            }
            Self::These(places) => *self = Self::Many(places.len() + 1),
            Self::Many(count) => *count += 1,
        }
    }

    /// Takes out the oldest; whether none is left.
    fn take(&mut self, number: u32) -> bool {
        match self {
            Self::These(places) => {
                places.retain(|each| *each != number);
                if places.is_empty() {
                    // Its place waits for another word, without the room that this one had.
                    *places = Vec::new();
                }
                places.is_empty()
            }
            Self::Many(count) => {
                *count = count.saturating_sub(1);
                *count == 0
            }
        }
    }
}

/// A part of a namespace. Two that have the same have their words together, as words of one [`spot`] are.
fn short(namespace: &Namespace) -> u32 {
    let [a, b, c, d, ..] = *namespace.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A word in a namespace. Two that fall together by chance only make a prompt plausible that is not. When as many prompts are
/// remembered as may be, with ten words each that no other has, that happens to one in 2,000 words that none has.
fn spot(place: u32, word: u32) -> u32 {
    // The finaliser of SplitMix64.
    let mut mixed = (u64::from(place) << 32 | u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[expect(clippy::cast_possible_truncation, reason = "half of it is enough")]
    let spot = (mixed ^ (mixed >> 31)) as u32;
    spot
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
