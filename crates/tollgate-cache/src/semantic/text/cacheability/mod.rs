//! Whether a prompt may be answered by the answer to another at all.

mod act;
mod anaphora;
mod creative;
mod personal;
mod view;

use super::reading::Parts;
use view::View;

/// Whether a prompt may be answered semantically, from a cache that other prompts filled.
///
/// A question about how things are done stays cacheable when it is told in the first person (`How do I top up my card?`,
/// `I am still waiting for my card`): its answer is the same for everybody. A question for what only this person's
/// records tell (`What is my balance?`, `Where is my order?`) does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cacheability {
    /// It may.
    Cacheable,
    /// It may only be answered by the answer to the very same request, or not at all.
    Refused(Refusal),
}

/// Why a prompt is not answered semantically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Asks for this person's state or history: `What is my balance?`
    Personal,
    /// Asks for an act: `Send the email to Sam`.
    SideEffect,
    /// Expects another answer each time: `Tell me a joke`, `Roll a die`.
    Creative,
    /// Refers to what was said before: `And the second one?`
    Anaphora,
    /// Has nothing that could be compared.
    Empty,
    /// Is longer than [`MAX_BYTES`](super::MAX_BYTES).
    Long,
}

// === impl Cacheability ===

impl Cacheability {
    /// Judges `text`, the last turn of the user.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Parts::with(text, of_parts)
    }

    /// Whether it may be answered semantically.
    #[must_use]
    pub fn is_cacheable(self) -> bool {
        self == Self::Cacheable
    }

    /// Why not, if it may not.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Cacheable => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// A stable word for headers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::SideEffect => "side-effect",
            Self::Creative => "creative",
            Self::Anaphora => "anaphora",
            Self::Empty => "empty",
            Self::Long => "long",
        }
    }
}

pub(crate) fn of_parts(parts: &Parts<'_>) -> Cacheability {
    let view = View::of(parts.tokens);
    let has_literals = !parts.signature.is_empty();
    let refusal = if parts.text.len() > super::MAX_BYTES {
        Some(Refusal::Long)
    } else if parts.tokens.is_empty() && !has_literals {
        Some(Refusal::Empty)
    } else if personal::is_personal(&view) {
        Some(Refusal::Personal)
    } else if creative::is_creative(&view) {
        Some(Refusal::Creative)
    } else if act::is_act(&view) {
        Some(Refusal::SideEffect)
    } else if anaphora::is_anaphora(&view, has_literals) {
        Some(Refusal::Anaphora)
    } else {
        None
    };
    refusal.map_or(Cacheability::Cacheable, Cacheability::Refused)
}
