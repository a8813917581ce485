//! What a streamed answer is made of.

use super::{Block, Citation, Extra, Finish, Signature, ToolKind};
use crate::Usage;

/// A step of a streamed answer.
///
/// A decoder keeps this order: [`Start`](Event::Start) first and once; for each block an [`Open`](Event::Open), its
/// [`Delta`](Event::Delta)s and a [`Close`](Event::Close), or a [`Whole`](Event::Whole); at the end one
/// [`Finish`](Event::Finish) for each choice, the last [`Usage`](Event::Usage), and [`End`](Event::End). Blocks are
/// numbered from zero in the order in which they open, across choices; every block is closed before its choice's
/// `Finish`. Blocks may overlap, since some providers interleave tool calls.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The answer has begun.
    Start {
        /// The provider's id for it.
        id: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// When, in seconds since 1970.
        created: Option<u64>,
    },
    /// A block begins.
    Open {
        /// Its number.
        index: u32,
        /// The answer that it belongs to, counted from zero.
        choice: u32,
        /// What it is.
        block: OpenBlock,
    },
    /// More of an open block.
    Delta {
        /// The block's number.
        index: u32,
        /// What is added. Never empty text.
        delta: Delta,
    },
    /// A block is complete.
    Close {
        /// Its number.
        index: u32,
    },
    /// A block that comes in one piece: media, opaque data, redacted thinking.
    Whole {
        /// Its number.
        index: u32,
        /// The answer that it belongs to.
        choice: u32,
        /// The block.
        block: Block,
    },
    /// Token counts so far. They replace earlier ones field by field and are never added.
    Usage(Usage),
    /// An answer is complete.
    Finish {
        /// Which one.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// A member of the whole answer that only one protocol has; it may come at any time.
    Extra(Extra),
    /// Nothing follows.
    End,
}

/// What kind of block begins.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenBlock {
    /// Words.
    Text,
    /// Thoughts.
    Thinking {
        /// Whether they are a summary.
        summary: bool,
        /// The item's id, where the protocol has one.
        id: Option<String>,
    },
    /// A refusal.
    Refusal,
    /// A call.
    ToolCall {
        /// The id that links call and result; never empty.
        id: String,
        /// The tool.
        name: String,
        /// Its kind.
        kind: ToolKind,
    },
}

/// What is added to an open block.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// Words, thoughts or a refusal, by the block's kind.
    Text(String),
    /// A piece of a call's arguments.
    Arguments(String),
    /// The block's signature, whole.
    Signature(Signature),
    /// Where words come from.
    Citation(Citation),
    /// Log probabilities of the words before, as the JSON text of OpenAI's `logprobs`.
    Logprobs(String),
}
