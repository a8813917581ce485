//! Reuse of answers for rephrased requests.
//!
//! - [`SemanticCache`]: all of it together.
//! - [`Embedder`]: what turns prompts into vectors.
//! - [`text`]: what can be told of prompts and answers by their words alone.
//! - [`decision`]: whether a stored answer may be served, learned from labels, with a bound on the rate of errors.
//! - [`comparator`]: whether two answers say the same.

pub mod comparator;
pub mod decision;
mod embedder;
mod reuse;
pub mod text;

pub use embedder::{EmbedError, Embedder};
pub use reuse::{Explanation, LabelOf, NamespaceInfo, NearPrompt, Pending, Query, Searched, SemanticCache};
