//! Word lists of English, looked up by folded word or stem.
//!
//! Lists are text: one group a line, so that a reader can judge them and a change is one word.

mod common;
mod function;
mod opposites;
mod synonyms;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::stem::stem;

/// A value within a group of alternatives: `buy` and `sell` have the same group and different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alternative {
    pub(crate) group: u8,
    pub(crate) value: u8,
}

/// Whether a folded word carries structure rather than content.
pub(crate) fn is_function(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&'static str>> =
        LazyLock::new(|| function::FUNCTION.split_whitespace().chain(function::BENIGN.split_whitespace()).collect());
    WORDS.contains(word)
}

/// Whether a stem is so common in any text that sharing it says little.
pub(crate) fn is_common(stem: &str) -> bool {
    static WORDS: LazyLock<HashSet<Cow<'static, str>>> =
        LazyLock::new(|| common::COMMON.split_whitespace().map(canonical).collect());
    WORDS.contains(stem)
}

/// Whether a folded word is in any of the lists, so that a text with it is likely English.
pub(crate) fn is_known_english(word: &str) -> bool {
    is_function(word) || is_common(&canonical(word)) || alternative(word).is_some()
}

/// Whether a stem adds so little that a prompt with it asks the same as one without.
pub(crate) fn is_weak(stem: &str) -> bool {
    static WORDS: LazyLock<HashSet<Cow<'static, str>>> =
        LazyLock::new(|| common::WEAK.split_whitespace().map(canonical).collect());
    WORDS.contains(stem)
}

/// The stem that stands for a folded word and its synonyms.
pub(crate) fn canonical(word: &str) -> Cow<'_, str> {
    static WORDS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(synonyms);
    let stemmed = stem(word);
    // Irregular forms are looked up as they are: their stems may be another word's.
    match WORDS.get(word).or_else(|| WORDS.get(&*stemmed)) {
        Some(canonical) => Cow::Borrowed(canonical),
        None => stemmed,
    }
}

/// The alternatives that a folded word belongs to.
pub(crate) fn alternative(word: &str) -> Option<Alternative> {
    static WORDS: LazyLock<HashMap<String, Alternative>> = LazyLock::new(alternatives);
    WORDS.get(word).or_else(|| WORDS.get(&*stem(word))).or_else(|| WORDS.get(&*canonical(word))).copied()
}

fn synonyms() -> HashMap<String, &'static str> {
    let mut table = HashMap::new();
    for line in synonyms::SYNONYMS.lines() {
        let mut words = line.split_whitespace();
        let Some(canonical) = words.next() else { continue };
        for word in std::iter::once(canonical).chain(words) {
            table.entry(word.to_owned()).or_insert(canonical);
            table.entry(stem(word).into_owned()).or_insert(canonical);
        }
    }
    table
}

fn alternatives() -> HashMap<String, Alternative> {
    let mut table = HashMap::new();
    for (group, line) in (0..=u8::MAX).zip(opposites::OPPOSITES.lines().filter(|line| !line.is_empty())) {
        for (value, words) in (0..=u8::MAX).zip(line.split('|')) {
            for word in words.split_whitespace() {
                table.entry(word.to_owned()).or_insert(Alternative { group, value });
                table.entry(stem(word).into_owned()).or_insert(Alternative { group, value });
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_opposites_has_a_group() {
        let lines = opposites::OPPOSITES.lines().filter(|line| !line.is_empty()).count();
        assert!(lines <= usize::from(u8::MAX), "{lines}");
        assert!(opposites::OPPOSITES.lines().filter(|line| !line.is_empty()).all(|line| line.contains('|')));
    }

    #[test]
    fn opposites_are_no_synonyms() {
        for line in opposites::OPPOSITES.lines() {
            let sides: Vec<Vec<_>> =
                line.split('|').map(|side| side.split_whitespace().map(canonical).collect()).collect();
            for (at, side) in sides.iter().enumerate() {
                let others = sides.iter().skip(at + 1).flatten();
                assert!(!others.into_iter().any(|other| side.contains(other)), "{line}");
            }
        }
    }

    #[test]
    fn inflections_find_their_alternative() {
        assert_eq!(alternative("selling"), alternative("sold"));
        assert_eq!(alternative("buy").map(|it| it.group), alternative("sell").map(|it| it.group));
        assert_ne!(alternative("buy"), alternative("sell"));
        assert_eq!(alternative("table"), None);
    }
}
