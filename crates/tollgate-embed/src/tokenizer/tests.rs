//! Tokens of a small vocabulary; the real one is compared with the reference in `tests/it`.

use proptest::prelude::*;

use super::*;

const PIECES: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\n!\na\n##a\nä\n";

fn tokenizer() -> Tokenizer {
    Tokenizer::from_lines(PIECES).unwrap()
}

#[track_caller]
fn check(text: &str, expect: &[u32]) {
    let found = tokenizer().encode(text, 16);
    assert_eq!(found.first(), Some(&2), "{text:?}");
    assert_eq!(found.last(), Some(&3), "{text:?}");
    assert_eq!(&found[1..found.len() - 1], expect, "{text:?}");
}

#[test]
fn words_are_the_longest_pieces() {
    check("unaffable!", &[5, 6, 7, 8]);
    check("UNAFFABLE Ä", &[5, 6, 7, 9]);
    check("unaffables", &[1]);
    check("aaa", &[9, 10, 10]);
    check("", &[]);
}

#[test]
fn special_tokens_stand_for_themselves() {
    check("a[MASK]a", &[9, 4, 9]);
    check("[SEP][[CLS]", &[3, 1, 2]);
    check("[mask]", &[1, 1, 1]);
}

#[test]
fn a_word_of_more_than_a_hundred_characters_is_unknown() {
    let tokenizer = tokenizer();
    assert_eq!(tokenizer.count(&"a".repeat(100)), 102);
    assert_eq!(tokenizer.count(&"a".repeat(101)), 3);
}

#[test]
fn what_is_too_long_is_cut_off_before_the_end_token() {
    let tokenizer = tokenizer();
    for limit in 2..8 {
        let tokens = tokenizer.encode("aaaaaaaa a a a", limit);
        assert_eq!((tokens.len(), tokens[limit - 1]), (limit, 3));
    }
    assert_eq!(tokenizer.encode("a", 0), [2, 3]);
}

#[test]
fn both_forms_of_a_vocabulary_are_one() {
    let members: Vec<String> = PIECES.lines().zip(0..).map(|(piece, number)| format!("{piece:?}: {number}")).collect();
    let json =
        format!(r#"{{"version": "1.0", "model": {{"type": "WordPiece", "vocab": {{{}}}}}}}"#, members.join(", "));
    assert_eq!(Tokenizer::from_json(&json).unwrap().fingerprint(), tokenizer().fingerprint());
    assert!(Tokenizer::from_json(&json.replace(": 11", ": 12")).is_err());
    assert!(Tokenizer::from_json("{}").is_err());
    assert!(Tokenizer::from_lines("a\nb\n").is_err());
}

proptest! {
    #[test]
    fn any_text_has_tokens_within_the_limit(text in any::<String>(), limit in 2..40_usize) {
        let tokenizer = tokenizer();
        let tokens = tokenizer.encode(&text, limit);
        prop_assert_eq!(tokens.len(), tokenizer.count(&text).min(limit));
        prop_assert!(tokens.iter().all(|token| (*token as usize) < tokenizer.vocabulary_size()));
    }
}
