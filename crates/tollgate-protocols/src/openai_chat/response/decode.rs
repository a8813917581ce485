//! Reads a provider's whole answer.

use bytes::Bytes;
use tollgate_core::ir::{
    Answer, Block, Choice, Citation, Extra, Finish, FinishReason, MediaKind, Opaque, Protocol, Text, Thinking,
    ToolCall, ToolKind,
};

use crate::codec::{DecodeError, Plan, new_id};
use crate::json::{self, Value};
use crate::openai_chat::details;
use crate::openai_chat::request::{of_url, thinking_text};
use crate::openai_chat::types::{ANSWER_MEMBERS, PADDING, finish_reason, google_signature};
use crate::usage;

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let root = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is not JSON"))?;
    if is_error(&root) {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    if !root.get("choices").is_some_and(Value::is_array) {
        return Err(DecodeError::Invalid("the answer has no choices"));
    }
    let sources = sources(&root);
    let mut answer = Answer {
        id: root.string("id").filter(|id| !id.is_empty()),
        model: root.string("model").filter(|model| !model.is_empty()),
        created: root.u64("created"),
        usage: root.get("usage").and_then(|value| usage::parse(value.raw().as_bytes())),
        service_tier: root.string("service_tier"),
        ..Answer::default()
    };
    // Servers with several answers may give them in the order in which they were ready.
    let mut choices: Vec<&Value<'_>> = root.array("choices").iter().collect();
    choices.sort_by_key(|choice| choice.u64("index"));
    for value in choices {
        if value.str("finish_reason") == Some("error") {
            return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
        }
        answer.choices.push(choice(value, plan, &sources));
    }
    for (name, value) in root.present() {
        if ANSWER_MEMBERS.binary_search(&name).is_err() && !PADDING.contains(&name) {
            answer.extras.push(Extra { name: name.to_owned(), json: value.raw().to_owned() });
        }
    }
    Ok(answer)
}

/// Whether a body or chunk is an error: it says so, or it is a message and nothing of an answer.
pub(in super::super) fn is_error(root: &Value<'_>) -> bool {
    let says_nothing = root.get("choices").is_none() && root.get("usage").is_none();
    root.get("error").is_some_and(|error| !error.raw().is_empty() && error.as_bool() != Some(false))
        || root.str("object") == Some("error")
        || (says_nothing && (root.get("message").is_some() || root.get("detail").is_some()))
}

fn choice(value: &Value<'_>, plan: &Plan, sources: &[Citation]) -> Choice {
    let mut blocks = Vec::new();
    if let Some(message) = value.get("message") {
        read_message(message, plan, sources, &mut blocks);
    } else if let Some(text) = value.str("text").filter(|text| !text.is_empty()) {
        // A server of text completions.
        blocks.push(Block::text(text));
    }
    let has_calls = blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    Choice {
        finish: finish(value, value.str("finish_reason").unwrap_or_default(), has_calls),
        logprobs: value.get("logprobs").filter(|logprobs| logprobs.is_object()).map(|value| value.raw().to_owned()),
        blocks,
    }
}

/// Why a choice ended. What was said counts for more than the word: several servers say `stop` behind a call, none can
/// wait for tools that it did not call. A limit comes before both.
pub(in super::super) fn finish(choice: &Value<'_>, word: &str, has_calls: bool) -> Finish {
    let (reason, is_plain) = finish_reason(word);
    let native = choice.str("native_finish_reason").filter(|native| *native != word);
    // vLLM tells here which text it stopped at.
    let stopped_at = choice.str("stop_reason").filter(|_| reason == FinishReason::Stop && !has_calls);
    let reason = match reason {
        FinishReason::Stop if has_calls => FinishReason::ToolCalls,
        FinishReason::Stop if stopped_at.is_some() => FinishReason::StopSequence,
        FinishReason::ToolCalls if !has_calls => FinishReason::Stop,
        reason => reason,
    };
    Finish {
        reason,
        native: native.or((!is_plain).then_some(word)).map(str::to_owned),
        stop_sequence: stopped_at.map(str::to_owned),
    }
}

