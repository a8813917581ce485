//! Between a protocol's bytes and the [representation](tollgate_core::ir) that all of them share.
//!
//! Each protocol has a module with the same five files: `types` (its words and limits), `request`, `response`, `stream`
//! and `error`. This module is what they have in common and the one place that chooses among them.
//!
//! ```
//! use tollgate_core::ir::{Losses, Protocol};
//! use tollgate_protocols::codec::{self, Dialect, Target};
//!
//! let body = br#"{"model":"claude","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}"#;
//! let prompt = codec::decode_request(Protocol::AnthropicMessages, body)?;
//! let mut losses = Losses::default();
//! let target = Target::new(Protocol::OpenAiChat, "gpt-4o", &Dialect::OPENAI);
//! let encoded = codec::encode_request(&prompt, &target, &mut losses)?;
//! assert!(encoded.body.starts_with(br#"{"model":"gpt-4o""#));
//! # Ok::<(), tollgate_core::Error>(())
//! ```

#[cfg(test)]
mod across;
mod aggregate;
mod arguments;
mod base64;
mod dialect;
mod envelope;
mod error;
mod fields;
mod fit;
mod framing;
mod ids;
mod media;
mod models;
mod reasoning;
mod turns;

use std::sync::Arc;

use bytes::Bytes;
use tollgate_core::ir::{Answer, Event, Losses, Prompt, Protocol};
use tollgate_core::{Error, ErrorKind};

pub use aggregate::{Aggregator, replay};
pub use arguments::{CUSTOM_PARAMETERS, custom_input, object_arguments, says_nothing};
pub use base64::{from_base64, standard_base64, to_base64};
pub use dialect::{Dialect, MaxTokensField, ReasoningField, ReasoningReplay, ToolIds};
pub use envelope::{open_signature, seal_signature};
pub use error::ErrorClass;
pub use fields::field_name;
pub use fit::{Renamed, fit};
pub use framing::Framing;
pub use ids::new_id;
pub use media::{image_mime, mime_of_name, parse_data_url};
pub use models::{ForcedTool, ModelGates, Thinks, is_responses_only, model_gates};
pub use reasoning::{SMALLEST_BUDGET, budget_of, effort_of, openai_effort, refuses_sampling};
pub use turns::{MergedTurn, Speaker, merge_turns, tool_names};

use crate::{
    anthropic_messages, bedrock_converse, cohere_chat, gemini_generate, ollama_chat, openai_chat, openai_responses,
};

/// Where a request is translated to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The protocol that the provider speaks.
    pub protocol: Protocol,
    /// The model as the provider calls it.
    pub model: &'a str,
    /// In what the provider differs from its protocol's owner.
    pub dialect: &'a Dialect,
    /// What the model can and cannot do.
    pub gates: ModelGates,
}

impl<'a> Target<'a> {
    /// A model of a provider; what it can do is looked up by its name.
    #[must_use]
    pub fn new(protocol: Protocol, model: &'a str, dialect: &'a Dialect) -> Self {
        Self { protocol, model, dialect, gates: model_gates(model) }
    }
}

/// A request in a provider's protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// The body.
    pub body: Bytes,
    /// What the decoder of the answer must know of how the request was put.
    pub plan: Plan,
    /// Values for the header `anthropic-beta`, without which the provider would refuse the body.
    pub betas: Vec<&'static str>,
}

/// How a request was put, where that changes how its answer is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The tool that stands for structured output: its arguments are the answer's text.
    pub json_tool: Option<String>,
    /// Functions that stand for tools with free text: their argument `input` is the text.
    pub custom_tools: Vec<String>,
    /// Tools that the provider was told under other names. The two fields above have those names.
    pub renamed: Vec<Renamed>,
}

/// What an answer repeats of its request, and what else its encoder must know.
#[derive(Clone, Debug)]
pub struct Echo {
    /// The request.
    pub prompt: Arc<Prompt>,
    /// The name for the model where the provider gives none.
    pub model: String,
    /// Now, in seconds since 1970.
    pub now: u64,
    /// An id for the answer in place of one of the encoder's own making, without the protocol's prefix. Responses that the
    /// gateway keeps are named before they begin.
    pub id: Option<String>,
}

