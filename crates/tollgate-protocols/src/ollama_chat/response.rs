//! Whole answers of Ollama's `/api/chat`.

use bytes::Bytes;
use tollgate_core::ir::{
    Answer, Block, Choice, FinishReason, Losses, Media, MediaKind, Source, Thinking, ToolCall, ToolKind,
};

use super::types::{done_reason, finish, rfc3339, seconds};
use crate::codec::{DecodeError, Echo, Plan, custom_input, new_id, object_arguments};
use crate::json::{self, Array, Object, Value};
use crate::usage;

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    if value.get("error").is_some() {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    let Some(message) = value.get("message").filter(|message| message.is_object()) else {
        return Err(DecodeError::Invalid("the answer has no message"));
    };
    let mut blocks = Vec::new();
    if let Some(thinking) = message.string("thinking").filter(|text| !text.is_empty()) {
        blocks.push(Block::Thinking(Thinking { text: thinking, ..Thinking::default() }));
    }
    if let Some(text) = message.str("content").filter(|text| !text.is_empty()) {
        blocks.push(Block::text(text));
    }
    blocks.extend(message.array("images").iter().filter_map(image).map(Block::Media));
    let calls = message.array("tool_calls").iter().filter_map(|call| tool_call(call, plan));
    blocks.extend(calls.map(Block::ToolCall));
    let has_calls = blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    let ended = finish(value.str("done_reason").unwrap_or_default(), has_calls);
    Ok(Answer {
        model: value.string("model"),
        created: value.str("created_at").and_then(seconds),
        choices: vec![Choice { blocks, finish: ended, logprobs: logprobs(&value) }],
        usage: usage::parse(body),
        ..Answer::default()
    })
}

/// Log probabilities in OpenAI's form, which has the same list one level deeper.
pub(super) fn logprobs(value: &Value<'_>) -> Option<String> {
    let list = value.get("logprobs").filter(|list| !list.items().is_empty())?;
    Some(json::object_text(|o| o.raw("content", list.raw())))
}

pub(super) fn image(image: &Value<'_>) -> Option<Media> {
    Some(Media::new(MediaKind::Image, Source::Base64(image.to_text()?)))
}

pub(super) fn tool_call(call: &Value<'_>, plan: &Plan) -> Option<ToolCall> {
    let function = call.get("function")?;
    let name = function.string("name")?;
    let arguments = function.get("arguments");
    // Some servers that are like Ollama give a string.
    let arguments = arguments.and_then(Value::to_text).unwrap_or_else(|| arguments.map_or("{}", Value::raw).to_owned());
    let is_custom = plan.custom_tools.contains(&name);
    Some(ToolCall {
        id: call.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("call_")),
        name,
        arguments: if is_custom { custom_input(&arguments) } else { arguments },
        kind: if is_custom { ToolKind::Custom } else { ToolKind::Function },
        ..ToolCall::default()
    })
}

/// Writes a whole answer for a client. Durations are left out: the gateway does not know what the model spent on what.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let choice = answer.choices.first();
    let blocks = answer.blocks();
    let length = blocks.iter().filter_map(Block::as_text).map(str::len).sum::<usize>();
    Bytes::from(json::object(length + 512, |o| {
        o.string("model", answer.model.as_deref().unwrap_or(&echo.model));
        o.string("created_at", &rfc3339(answer.created.unwrap_or(echo.now)));
        o.object("message", |o| message(o, blocks));
        o.bool("done", true);
        let reason = choice.map_or(FinishReason::ContentFilter, |choice| choice.finish.reason);
        o.string("done_reason", done_reason(reason));
        o.maybe_uint("prompt_eval_count", answer.usage.and_then(|usage| usage.input));
        o.maybe_uint("eval_count", answer.usage.and_then(|usage| usage.output));
        let logprobs = choice.and_then(|choice| choice.logprobs.as_deref());
        if let Some(parsed) = logprobs.and_then(|text| json::parse(text.as_bytes()).ok()) {
            o.maybe_raw("logprobs", parsed.get("content").map(Value::raw));
        }
    }))
}

fn message(o: &mut Object<'_>, blocks: &[Block]) {
    let (mut content, mut thinking) = (String::new(), String::new());
    for block in blocks {
        match block {
            Block::Text(text) => content.push_str(&text.text),
            Block::Refusal(text) => content.push_str(text),
            Block::Thinking(thought) => thinking.push_str(&thought.text),
            _ => {}
        }
    }
    o.string("role", "assistant");
    o.string("content", &content);
    if !thinking.is_empty() {
        o.string("thinking", &thinking);
    }
    let images: Vec<&str> = blocks.iter().filter_map(picture).collect();
    if !images.is_empty() {
        o.strings("images", images);
    }
    let calls = || blocks.iter().filter_map(|block| if let Block::ToolCall(call) = block { Some(call) } else { None });
    if calls().next().is_some() {
        o.array("tool_calls", |a| (0..).zip(calls()).for_each(|(index, call)| write_call(a, index, call)));
    }
}

/// The data of a picture that is here.
pub(super) fn picture(block: &Block) -> Option<&str> {
    match block {
        Block::Media(Media { kind: MediaKind::Image, source: Source::Base64(data), .. }) => Some(data),
        _ => None,
    }
}

/// A call. Arguments that were cut off are no object, and an object is all that the protocol has.
pub(super) fn write_call(a: &mut Array<'_>, index: u64, call: &ToolCall) {
    let arguments = object_arguments(call, &mut Losses::default());
    a.object(|o| {
        o.string("id", &call.id);
        o.object("function", |o| {
            o.uint("index", index);
            o.string("name", &call.name);
            o.raw("arguments", &arguments);
        });
    });
}
