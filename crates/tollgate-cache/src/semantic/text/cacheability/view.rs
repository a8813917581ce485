//! The words of a prompt as the rules of refusal look at them.

use crate::semantic::text::frame::framed;
use crate::semantic::text::lexicon;
use crate::semantic::text::token::{Kind, Token};

/// How many words are looked at: what makes a prompt personal or an order is said early.
const WORDS: usize = 200;

/// The words of a prompt, without symbols.
pub(super) struct View<'a> {
    pub(super) words: Vec<&'a str>,
    /// The words without politeness and without what asks for instructions.
    pub(super) core: Vec<&'a str>,
    /// The words of the last sentence.
    pub(super) last_sentence: Vec<&'a str>,
    /// How many words carry content.
    pub(super) content: usize,
}

// === impl View ===

impl<'a> View<'a> {
    pub(super) fn of(tokens: &'a [Token<'a>]) -> Self {
        let frames = framed(tokens);
        let last = tokens.iter().rposition(|token| token.initial && token.kind != Kind::Symbol).unwrap_or_default();
        let rest = tokens.iter().zip(frames).filter(|(_, framed)| !framed).map(|(token, _)| token);
        let core =
            words(rest).filter(|word| !is_one_of(word, "please kindly hi hello hey thanks just ok okay now then so"));
        Self {
            words: words(tokens.iter()).take(WORDS).collect(),
            core: core.take(WORDS).collect(),
            last_sentence: words(tokens[last..].iter()).take(WORDS).collect(),
            content: words(tokens.iter()).filter(|word| !lexicon::is_function(word)).count(),
        }
    }

    /// Whether it asks how something is or is done, so that an imperative in it is no order.
    pub(super) fn asks_how(&self) -> bool {
        let mut words = self.words.iter().take(24);
        words.any(|word| is_one_of(word, "how steps why what where when which who way explain"))
    }
}

fn words<'a>(tokens: impl Iterator<Item = &'a Token<'a>>) -> impl Iterator<Item = &'a str> {
    tokens.filter(|token| token.kind != Kind::Symbol).map(|token| &*token.folded)
}

/// Whether `word` is in a list of words between white space.
pub(super) fn is_one_of(word: &str, list: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|other| other == word)
}

/// Whether any of `phrases`, one a line, occurs in `words`.
pub(super) fn has_any(words: &[&str], phrases: &str) -> bool {
    (0..words.len()).any(|at| starts_with_any(&words[at..], phrases).is_some())
}

/// The number of words of the first of `phrases`, one a line, that `words` begin with.
pub(super) fn starts_with_any(words: &[&str], phrases: &str) -> Option<usize> {
    phrases.lines().filter(|phrase| !phrase.is_empty()).find_map(|phrase| starts(words, phrase))
}

/// The number of words of `phrase` if `words` begin with it.
fn starts(words: &[&str], phrase: &str) -> Option<usize> {
    let mut rest = phrase;
    for (at, word) in words.iter().enumerate() {
        let tail = rest.strip_prefix(word)?;
        match tail.strip_prefix(' ') {
            Some(tail) => rest = tail,
            None => return tail.is_empty().then_some(at + 1),
        }
    }
    None
}
