//! Caching of language-model answers, without any plumbing.
//!
//! - [`semantic`]: reuse of answers for rephrased requests, within a stated rate of errors.
//! - [`index`]: where the vectors of cached prompts are searched.

pub mod index;
pub mod semantic;
