//! One pass over a prompt for all that is told of it.

use super::analysis::Analysis;
use super::cacheability::{self, Cacheability};
use super::literal::Scanner;
use super::script::Language;
use super::signature::LiteralSignature;
use super::span::Spans;
use super::token::{Token, tokens};
use super::volatility::Volatility;

/// Everything that this module tells of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What must be equal, a part of the key.
    pub signature: LiteralSignature,
    /// Script and language, a part of the key.
    pub language: Language,
    /// What is stored with an entry and compared.
    pub analysis: Analysis,
    /// Whether it may be answered semantically.
    pub cacheability: Cacheability,
    /// How soon an answer goes stale.
    pub volatility: Volatility,
    /// The share of the text that is code, 0 to 1.
    pub code: f32,
}

/// What the parts of this module share while a prompt is read.
pub(crate) struct Parts<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: &'a [Token<'a>],
    /// Which tokens belong to literals.
    pub(crate) used: &'a [bool],
    pub(crate) signature: LiteralSignature,
    pub(crate) language: Language,
    pub(crate) code: usize,
}

// === impl Reading ===

impl Reading {
    /// Reads the first [`MAX_BYTES`](super::MAX_BYTES) of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Parts::with(text, |parts| Self {
            signature: parts.signature.clone(),
            language: parts.language,
            analysis: Analysis::of_parts(parts),
            cacheability: cacheability::of_parts(parts),
            volatility: Volatility::of(text),
            code: share(parts.code, super::bounded(text).len()),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits than f32 has")]
fn share(part: usize, whole: usize) -> f32 {
    let narrow = |value: usize| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { (narrow(part) / narrow(whole)) as f32 }
}

// === impl Parts ===

impl Parts<'_> {
    /// Reads `text` and gives its parts to `then`.
    pub(crate) fn with<T>(text: &str, then: impl FnOnce(&Parts<'_>) -> T) -> T {
        let spans = Spans::of(super::bounded(text));
        let tokens = tokens(&spans.prose);
        let scanner = Scanner::scan(&tokens);
        let Scanner { used, literals, .. } = scanner;
        let language = Language::of_tokens(&tokens);
        let signature = LiteralSignature::from_literals(spans.literals.clone(), literals, language);
        then(&Parts { text, tokens: &tokens, used: &used, signature, language, code: spans.code })
    }
}
