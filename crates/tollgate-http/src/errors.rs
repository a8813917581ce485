//! One list that turns errors into each protocol's status and body.

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;
use tollgate_core::ir::Protocol;
use tollgate_protocols::{anthropic_messages, gemini_generate, ollama_chat, openai};

/// The body of an error answer.
pub(crate) fn body(protocol: Protocol, error: &Error, request_id: &str) -> Bytes {
    match protocol {
        Protocol::AnthropicMessages => anthropic_messages::error::body_with_id(error, Some(request_id)),
        Protocol::GeminiGenerate => gemini_generate::error::body(error),
        Protocol::OllamaChat => ollama_chat::error::body(error),
        _ => openai::error_body(error),
    }
}

/// The status that goes with it.
pub(crate) fn status(protocol: Protocol, error: &Error) -> StatusCode {
    match protocol {
        _ if error.own_status().is_some() => error.status(),
        Protocol::AnthropicMessages => anthropic_messages::error::status(error),
        Protocol::GeminiGenerate => gemini_generate::error::status(error),
        // Anthropic's own status for a server without room, which no other client knows.
        _ if error.status().as_u16() == 529 => StatusCode::SERVICE_UNAVAILABLE,
        Protocol::OllamaChat => ollama_chat::error::status(error),
        _ => error.status(),
    }
}

/// The events that end a stream which can no longer be answered with a status.
pub(crate) fn in_stream(
    protocol: Protocol,
    error: &Error,
    request_id: &str,
    next: u64,
    created: Option<&str>,
) -> Bytes {
    match protocol {
        Protocol::OpenAiResponses => openai::failed_response(error, next, created),
        Protocol::AnthropicMessages => {
            [b"event: error\ndata: ", &body(protocol, error, request_id)[..], b"\n\n"].concat().into()
        }
        Protocol::GeminiGenerate => [b"data: ", &body(protocol, error, request_id)[..], b"\r\n\r\n"].concat().into(),
        Protocol::OllamaChat => [&body(protocol, error, request_id)[..], b"\n"].concat().into(),
        _ => openai::failed_chunk(error),
    }
}