/// Why an answer cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The provider says that it failed; the bytes are its error body, as it would have sent it with a status.
    Upstream(Bytes),
    /// What it sent is not its protocol, or it stopped in the middle. The text says what is wrong and quotes nothing.
    Invalid(&'static str),
}

/// Turns a provider's stream into events. One event of the wire may give none or many.
pub trait DecodeStream: Send + Sync {
    /// Takes the next event of the wire: the data of a server-sent event, a line of NDJSON, or the payload of a frame
    /// wrapped as `{"EVENT_TYPE": PAYLOAD}`. Comments and empty data never come here; `[DONE]` does.
    ///
    /// # Errors
    /// An error that the provider sends in its stream, or data that is not the protocol. There is no going on after that.
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError>;

    /// Takes the end of the body. Emits whatever is still owed, [`Event::End`] at the latest now.
    ///
    /// # Errors
    /// If the stream ended before its protocol's last event.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError>;
}

/// Turns events into a client's stream.
pub trait EncodeStream: Send + Sync {
    /// Appends what the client reads for an event; nothing, for many.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);
}

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode_request(protocol: Protocol, body: &[u8]) -> Result<Prompt, Error> {
    match protocol {
        Protocol::OpenAiChat => openai_chat::request::decode(body),
        Protocol::OpenAiResponses => openai_responses::request::decode(body),
        Protocol::AnthropicMessages => anthropic_messages::request::decode(body),
        Protocol::GeminiGenerate => gemini_generate::request::decode(body),
        Protocol::OllamaChat => ollama_chat::request::decode(body),
        _ => Err(no_door(protocol)),
    }
}

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way; what can be left out goes to `losses`.
pub fn encode_request(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    fit::check(prompt, target)?;
    let (prompt, renamed) = fit(prompt, target, losses);
    let mut encoded = match target.protocol {
        Protocol::OpenAiResponses => openai_responses::request::encode(&prompt, target, losses),
        Protocol::AnthropicMessages => anthropic_messages::request::encode(&prompt, target, losses),
        Protocol::GeminiGenerate => gemini_generate::request::encode(&prompt, target, losses),
        Protocol::OllamaChat => ollama_chat::request::encode(&prompt, target, losses),
        Protocol::BedrockConverse => bedrock_converse::request::encode(&prompt, target, losses),
        Protocol::CohereChat => cohere_chat::request::encode(&prompt, target, losses),
        _ => openai_chat::request::encode(&prompt, target, losses),
    }?;
    encoded.plan.renamed = renamed;
    Ok(encoded)
}

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode_answer(protocol: Protocol, body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let mut answer = match protocol {
        Protocol::OpenAiResponses => openai_responses::response::decode(body, plan),
        Protocol::AnthropicMessages => anthropic_messages::response::decode(body, plan),
        Protocol::GeminiGenerate => gemini_generate::response::decode(body, plan),
        Protocol::OllamaChat => ollama_chat::response::decode(body, plan),
        Protocol::BedrockConverse => bedrock_converse::response::decode(body, plan),
        Protocol::CohereChat => cohere_chat::response::decode(body, plan),
        _ => openai_chat::response::decode(body, plan),
    }?;
    fit::restore(&mut answer, &plan.renamed);
    Ok(answer)
}

/// Writes a whole answer for a client.
#[must_use]
pub fn encode_answer(answer: &Answer, echo: &Echo) -> Bytes {
    match echo.prompt.protocol {
        Protocol::OpenAiResponses => openai_responses::response::encode(answer, echo),
        Protocol::AnthropicMessages => anthropic_messages::response::encode(answer, echo),
        Protocol::GeminiGenerate => gemini_generate::response::encode(answer, echo),
        Protocol::OllamaChat => ollama_chat::response::encode(answer, echo),
        _ => openai_chat::response::encode(answer, echo),
    }
}

