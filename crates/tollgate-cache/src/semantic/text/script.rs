//! Script and rough language of a text, a part of the key.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon;
use super::token::Token;

/// The script that most letters of a text are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of scripts say all")]
pub enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Devanagari,
    Thai,
    Hangul,
    /// Kana, perhaps with Han: Japanese.
    Kana,
    /// Han without Kana: Chinese.
    Han,
    /// Any other, or no letters at all.
    Other,
}

/// Script and, for Latin, language of a text, as far as a vote of stop words tells.
///
/// A short text in plain letters without evidence counts as English, so that `Explain TCP` and `Please explain TCP`
/// have one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language {
    script: Script,
    code: &'static str,
}

/// Stop words by language. A word may vote for several.
const VOTES: &[(&str, &str)] = &[
    (
        "en",
        "the of and to a is are what how do does i you my can in it for with who why when where which that not this on from",
    ),
    (
        "fr",
        "le la les des une est que qui dans pour pas sur avec je vous comment quel quelle sont du au et un ce cette quoi où en",
    ),
    (
        "es",
        "el la los las una es que en por para con cómo como qué cuál un del al y mi se su cuando dónde son de hay puedo",
    ),
    (
        "pt",
        "o os as uma é que em por para com como qual um do da no na e meu minha se não são você quando onde posso de fazer",
    ),
    (
        "de",
        "der die das ein eine ist und wie was ich du nicht mit auf für von zu den im wer wo wann warum kann mein sind dem",
    ),
    (
        "it",
        "il lo la gli una è che di per con come cosa quale un del della e mio sono non si perché dove quando posso in",
    ),
    ("nl", "de het een is en wat hoe ik je niet met op voor van te in wie waar wanneer waarom kan mijn zijn dat deze"),
    (
        "id",
        "yang dan di ke dari adalah apa bagaimana saya anda tidak dengan untuk ini itu siapa kapan mengapa bisa pada oleh",
    ),
    ("sv", "och är en ett det som att hur vad jag du inte med på för av till vem var när varför kan min"),
    ("pl", "i w na jest to co jak nie z do się czy że kto gdzie kiedy dlaczego mogę mój są dla od"),
    ("tr", "ve bir bu ne nasıl için ile mi mı değil ben sen kim nerede zaman neden var olarak da de"),
    ("vi", "là và của có không cho được trong một những này tôi bạn như thế nào gì ở với"),
];

// === impl Language ===

impl Language {
    /// The language of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_tokens(&super::token::tokens(super::bounded(text)))
    }

    pub(crate) fn of_tokens(tokens: &[Token<'_>]) -> Self {
        let script = script(tokens.iter().filter(|token| token.is_word()).flat_map(|token| token.folded.chars()));
        let code = match script {
            Script::Latin => latin(tokens),
            Script::Cyrillic => cyrillic(tokens),
            Script::Greek => "el",
            Script::Arabic => "ar",
            Script::Hebrew => "he",
            Script::Devanagari => "hi",
            Script::Thai => "th",
            Script::Hangul => "ko",
            Script::Kana => "ja",
            Script::Han => "zh",
            Script::Other => "",
        };
        Self { script, code }
    }

    /// The script.
    #[must_use]
    pub fn script(self) -> Script {
        self.script
    }

    /// The two letters of ISO 639-1, or nothing where the language is not known.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.code
    }

    /// What tells languages apart in a key: script and language in one byte.
    #[must_use]
    pub fn key(self) -> u8 {
        let script = self.script as u8;
        let voted = VOTES.iter().map(|(code, _)| *code).chain(["uk", "ru"]).position(|code| code == self.code);
        script * 16 + voted.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or_default()
    }
}

