//! OpenAI's family of protocols, as far as their bodies are forwarded rather than translated.

mod adapt;
mod error;
mod head;
mod replay;

pub use adapt::adapt_chat;
pub use error::{error_body, failed_chunk, failed_response, last_sequence_number};
pub use head::{HeadLimits, ask_for_stream_usage, name_max_tokens, read_head, set_model};
pub use replay::whole_as_stream;