/// A reader of a provider's stream.
#[must_use]
pub fn stream_decoder(protocol: Protocol, dialect: &Dialect, plan: &Plan) -> Box<dyn DecodeStream> {
    let inner: Box<dyn DecodeStream> = match protocol {
        Protocol::OpenAiResponses => Box::new(openai_responses::stream::Decoder::new(plan)),
        Protocol::AnthropicMessages => Box::new(anthropic_messages::stream::Decoder::new(plan)),
        Protocol::GeminiGenerate => Box::new(gemini_generate::stream::Decoder::new(plan)),
        Protocol::OllamaChat => Box::new(ollama_chat::stream::Decoder::new(plan)),
        Protocol::BedrockConverse => Box::new(bedrock_converse::stream::Decoder::new(plan)),
        Protocol::CohereChat => Box::new(cohere_chat::stream::Decoder::new(plan)),
        _ => Box::new(openai_chat::stream::Decoder::new(dialect, plan)),
    };
    if plan.renamed.is_empty() {
        return inner;
    }
    Box::new(fit::Restoring { inner, renamed: plan.renamed.clone() })
}

/// A writer of a client's stream.
#[must_use]
pub fn stream_encoder(echo: Echo) -> Box<dyn EncodeStream> {
    match echo.prompt.protocol {
        Protocol::OpenAiResponses => Box::new(openai_responses::stream::Encoder::new(echo)),
        Protocol::AnthropicMessages => Box::new(anthropic_messages::stream::Encoder::new(echo)),
        Protocol::GeminiGenerate => Box::new(gemini_generate::stream::Encoder::new(echo)),
        Protocol::OllamaChat => Box::new(ollama_chat::stream::Encoder::new(echo)),
        _ => Box::new(openai_chat::stream::Encoder::new(echo)),
    }
}

fn no_door(protocol: Protocol) -> Error {
    Error::new(ErrorKind::UnsupportedOperation, format!("No client speaks {protocol} to this gateway."))
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Block, Choice, Extra, Opaque, ToolCall};

    use super::*;

    /// Every field of an event and every line of NDJSON is whole, however a provider has laid out its JSON.
    #[test]
    fn streams_stay_on_one_line() {
        const JSON: &str = "{\r\n  \"x\": \"a\\nb\"\n}";
        let fronts = [
            Protocol::OpenAiChat,
            Protocol::OpenAiResponses,
            Protocol::AnthropicMessages,
            Protocol::GeminiGenerate,
            Protocol::OllamaChat,
        ];
        for protocol in fronts {
            let call = ToolCall {
                id: "c".to_owned(),
                name: "f".to_owned(),
                arguments: JSON.to_owned(),
                ..ToolCall::default()
            };
            let item = "{\n  \"type\": \"server_tool_use\",\n  \"id\": \"i\"\n}".to_owned();
            let blocks = vec![
                Block::ToolCall(call),
                Block::Opaque(Opaque { protocol, what: "server_tool_use".to_owned(), json: item }),
            ];
            let answer = Answer {
                choices: vec![Choice { blocks, ..Choice::default() }],
                extras: vec![Extra { name: "vendor".to_owned(), json: JSON.to_owned() }],
                ..Answer::default()
            };
            let mut prompt = Prompt::new(protocol);
            (prompt.stream, prompt.stream_usage) = (true, true);
            let mut encoder =
                stream_encoder(Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 0, id: None });
            let mut out = Vec::new();
            replay(answer).iter().for_each(|event| encoder.event(event, &mut out));
            let text = String::from_utf8(out).unwrap();
            let mut seen = 0;
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("event: ")) {
                let data = if protocol == Protocol::OllamaChat { Some(line) } else { line.strip_prefix("data: ") };
                assert!(!line.contains('\r'), "{protocol}: {line}");
                let data = data.unwrap_or_else(|| panic!("{protocol}: {line}"));
                assert!(
                    data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok(),
                    "{protocol}: {line}"
                );
                seen += 1;
            }
            assert!(seen > 0 && text.contains("\\n"), "{protocol}: {text}");
        }
    }
}
