//! One representation of conversations for every wire protocol.
//!
//! A codec turns its protocol's bytes into these types and these types into its bytes, so `N` clients' protocols and `M`
//! providers' need `N + M` codecs and no converter between any two. The representation is a superset: what only some
//! protocols have stands in a field of its own, what only one of them has is kept as [`Block::Opaque`] or [`Extra`] with
//! the name of that protocol, and what a target cannot express is written into [`Losses`], never dropped in silence.
//!
//! A request is a [`Prompt`]: turns of [`Block`]s, tools and settings. A whole answer is an [`Answer`]; a streamed one is
//! a sequence of [`Event`]s.

mod answer;
mod block;
mod codec;
mod event;
mod loss;
mod prompt;
mod protocol;
mod tool;

pub use answer::{Answer, Choice, Finish, FinishReason};
pub use block::{
    Block, CachePoint, CacheTtl, Citation, Media, MediaKind, Opaque, Origin, Signature, Source, Text, Thinking,
};
pub use codec::{AnswerCodec, Canonical, LastUser, Naming, PromptTraits, ReadAnswer, WriteAnswer};
pub use event::{Delta, Event, OpenBlock};
pub use loss::{Loss, Losses};
pub use prompt::{Effort, Extra, Format, Prompt, Reasoning, Role, Sampling, Thought, Turn};
pub use protocol::Protocol;
pub use tool::{Tool, ToolCall, ToolChoice, ToolKind, ToolResult};
