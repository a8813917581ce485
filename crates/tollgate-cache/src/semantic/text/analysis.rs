//! A prompt in compact form: what is needed to compare it with another, and nothing that spells it out.

use super::flags::RiskFlags;
use super::frame::framed;
use super::hash::{hash32, hash64};
use super::lexicon::{self, Alternative};
use super::literal::{TimeUnits, is_time_unit};
use super::order;
use super::reading::Parts;
use super::token::{Kind, Token};

/// How many words of content are kept. A prompt with more is [`RiskFlags::LONG`].
pub(crate) const CONTENT: usize = 256;
/// How many trigrams are kept.
const TRIGRAMS: usize = 768;

/// What is known of a prompt's words: made once, stored with its entry, compared in microseconds.
///
/// Words are kept as hashes of their stems. [`Self::to_bytes`] takes about four bytes for each character of a short
/// prompt.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Analysis {
    /// Words of content in order of roles: agents before what they act upon.
    pub(crate) content: Vec<Content>,
    /// Members of groups of alternatives, sorted.
    pub(crate) alternatives: Vec<Alternative>,
    /// Hashes of the trigrams of characters, sorted.
    pub(crate) trigrams: Vec<u16>,
    /// Third persons in order: masculine, feminine, several.
    pub(crate) pronouns: Vec<u8>,
    pub(crate) signature: u64,
    pub(crate) language: u8,
    pub(crate) question: Question,
    pub(crate) tense: Tense,
    pub(crate) modality: u8,
    pub(crate) negations: u8,
    pub(crate) time_units: TimeUnits,
    pub(crate) ands: u8,
    pub(crate) ors: u8,
    /// Length of the text in bytes.
    pub(crate) bytes: u32,
    pub(crate) is_long: bool,
    pub(crate) has_literals: bool,
    /// Whether `what` or `who` stands for who acts, or for what is acted upon; 0 where it cannot be told.
    pub(crate) asked_role: u8,
}

