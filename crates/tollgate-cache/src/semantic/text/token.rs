//! Text as words, numbers and symbols, with contractions written out.

use std::borrow::Cow;

/// A word, a number or a single symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// As it was written. The parts of a contraction share it.
    pub(crate) raw: &'a str,
    /// In lower case, with plain apostrophes, contractions written out.
    pub(crate) folded: Cow<'a, str>,
    pub(crate) kind: Kind,
    /// Whether white space or the begin of the text is before it.
    pub(crate) spaced: bool,
    /// Whether it begins a sentence, where a capital says nothing.
    pub(crate) initial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, or one character of a script without spaces.
    Word,
    /// Digits, perhaps with separators.
    Number,
    /// Letters and digits in one: `b2b`, `9am`.
    Mixed,
    /// Anything else that is not white space.
    Symbol,
}

// === impl Token ===

impl Token<'_> {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.folded == word
    }

    pub(crate) fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }

    /// Whether it begins with a capital, other than as the pronoun `I`.
    pub(crate) fn is_capitalised(&self) -> bool {
        self.kind != Kind::Symbol && self.raw.starts_with(char::is_uppercase) && self.folded != "i"
    }

    /// Whether all its letters are capitals and it has two or more.
    pub(crate) fn is_all_capitals(&self) -> bool {
        self.raw.chars().count() > 1 && !self.raw.chars().any(char::is_lowercase) && self.is_capitalised()
    }
}

/// Splits `text` into tokens, in one pass.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(text.len() / 5 + 1);
    let (mut at, mut spaced, mut initial) = (0, true, true);
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            spaced = true;
            initial |= first == '\n';
            at += first.len_utf8();
            continue;
        }
        let (length, kind) = scan(&text[at..], first);
        let raw = &text[at..at + length];
        push(&mut tokens, raw, kind, spaced, initial);
        at += length;
        spaced = false;
        initial = match first {
            '.' | '?' | '!' | ':' | ';' | '。' | '？' | '！' => true,
            // A quote or bracket at the begin of a sentence leaves the begin to the word after it.
            _ if kind == Kind::Symbol => initial,
            _ => false,
        };
    }
    tokens
}

/// The length in bytes of the token that `text` begins with, and its kind.
fn scan(text: &str, first: char) -> (usize, Kind) {
    if is_unspaced(first) {
        return (first.len_utf8(), Kind::Word);
    }
    if !is_word_character(first) {
        return (first.len_utf8(), Kind::Symbol);
    }
    if let Some(length) = initials(text) {
        return (length, Kind::Word);
    }
    let (mut digits, mut letters, mut end) = (false, false, 0);
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        if character.is_numeric() {
            digits = true;
        } else if is_word_character(character) && !is_unspaced(character) {
            letters = true;
        } else {
            let joins = match character {
                ',' | '.' => digits && !letters && next.is_some_and(|next| next.is_ascii_digit()),
                '\'' | '’' => letters && next.is_some_and(char::is_alphabetic),
                '_' => next.is_some_and(is_word_character),
                _ => false,
            };
            if !joins {
                break;
            }
        }
        end = at + character.len_utf8();
    }
    // Names of languages that end in symbols.
    let tail = if end == 1 { &text[end..] } else { "" };
    if first.eq_ignore_ascii_case(&'c') && (tail.starts_with("++") || tail.starts_with('#')) {
        return (if tail.starts_with('#') { 2 } else { 3 }, Kind::Word);
    }
    let kind = match (digits, letters) {
        (true, true) => Kind::Mixed,
        (true, false) => Kind::Number,
        _ => Kind::Word,
    };
    (end.max(first.len_utf8()), kind)
}

/// The length of dotted initials such as `a.m.` or `U.S.`; a single one (`H.`) is a word before a full stop.
fn initials(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut length = 0;
    while length + 1 < bytes.len() && bytes[length].is_ascii_alphabetic() && bytes[length + 1] == b'.' {
        length += 2;
    }
    let goes_on = bytes.get(length).is_some_and(u8::is_ascii_alphanumeric);
    (length >= 4 && !goes_on).then_some(length)
}

