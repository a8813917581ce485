//! Whether two answers say the same.
//!
//! The label of every decision comes from here, so it says nothing where it is not sure: first by the words alone, which
//! settles most pairs, then by vectors, and in between not at all.

use super::embedder::Embedder;
use super::text::{AnswerWords, LiteralSignature};

/// From this share of common words on two answers with equal literals are the same.
const SAME_WORDS: f32 = 0.6;
/// Below this share they are different.
const OTHER_WORDS: f32 = 0.1;
/// From this similarity on two answers are the same.
const SAME_MEANING: f32 = 0.9;
/// Below this similarity they are different.
const OTHER_MEANING: f32 = 0.75;
/// Answers of so few words are the same only if all of them are.
const SHORT: usize = 5;
/// Answers of more words than this need not have the same numbers and names.
const LONG: usize = 60;

/// Whether two answers say the same; `None` if that is not clear.
pub async fn agree(one: &str, other: &str, embedder: &dyn Embedder) -> Option<bool> {
    let (one, other) = (one.trim(), other.trim());
    if canonical(one) == canonical(other) {
        return Some(true);
    }
    let is_short = |text: &str| text.split_whitespace().nth(SHORT).is_none();
    if is_short(one) && is_short(other) {
        return Some(false);
    }
    let overlap = AnswerWords::of(one).overlap(&AnswerWords::of(other));
    let same_literals = LiteralSignature::of(one) == LiteralSignature::of(other);
    if overlap >= SAME_WORDS && same_literals {
        return Some(true);
    }
    if overlap < OTHER_WORDS {
        return Some(false);
    }
    let similarity = cosine(&embedder.embed(one).await.ok()?, &embedder.embed(other).await.ok()?);
    if similarity < OTHER_MEANING {
        Some(false)
    } else if similarity >= SAME_MEANING && (same_literals || is_long(one) && is_long(other)) {
        Some(true)
    } else {
        None
    }
}

/// Whether a text has so many words that it mentions numbers and names beside what was asked for: no two long answers mention
/// the very same.
fn is_long(text: &str) -> bool {
    text.split_whitespace().nth(LONG).is_some()
}

/// Letters and digits in lower case; how a text is set does not matter.
fn canonical(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        out.push_str(&word.to_lowercase());
        out.push(' ');
    }
    out
}

/// The cosine of the angle between two vectors.
pub(crate) fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let norms = dot(one, one).sqrt() * dot(other, other).sqrt();
    if norms > 0.0 { dot(one, other) / norms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use tollgate_core::BoxFuture;

    use super::*;
    use crate::semantic::EmbedError;

    /// Counts letters, which is enough to tell texts of different words apart.
    struct Letters;

    impl Embedder for Letters {
        fn id(&self) -> &str {
            "letters"
        }

        fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
            let mut vector = vec![0.0; 26];
            for letter in text.bytes().filter(u8::is_ascii_lowercase) {
                vector[usize::from(letter - b'a')] += 1.0;
            }
            Box::pin(std::future::ready(Ok(vector)))
        }
    }

    #[tokio::test]
    async fn answers_that_say_the_same_and_others() {
        let long = "You can reset your password on the settings page, under security, with the link that we send you.";
        let cases = [
            ("Paris.", " paris", Some(true)),
            ("Paris", "London", Some(false)),
            (long, long, Some(true)),
            (
                long,
                "You can reset your password with the link that we send, on the settings page under security.",
                Some(true),
            ),
            (long, "Whales breathe air through blowholes atop their heads.", Some(false)),
            (
                "It costs 10 dollars a month for each user of it",
                "It costs 12 dollars a month for each user of it",
                None,
            ),
        ];
        for (one, other, expected) in cases {
            assert_eq!(agree(one, other, &Letters).await, expected, "{one} | {other}");
        }
    }
}
