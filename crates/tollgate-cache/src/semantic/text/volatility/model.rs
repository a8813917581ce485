//! A logistic model over hashed n-grams. Its weights are trained by `cargo xtask train volatility`.

use std::borrow::Cow;

use crate::semantic::text::hash::Fnv;
use crate::semantic::text::token::{Kind, tokens};

/// How many buckets n-grams are hashed into.
const BUCKETS: usize = 1 << 15;
/// How many words of a text the model looks at: questions are short, and what follows is context.
const WORDS: usize = 48;

/// The scale of the weights and the bias as `f32`, little-endian, then one signed byte for each bucket.
static TABLE: &[u8] = include_bytes!("weights.bin");

/// The chance that the answer to `text` depends on when it is asked.
pub(super) fn probability(text: &str) -> f32 {
    let Some((head, weights)) = TABLE.split_first_chunk::<8>() else { return 0.5 };
    let [scale, bias] =
        [[head[0], head[1], head[2], head[3]], [head[4], head[5], head[6], head[7]]].map(f32::from_le_bytes);
    let buckets = buckets(text);
    let weight = |bucket: &u16| weights.get(usize::from(*bucket)).map_or(0, |weight| i32::from(weight.cast_signed()));
    let sum: i32 = buckets.iter().map(weight).sum();
    logistic(bias + scale * narrow(sum) / norm(buckets.len()))
}

/// The different buckets that the n-grams of `text` fall into, sorted, each below 32,768: words alone, in pairs and in
/// threes, parts of words, and how the text begins. Public so that training sees what is served.
#[must_use]
pub fn buckets(text: &str) -> Vec<u16> {
    let tokens = tokens(text);
    let words: Vec<Cow<'_, str>> = tokens
        .iter()
        .filter(|token| token.kind != Kind::Symbol)
        .take(WORDS)
        .map(|token| shape(&token.folded, token.kind))
        .collect();
    let mut buckets = Vec::with_capacity(512);
    let mut push = |hash: Fnv| {
        let bucket = usize::try_from(hash.folded()).unwrap_or_default() % BUCKETS;
        buckets.push(u16::try_from(bucket).unwrap_or_default());
    };
    let padded: Vec<&str> = std::iter::once("^").chain(words.iter().map(|word| &**word)).chain(["$"]).collect();
    for length in 1..=3 {
        let mark = Fnv::default().with(if length == 1 { b"1:" } else { b"2:" });
        for gram in padded.windows(length) {
            push(gram.iter().fold(mark, |hash, word| hash.with(word.as_bytes()).with(b" ")));
        }
    }
    for gap in padded.windows(3) {
        push(Fnv::default().with(b"s:").with(gap[0].as_bytes()).with(b" * ").with(gap[2].as_bytes()));
    }
    for word in &words {
        let bounded = format!("<{}>", word.chars().take(24).collect::<String>());
        let ends: Vec<usize> = bounded.char_indices().map(|(at, _)| at).chain([bounded.len()]).collect();
        for length in 3..=5 {
            for gram in ends.windows(length + 1) {
                push(Fnv::default().with(b"c:").with(&bounded.as_bytes()[gram[0]..gram[length]]));
            }
        }
    }
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

/// Years and other numbers as classes: that a year is named matters, which does not.
fn shape<'a>(word: &'a str, kind: Kind) -> Cow<'a, str> {
    if kind != Kind::Number {
        return Cow::Borrowed(word);
    }
    let year = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
    if year { Cow::Owned(format!("<year{}>", &word[..3])) } else { Cow::Borrowed("<number>") }
}

/// Texts of any length have the same scale.
fn norm(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX)).sqrt().max(1.0)
}

fn logistic(sum: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-sum))
}

#[expect(clippy::cast_possible_truncation, reason = "sums of a few thousand bytes are exact in f32")]
fn narrow(sum: i32) -> f32 {
    f64::from(sum) as f32
}
