//! Prompts of made-up words, any number of them, all of one language and without numbers, so that one namespace has all.

/// Syllables of stored prompts, and of those that have no word in common with them.
const STORED: [&str; 20] = [
    "ba", "ke", "lo", "mi", "ru", "da", "fe", "go", "ni", "pu", "sa", "te", "vo", "li", "mu", "ka", "be", "no", "ri",
    "tu",
];
const OTHER: [&str; 10] = ["zax", "quo", "xyl", "wix", "jop", "hux", "cwy", "yev", "zhi", "jaq"];
/// How many different words there are at each place.
const WORDS: usize = 7919;
/// Words that very many stored prompts have.
const COMMON: usize = 30;

/// The prompt that is stored under a number.
pub(super) fn stored(number: usize) -> String {
    let [common, one, two, three] = words(number);
    format!("How do I {common} the {one} {two} of my {three}?")
}

/// The same question in other words.
pub(super) fn rephrased(number: usize) -> String {
    let [common, one, two, three] = words(number);
    format!("Please tell me how I can {common} the {one} {two} of my {three}")
}

/// Another question about the same things.
pub(super) fn related(number: usize) -> String {
    let [_, one, two, three] = words(number);
    format!("Why does the {three} not {} with the {one} {two}?", word(number * 31 + 7, &STORED))
}

/// A question of words that no stored prompt has.
pub(super) fn unrelated(number: usize) -> String {
    let [one, two, three] = [3, 5, 7].map(|step| word(number * step + 11, &OTHER));
    format!("How do I {one} the {two} of my {three}?")
}

/// The same with one of the words that very many stored prompts have.
pub(super) fn unrelated_but_common(number: usize) -> String {
    let [one, two, three, four, five, six] = [3, 5, 7, 11, 13, 17].map(|step| word(number * step + 11, &OTHER));
    let common = common(number);
    format!("How do I {common} the {one} {two} of my {three} with the {four} {five} of the {six}?")
}

/// What a provider might answer: of other words for each number, so that no two answers are alike.
pub(super) fn answer(number: usize) -> String {
    let words: Vec<String> = (0..60).map(|at| word(number * 61 + at * 977, &STORED)).collect();
    words.join(" ")
}

fn words(number: usize) -> [String; 4] {
    let [one, two, three] = [(1, 0), (13, 1), (101, 2)].map(|(step, place)| {
        let round = number / WORDS;
        word((number * step + round * (place + 1) * 17) % WORDS + (place + 1) * WORDS, &STORED)
    });
    [common(number), one, two, three]
}

fn common(number: usize) -> String {
    word(number % COMMON, &STORED)
}

/// The word of a number: its digits as syllables, three at least.
fn word(number: usize, syllables: &[&str]) -> String {
    let (mut rest, mut word) = (number, String::new());
    while rest > 0 || word.len() < 6 {
        word += syllables.get(rest % syllables.len()).copied().unwrap_or_default();
        rest /= syllables.len();
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prompts_differ() {
        let prompts: HashSet<String> = (0..20_000).map(stored).collect();
        assert_eq!(prompts.len(), 20_000);
    }
}