/// One word of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// Hash of the canonical stem.
    pub(crate) word: u32,
    /// Hash of what is left without a prefix such as `un-`; 0 if there is none.
    pub(crate) root: u32,
    /// The preposition that gives it its role; 0 if none.
    pub(crate) marker: u8,
    /// How much it tells texts apart, 1 to 255.
    pub(crate) weight: u8,
    pub(crate) is_entity: bool,
    pub(crate) is_weak: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Question {
    /// An instruction, or a question in the form of a statement.
    #[default]
    Instruction,
    Polar,
    What,
    Who,
    When,
    Where,
    Why,
    How,
    HowMany,
    HowMuch,
    /// `how long`, `how far`: the adjective is content.
    HowDegree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Tense {
    #[default]
    Present,
    Past,
    Future,
    Habitual,
}

// === impl Analysis ===

impl Analysis {
    /// Analyses the first [`MAX_BYTES`](super::MAX_BYTES) of `text`. One that is longer can never be served.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Parts::with(text, Self::of_parts)
    }

    /// How many words of content there are.
    #[must_use]
    pub fn content_words(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn of_parts(parts: &Parts<'_>) -> Self {
        let tokens = parts.tokens;
        let frames = framed(tokens);
        let mut analysis = Self {
            signature: parts.signature.digest(),
            language: parts.language.key(),
            bytes: u32::try_from(parts.text.len()).unwrap_or(u32::MAX),
            trigrams: trigrams(tokens),
            question: question(tokens, &frames),
            tense: tense(tokens, &frames),
            modality: modality(tokens, &frames),
            asked_role: asked_role(tokens, &frames),
            negations: negations(tokens),
            has_literals: !parts.signature.is_empty(),
            is_long: parts.text.len() > super::MAX_BYTES,
            ..Self::default()
        };
        analysis.read_words(tokens, &frames);
        analysis.read_content(tokens, &frames, parts.used);
        analysis
    }

    fn read_words(&mut self, tokens: &[Token<'_>], frames: &[bool]) {
        for (at, token) in tokens.iter().enumerate().filter(|(at, _)| !frames[*at]) {
            let word = &*token.folded;
            self.alternatives.extend(lexicon::alternative(word));
            self.time_units |= is_time_unit(word).filter(|_| is_unit_here(tokens, at)).unwrap_or_default();
            self.ands = self.ands.saturating_add(u8::from(word == "and" || word == "simultaneously"));
            self.ors = self.ors.saturating_add(u8::from(word == "or"));
            let person = match word {
                "he" | "him" | "his" | "himself" => 1,
                "she" | "her" | "hers" | "herself" => 2,
                "they" | "them" | "their" | "theirs" => 3,
                _ => continue,
            };
            if self.pronouns.len() < 16 {
                self.pronouns.push(person);
            }
        }
        self.alternatives.sort_unstable();
        self.alternatives.truncate(usize::from(u8::MAX));
    }

    fn read_content(&mut self, tokens: &[Token<'_>], frames: &[bool], used: &[bool]) {
        let names = has_informative_capitals(tokens);
        // `A acquired B`: a letter is a name where another is.
        let letters = tokens.iter().any(|token| token.raw.len() == 1 && token.is_capitalised() && !token.is("a"));
        let mut words = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            if frames[at] || used[at] || token.kind == Kind::Symbol {
                continue;
            }
            let before = at.checked_sub(1).map_or("", |before| &*tokens[before].folded);
            if let Some(mut content) = content(
                token,
                names,
                is_verb_like(tokens, at) || (token.raw == "A" && (letters || (!token.initial && names))),
            ) {
                if let Some(noun) = degree(before, &token.folded) {
                    content.word = hash32(&lexicon::canonical(noun));
                }
                content.is_weak |= moves(tokens, at);
                // `the code with explanations` asks for them.
                content.is_weak &= before != "with";
                words.push((at, content));
            }
        }
        if words.len() > CONTENT {
            self.is_long = true;
            words.truncate(CONTENT);
        }
        order::mark_roles(tokens, &mut words);
        self.content = order::in_order_of_roles(tokens, words);
    }

    /// Whether it is too long to be compared as a whole.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.is_long
    }

    /// Compares the prompt of an entry with a new one.
    #[must_use]
    pub fn compare(&self, new: &Self) -> super::Comparison {
        super::Comparison::of(self, new)
    }

    /// The flags that the two prompts raise.
    #[must_use]
    pub fn flags(&self, new: &Self) -> RiskFlags {
        self.compare(new).flags
    }
}

/// The word of content that a token is, if it is one.
fn content(token: &Token<'_>, names: bool, is_verb: bool) -> Option<Content> {
    // `US`, `IT` and `WHO` are names where others are in lower case.
    let dotted = token.raw.len() > 3 && token.raw.ends_with('.') && token.raw.contains(char::is_uppercase);
    let acronym = dotted || (names && token.is_all_capitals() && matches!(token.raw, "US" | "IT" | "WHO" | "AIDS"));
    if !acronym && !is_verb && lexicon::is_function(&token.folded) {
        return None;
    }
    let key = if acronym { token.raw.replace('.', "") } else { lexicon::canonical(&token.folded).into_owned() };
    let key = if key == "US" || key == "USA" { "usa".to_owned() } else { key };
    if key.is_empty() {
        return None;
    }
    let is_entity = acronym || (names && (token.is_all_capitals() || (token.is_capitalised() && !token.initial)));
    Some(Content {
        word: hash32(&key),
        root: root(&key).map(hash32).unwrap_or_default(),
        marker: 0,
        weight: weight(&key, is_entity),
        is_entity,
        is_weak: lexicon::is_weak(&key),
    })
}

/// Whether the token at `at` is `like` as a verb: `Does Ann like Bob`, not `What is it like`.
fn is_verb_like(tokens: &[Token<'_>], at: usize) -> bool {
    let asks = |token: &Token<'_>| matches!(&*token.folded, "do" | "does" | "did");
    let before = at.checked_sub(1).map_or("", |before| &*tokens[before].folded);
    tokens[at].is("like")
        && !matches!(
            before,
            "look"
                | "looks"
                | "feel"
                | "sound"
                | "be"
                | "is"
                | "was"
                | "are"
                | "were"
                | "work"
                | "taste"
                | "smell"
                | "would"
        )
        && (matches!(before, "i" | "you" | "we" | "they" | "people" | "who" | "to")
            || tokens[..at].iter().rev().take(6).any(asks))
}

/// The noun for what `how` with an adjective asks: `how fast` is the speed.
fn degree(before: &str, word: &str) -> Option<&'static str> {
    const NOUNS: &[(&str, &str)] = &[
        ("fast", "speed"),
        ("tall", "height"),
        ("high", "height"),
        ("old", "age"),
        ("heavy", "weight"),
        ("far", "distance"),
        ("deep", "depth"),
        ("big", "size"),
        ("large", "size"),
        ("wide", "width"),
        ("hot", "temperature"),
        ("cold", "temperature"),
        ("expensive", "price"),
        ("often", "frequency"),
        ("popular", "popularity"),
    ];
    NOUNS.iter().find(|(adjective, _)| before == "how" && *adjective == word).map(|(_, noun)| *noun)
}

/// Whether the token at `at` only repeats that something moves: the `travel` of `how fast does light travel`.
fn moves(tokens: &[Token<'_>], at: usize) -> bool {
    let asks = |pair: &[Token<'_>]| pair[0].is("how") && matches!(&*pair[1].folded, "fast" | "far" | "quickly");
    matches!(&*tokens[at].folded, "travel" | "move" | "run" | "go")
        && tokens[at.saturating_sub(8)..at].windows(2).any(asks)
}

/// The inverse frequency that a word likely has: common ones are listed, and longer ones are rarer.
fn weight(key: &str, is_entity: bool) -> u8 {
    let length = u8::try_from(key.chars().count().min(12)).unwrap_or(12);
    match (is_entity, lexicon::is_common(key)) {
        (true, _) => 240,
        (false, true) => 60,
        (false, false) => 100 + length * 10,
    }
}

/// A word without a prefix that turns or bends its meaning.
pub(crate) fn root(word: &str) -> Option<&str> {
    const PREFIXES: &[&str] = &[
        "counter", "under", "inter", "intra", "hyper", "macro", "micro", "super", "trans", "anti", "over", "hypo",
        "post", "fore", "semi", "multi", "mono", "sub", "non", "dis", "mis", "pre", "pro", "out", "en", "de", "un",
        "in", "im", "il", "ir", "ex", "re", "up",
    ];
    const LONGEST: usize = 24;
    let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix)).filter(|rest| rest.len() >= 3)?;
    (word.len() <= LONGEST).then_some(rest)
}

/// Whether capitals mark names: not in titles, nor where all is in capitals.
fn has_informative_capitals(tokens: &[Token<'_>]) -> bool {
    let words = || tokens.iter().filter(|token| token.is_word() && !token.initial && token.raw.len() > 1);
    let capitals = words().filter(|token| token.is_capitalised()).count();
    let function = words().filter(|token| token.is_capitalised() && lexicon::is_function(&token.folded)).count();
    capitals > 0 && (function * 4 <= capitals || capitals * 2 < words().count())
}

/// A unit of time that measures; `a second card` and `May I` do not.
fn is_unit_here(tokens: &[Token<'_>], at: usize) -> bool {
    let word = &*tokens[at].folded;
    !matches!(word, "second" | "min" | "sec")
        || at > 0 && matches!(&*tokens[at - 1].folded, "per" | "a" | "each" | "in")
}

fn trigrams(tokens: &[Token<'_>]) -> Vec<u16> {
    let mut found = Vec::new();
    let mut window = [' '; 3];
    let words = tokens.iter().filter(|token| token.kind != Kind::Symbol);
    'all: for token in words {
        for character in token.folded.chars().chain([' ']) {
            window = [window[1], window[2], character];
            let mut bytes = [0_u8; 12];
            for (at, character) in window.iter().enumerate() {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&u32::from(*character).to_le_bytes());
            }
            let hash = hash64(&bytes);
            found.push(u16::try_from((hash ^ (hash >> 16) ^ (hash >> 32)) & 0xFFFF).unwrap_or_default());
            if found.len() == TRIGRAMS {
                break 'all;
            }
        }
    }
    found.sort_unstable();
    found
}

fn question(tokens: &[Token<'_>], frames: &[bool]) -> Question {
    let asks_how = tokens.iter().zip(frames).any(|(token, framed)| *framed && token.is("how"));
    let rest = tokens.iter().zip(frames).filter(|(token, framed)| !**framed && token.kind != Kind::Symbol);
    let words: Vec<&str> = rest.map(|(token, _)| &*token.folded).take(16).collect();
    if words.first().is_some_and(|word| is_auxiliary(word)) {
        return Question::Polar;
    }
    let found = words.iter().enumerate().find_map(|(at, word)| {
        Some(match *word {
            "who" | "whom" | "whose" => Question::Who,
            "when" => Question::When,
            "where" => Question::Where,
            "why" => Question::Why,
            "what" | "which" => Question::What,
            "how" => match words.get(at + 1).copied().unwrap_or_default() {
                "many" => Question::HowMany,
                "much" => Question::HowMuch,
                "come" => Question::Why,
                "long" | "far" | "old" | "tall" | "high" | "big" | "large" | "often" | "fast" | "deep" | "heavy"
                | "soon" => Question::HowDegree,
                _ => Question::How,
            },
            _ => return None,
        })
    });
    found.unwrap_or(if asks_how { Question::How } else { Question::Instruction })
}

pub(crate) fn is_auxiliary(word: &str) -> bool {
    matches!(
        word,
        "is" | "are"
            | "was"
            | "were"
            | "am"
            | "do"
            | "does"
            | "did"
            | "can"
            | "could"
            | "will"
            | "would"
            | "shall"
            | "should"
            | "has"
            | "have"
            | "had"
            | "may"
            | "might"
            | "must"
    )
}

/// Whether `who` or `what` asks for the subject (1: `Who hit Tom`) or for the object (2: `Who did Tom hit`).
fn asked_role(tokens: &[Token<'_>], frames: &[bool]) -> u8 {
    let rest = || tokens.iter().zip(frames).filter(|(token, framed)| !**framed && token.kind != Kind::Symbol);
    let words = || rest().map(|(token, _)| &*token.folded);
    let behind = words().skip_while(|word| !matches!(*word, "who" | "what" | "whom" | "which"));
    let rest: Vec<&str> = behind.skip(1).take(6).collect();
    let Some(next) = rest.first() else { return 0 };
    if rest.iter().any(|word| matches!(*word, "do" | "does" | "did")) {
        return 2;
    }
    u8::from(!is_auxiliary(next) && !lexicon::is_function(next))
}

fn tense(tokens: &[Token<'_>], frames: &[bool]) -> Tense {
    let words: Vec<&str> =
        tokens.iter().zip(frames).filter(|(_, framed)| !**framed).map(|(token, _)| &*token.folded).collect();
    let pairs = || words.windows(2);
    let is_habit = |pair: &[&str]| pair[1] == "to" && (pair[0] == "used" || pair[0] == "use");
    let led = |pair: &[&str]| !is_auxiliary(pair[0]) && is_habit(&[pair[1], "to"]);
    let habitual = words.contains(&"formerly")
        || words
            .windows(3)
            .any(|three| led(&three[..2]) && three[2] == "to" && !matches!(three[0], "be" | "is" | "are" | "been"))
            && pairs().any(is_habit)
            && (words.contains(&"did") || words.windows(2).any(|pair| pair == ["used", "to"]));
    if habitual {
        return Tense::Habitual;
    }
    words
        .iter()
        .find_map(|word| match *word {
            "did" | "was" | "were" | "had" => Some(Tense::Past),
            "will" | "shall" | "gonna" => Some(Tense::Future),
            "is" | "are" | "am" | "do" | "does" | "has" | "have" | "can" | "should" => Some(Tense::Present),
            _ => None,
        })
        .unwrap_or_default()
}

fn modality(tokens: &[Token<'_>], frames: &[bool]) -> u8 {
    let words = tokens.iter().zip(frames).filter(|(_, framed)| !**framed);
    words
        .take(8)
        .find_map(|(token, _)| match &*token.folded {
            "can" | "could" => Some(1),
            "should" | "ought" => Some(2),
            "must" | "need" => Some(3),
            "may" | "might" => Some(4),
            _ => None,
        })
        .unwrap_or_default()
}

/// How often the text negates, without negations that ask the same as their absence.
fn negations(tokens: &[Token<'_>]) -> u8 {
    let mut count = 0_u8;
    for (at, token) in tokens.iter().enumerate() {
        let word = |step: usize| tokens.get(at + step).map_or("", |token| &*token.folded);
        let before =
            |step: usize| at.checked_sub(step).and_then(|at| tokens.get(at)).map_or("", |token| &*token.folded);
        let negates = match &*token.folded {
            "not" => {
                // `Isn't it`, `Don't you think` ask for what `Is it` asks; `or not`, `not only` and `not sure` negate nothing.
                let tag =
                    at > 0 && tokens[at - 1].initial && is_auxiliary(before(1)) && tokens[at - 1].raw == token.raw;
                let idle = matches!(before(1), "or" | "why" | "if")
                    || matches!(word(1), "only" | "sure" | "just" | "necessarily");
                let unsure = matches!(word(1), "know" | "understand")
                    && matches!(word(2), "how" | "why" | "what" | "where" | "if" | "whether");
                !(tag || idle || unsure)
            }
            "no" => !matches!(word(1), "idea" | "problem" | "matter" | "doubt" | "," | "" | ".") && before(1) != "or",
            "never" | "none" | "nobody" | "nothing" | "neither" | "nor" | "without" | "cannot" | "unable"
            | "except" | "excluding" | "exclude" | "excludes" | "sans" | "lacking" | "nowhere" | "minus-free" => true,
            "free" => before(1) == "-",
            "non" => word(1) == "-",
            folded => is_negative_adjective(folded),
        };
        count = count.saturating_add(u8::from(negates));
    }
    count
}

/// An adjective that negates another: `unsafe`, `impossible`, `sugarless`.
fn is_negative_adjective(word: &str) -> bool {
    const BASES: &[&str] = &[
        "safe",
        "possible",
        "valid",
        "correct",
        "legal",
        "usual",
        "common",
        "known",
        "paid",
        "verified",
        "authorized",
        "authorised",
        "recognized",
        "recognised",
        "secure",
        "healthy",
        "fair",
        "complete",
        "available",
        "reasonable",
        "reliable",
        "necessary",
        "important",
        "acceptable",
        "appropriate",
        "visible",
        "able",
        "limited",
        "successful",
        "expected",
        "responsible",
        "regular",
        "relevant",
        "eligible",
        "married",
        "employed",
        "likely",
        "related",
        "official",
        "sufficient",
    ];
    let base = ["un", "im", "in", "il", "ir", "non", "dis"].iter().find_map(|prefix| word.strip_prefix(prefix));
    base.is_some_and(|base| BASES.contains(&base))
}
