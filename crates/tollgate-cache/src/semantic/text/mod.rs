//! What can be told of prompts and answers by their words alone.
//!
//! Pure functions over text: no IO, no clock, no model runtime. Each is linear in its input and looks at no more than
//! [`MAX_BYTES`] of it; a longer prompt is never answered semantically ([`Refusal::Long`]).
//!
//! - [`LiteralSignature`]: what must be equal for two prompts ever to share an answer. It is a part of the key.
//! - [`Language`]: script and rough language, another part of the key.
//! - [`Analysis`]: a prompt in compact form, stored with its entry; [`Analysis::compare`] gives [`RiskFlags`] and
//!   [`Comparison::features`].
//! - [`AnswerWords`]: the words of an answer, for the answer-echo rule.
//! - [`Cacheability`]: whether a prompt may be answered semantically at all.
//! - [`Volatility`]: how soon an answer goes stale.
//!
//! [`Reading`] does the common work once for all of them.
//!
//! ```
//! use tollgate_cache::semantic::text::{Analysis, LiteralSignature, RiskFlags};
//!
//! let signature = LiteralSignature::of("Convert 1,000 metres to miles");
//! assert_eq!(signature, LiteralSignature::of("Convert 1000 meters to miles"));
//!
//! let cached = Analysis::of("How do I turn on dark mode?");
//! assert!(cached.compare(&Analysis::of("Please tell me how to turn on dark mode")).flags.is_empty());
//! assert!(cached.compare(&Analysis::of("How do I turn off dark mode?")).flags.contains(RiskFlags::OPPOSITE));
//! ```

mod analysis;
mod cacheability;
mod compact;
mod compare;
mod echo;
mod features;
mod flags;
mod frame;
mod hash;
mod lexicon;
mod literal;
mod order;
mod reading;
mod script;
mod signature;
mod span;
mod stem;
mod token;
mod volatility;

#[cfg(test)]
mod tests;

pub use analysis::Analysis;
pub use cacheability::{Cacheability, Refusal};
pub use compact::Malformed;
pub use compare::Comparison;
pub use echo::{AnswerWords, Echo};
pub use features::{FEATURE_NAMES, FEATURES};
pub use flags::RiskFlags;
pub use literal::LiteralKind;
pub use reading::Reading;
pub use script::{Language, Script};
pub use signature::LiteralSignature;
pub use volatility::{Freshness, Volatility, buckets};

/// How much of a text is looked at, in bytes: about 4,000 tokens. What people ask one another's caches for is far
/// shorter; a prompt that is longer carries a document, which no rule of this module can compare.
pub const MAX_BYTES: usize = 16 * 1024;

/// The first [`MAX_BYTES`] of a text, cut between characters.
pub(crate) fn bounded(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}
