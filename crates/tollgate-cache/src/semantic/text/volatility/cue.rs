//! Words that say outright that an answer is about now.

use super::Freshness;
use crate::semantic::text::token::{Kind, Token};

/// Phrases about this moment or day.
const NOW: &[&str] = &[
    "now",
    "today",
    "tonight",
    "yesterday",
    "tomorrow",
    "right now",
    "at the moment",
    "at this moment",
    "this morning",
    "this afternoon",
    "this evening",
    "last night",
    "as of now",
    "these days",
    "so far today",
    "this hour",
    "this minute",
    "what time is it",
    "what day is it",
    "what date is it",
    "the current",
    "current",
    "live score",
    "the score",
    "is it raining",
    "is it snowing",
    "what year is it",
    "next train",
    "next bus",
    "market open",
    "markets open",
    "won last night",
    "breaking news",
    "latest news",
    "recent news",
    "news",
    "weather",
    "forecast",
    "stock price",
    "share price",
    "exchange rate now",
    "days until",
    "days till",
    "days left",
    "weeks until",
    "hours until",
    "long until",
    "months until",
    "when is the next",
    "trending",
    "is winning",
    "are winning",
    "any flights",
    "any delays",
    "flights delayed",
    "flights cancelled",
];

/// Phrases about the time around now.
const RECENTLY: &[&str] = &[
    "this week",
    "this month",
    "this year",
    "this season",
    "this weekend",
    "last week",
    "next week",
    "latest",
    "newest",
    "most recent",
    "recent",
    "recently",
    "lately",
    "currently",
    "upcoming",
    "nowadays",
    "up to date",
    "so far",
    "as of",
    "exchange rate",
    "interest rate",
    "price of bitcoin",
    "bitcoin price",
    "standings",
    "last year",
    "next year",
    "next month",
    "last month",
];

/// The class that cues alone give.
pub(super) fn freshness(tokens: &[Token<'_>]) -> Freshness {
    let words: Vec<&str> =
        tokens.iter().filter(|token| token.kind != Kind::Symbol).map(|token| &*token.folded).take(256).collect();
    // Who tells of themselves (`I paid today`) asks for help, which does not change by the hour.
    let tells = words.iter().any(|word| matches!(*word, "i" | "my" | "me" | "mine" | "we" | "our"));
    let explains = words.first().is_some_and(|word| {
        matches!(*word, "explain" | "describe" | "define" | "translate" | "write" | "summarise" | "summarize")
    });
    if has(&words, NOW) {
        return if tells || explains || words.len() > 40 { Freshness::Slow } else { Freshness::Live };
    }
    if has(&words, RECENTLY) {
        return if tells || explains { Freshness::Static } else { Freshness::Daily };
    }
    Freshness::Static
}

/// Whether the text begins with what is to be done with something: `Sort this list`.
pub(super) fn is_instruction(tokens: &[Token<'_>]) -> bool {
    const VERBS: &[&str] = &[
        "explain",
        "describe",
        "define",
        "translate",
        "write",
        "rewrite",
        "summarise",
        "summarize",
        "sort",
        "convert",
        "solve",
        "calculate",
        "compute",
        "fix",
        "implement",
        "refactor",
        "classify",
        "extract",
        "format",
        "compare",
        "prove",
        "design",
        "draft",
        "edit",
        "proofread",
        "paraphrase",
        "create",
        "generate",
        "debug",
        "review",
        "analyze",
        "analyse",
        "parse",
    ];
    let mut words = tokens.iter().filter(|token| token.kind != Kind::Symbol && !token.is("please"));
    words.next().is_some_and(|token| VERBS.contains(&&*token.folded))
}

fn has(words: &[&str], phrases: &[&str]) -> bool {
    (0..words.len()).any(|at| phrases.iter().any(|phrase| starts(&words[at..], phrase)))
}

fn starts(words: &[&str], phrase: &str) -> bool {
    let mut rest = phrase;
    for word in words {
        let Some(tail) = rest.strip_prefix(word) else { return false };
        match tail.strip_prefix(' ') {
            Some(tail) => rest = tail,
            None => return tail.is_empty(),
        }
    }
    false
}
