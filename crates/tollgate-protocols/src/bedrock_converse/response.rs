//! Whole answers of AWS Bedrock Converse.

use bytes::Bytes;
use tollgate_core::ir::{
    Answer, Block, Choice, Citation, Extra, Finish, FinishReason, Media, MediaKind, Opaque, Origin, Protocol,
    Signature, Source, Text, Thinking, ToolCall, ToolKind,
};

use super::error::exception;
use super::types::{finish, image_mime, is_malformed};
use crate::codec::{DecodeError, Plan, custom_input, new_id};
use crate::json::{self, Value};
use crate::usage;

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    let Some(message) = value.get("output").and_then(|output| output.get("message")) else {
        return Err(not_an_answer(&value, body));
    };
    let mut blocks: Vec<Block> =
        message.array("content").iter().filter_map(|block| content_block(block, plan)).collect();
    let word = value.str("stopReason").unwrap_or_default();
    if blocks.is_empty() && is_malformed(word) {
        return Err(malformed(word));
    }
    let mut ended = finish(word, blocks.iter().any(|block| matches!(block, Block::ToolCall(_))));
    settle(&mut ended, &blocks, plan);
    ended.stop_sequence = value.get("additionalModelResponseFields").and_then(|fields| fields.string("stop_sequence"));
    // A text for nobody: the tool that stands for structured output was called beside words that introduce it.
    if plan.json_tool.is_some() {
        keep_structured(&mut blocks, message, plan);
    }
    Ok(Answer {
        choices: vec![Choice { blocks, finish: ended, logprobs: None }],
        usage: value.get("usage").and_then(|counts| usage::parse(counts.raw().as_bytes())),
        service_tier: value.get("serviceTier").and_then(|tier| tier.string("type")),
        extras: ["trace", "performanceConfig", "additionalModelResponseFields"]
            .into_iter()
            .filter_map(|name| Some(Extra { name: name.to_owned(), json: value.get(name)?.raw().to_owned() }))
            .collect(),
        ..Answer::default()
    })
}

fn not_an_answer(value: &Value<'_>, body: &[u8]) -> DecodeError {
    if value.get("message").is_some() || value.get("Message").is_some() {
        let name = value.str("__type").unwrap_or("InternalServerException");
        return DecodeError::Upstream(exception(name, body));
    }
    DecodeError::Invalid("the answer has no output")
}

/// The failure of a model that produced nothing usable.
pub(super) fn malformed(word: &str) -> DecodeError {
    DecodeError::Upstream(Bytes::from(json::object(96, |o| {
        o.string("message", "The model produced nothing that could be understood.");
        o.string("type", word);
        o.uint("status_code", 424);
    })))
}

/// Structured output that came through a tool is an ordinary end.
pub(super) fn settle(finish: &mut Finish, blocks: &[Block], plan: &Plan) {
    let has_calls = blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    if plan.json_tool.is_some() && finish.reason == FinishReason::ToolCalls && !has_calls {
        finish.reason = FinishReason::Stop;
    }
}

/// Where the answer came through its tool, the words around it are not part of the JSON.
fn keep_structured(blocks: &mut Vec<Block>, message: &Value<'_>, plan: &Plan) {
    let is_json =
        |block: &Value<'_>| block.get("toolUse").and_then(|call| call.str("name")) == plan.json_tool.as_deref();
    if !message.array("content").iter().any(is_json) || blocks.iter().any(|block| matches!(block, Block::ToolCall(_))) {
        return;
    }
    let last = blocks.iter().rposition(|block| matches!(block, Block::Text(_)));
    let mut at = 0;
    blocks.retain(|block| {
        let keep = !matches!(block, Block::Text(_)) || Some(at) == last;
        at += 1;
        keep
    });
}

fn content_block(block: &Value<'_>, plan: &Plan) -> Option<Block> {
    if let Some(text) = block.str("text") {
        return (!text.is_empty()).then(|| Block::text(text));
    }
    if let Some(call) = block.get("toolUse") {
        return Some(tool_use(call, block, plan));
    }
    if let Some(reasoning) = block.get("reasoningContent") {
        return reasoning_block(reasoning);
    }
    if let Some(cited) = block.get("citationsContent") {
        return Some(cited_text(cited));
    }
    if let Some(media) = block.get("image").and_then(image) {
        return Some(Block::Media(media));
    }
    let (what, _) = block.present().find(|(name, _)| *name != "type")?;
    let (what, json) = (what.to_owned(), block.raw().to_owned());
    Some(Block::Opaque(Opaque { protocol: Protocol::BedrockConverse, what, json }))
}

fn tool_use(call: &Value<'_>, block: &Value<'_>, plan: &Plan) -> Block {
    if call.str("type") == Some("server_tool_use") {
        let (what, json) = ("server_tool_use".to_owned(), block.raw().to_owned());
        return Block::Opaque(Opaque { protocol: Protocol::BedrockConverse, what, json });
    }
    let name = call.string("name").unwrap_or_default();
    let arguments = call.get("input").map_or("{}", Value::raw);
    if plan.json_tool.as_ref() == Some(&name) {
        return Block::text(arguments);
    }
    let is_custom = plan.custom_tools.contains(&name);
    Block::ToolCall(ToolCall {
        id: call.string("toolUseId").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("tooluse_")),
        name,
        arguments: if is_custom { custom_input(arguments) } else { arguments.to_owned() },
        kind: if is_custom { ToolKind::Custom } else { ToolKind::Function },
        ..ToolCall::default()
    })
}

fn reasoning_block(reasoning: &Value<'_>) -> Option<Block> {
    let sign = |value: &str| Signature { origin: Origin::Anthropic, value: value.to_owned() };
    if let Some(data) = reasoning.str("redactedContent") {
        return Some(Block::Thinking(Thinking { redacted: true, signature: Some(sign(data)), ..Thinking::default() }));
    }
    let text = reasoning.get("reasoningText")?;
    let signature = text.str("signature").filter(|signature| !signature.is_empty()).map(sign);
    Some(Block::Thinking(Thinking { text: text.string("text").unwrap_or_default(), signature, ..Thinking::default() }))
}

fn cited_text(cited: &Value<'_>) -> Block {
    let text: String = cited.array("content").iter().filter_map(|part| part.str("text")).collect();
    let length = text.chars().count() as u64;
    let citations = cited.array("citations").iter().map(|item| Citation { end: Some(length), ..citation(item) });
    Block::Text(Text { citations: citations.collect(), text, signature: None })
}

/// Where words come from. The positions in it are those of the source, so the answer's own are not known here.
pub(super) fn citation(item: &Value<'_>) -> Citation {
    let location = item.get("location");
    let quoted: String = item.array("sourceContent").iter().filter_map(|part| part.str("text")).collect();
    Citation {
        url: location.and_then(|location| location.get("web")).and_then(|web| web.string("url")),
        title: item.string("title"),
        cited_text: (!quoted.is_empty()).then_some(quoted),
        start: Some(0),
        end: None,
        native: Some((Protocol::BedrockConverse, item.raw().to_owned())),
    }
}

/// A picture that the model made.
pub(super) fn image(image: &Value<'_>) -> Option<Media> {
    let data = image.get("source")?.string("bytes")?;
    let mime = image.str("format").and_then(image_mime).map(str::to_owned);
    Some(Media { mime, ..Media::new(MediaKind::Image, Source::Base64(data)) })
}
