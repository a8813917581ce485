//! Requests of Ollama's `/api/chat`, after its `OpenAPI` description and, where that is silent, its published types.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::encode;
