//! Words of a fixed vocabulary, such as error codes, as they come back from a store.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// More distinct words than any version has; a store that holds more is not one of ours.
const MOST: usize = 1024;

/// What stands for a word once there are too many.
const OTHER: &str = "other";

/// The word as one that lives as long as the process, which is how records hold them. Each distinct word is kept once; a
/// newer version's words are taken as they are.
pub(crate) fn lasting(word: &str) -> &'static str {
    static WORDS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let words = words.get_or_insert_default();
    if let Some(known) = words.get(word) {
        return known;
    }
    if words.len() >= MOST {
        return OTHER;
    }
    let word: &'static str = Box::leak(word.into());
    words.insert(word);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_is_kept_once() {
        let first = lasting("upstream_error");
        let again = lasting(&String::from("upstream_error"));
        assert!(std::ptr::eq(first, again));
        assert_eq!(lasting("one of a newer version"), "one of a newer version");
    }
}
