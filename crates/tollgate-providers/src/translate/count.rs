//! How many tokens a prompt has.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tollgate_core::ir::{Block, Losses, Prompt, Protocol, Tool};
use tollgate_core::{Error, Outcome, Request, Response};
use tollgate_protocols::codec::{self, Target};
use tollgate_protocols::json;
use tollgate_protocols::{anthropic_messages, gemini_generate, openai_responses};

use super::conversation::{collect, decode_error, put};
use crate::Provider;

/// Says that a count is the gateway's estimate, because the provider has no way to ask.
const X_ESTIMATED: HeaderName = HeaderName::from_static("x-tollgate-estimated");

pub(super) async fn call(provider: &dyn Provider, mut request: Request, target: Protocol) -> Result<Response, Error> {
    let client = request.protocol;
    let body = request.edits.apply(&request.body);
    let mut prompt = match client {
        Protocol::GeminiGenerate => gemini_generate::count::decode(&body)?,
        protocol => codec::decode_request(protocol, &body)?,
    };
    request.passthrough = None;
    if prompt.model.is_empty() {
        prompt.model = request.head.model_name().unwrap_or_default().to_owned();
    }
    let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
    let question = question(provider, &prompt, target, &model)?;
    let Some(question) = question else {
        let context = request.context;
        context.observe(|observed| observed.outcome = Outcome::Complete);
        let mut headers = HeaderMap::new();
        headers.insert(X_ESTIMATED, HeaderValue::from_static("true"));
        return Ok(answered(headers, client, estimate(&prompt)));
    };
    put(&mut request, target, question, &[]);
    let response = provider.call(request).await?;
    let body = collect(response.body).await?;
    let count = match target {
        Protocol::GeminiGenerate => gemini_generate::count::read(&body).map_err(decode_error),
        _ => anthropic_messages::response::decode_count(&body)
            .ok_or_else(|| decode_error(codec::DecodeError::Invalid("it holds no count"))),
    };
    let count = count.map_err(|error| error.with_provider(provider.name().clone()))?;
    Ok(answered(response.headers, client, count))
}

/// The question for a provider that can count; `None` for one that cannot.
fn question(provider: &dyn Provider, prompt: &Prompt, protocol: Protocol, model: &str) -> Result<Option<Bytes>, Error> {
    let target = Target::new(protocol, model, provider.dialect());
    let counts = provider.counts_tokens(protocol);
    // What a count leaves out is of no interest: nothing is generated.
    let mut losses = Losses::default();
    if !counts {
        return Ok(None);
    }
    let (prompt, _) = codec::fit(prompt, &target, &mut losses);
    match protocol {
        Protocol::GeminiGenerate => gemini_generate::count::encode(&prompt, &target, false, &mut losses).map(Some),
        Protocol::AnthropicMessages => anthropic_messages::request::encode_count(&prompt, &target).map(Some),
        _ => Ok(None),
    }
}

fn answered(mut headers: HeaderMap, client: Protocol, count: u64) -> Response {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    let body = match client {
        Protocol::GeminiGenerate => gemini_generate::count::answer(count),
        Protocol::OpenAiResponses => openai_responses::store::input_tokens(count),
        Protocol::AnthropicMessages => anthropic_messages::response::encode_count(count),
        _ => json::object(32, |o| o.uint("input_tokens", count)).into(),
    };
    Response { headers, ..Response::new(body.into()) }
}

/// A rough count: four bytes of text to a token; three tokens for each message and three for the answer's beginning, as
/// OpenAI publishes it for its chats; for a picture what a small one costs there.
fn estimate(prompt: &Prompt) -> u64 {
    const PER_MESSAGE: u64 = 3;
    const PER_ANSWER: u64 = 3;
    let messages = prompt.turns.len() as u64 * PER_MESSAGE + PER_ANSWER;
    let blocks: usize = prompt.turns.iter().flat_map(|turn| &turn.blocks).map(bytes_of).sum();
    let tools: usize = prompt.tools.iter().map(tool_bytes).sum();
    messages + ((blocks + tools) as u64).div_ceil(4)
}

fn bytes_of(block: &Block) -> usize {
    /// A picture of low detail takes 85 tokens of OpenAI's.
    const MEDIA: usize = 85 * 4;
    match block {
        Block::Text(text) => text.text.len(),
        Block::Thinking(thinking) => thinking.text.len(),
        Block::ToolCall(call) => call.name.len() + call.arguments.len(),
        Block::ToolResult(result) => result.content.iter().map(bytes_of).sum(),
        Block::Media(_) => MEDIA,
        Block::Refusal(text) => text.len(),
        Block::Opaque(opaque) => opaque.json.len(),
        _ => 0,
    }
}

fn tool_bytes(tool: &Tool) -> usize {
    match tool {
        Tool::Function { name, description, parameters, .. } => {
            let described = description.as_ref().map_or(0, String::len);
            name.len() + described + parameters.as_ref().map_or(0, String::len)
        }
        Tool::Custom { name, description, .. } => name.len() + description.as_ref().map_or(0, String::len),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Role, Turn};

    use super::*;

    #[test]
    fn an_estimate_grows_with_the_prompt() {
        let mut prompt = Prompt::new(Protocol::AnthropicMessages);
        assert_eq!(estimate(&prompt), 3);
        prompt.turns.push(Turn::new(Role::User, vec![Block::text("12345678")]));
        assert_eq!(estimate(&prompt), 8);
    }
}
