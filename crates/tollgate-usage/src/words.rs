//! Words that many records have, as they come back from a store.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// More distinct words than any version has; a store that holds more is not one of ours.
const MOST: usize = 1024;

/// How many words of records a thread remembers: those of a few requests that are not alike.
const RECENT: usize = 16;

/// Bytes of a word that is not worth remembering.
const LONG: usize = 128;

/// What stands for a word once there are too many.
const OTHER: &str = "other";

/// A word that is likely that of another record, such as the name of a key or a model: one in memory for all records that are
/// read after each other.
pub(crate) fn shared(word: &str) -> Arc<str> {
    thread_local! {
        /// The words, and which of them is replaced next.
        static WORDS: RefCell<(Vec<Arc<str>>, usize)> = const { RefCell::new((Vec::new(), 0)) };
    }
    if word.len() > LONG {
        return word.into();
    }
    WORDS.with_borrow_mut(|(words, next)| {
        if let Some(known) = words.iter().find(|known| ***known == *word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        if words.len() < RECENT {
            words.push(word.clone());
        } else {
            words[*next] = word.clone();
            *next = (*next + 1) % RECENT;
        }
        word
    })
}

/// A word of a fixed vocabulary, such as an error code, as one that lives as long as the process, which is how records hold them. Each distinct word is kept once; a
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
    fn recent_words_are_shared() {
        let first = shared("gpt-4o");
        assert!(Arc::ptr_eq(&first, &shared("gpt-4o")));
        for number in 0..100 {
            assert_eq!(&*shared(&format!("m-{number}")), format!("m-{number}"));
        }
        assert_eq!(&*shared("gpt-4o"), "gpt-4o");
    }

    #[test]
    fn the_same_word_is_kept_once() {
        let first = lasting("upstream_error");
        let again = lasting(&String::from("upstream_error"));
        assert!(std::ptr::eq(first, again));
        assert_eq!(lasting("one of a newer version"), "one of a newer version");
    }
}
