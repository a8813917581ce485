//! What can be learned of an answer while it passes.
//!
//! A tap changes nothing but the place of a Chat Completions stream's usage. [`StreamTap`] watches a stream of events: most of them are only searched for a few
//! words, and one is parsed when a word is found. [`Whole`] reads an answer that is here entirely. [`TailTap`] keeps the
//! end of one that is not, and finds the counts there; [`Pictures`] counts what such an answer may hold. [`WireTap`] watches streams of protocols that have other ends than
//! OpenAI's.

mod chunk;
mod lines;
mod needle;
mod pictures;
mod shaper;
mod stream;
mod tail;
mod whole;
mod wire;

pub use lines::Lines;
pub use pictures::Pictures;
pub use stream::{Dialect, Ending, Facts, StreamTap, Tapped, TappedEvent};
pub use tail::TailTap;
pub use whole::{NotAnAnswer, Whole};
pub use wire::WireTap;
