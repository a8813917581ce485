//! What must be equal for two prompts ever to share an answer.

use std::fmt;

use super::hash::hash64;
use super::literal::{Literal, LiteralKind, Scanner};
use super::script::Language;
use super::span::Spans;
use super::token::tokens;

/// The literals of a prompt in canonical form, as bytes to be hashed into a key.
///
/// Prompts whose signatures differ never share an answer, however near their vectors are. Notations are one
/// (`1,000` and `one thousand`, `km` and `kilometres`, `15 percent` and `15%`, `11 March 2011` and `March 11th, 2011`).
/// Kinds are sorted; within a kind the order of the text is kept, since `12 - 5` is not `5 - 12`, except among
/// words about the shape of an answer. Ordinary questions have an empty signature.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct LiteralSignature {
    bytes: Box<[u8]>,
}

// === impl LiteralSignature ===

impl LiteralSignature {
    /// The signature of the first [`MAX_BYTES`](super::MAX_BYTES) of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let spans = Spans::of(super::bounded(text));
        let tokens = tokens(&spans.prose);
        let scanner = Scanner::scan(&tokens);
        Self::from_literals(spans.literals, scanner.literals, Language::of_tokens(&tokens))
    }

    pub(crate) fn from_literals(mut literals: Vec<Literal>, scanned: Vec<Literal>, language: Language) -> Self {
        literals.extend(scanned);
        // An English prompt is answered in English anyway; with another language beside it, it is a translation.
        let answers = literals.iter().filter(|literal| literal.kind == LiteralKind::AnswerLanguage);
        if language.code() == "en" && answers.clone().all(|literal| literal.value == "english") {
            literals.retain(|literal| literal.kind != LiteralKind::AnswerLanguage);
        }
        // Stable, so that the order of the text remains within a kind.
        literals.sort_by_key(|literal| literal.kind);
        let mut bytes = Vec::new();
        for group in literals.chunk_by_mut(|one, other| one.kind == other.kind) {
            let kind = group[0].kind;
            if kind.is_set() {
                group.sort();
            }
            let mut last: Option<&Literal> = None;
            for literal in &*group {
                if kind.is_set() && last == Some(literal) {
                    continue;
                }
                push(&mut bytes, literal);
                last = Some(literal);
            }
        }
        Self { bytes: bytes.into() }
    }

    /// The canonical bytes. Different signatures have different bytes, since each literal carries its length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the prompt has no literal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The literals, for an explanation of why two prompts are kept apart.
    pub fn literals(&self) -> impl Iterator<Item = (LiteralKind, &str)> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at_checked(5)?;
            let kind = *LiteralKind::ALL.get(usize::from(head[0]))?;
            let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
            let (value, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
            rest = tail;
            Some((kind, std::str::from_utf8(value).ok()?))
        })
    }

    /// A digest for comparing within an entry. It is not a key: keys take all the bytes into a keyed hash.
    #[must_use]
    pub fn digest(&self) -> u64 {
        hash64(&self.bytes)
    }
}

fn push(bytes: &mut Vec<u8>, literal: &Literal) {
    let kind = LiteralKind::ALL.iter().position(|kind| *kind == literal.kind).unwrap_or_default();
    bytes.push(u8::try_from(kind).unwrap_or_default());
    bytes.extend(u32::try_from(literal.value.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(literal.value.as_bytes());
}

impl fmt::Debug for LiteralSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.literals()).finish()
    }
}
