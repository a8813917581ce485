//! From text to words: cleaned, in lower case, without accents, split at spaces and punctuation.

use unicode_normalization::UnicodeNormalization;

use super::unicode::{is_control, is_ideograph, is_mark, is_punctuation};

/// Gives the words of a text to `word`, one after the other, until it answers false.
///
/// Nothing of the text is read beyond what is needed, so that a long text costs no more than what the model takes of it.
pub(super) fn words(text: &str, buffer: &mut String, mut word: impl FnMut(&str) -> bool) {
    buffer.clear();
    for character in normalized(text) {
        if character.is_whitespace() {
            if !flush(buffer, &mut word) {
                return;
            }
        } else if is_punctuation(character) {
            let goes_on = flush(buffer, &mut word) && {
                buffer.push(character);
                flush(buffer, &mut word)
            };
            if !goes_on {
                return;
            }
        } else {
            buffer.push(character);
        }
    }
    flush(buffer, &mut word);
}

fn flush(buffer: &mut String, word: &mut impl FnMut(&str) -> bool) -> bool {
    let goes_on = buffer.is_empty() || word(buffer);
    buffer.clear();
    goes_on
}

/// The steps of the reference in its order, which matters: accents are dropped before letters become lower case.
fn normalized(text: &str) -> impl Iterator<Item = char> {
    let cleaned = text.chars().filter(|character| !is_control(*character));
    let spaced = cleaned.flat_map(|character| {
        let around = is_ideograph(character).then_some(' ');
        around.into_iter().chain([character]).chain(around)
    });
    spaced.nfd().filter(|character| !is_mark(*character)).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let mut found = Vec::new();
        words(text, &mut String::new(), |word| {
            found.push(word.to_owned());
            true
        });
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn words_are_plain() {
        check("Hello, World!", &["hello", ",", "world", "!"]);
        check(" \t\n", &[]);
        check("Éàü İ", &["eau", "i"]);
        check("a\u{200b}b\u{0}c\u{fffd}", &["abc"]);
        check("東京 is 東", &["東", "京", "is", "東"]);
        check("¿que?«x»", &["¿", "que", "?", "«", "x", "»"]);
        check("a\u{2028}b\u{a0}c\u{3000}d", &["a", "b", "c", "d"]);
    }

    #[test]
    fn whoever_has_enough_gets_no_more() {
        let mut count = 0;
        words("a b c d", &mut String::new(), |_| {
            count += 1;
            count < 2
        });
        assert_eq!(count, 2);
    }
}
