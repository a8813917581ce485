//! Wire protocols of language-model APIs: bytes in, facts out.
//!
//! | Module | What it is for |
//! |---|---|
//! | [`json`] | a validating scanner that builds no tree |
//! | [`sse`] | server-sent events, cut and read as bytes |
//! | [`eventstream`] | Amazon's binary framing of events, both ways |
//! | [`openai`] | OpenAI's family of protocols: the head of a request, its edits, its errors, a whole answer as a stream |
//! | [`tap`] | what can be learned of an answer while it passes: model, tokens, first token, how it ended |
//! | [`billing`] | what providers say of what they charge |
//! | [`usage`] | token counts in every provider's words, normalised |
//! | [`doors`] | requests in one form and answers both ways, for layers that know no protocol |
//! | [`embeddings`] | OpenAI's embeddings on the client's side, for every provider |
//! | [`failure`] | error bodies in every provider's shape |
//!
//! Nothing here opens a socket, waits, or spawns.

pub mod anthropic_messages;
pub mod bedrock_converse;
pub mod billing;
pub mod codec;
pub mod cohere_chat;
pub mod doors;
pub mod embeddings;
pub mod eventstream;
pub mod failure;
pub mod gemini_generate;
pub mod json;
pub mod ollama_chat;
pub mod openai;
pub mod openai_chat;
pub mod openai_responses;
pub mod sse;
pub mod tap;
pub mod usage;

mod base64;
mod lenient;
