//! Whole answers of Cohere's v2 chat.

use bytes::Bytes;
use tollgate_core::ir::{Answer, Block, Choice, Citation, Extra, Opaque, Protocol, Text, Thinking, ToolCall, ToolKind};

use super::error::failed;
use super::types::{citation, counts, finish, is_failure};
use crate::codec::{DecodeError, Plan, custom_input, new_id};
use crate::json::{self, Value};

/// Reads a provider's whole answer. Tokens are those that the model read and wrote; those that are paid for
/// (`billed_units`) may be fewer, and are in the extra member `usage.billed_units`.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    let message = match value.get("message") {
        Some(message) if message.is_object() => message,
        Some(message) if message.is_string() => return Err(DecodeError::Upstream(Bytes::copy_from_slice(body))),
        _ => return Err(DecodeError::Invalid("the answer has no message")),
    };
    let blocks = blocks(message, plan);
    let word = value.str("finish_reason").unwrap_or_default();
    if blocks.is_empty() && is_failure(word) {
        return Err(DecodeError::Upstream(failed(word, value.str("error"))));
    }
    let has_calls = blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    let usage = value.get("usage");
    let mut extras = Vec::new();
    let billed = usage.and_then(|usage| usage.get("billed_units"));
    extras.extend(billed.map(|billed| extra("usage.billed_units", billed)));
    extras.extend(value.get("logprobs").map(|logprobs| extra("logprobs", logprobs)));
    Ok(Answer {
        id: value.string("id"),
        choices: vec![Choice { blocks, finish: finish(word, has_calls), logprobs: None }],
        usage: usage.and_then(counts),
        extras,
        ..Answer::default()
    })
}

pub(super) fn extra(name: &str, value: &Value<'_>) -> Extra {
    Extra { name: name.to_owned(), json: value.raw().to_owned() }
}

fn blocks(message: &Value<'_>, plan: &Plan) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(plan) = message.string("tool_plan").filter(|plan| !plan.is_empty()) {
        blocks.push(Block::Thinking(Thinking { text: plan, ..Thinking::default() }));
    }
    if let Some(text) = message.get("content").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        blocks.push(Block::text(text));
    }
    let citations = message.array("citations");
    let mut is_first_text = true;
    for (index, part) in (0..).zip(message.array("content")) {
        match (part.str("text"), part.str("thinking")) {
            (Some(text), _) => {
                let of_part = |item: &&Value<'_>| item.u64("content_index").map_or(is_first_text, |of| of == index);
                let citations: Vec<Citation> = citations.iter().filter(of_part).map(citation).collect();
                is_first_text = false;
                if !text.is_empty() {
                    blocks.push(Block::Text(Text { text: text.to_owned(), citations, signature: None }));
                }
            }
            (None, Some("")) => {}
            (None, Some(text)) => {
                blocks.push(Block::Thinking(Thinking { text: text.to_owned(), ..Thinking::default() }));
            }
            (None, None) => blocks.push(Block::Opaque(Opaque {
                protocol: Protocol::CohereChat,
                what: part.string("type").unwrap_or_else(|| "content".to_owned()),
                json: part.raw().to_owned(),
            })),
        }
    }
    blocks.extend(message.array("tool_calls").iter().filter_map(|call| tool_call(call, plan)).map(Block::ToolCall));
    blocks
}

fn tool_call(call: &Value<'_>, plan: &Plan) -> Option<ToolCall> {
    let function = call.get("function")?;
    let name = function.string("name")?;
    let arguments = function.str("arguments").unwrap_or_default();
    let is_custom = plan.custom_tools.contains(&name);
    Some(ToolCall {
        id: call.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("call_")),
        arguments: if is_custom { custom_input(arguments) } else { arguments.to_owned() },
        kind: if is_custom { ToolKind::Custom } else { ToolKind::Function },
        name,
        ..ToolCall::default()
    })
}
