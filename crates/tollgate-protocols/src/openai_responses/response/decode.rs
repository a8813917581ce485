//! Reading a provider's whole answer.

use bytes::Bytes;
use tollgate_core::ir::{
    Answer, Block, Choice, Finish, FinishReason, Media, MediaKind, Opaque, Protocol, Source, Text, ToolCall, ToolKind,
};

use super::super::request::{citations, thoughts};
use super::super::types::Belongs;
use crate::codec::{DecodeError, Plan, new_id};
use crate::json::{self, Value};
use crate::usage;

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], _plan: &Plan) -> Result<Answer, DecodeError> {
    let root = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is not JSON"))?;
    if let Some(failure) = failure_of(&root) {
        return Err(failure);
    }
    if !root.get("output").is_some_and(Value::is_array) {
        return Err(DecodeError::Invalid("the answer has no output"));
    }
    if matches!(root.str("status"), Some("in_progress" | "queued")) {
        return Err(DecodeError::Invalid("the answer is not complete"));
    }
    let mut choice = Choice::default();
    let mut logprobs = Vec::new();
    for item in root.array("output") {
        read_item(item, &mut choice.blocks, &mut logprobs);
    }
    let has_calls = choice.blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    choice.finish = finish_of(&root, has_calls);
    choice.logprobs = (!logprobs.is_empty()).then(|| logprobs_text(&logprobs));
    Ok(Answer {
        id: root.string("id"),
        model: root.string("model"),
        created: root.u64("created_at"),
        choices: vec![choice],
        usage: root.get("usage").and_then(|usage| usage::parse(usage.raw().as_bytes())),
        service_tier: root.string("service_tier"),
        extras: Vec::new(),
    })
}

/// The error of an answer that failed.
pub(in super::super) fn failure_of(root: &Value<'_>) -> Option<DecodeError> {
    if let Some(error) = root.get("error") {
        let body = json::object(error.raw().len() + 16, |o| o.raw("error", error.raw()));
        return Some(DecodeError::Upstream(Bytes::from(body)));
    }
    let message = match root.str("status")? {
        "failed" => "The provider failed without saying why.",
        "cancelled" => "The provider cancelled the response.",
        _ => return None,
    };
    let body = json::object(96, |o| {
        o.object("error", |o| {
            o.string("message", message);
            o.string("type", "server_error");
        });
    });
    Some(DecodeError::Upstream(Bytes::from(body)))
}

/// Why an answer ended.
pub(in super::super) fn finish_of(root: &Value<'_>, has_calls: bool) -> Finish {
    if root.str("status") == Some("incomplete") {
        let reason = root.get("incomplete_details").and_then(|details| details.str("reason"));
        return match reason {
            Some("content_filter") => Finish::new(FinishReason::ContentFilter),
            Some("max_output_tokens") | None => Finish::new(FinishReason::Length),
            Some(other) => Finish { native: Some(other.to_owned()), ..Finish::new(FinishReason::Length) },
        };
    }
    Finish::new(if has_calls { FinishReason::ToolCalls } else { FinishReason::Stop })
}

/// Log probabilities of several texts, each a JSON array, as Chat Completions has them.
fn logprobs_text(arrays: &[&str]) -> String {
    let items: Vec<&str> = arrays
        .iter()
        .filter_map(|array| Some(array.trim().strip_prefix('[')?.strip_suffix(']')?.trim()))
        .filter(|items| !items.is_empty())
        .collect();
    ["{\"content\":[", &items.join(","), "],\"refusal\":null}"].concat()
}

fn read_item<'a>(item: &Value<'a>, blocks: &mut Vec<Block>, logprobs: &mut Vec<&'a str>) {
    match item.str("type") {
        Some("message") => {
            for part in item.array("content") {
                match part.str("type") {
                    Some("refusal") => blocks.push(Block::Refusal(part.string("refusal").unwrap_or_default())),
                    _ => {
                        let text = part.string("text").unwrap_or_default();
                        let citations = citations(part.array("annotations"));
                        logprobs.extend(part.get("logprobs").filter(|l| !l.items().is_empty()).map(Value::raw));
                        if !text.is_empty() {
                            blocks.push(Block::Text(Text { text, citations, signature: None }));
                        }
                    }
                }
            }
        }
        Some("function_call") => blocks.push(call(item, ToolKind::Function)),
        Some("custom_tool_call") => blocks.push(call(item, ToolKind::Custom)),
        Some("reasoning") => {
            let (thoughts, belongs) = thoughts(item);
            let says = |last: &tollgate_core::ir::Thinking| !last.text.is_empty() || last.signature.is_some();
            if matches!(belongs, Belongs::Thoughts | Belongs::Redacted) {
                blocks.extend(thoughts.into_iter().filter(says).map(Block::Thinking));
            }
        }
        Some(kind) => blocks.push(is_hosted_image(item).unwrap_or_else(|| {
            let json = item.raw().to_owned();
            Block::Opaque(Opaque { protocol: Protocol::OpenAiResponses, what: kind.to_owned(), json })
        })),
        None => {}
    }
}

fn call(item: &Value<'_>, kind: ToolKind) -> Block {
    let arguments = if kind == ToolKind::Custom { "input" } else { "arguments" };
    let arguments = item.get(arguments).map(|value| value.to_text().unwrap_or_else(|| value.raw().to_owned()));
    let id = item.string("call_id").or_else(|| item.string("id")).filter(|id| !id.is_empty());
    Block::ToolCall(ToolCall {
        id: id.unwrap_or_else(|| new_id("call_")),
        name: item.string("name").unwrap_or_default(),
        arguments: arguments.unwrap_or_default(),
        kind,
        signature: None,
        item_id: item.string("id"),
    })
}

/// The picture that a hosted tool made, if the item is one.
pub(in super::super) fn is_hosted_image(item: &Value<'_>) -> Option<Block> {
    if item.str("type") != Some("image_generation_call") {
        return None;
    }
    let data = item.str("result").filter(|data| !data.is_empty())?;
    let mime = ["image/", item.str("output_format").unwrap_or("png")].concat();
    let media = Media::new(MediaKind::Image, Source::Base64(data.to_owned()));
    Some(Block::Media(Media { mime: Some(mime), ..media }))
}
