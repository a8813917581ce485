//! Gemini `generateContent`, as a client's protocol and as a provider's: Google's Gemini API (version `v1beta`) and
//! Vertex AI.
//!
//! The model and the switch for streams are in the address and not in the body, so a decoded prompt has neither. Names
//! are read in both spellings that JSON of protocol buffers allows, `camelCase` and `snake_case`, and written in the first.

pub mod array;
pub mod count;
pub mod embed;
pub mod error;
mod grounding;
mod parts;
mod render;
pub mod request;
pub mod response;
pub mod schema;
pub mod stream;
mod types;