fn read_message(message: &Value<'_>, plan: &Plan, sources: &[Citation], blocks: &mut Vec<Block>) {
    blocks.extend(details::thoughts(message).into_iter().map(Block::Thinking));
    match message.get("content") {
        Some(content) if content.is_array() => blocks.extend(content.items().iter().filter_map(part)),
        content => {
            let text = content.and_then(Value::as_str).filter(|text| !text.is_empty());
            blocks.extend(text.map(Block::text));
        }
    }
    let annotations = message.array("annotations");
    if let Some(text) = blocks.iter_mut().find_map(as_text) {
        text.citations = annotations.iter().map(annotation).collect();
        if text.citations.is_empty() {
            text.citations = sources.to_vec();
        }
    }
    if let Some(refusal) = message.str("refusal").filter(|refusal| !refusal.is_empty()) {
        blocks.push(Block::Refusal(refusal.to_owned()));
    }
    if let Some(signature) = google_signature(message) {
        match blocks.iter_mut().rev().find_map(as_text) {
            Some(text) => text.signature = Some(signature),
            None => blocks.push(Block::Thinking(Thinking { signature: Some(signature), ..Thinking::default() })),
        }
    }
    blocks.extend(message.array("images").iter().filter_map(picture));
    if let Some(audio) = message.get("audio") {
        let json = audio.raw().to_owned();
        blocks.push(Block::Opaque(Opaque { protocol: Protocol::OpenAiChat, what: "audio".to_owned(), json }));
    }
    blocks.extend(message.array("tool_calls").iter().filter_map(|value| call(value, plan)).map(Block::ToolCall));
    if let Some(function) = message.get("function_call") {
        blocks.extend(named_call(function, None, plan).map(Block::ToolCall));
    }
}

fn as_text(block: &mut Block) -> Option<&mut Text> {
    match block {
        Block::Text(text) => Some(text),
        _ => None,
    }
}

/// A part of a list of content, as Mistral answers.
fn part(part: &Value<'_>) -> Option<Block> {
    match part.str("type") {
        Some("thinking") => {
            let text = thinking_text(part);
            (!text.is_empty()).then(|| Block::Thinking(Thinking { text, ..Thinking::default() }))
        }
        Some("refusal") => part.string("refusal").map(Block::Refusal),
        Some("image_url") => picture(part),
        _ => part.as_str().or_else(|| part.str("text")).filter(|text| !text.is_empty()).map(Block::text),
    }
}

/// A picture that a model made, as OpenRouter gives it.
pub(in super::super) fn picture(value: &Value<'_>) -> Option<Block> {
    let inner = value.get("image_url")?;
    let url = inner.as_str().or_else(|| inner.str("url"))?;
    Some(Block::Media(of_url(url, MediaKind::Image)))
}

fn call(value: &Value<'_>, plan: &Plan) -> Option<ToolCall> {
    let id = value.str("id").filter(|id| !id.is_empty());
    let mut call = match value.get("custom") {
        Some(custom) => ToolCall {
            id: id.map_or_else(|| new_id("call_"), str::to_owned),
            name: custom.string("name")?,
            arguments: custom.string("input").unwrap_or_default(),
            kind: ToolKind::Custom,
            ..ToolCall::default()
        },
        None => named_call(value.get("function")?, id, plan)?,
    };
    call.signature = google_signature(value);
    Some(call)
}

fn named_call(function: &Value<'_>, id: Option<&str>, plan: &Plan) -> Option<ToolCall> {
    let name = function.string("name")?;
    let arguments = function.get("arguments");
    let arguments = arguments.map(|value| value.to_text().unwrap_or_else(|| value.raw().to_owned()));
    let mut arguments = arguments.unwrap_or_default();
    let mut kind = ToolKind::Function;
    if plan.custom_tools.contains(&name) {
        kind = ToolKind::Custom;
        arguments = custom_input(arguments);
    }
    Some(ToolCall {
        id: id.map_or_else(|| new_id("call_"), str::to_owned),
        name,
        arguments,
        kind,
        ..ToolCall::default()
    })
}

/// The free text in the arguments of a function that stands for a tool with free text.
pub(in super::super) fn custom_input(arguments: String) -> String {
    let input = json::parse(arguments.as_bytes()).ok().and_then(|value| value.string("input"));
    input.unwrap_or(arguments)
}

/// A source, as `annotations` have it.
pub(in super::super) fn annotation(value: &Value<'_>) -> Citation {
    let inner = value.get("url_citation").unwrap_or(value);
    Citation {
        url: inner.string("url"),
        title: inner.string("title"),
        cited_text: inner.string("content"),
        start: inner.u64("start_index"),
        end: inner.u64("end_index"),
        native: Some((Protocol::OpenAiChat, value.raw().to_owned())),
    }
}

/// The sources of a whole answer, as Perplexity lists them beside it.
pub(in super::super) fn sources(root: &Value<'_>) -> Vec<Citation> {
    let found =
        |value: &Value<'_>| Citation { url: value.string("url"), title: value.string("title"), ..Citation::default() };
    let results: Vec<Citation> = root.array("search_results").iter().map(found).collect();
    if !results.is_empty() {
        return results;
    }
    let address = |value: &Value<'_>| Some(Citation { url: Some(value.to_text()?), ..Citation::default() });
    root.array("citations").iter().filter_map(address).collect()
}