fn script(letters: impl Iterator<Item = char>) -> Script {
    const SCRIPTS: [Script; 10] = [
        Script::Latin,
        Script::Cyrillic,
        Script::Greek,
        Script::Arabic,
        Script::Hebrew,
        Script::Devanagari,
        Script::Thai,
        Script::Hangul,
        Script::Kana,
        Script::Han,
    ];
    let mut counts = [0_u32; 11];
    for letter in letters {
        let at = match u32::from(letter) {
            0x41..=0x24F | 0x1E00..=0x1EFF => 0,
            0x400..=0x52F => 1,
            0x370..=0x3FF | 0x1F00..=0x1FFF => 2,
            0x600..=0x6FF | 0x750..=0x77F => 3,
            0x590..=0x5FF => 4,
            0x900..=0x97F => 5,
            0xE00..=0xE7F => 6,
            0xAC00..=0xD7AF | 0x1100..=0x11FF => 7,
            0x3040..=0x30FF => 8,
            0x3400..=0x4DBF | 0x4E00..=0x9FFF => 9,
            _ => 10,
        };
        counts[at] += 1;
    }
    // A Han character is a word, a Latin letter a fifth of one: `解释 TCP` is Chinese.
    for dense in [7, 8, 9] {
        counts[dense] *= 4;
    }
    // Any Kana makes a text of Han characters Japanese.
    if counts[8] > 0 {
        counts[8] += std::mem::take(&mut counts[9]);
    }
    let most = (0..SCRIPTS.len()).rev().max_by_key(|at| counts[*at]).unwrap_or_default();
    if counts[most] == 0 { Script::Other } else { SCRIPTS[most] }
}

/// For each stop word the languages that it votes for, as bits.
fn ballots() -> HashMap<&'static str, u16> {
    let mut ballots = HashMap::new();
    for (at, (_, words)) in VOTES.iter().enumerate() {
        for word in words.split(' ') {
            *ballots.entry(word).or_default() |= 1 << at;
        }
    }
    ballots
}

fn latin(tokens: &[Token<'_>]) -> &'static str {
    static BALLOTS: LazyLock<HashMap<&'static str, u16>> = LazyLock::new(ballots);
    let mut votes = [0_u32; VOTES.len()];
    let (mut words, mut foreign) = (0_u32, 0_u32);
    for token in tokens.iter().filter(|token| token.is_word()).take(400) {
        words += 1;
        // A capital in the middle marks a name, which may be of any language.
        let in_name = token.is_capitalised() && !token.initial;
        foreign += u32::from(!token.raw.is_ascii() && !token.raw.contains('’') && !in_name);
        let ballot = BALLOTS.get(&*token.folded).copied().unwrap_or_default();
        for (at, vote) in votes.iter_mut().enumerate() {
            *vote += u32::from(ballot >> at & 1) * 2;
        }
        if lexicon::is_known_english(&token.folded) {
            votes[0] += 1;
        }
    }
    let most = votes.iter().max().copied().unwrap_or_default();
    let first = votes.iter().position(|vote| *vote == most).unwrap_or_default();
    match most {
        0 | 1 if foreign > 0 || words >= 6 => "",
        _ if first == 0 && foreign * 2 > most => "",
        0 | 1 => "en",
        _ => VOTES[first].0,
    }
}

fn cyrillic(tokens: &[Token<'_>]) -> &'static str {
    let ukrainian = tokens.iter().any(|token| token.folded.contains(['і', 'ї', 'є', 'ґ']));
    if ukrainian { "uk" } else { "ru" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, texts: &[&str]) {
        for text in texts {
            assert_eq!(Language::of(text).code(), code, "{text}");
        }
    }

    #[test]
    fn languages_are_told_by_their_stop_words() {
        check(
            "en",
            &["How do I bake bread?", "Explain TCP", "Please explain TCP", "recipes with nuts", "Café opening hours"],
        );
        check("fr", &["Comment faire du pain ?", "Quelle est la capitale de la France ?"]);
        check("es", &["¿Cuál es la capital de Francia?", "Cómo hacer pan en casa"]);
        check("pt", &["Qual é a capital da França?", "Como fazer pão em casa com o forno"]);
        check("de", &["Wie backe ich ein Brot?", "Was ist die Hauptstadt von Frankreich?"]);
        check("it", &["Qual è la capitale della Francia?", "Come si fa il pane?"]);
        check("nl", &["Wat is de hoofdstad van Frankrijk?", "Hoe bak ik een brood?"]);
        check("id", &["Apa ibu kota Prancis dan bagaimana saya ke sana?"]);
        check("ru", &["Какая столица Франции?"]);
        check("uk", &["Яка столиця Франції?"]);
        check("zh", &["法国的首都是什么？", "解释 TCP"]);
        check("ja", &["フランスの首都はどこですか"]);
        check("", &["12 - 5", "", "Mikä on Ranskan pääkaupunki ja missä se sijaitsee"]);
    }

    #[test]
    fn keys_tell_languages_apart() {
        let texts =
            ["How do I bake it?", "Comment le faire ?", "Что это?", "这是什么", "", "Яка це їжа?", "Was ist das?"];
        let mut keys: Vec<u8> = texts.iter().map(|text| Language::of(text).key()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), texts.len());
    }
}