fn push<'a>(tokens: &mut Vec<Token<'a>>, raw: &'a str, kind: Kind, spaced: bool, initial: bool) {
    let folded = fold(raw);
    let mut token = |folded, spaced, initial| tokens.push(Token { raw, folded, kind, spaced, initial });
    if kind != Kind::Word {
        return token(folded, spaced, initial);
    }
    match contraction(&folded) {
        Some((first, second)) => {
            token(first, spaced, initial);
            if !second.is_empty() {
                token(Cow::Borrowed(second), true, false);
            }
        }
        None => token(folded, spaced, initial),
    }
}

fn fold(raw: &str) -> Cow<'_, str> {
    if raw.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(raw);
    }
    if raw.len() >= 4 && raw.ends_with('.') && raw.is_ascii() {
        return Cow::Owned(raw.replace('.', "").to_lowercase());
    }
    Cow::Owned(raw.replace('’', "'").to_lowercase())
}

/// The two words that a contraction stands for, with or without its apostrophe.
fn contraction(word: &str) -> Option<(Cow<'static, str>, &'static str)> {
    let fixed = match word {
        "can't" | "cannot" | "cant" => Some(("can", "not")),
        "won't" | "wont" => Some(("will", "not")),
        "shan't" => Some(("shall", "not")),
        "ain't" => Some(("is", "not")),
        "dont" => Some(("do", "not")),
        "doesnt" => Some(("does", "not")),
        "didnt" => Some(("did", "not")),
        "isnt" => Some(("is", "not")),
        "arent" => Some(("are", "not")),
        "wasnt" => Some(("was", "not")),
        "hasnt" => Some(("has", "not")),
        "havent" => Some(("have", "not")),
        "couldnt" => Some(("could", "not")),
        "wouldnt" => Some(("would", "not")),
        "shouldnt" => Some(("should", "not")),
        "whats" => Some(("what", "is")),
        "wheres" => Some(("where", "is")),
        "hows" => Some(("how", "is")),
        "im" => Some(("i", "am")),
        "ive" => Some(("i", "have")),
        "let's" | "lets" => Some(("let", "us")),
        _ => None,
    };
    if let Some((first, second)) = fixed {
        return Some((Cow::Borrowed(first), second));
    }
    let (stem, ending) = word.rsplit_once('\'')?;
    let owned = |stem: &str| Cow::Owned(stem.to_owned());
    match ending {
        "t" => Some((owned(stem.strip_suffix('n')?), "not")),
        "re" => Some((owned(stem), "are")),
        "ve" => Some((owned(stem), "have")),
        "ll" => Some((owned(stem), "will")),
        "d" => Some((owned(stem), "would")),
        "m" => Some((owned(stem), "am")),
        "s" => {
            const IS: &[&str] =
                &["what", "who", "where", "how", "when", "why", "it", "that", "there", "here", "he", "she"];
            Some((owned(stem), if IS.contains(&stem) { "is" } else { "" }))
        }
        _ => None,
    }
}

/// Letters, digits and the marks that belong to them; beyond ASCII also signs such as emoji, which tell texts apart.
fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || (!character.is_ascii() && !character.is_whitespace() && !is_punctuation(character))
}

fn is_punctuation(character: char) -> bool {
    matches!(u32::from(character), 0x80..=0xBF | 0xD7 | 0xF7 | 0x2000..=0x206F | 0x20A0..=0x20CF | 0x2200..=0x22FF
        | 0x3000..=0x303F | 0xFF00..=0xFF0F | 0xFF1A..=0xFF20 | 0xFFFD)
}

/// Whether the character is of a script that puts no spaces between words: Han, Kana, Thai, Lao, Khmer, Burmese.
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = tokens(text);
        assert_eq!(found.iter().map(|token| &*token.folded).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn words_are_split_and_contractions_written_out() {
        check("What's the Dog’s name?", &["what", "is", "the", "dog", "name", "?"]);
        check("I can't, won't and didnt", &["i", "can", "not", ",", "will", "not", "and", "did", "not"]);
        check("2,400.50 or 9am, a.m. in the U.S.", &["2,400.50", "or", "9am", ",", "am", "in", "the", "us"]);
        check("C++ is not C# nor c", &["c++", "is", "not", "c#", "nor", "c"]);
        check("東京は", &["東", "京", "は"]);
        check("well-known snake_case", &["well", "-", "known", "snake_case"]);
    }

    #[test]
    fn a_sentence_begins_after_a_full_stop_and_at_the_start() {
        let initial: Vec<bool> = tokens("Is it? \"Yes\" it is").iter().map(|token| token.initial).collect();
        assert_eq!(initial, [true, false, false, true, true, false, false, false]);
    }
}
