//! Reuse of answers for rephrased requests.
//!
//! - [`text`]: what can be told of prompts and answers by their words alone.
//! - [`decision`]: whether a stored answer may be served, learned from labels, with a bound on the rate of errors.

pub mod decision;
pub mod text;
