//! What the rules on texts say, for each text once.

use std::collections::HashMap;

use tollgate_cache::semantic::decision::TextEvidence;
use tollgate_cache::semantic::text::{Analysis, Cacheability, Language, LiteralSignature, Volatility};

use super::vectors::digest;

/// Analyses of all texts.
#[derive(Debug)]
pub(super) struct Texts {
    by_text: HashMap<u64, Text>,
}

/// One text as the rules see it.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) analysis: Analysis,
    /// What must be equal for two prompts to share an answer.
    pub(super) namespace: u64,
    pub(super) is_cacheable: bool,
}

// === impl Texts ===

impl Texts {
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self { by_text: texts.map(|text| (digest(text), Text::of(text))).collect() }
    }

    pub(super) fn get(&self, text: &str) -> Option<&Text> {
        self.by_text.get(&digest(text))
    }
}

// === impl Text ===

impl Text {
    pub(super) fn of(text: &str) -> Self {
        let signature = LiteralSignature::of(text).digest();
        Self {
            analysis: Analysis::of(text),
            namespace: signature.rotate_left(8) ^ u64::from(Language::of(text).key()),
            is_cacheable: Cacheability::of(text).is_cacheable() && !Volatility::of(text).freshness.is_exact_only(),
        }
    }

    /// A stored prompt beside a new one.
    pub(super) fn compare(&self, new: &Self) -> TextEvidence {
        TextEvidence::of(&self.analysis.compare(&new.analysis), false)
    }
}
